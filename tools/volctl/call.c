/*
 * From a call to a path, a body and back: escapes, encodes, decodes, and tells
 * a refusal by its status. The answer is the daemon's but is checked all the
 * same: whatever is missing or of another type reads as empty.
 */
#include "tools/volctl/call.h"

#include "catalog/cleanup.h"
#include "catalog/model.h"
#include "tools/volctl/client.h"
#include "tools/volctl/text.h"

#include <errno.h>
#include <string.h>

void json_decref_p(json_t **value)
{
    json_decref(*value);
}

static int path_append(FILE *stream, const char *before, const char *text)
{
    _cleanup_(free_p) char *escaped = client_escape(text);

    if (!escaped)
        return -ENOMEM;
    fprintf(stream, "%s%s", before, escaped);
    return 0;
}

static int path_append_query(FILE *stream, const struct call *call)
{
    const char *before = "?";
    int r = 0;

    for (size_t i = 0; i < sizeof(call->query) / sizeof(call->query[0]) && !r; i++) {
        if (!call->query[i].name)
            continue;
        fprintf(stream, "%s%s", before, call->query[i].name);
        r = path_append(stream, "=", call->query[i].value);
        before = "&";
    }
    for (size_t i = 0; i < sizeof(call->flags) / sizeof(call->flags[0]) && call->flags[i]; i++) {
        fprintf(stream, "%s%s=1", before, call->flags[i]);
        before = "&";
    }
    return r;
}

static int call_path(const struct call *call, char **out, struct error *e)
{
    size_t size = 0;
    FILE *stream = open_memstream(out, &size);
    int r = 0;

    if (!stream)
        return -ENOMEM;
    fputs("/volumefs", stream);
    for (size_t i = 0; i < CALL_SEGMENTS_MAX && call->segments[i] && !r; i++) {
        /* An empty one would be another path: that of the list. */
        if (!*call->segments[i])
            r = error_set(e, ERROR_REQUEST_INVALID, "a name is empty");
        else
            r = path_append(stream, "/", call->segments[i]);
    }
    if (!r)
        r = path_append_query(stream, call);
    if (fclose(stream) != 0 && !r)
        r = -ENOMEM;
    return r;
}

static int call_refused(const struct answer *answer, const json_t *value, struct error *e)
{
    const char *message = field_text(value, "message");
    int code = answer->status == 404 ? ERROR_NOT_FOUND : ERROR_REQUEST_INVALID;

    if (*message)
        return error_set(e, code, "%s", message);
    return error_set(e, code,
                     "the daemon answered with status %ld and no reason; is it a volumefs of "
                     "another version? 'volctl version' says",
                     answer->status);
}

int call_daemon(struct volctl *volctl, const struct call *call, json_t **out, struct error *e)
{
    _cleanup_(answer_deinit) struct answer answer = {0};
    _cleanup_(json_decref_p) json_t *value = NULL;
    _cleanup_(free_p) char *path = NULL, *body = NULL;
    json_error_t why;
    int r;

    if (!volctl->client)
        volctl->client = client_new(volctl->socket);
    if (call->body)
        body = json_dumps(call->body, JSON_COMPACT);
    if (!volctl->client || (call->body && !body))
        return -ENOMEM;
    client_set_limit(volctl->client, call->patient ? CLIENT_LIMIT_LONG_S : CLIENT_LIMIT_S);
    r = call_path(call, &path, e);
    if (!r)
        r = client_request(volctl->client, call->method, path, body, &answer, e);
    if (r)
        return r;
    if (answer.length > 0)
        value = json_loadb(answer.body, answer.length, JSON_REJECT_DUPLICATES, &why);
    if (answer.status < 200 || answer.status > 299)
        return call_refused(&answer, value, e);
    if (answer.length > 0 && !value)
        return error_set(e, ERROR_REQUEST_INVALID, "the daemon's answer is no JSON: %s", why.text);
    if (out)
        *out = steal_pointer(&value);
    return 0;
}

/* ---- lines ---------------------------------------------------------------------- */

struct lines {
    char *text; /* of a line that is not whole yet */
    size_t length;
    size_t capacity;
    int (*visit)(void *context, const json_t *value);
    void *context;
    struct error *e;
};

static int lines_take(struct lines *lines)
{
    _cleanup_(json_decref_p) json_t *value = NULL;
    size_t length = lines->length;
    json_error_t why;

    lines->length = 0;
    if (length == 0)
        return 0;
    value = json_loadb(lines->text, length, JSON_REJECT_DUPLICATES, &why);
    if (!value)
        return error_set(lines->e, ERROR_REQUEST_INVALID, "the daemon's answer is no JSON: %s",
                         why.text);
    return lines->visit(lines->context, value);
}

static int lines_append(struct lines *lines, const char *data, size_t size)
{
    if (size > CALL_LINE_MAX - lines->length)
        return error_set(lines->e, ERROR_LIMIT, "a line of the daemon's answer is larger than %d",
                         CALL_LINE_MAX);
    if (lines->length + size > lines->capacity) {
        size_t capacity = 2 * (lines->length + size);
        char *grown = realloc(lines->text, capacity);

        if (!grown)
            return -ENOMEM;
        lines->text = grown;
        lines->capacity = capacity;
    }
    memcpy(lines->text + lines->length, data, size);
    lines->length += size;
    return 0;
}

static int lines_sink(void *context, const char *data, size_t size)
{
    struct lines *lines = context;
    int r = 0;

    while (size > 0 && r == 0) {
        const char *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;

        r = lines_append(lines, data, length);
        if (r == 0 && end)
            r = lines_take(lines);
        length += end ? 1 : 0;
        data += length;
        size -= length;
    }
    return r;
}

int call_stream(struct volctl *volctl, const struct call *call,
                int (*visit)(void *context, const json_t *value), void *context, struct error *e)
{
    _cleanup_(answer_deinit) struct answer answer = {0};
    _cleanup_(json_decref_p) json_t *value = NULL;
    _cleanup_(free_p) char *path = NULL;
    struct lines lines = {.visit = visit, .context = context, .e = e};
    int r;

    if (!volctl->client)
        volctl->client = client_new(volctl->socket);
    r = volctl->client ? call_path(call, &path, e) : -ENOMEM;
    if (r == 0)
        r = client_stream(volctl->client, path, lines_sink, &lines, &answer, e);
    if (r == 0 && lines.length > 0)
        r = lines_take(&lines);
    free(lines.text);
    if (r || (answer.status >= 200 && answer.status <= 299))
        return r;
    if (answer.length > 0)
        value = json_loadb(answer.body, answer.length, JSON_REJECT_DUPLICATES, NULL);
    return call_refused(&answer, value, e);
}

bool call_is_hopeless(int r)
{
    return r == ERROR_UNAVAILABLE || r == ERROR_DENIED || r < 0;
}

const char *field_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

int64_t field_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

bool field_bool(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

void field_age(const json_t *object, const char *key, char out[])
{
    const char *text = field_text(object, key);
    int64_t ns = 0;

    if (*text && !time_parse(text, &ns))
        snprintf(out, TEXT_SHORT, "%s", text);
    else
        text_format_age(ns, time_now(), out);
}

int print_json(const json_t *value)
{
    /* Control characters below 0x20 are escaped in any JSON; a terminal obeys others too. */
    size_t flags = JSON_INDENT(4) | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);

    if (json_dumpf(value, stdout, flags) < 0)
        return volctl_report(-EIO, NULL);
    putchar('\n');
    return EXIT_OK;
}
