/*
 * A container's directory while it runs, BASE/bundles/ID, BASE being where the daemon's socket is:
 *
 *   config.json   for the runtime        runtime       which one it is (a path)
 *   pid           by the runtime, once   runtime.log   what it had to say
 *                 the command runs       mounts/N      places to hold a mount for a moment (pin.h)
 *   hook          a socket (hook_socket.h)
 *   log           what a container in the background has printed; the one before it: log.1
 *
 * Root's alone. Who runs the container holds a lock on it for as long; so what nobody holds is a
 * leftover.
 */
#pragma once

#include "catalog/error.h"

#include <limits.h>
#include <stdbool.h>

struct bundle_dir {
    int fd;            /* −1: none */
    char *base, *path; /* owned; path is BASE/bundles/ID */
};
#define BUNDLE_DIR_INIT                                                                            \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/*
 * Makes or takes over the directory of container `id`, and locks it. Waits some seconds for whoever
 * ends a run of it. ERROR_IN_USE: somebody runs it; ERROR_DENIED: not root.
 */
int bundle_dir_make(const char *socket, const char *id, struct bundle_dir *out, struct error *e);

/* Clears away what a run left of which everybody was killed; the container must not run. */
int bundle_dir_renew(struct bundle_dir *dir, struct error *e);

/* A new file with that text. */
int bundle_dir_write(const struct bundle_dir *dir, const char *name, const char *text,
                     struct error *e);
/* What is in a file, up to `size` - 1 bytes; "" where there is none. */
void bundle_dir_read(const struct bundle_dir *dir, const char *name, char *out, unsigned long size);
bool bundle_dir_has(const struct bundle_dir *dir, const char *name);

/* Has the runtime delete what it has kept of the container, which is killed if it runs. */
void bundle_dir_forget(const struct bundle_dir *dir);

/*
 * Removes what is in it, and the directory, whose fd is closed, unless `keep_log` and there is
 * something in the log.
 */
void bundle_dir_clear(struct bundle_dir *dir, bool keep_log);

/* Removes it if there is nothing in it. */
void bundle_dir_leave(struct bundle_dir *dir);

/* For a container that is removed: all goes. `wait`: for a volctl that is at its end there, some
 * seconds at most; what somebody has then is left. */
void bundle_dir_clear_leftover(const char *socket, const char *id, bool wait);

/* Every container's id that has a directory there. What `visit` returns ends it, if it is not 0. */
int bundle_dir_each(const char *socket, int (*visit)(void *context, const char *id), void *context);

void bundle_dir_deinit(struct bundle_dir *dir); /* closes it and nothing else */

/* Where the runtimes keep their state, by the runtime's name. A new string; NULL: out of memory. */
char *bundle_dir_state_root(const struct bundle_dir *dir, const char *runtime);
