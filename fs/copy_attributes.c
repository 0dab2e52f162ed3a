/*
 * What a file has beside its data. The order matters: a change of owner takes the set-id bits and
 * security.capability away, an ACL can take the set-group-id bit, and everything changes times.
 *
 * Files that must not be opened (devices, fifos, symbolic links) are held with O_PATH, and their
 * attributes read by way of /proc/self/fd.
 */
#include "fs/copy_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { FD_PATH_SIZE = 64 };

/* Names that end with '.' stand for all that begin so; copy.h says why. */
static bool attribute_is_copied(const char *attribute)
{
    static const char *const left_out[] = {"security.selinux", "security.evm", "trusted.overlay.",
                                           "user.overlay.", "user.volume."};

    for (size_t i = 0; i < sizeof(left_out) / sizeof(*left_out); i++) {
        size_t length = strlen(left_out[i]);
        bool prefix = left_out[i][length - 1] == '.';

        if (strncmp(attribute, left_out[i], prefix ? length : length + 1) == 0)
            return false;
    }
    return true;
}

static void fd_path(int fd, char out[FD_PATH_SIZE])
{
    snprintf(out, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
}

static ssize_t list_attributes(const struct copy_source *source, char *list)
{
    char path[FD_PATH_SIZE];
    ssize_t n;

    if (source->path_only) {
        fd_path(source->fd, path);
        n = listxattr(path, list, COPY_LIST_SIZE);
    } else {
        n = flistxattr(source->fd, list, COPY_LIST_SIZE);
    }
    return n < 0 ? -errno : n;
}

static ssize_t get_attribute(const struct copy_source *source, const char *attribute, char *value)
{
    char path[FD_PATH_SIZE];
    ssize_t n;

    if (source->path_only) {
        fd_path(source->fd, path);
        n = getxattr(path, attribute, value, COPY_VALUE_SIZE);
    } else {
        n = fgetxattr(source->fd, attribute, value, COPY_VALUE_SIZE);
    }
    return n < 0 ? -errno : n;
}

static int set_attribute(const struct copy_target *target, const char *attribute, const char *value,
                         size_t size)
{
    char path[FD_PATH_SIZE + NAME_MAX + 1];
    int r;

    if (target->name) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", target->fd, target->name);
        r = lsetxattr(path, attribute, value, size, 0);
    } else {
        r = fsetxattr(target->fd, attribute, value, size, 0);
    }
    return r < 0 ? -errno : 0;
}

static int copy_attribute(struct copy *copy, const struct copy_source *source,
                          const struct copy_target *target, const char *attribute, const char *name)
{
    char *value = copy->buffer + COPY_LIST_SIZE;
    ssize_t n = get_attribute(source, attribute, value);
    int r;

    if (n == -ENODATA) /* taken away meanwhile */
        return 0;
    if (n < 0)
        return copy_fail(copy, (int)n, name, "its attribute %s cannot be read", attribute);
    r = set_attribute(target, attribute, value, (size_t)n);
    if (r)
        return copy_fail(copy, r, name, "the file system it goes to does not take its attribute %s",
                         attribute);
    return 0;
}

/* The list lies in the first part of the buffer, each value in turn in the second. */
static int copy_extended(struct copy *copy, const struct copy_source *source,
                         const struct copy_target *target, const char *name)
{
    const char *attribute = copy->buffer;
    ssize_t n = list_attributes(source, copy->buffer);
    int r = 0;

    if (n == -EOPNOTSUPP)
        return 0;
    if (n < 0)
        return copy_fail(copy, (int)n, name, "its attributes cannot be listed");
    while (r == 0 && attribute < copy->buffer + n) {
        if (attribute_is_copied(attribute))
            r = copy_attribute(copy, source, target, attribute, name);
        attribute += strlen(attribute) + 1;
    }
    return r;
}

static int set_owner(const struct copy_target *target, const struct stat *st)
{
    int r = target->name
                ? fchownat(target->fd, target->name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW)
                : fchown(target->fd, st->st_uid, st->st_gid);

    return r < 0 ? -errno : 0;
}

/* Not for a symbolic link, which has no mode, and would be followed. */
static int set_mode(const struct copy_target *target, const struct stat *st)
{
    int r = target->name ? fchmodat(target->fd, target->name, st->st_mode & 07777, 0)
                         : fchmod(target->fd, st->st_mode & 07777);

    return r < 0 ? -errno : 0;
}

static int set_times(const struct copy_target *target, const struct stat *st)
{
    const struct timespec times[] = {st->st_atim, st->st_mtim};
    int r = target->name ? utimensat(target->fd, target->name, times, AT_SYMLINK_NOFOLLOW)
                         : futimens(target->fd, times);

    return r < 0 ? -errno : 0;
}

int copy_attributes(struct copy *copy, const struct copy_source *source,
                    const struct copy_target *target, const struct stat *st, const char *name)
{
    int r = set_owner(target, st);

    if (r)
        return copy_fail(copy, r, name, "it cannot be given to %u:%u", st->st_uid, st->st_gid);
    r = copy_extended(copy, source, target, name);
    if (r)
        return r;
    r = S_ISLNK(st->st_mode) ? 0 : set_mode(target, st);
    if (r)
        return copy_fail(copy, r, name, "its mode cannot be set");
    r = set_times(target, st);
    return r ? copy_fail(copy, r, name, "its times cannot be set") : 0;
}

static int drop_attribute(int fd, const char *attribute)
{
    if (fremovexattr(fd, attribute) == 0 || errno == ENODATA || errno == EOPNOTSUPP)
        return 0;
    return -errno;
}

int copy_drop_default_acl(int fd)
{
    return drop_attribute(fd, "system.posix_acl_default");
}

int copy_drop_acl(int fd)
{
    int r = drop_attribute(fd, "system.posix_acl_access");

    return r ? r : copy_drop_default_acl(fd);
}
