/*
 * How a run ended: the exit status that `docker run` has for it, and what went wrong in words.
 */
#pragma once

#include "catalog/error.h"
#include "tools/volctl/volctl.h"

/* What an OCI runtime left behind. */
struct ending {
    bool started;         /* the command ran */
    int status;           /* as of wait(2), of the runtime */
    const char *log;      /* its log, a JSON object a line; "" */
    const char *messages; /* what else it said on its standard error; "" */
};

/*
 * The command's own exit status (128 + n: ended by signal n) with 0 in *r; or, with an error in *r
 * and its text in `e`, EXIT_RUN_NOT_FOUND, EXIT_RUN_CANNOT or EXIT_RUN_FAILED. Pure. `runtime` and
 * `rootfs` are for the text.
 */
int outcome_read(const struct ending *ending, const char *runtime, const char *rootfs, int *r,
                 struct error *e);
