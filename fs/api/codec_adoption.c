/* Volumes that are taken over from engines: what is asked for, and the answers. */
#include "fs/api/codec_private.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int take_time(const json_t *object, const char *key, int64_t *out, struct error *e)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!text || !*text || (time_parse(text, out) && *out >= 0))
        return 0;
    return error_set(e, ERROR_REQUEST_INVALID, "'%s' must be a time as of RFC 3339, not '%.100s'",
                     key, text);
}

static int adopt_take(json_t *object, struct adopt_body *out, struct error *e)
{
    int r = take_string(object, "Name", &out->name);

    if (r == 0)
        r = take_string(object, "Engine", &out->engine);
    if (r == 0)
        r = take_string(object, "Source", &out->source);
    if (r == 0)
        r = take_pairs(object, "Labels", &out->labels, e);
    if (r == 0)
        r = take_time(object, "CreatedAt", &out->created_at, e);
    if (r)
        return r;
    out->anonymous = take_boolean(object, "Anonymous");
    out->move = take_boolean(object, "Move");
    out->dry_run = take_boolean(object, "DryRun");
    if (!out->name || !out->engine || !out->source)
        return error_set(e, ERROR_REQUEST_INVALID, "give 'Name', 'Engine' and 'Source'");
    return 0;
}

int codec_read_adopt(const char *text, size_t length, struct adopt_body *out, struct error *e)
{
    static const struct field fields[] = {{"Name", FIELD_STRING},      {"Engine", FIELD_STRING},
                                          {"Source", FIELD_STRING},    {"Labels", FIELD_OBJECT},
                                          {"CreatedAt", FIELD_STRING}, {"Anonymous", FIELD_BOOLEAN},
                                          {"Move", FIELD_BOOLEAN},     {"DryRun", FIELD_BOOLEAN}};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_read(text, length, fields, sizeof(fields) / sizeof(fields[0]), &object, e);

    *out = (struct adopt_body){0};
    if (r == 0)
        r = adopt_take(object, out, e);
    if (r)
        adopt_body_deinit(out);
    return r;
}

void adopt_body_deinit(struct adopt_body *body)
{
    free(body->name);
    free(body->engine);
    free(body->source);
    pairs_deinit(&body->labels);
    *body = (struct adopt_body){0};
}

struct json_t *codec_adoption(const struct volume *volume, const struct adoption *from)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:b, s:b, s:o, s:o, s:s, s:o}", "Name", volume->name,
                     "Engine", from->engine, "EngineName", from->name, "Source",
                     codec_string(from->source), "Moved", (int)from->moved, "Copied",
                     (int)from->copied, "AdoptedAt", time_value(from->adopted_at), "CreatedAt",
                     time_value(volume->created_at), "Kind", volume_kind_name(volume->kind),
                     "Labels", pairs_value(&volume->labels));
}

struct json_t *codec_adopted(const struct volume *volume, const struct adoption *from,
                             uint64_t bytes)
{
    json_t *value = codec_adoption(volume, from);

    if (!value || !from->copied || json_object_set_new(value, "Size", codec_number(bytes)) == 0)
        return value;
    json_decref(value);
    return NULL;
}

struct json_t *codec_adopt_plan(const char *name, bool copied, uint64_t bytes, uint64_t entries)
{
    return json_pack("{s:s, s:b, s:o, s:o}", "Name", name, "Copied", (int)copied, "Size",
                     codec_number(bytes), "Entries", codec_number(entries));
}

struct json_t *codec_adoption_progress(const char *name, uint64_t bytes, uint64_t total_bytes,
                                       uint64_t entries)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "Volume", codec_string(name), "Bytes",
                     codec_number(bytes), "TotalBytes", codec_number(total_bytes), "Entries",
                     codec_number(entries));
}
