/*
 * The unix socket of a service.
 *
 * Hides: how a stale socket is told from one that is served. Two daemons that
 * start at once take turns by a lock on PATH.lock, which is there only so long
 * and which nobody else may open: whoever can open a file can hold its lock, so
 * a lock on the parent directory would let any user keep the daemon from
 * starting. The socket has its mode before it has a name (fchmod before bind),
 * so that there is no time in which everybody may connect.
 */
#include "fs/api/socket.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    SOCKET_MODE = 0660,
    TURN_SECONDS = 3, /* that another start may take */
    TURN_PAUSE_NS = 20 * 1000 * 1000,
    PEER_GROUPS_MAX = 65536, /* NGROUPS_MAX of Linux */
    GROUP_BUFFER_SIZE = 64 << 10,
};

static struct sockaddr_un address_of(const struct api_socket *socket)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, socket->path, sizeof(address.sun_path));
    return address;
}

/* ---- taking turns --------------------------------------------------------- */

/* The lock on PATH.lock; {.fd = -1} is none. */
struct turn {
    int fd;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof(".lock")];
};

static void turn_deinit(struct turn *turn)
{
    if (turn->fd >= 0)
        unlink(turn->path); /* while it is held: nobody else can believe to have this one */
    close_p(&turn->fd);
    turn->fd = -1;
}

static int parent_make(const char *path, struct error *e)
{
    char parent[sizeof(((struct sockaddr_un *)0)->sun_path)];
    char *slash;

    snprintf(parent, sizeof(parent), "%s", path);
    slash = strrchr(parent, '/');
    *(slash == parent ? slash + 1 : slash) = 0;
    if (mkdir(parent, 0755) < 0 && errno != EEXIST)
        return error_set_errno(e, -errno, "directory %s of the socket cannot be made", parent);
    return 0;
}

