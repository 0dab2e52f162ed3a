/*
 * Containers' attachments: record and forget them.
 */
#include "fs/api/codec.h"
#include "fs/api/handlers.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct volumes *volumes_of(const struct request *request)
{
    const struct api_context *api = request->context;

    return api->volumes;
}

/* ---- attach --------------------------------------------------------------- */

struct mounts {
    struct json_t *array;
    const char *mountpoint;
    const struct attach_body *body; /* what is asked for now */
};

/* The mode as this request has it; NULL for a mount of an earlier one. */
static const char *mode_written(const struct attach_body *body, const char *destination)
{
    for (size_t i = 0; i < body->count; i++)
        if (strcmp(body->specs[i].destination, destination) == 0)
            return body->specs[i].mode ? body->specs[i].mode : "";
    return NULL;
}

static int visit_mount(void *context, const struct attachment *attachment,
                       const struct volume *volume)
{
    struct mounts *mounts = context;
    const char *mode = mode_written(mounts->body, attachment->destination);
    _cleanup_(free_p) char *source = NULL;
    int length;

    if (!volume)
        return codec_array_add(
            mounts->array,
            codec_mount(attachment, NULL, attachment->source ? attachment->source : "", mode));
    length =
        asprintf(&source, "%s/%s%s%s", mounts->mountpoint, volume->name,
                 attachment->subpath ? "/" : "", attachment->subpath ? attachment->subpath : "");
    if (length < 0) {
        source = NULL;
        return -ENOMEM;
    }
    return codec_array_add(mounts->array, codec_mount(attachment, volume, source, mode));
}

/* All the container's mounts, as an engine's inspect shows them. */
static int respond_container(struct volumes *volumes, const struct container *container,
                             const struct attach_body *body, struct response *response,
                             struct error *e)
{
    struct mounts mounts = {
        .mountpoint = volumes_mountpoint(volumes), .array = codec_array(), .body = body};
    int r = catalog_attachment_each_of_container(volumes_catalog(volumes), container->id,
                                                 visit_mount, &mounts, e);

    if (r != 0) {
        codec_drop(mounts.array);
        return error_set(e, r, "the mounts of container %s cannot be read", container->name);
    }
    response->status = 201;
    response->body = codec_text(codec_container(container, mounts.array));
    return response->body ? 0 : -ENOMEM;
}

int handle_container_attach(const struct request *request, struct response *response,
                            struct error *e)
{
    _cleanup_(attach_body_deinit) struct attach_body body = {0};
    struct volumes *volumes = volumes_of(request);
    const char *key = request->arguments[0];
    struct container container;
    int r = name_check_container(key, e);

    if (r == 0)
        r = codec_read_attach(request->body, request->body_length, &body, e);
    if (r == 0)
        r = volumes_attach(volumes, key, body.specs, body.count, &container, e);
    return r ? r : respond_container(volumes, &container, &body, response, e);
}

/* ---- detach --------------------------------------------------------------- */

/* Destinations are recorded clean. *out NULL for none given. */
static int read_destination(const char *value, char **out, struct error *e)
{
    *out = NULL;
    if (!value)
        return 0;
    if (value[0] != '/')
        return error_set(e, ERROR_REQUEST_INVALID,
                         "destination '%.200s' must be an absolute path in the container", value);
    *out = spec_clean_path(value);
    return *out ? 0 : -ENOMEM;
}

int handle_container_detach(const struct request *request, struct response *response,
                            struct error *e)
{
    _cleanup_(free_p) char *destination = NULL;
    const char *key = request->arguments[0];
    int r = name_check_container(key, e);

    if (r == 0)
        r = read_destination(request->query[0], &destination, e);
    if (r == 0)
        r = volumes_detach(volumes_of(request), key, destination, e);
    response->status = 204;
    return r;
}
