/* Hearing that a container is there; see hook_socket.h. Nothing in here waits. */
#include "tools/volctl/hook_socket.h"

#include "catalog/cleanup.h"
#include "tools/volctl/call.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { BACKLOG = 4 };

static void fd_end(int *fd)
{
    close_p(fd);
    *fd = -1;
}

/* By the directory's descriptor: its path may be longer than a socket's can be. */
int hook_socket_open(struct hook_socket *hook, int directory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(close_p) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", directory,
             HOOK_SOCKET);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, BACKLOG) < 0)
        return -errno;
    hook->listener = steal_fd(&fd);
    return 0;
}

void hook_socket_close(struct hook_socket *hook)
{
    fd_end(&hook->listener);
    fd_end(&hook->peer);
}

int hook_socket_fd(const struct hook_socket *hook)
{
    return hook->peer < 0 ? hook->listener : hook->peer;
}

static void peer_accept(struct hook_socket *hook)
{
    _cleanup_(close_p) int fd = accept4(hook->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ||
        peer.uid != geteuid())
        return;
    hook->peer = steal_fd(&fd);
}

static void peer_answer(struct hook_socket *hook, char word, const char *text)
{
    char message[HOOK_ANSWER_MAX];
    int length = snprintf(message, sizeof(message), "%c%s", word, text);

    if (length >= (int)sizeof(message))
        length = (int)sizeof(message) - 1;
    (void)!send(hook->peer, message, (size_t)length, MSG_NOSIGNAL); /* it may be gone */
    fd_end(&hook->peer);
}

/* NULL; or what is wrong with it. */
static const char *state_read(const char *text, size_t length, const char *id, pid_t *pid)
{
    _cleanup_(json_decref_p) json_t *state = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    int64_t number = field_number(state, "pid");

    if (!state)
        return "the runtime's state is no JSON";
    if (strcmp(field_text(state, "id"), id) != 0)
        return "the runtime's state is another container's";
    if (number <= 1 || number > INT_MAX)
        return "the runtime's state has no pid";
    *pid = (pid_t)number;
    return NULL;
}

static pid_t peer_hear(struct hook_socket *hook, const char *id)
{
    char text[HOOK_STATE_MAX];
    ssize_t length = recv(hook->peer, text, sizeof(text), MSG_TRUNC);
    const char *wrong;
    pid_t pid = 0;

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (length <= 0) {
        fd_end(&hook->peer);
        return 0;
    }
    wrong = length > HOOK_STATE_MAX ? "the runtime's state is too large"
                                    : state_read(text, (size_t)length, id, &pid);
    if (wrong)
        peer_answer(hook, HOOK_STOP, wrong);
    return pid;
}

pid_t hook_socket_take(struct hook_socket *hook, const char *id)
{
    if (hook->peer >= 0)
        return peer_hear(hook, id);
    peer_accept(hook);
    return hook->peer < 0 ? 0 : peer_hear(hook, id);
}

void hook_socket_answer(struct hook_socket *hook, int r, const struct error *e)
{
    const char *why = r < 0 ? strerror(-r) : error_code_name(r);

    peer_answer(hook, r ? HOOK_STOP : HOOK_GO, r == 0 ? "" : *e->text ? e->text : why);
    hook_socket_close(hook);
}
