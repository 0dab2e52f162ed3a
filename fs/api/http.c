/*
 * The HTTP library, adapted: the only file that knows libmicrohttpd.
 *
 * A request goes: headers (who asks, which route, what body) → body, collected
 * up to its bound → handler → answer. What is refused by its headers is still
 * read to a bound and then answered, as most clients send all of a request
 * before they read. Each connection has a thread, so a handler may block.
 *
 * An answer may be a stream, which lasts as long as the client stays: its connection's thread waits
 * for what comes, looks now and then whether the client is there still, and ends it when the server
 * stops. It has no place among the handlers.
 *
 * Bounds: connections, handlers at work, bytes of headers (the library's memory per connection),
 * bytes of body, seconds of silence, seconds from the accept (or the end of the last answer) to
 * the end of the headers (deadline.h), seconds for a whole body. Who may connect at all is the
 * socket's mode; who asks is checked again by its credentials.
 *
 * Lock: `mutex` guards `stopping`, `running` (requests between the end of their
 * body and the end of their answer), `handlers` (those of them at work) and `streams` (requests
 * that are answered by one, which do not count as running). It is not held while a handler runs.
 */
#include "fs/api/http.h"

#include "catalog/cleanup.h"
#include "catalog/model.h"
#include "fs/api/deadline.h"
#include "fs/api/socket.h"
#include "fs/log.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    HEADERS_MAX = 64 << 10,
    DISCARD_MAX = 8 << 20, /* read of a refused body before the connection is cut */
    DEFAULT_TIMEOUT = 20,
    DEFAULT_CONNECTIONS = 512,
    DEFAULT_HANDLERS = 32,
    STOP_SECONDS = 10,
    STOP_STREAMS_SECONDS = 1, /* a client that does not read what is left to it is cut */
    STREAM_WAIT_MS = 250,     /* between looks at the client */
    STREAM_BLOCK = 16 << 10,  /* bytes at once */
};

struct http_server {
    struct MHD_Daemon *daemon;
    struct deadlines *deadlines; /* of connections: the headers of their next request */
    struct api_socket socket;
    const struct http_service *service;
    void *context;
    unsigned timeout;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* running or handlers became less, or stopping true */
    unsigned running;
    unsigned streams;
    unsigned handlers;
    unsigned handlers_max;
    bool stopping;
};

/* One request, from its headers to the end of its answer. */
struct exchange {
    struct http_server *server;
    struct route_match match;
    struct request request;
    char *query[ROUTE_QUERY_MAX];
    char *body;
    size_t body_length;
    size_t body_capacity;
    size_t received;
    time_t deadline; /* for the body; CLOCK_MONOTONIC */
    int status;      /* of a refusal; 0: none */
    int code;
    struct error error;
    bool running;   /* counted by the server */
    bool streaming; /* the same */
};

static time_t clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* ---- the time for headers --------------------------------------------------- */

/* NULL where there was no memory for it. */
static struct deadline *deadline_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static void headers_await(struct http_server *server, struct MHD_Connection *connection)
{
    struct deadline *deadline = deadline_of(connection);

    if (deadline)
        deadline_set(server->deadlines, deadline);
}

static void headers_arrived(struct http_server *server, struct MHD_Connection *connection)
{
    struct deadline *deadline = deadline_of(connection);

    if (deadline)
        deadline_clear(server->deadlines, deadline);
}

/* The library closes the descriptor after it has told so here. */
static void on_connection(void *context, struct MHD_Connection *connection, void **mine,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = context;
    const union MHD_ConnectionInfo *info;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        struct deadline *deadline = calloc(1, sizeof(*deadline));

        info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *mine = deadline;
        if (deadline) {
            deadline->fd = info->connect_fd;
            deadline_set(server->deadlines, deadline);
        } else {
            (void)shutdown(info->connect_fd, SHUT_RDWR);
        }
    } else if (*mine) {
        deadline_clear(server->deadlines, *mine);
        free(*mine);
        *mine = NULL;
    }
}

/* ---- refusals ------------------------------------------------------------- */

static bool refuse(struct exchange *x, int status, int code)
{
    x->status = status;
    x->code = code;
    return false;
}

static bool refuse_as(struct exchange *x, int code)
{
    return refuse(x, x->server->service->error_status(code), code);
}

