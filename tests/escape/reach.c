/*
 * Ways out of a volume: up, by file handles, by links and renames into another volume, by device
 * nodes. Where nothing keeps them in (a plain directory) each of them must succeed, which shows
 * that it would.
 */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { LEVELS = 12 }; /* that a walk goes up */

static int found(int dir, const char *name)
{
    struct stat st;

    return outcome(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW));
}

/* One ".." at a time, each from the directory before. */
static int reach_up(const struct place *place)
{
    int fd = openat(place->dir, ".", O_PATH | O_CLOEXEC);
    int r = fd < 0 ? -errno : -ENOENT;

    for (int i = 0; fd >= 0 && r < 0 && i < LEVELS; i++) {
        int above = openat(fd, "..", O_PATH | O_CLOEXEC);

        close(fd);
        fd = above;
        r = fd < 0 ? -errno : found(fd, place->outside);
    }
    if (fd >= 0)
        close(fd);
    return r;
}

/* All at once: PREFIX/../../…/NAME. */
static int climb(const struct place *place, const char *prefix)
{
    char path[PROC_PATH_MAX + LEVELS * 3];
    int r = -ENOENT;

    for (int levels = 1; r < 0 && levels < LEVELS; levels++) {
        int length = snprintf(path, sizeof(path), "%s", prefix);

        for (int i = 0; i < levels; i++)
            length += snprintf(path + length, sizeof(path) - (size_t)length, "/..");
        snprintf(path + length, sizeof(path) - (size_t)length, "/%s", place->outside);
        r = found(place->dir, path);
    }
    return r;
}

static int reach_climb(const struct place *place)
{
    return climb(place, ".");
}

static int reach_climb_below(const struct place *place)
{
    return climb(place, "full");
}

static int reach_climb_link(const struct place *place)
{
    return climb(place, "up");
}

/* A name that a racer makes a link of. */
static int reach_climb_away(const struct place *place)
{
    return climb(place, "away");
}

static int reach_through_away(const struct place *place)
{
    return outcome_fd(openat(place->dir, "away", O_PATH | O_CLOEXEC)) < 0 ? -errno
                                                                          : climb(place, "away");
}

static const char *const above[] = {"../", "../../", "../../../"};

static int reach_by_openat2(const struct place *place)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
    char path[PROC_PATH_MAX];
    int r = -ENOENT;

    for (int i = 0; r < 0 && i < 3; i++) {
        snprintf(path, sizeof(path), "%s%s", above[i], place->outside);
        r = outcome_fd((int)syscall(SYS_openat2, place->dir, path, &how, sizeof(how)));
    }
    return r;
}

static int reach_by_proc(const struct place *place)
{
    char path[PROC_PATH_MAX], name[PROC_PATH_MAX / 2];
    int r = -ENOENT;

    for (int i = 0; r < 0 && i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", above[i], place->outside);
        r = found(AT_FDCWD, proc_path(path, place->dir, name));
    }
    return r;
}

/* ---- file handles -------------------------------------------------------- */

