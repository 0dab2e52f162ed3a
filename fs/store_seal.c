/*
 * Sealing files: the immutable attribute (FS_IMMUTABLE_FL of chattr(1)) for those that are open for
 * writing when their volume becomes read-only. Their data goes to the file system behind without us
 * (passthrough), and nothing else reaches a descriptor that is open.
 *
 * Every seal is written down in volumes/ID/sealed, durably, before it is set, so that none is left
 * behind by a crash: a line "TYPE HANDLE" for each, in hexadecimal, as name_to_handle_at(2) gives
 * them. They are taken off before the volume becomes writable, or is removed from the trash.
 *
 * Callers hold the volume's stripe, or it is in the trash. No locks.
 */
#include "catalog/cleanup.h"
#include "fs/store_private.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define LIST_NAME "sealed"

enum { LINE_SIZE = 2 * MAX_HANDLE_SZ + 32 };

union handle_buffer {
    struct file_handle header;
    uint8_t bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

/*
 * Whether the attribute stops descriptors that are open. ext4 and f2fs ask it with each write and
 * each first store to a page; XFS and btrfs only when a file is opened, tmpfs hardly at all
 * (tried).
 */
static bool stops_open_files(int fd)
{
    struct statfs st;

    return fstatfs(fd, &st) == 0 &&
           (st.f_type == EXT4_SUPER_MAGIC || (uint32_t)st.f_type == F2FS_SUPER_MAGIC);
}

/* 1 changed, 0 it was so already, −errno: −ENOTTY and −EOPNOTSUPP where there is no such thing. */
static int set_immutable(int fd, bool on)
{
    int flags, wanted;

    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
        return -errno;
    wanted = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    if (wanted == flags)
        return 0;
    return ioctl(fd, FS_IOC_SETFLAGS, &wanted) < 0 ? -errno : 1;
}

/* ---- the list ------------------------------------------------------------- */

static void line_format(const struct file_handle *handle, char line[LINE_SIZE])
{
    int n = snprintf(line, LINE_SIZE, "%x ", (unsigned)handle->handle_type);

    for (unsigned i = 0; i < handle->handle_bytes; i++)
        n += snprintf(line + n, (size_t)(LINE_SIZE - n), "%02x", handle->f_handle[i]);
    snprintf(line + n, (size_t)(LINE_SIZE - n), "\n");
}

/* False for a line that was not written whole: its seal was never set. */
static bool line_parse(const char *line, union handle_buffer *out)
{
    unsigned type, byte;
    int at;

    if (sscanf(line, "%x %n", &type, &at) != 1) // NOLINT(cert-err34-c): our own, checked below
        return false;
    out->header.handle_type = (int)type;
    out->header.handle_bytes = 0;
    while (out->header.handle_bytes < MAX_HANDLE_SZ && sscanf(line + at, "%2x", &byte) == 1) {
        out->header.f_handle[out->header.handle_bytes++] = (uint8_t)byte;
        at += 2;
    }
    return line[at] == '\n' && out->header.handle_bytes > 0;
}

static int list_append(int dir_fd, const struct file_handle *handle)
{
    _cleanup_(close_p) int fd =
        openat(dir_fd, LIST_NAME, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    char line[LINE_SIZE];
    ssize_t length, n;
    struct stat before;

    if (fd < 0 || fstat(fd, &before) < 0)
        return -errno;
    line_format(handle, line);
    length = (ssize_t)strlen(line);
    n = write(fd, line, (size_t)length);
    if (n == length && fsync(fd) == 0 && fsync(dir_fd) == 0)
        return 0;
    n = n < 0 || n == length ? -errno : -ENOSPC;
    if (ftruncate(fd, before.st_size) < 0) /* half a line would hide the next */
        return -errno;
    return (int)n;
}

/* ---- setting and taking off ------------------------------------------------ */

int store_seal(struct store *store, const char *id, int fd)
{
    union handle_buffer handle = {.header.handle_bytes = MAX_HANDLE_SZ};
    _cleanup_(close_p) int dir_fd = -1;
    struct stat file, own;
    int mount_id, flags, r;

    if (fstat(fd, &file) < 0 || fstat(store->fd, &own) < 0)
        return -errno;
    if (file.st_dev != own.st_dev) /* a handle is found again by the store's file system only */
        return -EXDEV;
    if (!stops_open_files(fd))
        return -EOPNOTSUPP;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
        return -errno;
    if (flags & FS_IMMUTABLE_FL)
        return 0;
    if (name_to_handle_at(fd, "", &handle.header, &mount_id, AT_EMPTY_PATH) < 0)
        return -errno;
    dir_fd = walk_open_directory(store->volumes_fd, id);
    r = dir_fd < 0 ? dir_fd : list_append(dir_fd, &handle.header);
    if (r == 0)
        r = set_immutable(fd, true);
    /* pages that are mapped and dirty are written and protected, so that the next store faults */
    return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}

static int unseal_line(const struct store *store, const char *line)
{
    union handle_buffer handle;
    _cleanup_(close_p) int fd = -1;
    int r;

    if (!line_parse(line, &handle))
        return 0;
    fd = open_by_handle_at(store->fd, &handle.header, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ESTALE || errno == ENOENT ? 0 : -errno; /* the file is gone */
    r = set_immutable(fd, false);
    return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}

int store_unseal_in(const struct store *store, int dir_fd)
{
    _cleanup_(fclose_p) FILE *list = NULL;
    int fd = openat(dir_fd, LIST_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char line[LINE_SIZE];
    int r = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    list = fdopen(fd, "r");
    if (!list) {
        close(fd);
        return -ENOMEM;
    }
    while (r == 0 && fgets(line, sizeof(line), list))
        r = unseal_line(store, line);
    if (r == 0 && ferror(list))
        r = -EIO;
    if (r == 0 && unlinkat(dir_fd, LIST_NAME, 0) < 0)
        r = -errno;
    return r;
}

int store_unseal(struct store *store, const struct volume *volume, struct error *e)
{
    _cleanup_(close_p) int dir_fd = walk_open_directory(store->volumes_fd, volume->id);
    int r = dir_fd < 0 ? dir_fd : store_unseal_in(store, dir_fd);

    if (r == -ENOENT)
        return 0;
    return r ? store_fail(store, r, "cannot open files for writing again in volume", volume->name,
                          e)
             : 0;
}
