/*
 * HTTP over the daemon's unix socket. Only client.c knows the library that
 * speaks it.
 */
#pragma once

#include "catalog/error.h"

#include <stddef.h>

enum {
    CLIENT_ANSWER_MAX = 64 << 20,
    CLIENT_LIMIT_S = 600,
    CLIENT_LIMIT_LONG_S = 7 * 24 * 3600, /* where as much is done as there is data */
};

/* {0} is empty and safe to release. */
struct answer {
    long status; /* HTTP */
    char *body;  /* NUL-terminated, owned; NULL: none */
    size_t length;
};
void answer_deinit(struct answer *answer);

struct client; /* opaque: one connection, kept open between requests */

/* NULL: out of memory. `socket` is copied. */
struct client *client_new(const char *socket);
struct client *client_free(struct client *client); /* returns NULL */

/* How long a request may take in all, connecting and waiting included. CLIENT_LIMIT_S
 * unless set. */
void client_set_limit(struct client *client, int seconds);

/*
 * Sends one request; `path` begins with '/', is already escaped; `body` is JSON
 * or NULL. Any status is 0. ERROR_UNAVAILABLE if the daemon cannot be reached, or its socket's
 * path cannot be one (the text names the socket and the way to start it), ERROR_DENIED if the
 * socket may not be opened, ERROR_LIMIT for an answer past CLIENT_ANSWER_MAX,
 * -ENOMEM.
 */
int client_request(struct client *client, const char *method, const char *path, const char *body,
                   struct answer *out, struct error *e);

/* Takes a piece of an answer; anything but 0 ends the request, and is what client_stream gives. */
typedef int (*client_sink)(void *context, const char *data, size_t size);

/*
 * GETs what comes in pieces, with no limit to the time it takes: that of a 2xx status goes to
 * `sink`, that of any other to `out`, which has the status always. Codes as of client_request.
 */
int client_stream(struct client *client, const char *path, client_sink sink, void *context,
                  struct answer *out, struct error *e);

/* A path component or query value, percent-escaped; also "." and "..". NULL: out of memory. */
char *client_escape(const char *text);
