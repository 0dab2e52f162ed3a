/*
 * The OCI runtime that containers are run with, and what of the host matters to it.
 */
#pragma once

#include "tools/volctl/bundle.h"

#include <limits.h>

struct runtime {
    char path[PATH_MAX];
};

/*
 * `wanted`: a name or a path, "" or NULL for any: what $VOLUMEFS_RUNTIME says, else crun, else
 * runc, whichever is there and can work with this host's control groups. No program is run for
 * that. ERROR_NOT_FOUND: there is none; the text says what to install.
 */
int runtime_find(const char *wanted, struct runtime *out, struct error *e);

/* The part of its path behind the last slash: its state is kept under this name. */
const char *runtime_name(const struct runtime *runtime);

void runtime_look_at_host(struct bundle_host *out);
