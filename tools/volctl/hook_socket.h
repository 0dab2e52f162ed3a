/*
 * Where a run hears from its hook (hook.c) that the container is there: a socket in the run's
 * directory, which is root's alone. The hook sends the state that the runtime gave it, as it is,
 * and waits for the answer: a byte, HOOK_GO or HOOK_STOP, and after the latter the text of an
 * error. A message is one of SOCK_SEQPACKET.
 *
 * The hook does not call the daemon itself because it is in the way of every start, and a program
 * with an HTTP client takes milliseconds to load; we have one, and a connection.
 */
#pragma once

#include "catalog/error.h"

#include <sys/types.h>

#define HOOK_SOCKET "hook"

enum {
    HOOK_STATE_MAX = 64 << 10,
    HOOK_ANSWER_MAX = 1 + ERROR_TEXT_MAX,
    HOOK_GO = '+',
    HOOK_STOP = '-',
};

/* −1: none. */
struct hook_socket {
    int listener;
    int peer; /* a hook that is to be heard, or answered */
};
#define HOOK_SOCKET_INIT                                                                           \
    {                                                                                              \
        .listener = -1, .peer = -1                                                                 \
    }

/* Listens in a directory. 0 or negative errno. */
int hook_socket_open(struct hook_socket *hook, int directory);

/* What can be read when there is something to take; −1: nothing will come any more. */
int hook_socket_fd(const struct hook_socket *hook);

/*
 * Takes what is there. The process of container `id`, for which an answer is due; or 0: nothing
 * yet. Who is not of our user, or has something else to say, is turned away.
 */
pid_t hook_socket_take(struct hook_socket *hook, const char *id);

/* `r` 0: the command may run; else why not, as volctl_report() says it. Nobody is heard after. */
void hook_socket_answer(struct hook_socket *hook, int r, const struct error *e);

void hook_socket_close(struct hook_socket *hook);
