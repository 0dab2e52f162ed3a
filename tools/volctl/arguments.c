/*
 * What is written on the command line, read and checked.
 */
#include "tools/volctl/arguments.h"

#include "catalog/cleanup.h"
#include "catalog/model.h"
#include "catalog/spec.h"
#include "catalog/spec_csv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NS_PER_S INT64_C(1000000000)

static int object_set_text(json_t *object, const char *key, const char *value, struct error *e)
{
    json_t *text = json_string(value);

    if (!text)
        return error_set(e, ERROR_REQUEST_INVALID, "'%s=%s' is not UTF-8", key, value);
    if (json_object_set_new(object, key, text) < 0)
        return error_set(e, ERROR_REQUEST_INVALID, "'%s' is not UTF-8", key);
    return 0;
}

int arguments_add_pair(json_t *object, const char *text, struct error *e)
{
    size_t length = strcspn(text, "=");
    _cleanup_(free_p) char *key = strndup(text, length);

    if (!key)
        return -ENOMEM;
    if (length == 0)
        return error_set(e, ERROR_REQUEST_INVALID, "'%s' has no key; write KEY=VALUE", text);
    return object_set_text(object, key, text[length] ? text + length + 1 : "", e);
}

int arguments_add_filter(json_t *filters, const char *text, struct error *e)
{
    size_t length = strcspn(text, "=");
    _cleanup_(free_p) char *key = strndup(text, length);
    json_t *values;

    if (!key)
        return -ENOMEM;
    if (!text[length] || length == 0)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "bad format of filter '%s' (expected name=value)", text);
    values = json_object_get(filters, key);
    if (!values) {
        values = json_array();
        if (!values || json_object_set_new(filters, key, values) < 0)
            return error_set(e, ERROR_REQUEST_INVALID, "'%s' is not UTF-8", key);
    }
    if (json_array_append_new(values, json_string(text + length + 1)) < 0)
        return error_set(e, ERROR_REQUEST_INVALID, "'%s' is not UTF-8", text);
    return 0;
}

static int add_switch(json_t *object, const char *key, const char *text, const char *value,
                      struct error *e)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"on", true},   {"true", true},   {"1", true},
                 {"off", false}, {"false", false}, {"0", false}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(words[i].word, value) == 0)
            return json_object_set_new(object, key, json_boolean(words[i].value)) < 0 ? -ENOMEM : 0;
    return error_set(e, ERROR_REQUEST_INVALID, "'%s' is neither on nor off; write readonly=on",
                     text);
}

static int add_label(json_t *object, const char *key, const char *text, const char *value,
                     struct error *e)
{
    enum access_label label;

    if (!access_label_parse(value, &label))
        return error_set(e, ERROR_REQUEST_INVALID,
                         "'%s' is no access label; write label=shared, label=private or label=none",
                         text);
    return json_object_set_new(object, key, json_string(value)) < 0 ? -ENOMEM : 0;
}

int arguments_add_setting(json_t *object, const char *text, struct error *e)
{
    static const struct {
        const char *name;
        const char *key;
        int (*add)(json_t *object, const char *key, const char *text, const char *value,
                   struct error *e);
    } settings[] = {{"readonly", "ReadOnly", add_switch}, {"label", "Label", add_label}};
    size_t length = strcspn(text, "=");

    for (size_t i = 0; text[length] && i < sizeof(settings) / sizeof(settings[0]); i++)
        if (strlen(settings[i].name) == length && strncmp(text, settings[i].name, length) == 0)
            return settings[i].add(object, settings[i].key, text, text + length + 1, e);
    return error_set(e, ERROR_REQUEST_INVALID,
                     "'%s' is nothing that can be set; write readonly=on|off or "
                     "label=shared|private|none",
                     text);
}

bool arguments_check_id(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && length <= 10 && strspn(text, "0123456789") == length &&
           strtoull(text, NULL, 10) < UINT32_MAX;
}

bool arguments_check_mode(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && length <= 5 && strspn(text, "01234567") == length &&
           strtoul(text, NULL, 8) <= 07777;
}

