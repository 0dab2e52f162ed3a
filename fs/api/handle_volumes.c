/*
 * Volumes: list, create, show, change, remove, prune. Request to use case to
 * answer; nothing is decided here.
 */
#include "fs/api/codec.h"
#include "fs/api/handlers.h"

#include "catalog/cleanup.h"
#include "fs/log.h"

#include <errno.h>
#include <string.h>

static struct volumes *volumes_of(const struct request *request)
{
    const struct api_context *api = request->context;

    return api->volumes;
}

static int respond(struct response *response, int status, struct json_t *value)
{
    response->status = status;
    response->body = codec_text(value);
    return response->body ? 0 : -ENOMEM;
}

/* ---- list ----------------------------------------------------------------- */

struct listing {
    struct json_t *volumes;
    const char *mountpoint;
};

static int visit_listed(void *context, const struct volume *volume, uint32_t references)
{
    struct listing *listing = context;

    return codec_array_add(listing->volumes, codec_volume(volume, listing->mountpoint, references));
}

int handle_volume_list(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(filter_free_p) struct filter *filter = NULL;
    struct volumes *volumes = volumes_of(request);
    struct listing listing = {.mountpoint = volumes_mountpoint(volumes)};
    const char *filters = request->query[0];
    /* empty is what clients send for none */
    int r = filters && *filters ? codec_read_filters(filters, &filter, e) : 0;

    if (r != 0)
        return r;
    listing.volumes = codec_array();
    r = volumes_each(volumes, filter, visit_listed, &listing, e);
    if (r == 0)
        return respond(response, 200, codec_volume_list(listing.volumes));
    codec_drop(listing.volumes);
    return r;
}

/* ---- one ------------------------------------------------------------------ */

/* Answers a volume without its details; the count is asked for. */
static int respond_volume(const struct request *request, struct response *response, int status,
                          const struct volume *volume, struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    struct volumes *volumes = volumes_of(request);
    int r = volumes_references(volumes, volume->name, &references, e);

    if (r != 0)
        return r;
    return respond(response, status,
                   codec_volume(volume, volumes_mountpoint(volumes), references.containers));
}

int handle_volume_create(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(create_body_deinit) struct create_body body = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volume_request wanted = {.origin = ORIGIN_API};
    bool created = false;
    int r = codec_read_create(request->body, request->body_length, &body, e);

    if (r != 0)
        return r;
    wanted.name = body.name;
    wanted.driver = body.driver;
    wanted.options = body.options; /* borrowed: body outlives the call */
    wanted.labels = body.labels;
    wanted.readonly = body.readonly;
    r = volumes_create(volumes_of(request), &wanted, &volume, &created, e);
    if (r != 0)
        return r;
    return respond_volume(request, response, created ? 201 : 200, &volume, e);
}

/* A volume whose data is damaged or gone is shown all the same; doctor says what is wrong. */
int measure_volume(struct volumes *volumes, const char *name, struct measure *out)
{
    struct error e = {0};
    int r;

    *out = (struct measure){0};
    r = volumes_usage(volumes, name, &out->size, &out->inodes, &e);
    out->known = r == 0;
    if (r < 0)
        log_message(LOG_LEVEL_ERROR, "api: %s", e.text);
    return r;
}

struct json_t *volume_state(struct volumes *volumes, const struct volume *volume)
{
    _cleanup_(references_deinit) struct references references = {0};
    struct measure measure = {0};
    struct error e = {0};

    if (volumes_references_lately(volumes, volume, &references, &e) != 0) {
        log_message(LOG_LEVEL_WARNING, "api: %s", e.text);
        return NULL;
    }
    measure.known = volumes_usage_known(volumes, volume->name, &measure.size, &measure.inodes);
    return codec_volume_state(volume, &references, &measure);
}

int handle_volume_get(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    _cleanup_(references_deinit) struct references references = {0};
    struct volumes *volumes = volumes_of(request);
    const char *name = request->arguments[0];
    struct measure measure;
    struct json_t *answer;
    int r = volumes_get(volumes, name, &volume, e);

    if (r == 0)
        r = volumes_references(volumes, name, &references, e);
    if (r != 0)
        return r;
    if (measure_volume(volumes, name, &measure) == ERROR_NOT_FOUND)
        return error_set(e, ERROR_NOT_FOUND, "get %s: no such volume", name); /* meanwhile */
    answer = codec_volume(&volume, volumes_mountpoint(volumes), references.containers);
    return respond(response, 200, codec_volume_details(answer, &references, &measure));
}

