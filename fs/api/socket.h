/*
 * The listening unix socket of a service, and who may use it.
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

/* {.fd = -1} is empty. */
struct api_socket {
    int fd;
    gid_t group; /* that may connect */
    dev_t device;
    ino_t inode; /* of the path, to tell it is still ours */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/*
 * Binds and listens on `path`, mode 0660, group `group` (NULL, or unknown here:
 * the daemon's own). Makes the parent directory (0755) if it is missing;
 * replaces a socket on which nobody answers. ERROR_LOCKED: somebody answers, or is
 * starting (holds PATH.lock). ERROR_EXISTS: something that is no socket is there.
 * ERROR_OPTION_INVALID: the path is too long or not absolute.
 */
int api_socket_open(struct api_socket *out, const char *path, const char *group, struct error *e);

/*
 * Serves on `fd`, which listens already (a service manager's) and stays there when this ends: its
 * path is not unlinked. The descriptor is taken over. ERROR_OPTION_INVALID: it is no listening unix
 * socket with a path; `path` is for texts then.
 */
int api_socket_adopt(struct api_socket *out, int fd, const char *path, const char *group,
                     struct error *e);
/* The path a unix socket is bound to; "" for none, or another kind. */
void api_socket_path(int fd, char out[sizeof(((struct sockaddr_un *)0)->sun_path) + 1]);

/* False: there is no such group (or it cannot be found out). */
bool api_group_find(const char *name, gid_t *out);

/* Unlinks the path if it is still this socket. */
void api_socket_unlink(struct api_socket *socket);
void api_socket_deinit(struct api_socket *socket); /* closes, if not handed over */

/*
 * Whether the process at the other end of `fd` may ask: root, the daemon's own
 * user, or a member of `group` (by its credentials at the time it connected). *pid: its id, 0 where
 * that is of another pid namespace.
 */
bool api_socket_peer_allowed(int fd, gid_t group, pid_t *pid);
bool api_socket_peer_is_root(int fd);
