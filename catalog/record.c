/*
 * volume.json: a volume's record beside its data. The only file of the catalog
 * that knows of JSON.
 *
 * What is read may have been damaged, edited or made by a stranger: every field
 * has one type, one range and one check, and the first that fails is named.
 * Unknown keys are passed over, so that a later version may add some that an
 * earlier one can do without (what it cannot do without raises "Format").
 */
#include "catalog/record.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

enum { RECORD_FORMAT = 1 };

static void json_decref_p(json_t **json)
{
    json_decref(*json);
}

/* ---- writing ---------------------------------------------------------- */

static json_t *record_encode_pairs(const struct pairs *pairs)
{
    json_t *object = json_object();

    for (size_t i = 0; object && i < pairs->count; i++) {
        if (json_object_set_new(object, pairs->items[i].key, json_string(pairs->items[i].value))) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *record_encode_time(int64_t ns)
{
    char text[TIME_TEXT_SIZE];

    if (!ns)
        return json_null();
    time_format(ns, text);
    return json_string(text);
}

static json_int_t record_encode_size(uint64_t size)
{
    return size > INT64_MAX ? INT64_MAX : (json_int_t)size;
}

char *record_encode(const struct volume *volume)
{
    /* "o" takes the reference, and fails as a whole when one of them is NULL. */
    _cleanup_(json_decref_p) json_t *json = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "Format",
        RECORD_FORMAT, "Id", volume->id, "Name", volume->name, "Kind",
        volume_kind_name(volume->kind), "Driver", volume->driver, "ReadOnly", (int)volume->readonly,
        "Label", access_label_name(volume->label), "Owner", volume->owner, "Context",
        volume->context, "SizeLimit", record_encode_size(volume->size_limit), "CreatedAt",
        record_encode_time(volume->created_at), "LastUsedAt",
        record_encode_time(volume->last_used_at), "Options", record_encode_pairs(&volume->options),
        "Labels", record_encode_pairs(&volume->labels));

    return json ? json_dumps(json, JSON_INDENT(2)) : NULL;
}

/* ---- reading ---------------------------------------------------------- */

static int record_refuse(struct error *e, const char *key, const char *why)
{
    return error_set(e, ERROR_CORRUPT, "volume.json: \"%s\" %s", key, why);
}

/* A text of less than `size` bytes. Absent is "" unless `required`. */
static int record_decode_text(const json_t *json, const char *key, bool required, char *out,
                              size_t size, struct error *e)
{
    const json_t *value = json_object_get(json, key);

    out[0] = 0;
    if (!value && !required)
        return 0;
    if (!json_is_string(value))
        return record_refuse(e, key, "is missing or not a string");
    if (json_string_length(value) >= size)
        return record_refuse(e, key, "is too long");
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
    return 0;
}

static int record_decode_time(const json_t *json, const char *key, int64_t *out, struct error *e)
{
    const json_t *value = json_object_get(json, key);

    *out = 0;
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_string(value) || !time_parse(json_string_value(value), out) || *out < 0)
        return record_refuse(e, key, "is not an RFC 3339 time");
    return 0;
}

static int record_decode_pairs(const json_t *json, const char *key, struct pairs *out,
                               struct error *e)
{
    json_t *object = json_object_get(json, key);
    const char *name;
    json_t *value;

    if (!object || json_is_null(object))
        return 0;
    if (!json_is_object(object))
        return record_refuse(e, key, "is not an object");
    json_object_foreach(object, name, value)
    {
        int r;

        if (!json_is_string(value))
            return record_refuse(e, key, "has a value that is not a string");
        r = pairs_set(out, name, json_string_value(value));
        if (r)
            return r < 0 ? r : record_refuse(e, key, "has an empty key or is too large");
    }
    return 0;
}

static int record_decode_format(const json_t *json, struct error *e)
{
    const json_t *format = json_object_get(json, "Format");

    if (!json_is_integer(format) || json_integer_value(format) < 1)
        return record_refuse(e, "Format", "is missing or not a positive number");
    if (json_integer_value(format) > RECORD_FORMAT)
        return error_set(e, ERROR_NEWER,
                         "volume.json has format %" JSON_INTEGER_FORMAT
                         ", this volumefs knows %d: upgrade volumefs",
                         json_integer_value(format), RECORD_FORMAT);
    return 0;
}

