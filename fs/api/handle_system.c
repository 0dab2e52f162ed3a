/*
 * The daemon as a whole: whether it is there, what it is, what it holds, what
 * is wrong with it.
 */
#include "fs/api/codec.h"
#include "fs/api/handlers.h"
#include "fs/api/socket.h"

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

int handle_ping(const struct request *request, struct response *response, struct error *e)
{
    (void)request;
    (void)e;
    response->content_type = "text/plain; charset=utf-8";
    response->body = strdup("OK");
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

static int add_usages(struct volumes *volumes, const struct measuring *measuring,
                      struct json_t *array)
{
    for (size_t i = 0; i < measuring->count; i++) {
        const struct measured *item = &measuring->items[i];
        struct measure measure;
        int r = measure_volume(volumes, item->volume.name, &measure);

        if (r == ERROR_NOT_FOUND)
            continue; /* removed meanwhile */
        r = codec_array_add(array, codec_volume_usage(&item->volume, &measure, item->references));
        if (r != 0)
            return r;
    }
    return 0;
}

int handle_usage(const struct request *request, struct response *response, struct error *e)
{
    const struct api_context *api = request->context;
    _cleanup_(measuring_deinit) struct measuring measuring = {0};
    const struct store *store = volumes_store(api->volumes);
    struct json_t *array;
    struct statvfs st;
    int r = volumes_each(api->volumes, NULL, visit_measured, &measuring, e);

    if (r != 0)
        return r;
    if (fstatvfs(store_fd(store), &st) < 0)
        return error_set_errno(e, -errno, "store %s", store_path(store));
    array = codec_array();
    r = add_usages(api->volumes, &measuring, array);
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
    struct error e = {0};
    int r = catalog_check(volumes_catalog(api->volumes), &e);

    if (r == 0)
        return 0;
    return codec_array_add(problems,
                           codec_problem("catalog", e.text[0] ? e.text : error_code_name(r),
                                         "stop the daemon and run: volctl doctor --rebuild"));
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
        r = volumes_check_uses(api->volumes, visit_problem, problems);
    if (r == 0)
        return respond(response, codec_object("Problems", problems, NULL, NULL));
    codec_drop(problems);
    return r;
}
