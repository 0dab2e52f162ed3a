/* adopted.json: where a volume's data came from. What is read may have been damaged or edited. */
#include "catalog/record_adoption.h"

#include "catalog/cleanup.h"
#include "catalog/spec.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

enum { ADOPTION_FORMAT = 1 };

static void json_decref_p(json_t **json)
{
    json_decref(*json);
}

char *adoption_encode(const struct adoption *adoption)
{
    _cleanup_(json_decref_p) json_t *json = NULL;
    char time[TIME_TEXT_SIZE];

    time_format(adoption->adopted_at, time);
    json = json_pack("{s:i, s:s, s:s, s:s, s:b, s:b, s:s}", "Format", ADOPTION_FORMAT, "Engine",
                     adoption->engine, "Name", adoption->name, "Source", adoption->source, "Moved",
                     (int)adoption->moved, "Copied", (int)adoption->copied, "AdoptedAt", time);
    return json ? json_dumps(json, JSON_INDENT(2)) : NULL;
}

int adoption_check(const struct adoption *adoption, struct error *e)
{
    _cleanup_(free_p) char *clean = NULL;
    const char *source = adoption->source;

    if (!adoption->engine[0] ||
        strspn(adoption->engine, "abcdefghijklmnopqrstuvwxyz") != strlen(adoption->engine))
        return error_set(e, ERROR_REQUEST_INVALID,
                         "engine '%s' must be a word of small letters, such as docker",
                         adoption->engine);
    clean = spec_clean_path(source);
    if (!clean)
        return -ENOMEM;
    if (source[0] != '/' || !source[1] || strcmp(clean, source) != 0)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "source '%s' must be an absolute path without empty, '.' and '..' parts",
                         source);
    return name_check_volume(adoption->name, e);
}

/* A text of less than `size` bytes that must be there. */
static bool take_text(const json_t *json, const char *key, char *out, size_t size)
{
    const json_t *value = json_object_get(json, key);

    if (!json_is_string(value) || json_string_length(value) >= size)
        return false;
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
    return true;
}

static bool take_flag(const json_t *json, const char *key, bool *out)
{
    const json_t *value = json_object_get(json, key);

    *out = json_is_true(value);
    return json_is_boolean(value);
}

static int decode_fields(const json_t *json, struct adoption *out, struct error *e)
{
    json_int_t format = json_integer_value(json_object_get(json, "Format"));
    char time[TIME_TEXT_SIZE];

    if (format > ADOPTION_FORMAT)
        return error_set(e, ERROR_NEWER,
                         "adopted.json has format %" JSON_INTEGER_FORMAT
                         ", this volumefs knows %d: upgrade volumefs",
                         format, ADOPTION_FORMAT);
    if (format < 1 || !take_text(json, "Engine", out->engine, sizeof(out->engine)) ||
        !take_text(json, "Name", out->name, sizeof(out->name)) ||
        !take_text(json, "Source", out->source, sizeof(out->source)) ||
        !take_flag(json, "Moved", &out->moved) || !take_flag(json, "Copied", &out->copied) ||
        !take_text(json, "AdoptedAt", time, sizeof(time)) || !time_parse(time, &out->adopted_at) ||
        adoption_check(out, NULL) != 0)
        return error_set(e, ERROR_CORRUPT, "adopted.json lacks a field, or has one that is wrong");
    return 0;
}

int adoption_decode(const char *text, size_t length, struct adoption *out, struct error *e)
{
    _cleanup_(json_decref_p) json_t *json = NULL;
    json_error_t problem;
    int r;

    *out = (struct adoption){0};
    json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!json && json_error_code(&problem) == json_error_out_of_memory)
        return -ENOMEM;
    if (!json)
        return error_set(e, ERROR_CORRUPT, "adopted.json, line %d: %s", problem.line, problem.text);
    r = decode_fields(json, out, e);
    if (r)
        *out = (struct adoption){0};
    return r;
}