/* The label last: it alone may be refused for what containers do. */
static int change_rules(struct volumes *volumes, const char *name, const struct change_body *body,
                        struct error *e)
{
    _cleanup_(volume_deinit) struct volume before = {0};
    int r = body->has_readonly && body->has_label ? volumes_get(volumes, name, &before, e) : 0;

    if (r == 0 && body->has_readonly)
        r = volumes_set_readonly(volumes, name, body->readonly, ORIGIN_API, e);
    if (r != 0 || !body->has_label)
        return r;
    r = volumes_set_label(volumes, name, body->label, e);
    if (r != 0 && body->has_readonly)
        volumes_set_readonly(volumes, name, before.readonly, ORIGIN_API, NULL);
    return r;
}

/* All changes or none: what was changed is changed back if the rest fails. */
static int change(struct volumes *volumes, const char *name, const struct change_body *body,
                  struct error *e)
{
    bool renamed = body->name && strcmp(body->name, name) != 0;
    int r = renamed ? volumes_rename(volumes, name, body->name, ORIGIN_API, e) : 0;

    if (r != 0 || !(body->has_readonly || body->has_label))
        return r;
    r = change_rules(volumes, renamed ? body->name : name, body, e);
    if (r != 0 && renamed)
        volumes_rename(volumes, body->name, name, ORIGIN_API, NULL);
    return r;
}

int handle_volume_change(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(change_body_deinit) struct change_body body = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volumes *volumes = volumes_of(request);
    const char *name = request->arguments[0];
    int r = codec_read_change(request->body, request->body_length, &body, e);

    if (r == 0)
        r = change(volumes, name, &body, e);
    if (r == 0)
        r = volumes_get(volumes, body.name ? body.name : name, &volume, e);
    return r ? r : respond_volume(request, response, 200, &volume, e);
}

int read_switch(const char *name, const char *value, bool *out, struct error *e)
{
    *out = value && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
    if (*out || !value || !*value || strcmp(value, "0") == 0 || strcmp(value, "false") == 0)
        return 0;
    return error_set(e, ERROR_REQUEST_INVALID, "parameter '%s' must be 1 or 0, not '%.100s'", name,
                     value);
}

int handle_volume_remove(const struct request *request, struct response *response, struct error *e)
{
    bool force;
    int r = read_switch("force", request->query[0], &force, e);

    if (r == 0)
        r = volumes_remove(volumes_of(request), request->arguments[0], force ? REMOVE_FORCE : 0,
                           ORIGIN_API, e);
    response->status = 204;
    return r;
}

int handle_volume_references(const struct request *request, struct response *response,
                             struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    int r = volumes_references(volumes_of(request), request->arguments[0], &references, e);

    if (r != 0)
        return r;
    return respond(response, 200,
                   codec_object("Refs", codec_references(&references), "RefCount",
                                codec_number(references.containers)));
}

int handle_volume_end_uses(const struct request *request, struct response *response,
                           struct error *e)
{
    response->status = 204;
    return volumes_end_uses(volumes_of(request), request->arguments[0], e);
}

/* ---- prune ---------------------------------------------------------------- */

struct pruning {
    struct json_t *removed;
    struct json_t *errors;
    uint64_t reclaimed;
    bool failed;
};

static void visit_pruned(void *context, const char *name, uint64_t size)
{
    struct pruning *pruning = context;

    pruning->reclaimed += size;
    if (codec_array_add(pruning->removed, codec_pruned(name, size)) < 0)
        pruning->failed = true;
}

static void visit_not_pruned(void *context, const char *text)
{
    struct pruning *pruning = context;

    log_message(LOG_LEVEL_ERROR, "api: prune: %s", text);
    if (codec_array_add(pruning->errors, codec_string(text)) < 0)
        pruning->failed = true;
}

/* What is gone is told even where others stayed: an error would hide it. */
int handle_volume_prune(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(prune_body_deinit) struct prune_body body = {0};
    struct prune_request wanted = {0};
    struct pruning pruning = {0};
    struct prune_visitor visitor = {
        .removed = visit_pruned, .failed = visit_not_pruned, .context = &pruning};
    int r = codec_read_prune(request->body, request->body_length, &body, e);

    if (r != 0)
        return r;
    wanted.all = body.all;
    wanted.dry_run = body.dry_run;
    wanted.filter = body.filter;
    pruning.removed = codec_array();
    pruning.errors = codec_array();
    r = volumes_prune(volumes_of(request), &wanted, &visitor, e);
    if (r == 0 && pruning.failed)
        r = -ENOMEM;
    if (r == 0)
        return respond(response, 200,
                       codec_prune(pruning.removed, pruning.reclaimed, pruning.errors));
    codec_drop(pruning.removed);
    codec_drop(pruning.errors);
    return r;
}
