/*
 * As much HTTP/1.1 as a client of the daemon needs: one request and its answer over a connection of
 * its own to a unix socket.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { HTTP_CONNECT_TIMEOUT_S = 5 };

/* {0} is empty and safe to release. */
struct answer {
    long status; /* HTTP */
    char *body;  /* NUL-terminated, owned; NULL: none */
    size_t length;
};
void answer_deinit(struct answer *answer);

/* A connection, and until when there has to be an answer. */
struct http {
    int fd; /* to be closed */
    int64_t deadline;
};

/*
 * Connects, waiting for a place in a full queue, but not longer than HTTP_CONNECT_TIMEOUT_S. All of
 * this and the exchange may take `limit_s`. 0, or negative errno: -EAGAIN if there was no place,
 * -ENAMETOOLONG, what connect(2) gives.
 */
int http_open(struct http *http, const char *socket, int limit_s);

/*
 * Sends the request and reads the answer, whatever its status; `path` begins with '/' and is
 * escaped; `body` is JSON or NULL. Once for a connection. 0; -ETIMEDOUT; -EMSGSIZE: the answer's
 * body is larger than `most`; -EPROTO: no answer of HTTP, or one that ends too early; -ENOMEM; what
 * recv(2) and send(2) give.
 */
int http_exchange(const struct http *http, const char *method, const char *path, const char *body,
                  size_t most, struct answer *out);
