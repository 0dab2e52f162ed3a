/*
 * Calls of the control API (fs/api/README.md), as JSON values.
 */
#pragma once

#include "catalog/error.h"
#include "tools/volctl/volctl.h"

#include <jansson.h>

enum { CALL_SEGMENTS_MAX = 4, CALL_LINE_MAX = 1 << 20 };

struct call {
    const char *method;
    const char *segments[CALL_SEGMENTS_MAX]; /* below /volumefs, unescaped, ended by NULL */
    struct {
        const char *name;  /* NULL: none */
        const char *value; /* unescaped */
    } query[2];
    const char *flags[2]; /* names of parameters that are 1; NULL: none */
    json_t *body;         /* borrowed, NULL: none */
    bool patient;         /* the answer may take any time */
};

/*
 * 0 for a 2xx status, *out being the answer (owned; NULL for one without a body; `out` may be
 * NULL). ERROR_NOT_FOUND for 404, ERROR_REQUEST_INVALID for any other refusal, each with the
 * daemon's message; what client_request() gives, where the daemon cannot be asked.
 */
int call_daemon(struct volctl *volctl, const struct call *call, json_t **out, struct error *e);

/*
 * The same of an answer that is lines of JSON, each given to `visit` as it comes, until the daemon
 * ends it or `visit` gives anything but 0, which is what this gives then. Lines have at most
 * CALL_LINE_MAX bytes: ERROR_LIMIT.
 */
int call_stream(struct volctl *volctl, const struct call *call,
                int (*visit)(void *context, const json_t *value), void *context, struct error *e);

/* True if another call would fail for the same reason, whatever it asked. */
bool call_is_hopeless(int r);

/* For _cleanup_. */
void json_decref_p(json_t **value);

/* Fields of an answer; "", 0, false, where absent or of another type. */
const char *field_text(const json_t *object, const char *key);
int64_t field_number(const json_t *object, const char *key);
bool field_bool(const json_t *object, const char *key);

/* An RFC 3339 field as "3 minutes ago". */
void field_age(const json_t *object, const char *key, char out[]);

/* Indented as Docker's, to stdout. EXIT_OK, EXIT_ERROR. */
int print_json(const json_t *value);
