/*
 * One file of a tree: its data and what it is, or a node of its kind.
 *
 * The file is held with O_PATH, which neither follows nor opens anything, so that what it is can be
 * looked at first. Only a regular file is then opened, by that descriptor: opening a device has
 * effects, and opening a fifo blocks.
 *
 * Nothing is synced here: one syncfs at the end of the tree costs less than a commit of the journal
 * for each file.
 */
#include "catalog/cleanup.h"
#include "fs/copy_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    RANGE_MAX = 16 * 1024 * 1024,   /* between two looks at `stop` */
    ALWAYS_SEEK_SIZE = 1024 * 1024, /* from here on a hole costs more to miss than to look for */
    STAT_BLOCK = 512,               /* the unit of st_blocks */
};

/* The data of one file. */
struct transfer {
    struct copy *copy;
    const char *name;
    int in, out;
    off_t size;       /* what is to be copied */
    uint64_t counted; /* of it, in the progress */
    enum copy_method method;
};

static void transfer_count(struct transfer *transfer, uint64_t bytes)
{
    transfer->counted += bytes;
    atomic_fetch_add_explicit(&transfer->copy->progress->bytes, bytes, memory_order_relaxed);
}

static bool error_is_full(int r)
{
    return r == -ENOSPC || r == -EDQUOT;
}

/* What no other file will do either: all are on one file system, as no mount is entered. */
static bool error_is_general(int r)
{
    return r == -EXDEV || r == -EOPNOTSUPP || r == -ENOTTY || r == -ENOSYS;
}

/* The next method for this file, and for those that come if the reason holds for them too. */
static void transfer_lower(struct transfer *transfer, int r)
{
    transfer->method++;
    if (error_is_general(r))
        transfer->copy->method = transfer->method;
}

static int read_failed(struct transfer *transfer, int r)
{
    return copy_fail(transfer->copy, r, transfer->name, "it cannot be read");
}

static int write_failed(struct transfer *transfer, int r)
{
    return copy_fail(transfer->copy, r, transfer->name, "its copy cannot be written");
}

static int write_at(int fd, const char *data, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, size, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static size_t chunk(off_t left, size_t most)
{
    return left < (off_t)most ? (size_t)left : most;
}

/* From *at up to `end`, or to where the file ends; *at: how far it got. */
static int transfer_read(struct transfer *transfer, off_t *at, off_t end)
{
    char *buffer = transfer->copy->buffer;

    while (*at < end && !copy_stopped(transfer->copy)) {
        ssize_t n = pread(transfer->in, buffer, chunk(end - *at, COPY_BUFFER_SIZE), *at);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return read_failed(transfer, -errno);
        if (n == 0)
            break;
        r = write_at(transfer->out, buffer, (size_t)n, *at);
        if (r)
            return write_failed(transfer, r);
        *at += n;
        transfer_count(transfer, (uint64_t)n);
    }
    return 0;
}

/*
 * The same in the kernel, as far as it will. That it copies nothing need not be the end of the
 * file: some file systems answer so for what can only be read.
 */
static int transfer_range(struct transfer *transfer, off_t *at, off_t end)
{
    while (transfer->method == COPY_RANGE && *at < end && !copy_stopped(transfer->copy)) {
        off_t to = *at;
        ssize_t n =
            copy_file_range(transfer->in, at, transfer->out, &to, chunk(end - *at, RANGE_MAX), 0);
        int r = n < 0 ? -errno : 0;

        if (r == -EINTR)
            continue;
        if (error_is_full(r))
            return write_failed(transfer, r);
        if (n <= 0)
            transfer_lower(transfer, r);
        else
            transfer_count(transfer, (uint64_t)n);
    }
    return transfer_read(transfer, at, end);
}

/* The next data from *at on: [*at, *end). A file system that cannot tell has nothing but data. */
static void next_data(const struct transfer *transfer, off_t *at, off_t *end)
{
    off_t data = lseek(transfer->in, *at, SEEK_DATA);
    off_t hole;

    if (data < 0)
        data = errno == ENXIO ? transfer->size : *at;
    hole = lseek(transfer->in, data, SEEK_HOLE);
    *at = data < transfer->size ? data : transfer->size;
    *end = hole < 0 || hole > transfer->size ? transfer->size : hole;
}

/* Data only; and the size by itself, where the file ends with a hole. */
static int transfer_sparse(struct transfer *transfer)
{
    off_t at = 0, end = 0;

    while (at < transfer->size && !copy_stopped(transfer->copy)) {
        int r;

        next_data(transfer, &at, &end);
        r = transfer_range(transfer, &at, end);
        if (r)
            return r;
        if (at < end) /* it has become shorter */
            return 0;
    }
    return ftruncate(transfer->out, transfer->size) < 0 ? write_failed(transfer, -errno) : 0;
}

/* 0 cloned, 1 not. */
static int transfer_clone(struct transfer *transfer)
{
    int r = ioctl(transfer->out, FICLONE, transfer->in) < 0 ? -errno : 0;

    if (error_is_full(r))
        return write_failed(transfer, r);
    if (r == 0)
        return 0;
    transfer_lower(transfer, r);
    return 1;
}

static int transfer_run(struct transfer *transfer, const struct stat *st)
{
    off_t at = 0;
    int r = 1;

    if (transfer->method == COPY_CLONE)
        r = transfer_clone(transfer);
    if (r == 1)
        r = st->st_size >= ALWAYS_SEEK_SIZE || st->st_blocks * STAT_BLOCK < st->st_size
                ? transfer_sparse(transfer)
                : transfer_range(transfer, &at, st->st_size);
    if (r == 0 && copy_stopped(transfer->copy))
        r = -ECANCELED;
    if (r == 0 && transfer->counted < (uint64_t)st->st_size)
        transfer_count(transfer, (uint64_t)st->st_size - transfer->counted);
    return r;
}

static int copy_data(struct copy *copy, int in, int out, const struct stat *st, const char *name)
{
    struct transfer transfer = {.copy = copy,
                                .name = name,
                                .in = in,
                                .out = out,
                                .size = st->st_size,
                                .method = copy->method};

    return st->st_size > 0 ? transfer_run(&transfer, st) : 0;
}

/* ---- the kinds -------------------------------------------------------------- */

static int made(struct copy *copy, int r, const char *name)
{
    if (r == 0)
        return 0;
    return r == -EEXIST ? 1 : copy_fail(copy, r, name, "it cannot be made");
}

/* O_NOATIME is for those who may change times of the file. O_NONBLOCK: a lease is no reason to
 * wait. */
static int reopen(int fd)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    char path[64];
    int opened;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    opened = open(path, flags | O_NOATIME);
    if (opened < 0 && errno == EPERM)
        opened = open(path, flags);
    return opened < 0 ? -errno : opened;
}

