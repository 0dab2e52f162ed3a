/*
 * The control API, the Docker Engine's volume API and our own: its table of routes, its errors, its
 * start and stop.
 */
#include "fs/api/codec.h"
#include "fs/api/handlers.h"
#include "fs/api/http.h"

#include <errno.h>
#include <stdlib.h>

static const struct route routes[] = {
    {HTTP_GET, "/_ping", engine_ping, {NULL}, false, true},
    {HTTP_GET, "/version", engine_version, {NULL}, false, true},
    {HTTP_GET, "/info", engine_info, {NULL}, false, true},
    {HTTP_GET, "/system/df", engine_usage, {NULL}, false, true},
    {HTTP_GET, "/volumes", engine_list, {"filters"}, false, true},
    {HTTP_POST, "/volumes/create", engine_create, {NULL}, false, true},
    {HTTP_POST, "/volumes/prune", engine_prune, {"filters"}, false, true},
    {HTTP_GET, "/volumes/:", engine_get, {NULL}, false, true},
    {HTTP_DELETE, "/volumes/:", engine_remove, {"force"}, false, true},
    {HTTP_GET, "/volumefs/status", handle_status, {NULL}},
    {HTTP_GET, "/volumefs/df", handle_usage, {NULL}},
    {HTTP_GET, "/volumefs/events", handle_events, {"since", "follow", "filters"}},
    {HTTP_GET, "/volumefs/doctor", handle_doctor, {NULL}},
    {HTTP_GET, "/volumefs/volumes", handle_volume_list, {"filters"}},
    {HTTP_POST, "/volumefs/volumes", handle_volume_create, {NULL}},
    {HTTP_POST, "/volumefs/volumes/prune", handle_volume_prune, {NULL}},
    {HTTP_GET, "/volumefs/volumes/:", handle_volume_get, {NULL}},
    {HTTP_PATCH, "/volumefs/volumes/:", handle_volume_change, {NULL}},
    {HTTP_DELETE, "/volumefs/volumes/:", handle_volume_remove, {"force"}},
    {HTTP_GET, "/volumefs/volumes/:/refs", handle_volume_references, {NULL}},
    {HTTP_DELETE, "/volumefs/volumes/:/uses", handle_volume_end_uses, {NULL}},
    {HTTP_GET, "/volumefs/adoptions", handle_adoption_list, {NULL}},
    {HTTP_POST, "/volumefs/adoptions", handle_adoption_create, {NULL}, true},
    {HTTP_GET, "/volumefs/adoptions/:", handle_adoption_get, {NULL}},
    {HTTP_DELETE, "/volumefs/adoptions/:", handle_adoption_undo, {NULL}, true},
    {HTTP_POST, "/volumefs/adoptions/:/leave", handle_adoption_leave, {NULL}},
    {HTTP_DELETE, "/volumefs/adoptions/:/leave", handle_adoption_stay, {NULL}},
    {HTTP_GET, "/volumefs/containers", handle_container_list, {NULL}},
    {HTTP_POST, "/volumefs/containers", handle_container_create, {NULL}, true},
    {HTTP_POST, "/volumefs/containers/prune", handle_container_prune, {NULL}},
    {HTTP_GET, "/volumefs/containers/:", handle_container_get, {NULL}},
    {HTTP_DELETE, "/volumefs/containers/:", handle_container_remove, {"force", "volumes"}},
    {HTTP_GET, "/volumefs/containers/:/copy", handle_container_copy, {NULL}},
    {HTTP_POST, "/volumefs/containers/:/start", handle_container_start, {NULL}, true},
    {HTTP_POST, "/volumefs/containers/:/end", handle_container_end, {NULL}},
    {HTTP_POST, "/volumefs/containers/:/attachments", handle_container_attach, {NULL}},
    {HTTP_DELETE, "/volumefs/containers/:/attachments", handle_container_detach, {"destination"}},
};

/* The one mapping of codes to statuses; what is not here is 500. */
static const int statuses[ERROR_CODE_COUNT] = {
    [ERROR_NAME_INVALID] = 400,    [ERROR_SPEC_INVALID] = 400, [ERROR_OPTION_INVALID] = 400,
    [ERROR_REQUEST_INVALID] = 400, [ERROR_DENIED] = 403,       [ERROR_NOT_FOUND] = 404,
    [ERROR_DRIVER_UNKNOWN] = 404,  [ERROR_EXISTS] = 409,       [ERROR_IN_USE] = 409,
    [ERROR_NOT_EMPTY] = 409,       [ERROR_READ_ONLY] = 409,    [ERROR_LIMIT] = 409,
    [ERROR_UNAVAILABLE] = 503,     [ERROR_NO_SPACE] = 507,
};

static int error_status(int code)
{
    if (code == -ENOSPC || code == -EDQUOT)
        return 507;
    if (code <= 0 || code >= ERROR_CODE_COUNT || !statuses[code])
        return 500;
    return statuses[code];
}

static char *error_body(int code, const char *text)
{
    return codec_text(codec_error(code, text));
}

static const struct http_service service = {
    .routes = routes,
    .route_count = sizeof(routes) / sizeof(routes[0]),
    .minor_min = ENGINE_MINOR_MIN,
    .minor_max = ENGINE_MINOR_MAX,
    .error_status = error_status,
    .error_body = error_body,
};

struct api {
    struct api_context context;
    struct http_server *server;
};

int api_start(struct api **out, const struct api_config *config, struct error *e)
{
    struct api *api = calloc(1, sizeof(*api));
    struct http_config http = {.socket_path = config->socket_path,
                               .group = config->group,
                               .inherited_fd = config->inherited_fd,
                               .service =
                                   config->protocol == API_PLUGIN ? &plugin_service : &service};
    int r;

    *out = NULL;
    if (!api)
        return error_set(e, -ENOMEM, "out of memory");
    api->context = (struct api_context){
        .volumes = config->volumes, .status = config->status, .context = config->context};
    http.context = &api->context;
    r = http_server_start(&api->server, &http, e);
    if (r != 0) {
        free(api);
        return r;
    }
    *out = api;
    return 0;
}

struct api *api_stop(struct api *api)
{
    if (!api)
        return NULL;
    http_server_stop(api->server);
    free(api);
    return NULL;
}
