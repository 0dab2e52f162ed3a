/* Changes of names, and of data by opening for it. */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define CHANGE(name, call)                                                                         \
    static int change_##name(const struct place *place)                                            \
    {                                                                                              \
        return outcome(call);                                                                      \
    }
#define OPEN(name, path, flags)                                                                    \
    static int change_##name(const struct place *place)                                            \
    {                                                                                              \
        return outcome_fd(openat(place->dir, path, (flags) | O_CLOEXEC | O_NONBLOCK, 0600));       \
    }

OPEN(create, "new", O_WRONLY | O_CREAT)
OPEN(create_exclusive, "new", O_RDWR | O_CREAT | O_EXCL)
OPEN(create_to_read, "new", O_RDONLY | O_CREAT)
OPEN(create_below, "dir/new", O_WRONLY | O_CREAT)
OPEN(create_turning, "turn/new", O_WRONLY | O_CREAT)
OPEN(open_write, "file", O_WRONLY)
OPEN(open_both, "file", O_RDWR)
OPEN(open_append, "file", O_WRONLY | O_APPEND)
OPEN(open_truncate, "file", O_RDONLY | O_TRUNC)
OPEN(open_direct, "file", O_WRONLY | O_DIRECT)
OPEN(open_link, "link", O_WRONLY)
OPEN(open_around, "full/../file", O_RDWR)
OPEN(tmpfile, ".", O_TMPFILE | O_RDWR)
OPEN(tmpfile_below, "dir", O_TMPFILE | O_WRONLY | O_EXCL)
CHANGE(mkdir, mkdirat(place->dir, "new", 0700))
CHANGE(mkdir_turning, mkdirat(place->dir, "turn/new", 0700))
CHANGE(rmdir, unlinkat(place->dir, "dir", AT_REMOVEDIR))
CHANGE(unlink, unlinkat(place->dir, "file", 0))
CHANGE(unlink_link, unlinkat(place->dir, "link", 0))
CHANGE(unlink_fifo, unlinkat(place->dir, "fifo", 0))
CHANGE(rename, renameat(place->dir, "file", place->dir, "new"))
CHANGE(rename_over, renameat(place->dir, "file", place->dir, "other"))
CHANGE(rename_into, renameat(place->dir, "file", place->dir, "dir/new"))
CHANGE(rename_directory, renameat(place->dir, "full", place->dir, "new"))
CHANGE(rename_keep, syscall(SYS_renameat2, place->dir, "file", place->dir, "new", RENAME_NOREPLACE))
CHANGE(exchange, syscall(SYS_renameat2, place->dir, "file", place->dir, "other", RENAME_EXCHANGE))
CHANGE(whiteout, syscall(SYS_renameat2, place->dir, "file", place->dir, "new", RENAME_WHITEOUT))
CHANGE(link, linkat(place->dir, "file", place->dir, "new", 0))
CHANGE(symlink, symlinkat("file", place->dir, "new"))
CHANGE(fifo, mknodat(place->dir, "new", S_IFIFO | 0600, 0))
CHANGE(node, mknodat(place->dir, "new", S_IFREG | 0600, 0))
CHANGE(null_device, mknodat(place->dir, "new", S_IFCHR | 0666, makedev(1, 3)))

/* By an O_PATH descriptor, opened once more. */
static int reopen(const struct place *place, int flags)
{
    char path[PROC_PATH_MAX];
    int fd = openat(place->dir, "file", O_PATH | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
    r = outcome_fd(open(path, flags | O_CLOEXEC));
    close(fd);
    return r;
}

static int change_reopen(const struct place *place)
{
    return reopen(place, O_RDWR);
}

static int change_reopen_truncate(const struct place *place)
{
    return reopen(place, O_RDONLY | O_TRUNC);
}

/* A descriptor for reading, opened once more for writing. */
static int change_upgrade(const struct place *place)
{
    char path[PROC_PATH_MAX];
    int fd = openat(place->dir, "file", O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
    r = outcome_fd(open(path, O_WRONLY | O_CLOEXEC));
    close(fd);
    return r;
}

static int change_link_descriptor(const struct place *place)
{
    char path[PROC_PATH_MAX];
    int fd = openat(place->dir, "file", O_PATH | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
    r = outcome(linkat(AT_FDCWD, path, place->dir, "new", AT_SYMLINK_FOLLOW));
    close(fd);
    return r;
}

static int change_socket(const struct place *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[PROC_PATH_MAX];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r;

    if (fd < 0)
        return NOT_HERE;
    proc_path(path, place->dir, "new");
    memcpy(address.sun_path, path, strnlen(path, sizeof(address.sun_path) - 1));
    r = outcome(bind(fd, (struct sockaddr *)&address, sizeof(address)));
    close(fd);
    return r;
}

static int change_truncate(const struct place *place)
{
    char path[PROC_PATH_MAX];

    return outcome(truncate(proc_path(path, place->dir, "file"), 1));
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        "names", #name, KIND_CHANGE, false, change_##name                                          \
    }
#define RACER(name)                                                                                \
    {                                                                                              \
        "races", #name, KIND_CHANGE, true, change_##name                                           \
    }
#define DATA(name)                                                                                 \
    {                                                                                              \
        "data", #name, KIND_CHANGE, false, change_##name                                           \
    }
const struct attempt attempts_names[] = {
    ROW(create),
    ROW(create_exclusive),
    ROW(create_to_read),
    ROW(create_below),
    RACER(create_turning),
    RACER(mkdir_turning),
    ROW(tmpfile),
    ROW(tmpfile_below),
    ROW(mkdir),
    ROW(rmdir),
    ROW(unlink),
    ROW(unlink_link),
    ROW(unlink_fifo),
    ROW(rename),
    ROW(rename_over),
    ROW(rename_into),
    ROW(rename_directory),
    ROW(rename_keep),
    ROW(exchange),
    ROW(whiteout),
    ROW(link),
    ROW(symlink),
    ROW(fifo),
    ROW(node),
    ROW(null_device),
    ROW(link_descriptor),
    ROW(socket),
    DATA(open_write),
    DATA(open_both),
    DATA(open_append),
    DATA(open_truncate),
    DATA(open_direct),
    DATA(open_link),
    DATA(open_around),
    DATA(reopen),
    DATA(reopen_truncate),
    DATA(upgrade),
    DATA(truncate),
};
const size_t attempts_names_count = sizeof(attempts_names) / sizeof(*attempts_names);
