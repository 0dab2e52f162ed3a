/* Ways by mounts that the container makes, each in a mount namespace of its own, made writable. */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> cannot both be included on older systems. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);
int umount2(const char *target, int flags);

enum {
    OPEN_DIRECTORY = O_PATH | O_DIRECTORY | O_CLOEXEC,
    UNMOUNT_DETACH = 2,
};

static const char spot[] = "/tmp/spot"; /* for mounts of ours */

/* A mount namespace of its own, in which `spot` is an empty file system. */
static int begin(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    mkdir("/tmp", 0777);
    if (mkdir(spot, 0777) < 0 && errno != EEXIST)
        return -errno;
    return outcome(mount("escape", spot, "tmpfs", 0, NULL));
}

static int go_at(struct place *place, go_fn go, const char *path)
{
    int fd = open(path, OPEN_DIRECTORY);

    if (fd < 0)
        return -errno;
    place->dir = fd;
    go(place);
    close(fd);
    return 0;
}

static int take_namespace(struct place *place, go_fn go)
{
    int r = begin();

    if (r == 0)
        r = mount_writable(place->volume);
    return r < 0 ? r : go_at(place, go, place->volume);
}

/* Binds `path` at the spot, writable, and goes there. */
static int bind_and_go(struct place *place, go_fn go, const char *path, unsigned long flags)
{
    int r = begin();

    if (r == 0)
        r = outcome(mount(path, spot, NULL, MS_BIND | flags, NULL));
    if (r == 0)
        r = mount_writable(spot);
    return r < 0 ? r : go_at(place, go, spot);
}

static int take_bind(struct place *place, go_fn go)
{
    return bind_and_go(place, go, place->volume, 0);
}

static int take_recursive_bind(struct place *place, go_fn go)
{
    return bind_and_go(place, go, place->volume, MS_REC);
}

static int take_bind_inner(struct place *place, go_fn go)
{
    char path[PROC_PATH_MAX];

    snprintf(path, sizeof(path), "%s/inner", place->volume);
    place->below = true;
    return bind_and_go(place, go, path, 0);
}

static int take_shared(struct place *place, go_fn go)
{
    int r = begin();

    if (r == 0)
        r = outcome(mount(place->volume, spot, NULL, MS_BIND, NULL));
    if (r == 0)
        r = outcome(mount(NULL, spot, NULL, MS_SHARED, NULL));
    if (r == 0)
        r = mount_writable(spot);
    return r < 0 ? r : go_at(place, go, spot);
}

/* A mount that is nowhere. */
static int detached(const char *path)
{
    struct mount_attr attributes = {.attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                                MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (fd >= 0 &&
        syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int take_open_tree(struct place *place, go_fn go)
{
    int r = begin();
    int fd = r < 0 ? -1 : detached(place->volume);

    if (fd < 0)
        return r < 0 ? r : -errno;
    place->dir = fd;
    go(place);
    close(fd);
    return 0;
}

static int take_move_mount(struct place *place, go_fn go)
{
    int r = begin();
    int fd = r < 0 ? -1 : detached(place->volume);

    if (fd < 0)
        return r < 0 ? r : -errno;
    r = outcome(syscall(SYS_move_mount, fd, "", AT_FDCWD, spot, MOVE_MOUNT_F_EMPTY_PATH));
    close(fd);
    return r < 0 ? r : go_at(place, go, spot);
}

static int take_moved(struct place *place, go_fn go)
{
    int r = begin();

    if (r == 0)
        r = mount_writable(place->volume);
    if (r == 0)
        r = outcome(mount(place->volume, spot, NULL, MS_MOVE, NULL));
    return r < 0 ? r : go_at(place, go, spot);
}

static int take_unmounted(struct place *place, go_fn go)
{
    int r = begin();
    int fd;

    if (r == 0)
        r = mount_writable(place->volume);
    if (r < 0)
        return r;
    fd = open(place->volume, OPEN_DIRECTORY);
    if (fd < 0)
        return -errno;
    r = outcome(umount2(place->volume, UNMOUNT_DETACH));
    if (r == 0) {
        place->dir = fd;
        go(place);
    }
    close(fd);
    return r;
}

/* The volume as the root: what was the root lies on top, and goes. */
static int take_pivot(struct place *place, go_fn go)
{
    int proc = open("/proc/self", OPEN_DIRECTORY);
    int r = begin();

    if (r == 0)
        r = mount_writable(place->volume);
    if (r == 0)
        r = outcome(chdir(place->volume));
    if (r == 0)
        r = outcome(syscall(SYS_pivot_root, ".", "."));
    if (r == 0)
        r = outcome(umount2(".", UNMOUNT_DETACH));
    if (r == 0)
        r = outcome(chdir("/"));
    if (r == 0) {
        place->dir = AT_FDCWD;
        go(place);
    }
    close(proc);
    return r;
}

/* The volume with something mounted on it. */
static int take_beneath(struct place *place, go_fn go)
{
    int r = begin();
    int fd;

    if (r == 0)
        r = mount_writable(place->volume);
    if (r < 0)
        return r;
    fd = open(place->volume, OPEN_DIRECTORY);
    if (fd < 0)
        return -errno;
    r = outcome(mount("escape", place->volume, "tmpfs", 0, NULL));
    if (r == 0) {
        place->dir = fd;
        go(place);
    }
    close(fd);
    return r;
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        "mounts", #name, take_##name, 0                                                            \
    }
const struct route routes_mount[] = {
    ROW(namespace),
    ROW(bind),
    ROW(recursive_bind),
    ROW(bind_inner),
    ROW(shared),
    ROW(open_tree),
    ROW(move_mount),
    ROW(moved),
    ROW(unmounted),
    {"mounts", "beneath", take_beneath, ENOENT}, /* after ".." */
    {"mounts", "pivot", take_pivot, ENOENT},     /* of /proc */
};
const size_t routes_mount_count = sizeof(routes_mount) / sizeof(*routes_mount);
