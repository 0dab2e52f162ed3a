/*
 * Mounting by fsopen(2), fsconfig(2), fsmount(2), move_mount(2).
 */
#include "fs/mount.h"

#include "catalog/cleanup.h"
#include "catalog/mountinfo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> cannot both be included on older systems. */
int umount2(const char *target, int flags);
enum { UNMOUNT_DETACH = 2, UNMOUNT_NOFOLLOW = 8 };

enum { OPTION_MAX = 1024 };

struct mount {
    int fs;      /* configuration context */
    int mounted; /* the detached mount */
    unsigned attributes;
};

enum covered { COVERED_NOT, COVERED_BY_TREE, COVERED_BY_OTHER };

/* What is mounted just here, as the kernel lists it: the last of several counts. Asks nobody. */
static int mount_find(const char *mountpoint, enum covered *out)
{
    _cleanup_(fclose_p) FILE *file = fopen("/proc/self/mountinfo", "re");
    _cleanup_(free_p) char *line = NULL;
    struct mountinfo info;
    size_t size = 0;

    *out = COVERED_NOT;
    if (!file)
        return -errno;
    while (getline(&line, &size, file) > 0)
        if (mountinfo_parse_line(line, &info) && strcmp(info.mount_point, mountpoint) == 0)
            *out = strcmp(info.type, TREE_TYPE) == 0 ? COVERED_BY_TREE : COVERED_BY_OTHER;
    return ferror(file) ? -EIO : 0;
}

/*
 * Takes off what a killed daemon left: nobody answers behind it. statfs(2) is always asked of the
 * file system, while stat(2) may still be answered from the kernel's cache.
 */
static int mount_clear_dead(const char *mountpoint, enum covered *covered, struct error *e)
{
    struct statfs st;
    int r;

    for (;;) {
        r = mount_find(mountpoint, covered);
        if (r < 0)
            return error_set_errno(e, r, "cannot read /proc/self/mountinfo");
        if (*covered == COVERED_NOT || statfs(mountpoint, &st) == 0 ||
            (errno != ENOTCONN && errno != ECONNABORTED))
            return 0;
        if (*covered == COVERED_BY_OTHER)
            return error_set(e, ERROR_UNUSABLE_STORE,
                             "a dead mount that is not volumefs's is at %s; take it off with: "
                             "umount -l %s",
                             mountpoint, mountpoint);
        if (umount2(mountpoint, UNMOUNT_DETACH | UNMOUNT_NOFOLLOW) < 0)
            return error_set_errno(e, -errno,
                                   "cannot clear the dead mount at %s; try: umount -l %s",
                                   mountpoint, mountpoint);
    }
}

int mount_check_place(const char *mountpoint, bool nonempty, struct error *e)
{
    _cleanup_(closedir_p) DIR *dir = NULL;
    struct dirent *entry;
    enum covered covered;
    int r = mount_clear_dead(mountpoint, &covered, e);

    if (r != 0)
        return r;
    if (covered == COVERED_BY_TREE)
        return error_set(e, ERROR_LOCKED,
                         "volumefs is already mounted at %s; stop that one first, or choose "
                         "another directory",
                         mountpoint);
    dir = opendir(mountpoint);
    if (!dir && errno == ENOENT)
        return error_set(e, ERROR_NOT_FOUND,
                         "mount point %s does not exist; make it with: mkdir -p %s", mountpoint,
                         mountpoint);
    if (!dir && errno == ENOTDIR)
        return error_set(e, ERROR_UNUSABLE_STORE,
                         "mount point %s is not a directory; choose or make a directory",
                         mountpoint);
    if (!dir)
        return error_set_errno(e, -errno, "cannot open mount point %s", mountpoint);
    while (!nonempty && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return error_set(e, ERROR_NOT_EMPTY,
                             "mount point %s is not empty and mounting would hide what is in it; "
                             "choose an empty directory, or pass -o nonempty",
                             mountpoint);
    return 0;
}

static int set_flag(int fs, const char *key)
{
    return syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0) < 0 ? -errno : 0;
}

static int set_string(int fs, const char *key, const char *value)
{
    return syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

/* Options of the mount itself, not of the file system. */
static const struct {
    const char *name;
    unsigned set;
    unsigned clear;
} mount_attributes[] = {
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, 0},
    {"relatime", MOUNT_ATTR_RELATIME, 0},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"ro", MOUNT_ATTR_RDONLY, 0},
};

/*
 * Words for others: mount(8), fstab and the daemon's own checks. `suid` and `dev` are said by
 * mount(8) of its own accord, so they lift nothing: what containers make is trusted by nobody.
 */
static const char *const ignored_options[] = {
    "suid",
    "dev",
    "nonempty",
    "auto",
    "noauto",
    "user",
    "nouser",
    "users",
    "_netdev",
    "nofail",
    "defaults",
    "allow_other",
    "default_permissions",
};

static bool option_is_ignored(const char *option)
{
    for (size_t i = 0; i < sizeof(ignored_options) / sizeof(*ignored_options); i++)
        if (strcmp(option, ignored_options[i]) == 0)
            return true;
    return strncmp(option, "x-", 2) == 0;
}

static int mount_set_option(struct mount *mount, char *option, struct error *e)
{
    char *value = strchr(option, '=');
    int r;

    if (option_is_ignored(option))
        return 0;
    for (size_t i = 0; i < sizeof(mount_attributes) / sizeof(*mount_attributes); i++) {
        if (strcmp(option, mount_attributes[i].name) == 0) {
            mount->attributes |= mount_attributes[i].set;
            mount->attributes &= ~mount_attributes[i].clear;
            return 0;
        }
    }
    if (value)
        *value++ = 0;
    r = value ? set_string(mount->fs, option, value) : set_flag(mount->fs, option);
    if (r < 0)
        return error_set_errno(e, r, "the kernel refuses mount option '%s'", option);
    return 0;
}

