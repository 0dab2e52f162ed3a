/*
 * Room for the changes that make room.
 *
 * Removing a volume writes to the catalog first, and so does a start (shared
 * memory and the log of SQLite are files): on a store full to the last byte
 * neither could be done. A file beside the catalog holds space that is given up
 * for these, and taken again as far as there is some: with every removal, and at
 * a stop, when SQLite's files have just gone. Between the two another writer may be quicker; then
 * it is tried again by whoever asks again.
 *
 * The log itself, once it has grown, is room too: written back, it is begun
 * anew in the blocks that it has.
 */
#include "catalog/catalog_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#define RESERVE_FILE CATALOG_FILE ".reserve"

enum {
    RESERVE_SIZE = 256 << 10,
    RESERVE_STEP = 8 << 10,
};

/* Its size; 0: there is none. */
static off_t reserve_size(int store_fd)
{
    struct stat st;

    if (fstatat(store_fd, RESERVE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return 0;
    return st.st_size;
}

/* How large it can be now, at most: what is left over would be another's. */
static off_t reserve_size_possible(int store_fd, off_t before)
{
    struct statvfs st;
    uint64_t size;

    if (fstatvfs(store_fd, &st) < 0)
        return before;
    size = (uint64_t)before + (uint64_t)st.f_bfree * st.f_frsize;
    return size < RESERVE_SIZE ? (off_t)size / RESERVE_STEP * RESERVE_STEP : RESERVE_SIZE;
}

void reserve_make(int store_fd)
{
    off_t before = reserve_size(store_fd), size = before;
    _cleanup_(close_p) int fd = -1;

    if (before < RESERVE_SIZE)
        size = reserve_size_possible(store_fd, before);
    if (size <= before)
        return;
    fd = openat(store_fd, RESERVE_FILE, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                0600);
    if (fd < 0)
        return;
    /* Some file systems keep a part of what they call free. */
    for (; size > before; size -= RESERVE_STEP)
        if (posix_fallocate(fd, 0, size) == 0)
            return;
    /* what a failed try may have left */
    if (before == 0 || ftruncate(fd, before) < 0)
        unlinkat(store_fd, RESERVE_FILE, 0);
}

bool reserve_give_up(int store_fd)
{
    _cleanup_(close_p) int fd =
        openat(store_fd, RESERVE_FILE, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 || reserve_size(store_fd) == 0)
        return false;
    /* Blocks of what is unlinked are free a while later on some file systems, and of what is
     * truncated after a commit on others; the name holds an inode, which may be wanted too. */
    if (ftruncate(fd, 0) < 0 || fsync(fd) < 0 || unlinkat(store_fd, RESERVE_FILE, 0) < 0)
        return false;
    return true;
}

void shared_memory_prepare(int store_fd)
{
    _cleanup_(close_p) int fd = -1;
    struct statfs st;
    int flags;

    if (fstatfs(store_fd, &st) < 0 || st.f_type != BTRFS_SUPER_MAGIC)
        return;
    fd = openat(store_fd, CATALOG_FILE "-shm", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW,
                0600);
    if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_NOCOW_FL;
        ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
}

bool catalog_make_room(struct catalog *catalog, struct room *room, int r)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);

    if (r != ERROR_NO_SPACE) {
        reserve_make(catalog->store_fd);
        return false;
    }
    if (!room->log_tried) {
        room->log_tried = true;
        if (db_checkpoint(catalog->db, NULL) == 0)
            return true;
    }
    if (room->reserve_tried || !reserve_give_up(catalog->store_fd))
        return false;
    room->reserve_tried = true;
    (void)!db_checkpoint(catalog->db, NULL);
    return true;
}
