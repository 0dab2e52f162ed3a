/*
 * Containers: make, list and remove them, record and forget their attachments.
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

/* ---- what a container has ------------------------------------------------- */

struct mounts {
    struct json_t *array;
    const char *mountpoint;
    const struct attach_body *body; /* what is asked for now; NULL: nothing */
};

/* The mode as this request has it; NULL for a mount of an earlier one. */
static const char *mode_written(const struct attach_body *body, const char *destination)
{
    for (size_t i = 0; body && i < body->count; i++)
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

/* With all its mounts, as an engine's inspect shows them. */
static int describe(struct volumes *volumes, const struct container *container,
                    const struct attach_body *body, struct json_t **out, struct error *e)
{
    struct mounts mounts = {
        .mountpoint = volumes_mountpoint(volumes), .array = codec_array(), .body = body};
    _cleanup_(run_deinit) struct run run = {0};
    int r = catalog_attachment_each_of_container(volumes_catalog(volumes), container->id,
                                                 visit_mount, &mounts, e);

    if (r == 0)
        r = catalog_run_get(volumes_catalog(volumes), container->id, &run, e);
    if (r != 0) {
        codec_drop(mounts.array);
        return error_set(e, r, "container %s cannot be read", container->name);
    }
    *out = codec_container(container, &run, mounts.array);
    return *out ? 0 : -ENOMEM;
}

static int respond_container(struct volumes *volumes, const struct container *container,
                             const struct attach_body *body, int status, struct response *response,
                             struct error *e)
{
    struct json_t *value = NULL;
    int r = describe(volumes, container, body, &value, e);

    if (r != 0)
        return r;
    response->status = status;
    response->body = codec_text(value);
    return response->body ? 0 : -ENOMEM;
}

/* ---- attach, create ------------------------------------------------------- */

static int attach(const struct request *request, const char *key, bool create,
                  const struct attach_body *body, struct response *response, struct error *e)
{
    struct attach_request wanted = {.specs = body->specs,
                                    .count = body->count,
                                    .from = body->from,
                                    .from_count = body->from_count,
                                    .create = create,
                                    .id = create && body->id[0] ? body->id : NULL,
                                    .run = create ? &body->run : NULL,
                                    .starts = body->starts};
    struct volumes *volumes = volumes_of(request);
    struct container container;
    int r = volumes_attach(volumes, key, &wanted, &container, e);

    return r ? r : respond_container(volumes, &container, body, 201, response, e);
}

int handle_container_attach(const struct request *request, struct response *response,
                            struct error *e)
{
    _cleanup_(attach_body_deinit) struct attach_body body = {0};
    const char *key = request->arguments[0];
    int r = name_check_container(key, e);

    if (r == 0)
        r = codec_read_attach(request->body, request->body_length, &body, e);
    return r ? r : attach(request, key, false, &body, response, e);
}

int handle_container_create(const struct request *request, struct response *response,
                            struct error *e)
{
    _cleanup_(attach_body_deinit) struct attach_body body = {0};
    int r = codec_read_container(request->body, request->body_length, &body, e);

    return r ? r : attach(request, body.name[0] ? body.name : NULL, true, &body, response, e);
}

/* ---- start, end ------------------------------------------------------------- */

int handle_container_start(const struct request *request, struct response *response,
                           struct error *e)
{
    _cleanup_(start_body_deinit) struct start_body body = {0};
    struct container container;
    int r = codec_read_start(request->body, request->body_length, &body, e);
    struct start_request start = {.pid = body.pid,
                                  .runtime = body.runtime[0] ? body.runtime : NULL,
                                  .name = body.mounts.name[0] ? body.mounts.name : NULL,
                                  .state_dir = body.state_dir,
                                  .specs = body.mounts.specs,
                                  .count = body.mounts.count};

    if (r == 0)
        r = volumes_container_start(volumes_of(request), request->arguments[0], &start, &container,
                                    e);
    return r ? r
             : respond_container(volumes_of(request), &container, &body.mounts, 201, response, e);
}

int handle_container_end(const struct request *request, struct response *response, struct error *e)
{
    int exit_code;
    int r = codec_read_end(request->body, request->body_length, &exit_code, e);

    if (r == 0)
        r = volumes_container_end(volumes_of(request), request->arguments[0], exit_code, e);
    response->status = 204;
    return r;
}

int handle_container_copy(const struct request *request, struct response *response, struct error *e)
{
    struct copy_status status;
    int r = volumes_copy_status(volumes_of(request), request->arguments[0], &status, e);

    if (r == 0)
        response->body =
            codec_text(codec_copy(status.volume, status.destination ? status.destination : "",
                                  status.bytes, status.total_bytes, status.entries));
    free(status.destination);
    return r || response->body ? r : -ENOMEM;
}

/* ---- list, inspect, remove -------------------------------------------------- */

struct containers {
    struct container *items;
    size_t count;
};

static void containers_deinit(struct containers *containers)
{
    free(containers->items);
}

static int containers_add(void *context, const struct container *container)
{
    struct containers *containers = context;
    struct container *grown;

    if (!(containers->count & (containers->count - 1))) { /* full at every power of two */
        grown = reallocarray(containers->items, containers->count ? containers->count * 2 : 1,
                             sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        containers->items = grown;
    }
    containers->items[containers->count++] = *container;
    return 0;
}

/* The catalog must not be called from its own visit: they are listed first. */
int handle_container_list(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(containers_deinit) struct containers containers = {0};
    struct volumes *volumes = volumes_of(request);
    struct json_t *array = codec_array();
    int r = catalog_container_each(volumes_catalog(volumes), containers_add, &containers, e);

    for (size_t i = 0; r == 0 && i < containers.count; i++) {
        struct json_t *value = NULL;

        r = describe(volumes, &containers.items[i], NULL, &value, e);
        if (r == 0)
            r = codec_array_add(array, value);
    }
    if (r != 0) {
        codec_drop(array);
        return r;
    }
    response->body = codec_text(codec_object("Containers", array, NULL, NULL));
    return response->body ? 0 : -ENOMEM;
}

int handle_container_get(const struct request *request, struct response *response, struct error *e)
{
    struct volumes *volumes = volumes_of(request);
    struct container container;
    int r = catalog_container_get(volumes_catalog(volumes), request->arguments[0], &container, e);

    return r ? r : respond_container(volumes, &container, NULL, 200, response, e);
}

static void note_removed(void *context, const char *volume)
{
    codec_array_add(context, codec_string(volume)); /* short of memory one is not told */
}

static bool is_set(const char *value)
{
    return value && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

int handle_container_remove(const struct request *request, struct response *response,
                            struct error *e)
{
    unsigned flags = (is_set(request->query[0]) ? CONTAINER_REMOVE_FORCE : 0u) |
                     (is_set(request->query[1]) ? CONTAINER_REMOVE_VOLUMES : 0u);
    struct json_t *removed = codec_array();
    int r = volumes_container_remove(volumes_of(request), request->arguments[0], flags,
                                     note_removed, removed, e);

    if (r != 0) {
        codec_drop(removed);
        return r;
    }
    response->body = codec_text(codec_object("VolumesDeleted", removed, NULL, NULL));
    return response->body ? 0 : -ENOMEM;
}

static void note_pruned(void *context, const struct container *container)
{
    codec_array_add(context, codec_container_name(container));
}

int handle_container_prune(const struct request *request, struct response *response,
                           struct error *e)
{
    struct json_t *removed = NULL;
    bool all, dry_run;
    int r = codec_read_container_prune(request->body, request->body_length, &all, &dry_run, e);

    if (r != 0)
        return r;
    removed = codec_array();
    r = volumes_container_prune(volumes_of(request), all, dry_run, note_pruned, removed, e);
    if (r != 0) {
        codec_drop(removed);
        return r;
    }
    response->body = codec_text(codec_object("ContainersDeleted", removed, NULL, NULL));
    return response->body ? 0 : -ENOMEM;
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
