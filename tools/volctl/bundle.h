/*
 * The configuration that an OCI runtime is given for a container. Pure: JSON in, JSON out.
 * Formats: opencontainers/runtime-spec 1.0.2 (config.md, config-linux.md); defaults: moby
 * oci/defaults.go, oci/caps, and `runc spec`.
 */
#pragma once

#include "catalog/error.h"
#include "tools/volctl/user.h"

#include <jansson.h>
#include <stdbool.h>

/* What is here, which is not everywhere the same. */
struct bundle_host {
    unsigned rows, columns; /* of our terminal, 0: not known */
    bool cgroup_mount;      /* control groups are mounted where the runtimes look for them */
    bool cgroup_namespace;  /* there are namespaces of these */
    bool mqueue;            /* there are POSIX message queues */
};

struct bundle {
    const json_t *container; /* CONTAINER of the API, with a Process */
    const json_t *sources;   /* by index of its Mounts: what to mount instead of Source, or null */
    const struct user *user;
    const struct bundle_host *host;
    const char *hook[2]; /* run before the command, with the state on its input: path, argument */
};

/*
 * config.json, owned by the caller. ERROR_REQUEST_INVALID if the container's fields are not as the
 * API has them; -ENOMEM.
 */
int bundle_config(const struct bundle *bundle, json_t **out, struct error *e);
