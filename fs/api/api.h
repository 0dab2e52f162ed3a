/*
 * The control API: HTTP and JSON on a unix socket, in the daemon's process.
 * http.c adapts the library, routes.c has the table, codec.c knows JSON.
 * Nothing here decides: every route calls a use case of fs/volume.h.
 */
#pragma once

#include "catalog/error.h"
#include "fs/status.h"
#include "fs/volume.h"

struct api; /* opaque */

struct api_config {
    const char *socket_path; /* made 0660, group `group` if that exists; a stale one is replaced */
    const char *group;       /* "volumefs"; NULL: the daemon's own group */
    struct volumes *volumes;
    void (*status)(void *context, struct daemon_status *out);
    void *context;
};

/* Serves from threads of its own. ERROR_LOCKED: a live daemon answers on the socket. */
int api_start(struct api **out, const struct api_config *config, struct error *e);
struct api *api_stop(struct api *api); /* finishes what is under way, unlinks the socket */
