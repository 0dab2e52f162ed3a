/* Ways by paths and descriptors, in the mount that the container was given. */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPEN_DIRECTORY = O_PATH | O_DIRECTORY | O_CLOEXEC };

/* Goes with a descriptor, which is then closed. */
static int go_with(struct place *place, go_fn go, int fd)
{
    if (fd < 0)
        return -errno;
    place->dir = fd;
    go(place);
    close(fd);
    return 0;
}

static int take_path(struct place *place, go_fn go)
{
    return go_with(place, go, open(place->volume, OPEN_DIRECTORY));
}

static int take_inner(struct place *place, go_fn go)
{
    char path[PROC_PATH_MAX];

    snprintf(path, sizeof(path), "%s/inner", place->volume);
    place->below = true;
    return go_with(place, go, open(path, OPEN_DIRECTORY));
}

static int take_held(struct place *place, go_fn go)
{
    place->dir = place->held;
    go(place);
    return 0;
}

static int take_held_inner(struct place *place, go_fn go)
{
    if (place->held_inner < 0)
        return NOT_HERE;
    place->dir = place->held_inner;
    place->below = true;
    go(place);
    return 0;
}

static int take_openat2(struct place *place, go_fn go)
{
    struct open_how how = {.flags = OPEN_DIRECTORY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd;

    do
        fd = (int)syscall(SYS_openat2, place->held, "inner/../inner", &how, sizeof(how));
    while (fd < 0 && errno == EAGAIN); /* something was renamed meanwhile, anywhere */
    place->below = true;
    return go_with(place, go, fd);
}

static int take_fchdir(struct place *place, go_fn go)
{
    if (fchdir(place->held) < 0)
        return -errno;
    place->dir = AT_FDCWD;
    go(place);
    return 0;
}

static int take_proc_descriptor(struct place *place, go_fn go)
{
    char path[PROC_PATH_MAX];

    return go_with(place, go, open(proc_path(path, place->held, ""), OPEN_DIRECTORY));
}

static int take_proc_directory(struct place *place, go_fn go)
{
    if (fchdir(place->held) < 0)
        return -errno;
    return go_with(place, go, open("/proc/self/cwd", OPEN_DIRECTORY));
}

static int take_chroot(struct place *place, go_fn go)
{
    int proc = open("/proc/self", OPEN_DIRECTORY);
    int r;

    if (proc < 0 || chroot(place->volume) < 0)
        return -errno;
    r = go_with(place, go, openat(proc, "root", OPEN_DIRECTORY));
    close(proc);
    return r;
}

static int take_up_and_down(struct place *place, go_fn go)
{
    char path[PROC_PATH_MAX];

    snprintf(path, sizeof(path), "%s/../%s/./inner/..", place->volume,
             strrchr(place->volume, '/') + 1);
    return go_with(place, go, open(path, OPEN_DIRECTORY));
}

/* Sent over a socket and taken from there. */
static int receive(int from)
{
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    int fd;

    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
        return -1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

static bool deliver(int to, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    *header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    return sendmsg(to, &message, 0) == 1;
}

static int take_passed(struct place *place, go_fn go)
{
    int ends[2], fd = -1;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return NOT_HERE;
    if (deliver(ends[0], place->held))
        fd = receive(ends[1]);
    close(ends[0]);
    close(ends[1]);
    return go_with(place, go, fd);
}

static int take_tree(struct place *place, go_fn go)
{
    if (place->tree < 0)
        return NOT_HERE;
    place->outside = place->outside_tree;
    return go_with(place, go, openat(place->tree, place->tree_volume, OPEN_DIRECTORY));
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        "paths", #name, take_##name, 0                                                             \
    }
const struct route routes_path[] = {
    ROW(path),
    ROW(inner),
    ROW(openat2),
    ROW(fchdir),
    ROW(proc_descriptor),
    ROW(proc_directory),
    ROW(passed),
    ROW(up_and_down),
    ROW(tree),
    {"paths", "chroot", take_chroot, ENOENT}, /* of /proc */
    {"descriptors", "held", take_held, 0},
    {"descriptors", "held_inner", take_held_inner, 0},
};
const size_t routes_path_count = sizeof(routes_path) / sizeof(*routes_path);
