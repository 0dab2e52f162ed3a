/*
 * Events, as lines of JSON: what the ring has, and what comes, for as long as the client stays.
 */
#include "fs/api/codec.h"
#include "fs/api/handlers.h"

#include "catalog/cleanup.h"
#include "fs/event_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

enum {
    SECONDS_DIGITS = 9,
    FRACTION_DIGITS = 9
}; /* what fits in nanoseconds, and more is no time */

/* ---- what is asked for -------------------------------------------------------- */

static bool read_digits(const char **text, size_t most, int64_t *out)
{
    size_t length = strspn(*text, "0123456789");

    if (length == 0 || length > most)
        return false;
    for (*out = 0; length > 0; length--)
        *out = 10 * *out + *(*text)++ - '0';
    return true;
}

/* "1700000000.5": Unix time, as Docker's clients send. */
static bool read_unix_time(const char *text, int64_t *out)
{
    int64_t seconds, fraction = 0;
    size_t digits = FRACTION_DIGITS;

    if (!read_digits(&text, SECONDS_DIGITS + 1, &seconds) || seconds >= INT64_MAX / NS_PER_S)
        return false;
    if (*text == '.') {
        digits = strlen(++text);
        if (!read_digits(&text, FRACTION_DIGITS, &fraction))
            return false;
    }
    for (; digits < FRACTION_DIGITS; digits++)
        fraction *= 10;
    *out = seconds * NS_PER_S + fraction;
    return !*text;
}

static int read_since(const char *text, struct event_query *query, struct error *e)
{
    query->has_since = text && *text;
    if (!query->has_since || read_unix_time(text, &query->since) || time_parse(text, &query->since))
        return 0;
    return error_set(e, ERROR_REQUEST_INVALID,
                     "parameter 'since' must be a time, as 2030-01-31T12:00:00Z or seconds since "
                     "1970, not '%.100s'",
                     text);
}

/* ---- the stream --------------------------------------------------------------- */

struct watching {
    struct event_reader *reader;
    char *line; /* being sent, or NULL */
    size_t length;
    size_t sent;
};

static void watching_close(void *context)
{
    struct watching *watching = context;

    event_reader_close(watching->reader);
    free(watching->line);
    free(watching);
}

/* The next line. As of stream.read: 1, 0, −1. */
static int line_take(struct watching *watching, int wait_ms)
{
    const struct event *event;

    switch (event_reader_next(watching->reader, wait_ms, &event)) {
    case EVENT_READ_NONE_YET:
        return 0;
    case EVENT_READ_END:
        return -1;
    case EVENT_READ_ONE:
        break;
    }
    watching->line = codec_text(codec_event(event));
    if (!watching->line)
        return -1;
    watching->length = strlen(watching->line);
    watching->line[watching->length++] = '\n'; /* in place of the NUL */
    watching->sent = 0;
    return 1;
}

static ssize_t watching_read(void *context, char *buffer, size_t size, int wait_ms)
{
    struct watching *watching = context;
    size_t used = 0;
    int r = 1;

    while (used < size) {
        size_t n;

        if (!watching->line)
            r = line_take(watching, used ? 0 : wait_ms);
        if (r <= 0)
            break;
        n = watching->length - watching->sent;
        n = n < size - used ? n : size - used;
        memcpy(buffer + used, watching->line + watching->sent, n);
        used += n;
        watching->sent += n;
        if (watching->sent == watching->length) {
            free(watching->line);
            watching->line = NULL;
        }
    }
    return used ? (ssize_t)used : r;
}

int handle_events(const struct request *request, struct response *response, struct error *e)
{
    const struct api_context *api = request->context;
    const char *filters = request->query[2];
    struct watching *watching;
    struct event_query query = {0};
    int r = read_since(request->query[0], &query, e);

    if (r == 0)
        r = read_switch("follow", request->query[1], &query.follow, e);
    if (r == 0 && filters && *filters)
        r = codec_read_event_filters(filters, &query.filter, e);
    if (r)
        return r;
    watching = calloc(1, sizeof(*watching));
    r = watching ? event_reader_open(&watching->reader, volumes_event_ring(api->volumes), &query, e)
                 : -ENOMEM;
    if (r) {
        if (!watching)
            event_filter_free(query.filter);
        free(watching);
        return r;
    }
    response->content_type = "application/x-ndjson";
    response->stream = (struct stream){watching_read, watching_close, watching};
    return 0;
}