static bool check_peer(struct exchange *x, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (info &&
        api_socket_peer_allowed(info->connect_fd, x->server->socket.group, &x->request.peer)) {
        x->request.from_root = api_socket_peer_is_root(info->connect_fd);
        return true;
    }
    error_set(&x->error, ERROR_DENIED,
              "only root and members of the group of %s may ask; run as root or join the group",
              x->server->socket.path);
    return refuse(x, 403, ERROR_DENIED);
}

static bool check_route(struct exchange *x, const char *method_text, const char *path)
{
    enum http_method method = HTTP_METHOD_COUNT;
    bool known = http_method_parse(method_text, &method);
    int r = route_take_version(x->server->service, &path, &x->request.api_minor, &x->error);

    if (r == 0)
        r = route_match(x->server->service, method, path, &x->match, &x->request, &x->error);
    if (r != 0)
        return refuse_as(x, r);
    if (x->match.route)
        return true;
    if (x->match.methods) {
        error_set(&x->error, ERROR_REQUEST_INVALID, "method %s is not allowed here%s", method_text,
                  known ? "" : "; it is not one of this API's");
        return refuse(x, 405, ERROR_REQUEST_INVALID);
    }
    error_set(&x->error, ERROR_NOT_FOUND, "page not found");
    return refuse(x, 404, ERROR_NOT_FOUND);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* The announced length of the body; of a chunked one 1, as it is not known but there. */
static size_t announced_length(struct MHD_Connection *connection)
{
    const char *length = header(connection, "Content-Length");

    if (header(connection, "Transfer-Encoding"))
        return 1;
    return length ? strtoull(length, NULL, 10) : 0; /* the library has checked it */
}

static bool refuse_large(struct exchange *x)
{
    error_set(&x->error, ERROR_REQUEST_INVALID, "the request's body is larger than %d bytes",
              ROUTE_BODY_MAX);
    return refuse(x, 413, ERROR_REQUEST_INVALID);
}

static bool check_body(struct exchange *x, struct MHD_Connection *connection)
{
    const char *type = header(connection, "Content-Type");
    size_t length = announced_length(connection);
    enum http_method method = x->match.route->method;

    if (length > ROUTE_BODY_MAX)
        return refuse_large(x);
    if (length == 0 || x->server->service->any_body ||
        (method != HTTP_POST && method != HTTP_PATCH) || (type && content_type_is_json(type)))
        return true;
    error_set(&x->error, ERROR_REQUEST_INVALID,
              "unsupported Content-Type header (%s): must be 'application/json'",
              type                     ? type
              : x->match.route->engine ? ""
                                       : "none");
    return refuse(x, x->match.route->engine ? 400 : 415, ERROR_REQUEST_INVALID);
}

/* ---- the query ------------------------------------------------------------ */

static bool query_decode(const char *text, char **out)
{
    size_t size = strlen(text) + 1;

    *out = malloc(size);
    return *out && query_value_decode(text, *out, size);
}

static enum MHD_Result query_take(void *context, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    struct exchange *x = context;
    const char *text = value ? value : "";
    int slot = 0;

    (void)kind;
    while (slot < ROUTE_QUERY_MAX &&
           (!x->match.route->query[slot] || strcmp(x->match.route->query[slot], key) != 0))
        slot++;
    if (x->match.route->engine && (slot == ROUTE_QUERY_MAX || x->query[slot]))
        return MHD_YES;
    if (slot == ROUTE_QUERY_MAX)
        error_set(&x->error, ERROR_REQUEST_INVALID, "unknown parameter '%.100s' in the query", key);
    else if (x->query[slot])
        error_set(&x->error, ERROR_REQUEST_INVALID, "parameter '%s' is given twice", key);
    else if (query_decode(text, &x->query[slot]))
        return MHD_YES;
    else
        error_set(&x->error, ERROR_REQUEST_INVALID,
                  "parameter '%s' is not properly percent-encoded", key);
    refuse_as(x, ERROR_REQUEST_INVALID);
    return MHD_NO;
}

static bool check_query(struct exchange *x, struct MHD_Connection *connection)
{
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, query_take, x);
    for (int i = 0; i < ROUTE_QUERY_MAX; i++)
        x->request.query[i] = x->query[i];
    return !x->status;
}

/* ---- answers -------------------------------------------------------------- */

