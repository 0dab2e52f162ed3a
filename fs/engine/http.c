/*
 * libcurl, which no other file of the daemon knows of. The host in the URL means nothing: every
 * connection goes to the socket, and proxies from the environment are not asked.
 */
#include "fs/engine/http.h"

#include "catalog/cleanup.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum {
    CONNECT_LIMIT_MS = 2000,
    GET_LIMIT_MS = 10 * 1000, /* an engine with thousands of containers takes its time */
    BODY_MAX = 64 << 20,
    LINE_SIZE_MAX = 1 << 20,
    HTTP_OK = 200,
    HTTP_NOT_FOUND = 404,
};

struct text {
    char *data;
    size_t length, size;
    size_t most;
    bool too_large;
};

struct engine_http {
    const char *socket;
    CURLM *multi;
    CURL *get;
    CURL *stream; /* in `multi` while there is one */
    bool streaming;
    bool ended;   /* by the engine */
    bool arrived; /* something of the stream, since it was waited for */
    struct text line;
    unsigned connections; /* of `get` */
    void (*take)(void *context, char *line, size_t length);
    void *take_context;
    atomic_bool stop;
};

/* ---- what arrives --------------------------------------------------------------- */

static bool text_append(struct text *text, const char *data, size_t length)
{
    size_t size = text->size ? text->size : 4096;
    char *grown;

    text->too_large = length > text->most - text->length;
    if (text->too_large)
        return false;
    while (size < text->length + length + 1)
        size *= 2;
    if (!text->data || size != text->size) {
        grown = realloc(text->data, size);
        if (!grown)
            return false;
        text->data = grown;
        text->size = size;
    }
    memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = 0;
    return true;
}

static void text_deinit(struct text *text)
{
    free(text->data);
    *text = (struct text){.most = text->most};
}

/* Taking less than was offered ends the transfer. */
static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    return text_append(context, data, size * count) ? size * count : 0;
}

static size_t take_stream(char *data, size_t size, size_t count, void *context)
{
    struct engine_http *http = context;
    const char *end = data + size * count;

    http->arrived = true;
    while (data < end) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        const char *stop = newline ? newline : end;

        if (!text_append(&http->line, data, (size_t)(stop - data)))
            return 0;
        if (newline && http->line.length)
            http->take(http->take_context, http->line.data, http->line.length);
        if (newline)
            http->line.length = 0;
        data += stop - data + (newline != NULL);
    }
    return size * count;
}

/* The empty line ends the headers: the engine has subscribed us. */
static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct engine_http *http = context;
    long status = 0;

    if (size * count == 2 && data[0] == '\r' &&
        curl_easy_getinfo(http->stream, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
        http->streaming = http->arrived = status == HTTP_OK;
    return size * count;
}

/* ---- set up ------------------------------------------------------------------------ */

static int is_stopped(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct engine_http *http = context;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load(&http->stop);
}

struct engine_http *engine_http_new(const char *socket)
{
    struct engine_http *http = calloc(1, sizeof(*http));

    if (!http)
        return NULL;
    curl_global_init(CURL_GLOBAL_NOTHING); /* no TLS here */
    http->socket = socket;
    http->line.most = LINE_SIZE_MAX;
    http->multi = curl_multi_init();
    http->get = curl_easy_init();
    return http->multi && http->get ? http : engine_http_free(http);
}

static void stream_end(struct engine_http *http)
{
    if (http->stream)
        curl_multi_remove_handle(http->multi, http->stream);
    curl_easy_cleanup(http->stream);
    http->stream = NULL;
    http->streaming = false;
    text_deinit(&http->line);
}

struct engine_http *engine_http_free(struct engine_http *http)
{
    if (!http)
        return NULL;
    stream_end(http);
    curl_easy_cleanup(http->get);
    curl_multi_cleanup(http->multi);
    free(http);
    return NULL;
}

void engine_http_wake(struct engine_http *http, bool stop)
{
    if (stop)
        atomic_store(&http->stop, true);
    curl_multi_wakeup(http->multi);
}

static void prepare(struct engine_http *http, CURL *curl, const char *url)
{
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, http->socket);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_LIMIT_MS);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_stopped);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http);
}

