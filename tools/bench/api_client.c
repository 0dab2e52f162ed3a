/*
 * bench-api: one operation of the Engine's volume API, done a number of times on a unix socket.
 * Prints "NAME<tab>UNIT<tab>NS PER OPERATION<tab>OPERATIONS".
 *
 * All requests go one after the other over one connection, which the first one, not timed, opens.
 * A status that is not the operation's ends the batch, and so does a second connection: the time of
 * such a batch would be that of something else. What the last answer names is looked at afterwards,
 * as a list without the volumes is quick.
 */
#include <argp.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/cleanup.h"
#include "catalog/model.h"
#include "tools/bench/number.h"

enum { LIMIT_S = 60, URL_SIZE = 512, BODY_SIZE = 512, SHOWN_BYTES = 200, NUMBER_MAX = 1000000 };

/* The driver is named, as the docker command does: without it an engine asks all that it has. */
#define CREATE_BODY "{\"Name\":\"%s%06u\",\"Driver\":\"local\"}"

struct operation {
    const char *name, *unit;
    const char *method, *path;
    long status;
    int names;  /* of volumes of the run, in an answer; LISTED: as many as --listed says */
    bool named; /* the volume's name follows the path */
};

enum { LISTED = -1 };

static const struct operation operations[] = {
    {"create", "volume", "POST", "/volumes/create", 201, 1, false},
    {"inspect", "volume", "GET", "/volumes/", 200, 1, true},
    {"list", "list", "GET", "/volumes", 200, LISTED, false},
    {"remove", "volume", "DELETE", "/volumes/", 204, 0, true},
};

static const struct operation ping = {"ping", "ping", "GET", "/_ping", 200, 0, false};

struct arguments {
    const char *operation, *socket, *prefix;
    unsigned first, number, listed;
};

struct client {
    const struct arguments *arguments;
    CURL *curl;
    struct curl_slist *headers;
    char *data; /* the answer, with a NUL behind */
    size_t length, size;
    char failed[CURL_ERROR_SIZE];
};

static void client_deinit(struct client *client)
{
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    free(client->data);
}

/* Taking less than was offered ends the transfer. */
static size_t take_answer(char *data, size_t size, size_t count, void *context)
{
    struct client *client = context;
    size_t needed = client->length + size * count + 1;

    if (needed > client->size) {
        char *grown = realloc(client->data, 2 * needed);

        if (!grown)
            return 0;
        client->data = grown;
        client->size = 2 * needed;
    }
    memcpy(client->data + client->length, data, size * count);
    client->length = needed - 1;
    client->data[client->length] = 0;
    return size * count;
}

static bool client_init(struct client *client, const struct arguments *arguments)
{
    *client = (struct client){.arguments = arguments};
    curl_global_init(CURL_GLOBAL_NOTHING); /* no TLS here */
    client->curl = curl_easy_init();
    client->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!client->curl || !client->headers)
        return false;
    curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, arguments->socket);
    curl_easy_setopt(client->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, (long)LIMIT_S);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, client->failed);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
    return true;
}

/* One request; false, with a text on stderr, if the answer is not the operation's, or other than
 * `connections` were made for it. */
static bool client_request(struct client *client, const struct operation *op, unsigned volume,
                           long connections)
{
    char url[URL_SIZE], body[BODY_SIZE];
    const char *prefix = client->arguments->prefix;
    long status = 0, made = 0;
    CURLcode code;

    if (op->named)
        snprintf(url, sizeof(url), "http://engine%s%s%06u", op->path, prefix, volume);
    else
        snprintf(url, sizeof(url), "http://engine%s", op->path);
    snprintf(body, sizeof(body), CREATE_BODY, prefix, volume);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    client->length = 0;
    if (strcmp(op->method, "POST") == 0)
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
    code = curl_easy_perform(client->curl);
    if (code != CURLE_OK) {
        fprintf(stderr, "%s %s: %s\n", op->method, url,
                client->failed[0] ? client->failed : curl_easy_strerror(code));
        return false;
    }
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(client->curl, CURLINFO_NUM_CONNECTS, &made);
    if (status != op->status)
        fprintf(stderr, "%s %s: status %ld, not %ld: %.*s\n", op->method, url, status, op->status,
                SHOWN_BYTES, client->length ? client->data : "");
    else if (made != connections)
        fprintf(stderr, "%s %s: the connection was not kept\n", op->method, url);
    return status == op->status && made == connections;
}