/* "GET, HEAD, POST" */
static void allow_header(struct MHD_Response *answer, unsigned methods)
{
    char text[64] = "";

    for (int i = 0; i < HTTP_METHOD_COUNT; i++) {
        size_t used = strlen(text);

        if (methods & (1U << i))
            snprintf(text + used, sizeof(text) - used, "%s%s%s", used ? ", " : "",
                     http_method_name((enum http_method)i), i == HTTP_GET ? ", HEAD" : "");
    }
    MHD_add_response_header(answer, MHD_HTTP_HEADER_ALLOW, text);
}

/* Sends `response` and frees its body. */
static enum MHD_Result answer_send(struct exchange *x, struct MHD_Connection *connection,
                                   int status, const struct response *response)
{
    char *body = response->body;
    struct MHD_Response *answer = MHD_create_response_from_buffer(
        body ? strlen(body) : 0, body, body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result;

    if (!answer) {
        free(body);
        return MHD_NO;
    }
    if (body)
        MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE,
                                response->content_type ? response->content_type
                                                       : "application/json");
    for (const struct header *h = response->headers; h && h->name; h++)
        MHD_add_response_header(answer, h->name, h->value);
    if (status == 405)
        allow_header(answer, x->match.methods);
    result = MHD_queue_response(connection, (unsigned)status, answer);
    MHD_destroy_response(answer);
    return result;
}

/* A stream on its way to a client; outlives its exchange. */
struct pouring {
    struct http_server *server;
    struct stream stream;
    int fd; /* the connection's */
};

/* One that has closed its side for writing wants no more either. */
static bool peer_is_gone(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};

    return poll(&poll_fd, 1, 0) != 0;
}

static bool server_is_stopping(struct http_server *server)
{
    bool stopping;

    pthread_mutex_lock(&server->mutex);
    stopping = server->stopping;
    pthread_mutex_unlock(&server->mutex);
    return stopping;
}

static ssize_t on_stream_read(void *context, uint64_t position, char *buffer, size_t size)
{
    const struct pouring *pouring = context;
    ssize_t n = 0;

    (void)position;
    while (n == 0) {
        if (server_is_stopping(pouring->server) || peer_is_gone(pouring->fd))
            return MHD_CONTENT_READER_END_OF_STREAM;
        n = pouring->stream.read(pouring->stream.context, buffer, size, STREAM_WAIT_MS);
    }
    return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static void on_stream_free(void *context)
{
    struct pouring *pouring = context;

    pouring->stream.close(pouring->stream.context);
    free(pouring);
}

/* From here on it is waited for no longer than streams are. */
static void streaming_begin(struct exchange *x)
{
    struct http_server *server = x->server;

    pthread_mutex_lock(&server->mutex);
    server->running--;
    server->streams++;
    x->running = false;
    x->streaming = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

static enum MHD_Result answer_stream(struct exchange *x, struct MHD_Connection *connection,
                                     const struct response *response)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pouring *pouring = malloc(sizeof(*pouring));
    struct MHD_Response *answer = NULL;
    enum MHD_Result result;

    if (pouring && info) {
        *pouring = (struct pouring){x->server, response->stream, info->connect_fd};
        answer = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_stream_read,
                                                   pouring, on_stream_free);
    }
    if (!answer) {
        response->stream.close(response->stream.context);
        free(pouring);
        return MHD_NO;
    }
    streaming_begin(x);
    /* silence is no fault of such a client, and no other request may come on it without a limit */
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    MHD_add_response_header(answer, MHD_HTTP_HEADER_CONNECTION, "close");
    MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
    result = MHD_queue_response(connection, 200, answer);
    MHD_destroy_response(answer);
    return result;
}

static const char *refusal_text(const struct exchange *x)
{
    if (x->error.text[0])
        return x->error.text;
    return x->code < 0 ? strerror(-x->code) : error_code_name(x->code);
}

static enum MHD_Result answer_refusal(struct exchange *x, struct MHD_Connection *connection)
{
    struct response response = {0};

    if (x->status == HTTP_DROP)
        return MHD_NO;
    response.body = x->server->service->error_body(x->code, refusal_text(x));
    return response.body ? answer_send(x, connection, x->status, &response) : MHD_NO;
}

/* Waits for a place among the handlers, unless it may keep that for long. False: the server stops.
 */
static bool running_begin(struct exchange *x)
{
    struct http_server *server = x->server;
    bool counted = !x->match.route->long_running;

    pthread_mutex_lock(&server->mutex);
    while (counted && !server->stopping && server->handlers >= server->handlers_max)
        pthread_cond_wait(&server->changed, &server->mutex);
    x->running = !server->stopping;
    server->running += x->running;
    server->handlers += x->running && counted;
    pthread_mutex_unlock(&server->mutex);
    return x->running;
}

