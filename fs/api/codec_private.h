/*
 * How requests are read, for the codec*.c that do: one object of known keys. Nobody else includes
 * this.
 */
#pragma once

#include "fs/api/codec.h"

enum field_type { FIELD_STRING, FIELD_BOOLEAN, FIELD_OBJECT, FIELD_STRINGS, FIELD_INTEGER };

struct field {
    const char *key;
    enum field_type type;
};

/* 0 with *out owned by the caller, -ENOMEM, or ERROR_REQUEST_INVALID: see codec.h. */
int object_read(const char *text, size_t length, const struct field *fields, size_t count,
                struct json_t **out, struct error *e);
/*
 * The same as engines read each other: keys in any case, unknown ones left alone, no body is an
 * empty object. Known keys are found as they are written in `fields`.
 */
int object_read_leniently(const char *text, size_t length, const struct field *fields, size_t count,
                          struct json_t **out, struct error *e);
/* The same of an object in an object. */
int object_check(struct json_t *object, const struct field *fields, size_t count, struct error *e);

/* A copy, if the key is there. 0 or -ENOMEM. */
int take_string(const struct json_t *object, const char *key, char **out);
bool take_boolean(const struct json_t *object, const char *key);
/* An object of strings; nothing if the key is not there. `out` is added to. */
int take_pairs(struct json_t *object, const char *key, struct pairs *out, struct error *e);

typedef int (*filter_adder)(void *filter, const char *key, const char *value, struct error *e);
/* Each key and value of an object of filters, in either form, until one is refused. */
int filters_visit(struct json_t *object, filter_adder add, void *filter, struct error *e);
/* `object` (NULL: none) as filters, to be freed. */
int filters_read(struct json_t *object, struct filter **out, struct error *e);
/* One JSON object and nothing behind it. */
int object_load(const char *text, size_t length, struct json_t **out, struct error *e);

struct json_t *pairs_value(const struct pairs *pairs); /* null for none, as Docker writes it */

void json_decref_p(struct json_t **value);

struct json_t *time_value(int64_t ns);       /* 0: null */
struct json_t *text_value(const char *text); /* made UTF-8 if it is not */
