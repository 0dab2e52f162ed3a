/*
 * HTTP over a unix socket with libcurl, which nothing else here knows of.
 *
 * The host in the URL means nothing: every connection goes to the socket, and
 * proxies from the environment are not asked. The library takes a full queue of
 * the daemon's for a failure and does not say of what kind: a connect of our own
 * then waits for a place, or finds out. An answer is read up to a bound, or passed on as it comes.
 */
#include "tools/volctl/client.h"

#include "catalog/cleanup.h"
#include "catalog/model.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT_TIMEOUT_S = 5, CONNECT_PAUSE_US = 10000 };

struct client {
    CURL *curl;
    char *socket;
    int limit_s;
    int64_t deadline; /* of the request that is made; 0: none */
};

static int64_t now_ms(void)
{
    return time_monotonic() / 1000000;
}

/* What is left for the request; 0 for no limit, as whom it is given takes it. */
static long client_left_ms(const struct client *client)
{
    int64_t left = client->deadline - now_ms();

    if (!client->deadline)
        return 0;
    return left > 0 ? (long)left : 1;
}

void answer_deinit(struct answer *answer)
{
    free(answer->body);
    *answer = (struct answer){0};
}

struct client *client_new(const char *socket)
{
    struct client *client = calloc(1, sizeof(*client));

    if (!client)
        return NULL;
    curl_global_init(CURL_GLOBAL_NOTHING); /* no TLS here: to set that up takes a millisecond */
    client->curl = curl_easy_init();
    client->socket = strdup(socket);
    client->limit_s = CLIENT_LIMIT_S;
    if (!client->curl || !client->socket)
        return client_free(client);
    return client;
}

struct client *client_free(struct client *client)
{
    if (client) {
        curl_easy_cleanup(client->curl);
        free(client->socket);
        free(client);
    }
    return NULL;
}

void client_set_limit(struct client *client, int seconds)
{
    client->limit_s = seconds;
}

/* What arrives: grown by doubling, since it comes in small pieces. */
struct receiver {
    struct answer *answer;
    size_t capacity;
    bool too_large;
    client_sink sink; /* of what comes with a good status; NULL: none */
    void *context;
    CURL *curl;
    int sunk; /* what it said */
};

static bool receiver_passes_on(const struct receiver *receiver)
{
    long status = 0;

    return receiver->sink &&
           curl_easy_getinfo(receiver->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
           status >= 200 && status <= 299;
}

/* Returning less than was offered ends the transfer. */
static size_t receiver_append(char *data, size_t size, size_t count, void *context)
{
    struct receiver *receiver = context;
    struct answer *answer = receiver->answer;
    size_t length = size * count;

    if (receiver_passes_on(receiver)) {
        receiver->sunk = receiver->sink(receiver->context, data, length);
        return receiver->sunk ? 0 : length;
    }
    receiver->too_large = length > CLIENT_ANSWER_MAX - answer->length;
    if (receiver->too_large)
        return 0;
    if (answer->length + length + 1 > receiver->capacity) {
        size_t capacity = 2 * (answer->length + length + 1);
        char *body = realloc(answer->body, capacity);

        if (!body)
            return 0;
        answer->body = body;
        receiver->capacity = capacity;
    }
    memcpy(answer->body + answer->length, data, length);
    answer->length += length;
    answer->body[answer->length] = 0;
    return length;
}

static void curl_slist_free_p(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static int client_connect_s(const struct client *client)
{
    return client->limit_s < CONNECT_TIMEOUT_S ? client->limit_s : CONNECT_TIMEOUT_S;
}

static int client_explain(const struct client *client, CURLcode code, int err,
                          const struct receiver *receiver, struct error *e)
{
    if (code == CURLE_OUT_OF_MEMORY)
        return -ENOMEM;
    if (code == CURLE_WRITE_ERROR && receiver->too_large)
        return error_set(e, ERROR_LIMIT, "the daemon's answer is larger than %d MiB",
                         CLIENT_ANSWER_MAX >> 20);
    if (code == CURLE_WRITE_ERROR)
        return -ENOMEM;
    if (code == CURLE_COULDNT_CONNECT && err == EACCES)
        return error_set(e, ERROR_DENIED,
                         "may not open the daemon's socket %s; become root, or a member of the "
                         "group volumefs (groupadd --system volumefs makes it; then start the "
                         "daemon again)",
                         client->socket);
    if (code == CURLE_COULDNT_CONNECT && err == EAGAIN)
        return error_set(e, ERROR_UNAVAILABLE,
                         "the daemon at %s is busy: its queue has been full for %d s; try again",
                         client->socket, client_connect_s(client));
    if (code == CURLE_COULDNT_CONNECT)
        return error_set(e, ERROR_UNAVAILABLE,
                         "cannot reach the daemon at %s%s%s; is the daemon running? start it with: "
                         "systemctl start volumefs, or volumefs /mnt/volumes",
                         client->socket, err ? ": " : "", err ? strerror(err) : "");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return error_set(e, ERROR_UNAVAILABLE,
                         "the daemon at %s did not answer within %d s; its log says more",
                         client->socket, client->limit_s);
    return error_set(e, ERROR_UNAVAILABLE, "the daemon at %s did not answer: %s; its log says more",
                     client->socket, curl_easy_strerror(code));
}

/* Connects, and no more. It waits for a place in the daemon's queue. 0 or negative errno. */
static int client_probe(const struct client *client)
{
    _cleanup_(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = client_connect_s(client)}; /* of a connect too */
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, client->socket, strlen(client->socket)); /* it fits: socket_check */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return 0;
}

/* *err: why there is no connection. */
static CURLcode client_perform(const struct client *client, int *err)
{
    int64_t deadline = now_ms() + client_connect_s(client) * (int64_t)1000;
    CURLcode code;

    *err = 0;
    for (;;) {
        curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, client_left_ms(client));
        code = curl_easy_perform(client->curl);
        if (code != CURLE_COULDNT_CONNECT)
            return code;
        *err = -client_probe(client);
        if (*err)
            return code;
        *err = EAGAIN; /* others were quicker */
        if (now_ms() > deadline)
            return code;
        usleep(CONNECT_PAUSE_US);
    }
}

