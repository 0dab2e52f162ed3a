/*
 * Requests as JSON: one object and nothing behind it, known keys of the right
 * type only. A key that is null counts as absent, as engines' clients write
 * that for what is not given.
 */
#include "fs/api/codec_private.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void json_decref_p(json_t **value)
{
    json_decref(*value);
}

/* ---- one object with known keys ------------------------------------------- */

int object_load(const char *text, size_t length, json_t **out, struct error *e)
{
    json_error_t problem;
    json_t *value;

    if (length == 0)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "the request has no body; send a JSON object, {} for the defaults");
    value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!value && json_error_code(&problem) == json_error_out_of_memory)
        return -ENOMEM;
    if (!value && json_error_code(&problem) == json_error_end_of_input_expected)
        return error_set(e, ERROR_REQUEST_INVALID, "unexpected content after JSON");
    if (!value)
        return error_set(e, ERROR_REQUEST_INVALID, "invalid JSON: %s (line %d, column %d)",
                         problem.text, problem.line, problem.column);
    if (!json_is_object(value)) {
        json_decref(value);
        return error_set(e, ERROR_REQUEST_INVALID, "invalid JSON: it must be an object");
    }
    *out = value;
    return 0;
}

static bool is_strings(const json_t *value)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(value))
        return false;
    json_array_foreach(value, i, item) if (!json_is_string(item)) return false;
    return true;
}

static int field_check(const struct field *field, const json_t *value, struct error *e)
{
    const char *wanted = NULL;

    if (json_is_null(value))
        return 0;
    switch (field->type) {
    case FIELD_STRING:
        wanted = json_is_string(value) ? NULL : "a string";
        break;
    case FIELD_BOOLEAN:
        wanted = json_is_boolean(value) ? NULL : "true or false";
        break;
    case FIELD_OBJECT:
        wanted = json_is_object(value) ? NULL : "an object";
        break;
    case FIELD_STRINGS:
        wanted = is_strings(value) ? NULL : "an array of strings";
        break;
    case FIELD_INTEGER:
        wanted = json_is_integer(value) ? NULL : "a whole number";
        break;
    }
    return wanted ? error_set(e, ERROR_REQUEST_INVALID, "'%s' must be %s", field->key, wanted) : 0;
}

int object_check(json_t *object, const struct field *fields, size_t count, struct error *e)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        int r;

        while (i < count && strcmp(fields[i].key, key) != 0)
            i++;
        if (i == count)
            return error_set(e, ERROR_REQUEST_INVALID, "unknown key '%.100s'", key);
        r = field_check(&fields[i], value, e);
        if (r != 0)
            return r;
    }
    return 0;
}

int object_read(const char *text, size_t length, const struct field *fields, size_t count,
                json_t **out, struct error *e)
{
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_load(text, length, &object, e);

    if (r == 0)
        r = object_check(object, fields, count, e);
    if (r == 0)
        *out = steal_pointer(&object);
    return r;
}

/* Puts the value under the key as we write it, and checks it. */
static int field_normalize(json_t *object, const struct field *field, struct error *e)
{
    const char *key;
    json_t *value;
    int r = 0;

    json_object_foreach(object, key, value)
    {
        if (strcasecmp(key, field->key) != 0)
            continue;
        r = field_check(field, value, e);
        if (r == 0 && strcmp(key, field->key) != 0 &&
            json_object_set(object, field->key, value) < 0) /* ends the walk: the object changed */
            r = -ENOMEM;
        break;
    }
    return r;
}

int object_read_leniently(const char *text, size_t length, const struct field *fields, size_t count,
                          json_t **out, struct error *e)
{
    _cleanup_(json_decref_p) json_t *object = length ? NULL : json_object();
    int r = 0;

    if (length)
        r = object_load(text, length, &object, e);
    else if (!object)
        r = -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = field_normalize(object, &fields[i], e);
    if (r == 0)
        *out = steal_pointer(&object);
    return r;
}

/* ---- values --------------------------------------------------------------- */

int take_string(const json_t *object, const char *key, char **out)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!text)
        return 0;
    *out = strdup(text);
    return *out ? 0 : -ENOMEM;
}