/* Names are the only strings of an answer that begin with the run's prefix. */
static unsigned count_names(const struct client *client)
{
    char wanted[BODY_SIZE];
    const char *at = client->length ? client->data : "";
    unsigned count = 0;

    snprintf(wanted, sizeof(wanted), "\"%s", client->arguments->prefix);
    while ((at = strstr(at, wanted)) != NULL) {
        at += strlen(wanted);
        count++;
    }
    return count;
}

static bool check_names(const struct client *client, const struct operation *op)
{
    unsigned expected = op->names == LISTED ? client->arguments->listed : (unsigned)op->names;
    unsigned found = count_names(client);

    if (found != expected)
        fprintf(stderr, "%s %s: the answer names %u volumes of this run, not %u: %.*s\n",
                op->method, op->path, found, expected, SHOWN_BYTES,
                client->length ? client->data : "");
    return found == expected;
}

static bool run_batch(struct client *client, const struct operation *op)
{
    const struct arguments *a = client->arguments;
    int64_t start;

    if (!client_request(client, &ping, 0, 1))
        return false;
    if (op == &ping)
        return true;
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, op->method);
    start = time_monotonic();
    for (unsigned i = 0; i < a->number; i++)
        if (!client_request(client, op, a->first + i, 0))
            return false;
    start = time_monotonic() - start;
    if (!check_names(client, op))
        return false;
    printf("%s\t%s\t%.1f\t%u\n", op->name, op->unit, (double)start / a->number, a->number);
    return true;
}

static const struct operation *find_operation(const char *name)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return strcmp(ping.name, name) == 0 ? &ping : NULL;
}

static unsigned parse_volumes(struct argp_state *state, const char *text)
{
    return (unsigned)parse_number(state, text, 0, NUMBER_MAX);
}

enum { KEY_SOCKET = 's', KEY_PREFIX = 'p', KEY_FIRST = 256, KEY_NUMBER, KEY_LISTED };

static const struct argp_option options[] = {
    {"socket", KEY_SOCKET, "PATH", 0, "the engine's socket", 0},
    {"prefix", KEY_PREFIX, "TEXT", 0, "what the names of volumes begin with; a number follows", 0},
    {"first", KEY_FIRST, "N", 0, "the first volume's number (0)", 0},
    {"number", KEY_NUMBER, "N", 0, "of operations; each but a list takes the next volume (1)", 0},
    {"listed", KEY_LISTED, "N", 0, "volumes that a list is to show (0)", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case KEY_SOCKET:
        a->socket = arg;
        return 0;
    case KEY_PREFIX:
        a->prefix = arg;
        return 0;
    case KEY_FIRST:
        a->first = parse_volumes(state, arg);
        return 0;
    case KEY_NUMBER:
        a->number = parse_volumes(state, arg);
        return 0;
    case KEY_LISTED:
        a->listed = parse_volumes(state, arg);
        return 0;
    case ARGP_KEY_ARG:
        if (a->operation)
            argp_error(state, "one operation at a time");
        a->operation = arg;
        return 0;
    case ARGP_KEY_END:
        if (!a->operation || !a->socket || !a->prefix || !*a->prefix || !a->number)
            argp_error(state, "needs --socket, --prefix, an operation and a number above 0");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse_option,
    .args_doc = "create|inspect|list|remove|ping",
    .doc = "Time an operation of the Engine's volume API.",
};

int main(int argc, char **argv)
{
    struct arguments a = {.number = 1};
    _cleanup_(client_deinit) struct client client = {0};
    const struct operation *op;

    argp_parse(&parser, argc, argv, 0, NULL, &a);
    op = find_operation(a.operation);
    if (!op) {
        fprintf(stderr, "no operation '%s'; --help shows them\n", a.operation);
        return 2;
    }
    if (!client_init(&client, &a)) {
        fprintf(stderr, "no memory for a client\n");
        return 1;
    }
    return run_batch(&client, op) ? 0 : 1;
}