union handle {
    struct file_handle header;
    char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

static bool is_ours(const struct place *place, const struct stat *st)
{
    static const char *const names[] = {".",    "inner", "file", "other",     "dir", "full",
                                        "turn", "away",  "link", "full/kept", "up",  "fifo"};
    struct stat own;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (fstatat(place->dir, names[i], &own, AT_SYMLINK_NOFOLLOW) == 0 &&
            own.st_ino == st->st_ino)
            return true;
    return false;
}

/* 0: the handle leads somewhere that is not the volume's. */
static int try_handle(const struct place *place, int mount, union handle *handle)
{
    int fd = open_by_handle_at(mount, &handle->header, O_PATH | O_CLOEXEC);
    struct stat st;
    int r;

    if (fd < 0)
        return -errno;
    r = fstat(fd, &st) < 0 ? -errno : is_ours(place, &st) ? -ESTALE : 0;
    close(fd);
    return r;
}

enum { TYPE_INO32 = 1, TYPE_INO64 = 0x81 };

/* Inode number and generation, as ext4 has it; nodeid and generation, as FUSE has it. */
static int guess_handles(const struct place *place, int mount, uint64_t inode)
{
    union handle small = {.header = {.handle_bytes = 8, .handle_type = TYPE_INO32}};
    union handle large = {.header = {.handle_bytes = 12, .handle_type = TYPE_INO64}};
    int r = -ESTALE;

    for (uint32_t i = 0; r < 0 && i < 16; i++) {
        uint32_t near[2] = {i ? (uint32_t)inode - 8 + i : 2, 0}; /* 2: the root */
        uint32_t node[3] = {i / 4, i, i % 4};

        memcpy(small.header.f_handle, near, sizeof(near));
        r = try_handle(place, mount, &small);
        memcpy(large.header.f_handle, node, sizeof(node));
        if (r < 0)
            r = try_handle(place, mount, &large);
    }
    return r;
}

static int reach_handle(const struct place *place)
{
    int mount = openat(place->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    int r;

    if (mount < 0)
        return -errno;
    r = fstat(mount, &st) < 0 ? -errno : guess_handles(place, mount, st.st_ino);
    close(mount);
    return r;
}

/* The kernel's own, of a file of ours: a handle that can be made could be changed. */
static int reach_make_handle(const struct place *place)
{
    union handle handle = {.header = {.handle_bytes = MAX_HANDLE_SZ}};
    int mount;

    return outcome(name_to_handle_at(place->dir, "file", &handle.header, &mount, 0));
}

/* ---- another volume ------------------------------------------------------- */

/* As one mount has both; else it is the kernel that refuses. What has moved is moved back. */
static int across(const struct place *place, int (*act)(const char *from, const char *to, int tree))
{
    char from[PROC_PATH_MAX], to[PROC_PATH_MAX];
    int r;

    if (place->tree < 0)
        return NOT_HERE;
    snprintf(from, sizeof(from), "%s/inner/file", place->tree_volume);
    snprintf(to, sizeof(to), "%s/across", place->tree_own);
    r = act(from, to, place->tree);
    if (r == 0 && renameat(place->tree, to, place->tree, from) == 0)
        return 0;
    unlinkat(place->tree, to, 0);
    return r;
}

static int act_link(const char *from, const char *to, int tree)
{
    return outcome(linkat(tree, from, tree, to, 0));
}

static int act_rename(const char *from, const char *to, int tree)
{
    return outcome(renameat(tree, from, tree, to));
}

static int act_exchange(const char *from, const char *to, int tree)
{
    close(openat(tree, to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    return outcome(syscall(SYS_renameat2, tree, from, tree, to, RENAME_EXCHANGE));
}

static int reach_link_across(const struct place *place)
{
    return across(place, act_link);
}

static int reach_rename_across(const struct place *place)
{
    return across(place, act_rename);
}

static int reach_exchange_across(const struct place *place)
{
    return across(place, act_exchange);
}

/* ---- devices --------------------------------------------------------------- */

/* The disk that the store lies on, by a node in a volume that one may write. */
static int reach_disk(const struct place *place)
{
    unsigned major, minor;
    int r;

    if (!place->device || place->own < 0 ||
        sscanf(place->device, "%u:%u", &major, &minor) != 2) // NOLINT
        return NOT_HERE;
    if (mknodat(place->own, "disk", S_IFBLK | 0600, makedev(major, minor)) < 0 && errno != EEXIST)
        return -errno;
    r = outcome_fd(openat(place->own, "disk", O_RDONLY | O_CLOEXEC));
    unlinkat(place->own, "disk", 0);
    return r;
}

#define ROW(family, name)                                                                          \
    {                                                                                              \
        family, #name, KIND_REACH, true, reach_##name                                              \
    }
const struct attempt attempts_reach[] = {
    ROW("walks", up),
    ROW("walks", climb),
    ROW("walks", climb_below),
    ROW("walks", climb_link),
    ROW("races", climb_away),
    ROW("races", through_away),
    ROW("walks", by_openat2),
    ROW("walks", by_proc),
    ROW("handles", handle),
    ROW("handles", make_handle),
    ROW("across", link_across),
    ROW("across", rename_across),
    ROW("across", exchange_across),
    ROW("devices", disk),
};
const size_t attempts_reach_count = sizeof(attempts_reach) / sizeof(*attempts_reach);
