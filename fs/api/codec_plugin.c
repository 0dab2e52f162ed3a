/*
 * JSON of the volume plugin protocol. Engines of any version come here, so that what is not known
 * of a request is left alone.
 */
#include "fs/api/codec_private.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int take_text(const json_t *object, const char *key, char **out)
{
    const char *text = json_string_value(json_object_get(object, key));

    *out = strdup(text ? text : "");
    return *out ? 0 : -ENOMEM;
}

int codec_read_plugin(const char *text, size_t length, struct plugin_body *out, struct error *e)
{
    static const struct field fields[] = {
        {"Name", FIELD_STRING}, {"ID", FIELD_STRING}, {"Opts", FIELD_OBJECT}};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r =
        object_read_leniently(text, length, fields, sizeof(fields) / sizeof(fields[0]), &object, e);

    *out = (struct plugin_body){0};
    if (r == 0)
        r = take_text(object, "Name", &out->name);
    if (r == 0)
        r = take_text(object, "ID", &out->id);
    if (r == 0)
        r = take_pairs(object, "Opts", &out->options, e);
    if (r != 0)
        plugin_body_deinit(out);
    return r;
}

void plugin_body_deinit(struct plugin_body *body)
{
    free(body->name);
    free(body->id);
    pairs_deinit(&body->options);
    *body = (struct plugin_body){0};
}

/* "web:/webapp:ro", each */
static json_t *lines_value(const struct references *references)
{
    _cleanup_(free_p) char *text = references_format(references);
    json_t *array = text ? json_array() : NULL;
    char *rest = text;

    for (size_t i = 0; array && i < references->count; i++)
        if (codec_array_add(array, codec_string(strsep(&rest, "\n"))) < 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

struct json_t *codec_volume_state(const struct volume *volume, const struct references *references,
                                  const struct measure *measure)
{
    json_t *state =
        json_pack("{s:s, s:I, s:o, s:b, s:s}", "id", volume->id, "refcount",
                  (json_int_t)references->containers, "refs", lines_value(references), "readonly",
                  volume->readonly, "label", access_label_name(volume->label));

    if (state && measure->known &&
        json_object_set_new(state, "size", codec_number(measure->size)) < 0) {
        json_decref(state);
        return NULL;
    }
    return state;
}

struct json_t *codec_plugin_mountpoint(const char *mountpoint, const char *name)
{
    return json_sprintf("%s/%s", mountpoint, name);
}

struct json_t *codec_plugin_volume(const struct volume *volume, const char *mountpoint)
{
    char created[TIME_TEXT_SIZE];

    time_format(volume->created_at, created);
    return json_pack("{s:s, s:o, s:s}", "Name", volume->name, "Mountpoint",
                     codec_plugin_mountpoint(mountpoint, volume->name), "CreatedAt", created);
}

struct json_t *codec_with_state(struct json_t *volume, struct json_t *state)
{
    if (json_object_set_new(volume, "Status", state) == 0)
        return volume;
    json_decref(volume);
    return NULL;
}

struct json_t *codec_plugin_answer(const char *key, struct json_t *value, const char *problem)
{
    return key ? json_pack("{s:o, s:o}", key, value, "Err", codec_string(problem))
               : json_pack("{s:o}", "Err", codec_string(problem));
}
