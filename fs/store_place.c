/*
 * Where a store may lie.
 *
 * A store inside the tree would have the daemon wait for itself; a tree inside
 * the store would show the store to containers. The two are compared in three
 * ways, as one alone is blind somewhere: by canonical path (other file systems
 * mounted in between), by device and inode of each parent (other names of one
 * directory), and by the place within the file system that a mount shows (bind
 * mounts, whose ".." leads elsewhere).
 *
 * Nothing here asks a FUSE file system anything: the tree of a daemon that hangs
 * must not hang this one. Hence O_PATH, fdinfo and mountinfo.
 */
#include "fs/store_place.h"

#include "catalog/cleanup.h"
#include "catalog/mountinfo.h"
#include "fs/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static bool place_is_within(const struct place *place, const struct place *directory)
{
    return place_path_is_within(place->path, directory->path) ||
           (place->device == directory->device &&
            place_path_is_within(place->inner, directory->inner));
}

/* Device and inode as the kernel has them cached. */
static int fd_identity(int fd, struct statx *out)
{
    int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;

    return statx(fd, "", flags, STATX_TYPE | STATX_INO, out) < 0 ? -errno : 0;
}

static bool identity_equal(const struct statx *a, const struct statx *b)
{
    return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
           a->stx_dev_minor == b->stx_dev_minor;
}

/* Walks up from `fd`: 1 if it is `directory` or below it, 0, or negative errno. */
static int fd_is_below(int fd, const struct statx *directory)
{
    _cleanup_(close_p) int at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    struct statx here;
    struct statx above;
    int up;
    int r;

    if (at < 0)
        return -errno;
    r = fd_identity(at, &here);
    while (r == 0) {
        if (identity_equal(&here, directory))
            return 1;
        up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (up < 0)
            return -errno;
        close(at);
        at = up;
        r = fd_identity(at, &above);
        if (r == 0 && identity_equal(&here, &above))
            return 0; /* "/" is its own parent */
        here = above;
    }
    return r;
}

static int place_refuse(struct error *e, const char *store, const char *relation, const char *tree)
{
    return error_set(e, ERROR_UNUSABLE_STORE,
                     "store %s %s the mount point %s; choose a store outside the tree of volumes",
                     store, relation, tree);
}

/* A mount point that does not exist yet holds nothing: its parent stands for it. */
static int mountpoint_open(const char *mountpoint, bool *missing)
{
    _cleanup_(free_p) char *parent = NULL;
    char *slash;
    int fd = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);

    *missing = fd < 0 && errno == ENOENT;
    if (!*missing)
        return fd < 0 ? -errno : fd;
    parent = strdup(mountpoint);
    if (!parent)
        return -ENOMEM;
    slash = strrchr(parent, '/');
    if (!slash)
        return -ENOENT;
    slash[slash == parent] = 0;
    fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* The tree below the store: true whether the mount point is there or only its parent. */
static int check_tree_in_store(int fd, const struct place *store, int tree_fd,
                               const struct place *tree, const char *mountpoint, struct error *e)
{
    struct statx identity;
    int r = fd_identity(fd, &identity);

    if (r == 0)
        r = fd_is_below(tree_fd, &identity);
    if (r < 0)
        return error_set_errno(e, r, "cannot tell where mount point %s lies", mountpoint);
    if (r || place_is_within(tree, store))
        return place_refuse(e, store->path, "contains", mountpoint);
    return 0;
}

static int check_store_in_tree(int fd, const struct place *store, int tree_fd,
                               const struct place *tree, const char *mountpoint, struct error *e)
{
    struct statx identity;
    int r = fd_identity(tree_fd, &identity);

    if (r == -ENOTCONN || r == -ECONNABORTED)
        r = 0; /* a dead tree: the canonical path below tells */
    else if (r == 0)
        r = fd_is_below(fd, &identity);
    if (r < 0)
        return error_set_errno(e, r, "cannot tell where store %s lies", store->path);
    if (r || place_is_within(store, tree))
        return place_refuse(e, store->path, "is inside", mountpoint);
    return 0;
}

static int check_against(int fd, const struct place *store, const char *mountpoint, bool around,
                         struct error *e)
{
    _cleanup_(close_p) int tree_fd = -1;
    struct place tree;
    bool missing;
    int r;

    tree_fd = mountpoint_open(mountpoint, &missing);

    if (tree_fd == -ENOENT)
        return 0; /* not even its parent; mounting there will fail with its own text */
    if (tree_fd < 0)
        return error_set_errno(e, tree_fd, "mount point %s", mountpoint);
    r = place_of_fd(tree_fd, &tree);
    if (r)
        return error_set_errno(e, r, "cannot tell where mount point %s lies", mountpoint);
    if (!around)
        r = check_tree_in_store(fd, store, tree_fd, &tree, mountpoint, e);
    if (r || missing) /* nothing is inside what is not there */
        return r;
    return check_store_in_tree(fd, store, tree_fd, &tree, mountpoint, e);
}

static int place_check(int fd, const char *path, const char *mountpoint, bool around,
                       struct error *e)
{
    struct place store;
    int r = place_of_fd(fd, &store);

    if (r)
        return error_set_errno(e, r, "cannot tell where store %s lies", path);
    if (store.is_tree)
        return error_set(e, ERROR_UNUSABLE_STORE,
                         "store %s lies on a tree of volumes (%s); choose a directory outside it",
                         path, TREE_TYPE);
    return mountpoint ? check_against(fd, &store, mountpoint, around, e) : 0;
}

int store_place_check(int fd, const char *path, const char *mountpoint, struct error *e)
{
    return place_check(fd, path, mountpoint, false, e);
}

int store_place_check_parent(int fd, const char *path, const char *mountpoint, struct error *e)
{
    return place_check(fd, path, mountpoint, true, e);
}
