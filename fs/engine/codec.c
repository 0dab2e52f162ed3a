/*
 * jansson on this side of it.
 *
 * Which fields say what (seen of dockerd 20.10 and Podman 4.3): a volume is told by Driver and
 * Name, as its Source is a path or empty, whatever its state; whether it is read-only by RW alone,
 * as Mode has "ro" from Docker only, and not always; z and Z by Mode.
 */
#include "fs/engine/codec.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

enum {
    CONTAINERS_MAX = 1 << 20,
    NS_PER_S = 1000 * 1000 * 1000,
};

static void json_decref_p(json_t **value)
{
    json_decref(*value);
}

/* What has a NUL in it is no name and no path: as if it were not told. */
static const char *text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);

    return text && strlen(text) == json_string_length(value) ? text : "";
}

/* ---- mounts ----------------------------------------------------------------------- */

static enum access_label label_of(const char *mode)
{
    for (; *mode; mode += strcspn(mode, ",")) {
        mode += *mode == ',';
        if (strcspn(mode, ",") == 1 && (*mode == 'z' || *mode == 'Z'))
            return *mode == 'z' ? LABEL_SHARED : LABEL_PRIVATE;
    }
    return LABEL_NONE;
}

/* NULL stays for what is not told. False: no memory. */
static bool copy_text(char **to, const char *text)
{
    if (!*text)
        return true;
    *to = strdup(text);
    return *to;
}

static void mount_deinit(struct engine_mount *mount)
{
    free(mount->volume);
    free(mount->driver);
    free(mount->source);
    free(mount->destination);
}

/* Whether it is one that could be of a volume of ours. */
static bool mount_is_told(const json_t *value)
{
    const char *type = text_of(value, "Type");

    return strcmp(type, "volume") == 0 ? *text_of(value, "Name") != 0 : strcmp(type, "bind") == 0;
}

/* Docker takes "y:/y" for a path (of another system), and one may be longer than is kept here: a
 * reference it is all the same. */
static char *destination_of(const json_t *value)
{
    const char *told = text_of(value, "Destination");
    char *destination;

    if (asprintf(&destination, "%s%.*s", *told == '/' ? "" : "/", PATH_TEXT_MAX - 1, told) < 0)
        return NULL;
    return destination;
}

static int mount_read(const json_t *value, struct engine_mount *out)
{
    const json_t *writable = json_object_get(value, "RW");
    bool is_volume = strcmp(text_of(value, "Type"), "volume") == 0;

    *out = (struct engine_mount){.readonly = json_is_false(writable),
                                 .label = label_of(text_of(value, "Mode"))};
    out->destination = destination_of(value);
    if (out->destination && copy_text(&out->source, text_of(value, "Source")) &&
        copy_text(&out->driver, text_of(value, "Driver")) &&
        copy_text(&out->volume, is_volume ? text_of(value, "Name") : ""))
        return 0;
    mount_deinit(out);
    return -ENOMEM;
}

static int mounts_read(const json_t *array, struct engine_container *out)
{
    const json_t *value;
    size_t i;
    int r = 0;

    out->mounts = calloc(json_array_size(array) + 1, sizeof(*out->mounts));
    if (!out->mounts)
        return -ENOMEM;
    json_array_foreach(array, i, value)
    {
        if (!mount_is_told(value))
            continue;
        r = mount_read(value, &out->mounts[out->mount_count]);
        if (r)
            return r;
        out->mount_count++;
    }
    return r;
}

/* ---- containers --------------------------------------------------------------------- */

/* One of Docker's has names by links, too: "/web/db". */
static void name_read(const json_t *names, struct engine_container *out)
{
    const json_t *value;
    size_t i;

    json_array_foreach(names, i, value)
    {
        const char *name = json_string_value(value);

        if (!name)
            continue;
        name += *name == '/';
        if (name_check_container(name, NULL) != 0)
            continue;
        snprintf(out->name, sizeof(out->name), "%s", name);
        return;
    }
}

static enum container_state state_of(const char *state)
{
    static const char *const running[] = {"running", "paused", "restarting", "removing",
                                          "stopping"};

    for (size_t i = 0; i < sizeof(running) / sizeof(running[0]); i++)
        if (strcmp(state, running[i]) == 0)
            return CONTAINER_RUNNING;
    return strcmp(state, "created") == 0 || strcmp(state, "initialized") == 0 ? CONTAINER_CREATED
                                                                              : CONTAINER_EXITED;
}

