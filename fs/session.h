/*
 * A session: one mounted tree, its FUSE connection and the threads that serve
 * it. The request handlers are in ops_*.c; this header is what main.c sees.
 */
#pragma once

#include "catalog/error.h"
#include "fs/status.h"
#include "fs/volume.h"
#include "fs/workers.h"

struct session; /* opaque */

struct session_config {
    const char *mountpoint;
    const char *source; /* as it was given, NULL: none; see mount_source */
    const char *
        mount_options; /* for the kernel, comma-separated, may be NULL: ro, context=…, nonempty … */
    bool privileged;        /* root of the first user namespace */
    bool allow_passthrough; /* false: by ordinary reads and writes, for comparison */
    struct workers_config workers;
};

/*
 * Whether a tree can be mounted here: a directory, empty or with `nonempty` in the options, no
 * volumefs on it. What a killed daemon left there is taken off. The store is looked at after this,
 * as a dead mount in its way answers nothing.
 */
int session_check_place(const struct session_config *config, struct error *e);

/*
 * Prepares the connection, starts the threads, then mounts: when the tree can
 * be seen it answers.
 */
int session_start(struct session **out, struct volumes *volumes,
                  const struct session_config *config, struct error *e);

/* Readable (poll) when the session has ended by itself: unmounted or aborted from outside. */
int session_end_fd(const struct session *session);

enum session_unmount {
    SESSION_UNMOUNTED = 0, /* the connection has ended, nobody uses the tree */
    SESSION_BUSY = 1,      /* detached from its place, but still used from elsewhere */
};
int session_unmount(struct session *session);
/* Waits until the connection has ended, at most `ms`. True if it has. */
bool session_wait_end(struct session *session, int ms);

/* Stops the threads and releases everything; what is still mounted then is dead. Returns NULL. */
struct session *session_stop(struct session *session);

void session_status(struct session *session, struct daemon_status *out);
