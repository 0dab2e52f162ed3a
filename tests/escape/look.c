/* What tells of names, attributes and data, the cached ones too. */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LOOK(name, call)                                                                           \
    static int look_##name(const struct place *place)                                              \
    {                                                                                              \
        return outcome(call);                                                                      \
    }
#define STAT(name, path, flags)                                                                    \
    static int look_##name(const struct place *place)                                              \
    {                                                                                              \
        struct statx st;                                                                           \
                                                                                                   \
        return outcome(statx(place->dir, path, flags, STATX_ALL, &st));                            \
    }
#define OPEN(name, path, flags)                                                                    \
    static int look_##name(const struct place *place)                                              \
    {                                                                                              \
        return outcome_fd(openat(place->dir, path, (flags) | O_CLOEXEC | O_NONBLOCK));             \
    }
#define XATTR(name, path, attribute)                                                               \
    static int look_##name(const struct place *place)                                              \
    {                                                                                              \
        char target[PROC_PATH_MAX], value[PROC_PATH_MAX];                                          \
                                                                                                   \
        return outcome(                                                                            \
            getxattr(proc_path(target, place->dir, path), attribute, value, sizeof(value)));       \
    }

STAT(stat, "file", 0)
STAT(stat_cached, "file", AT_STATX_DONT_SYNC)
STAT(stat_link, "link", AT_SYMLINK_NOFOLLOW)
STAT(stat_below, "full/kept", 0)
STAT(stat_around, "dir/../file", 0)
OPEN(open, "file", O_RDONLY)
OPEN(open_path, "file", O_PATH)
OPEN(open_below, "full/kept", O_RDONLY)
OPEN(open_link, "link", O_RDONLY)
OPEN(open_directory, "dir", O_RDONLY | O_DIRECTORY)
LOOK(access, faccessat(place->dir, "file", R_OK, 0))
XATTR(xattr, "file", "user.note")

static int look_readlink(const struct place *place)
{
    char text[PROC_PATH_MAX];

    return outcome(readlinkat(place->dir, "link", text, sizeof(text)));
}

static int look_listxattr(const struct place *place)
{
    char target[PROC_PATH_MAX], names[PROC_PATH_MAX];

    return outcome(listxattr(proc_path(target, place->dir, "file"), names, sizeof(names)));
}

static int look_statfs(const struct place *place)
{
    char target[PROC_PATH_MAX];
    struct statfs st;

    return outcome(statfs(proc_path(target, place->dir, "dir"), &st));
}

/* "There is none" tells of names too. */
static int look_missing(const struct place *place)
{
    struct stat st;

    if (fstatat(place->dir, "missing", &st, 0) < 0 && errno == ENOENT)
        return 0;
    return -errno;
}

static int look_list(const struct place *place)
{
    char buffer[4096];
    int fd = openat(place->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = outcome(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)));
    close(fd);
    return r;
}

static int look_read(const struct place *place)
{
    char text[8];
    int fd = openat(place->dir, "file", O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = outcome(read(fd, text, sizeof(text)));
    close(fd);
    return r;
}

static int look_map(const struct place *place)
{
    int fd = openat(place->dir, "file", O_RDONLY | O_CLOEXEC);
    void *map;
    int r;

    if (fd < 0)
        return -errno;
    map = mmap(NULL, 4, PROT_READ, MAP_SHARED, fd, 0);
    r = map == MAP_FAILED ? -errno : 0;
    if (map != MAP_FAILED)
        munmap(map, 4);
    close(fd);
    return r;
}

static int look_watch(const struct place *place)
{
    char target[PROC_PATH_MAX];
    int fd = inotify_init1(IN_CLOEXEC);
    int r;

    if (fd < 0)
        return NOT_HERE;
    r = outcome(inotify_add_watch(fd, proc_path(target, place->dir, "file"), IN_OPEN));
    close(fd);
    return r;
}

static int look_execute(const struct place *place)
{
    return outcome(faccessat(place->dir, "dir", X_OK, AT_EACCESS));
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        "looks", #name, KIND_LOOK, false, look_##name                                              \
    }
const struct attempt attempts_look[] = {
    ROW(stat),    ROW(stat_cached), ROW(stat_link),  ROW(stat_below), ROW(stat_around),
    ROW(open),    ROW(open_path),   ROW(open_below), ROW(open_link),  ROW(open_directory),
    ROW(access),  ROW(xattr),       ROW(listxattr),  ROW(readlink),   ROW(statfs),
    ROW(missing), ROW(list),        ROW(read),       ROW(map),        ROW(watch),
    ROW(execute),
};
const size_t attempts_look_count = sizeof(attempts_look) / sizeof(*attempts_look);