static void client_prepare(struct client *client, const char *method, const char *url,
                           const char *body, struct curl_slist *headers, struct receiver *receiver)
{
    CURL *curl = client->curl;

    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)client_connect_s(client));
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receiver_append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiver);
    if (body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
}

/* "Expect:" spares the pause before a larger body. */
static struct curl_slist *client_headers(void)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *longer = list ? curl_slist_append(list, "Expect:") : NULL;

    if (!longer)
        curl_slist_free_all(list);
    return longer;
}

static int socket_check(const char *path, struct error *e)
{
    enum { PATH_MOST = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

    if (!*path)
        return error_set(e, ERROR_UNAVAILABLE,
                         "the path of the daemon's socket is empty; give it with --socket PATH");
    if (strlen(path) > PATH_MOST)
        return error_set(e, ERROR_UNAVAILABLE,
                         "the path of the daemon's socket has %zu bytes, a unix socket's may have "
                         "%d: %s; give a shorter one with --socket PATH",
                         strlen(path), PATH_MOST, path);
    return 0;
}

static int client_exchange(struct client *client, const char *method, const char *path,
                           const char *body, struct receiver *receiver, struct error *e)
{
    _cleanup_(curl_slist_free_p) struct curl_slist *headers = client_headers();
    _cleanup_(free_p) char *url = NULL;
    struct answer *out = receiver->answer;
    CURLcode code;
    int err;
    int r;

    *out = (struct answer){0};
    r = socket_check(client->socket, e);
    if (r)
        return r;
    if (!headers || asprintf(&url, "http://volumefs%s", path) < 0)
        return -ENOMEM;
    client_prepare(client, method, url, body, headers, receiver);
    code = client_perform(client, &err);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &out->status);
    if (code == CURLE_OK)
        return 0;
    r = receiver->sunk ? receiver->sunk : client_explain(client, code, err, receiver, e);
    answer_deinit(out);
    return r;
}

int client_request(struct client *client, const char *method, const char *path, const char *body,
                   struct answer *out, struct error *e)
{
    struct receiver receiver = {.answer = out};

    client->deadline = now_ms() + client->limit_s * (int64_t)1000;
    return client_exchange(client, method, path, body, &receiver, e);
}

int client_stream(struct client *client, const char *path, client_sink sink, void *context,
                  struct answer *out, struct error *e)
{
    struct receiver receiver = {
        .answer = out, .sink = sink, .context = context, .curl = client->curl};

    client->deadline = 0;
    return client_exchange(client, "GET", path, NULL, &receiver, e);
}

char *client_escape(const char *text)
{
    char *escaped, *copy;

    if (strcmp(text, ".") == 0)
        return strdup("%2E");
    if (strcmp(text, "..") == 0)
        return strdup("%2E%2E");
    escaped = curl_easy_escape(NULL, text, (int)strnlen(text, 1 << 20));
    copy = escaped ? strdup(escaped) : NULL;
    curl_free(escaped);
    return copy;
}