bool take_boolean(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

int take_pairs(json_t *object, const char *key, struct pairs *out, struct error *e)
{
    json_t *pairs = json_object_get(object, key);
    const char *name;
    json_t *value;

    json_object_foreach(pairs, name, value)
    {
        int r;

        if (!json_is_string(value))
            return error_set(e, ERROR_REQUEST_INVALID, "'%s' of '%s' must be a string", name, key);
        r = pairs_set(out, name, json_string_value(value));
        if (r == ERROR_LIMIT)
            return error_set(e, ERROR_REQUEST_INVALID,
                             "'%s' is too large: %d entries, keys of %d bytes and values of %d at "
                             "most",
                             key, PAIRS_MAX, PAIR_KEY_MAX, PAIR_VALUE_MAX);
        if (r != 0)
            return error_set(e, r, "'%s' has a key or value that cannot be kept: '%.100s'", key,
                             name);
    }
    return 0;
}

/* ---- create --------------------------------------------------------------- */

int codec_read_create(const char *text, size_t length, struct create_body *out, struct error *e)
{
    static const struct field fields[] = {{"Name", FIELD_STRING},
                                          {"Driver", FIELD_STRING},
                                          {"DriverOpts", FIELD_OBJECT},
                                          {"Labels", FIELD_OBJECT},
                                          {"ReadOnly", FIELD_BOOLEAN}};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_read(text, length, fields, sizeof(fields) / sizeof(fields[0]), &object, e);

    *out = (struct create_body){0};
    if (r == 0)
        r = take_string(object, "Name", &out->name);
    if (r == 0)
        r = take_string(object, "Driver", &out->driver);
    if (r == 0)
        r = take_pairs(object, "DriverOpts", &out->options, e);
    if (r == 0)
        r = take_pairs(object, "Labels", &out->labels, e);
    if (r == 0)
        out->readonly = take_boolean(object, "ReadOnly");
    else
        create_body_deinit(out);
    return r;
}

void create_body_deinit(struct create_body *body)
{
    free(body->name);
    free(body->driver);
    pairs_deinit(&body->options);
    pairs_deinit(&body->labels);
    *body = (struct create_body){0};
}

/* ---- change --------------------------------------------------------------- */

static int take_label(const json_t *object, struct change_body *out, struct error *e)
{
    const char *text = json_string_value(json_object_get(object, "Label"));

    out->has_label = text;
    if (!text || access_label_parse(text, &out->label))
        return 0;
    return error_set(e, ERROR_REQUEST_INVALID, "'Label' must be none, shared or private");
}

int codec_read_change(const char *text, size_t length, struct change_body *out, struct error *e)
{
    static const struct field fields[] = {
        {"Name", FIELD_STRING}, {"ReadOnly", FIELD_BOOLEAN}, {"Label", FIELD_STRING}};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_read(text, length, fields, sizeof(fields) / sizeof(fields[0]), &object, e);

    *out = (struct change_body){0};
    if (r == 0)
        r = take_label(object, out, e);
    if (r == 0)
        r = take_string(object, "Name", &out->name);
    if (r != 0)
        return r;
    out->has_readonly = json_is_boolean(json_object_get(object, "ReadOnly"));
    out->readonly = take_boolean(object, "ReadOnly");
    if (!out->name && !out->has_readonly && !out->has_label)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "nothing to change: give 'Name', 'ReadOnly' or 'Label'");
    return 0;
}

void change_body_deinit(struct change_body *body)
{
    free(body->name);
    *body = (struct change_body){0};
}

/* ---- filters and prune ---------------------------------------------------- */

static int filter_add_list(filter_adder add, void *filter, const char *key, const json_t *values,
                           struct error *e)
{
    const json_t *value;
    size_t i;
    int r;

    json_array_foreach(values, i, value)
    {
        r = add(filter, key, json_string_value(value), e);
        if (r != 0)
            return r;
    }
    return 0;
}

/* {"v": true}: the older form. */
static int filter_add_set(filter_adder add, void *filter, const char *key, json_t *values,
                          struct error *e)
{
    const char *value;
    json_t *chosen;

    json_object_foreach(values, value, chosen)
    {
        int r = 0;

        if (!json_is_boolean(chosen))
            return error_set(e, ERROR_REQUEST_INVALID, "filter '%s': '%s' must be true or false",
                             key, value);
        if (json_is_true(chosen))
            r = add(filter, key, value, e);
        if (r != 0)
            return r;
    }
    return 0;
}

int filters_visit(json_t *object, filter_adder add, void *filter, struct error *e)
{
    const char *key;
    json_t *values;
    int r = 0;

    json_object_foreach(object, key, values)
    {
        if (r != 0)
            break;
        if (is_strings(values))
            r = filter_add_list(add, filter, key, values, e);
        else if (json_is_object(values))
            r = filter_add_set(add, filter, key, values, e);
        else
            r = error_set(e, ERROR_REQUEST_INVALID,
                          "filter '%s' must be an array of strings, or an object", key);
    }
    return r;
}

static int add_to_filter(void *filter, const char *key, const char *value, struct error *e)
{
    return filter_add(filter, key, value, e);
}

int filters_read(json_t *object, struct filter **out, struct error *e)
{
    struct filter *filter = filter_new();
    int r = filter ? filters_visit(object, add_to_filter, filter, e) : -ENOMEM;

    *out = r == 0 ? filter : filter_free(filter);
    return r;
}

int codec_read_filters(const char *text, struct filter **out, struct error *e)
{
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_load(text, strlen(text), &object, e);

    *out = NULL;
    return r ? r : filters_read(object, out, e);
}

int codec_read_prune(const char *text, size_t length, struct prune_body *out, struct error *e)
{
    static const struct field fields[] = {
        {"All", FIELD_BOOLEAN}, {"DryRun", FIELD_BOOLEAN}, {"Filters", FIELD_OBJECT}};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_read(text, length, fields, sizeof(fields) / sizeof(fields[0]), &object, e);

    *out = (struct prune_body){0};
    if (r == 0)
        r = filters_read(json_object_get(object, "Filters"), &out->filter, e);
    if (r != 0)
        return r;
    out->all = take_boolean(object, "All");
    out->dry_run = take_boolean(object, "DryRun");
    return 0;
}

void prune_body_deinit(struct prune_body *body)
{
    body->filter = filter_free(body->filter);
}