static int handler_run(struct exchange *x, struct response *response)
{
    struct http_server *server = x->server;
    int r;

    x->request.context = server->context;
    x->request.body = x->body ? x->body : "";
    x->request.body_length = x->body_length;
    r = x->match.route->handler(&x->request, response, &x->error);
    pthread_mutex_lock(&server->mutex);
    server->handlers -= !x->match.route->long_running;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
    return r;
}

static void running_end(struct exchange *x)
{
    struct http_server *server = x->server;

    if (!x->running && !x->streaming)
        return;
    pthread_mutex_lock(&server->mutex);
    server->running -= x->running;
    server->streams -= x->streaming;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

/* Not something that a client asked for and cannot have. */
static bool is_failure(int code)
{
    return code < 0 || (code >= ERROR_CORRUPT && code < ERROR_UNAVAILABLE);
}

/* What the operator must know: a failure that is not the client's. */
static void log_failure(const struct exchange *x, const char *method, const char *path)
{
    struct error line; /* for its care of control characters: the path is the client's */

    error_set(&line, x->code, "api: %s %s: %s", method, path, refusal_text(x));
    log_message(LOG_LEVEL_ERROR, "%s", line.text);
}

static enum MHD_Result answer(struct exchange *x, struct MHD_Connection *connection,
                              const char *method, const char *path)
{
    struct response response = {0};

    if (x->status)
        return answer_refusal(x, connection);
    if (!running_begin(x)) {
        error_set(&x->error, ERROR_UNAVAILABLE, "the daemon is stopping; try again");
        refuse_as(x, ERROR_UNAVAILABLE);
        return answer_refusal(x, connection);
    }
    x->code = handler_run(x, &response);
    if (x->code == 0 && response.stream.read)
        return answer_stream(x, connection, &response);
    if (x->code == 0)
        return answer_send(x, connection, response.status ? response.status : 200, &response);
    free(response.body);
    refuse_as(x, x->code);
    if ((x->status == 500 && is_failure(x->code)) || x->status == HTTP_DROP)
        log_failure(x, method, path);
    return answer_refusal(x, connection);
}

/* ---- the library's callbacks ---------------------------------------------- */

static struct exchange *exchange_free(struct exchange *x)
{
    for (int i = 0; i < ROUTE_QUERY_MAX; i++)
        free(x->query[i]);
    free(x->body);
    free(x);
    return NULL;
}

/* Headers are complete. */
static enum MHD_Result exchange_begin(struct http_server *server, struct MHD_Connection *connection,
                                      const char *method, const char *path, void **cookie)
{
    struct exchange *x = calloc(1, sizeof(*x));

    headers_arrived(server, connection);
    if (!x)
        return MHD_NO;
    x->server = server;
    x->deadline = clock_seconds() + (time_t)server->timeout;
    *cookie = x;
    if (check_peer(x, connection) && check_route(x, method, path) && check_query(x, connection) &&
        check_body(x, connection))
        return MHD_YES;
    if (announced_length(connection) > DISCARD_MAX || header(connection, "Expect"))
        return answer_refusal(x, connection);
    return MHD_YES;
}

static int body_append(struct exchange *x, const char *data, size_t size)
{
    if (x->body_length + size + 1 > x->body_capacity) {
        size_t capacity = 2 * (x->body_length + size) + 1;
        char *grown = realloc(x->body, capacity);

        if (!grown)
            return -ENOMEM;
        x->body = grown;
        x->body_capacity = capacity;
    }
    memcpy(x->body + x->body_length, data, size);
    x->body_length += size;
    x->body[x->body_length] = 0;
    return 0;
}

/* A piece of the body. MHD_NO cuts the connection. */
static enum MHD_Result exchange_receive(struct exchange *x, const char *data, size_t size)
{
    x->received += size;
    if (x->received > DISCARD_MAX || clock_seconds() > x->deadline)
        return MHD_NO;
    if (x->status)
        return MHD_YES;
    if (x->received > ROUTE_BODY_MAX)
        refuse_large(x);
    else if (body_append(x, data, size) < 0)
        refuse_as(x, -ENOMEM);
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *data, size_t *size, void **cookie)
{
    struct exchange *x = *cookie;

    (void)version;
    if (!x)
        return exchange_begin(context, connection, method, path, cookie);
    if (*size) {
        enum MHD_Result result = exchange_receive(x, data, *size);

        *size = 0;
        return result;
    }
    return answer(x, connection, method, path);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **cookie,
                         enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *cookie;

    if (!x)
        return;
    running_end(x);
    *cookie = exchange_free(x);
    if (why == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        headers_await(context, connection);
}

/* Paths are split before they are decoded, so nothing is decoded by the library. */
static size_t on_unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

/* The library complains of clients that go away; nobody needs to read that. */
static void on_log(void *context, const char *format, va_list args)
{
    (void)context;
    (void)format;
    (void)args;
}

/* ---- start and stop ------------------------------------------------------- */

static int lock_init(struct http_server *server)
{
    pthread_condattr_t attributes;

    if (pthread_condattr_init(&attributes) != 0)
        return -ENOMEM;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return 0;
}

static struct http_server *server_free(struct http_server *server)
{
    api_socket_deinit(&server->socket);
    deadlines_stop(server->deadlines);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->mutex);
    free(server);
    return NULL;
}

static int daemon_start(struct http_server *server, const struct http_config *config,
                        struct error *e)
{
    unsigned connections = config->connections ? config->connections : DEFAULT_CONNECTIONS;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;

    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, server->socket.fd, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_TIMEOUT, server->timeout, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEADERS_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_UNESCAPE_CALLBACK,
        on_unescape, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!server->daemon)
        return error_set(e, -EIO, "the HTTP server on %s cannot be started", server->socket.path);
    return 0;
}

