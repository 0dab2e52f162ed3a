/*
 * The volume plugin protocol of Docker, which Podman speaks too: what its calls do. Nothing is
 * decided here.
 *
 * Engines take an error of Get for "there is no such volume", and forget what they know of it. So
 * only that answer is one; whatever else fails cuts the connection, and they try again.
 *
 * A volume that is about to go back to the engine it came from is not there for any of them, and
 * its name is not free.
 */
#include "fs/api/codec.h"
#include "fs/api/handlers.h"

#include "catalog/cleanup.h"
#include "fs/volume_adopt.h"

#include <errno.h>
#include <string.h>

static struct volumes *volumes_of(const struct request *request)
{
    const struct api_context *api = request->context;

    return api->volumes;
}

static int respond(struct response *response, struct json_t *value)
{
    response->body = codec_text(value);
    return response->body ? 0 : -ENOMEM;
}

static int respond_done(struct response *response)
{
    return respond(response, codec_plugin_answer(NULL, NULL, ""));
}

static int read_body(const struct request *request, struct plugin_body *out, struct error *e)
{
    return codec_read_plugin(request->body, request->body_length, out, e);
}

static int check_shown(const struct request *request, const char *name, struct error *e)
{
    if (!volumes_is_leaving(volumes_of(request), name))
        return 0;
    return error_set(e, ERROR_NOT_FOUND, "get %s: no such volume", name);
}

static int check_stays(const struct request *request, const char *name, struct error *e)
{
    if (!volumes_is_leaving(volumes_of(request), name))
        return 0;
    return error_set(e, ERROR_IN_USE,
                     "volume \"%s\" is being given back to the engine that it came from "
                     "(volctl adopt --undo); try again when that is done",
                     name);
}

int plugin_activate(const struct request *request, struct response *response, struct error *e)
{
    struct json_t *protocols = codec_array();

    (void)request;
    (void)e;
    (void)!codec_array_add(protocols, codec_string("VolumeDriver"));
    return respond(response, codec_object("Implements", protocols, NULL, NULL));
}

int plugin_capabilities(const struct request *request, struct response *response, struct error *e)
{
    (void)request;
    (void)e;
    return respond(response, codec_object("Capabilities",
                                          codec_object("Scope", codec_string("local"), NULL, NULL),
                                          NULL, NULL));
}

int plugin_create(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(plugin_body_deinit) struct plugin_body body = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volume_request wanted = {.origin = ORIGIN_API, .existing = true};
    int r = read_body(request, &body, e);

    if (r == 0)
        r = name_check_volume(body.name, e); /* none is not an anonymous one here */
    if (r == 0)
        r = check_stays(request, body.name, e);
    if (r != 0)
        return r;
    wanted.name = body.name;
    wanted.options = body.options; /* borrowed: body outlives the call */
    r = volumes_create(volumes_of(request), &wanted, &volume, NULL, e);
    return r ? r : respond_done(response);
}

int plugin_remove(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(plugin_body_deinit) struct plugin_body body = {0};
    int r = read_body(request, &body, e);

    if (r == 0)
        r = check_stays(request, body.name, e);
    if (r == 0) /* one that is gone already, too */
        r = volumes_remove(volumes_of(request), body.name, REMOVE_FORCE, ORIGIN_API, e);
    return r ? r : respond_done(response);
}

static int respond_mountpoint(const struct request *request, struct response *response,
                              const char *name)
{
    const char *mountpoint = volumes_mountpoint(volumes_of(request));

    return respond(
        response, codec_plugin_answer("Mountpoint", codec_plugin_mountpoint(mountpoint, name), ""));
}

int plugin_mount(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(plugin_body_deinit) struct plugin_body body = {0};
    int r = read_body(request, &body, e);

    if (r == 0)
        r = check_shown(request, body.name, e);
    if (r == 0)
        r = volumes_mount(volumes_of(request), body.name, body.id, request->peer, e);
    return r ? r : respond_mountpoint(request, response, body.name);
}

int plugin_unmount(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(plugin_body_deinit) struct plugin_body body = {0};
    int r = read_body(request, &body, e);

    if (r == 0)
        r = volumes_unmount(volumes_of(request), body.name, body.id, e);
    return r ? r : respond_done(response);
}

/* What is no answer about the volume must not look like one. */
static int only_not_found(int r)
{
    return r == 0 || r == ERROR_NOT_FOUND || r == ERROR_REQUEST_INVALID ? r : ERROR_UNAVAILABLE;
}

int plugin_path(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(plugin_body_deinit) struct plugin_body body = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};
    int r = read_body(request, &body, e);

    if (r == 0)
        r = check_shown(request, body.name, e);
    if (r == 0)
        r = volumes_get(volumes_of(request), body.name, &volume, e);
    return r ? only_not_found(r) : respond_mountpoint(request, response, body.name);
}

int plugin_get(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(plugin_body_deinit) struct plugin_body body = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volumes *volumes = volumes_of(request);
    struct json_t *answer, *state;
    int r = read_body(request, &body, e);

    if (r == 0)
        r = check_shown(request, body.name, e);
    if (r == 0)
        r = volumes_get(volumes, body.name, &volume, e);
    if (r != 0)
        return only_not_found(r);
    answer = codec_plugin_volume(&volume, volumes_mountpoint(volumes));
    state = volume_state(volumes, &volume);
    if (state)
        answer = codec_with_state(answer, state);
    return only_not_found(respond(response, codec_plugin_answer("Volume", answer, "")));
}

/* ---- list ----------------------------------------------------------------- */

struct listing {
    const struct request *request;
    struct json_t *volumes;
    const char *mountpoint;
};

static int visit_listed(void *context, const struct volume *volume)
{
    struct listing *listing = context;

    if (volumes_is_leaving(volumes_of(listing->request), volume->name))
        return 0;
    return codec_array_add(listing->volumes, codec_plugin_volume(volume, listing->mountpoint));
}

int plugin_list(const struct request *request, struct response *response, struct error *e)
{
    struct volumes *volumes = volumes_of(request);
    struct listing listing = {
        .request = request, .volumes = codec_array(), .mountpoint = volumes_mountpoint(volumes)};
    int r = volumes_each_uncounted(volumes, NULL, visit_listed, &listing, e);

    if (r == 0)
        return respond(response, codec_plugin_answer("Volumes", listing.volumes, ""));
    codec_drop(listing.volumes);
    return r;
}