/* turn->fd stays -1 where somebody has the lock, or had it and took the file away. */
static int turn_try(struct turn *turn, struct error *e)
{
    _cleanup_(close_p) int fd =
        open(turn->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    struct stat st;
    struct stat now;

    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(e, -errno, "lock %s cannot be opened", turn->path);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
        return error_set(e, ERROR_EXISTS,
                         "%s is not the daemon's own file; remove it or choose another socket",
                         turn->path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? 0
                   : error_set_errno(e, -errno, "lock %s cannot be taken", turn->path);
    if (lstat(turn->path, &now) < 0 || now.st_dev != st.st_dev || now.st_ino != st.st_ino)
        return 0;
    turn->fd = steal_fd(&fd);
    return 0;
}

static int turn_take(struct turn *turn, const char *path, struct error *e)
{
    static const struct timespec pause = {.tv_nsec = TURN_PAUSE_NS};

    snprintf(turn->path, sizeof(turn->path), "%s.lock", path);
    for (int i = 0; i <= TURN_SECONDS * (1000000000 / TURN_PAUSE_NS); i++) {
        int r = turn_try(turn, e);

        if (r || turn->fd >= 0)
            return r;
        nanosleep(&pause, NULL);
    }
    return error_set(e, ERROR_LOCKED,
                     "another daemon has been starting on %s for %d s (it holds %s); stop it, or "
                     "try again",
                     path, TURN_SECONDS, turn->path);
}

/* ---- the socket ----------------------------------------------------------- */

/* 1: somebody answers on the path; 0: nobody; negative errno. */
static int somebody_answers(const struct api_socket *socket_at)
{
    _cleanup_(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = address_of(socket_at);

    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return 1;
    if (errno == EAGAIN || errno == EINPROGRESS || errno == EPROTOTYPE)
        return 1; /* a full queue, or another kind of server */
    return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

static int stale_remove(const struct api_socket *socket, struct error *e)
{
    struct stat st;
    int r;

    if (lstat(socket->path, &st) < 0)
        return errno == ENOENT
                   ? 0
                   : error_set_errno(e, -errno, "socket %s cannot be examined", socket->path);
    if (!S_ISSOCK(st.st_mode))
        return error_set(e, ERROR_EXISTS,
                         "%s exists and is not a socket; remove it or choose another path",
                         socket->path);
    r = somebody_answers(socket);
    if (r < 0)
        return error_set_errno(e, r, "socket %s cannot be probed", socket->path);
    if (r > 0)
        return error_set(e, ERROR_LOCKED,
                         "another daemon answers on %s; stop it or choose another socket",
                         socket->path);
    if (unlink(socket->path) < 0 && errno != ENOENT)
        return error_set_errno(e, -errno, "stale socket %s cannot be removed", socket->path);
    return 0;
}

bool api_group_find(const char *name, gid_t *out)
{
    char *buffer = malloc(GROUP_BUFFER_SIZE);
    struct group group;
    struct group *found = NULL;

    if (buffer && getgrnam_r(name, &group, buffer, GROUP_BUFFER_SIZE, &found) == 0 && found)
        *out = found->gr_gid;
    free(buffer);
    return found;
}

static int socket_bind(struct api_socket *out, struct error *e)
{
    struct sockaddr_un address = address_of(out);
    struct stat st;

    out->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out->fd < 0)
        return error_set_errno(e, -errno, "a socket cannot be made");
    if (fchmod(out->fd, SOCKET_MODE) < 0 ||
        bind(out->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set_errno(e, -errno, "socket %s cannot be bound", out->path);
    if (lstat(out->path, &st) < 0)
        return error_set_errno(e, -errno, "socket %s cannot be examined", out->path);
    out->device = st.st_dev;
    out->inode = st.st_ino;
    return 0;
}

/* The umask may have cut the mode; the group comes first, as it decides whom the mode admits. */
static int socket_admit(const struct api_socket *socket, struct error *e)
{
    if (lchown(socket->path, (uid_t)-1, socket->group) < 0 ||
        chmod(socket->path, SOCKET_MODE) < 0 || listen(socket->fd, SOMAXCONN) < 0)
        return error_set_errno(e, -errno, "socket %s cannot be opened to its group", socket->path);
    return 0;
}

int api_socket_open(struct api_socket *out, const char *path, const char *group, struct error *e)
{
    _cleanup_(turn_deinit) struct turn turn = {.fd = -1};
    int r;

    *out = (struct api_socket){.fd = -1};
    if (path[0] != '/' || strlen(path) >= sizeof(out->path))
        return error_set(e, ERROR_OPTION_INVALID,
                         "socket path '%s' must be absolute and shorter than %zu bytes", path,
                         sizeof(out->path));
    memcpy(out->path, path, strlen(path) + 1);
    if (!group || !api_group_find(group, &out->group))
        out->group = getegid();
    r = parent_make(path, e);
    if (r == 0)
        r = turn_take(&turn, path, e);
    if (r == 0)
        r = stale_remove(out, e);
    if (r == 0)
        r = socket_bind(out, e);
    if (r == 0)
        r = socket_admit(out, e);
    if (r != 0) {
        api_socket_unlink(out);
        api_socket_deinit(out);
    }
    return r;
}

void api_socket_path(int fd, char out[sizeof(((struct sockaddr_un *)0)->sun_path) + 1])
{
    struct sockaddr_un address = {0};
    socklen_t size = sizeof(address);

    out[0] = 0;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 || size > sizeof(address) ||
        address.sun_family != AF_UNIX)
        return;
    memcpy(out, address.sun_path, sizeof(address.sun_path)); /* may fill it, without a NUL */
    out[sizeof(address.sun_path)] = 0;
}

static bool is_listening(int fd)
{
    int value = 0;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value;
}

int api_socket_adopt(struct api_socket *out, int fd, const char *path, const char *group,
                     struct error *e)
{
    char bound[sizeof(out->path) + 1];
    int r = 0;

    *out = (struct api_socket){.fd = fd};
    api_socket_path(fd, bound);
    if (bound[0] != '/' || strlen(bound) >= sizeof(out->path) || !is_listening(fd))
        r = error_set(e, ERROR_OPTION_INVALID,
                      "descriptor %d for %s is no listening unix socket with a path", fd, path);
    if (r == 0) {
        memcpy(out->path, bound, sizeof(out->path));
        if (!group || !api_group_find(group, &out->group))
            out->group = getegid();
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
            r = error_set_errno(e, -errno, "socket %s cannot be served", out->path);
    }
    if (r == 0)
        r = socket_admit(out, e);
    if (r != 0)
        api_socket_deinit(out);
    return r;
}

void api_socket_unlink(struct api_socket *socket)
{
    struct stat st;

    if (socket->inode && lstat(socket->path, &st) == 0 && st.st_dev == socket->device &&
        st.st_ino == socket->inode)
        unlink(socket->path);
    socket->inode = 0;
}

void api_socket_deinit(struct api_socket *socket)
{
    close_p(&socket->fd);
    socket->fd = -1;
}

/* The supplementary groups of the peer. */
static bool peer_has_group(int fd, gid_t group)
{
    _cleanup_(free_p) gid_t *groups = NULL;
    socklen_t size = 64 * sizeof(*groups);

    for (;;) {
        gid_t *grown = realloc(groups, size);

        if (!grown)
            return false;
        groups = grown;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0)
            break;
        if (errno != ERANGE || size > PEER_GROUPS_MAX * sizeof(*groups))
            return false;
    }
    for (size_t i = 0; i < size / sizeof(*groups); i++)
        if (groups[i] == group)
            return true;
    return false;
}

bool api_socket_peer_allowed(int fd, gid_t group, pid_t *pid)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || size != sizeof(peer))
        return false;
    *pid = peer.pid;
    return peer.uid == 0 || peer.uid == geteuid() || peer.gid == group || peer_has_group(fd, group);
}

bool api_socket_peer_is_root(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && size == sizeof(peer) &&
           peer.uid == 0;
}
