/*
 * Running a container that is recorded, as `run` and `start` do.
 */
#pragma once

#include "tools/volctl/volctl.h"

#include <jansson.h>

struct launch {
    struct volctl *volctl;
    const json_t *container; /* of the API */
    const char *runtime;     /* a name or a path, NULL: any */
    bool made;               /* just now, for this run */
    bool input;              /* it reads our standard input, if in the foreground */
};

/* To its end. The command's exit status, or an EXIT_RUN_… after a report. */
int launch_foreground(const struct launch *launch);

/* Until its command runs; another process goes on. EXIT_OK, or an EXIT_RUN_… after a report. */
int launch_background(const struct launch *launch);

/* ERROR_EXISTS if it runs, says the daemon. */
int launch_check_state(const char *key, const json_t *container, struct error *e);

/* Reports what kept it from being run. EXIT_RUN_FAILED. */
int launch_report(int r, const struct error *e);
