/*
 * Reads state and configuration. Runtimes are written in languages whose readers take more than
 * jansson does by itself: numbers past 63 bits (an unlimited limit is 2^64 - 1) and NUL in texts.
 * Nothing is asked of parts that are not used here.
 */
#include "tools/hook/bundle.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

enum { JSON_FLAGS = JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL };

struct bundle {
    json_t *root;
};

static void json_decref_p(json_t **value)
{
    json_decref(*value);
}

static int object_parse(const char *text, size_t length, json_t **out, struct error *e)
{
    json_error_t why;

    *out = json_loadb(text, length, JSON_FLAGS, &why);
    if (!*out && json_error_code(&why) == json_error_out_of_memory)
        return -ENOMEM;
    if (!*out)
        return error_set(e, ERROR_REQUEST_INVALID, "it is no JSON: line %d, column %d: %s",
                         why.line, why.column, why.text);
    if (json_is_object(*out))
        return 0;
    json_decref(*out);
    *out = NULL;
    return error_set(e, ERROR_REQUEST_INVALID, "it is no JSON object");
}

/* A text that C can hold, and not empty; else NULL. */
static const char *value_text(const json_t *value)
{
    const char *text = json_string_value(value);

    return text && *text && strlen(text) == json_string_length(value) ? text : NULL;
}

/* ---- the state ------------------------------------------------------------- */

void state_deinit(struct state *state)
{
    free(state->id);
    free(state->bundle);
    *state = (struct state){0};
}

/* "creating" is said by runtimes while createRuntime hooks run, "created" by the specification. */
static int state_read_status(const json_t *root, struct state *out, struct error *e)
{
    static const char *const alive[] = {"creating", "created", "running"};
    const char *status = value_text(json_object_get(root, "status"));
    double pid = json_number_value(json_object_get(root, "pid"));

    if (!status)
        return error_set(e, ERROR_REQUEST_INVALID, "it has no status");
    out->ended = strcmp(status, "stopped") == 0;
    if (out->ended)
        return 0;
    if (!(pid >= 1 && pid <= INT_MAX))
        return error_set(e, ERROR_REQUEST_INVALID, "it has no pid, and the status '%s'", status);
    out->pid = (pid_t)pid;
    for (size_t i = 0; i < sizeof(alive) / sizeof(alive[0]); i++)
        if (strcmp(status, alive[i]) == 0)
            return 0;
    return error_set(
        e, ERROR_REQUEST_INVALID,
        "'%s' is no status that this hook is for; use it at createRuntime and poststop", status);
}

int state_parse(const char *text, size_t length, struct state *out, struct error *e)
{
    _cleanup_(json_decref_p) json_t *root = NULL;
    _cleanup_(state_deinit) struct state state = {0};
    const char *id, *bundle;
    int r;

    *out = (struct state){0};
    r = object_parse(text, length, &root, e);
    if (r)
        return r;
    id = value_text(json_object_get(root, "id"));
    bundle = value_text(json_object_get(root, "bundle"));
    if (!id)
        return error_set(e, ERROR_REQUEST_INVALID, "it has no id");
    if (!bundle || bundle[0] != '/')
        return error_set(e, ERROR_REQUEST_INVALID, "it has no absolute path of the bundle");
    r = state_read_status(root, &state, e);
    if (r)
        return r;
    state.id = strdup(id);
    state.bundle = strdup(bundle);
    if (!state.id || !state.bundle)
        return -ENOMEM;
    *out = state;
    state = (struct state){0};
    return 0;
}

/* ---- the bundle ------------------------------------------------------------ */

struct bundle *bundle_free(struct bundle *bundle)
{
    if (bundle)
        json_decref(bundle->root);
    free(bundle);
    return NULL;
}

int bundle_parse(const char *text, size_t length, struct bundle **out, struct error *e)
{
    struct bundle *bundle = calloc(1, sizeof(*bundle));
    int r = bundle ? object_parse(text, length, &bundle->root, e) : -ENOMEM;

    *out = r ? bundle_free(bundle) : bundle;
    return r;
}

const char *bundle_annotation(const struct bundle *bundle, const char *key)
{
    return value_text(json_object_get(json_object_get(bundle->root, "annotations"), key));
}

/* Some of mount(8)'s words; of two that contradict each other the later one counts. */
static void mount_read_option(const char *option, struct bundle_mount *mount, bool *bind)
{
    static const char *const propagations[] = {"private", "rprivate", "shared",
                                               "rshared", "slave",    "rslave"};

    if (strcmp(option, "bind") == 0 || strcmp(option, "rbind") == 0)
        *bind = true;
    else if (strcmp(option, "ro") == 0 || strcmp(option, "rro") == 0)
        mount->readonly = true;
    else if (strcmp(option, "rw") == 0 || strcmp(option, "rrw") == 0)
        mount->readonly = false;
    else if (strcmp(option, "z") == 0 || strcmp(option, "Z") == 0)
        mount->relabel = option[0] == 'z' ? "shared" : "private";
    for (size_t i = 0; i < sizeof(propagations) / sizeof(propagations[0]); i++)
        if (strcmp(option, propagations[i]) == 0)
            mount->propagation = propagations[i];
}

/* The options say whether it is a bind; the type is then a dummy. crun takes the type alone too. */
static bool mount_read(const json_t *value, struct bundle_mount *out)
{
    const char *type = value_text(json_object_get(value, "type"));
    bool bind = type && strcmp(type, "bind") == 0;
    const json_t *option;
    size_t i;

    *out = (struct bundle_mount){.source = value_text(json_object_get(value, "source")),
                                 .destination = value_text(json_object_get(value, "destination"))};
    json_array_foreach(json_object_get(value, "options"), i, option)
    {
        const char *text = value_text(option);

        if (text)
            mount_read_option(text, out, &bind);
    }
    return bind && out->source && out->destination;
}

bool bundle_next_bind(const struct bundle *bundle, size_t *at, struct bundle_mount *out)
{
    const json_t *mounts = json_object_get(bundle->root, "mounts");

    while (*at < json_array_size(mounts))
        if (mount_read(json_array_get(mounts, (*at)++), out))
            return true;
    return false;
}
