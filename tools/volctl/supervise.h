/*
 * A run from the start of the OCI runtime to its end.
 */
#pragma once

#include "tools/volctl/bundle_dir.h"
#include "tools/volctl/runtime.h"
#include "tools/volctl/volctl.h"

#include <sys/types.h>

enum { SUPERVISE_MESSAGES_MAX = 4096, SUPERVISE_LOG_MAX = 64 << 10 };

struct supervised {
    struct volctl *volctl; /* to tell the daemon of the start, before the command runs */
    const struct runtime *runtime;
    const struct bundle_dir *dir;
    const char *id;
    bool input;      /* the container reads our standard input */
    bool terminal;   /* it has a terminal, which is connected with ours */
    bool background; /* it has no streams of ours: what it prints goes to the log */
    /* Told once, when the command runs. */
    void (*started)(void *context);
    void *context;
};

struct supervise_result {
    bool started;
    int status;  /* as of wait(2) */
    int refusal; /* why the daemon was not told, or would not have it */
    struct error why;
    char log[SUPERVISE_LOG_MAX];           /* of the runtime */
    char messages[SUPERVISE_MESSAGES_MAX]; /* on its standard error, before the command ran */
};

/*
 * Runs it, and passes on every signal that this process gets meanwhile. 0, or negative errno if it
 * could not be started at all.
 */
int supervise_run(const struct supervised *supervised, struct supervise_result *out);
