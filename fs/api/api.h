/*
 * The control API, and the volume plugin protocol of engines: HTTP and JSON on a unix socket each,
 * in the daemon's process. http.c adapts the library, routes.c and plugin.c have the tables,
 * codec*.c know JSON. Nothing here decides: every route calls a use case of fs/volume.h.
 */
#pragma once

#include "catalog/error.h"
#include "fs/status.h"
#include "fs/volume.h"

struct api; /* opaque */

enum api_protocol {
    API_CONTROL, /* routes.c */
    API_PLUGIN,  /* plugin.c: engines' volume plugins */
};

struct api_config {
    enum api_protocol protocol;
    const char *socket_path; /* made 0660, group `group` if that exists; a stale one is replaced */
    const char *group;       /* "volumefs"; NULL: the daemon's own group */
    int inherited_fd; /* a socket of a service manager, taken over, in place of the path; 0: none */
    struct volumes *volumes;
    void (*status)(void *context, struct daemon_status *out);
    void *context;
};

/* Serves from threads of its own. ERROR_LOCKED: a live daemon answers on the socket. */
int api_start(struct api **out, const struct api_config *config, struct error *e);
struct api *api_stop(struct api *api); /* finishes what is under way, unlinks the socket */
