/*
 * The Docker Engine's API, as far as volumes go, for its clients as they are: docker volume …, with
 * DOCKER_HOST at our socket. Texts and statuses are Docker's where it has one. Nothing is decided
 * here.
 */
#include "fs/api/codec.h"
#include "fs/api/handlers.h"

#include "catalog/cleanup.h"
#include "fs/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

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

/* ---- the engine ----------------------------------------------------------- */

int engine_ping(const struct request *request, struct response *response, struct error *e)
{
    static const struct header headers[] = {
        {"Api-Version", "1.44"},
        {"Docker-Experimental", "false"},
        {"Ostype", "linux"},
        {"Swarm", "inactive"},
        {"Cache-Control", "no-cache, no-store, must-revalidate"},
        {"Pragma", "no-cache"},
        {NULL, NULL}};

    (void)request;
    (void)e;
    _Static_assert(ENGINE_MINOR_MAX == 44, "the header says so");
    response->headers = headers;
    response->content_type = "text/plain; charset=utf-8";
    response->body = strdup("OK");
    return response->body ? 0 : -ENOMEM;
}

static void machine_read(struct machine *out)
{
    struct utsname names;
    struct sysinfo info;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    *out = (struct machine){.processors = processors > 0 ? (unsigned)processors : 1};
    if (uname(&names) == 0) {
        snprintf(out->name, sizeof(out->name), "%s", names.nodename);
        snprintf(out->architecture, sizeof(out->architecture), "%s", names.machine);
        snprintf(out->kernel, sizeof(out->kernel), "%s", names.release);
    }
    if (sysinfo(&info) == 0)
        out->memory = (uint64_t)info.totalram * info.mem_unit;
}

int engine_version(const struct request *request, struct response *response, struct error *e)
{
    const struct api_context *api = request->context;
    struct daemon_status status = {0};
    struct machine machine;

    (void)e;
    api->status(api->context, &status);
    machine_read(&machine);
    return respond(response, 200,
                   codec_engine_version(&status, &machine, ENGINE_MINOR_MAX, ENGINE_MINOR_MIN));
}

int engine_info(const struct request *request, struct response *response, struct error *e)
{
    const struct api_context *api = request->context;
    struct daemon_status status = {0};
    struct machine machine;

    (void)e;
    api->status(api->context, &status);
    machine_read(&machine);
    return respond(response, 200, codec_engine_info(&status, &machine));
}

/* ---- lists ---------------------------------------------------------------- */

struct listing {
    struct json_t *volumes;
    const char *mountpoint;
};

static int visit_listed(void *context, const struct volume *volume)
{
    struct listing *listing = context;

    return codec_array_add(listing->volumes, codec_engine_volume(volume, listing->mountpoint));
}

int engine_list(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(filter_free_p) struct filter *filter = NULL;
    struct volumes *volumes = volumes_of(request);
    struct listing listing = {.mountpoint = volumes_mountpoint(volumes)};
    const char *filters = request->query[0];
    int r = filters && *filters ? codec_read_filters(filters, &filter, e) : 0;

    if (r != 0)
        return r;
    listing.volumes = codec_array();
    r = volumes_each_uncounted(volumes, filter, visit_listed, &listing, e);
    if (r == 0)
        return respond(response, 200, codec_volume_list(listing.volumes));
    codec_drop(listing.volumes);
    return r;
}

static int visit_usage(void *context, const struct volume *volume, const struct measure *measure,
                       uint32_t references)
{
    struct listing *listing = context;

    return codec_array_add(
        listing->volumes,
        codec_engine_usage(codec_engine_volume(volume, listing->mountpoint), measure, references));
}

int engine_usage(const struct request *request, struct response *response, struct error *e)
{
    struct volumes *volumes = volumes_of(request);
    struct listing listing = {.volumes = codec_array(), .mountpoint = volumes_mountpoint(volumes)};
    int r = visit_usages(volumes, visit_usage, &listing, e);

    if (r == 0)
        return respond(response, 200, codec_engine_df(listing.volumes));
    codec_drop(listing.volumes);
    return r;
}

/* ---- one ------------------------------------------------------------------ */

/* Docker looks for the volume first: one that exists has another driver then. */
static int check_driver(struct volumes *volumes, const struct create_body *body, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    const char *driver = body->driver ? body->driver : "";

    if (!*driver || strcmp(driver, "local") == 0 || strcmp(driver, "volumefs") == 0)
        return 0;
    if (body->name && *body->name && volumes_get(volumes, body->name, &volume, NULL) == 0)
        return error_set(e, ERROR_EXISTS,
                         "create %s: driver '%s' already has volume '%s': volume name must be "
                         "unique",
                         volume.name, volume.driver, volume.name);
    return error_set(e, ERROR_DRIVER_UNKNOWN,
                     "create %s: error looking up volume plugin %s: plugin \"%s\" not found",
                     body->name ? body->name : "", driver, driver);
}

