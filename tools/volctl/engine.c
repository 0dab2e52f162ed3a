/* What the engines have in common. */
#include "tools/volctl/engine.h"

#include "tools/volctl/client.h"

#include "catalog/cleanup.h"
#include "catalog/name.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ANONYMOUS_LABEL "com.docker.volume.anonymous"

const struct engine_kind *engine_kind_find(const char *name)
{
    static const struct engine_kind *const kinds[] = {&engine_docker, &engine_podman};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

void engine_deinit(struct engine *engine)
{
    engine->client = client_free(engine->client);
}

json_t *engine_find(const json_t *entries, const char *name)
{
    json_t *entry;
    size_t i;

    json_array_foreach(entries, i,
                       entry) if (strcmp(field_text(entry, "Name"), name) == 0) return entry;
    return NULL;
}

/* The path with links resolved but for the last part, which may have gone; NULL: not here. */
static char *canonical(const char *path)
{
    _cleanup_(free_p) char *parent = strdup(path), *real = NULL;
    char *slash = parent ? strrchr(parent, '/') : NULL;
    char *out = NULL;

    if (!slash || slash == parent || !slash[1])
        return NULL;
    *slash = 0;
    real = realpath(parent, NULL);
    return real && asprintf(&out, "%s/%s", real, slash + 1) >= 0 ? out : NULL;
}

/* Why it is not taken over; "": it may be. */
static void find_unfit(const json_t *volume, const char *source, char out[PATH_MAX])
{
    const char *driver = field_text(volume, "Driver");

    out[0] = 0;
    if (strcmp(driver, "local") != 0)
        snprintf(out, PATH_MAX, "its driver is '%s'; only local volumes are taken over", driver);
    else if (json_object_size(json_object_get(volume, "Options")) > 0)
        snprintf(out, PATH_MAX,
                 "it has options, so it is a mount or has limits, and no plain directory");
    else if (!source)
        snprintf(out, PATH_MAX, "its directory '%s' is not on this host",
                 field_text(volume, "Mountpoint"));
}

static bool is_anonymous(const json_t *volume)
{
    return field_bool(volume, "Anonymous") || name_is_anonymous(field_text(volume, "Name")) ||
           json_object_get(json_object_get(volume, "Labels"), ANONYMOUS_LABEL);
}

/* Docker's for what it cannot tell, the zero of its language, is not given. */
static const char *created_at(const json_t *volume)
{
    const char *text = field_text(volume, "CreatedAt");

    return strncmp(text, "0001-", 5) == 0 ? "" : text;
}

int engine_add(json_t *entries, const json_t *volume)
{
    _cleanup_(free_p) char *source = canonical(field_text(volume, "Mountpoint"));
    json_t *labels = json_object_get(volume, "Labels");
    char unfit[PATH_MAX];
    json_t *entry;

    find_unfit(volume, source, unfit);
    entry = json_pack("{s:s, s:s, s:s, s:O, s:b, s:[], s:[]}", "Name", field_text(volume, "Name"),
                      "Source", source ? source : field_text(volume, "Mountpoint"), "CreatedAt",
                      created_at(volume), "Labels", json_is_object(labels) ? labels : json_null(),
                      "Anonymous", (int)is_anonymous(volume), "Running", "Stopped");
    if (entry && *unfit && json_object_set_new(entry, "Unfit", json_string(unfit)) < 0) {
        json_decref(entry);
        entry = NULL;
    }
    return json_array_append_new(entries, entry) < 0 ? -ENOMEM : 0;
}

int engine_add_user(const json_t *entries, const char *volume, const char *container, bool running)
{
    json_t *entry = engine_find(entries, volume);

    if (!entry)
        return 0;
    return json_array_append_new(json_object_get(entry, running ? "Running" : "Stopped"),
                                 json_string(container)) < 0
               ? -ENOMEM
               : 0;
}