/* Splits at commas that are neither quoted nor escaped (a SELinux context has some). */
static int mount_set_options(struct mount *mount, const char *options, struct error *e)
{
    char option[OPTION_MAX];
    size_t length = 0;
    bool quoted = false;
    int r;

    for (const char *p = options;; p++) {
        if (*p == '"') {
            quoted = !quoted;
            continue;
        }
        if (*p && !(*p == ',' && !quoted)) {
            if (*p == '\\' && p[1])
                p++;
            if (length + 1 >= sizeof(option))
                return error_set(e, ERROR_OPTION_INVALID, "mount option is too long: %.40s…",
                                 options);
            option[length++] = *p;
            continue;
        }
        option[length] = 0;
        r = length ? mount_set_option(mount, option, e) : 0;
        if (r != 0 || !*p)
            return r;
        length = 0;
    }
}

static int mount_set_context(struct mount *mount, const char *context, struct error *e)
{
    int r = *context ? set_string(mount->fs, "context", context) : 0;

    return r < 0 ? error_set_errno(e, r, "the kernel refuses the SELinux context '%s'", context)
                 : 0;
}

static bool source_serves(const char *source)
{
    return *source && strlen(source) <= MOUNT_SOURCE_MAX && !strpbrk(source, ",\\\"");
}

const char *mount_source(const char *given, const char *store)
{
    if (given && given[0] != '/' && source_serves(given))
        return given;
    return source_serves(store) ? store : "volumefs";
}

static int mount_configure(struct mount *mount, const char *source, int device, const char *options,
                           const char *context, struct error *e)
{
    char number[16];
    int r;

    snprintf(number, sizeof(number), "%d", device);
    r = set_string(mount->fs, "source", source);
    r = r ? r : set_string(mount->fs, "subtype", "volumefs");
    r = r ? r : set_string(mount->fs, "fd", number);
    r = r ? r : set_string(mount->fs, "rootmode", "40000");
    snprintf(number, sizeof(number), "%u", geteuid());
    r = r ? r : set_string(mount->fs, "user_id", number);
    snprintf(number, sizeof(number), "%u", getegid());
    r = r ? r : set_string(mount->fs, "group_id", number);
    r = r ? r : set_flag(mount->fs, "default_permissions");
    r = r ? r : set_flag(mount->fs, "allow_other");
    if (r < 0)
        return error_set_errno(e, r, "cannot configure a fuse file system");
    r = options ? mount_set_options(mount, options, e) : 0;
    r = r ? r : mount_set_context(mount, context, e);
    if (r != 0)
        return r;
    if (syscall(SYS_fsconfig, mount->fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return error_set_errno(e, -errno, "cannot make a fuse file system");
    mount->mounted = (int)syscall(SYS_fsmount, mount->fs, FSMOUNT_CLOEXEC, mount->attributes);
    if (mount->mounted < 0)
        return error_set_errno(e, -errno, "cannot make a fuse mount");
    return 0;
}

static int device_missing(int r, struct error *e)
{
    if (r == -EACCES || r == -EPERM)
        return error_set_errno(e, r,
                               "cannot open /dev/fuse as this user; run as root, or let the user "
                               "read and write the device (mode 0666, as udev sets it)");
    return error_set_errno(e, r,
                           "cannot open /dev/fuse; is the fuse module loaded (modprobe fuse)?");
}

int mount_prepare(struct mount **out, const char *source, const char *options, const char *context,
                  int *device, struct error *e)
{
    struct mount *mount;
    _cleanup_(close_p) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    int r;

    if (fd < 0)
        return device_missing(-errno, e);
    mount = calloc(1, sizeof(*mount));
    if (!mount)
        return -ENOMEM;
    mount->mounted = -1;
    mount->attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    mount->fs = (int)syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);
    if (mount->fs < 0)
        r = errno == EPERM ? error_set(e, ERROR_DENIED, "mounting is not permitted")
                           : error_set_errno(e, -errno, "cannot open the fuse file system type");
    else
        r = mount_configure(mount, source, fd, options, context, e);
    if (r != 0) {
        mount_free(mount);
        return r;
    }
    *device = steal_fd(&fd);
    *out = mount;
    return 0;
}

int mount_device(const struct mount *mount, dev_t *device)
{
    struct statx stx;

    if (statx(mount->mounted, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &stx) < 0)
        return -errno;
    *device = makedev(stx.stx_dev_major, stx.stx_dev_minor);
    return 0;
}

int mount_attach(struct mount *mount, const char *mountpoint, struct error *e)
{
    if (syscall(SYS_move_mount, mount->mounted, "", AT_FDCWD, mountpoint, MOVE_MOUNT_F_EMPTY_PATH) <
        0)
        return error_set_errno(e, -errno, "cannot mount at %s", mountpoint);
    close(steal_fd(&mount->mounted)); /* they would keep the mount busy, … */
    close(steal_fd(&mount->fs));      /* … and the file system alive after it is unmounted */
    return 0;
}

struct mount *mount_free(struct mount *mount)
{
    if (!mount)
        return NULL;
    close_p(&mount->mounted);
    close_p(&mount->fs);
    free(mount);
    return NULL;
}

int mount_detach(const char *mountpoint)
{
    if (umount2(mountpoint, UNMOUNT_NOFOLLOW) == 0)
        return 0;
    if (errno != EBUSY)
        return -errno;
    return umount2(mountpoint, UNMOUNT_NOFOLLOW | UNMOUNT_DETACH) < 0 ? -errno : 1;
}