/* "create N: …", as Docker begins what is wrong with a volume's name or options. */
static int refuse_create(int r, const char *name, struct error *e)
{
    struct error whole = *e;

    if (r != ERROR_NAME_INVALID && r != ERROR_OPTION_INVALID)
        return r;
    return error_set(e, r, "create %s: %s", name ? name : "", whole.text);
}

int engine_create(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(create_body_deinit) struct create_body body = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volume_request wanted = {.origin = ORIGIN_API, .existing = true};
    struct volumes *volumes = volumes_of(request);
    int r = codec_read_engine_create(request->body, request->body_length, &body, e);

    if (r == 0)
        r = check_driver(volumes, &body, e);
    if (r != 0)
        return r;
    wanted.name = body.name;
    wanted.options = body.options; /* borrowed: body outlives the call */
    wanted.labels = body.labels;
    r = volumes_create(volumes, &wanted, &volume, NULL, e);
    if (r != 0)
        return refuse_create(r, body.name, e);
    return respond(response, 201, codec_engine_volume(&volume, volumes_mountpoint(volumes)));
}

int engine_get(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volumes *volumes = volumes_of(request);
    struct json_t *answer, *state;
    int r = volumes_get(volumes, request->arguments[0], &volume, e);

    if (r != 0)
        return r;
    answer = codec_engine_volume(&volume, volumes_mountpoint(volumes));
    state = volume_state(volumes, &volume);
    if (state)
        answer = codec_with_state(answer, state);
    return respond(response, 200, answer);
}

/* As Docker reads truth: whatever is not one of these. */
static bool is_true(const char *value)
{
    static const char *const no[] = {"", "0", "no", "false", "none"};

    for (size_t i = 0; value && i < sizeof(no) / sizeof(no[0]); i++)
        if (strcasecmp(value, no[i]) == 0)
            return false;
    return value;
}

/* "remove N: volume is in use - [id, id]" */
static int refuse_used(struct volumes *volumes, const char *name, struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    char list[ERROR_TEXT_MAX / 2] = "";
    const char *last = "";
    size_t used = 0;

    if (volumes_references(volumes, name, &references, NULL) != 0 || !references.count)
        return ERROR_IN_USE; /* not any more, perhaps: the text that there is */
    for (size_t i = 0; i < references.count && used < sizeof(list); i++) {
        const char *id = references.items[i].container_id;

        if (strcmp(id, last) != 0)
            used +=
                (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", id);
        last = id;
    }
    return error_set(e, ERROR_IN_USE, "remove %s: volume is in use - [%s]", name, list);
}

int engine_remove(const struct request *request, struct response *response, struct error *e)
{
    struct volumes *volumes = volumes_of(request);
    const char *name = request->arguments[0];
    int r =
        volumes_remove(volumes, name, is_true(request->query[0]) ? REMOVE_FORCE : 0, ORIGIN_API, e);

    response->status = 204;
    return r == ERROR_IN_USE ? refuse_used(volumes, name, e) : r;
}

/* ---- prune ---------------------------------------------------------------- */

struct pruning {
    struct json_t *removed;
    uint64_t reclaimed;
    bool failed;
};

static void visit_pruned(void *context, const char *name, uint64_t size)
{
    struct pruning *pruning = context;

    pruning->reclaimed += size;
    if (codec_array_add(pruning->removed, codec_string(name)) < 0)
        pruning->failed = true;
}

static void visit_not_pruned(void *context, const char *text)
{
    (void)context;
    log_message(LOG_LEVEL_ERROR, "api: prune: %s", text);
}

int engine_prune(const struct request *request, struct response *response, struct error *e)
{
    _cleanup_(filter_free_p) struct filter *filter = NULL;
    struct prune_request wanted = {.all = request->api_minor &&
                                          request->api_minor < ENGINE_MINOR_PRUNE_ALL};
    struct pruning pruning = {0};
    struct prune_visitor visitor = {
        .removed = visit_pruned, .failed = visit_not_pruned, .context = &pruning};
    int r = codec_read_engine_prune(request->query[0], &filter, &wanted.all, e);

    if (r != 0)
        return r;
    wanted.filter = filter;
    pruning.removed = codec_array();
    r = volumes_prune(volumes_of(request), &wanted, &visitor, e);
    if (r == 0 && pruning.failed)
        r = -ENOMEM;
    if (r == 0)
        return respond(response, 200, codec_engine_pruned(pruning.removed, pruning.reclaimed));
    codec_drop(pruning.removed);
    return r;
}
