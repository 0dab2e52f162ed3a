/*
 * Who runs a container: the engine, the name it has there, and where its runtime keeps its state.
 */
#pragma once

#include "catalog/name.h"
#include "tools/hook/bundle.h"

#include <limits.h>

struct engine {
    const char *runtime;            /* "podman", "cri-o", "nerdctl", "containerd", else "oci" */
    char name[NAME_MAX_LENGTH + 1]; /* "": none, or none that is a name here */
    char state_directory[PATH_MAX]; /* "": none was found */
};

/* What the annotations say. Pure. */
void engine_read_annotations(const struct bundle *bundle, struct engine *out);

/*
 * What is to be seen of the runtime that called us while it makes the container `id`: its state
 * directory, and the name that podman's monitor was given.
 */
void engine_look_around(const char *id, struct engine *engine);

/*
 * The value of an option on a command line as /proc/PID/cmdline has it, written "LONG VALUE" or
 * "LONG=VALUE"; NULL: not there. The first one counts. Pure.
 */
const char *engine_find_option(const char *cmdline, size_t length, const char *option);
