/* Podman: asked by its command, as it has no daemon. */
#include "tools/volctl/engine.h"
#include "tools/volctl/program.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CONTAINERS_MAX = 10000 }; /* that fit into one command line */

static int ask(const char *const *arguments, json_t **out, struct error *e)
{
    _cleanup_(free_p) char *text = NULL;
    int r = program_read(arguments, &text, e);

    if (r)
        return r;
    *out = *text ? json_loads(text, 0, NULL) : json_array();
    if (json_is_array(*out))
        return 0;
    json_decref(*out);
    return error_set(e, ERROR_REQUEST_INVALID, "podman %s %s: its answer is no JSON array",
                     arguments[1], arguments[2]);
}

/* ---- who has what ------------------------------------------------------------------ */

static int add_container(json_t *entries, const json_t *container)
{
    const json_t *state = json_object_get(container, "State");
    bool running =
        field_bool(state, "Running") || strcmp(field_text(state, "Status"), "paused") == 0;
    json_t *mount;
    size_t i;
    int r = 0;

    json_array_foreach(json_object_get(container, "Mounts"), i, mount)
    {
        if (r == 0 && strcmp(field_text(mount, "Type"), "volume") == 0)
            r = engine_add_user(entries, field_text(mount, "Name"), field_text(container, "Name"),
                                running);
    }
    return r;
}

/* "podman container inspect ID…", of the lines of `ids`; NULL: none, or no memory. */
static const char **inspect_arguments(char *ids, size_t *count)
{
    const char **arguments = calloc(CONTAINERS_MAX + 4, sizeof(*arguments));
    char *rest = NULL;

    *count = 0;
    if (!arguments)
        return NULL;
    arguments[0] = "podman";
    arguments[1] = "container";
    arguments[2] = "inspect";
    for (char *id = strtok_r(ids, "\n", &rest); id; id = strtok_r(NULL, "\n", &rest))
        if ((*count)++ < CONTAINERS_MAX)
            arguments[2 + *count] = id;
    return arguments;
}

static int add_containers(json_t *entries, struct error *e)
{
    static const char *const list[] = {"podman", "ps", "-a", "-q", "--no-trunc", NULL};
    _cleanup_(free_p) const char **arguments = NULL;
    _cleanup_(json_decref_p) json_t *containers = NULL;
    _cleanup_(free_p) char *ids = NULL;
    json_t *container;
    size_t count, i;
    int r = program_read(list, &ids, e);

    if (r)
        return r;
    arguments = inspect_arguments(ids, &count);
    if (!arguments)
        return -ENOMEM;
    if (count > CONTAINERS_MAX)
        return error_set(e, ERROR_LIMIT,
                         "Podman has %zu containers, more than the %d that are "
                         "looked through; remove some (podman container prune)",
                         count, CONTAINERS_MAX);
    if (count > 0)
        r = ask(arguments, &containers, e);
    json_array_foreach(containers, i, container) if (r == 0) r = add_container(entries, container);
    return r;
}

/* ---- as an engine --------------------------------------------------------------------- */

static int podman_list(struct engine *engine, json_t **out, struct error *e)
{
    static const char *const inspect[] = {"podman", "volume", "inspect", "--all", NULL};
    _cleanup_(json_decref_p) json_t *volumes = NULL, *entries = json_array();
    json_t *volume;
    size_t i;
    int r = entries ? 0 : -ENOMEM;

    (void)engine;
    if (r == 0)
        r = ask(inspect, &volumes, e);
    json_array_foreach(volumes, i, volume) if (r == 0) r = engine_add(entries, volume);
    if (r == 0)
        r = add_containers(entries, e);
    if (r == 0)
        *out = steal_pointer(&entries);
    return r;
}

static int podman_remove(struct engine *engine, const char *name, struct error *e)
{
    const char *const arguments[] = {"podman", "volume", "rm", "--", name, NULL};

    (void)engine;
    return program_read(arguments, NULL, e);
}

static void texts_free(char ***texts)
{
    for (char **text = *texts; text && *text; text++)
        free(*text);
    free(*texts);
}

static void quote(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', stream);
        fputc(*text, stream);
    }
}

/* "KEY=VALUE", quoted, as Podman reads a value of --label as a line of CSV. */
static char *label_text(const char *key, const char *value)
{
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);

    if (!stream)
        return NULL;
    fputc('"', stream);
    quote(stream, key);
    fputc('=', stream);
    quote(stream, value ? value : "");
    fputc('"', stream);
    if (fclose(stream) == 0)
        return out;
    free(out);
    return NULL;
}

/* One for each label; NULL: no memory. */
static char **label_texts(json_t *labels)
{
    char **texts = calloc(json_object_size(labels) + 1, sizeof(*texts));
    const char *key;
    json_t *value;
    size_t i = 0;

    json_object_foreach(labels, key, value)
    {
        if (!texts)
            return NULL;
        texts[i] = label_text(key, json_string_value(value));
        if (!texts[i++]) {
            texts_free(&texts);
            return NULL;
        }
    }
    return texts;
}

static int podman_create(struct engine *engine, const char *name, const json_t *labels,
                         struct error *e)
{
    size_t count = json_object_size(labels), at = 3;
    _cleanup_(free_p) const char **arguments = calloc(2 * count + 6, sizeof(*arguments));
    _cleanup_(texts_free) char **texts = label_texts((json_t *)(uintptr_t)labels);

    (void)engine;
    if (!arguments || !texts)
        return -ENOMEM;
    arguments[0] = "podman";
    arguments[1] = "volume";
    arguments[2] = "create";
    for (size_t i = 0; i < count; i++) {
        arguments[at++] = "--label";
        arguments[at++] = texts[i];
    }
    arguments[at++] = "--";
    arguments[at] = name;
    return program_read(arguments, NULL, e);
}

/* Fails also when a volume that no driver has any more is taken off its list. */
static int podman_reload(struct engine *engine, struct error *e)
{
    static const char *const arguments[] = {"podman", "volume", "reload", NULL};

    (void)engine;
    return program_read(arguments, NULL, e);
}

const struct engine_kind engine_podman = {.name = "podman",
                                          .title = "Podman",
                                          .list = podman_list,
                                          .remove = podman_remove,
                                          .create = podman_create,
                                          .reload = podman_reload};
