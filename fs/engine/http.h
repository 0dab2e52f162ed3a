/*
 * HTTP to an engine on a unix socket: answers that are read whole, and one that is read line by
 * line as it comes. One thread uses a connection; engine_http_wake alone is safe from any.
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>
#include <stddef.h>

struct engine_http; /* opaque */

/* `socket` is borrowed. NULL: out of memory. */
struct engine_http *engine_http_new(const char *socket);
struct engine_http *engine_http_free(struct engine_http *http); /* returns NULL */

/*
 * GETs `path` (with its query, escaped). *body, to be freed, ends in a NUL that *length does not
 * count. ERROR_NOT_FOUND: it answers with 404; ERROR_DENIED: with another status than 200 (a proxy
 * may). ERROR_UNAVAILABLE: it cannot be reached, is not quick enough, or was woken up to stop;
 * ERROR_LIMIT: the answer is too large.
 */
int engine_http_get(struct engine_http *http, const char *path, char **body, size_t *length,
                    struct error *e);

/* How many connections were made for that until now: all that is answered over one is answered by
 * the same engine. */
unsigned engine_http_connections(const struct engine_http *http);

/*
 * Asks for a stream of lines, in place of one that is open. Each goes to `take` without its newline
 * and with a NUL behind, from engine_http_wait; `line` may be changed.
 */
int engine_http_stream(struct engine_http *http, const char *path,
                       void (*take)(void *context, char *line, size_t length), void *context,
                       struct error *e);
/* Waits for more of the stream, or to be woken. ERROR_UNAVAILABLE: it has been cut, or never began.
 */
int engine_http_wait(struct engine_http *http, int timeout_ms, struct error *e);
/* Whether the engine has begun to answer: what happens from then on comes by the stream. */
bool engine_http_is_streaming(const struct engine_http *http);
/* Whether the engine itself has ended the stream, as one without events does at once. */
bool engine_http_has_ended(const struct engine_http *http);

/* Ends the wait that is going on, or the next one. With `stop` every call fails from then on. */
void engine_http_wake(struct engine_http *http, bool stop);
char *engine_http_escape(const char *text); /* of a query's value; to be freed; NULL: no memory */
