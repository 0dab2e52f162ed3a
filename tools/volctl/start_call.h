/*
 * Telling the daemon that a container has started, while something else goes on: it may take long,
 * as a copy may be due first, that a crash stopped.
 */
#pragma once

#include "catalog/error.h"
#include "tools/volctl/volctl.h"

#include <sys/types.h>

struct start_call; /* opaque: a call in a thread of its own */

/* NULL: out of memory. The call has volctl's client from here on. */
struct start_call *start_call_begin(struct volctl *volctl, const char *id, pid_t pid);

/* Can be read once there is an answer. */
int start_call_fd(const struct start_call *call);

/* Waits for the answer, and gives the client back. As call_daemon(). */
int start_call_end(struct start_call *call, struct volctl *volctl, struct error *e);

/* Nobody waits for it any more; it goes on, on its own connection, as long as this process does. */
void start_call_leave(struct start_call *call);
