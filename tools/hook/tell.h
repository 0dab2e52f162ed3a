/*
 * Telling the daemon of a container's life (fs/api/README.md). It takes an HTTP client, whose
 * libraries take longer to load than all the rest does: that is a program of its own, which takes
 * the place of this one.
 *
 *   volumefs-oci-tell SOCKET SECONDS ID start|end TEXT <BODY
 *
 * If the daemon cannot be told, it says "TEXT: why", and its exit status is the hook's.
 */
#pragma once

#include "catalog/error.h"
#include "tools/hook/bundle.h"
#include "tools/hook/engine.h"
#include "tools/hook/ours.h"

struct daemon {
    const char *socket;
    int limit_s; /* for the call in all */
};

enum tell_argument {
    TELL_PROGRAM,
    TELL_SOCKET,
    TELL_SECONDS,
    TELL_ID,
    TELL_VERB,
    TELL_TEXT,
    TELL_ARGUMENTS
};

enum { TELL_BODY_MAX = 16 << 20 };

/*
 * Tell that the container starts, with the mounts in volumes that it has; that it has ended. They
 * return only if the program cannot be run: negative errno, or ERROR_NOT_FOUND;
 * ERROR_REQUEST_INVALID if a path cannot be told. `text` is what it is to say.
 */
int tell_start(const struct daemon *daemon, const struct state *state, const struct engine *engine,
               const struct ours *ours, const char *text, struct error *e);
int tell_end(const struct daemon *daemon, const struct state *state, const char *text,
             struct error *e);