/* ERROR_REQUEST_INVALID: it is none. */
static int container_read(const json_t *value, struct engine_container *out)
{
    const char *id = text_of(value, "Id");
    json_int_t created = json_integer_value(json_object_get(value, "Created"));

    *out = (struct engine_container){.state = state_of(text_of(value, "State"))};
    if (name_check_container(id, NULL) != 0 || strlen(id) > CONTAINER_ID_MAX)
        return ERROR_REQUEST_INVALID;
    memcpy(out->id, id, strlen(id));
    if (created > 0 && created < INT64_MAX / NS_PER_S)
        out->created_at = (int64_t)created * NS_PER_S;
    name_read(json_object_get(value, "Names"), out);
    return mounts_read(json_object_get(value, "Mounts"), out);
}

static void container_deinit(struct engine_container *container)
{
    for (size_t i = 0; i < container->mount_count; i++)
        mount_deinit(&container->mounts[i]);
    free(container->mounts);
    container->mounts = NULL;
    container->mount_count = 0;
}

void engine_list_deinit(struct engine_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        container_deinit(&list->items[i]);
    free(list->items);
    *list = (struct engine_list){0};
}

static int container_compare(const void *left, const void *right)
{
    const struct engine_container *a = left;
    const struct engine_container *b = right;

    return strcmp(a->id, b->id);
}

const struct engine_container *engine_list_find(const struct engine_list *list, const char *id)
{
    struct engine_container key = {0};

    if (!list->count || strlen(id) > CONTAINER_ID_MAX)
        return NULL;
    memcpy(key.id, id, strlen(id));
    return bsearch(&key, list->items, list->count, sizeof(key), container_compare);
}

static int list_take(struct engine_list *list, const json_t *array)
{
    const json_t *value;
    size_t i;

    list->items = calloc(json_array_size(array) + 1, sizeof(*list->items));
    if (!list->items)
        return -ENOMEM;
    json_array_foreach(array, i, value)
    {
        struct engine_container *container = &list->items[list->count];
        int r = container_read(value, container);

        if (r == ERROR_REQUEST_INVALID) {
            container_deinit(container);
            continue;
        }
        list->count++; /* to be released, also if it is read in part */
        if (r)
            return r;
    }
    qsort(list->items, list->count, sizeof(*list->items), container_compare);
    return 0;
}

int engine_list_read(const char *text, size_t length, struct engine_list *out, struct error *e)
{
    json_error_t where;
    _cleanup_(json_decref_p) json_t *array = json_loadb(text, length, JSON_ALLOW_NUL, &where);
    int r;

    *out = (struct engine_list){0};
    if (!json_is_array(array) || json_array_size(array) > CONTAINERS_MAX)
        return error_set(e, ERROR_REQUEST_INVALID, "the list of containers cannot be read: %s",
                         array ? "it is no list" : where.text);
    r = list_take(out, array);
    if (r)
        engine_list_deinit(out);
    return r;
}

pid_t engine_process_read(const char *text, size_t length)
{
    _cleanup_(json_decref_p) json_t *value = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
    const json_t *state = json_object_get(value, "State");
    json_int_t pid = json_integer_value(json_object_get(state, "Pid"));

    return json_is_true(json_object_get(state, "Running")) && pid > 1 && pid <= INT32_MAX
               ? (pid_t)pid
               : 0;
}

void engine_id_read(const char *text, size_t length, char id[ENGINE_ID_MAX + 1])
{
    _cleanup_(json_decref_p) json_t *value = json_loadb(text, length, JSON_ALLOW_NUL, NULL);

    if (snprintf(id, ENGINE_ID_MAX + 1, "%s", text_of(value, "Id")) > ENGINE_ID_MAX)
        *id = 0; /* cut, it could be another's too */
}

int engine_mount_count_read(const char *text, size_t length)
{
    _cleanup_(json_decref_p) json_t *value = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
    const json_t *count = json_object_get(value, "MountCount");
    json_int_t number = json_integer_value(count);

    return json_is_integer(count) && number >= 0 && number <= INT32_MAX ? (int)number : -1;
}

/* ---- events --------------------------------------------------------------------------- */

/* Many come of health checks and commands, and change nothing that is of interest. */
static bool action_matters(const char *action)
{
    static const char *const actions[] = {"create",  "start",  "die",    "destroy",
                                          "remove",  "rename", "pause",  "unpause",
                                          "cleanup", "stop",   "update", "restart"};

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(action, actions[i]) == 0)
            return true;
    return false;
}

bool engine_event_read(const char *text, size_t length, char id[CONTAINER_ID_MAX + 1])
{
    _cleanup_(json_decref_p) json_t *event = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
    const char *of = text_of(json_object_get(event, "Actor"), "ID");

    if (strcmp(text_of(event, "Type"), "container") != 0 ||
        !action_matters(text_of(event, "Action")) || strlen(of) > CONTAINER_ID_MAX ||
        name_check_container(of, NULL) != 0)
        return false;
    memcpy(id, of, strlen(of) + 1);
    return true;
}