/* No fault: on many machines root alone manages volumes. */
static void note_missing_group(const struct http_config *config)
{
    gid_t group;

    if (geteuid() == 0 && config->group && !api_group_find(config->group, &group))
        log_message(LOG_LEVEL_DEBUG,
                    "there is no group %s, so only root may use %s; to let others: groupadd "
                    "--system %s, and start again",
                    config->group, config->socket_path, config->group);
}

int http_server_start(struct http_server **out, const struct http_config *config, struct error *e)
{
    struct http_server *server = calloc(1, sizeof(*server));
    int r;

    *out = NULL;
    if (!server || lock_init(server) < 0) {
        free(server);
        return error_set(e, -ENOMEM, "out of memory");
    }
    server->service = config->service;
    server->context = config->context;
    server->timeout = config->timeout ? config->timeout : DEFAULT_TIMEOUT;
    server->handlers_max = config->handlers ? config->handlers : DEFAULT_HANDLERS;
    server->socket.fd = -1;
    server->deadlines = deadlines_start(server->timeout);
    if (!server->deadlines) {
        server_free(server);
        return error_set(e, -EAGAIN, "no memory or thread for the time limits of %s",
                         config->socket_path);
    }
    note_missing_group(config);
    r = config->inherited_fd
            ? api_socket_adopt(&server->socket, config->inherited_fd, config->socket_path,
                               config->group, e)
            : api_socket_open(&server->socket, config->socket_path, config->group, e);
    if (r == 0) {
        r = daemon_start(server, config, e);
        if (r != 0)
            api_socket_unlink(&server->socket);
    }
    if (r != 0)
        server_free(server);
    else
        *out = server;
    return r;
}

/* Waits until there are none of them, for so long. With the mutex held. */
static void running_wait(struct http_server *server, const unsigned *count, int seconds)
{
    struct timespec until = time_monotonic_in(seconds * 1000);

    while (*count)
        if (pthread_cond_timedwait(&server->changed, &server->mutex, &until) == ETIMEDOUT)
            break;
}

/* From here on no request is begun; those that run have a bounded time. */
static void running_drain(struct http_server *server)
{
    pthread_mutex_lock(&server->mutex);
    server->stopping = true;
    pthread_cond_broadcast(&server->changed);
    running_wait(server, &server->running, STOP_SECONDS);
    running_wait(server, &server->streams, STOP_STREAMS_SECONDS);
    pthread_mutex_unlock(&server->mutex);
}

struct http_server *http_server_stop(struct http_server *server)
{
    if (!server)
        return NULL;
    api_socket_unlink(&server->socket);
    MHD_quiesce_daemon(server->daemon); /* the descriptor is ours again */
    running_drain(server);
    MHD_stop_daemon(server->daemon); /* joins the threads of handlers that still run */
    return server_free(server);
}
