/*
 * Routes: which function answers a method and a path. Pure; HTTP's library and
 * JSON are not known here. One server serves one table; several servers (the
 * control API, an engine's API, a plugin protocol) can stand side by side.
 *
 *   request → http.c (library, limits) → route_match → handler → use case
 *                                                       ↓
 *                                            response (status, text)
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum http_method { HTTP_GET, HTTP_POST, HTTP_PATCH, HTTP_DELETE, HTTP_METHOD_COUNT };

enum {
    ROUTE_ARGUMENTS_MAX = 2, /* placeholders in a pattern */
    ROUTE_QUERY_MAX = 3,     /* query parameters of a route */
    ROUTE_ARGUMENT_SIZE = 1024,
    ROUTE_BODY_MAX = 1 << 20,
};

/* A request, as a handler sees it: decoded, bounded, its Content-Type checked. */
struct request {
    void *context;                                            /* of the service */
    bool from_root;                                           /* who asks is root (uid 0) */
    char arguments[ROUTE_ARGUMENTS_MAX][ROUTE_ARGUMENT_SIZE]; /* of the pattern, in order */
    const char *query[ROUTE_QUERY_MAX]; /* values, as the route names them; NULL: not given */
    const char *body;                   /* "" for none */
    size_t body_length;
    int api_minor; /* NN of a path /v1.NN/…; 0: none given */
    pid_t peer;    /* the process that asks; 0: not known (of another pid namespace) */
};

struct header {
    const char *name;
    const char *value;
};

/* A body in pieces, which may go on for as long as the client stays. */
struct stream {
    /* Fills `buffer`, waiting at most `wait_ms` for something: bytes, 0 for none yet, −1 at the
     * end. The connection's own thread calls. NULL: there is no stream. */
    ssize_t (*read)(void *context, char *buffer, size_t size, int wait_ms);
    void (*close)(void *context);
    void *context;
};

/* The answer. {0} is 200 without a body. */
struct response {
    int status;                   /* 0: 200 */
    const char *content_type;     /* constant; NULL: application/json */
    const struct header *headers; /* constant, up to one without a name; NULL: none */
    char *body;                   /* owned by the response, from malloc; NULL: none */
    struct stream stream;         /* in place of a body; closed by the server */
};

/*
 * 0 with the response filled in; else a code or negative errno with a text in
 * `e`, which the service turns into its error answer.
 */
typedef int (*route_handler)(const struct request *request, struct response *response,
                             struct error *e);

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order that rows are read in
struct route {
    enum http_method method;
    const char *pattern; /* "/volumefs/volumes/:/refs": ':' stands for one component */
    route_handler handler;
    const char *query[ROUTE_QUERY_MAX]; /* parameters it takes; any other is refused */
    bool long_running; /* may copy data: others do not wait for it (http.h, `handlers`) */
    bool engine;       /* of an engine's API, which leaves what it does not know of a query alone */
};

enum { HTTP_DROP = -1 };

/* What is served on one socket. */
struct http_service {
    const struct route *routes;
    size_t route_count;
    int minor_min; /* paths may begin with /v1.NN, within these */
    int minor_max; /* 0: not */
    bool any_body; /* bodies without a Content-Type are taken (plugin protocol) */
    /* The status of a code or negative errno, or HTTP_DROP: the connection is cut unanswered. */
    int (*error_status)(int code);
    /* The body for an error, from malloc; NULL: out of memory. */
    char *(*error_body)(int code, const char *text);
};

struct route_match {
    const struct route *route; /* NULL: none */
    unsigned methods;          /* 1 << method of the routes that have the path: 405 if not 0 */
};

/*
 * Finds the route for a raw (still encoded) path and writes its arguments,
 * decoded, to `request`. 0 also when there is none (match->route NULL);
 * ERROR_REQUEST_INVALID for a bad encoding or one too long.
 */
int route_match(const struct http_service *service, enum http_method method, const char *path,
                struct route_match *match, struct request *request, struct error *e);

/*
 * Takes "/v1.NN" off *path: *minor is NN, 0 without. ERROR_REQUEST_INVALID, with Docker's text: a
 * version that is not served.
 */
int route_take_version(const struct http_service *service, const char **path, int *minor,
                       struct error *e);

/* "HEAD" is GET. False: no method of ours. */
bool http_method_parse(const char *text, enum http_method *out);
const char *http_method_name(enum http_method method);

/*
 * Undoes %XX into `out` (size bytes with the NUL). False: digits missing, a
 * NUL inside, or too long.
 */
bool percent_decode(const char *text, size_t length, char *out, size_t size);

/* The same for a value of the query, where '+' is a space, as in forms and as Go's clients write.
 */
bool query_value_decode(const char *text, char *out, size_t size);

/* True for "application/json", with or without parameters, in any case. */
bool content_type_is_json(const char *value);
