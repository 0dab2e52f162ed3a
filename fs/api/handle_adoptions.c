/*
 * Volumes of other engines: taken over, shown, given back. By path, with all that a root daemon may
 * reach: hence for root alone, and not for the group that may use the socket.
 */
#include "fs/api/codec.h"
#include "fs/api/handlers.h"

#include "catalog/cleanup.h"
#include "fs/volume_adopt.h"

#include <errno.h>

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

static int check_root(const struct request *request, struct error *e)
{
    if (request->from_root)
        return 0;
    return error_set(e, ERROR_DENIED,
                     "only root may take volumes of other engines over; run this as root");
}

static int visit_listed(void *context, const struct volume *volume, const struct adoption *from)
{
    return codec_array_add(context, codec_adoption(volume, from));
}

int handle_adoption_list(const struct request *request, struct response *response, struct error *e)
{
    struct json_t *array = NULL;
    int r = check_root(request, e);

    if (r != 0)
        return r;
    array = codec_array();
    r = volumes_adoption_each(volumes_of(request), visit_listed, array, e);
    if (r == 0)
        return respond(response, 200, codec_object("Adoptions", array, NULL, NULL));
    codec_drop(array);
    return r;
}

static int plan(struct volumes *volumes, const struct adopt_request *wanted,
                struct response *response, struct error *e)
{
    struct adopt_plan found;
    int r = volumes_adopt_plan(volumes, wanted, &found, e);

    return r ? r
             : respond(response, 200,
                       codec_adopt_plan(wanted->name, found.copied, found.bytes, found.entries));
}

static int adopt(struct volumes *volumes, const struct adopt_request *wanted,
                 struct response *response, struct error *e)
{
    _cleanup_(adopted_deinit) struct adopted adopted = {0};
    int r = volumes_adopt(volumes, wanted, &adopted, e);

    return r ? r
             : respond(response, adopted.made ? 201 : 200,
                       codec_adopted(&adopted.volume, &adopted.from, adopted.bytes));
}

int handle_adoption_create(const struct request *request, struct response *response,
                           struct error *e)
{
    _cleanup_(adopt_body_deinit) struct adopt_body body = {0};
    struct adopt_request wanted;
    int r = check_root(request, e);

    if (r == 0)
        r = codec_read_adopt(request->body, request->body_length, &body, e);
    if (r != 0)
        return r;
    wanted = (struct adopt_request){.name = body.name,
                                    .engine = body.engine,
                                    .source = body.source,
                                    .labels = body.labels, /* borrowed */
                                    .created_at = body.created_at,
                                    .anonymous = body.anonymous,
                                    .move = body.move};
    return (body.dry_run ? plan : adopt)(volumes_of(request), &wanted, response, e);
}

int handle_adoption_get(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    const char *name = request->arguments[0];
    struct copy_status status;
    struct adoption from;
    int r = check_root(request, e);

    if (r != 0)
        return r;
    if (volumes_adoption_progress(volumes_of(request), name, &status))
        return respond(
            response, 200,
            codec_adoption_progress(name, status.bytes, status.total_bytes, status.entries));
    r = volumes_adoption_get(volumes_of(request), name, &volume, &from, e);
    return r ? r : respond(response, 200, codec_adoption(&volume, &from));
}

int handle_adoption_undo(const struct request *request, struct response *response, struct error *e)
{
    int r = check_root(request, e);

    if (r == 0)
        r = volumes_give_back(volumes_of(request), request->arguments[0], e);
    response->status = 204;
    return r;
}

int handle_adoption_leave(const struct request *request, struct response *response, struct error *e)
{
    int r = check_root(request, e);

    if (r == 0)
        r = volumes_leave(volumes_of(request), request->arguments[0], e);
    response->status = 204;
    return r;
}

int handle_adoption_stay(const struct request *request, struct response *response, struct error *e)
{
    int r = check_root(request, e);

    if (r == 0)
        volumes_stay(volumes_of(request), request->arguments[0]);
    response->status = 204;
    return r;
}