/* A plugin's name may have a registry path and a tag: printable ASCII without blanks. */
static bool record_is_driver_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return name[0] != 0;
}

static int record_decode_names(const json_t *json, struct volume *out, struct error *e)
{
    int r;

    r = record_decode_text(json, "Id", true, out->id, sizeof(out->id), e);
    if (r)
        return r;
    if (!name_is_volume_id(out->id))
        return record_refuse(e, "Id", "is not 32 lower-case hex digits");
    r = record_decode_text(json, "Name", true, out->name, sizeof(out->name), e);
    if (r)
        return r;
    if (name_check_volume(out->name, NULL))
        return record_refuse(e, "Name", "is not a volume name");
    r = record_decode_text(json, "Driver", true, out->driver, sizeof(out->driver), e);
    if (r)
        return r;
    if (!record_is_driver_name(out->driver))
        return record_refuse(e, "Driver", "is not a driver name");
    return 0;
}

static int record_decode_words(const json_t *json, struct volume *out, struct error *e)
{
    char word[16];
    int r;

    r = record_decode_text(json, "Kind", true, word, sizeof(word), e);
    if (r)
        return r;
    if (!volume_kind_parse(word, &out->kind))
        return record_refuse(e, "Kind", "is neither named nor anonymous");
    r = record_decode_text(json, "Label", false, word, sizeof(word), e);
    if (r)
        return r;
    if (word[0] && !access_label_parse(word, &out->label))
        return record_refuse(e, "Label", "is none of none, shared, private");
    return 0;
}

static int record_decode_rules(const json_t *json, struct volume *out, struct error *e)
{
    const json_t *readonly = json_object_get(json, "ReadOnly");
    const json_t *size = json_object_get(json, "SizeLimit");
    int r;

    if (readonly && !json_is_boolean(readonly))
        return record_refuse(e, "ReadOnly", "is neither true nor false");
    out->readonly = json_is_true(readonly);
    if (size && (!json_is_integer(size) || json_integer_value(size) < 0))
        return record_refuse(e, "SizeLimit", "is not a number of bytes");
    out->size_limit = (uint64_t)json_integer_value(size);
    r = record_decode_text(json, "Owner", false, out->owner, sizeof(out->owner), e);
    if (r)
        return r;
    if (out->owner[0] && name_check_container(out->owner, NULL))
        return record_refuse(e, "Owner", "is not a container id");
    return record_decode_text(json, "Context", false, out->context, sizeof(out->context), e);
}

static int record_decode_object(const json_t *json, struct volume *out, struct error *e)
{
    int (*const steps[])(const json_t *, struct volume *, struct error *) = {
        record_decode_names,
        record_decode_words,
        record_decode_rules,
    };
    int r;

    r = record_decode_format(json, e);
    for (size_t i = 0; !r && i < sizeof(steps) / sizeof(steps[0]); i++)
        r = steps[i](json, out, e);
    if (!r)
        r = record_decode_time(json, "CreatedAt", &out->created_at, e);
    if (!r)
        r = record_decode_time(json, "LastUsedAt", &out->last_used_at, e);
    if (!r)
        r = record_decode_pairs(json, "Options", &out->options, e);
    if (!r)
        r = record_decode_pairs(json, "Labels", &out->labels, e);
    return r;
}

int record_decode(const char *text, size_t length, struct volume *out, struct error *e)
{
    _cleanup_(json_decref_p) json_t *json = NULL;
    json_error_t problem;
    int r;

    *out = (struct volume){0};
    if (length > RECORD_SIZE_MAX)
        return error_set(e, ERROR_CORRUPT, "volume.json is larger than %d bytes", RECORD_SIZE_MAX);
    json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!json && json_error_code(&problem) == json_error_out_of_memory)
        return -ENOMEM;
    if (!json)
        return error_set(e, ERROR_CORRUPT, "volume.json, line %d: %s", problem.line, problem.text);
    if (!json_is_object(json))
        return error_set(e, ERROR_CORRUPT, "volume.json is not a JSON object");
    r = record_decode_object(json, out, e);
    if (r)
        volume_deinit(out);
    return r;
}
