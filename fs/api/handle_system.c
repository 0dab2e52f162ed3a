/*
 * The daemon as a whole: whether it is there, what it is, what it holds, what
 * is wrong with it.
 */
#include "fs/api/codec.h"
#include "fs/api/handlers.h"
#include "fs/api/socket.h"
#include "fs/volume_engine.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int respond(struct response *response, struct json_t *value)
{
    response->body = codec_text(value);
    return response->body ? 0 : -ENOMEM;
}

int handle_status(const struct request *request, struct response *response, struct error *e)
{
    const struct api_context *api = request->context;
    struct daemon_status status = {0};

    (void)e;
    api->status(api->context, &status);
    return respond(response, codec_status(&status));
}

/* ---- df ------------------------------------------------------------------- */

/* Volumes with their counts, kept: sizes are asked for when the list is complete. */
struct measured {
    struct volume volume;
    uint32_t references;
};

struct measuring {
    struct measured *items;
    size_t count;
};

static void measuring_deinit(struct measuring *measuring)
{
    for (size_t i = 0; i < measuring->count; i++)
        volume_deinit(&measuring->items[i].volume);
    free(measuring->items);
}

static int visit_measured(void *context, const struct volume *volume, uint32_t references)
{
    struct measuring *measuring = context;
    struct measured *grown = measuring->items;
    int r;

    if (!(measuring->count & (measuring->count - 1))) /* full at every power of two */
        grown = reallocarray(measuring->items, measuring->count ? measuring->count * 2 : 1,
                             sizeof(*measuring->items));
    if (!grown)
        return -ENOMEM;
    measuring->items = grown;
    grown[measuring->count] = (struct measured){.references = references};
    r = volume_copy(&grown[measuring->count].volume, volume);
    measuring->count += r == 0;
    return r;
}

int visit_usages(struct volumes *volumes, usage_visitor visit, void *context, struct error *e)
{
    _cleanup_(measuring_deinit) struct measuring measuring = {0};
    int r = volumes_each(volumes, NULL, visit_measured, &measuring, e);

    for (size_t i = 0; r == 0 && i < measuring.count; i++) {
        const struct measured *item = &measuring.items[i];
        struct measure measure;

        if (measure_volume(volumes, item->volume.name, &measure) != ERROR_NOT_FOUND)
            r = visit(context, &item->volume, &measure,
                      item->references); /* else: gone meanwhile */
    }
    return r;
}

static int add_usage(void *context, const struct volume *volume, const struct measure *measure,
                     uint32_t references)
{
    return codec_array_add(context, codec_volume_usage(volume, measure, references));
}

int handle_usage(const struct request *request, struct response *response, struct error *e)
{
    const struct api_context *api = request->context;
    const struct store *store = volumes_store(api->volumes);
    struct json_t *array;
    struct statvfs st;
    int r;

    if (fstatvfs(store_fd(store), &st) < 0)
        return error_set_errno(e, -errno, "store %s", store_path(store));
    array = codec_array();
    r = visit_usages(api->volumes, add_usage, array, e);
    if (r != 0) {
        codec_drop(array);
        return r;
    }
    return respond(response,
                   codec_object("Volumes", array, "Store",
                                codec_store_usage(store_path(store), st.f_blocks * st.f_frsize,
                                                  (st.f_blocks - st.f_bfree) * st.f_frsize,
                                                  st.f_bavail * st.f_frsize)));
}

/* ---- doctor --------------------------------------------------------------- */

static int check_catalog(const struct api_context *api, struct json_t *problems)
{
    _cleanup_(free_p) char *next = NULL;
    struct error e = {0};
    int r = catalog_check(volumes_catalog(api->volumes), &e);

    if (r == 0)
        return 0;
    if (asprintf(&next, "stop the daemon and run: volctl doctor --rebuild --store %s",
                 store_path(volumes_store(api->volumes))) < 0)
        return -ENOMEM;
    return codec_array_add(problems,
                           codec_problem("catalog", e.text[0] ? e.text : error_code_name(r), next));
}

static int visit_problem(void *context, const char *subject, const char *text, const char *next)
{
    return codec_array_add(context, codec_problem(subject, text, next));
}

int handle_doctor(const struct request *request, struct response *response, struct error *e)
{
    const struct api_context *api = request->context;
    struct json_t *problems = codec_array();
    int r = check_catalog(api, problems);

    (void)e;
    volumes_check_data(api->volumes);
    if (r == 0)
        r = volumes_problems(api->volumes, visit_problem, problems);
    if (r == 0)
        r = volumes_check_engines(api->volumes, visit_problem, problems);
    if (r == 0)
        r = volumes_check_mounts(api->volumes, visit_problem, problems);
    if (r == 0)
        r = volumes_check_uses(api->volumes, visit_problem, problems);
    if (r == 0)
        return respond(response, codec_object("Problems", problems, NULL, NULL));
    codec_drop(problems);
    return r;
}