static int explain(const struct engine_http *http, CURLcode code, const struct text *text,
                   long status, struct error *e)
{
    if (code == CURLE_OUT_OF_MEMORY || (code == CURLE_WRITE_ERROR && !text->too_large))
        return -ENOMEM;
    if (code == CURLE_WRITE_ERROR)
        return error_set(e, ERROR_LIMIT, "%s answers with more than %zu MiB", http->socket,
                         text->most >> 20);
    if (code != CURLE_OK)
        return error_set(e, ERROR_UNAVAILABLE, "%s: %s", http->socket, curl_easy_strerror(code));
    return error_set(e, status == HTTP_NOT_FOUND ? ERROR_NOT_FOUND : ERROR_DENIED,
                     "%s answers with status %ld", http->socket, status);
}

/* ---- one answer --------------------------------------------------------------------- */

int engine_http_get(struct engine_http *http, const char *path, char **body, size_t *length,
                    struct error *e)
{
    _cleanup_(text_deinit) struct text text = {.most = BODY_MAX};
    _cleanup_(free_p) char *url = NULL;
    long status = 0, made = 0;
    CURLcode code;

    if (asprintf(&url, "http://engine%s", path) < 0)
        return -ENOMEM;
    curl_easy_reset(http->get); /* keeps the connection */
    prepare(http, http->get, url);
    curl_easy_setopt(http->get, CURLOPT_TIMEOUT_MS, (long)GET_LIMIT_MS);
    curl_easy_setopt(http->get, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(http->get, CURLOPT_WRITEDATA, &text);
    code = curl_easy_perform(http->get);
    if (curl_easy_getinfo(http->get, CURLINFO_NUM_CONNECTS, &made) == CURLE_OK)
        http->connections += (unsigned)made;
    if (code == CURLE_OK)
        code = curl_easy_getinfo(http->get, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != HTTP_OK)
        return explain(http, code, &text, status, e);
    if (!text.data && !text_append(&text, "", 0))
        return -ENOMEM;
    *length = text.length;
    *body = steal_pointer(&text.data);
    return 0;
}

unsigned engine_http_connections(const struct engine_http *http)
{
    return http->connections;
}

char *engine_http_escape(const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, 0);
    char *copy = escaped ? strdup(escaped) : NULL;

    curl_free(escaped);
    return copy;
}

/* ---- the stream ---------------------------------------------------------------------- */

int engine_http_stream(struct engine_http *http, const char *path,
                       void (*take)(void *context, char *line, size_t length), void *context,
                       struct error *e)
{
    _cleanup_(free_p) char *url = NULL;

    stream_end(http);
    if (asprintf(&url, "http://engine%s", path) < 0)
        return -ENOMEM;
    http->stream = curl_easy_init();
    if (!http->stream)
        return -ENOMEM;
    http->take = take;
    http->take_context = context;
    http->ended = false;
    prepare(http, http->stream, url);
    curl_easy_setopt(http->stream, CURLOPT_WRITEFUNCTION, take_stream);
    curl_easy_setopt(http->stream, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(http->stream, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(http->stream, CURLOPT_HEADERDATA, http);
    if (curl_multi_add_handle(http->multi, http->stream) != CURLM_OK)
        return error_set(e, ERROR_UNAVAILABLE, "%s cannot be followed", http->socket);
    return 0;
}

static int stream_explain(struct engine_http *http, CURLcode code, struct error *e)
{
    long status = 0;

    curl_easy_getinfo(http->stream, CURLINFO_RESPONSE_CODE, &status);
    http->ended = code == CURLE_OK && status == HTTP_OK;
    if (http->ended)
        return 0;
    return explain(http, code, &http->line, status, e);
}

int engine_http_wait(struct engine_http *http, int timeout_ms, struct error *e)
{
    const CURLMsg *message;
    int running = 0, left, r = 0;

    http->arrived = false;
    curl_multi_perform(http->multi, &running);
    if (running && !http->arrived) {
        curl_multi_poll(http->multi, NULL, 0, timeout_ms, NULL);
        curl_multi_perform(http->multi, &running);
    }
    if (atomic_load(&http->stop))
        return error_set(e, ERROR_UNAVAILABLE, "stopped");
    message = curl_multi_info_read(http->multi, &left);
    if (message && message->msg == CURLMSG_DONE)
        r = stream_explain(http, message->data.result, e);
    else if (!running)
        r = error_set(e, ERROR_UNAVAILABLE, "%s is not followed", http->socket);
    if (r || http->ended)
        stream_end(http);
    return r;
}

bool engine_http_is_streaming(const struct engine_http *http)
{
    return http->streaming;
}

bool engine_http_has_ended(const struct engine_http *http)
{
    return http->ended;
}
