/*
 * One record of comma-separated values, as Go's encoding/csv reads it with its
 * defaults: a field that begins with a quote ends with one, "" inside is a
 * quote; a quote elsewhere is an error. A second line is refused, where Go's
 * reader would leave it unread.
 */
#include "catalog/cleanup.h"
#include "catalog/spec_private.h"

#include <errno.h>
#include <string.h>

void csv_record_deinit(struct csv_record *record)
{
    for (size_t i = 0; i < record->count; i++)
        free(record->fields[i]);
    free(record->fields);
    *record = (struct csv_record){0};
}

static int csv_record_add(struct csv_record *record, const char *text, struct error *e)
{
    _cleanup_(free_p) char *field = strdup(text);
    char **fields;

    if (!field)
        return -ENOMEM;
    if (record->count == CSV_FIELDS_MAX)
        return error_set(e, ERROR_SPEC_INVALID, "a mount has more than %d fields", CSV_FIELDS_MAX);
    fields = reallocarray(record->fields, record->count + 1, sizeof(*fields));
    if (!fields)
        return -ENOMEM;
    record->fields = fields;
    record->fields[record->count++] = steal_pointer(&field);
    return 0;
}

struct csv_position {
    unsigned line;
    const char *line_start;
};

static int csv_refuse(const struct csv_position *position, const char *at, const char *reason,
                      struct error *e)
{
    unsigned column = (unsigned)(at - position->line_start) + 1;

    if (position->line > 1)
        return error_set(e, ERROR_SPEC_INVALID,
                         "record on line 1; parse error on line %u, column %u: %s", position->line,
                         column, reason);
    return error_set(e, ERROR_SPEC_INVALID, "parse error on line 1, column %u: %s", column, reason);
}

/* `*at` is behind the opening quote; afterwards behind the closing one. */
static int csv_read_quoted(const char **at, struct csv_position *position, char *out,
                           struct error *e)
{
    const char *p = *at;

    for (;; p++) {
        if (!*p)
            return csv_refuse(position, p, "extraneous or missing \" in quoted field", e);
        if (*p == '\n') {
            position->line++;
            position->line_start = p + 1;
        }
        if (*p == '"') {
            if (p[1] != '"')
                break;
            p++;
        }
        *out++ = *p;
    }
    if (p[1] && p[1] != ',' && p[1] != '\n')
        return csv_refuse(position, p, "extraneous or missing \" in quoted field", e);
    *out = 0;
    *at = p + 1;
    return 0;
}

static int csv_read_bare(const char **at, const struct csv_position *position, char *out,
                         struct error *e)
{
    size_t length = strcspn(*at, ",\n");
    const char *quote = memchr(*at, '"', length);

    if (quote)
        return csv_refuse(position, quote, "bare \" in non-quoted field", e);
    memcpy(out, *at, length);
    out[length] = 0;
    *at += length;
    return 0;
}

int csv_record_parse(const char *text, struct csv_record *out, struct error *e)
{
    struct csv_position position = {.line = 1, .line_start = text};
    _cleanup_(free_p) char *scratch = malloc(strlen(text) + 1);
    int r = 0;

    *out = (struct csv_record){0};
    if (!scratch)
        return -ENOMEM;
    for (;;) {
        if (*text == '"') {
            text++;
            r = csv_read_quoted(&text, &position, scratch, e);
        } else {
            r = csv_read_bare(&text, &position, scratch, e);
        }
        if (!r)
            r = csv_record_add(out, scratch, e);
        if (r || !*text)
            break;
        if (*text == '\n') {
            r = csv_refuse(&position, text, "a mount is one line", e);
            break;
        }
        text++;
    }
    if (r)
        csv_record_deinit(out);
    return r;
}

/* White space at the end of the last field would be taken for the end of the whole. */
void csv_field_write(FILE *stream, const char *field)
{
    if (!strpbrk(field, ",\" \t\n\v\f\r")) {
        fputs(field, stream);
        return;
    }
    fputc('"', stream);
    for (; *field; field++)
        fprintf(stream, "%s%c", *field == '"' ? "\"" : "", *field);
    fputc('"', stream);
}