/* A new string; NULL: out of memory. */
static char *path_absolute(const char *path, const char *cwd)
{
    _cleanup_(free_p) char *joined = NULL;

    if (asprintf(&joined, "%s/%s", cwd, path) < 0) {
        joined = NULL;
        return NULL;
    }
    return spec_clean_path(joined);
}

char *arguments_absolute_volume(const char *spec, const char *cwd)
{
    size_t length = strcspn(spec, ":");
    _cleanup_(free_p) char *source = NULL, *clean = NULL;
    char *out;

    if (spec[0] != '.' || !spec[length])
        return strdup(spec);
    source = strndup(spec, length);
    clean = source ? path_absolute(source, cwd) : NULL;
    if (!clean || asprintf(&out, "%s%s", clean, spec + length) < 0)
        return NULL;
    return out;
}

static bool is_relative(const char *path)
{
    size_t dots = strspn(path, ".");

    return (dots == 1 || dots == 2) && (path[dots] == '/' || !path[dots]);
}

/* The value of a field if its key is `key`, in any case; else NULL. */
static const char *field_value(const char *field, const char *key)
{
    size_t length = strlen(key);

    return strncasecmp(field, key, length) == 0 && field[length] == '=' ? field + length + 1 : NULL;
}

static bool record_is_bind(const struct csv_record *record)
{
    bool bind = false;

    for (size_t i = 0; i < record->count; i++) {
        const char *type = field_value(record->fields[i], "type");

        if (type)
            bind = strcasecmp(type, "bind") == 0;
    }
    return bind;
}

static int field_write_absolute(FILE *stream, const char *field, const char *cwd)
{
    const char *source = field_value(field, "source");
    _cleanup_(free_p) char *absolute = NULL, *whole = NULL;

    if (!source)
        source = field_value(field, "src");
    if (!source || !is_relative(source)) {
        csv_field_write(stream, field);
        return 0;
    }
    absolute = path_absolute(source, cwd);
    if (!absolute || asprintf(&whole, "%.*s%s", (int)(source - field), field, absolute) < 0) {
        whole = NULL;
        return -ENOMEM;
    }
    csv_field_write(stream, whole);
    return 0;
}

char *arguments_absolute_mount(const char *spec, const char *cwd)
{
    _cleanup_(csv_record_deinit) struct csv_record record = {0};
    size_t size = 0;
    char *out = NULL;
    FILE *stream;
    int r = csv_record_parse(spec, &record, NULL);

    if (r < 0)
        return NULL;
    if (r > 0 || !record_is_bind(&record))
        return strdup(spec); /* a mistake is the daemon's to explain */
    stream = open_memstream(&out, &size);
    if (!stream)
        return NULL;
    for (size_t i = 0; i < record.count && r == 0; i++) {
        fputs(i ? "," : "", stream);
        r = field_write_absolute(stream, record.fields[i], cwd);
    }
    if (fclose(stream) != 0 || r) {
        free(out);
        return NULL;
    }
    return out;
}

static int64_t unit_seconds(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return (int64_t)60 * 60;
    case 'd':
        return (int64_t)24 * 60 * 60;
    default:
        return 0;
    }
}

/* "1h30m" */
static bool duration_parse(const char *text, int64_t *seconds)
{
    enum { DIGITS_MOST = 8 };

    *seconds = 0;
    do {
        size_t digits = strspn(text, "0123456789");
        int64_t unit = unit_seconds(text[digits]);

        if (digits == 0 || digits > DIGITS_MOST || unit == 0)
            return false;
        *seconds += strtoll(text, NULL, 10) * unit;
        text += digits + 1;
        if (*seconds > INT64_MAX / NS_PER_S)
            return false;
    } while (*text);
    return true;
}

char *arguments_time(const char *text, int64_t now)
{
    char since[TIME_TEXT_SIZE];
    int64_t seconds;

    if (!duration_parse(text, &seconds))
        return strdup(text);
    seconds *= NS_PER_S;
    time_format(now > seconds ? now - seconds : 0, since);
    return strdup(since);
}
