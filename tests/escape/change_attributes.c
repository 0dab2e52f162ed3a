/* Changes of attributes: modes, owners, times, extended attributes, access control lists. */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHANGE(name, call)                                                                         \
    static int change_##name(const struct place *place)                                            \
    {                                                                                              \
        return outcome(call);                                                                      \
    }
/* By a descriptor that is open for reading only. */
#define BY_DESCRIPTOR(name, call)                                                                  \
    static int change_##name(const struct place *place)                                            \
    {                                                                                              \
        int fd = openat(place->dir, "file", O_RDONLY | O_CLOEXEC);                                 \
        int r;                                                                                     \
                                                                                                   \
        if (fd < 0)                                                                                \
            return -errno;                                                                         \
        r = outcome(call);                                                                         \
        close(fd);                                                                                 \
        return r;                                                                                  \
    }
#define BY_PATH(name, path, call)                                                                  \
    static int change_##name(const struct place *place)                                            \
    {                                                                                              \
        char target[PROC_PATH_MAX];                                                                \
                                                                                                   \
        proc_path(target, place->dir, path);                                                       \
        return outcome(call);                                                                      \
    }

static const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

/* <linux/posix_acl_xattr.h>, little endian: owner, somebody, group, mask, others. */
static const uint32_t acl[] = {2,          0x00070001, UINT32_MAX, 0x00070002,
                               12345,      0x00070004, UINT32_MAX, 0x00070010,
                               UINT32_MAX, 0x00070020, UINT32_MAX};
/* <linux/capability.h>, struct vfs_cap_data: CAP_NET_RAW. */
static const uint32_t capability[5] = {0x02000001, 1 << 13};

CHANGE(chmod, fchmodat(place->dir, "file", 0640, 0))
CHANGE(chmod_set_user, fchmodat(place->dir, "file", 04755, 0))
CHANGE(chmod_directory, fchmodat(place->dir, "dir", 0700, 0))
CHANGE(chmod_root, fchmodat(place->dir, ".", 0777, 0))
CHANGE(chown, fchownat(place->dir, "file", 0, 0, 0))
CHANGE(chown_group, fchownat(place->dir, "file", (uid_t)-1, 0, 0))
CHANGE(chown_link, fchownat(place->dir, "link", 0, 0, AT_SYMLINK_NOFOLLOW))
CHANGE(chown_root, fchownat(place->dir, ".", 0, 0, 0))
CHANGE(touch, utimensat(place->dir, "file", NULL, 0))
CHANGE(times, utimensat(place->dir, "file", times, 0))
CHANGE(times_link, utimensat(place->dir, "link", times, AT_SYMLINK_NOFOLLOW))
CHANGE(times_root, utimensat(place->dir, ".", times, 0))
BY_DESCRIPTOR(fchmod, fchmod(fd, 0644))
BY_DESCRIPTOR(fchown, fchown(fd, 0, 0))
BY_DESCRIPTOR(futimens, futimens(fd, times))
BY_DESCRIPTOR(fsetxattr, fsetxattr(fd, "user.new", "x", 1, 0))
BY_DESCRIPTOR(fremovexattr, fremovexattr(fd, "user.note"))
BY_PATH(setxattr, "file", setxattr(target, "user.new", "x", 1, 0))
BY_PATH(setxattr_root, ".", setxattr(target, "user.new", "x", 1, 0))
BY_PATH(replacexattr, "file", setxattr(target, "user.note", "x", 1, XATTR_REPLACE))
BY_PATH(removexattr, "file", removexattr(target, "user.note"))
BY_PATH(capability, "file",
        setxattr(target, "security.capability", capability, sizeof(capability), 0))
BY_PATH(security, "file", setxattr(target, "security.escape", "x", 1, 0))
BY_PATH(acl, "file", setxattr(target, "system.posix_acl_access", acl, sizeof(acl), 0))
BY_PATH(acl_default, "dir", setxattr(target, "system.posix_acl_default", acl, sizeof(acl), 0))
BY_PATH(acl_root, ".", setxattr(target, "system.posix_acl_access", acl, sizeof(acl), 0))

#define ROW(family, name)                                                                          \
    {                                                                                              \
        family, #name, KIND_CHANGE, false, change_##name                                           \
    }
const struct attempt attempts_attributes[] = {
    ROW("modes", chmod),        ROW("modes", chmod_set_user), ROW("modes", chmod_directory),
    ROW("modes", chmod_root),   ROW("modes", fchmod),         ROW("owners", chown),
    ROW("owners", chown_group), ROW("owners", chown_link),    ROW("owners", chown_root),
    ROW("owners", fchown),      ROW("times", touch),          ROW("times", times),
    ROW("times", times_link),   ROW("times", times_root),     ROW("times", futimens),
    ROW("xattrs", setxattr),    ROW("xattrs", setxattr_root), ROW("xattrs", replacexattr),
    ROW("xattrs", removexattr), ROW("xattrs", fsetxattr),     ROW("xattrs", fremovexattr),
    ROW("xattrs", capability),  ROW("xattrs", security),      ROW("acls", acl),
    ROW("acls", acl_default),   ROW("acls", acl_root),
};
const size_t attempts_attributes_count = sizeof(attempts_attributes) / sizeof(*attempts_attributes);