/* `source` has no data to be read where it is held by its path only. */
static int copy_regular(struct copy *copy, const struct copy_source *source, const struct stat *st,
                        const char *name)
{
    _cleanup_(close_p) int out =
        openat(copy->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct copy_target target = {.fd = out};
    int r;

    if (out < 0)
        return made(copy, -errno, name);
    r = source->path_only ? 0 : copy_data(copy, source->fd, out, st, name);
    if (r == 0)
        r = copy_attributes(copy, source, &target, st, name);
    if (r == 0 && close(steal_fd(&out)) < 0) /* some file systems say only now that they are full */
        r = copy_fail(copy, -errno, name, "its copy cannot be written");
    return r;
}

static int copy_opened(struct copy *copy, int fd, const struct stat *st, const char *name)
{
    _cleanup_(close_p) int in = reopen(fd);
    struct copy_source source = {.fd = in};

    if (in < 0)
        return copy_fail(copy, in, name, "it cannot be opened");
    return copy_regular(copy, &source, st, name);
}

static int make_symlink(struct copy *copy, int fd, const char *name)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(fd, "", target, sizeof(target));

    if (n < 0 || n == (ssize_t)sizeof(target))
        return copy_fail(copy, n < 0 ? -errno : -ENAMETOOLONG, name, "it cannot be read");
    target[n] = 0;
    return made(copy, symlinkat(target, copy->dir_fd, name) < 0 ? -errno : 0, name);
}

static int make_node(struct copy *copy, const struct stat *st, const char *name)
{
    int r = mknodat(copy->dir_fd, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev);

    return made(copy, r < 0 ? -errno : 0, name);
}

int copy_file(struct copy *copy, int fd, const struct stat *st, const char *name, bool mounted)
{
    struct copy_source source = {.fd = fd, .path_only = true};
    struct copy_target target = {.fd = copy->dir_fd, .name = name};
    int r;

    if (S_ISREG(st->st_mode))
        return mounted ? copy_regular(copy, &source, st, name) : copy_opened(copy, fd, st, name);
    r = S_ISLNK(st->st_mode) ? make_symlink(copy, fd, name) : make_node(copy, st, name);
    return r ? r : copy_attributes(copy, &source, &target, st, name);
}
