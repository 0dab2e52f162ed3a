/*
 * What the routes of the control API do. Each reads its request, calls a use
 * case and turns what it answers to JSON; see route_handler.
 */
#pragma once

#include "fs/api/api.h"
#include "fs/api/codec.h"
#include "fs/api/route.h"

/* request.context of every handler; constant while the server runs. */
struct api_context {
    struct volumes *volumes;
    void (*status)(void *context, struct daemon_status *out);
    void *context;
};

/* A parameter of the query that is 1|true|0|false; not given, or empty: false. */
int read_switch(const char *name, const char *value, bool *out, struct error *e);

/* ERROR_NOT_FOUND, or 0 or negative errno with *out filled in; the latter is logged. */
int measure_volume(struct volumes *volumes, const char *name, struct measure *out);

/* What engines show of a volume as its Status; NULL where that cannot be found out now. */
struct json_t *volume_state(struct volumes *volumes, const struct volume *volume);

/* Told of each volume with what it uses and who refers to it. */
typedef int (*usage_visitor)(void *context, const struct volume *volume,
                             const struct measure *measure, uint32_t references);
int visit_usages(struct volumes *volumes, usage_visitor visit, void *context, struct error *e);

/* The Docker Engine's API, as far as volumes go: of this version at most. */
enum { ENGINE_MINOR_MIN = 24, ENGINE_MINOR_MAX = 44, ENGINE_MINOR_PRUNE_ALL = 42 };
int engine_ping(const struct request *request, struct response *response, struct error *e);
int engine_version(const struct request *request, struct response *response, struct error *e);
int engine_info(const struct request *request, struct response *response, struct error *e);
int engine_usage(const struct request *request, struct response *response, struct error *e);
int engine_list(const struct request *request, struct response *response, struct error *e);
int engine_create(const struct request *request, struct response *response, struct error *e);
int engine_get(const struct request *request, struct response *response, struct error *e);
int engine_remove(const struct request *request, struct response *response, struct error *e);
int engine_prune(const struct request *request, struct response *response, struct error *e);

/* The volume plugin protocol: plugin.c. */
extern const struct http_service plugin_service;
int plugin_activate(const struct request *request, struct response *response, struct error *e);
int plugin_capabilities(const struct request *request, struct response *response, struct error *e);
int plugin_create(const struct request *request, struct response *response, struct error *e);
int plugin_remove(const struct request *request, struct response *response, struct error *e);
int plugin_mount(const struct request *request, struct response *response, struct error *e);
int plugin_unmount(const struct request *request, struct response *response, struct error *e);
int plugin_path(const struct request *request, struct response *response, struct error *e);
int plugin_get(const struct request *request, struct response *response, struct error *e);
int plugin_list(const struct request *request, struct response *response, struct error *e);

int handle_volume_list(const struct request *request, struct response *response, struct error *e);
int handle_volume_create(const struct request *request, struct response *response, struct error *e);
int handle_volume_get(const struct request *request, struct response *response, struct error *e);
int handle_volume_change(const struct request *request, struct response *response, struct error *e);
int handle_volume_remove(const struct request *request, struct response *response, struct error *e);
int handle_volume_references(const struct request *request, struct response *response,
                             struct error *e);
int handle_volume_end_uses(const struct request *request, struct response *response,
                           struct error *e);
int handle_volume_prune(const struct request *request, struct response *response, struct error *e);

int handle_container_attach(const struct request *request, struct response *response,
                            struct error *e);
int handle_container_create(const struct request *request, struct response *response,
                            struct error *e);
int handle_container_list(const struct request *request, struct response *response,
                          struct error *e);
int handle_container_get(const struct request *request, struct response *response, struct error *e);
int handle_container_remove(const struct request *request, struct response *response,
                            struct error *e);
int handle_container_start(const struct request *request, struct response *response,
                           struct error *e);
int handle_container_end(const struct request *request, struct response *response, struct error *e);
int handle_container_copy(const struct request *request, struct response *response,
                          struct error *e);
int handle_container_prune(const struct request *request, struct response *response,
                           struct error *e);
int handle_container_detach(const struct request *request, struct response *response,
                            struct error *e);

/* For root only: they name paths. */
int handle_adoption_list(const struct request *request, struct response *response, struct error *e);
int handle_adoption_create(const struct request *request, struct response *response,
                           struct error *e);
int handle_adoption_get(const struct request *request, struct response *response, struct error *e);
int handle_adoption_undo(const struct request *request, struct response *response, struct error *e);
int handle_adoption_leave(const struct request *request, struct response *response,
                          struct error *e);
int handle_adoption_stay(const struct request *request, struct response *response, struct error *e);

int handle_status(const struct request *request, struct response *response, struct error *e);
int handle_usage(const struct request *request, struct response *response, struct error *e);
int handle_events(const struct request *request, struct response *response, struct error *e);
int handle_doctor(const struct request *request, struct response *response, struct error *e);
