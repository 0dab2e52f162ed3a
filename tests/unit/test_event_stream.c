/* GET /volumefs/events over a real socket: what is asked, what comes, and who stays or goes. */
#include "fs/api/api.h"
#include "fs/api/handlers.h"
#include "fs/api/http.h"
#include "fs/event_ring.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/fake_volumes.h"
#include "tests/unit/http_client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RING = 64 };

static char directory[] = "/tmp/volumefs-events-XXXXXX";
static char socket_path[64];
static struct api *api;
static char answer[64 << 10];

static void publish(enum event_action action, const char *volume)
{
    struct event event = {.action = action, .volume = volume};

    event_ring_publish(fake_volumes.ring, &event);
}

static int ask_at(const char *to, const char *path)
{
    char head[512];
    int fd = client_connect(to);

    assert_true(fd >= 0);
    snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    client_send(fd, head, strlen(head));
    return fd;
}

static int ask(const char *path)
{
    return ask_at(socket_path, path);
}

/* Reads on until `text` is there; ten seconds at most. */
static void await(int fd, const char *text)
{
    size_t used = 0;

    for (answer[0] = 0; !strstr(answer, text);) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (poll(&poll_fd, 1, 10000) <= 0)
            fail_msg("no '%s' in: %s", text, answer);
        n = recv(fd, answer + used, sizeof(answer) - 1 - used, 0);
        if (n <= 0)
            fail_msg("the end, and no '%s' in: %s", text, answer);
        used += (size_t)n;
        answer[used] = 0;
    }
}

static void test_what_is_there(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *says; /* the volumes, in order, or a part of the text */
    } rows[] = {
        {"/volumefs/events", 200, "abc"},
        {"/volumefs/events?since=0", 200, "abc"},
        {"/volumefs/events?since=", 200, "abc"},
        {"/volumefs/events?since=0.5&follow=0", 200, "abc"},
        {"/volumefs/events?since=1970-01-01T00:00:00Z", 200, "abc"},
        {"/volumefs/events?since=9000000000", 200, ""},
        {"/volumefs/events?since=2200-01-01T00:00:00Z", 200, ""},
        {"/volumefs/events?filters=%7B%22event%22:%5B%22deny%22%5D%7D", 200, "b"},
        {"/volumefs/events?filters=%7B%22volume%22:%5B%22a%22,%22c%22%5D%7D", 200, "ac"},
        {"/volumefs/events?filters=%7B%22x%22:%5B%22a%22%5D%7D", 400, "invalid filter 'x'"},
        {"/volumefs/events?filters=%5B", 400, "invalid JSON"},
        {"/volumefs/events?since=99999999999", 400, "parameter 'since' must be a time"},
        {"/volumefs/events?since=9999999999", 400, "parameter 'since' must be a time"},
        {"/volumefs/events?since=1.2345678901", 400, "parameter 'since' must be a time"},
        {"/volumefs/events?since=1.", 400, "parameter 'since' must be a time"},
        {"/volumefs/events?since=-1", 400, "parameter 'since' must be a time"},
        {"/volumefs/events?since=10m", 400, "parameter 'since' must be a time"},
        {"/volumefs/events?follow=2", 400, "parameter 'follow' must be 1 or 0"},
        {"/volumefs/events?until=0", 400, "unknown parameter 'until'"},
    };

    (void)state;
    publish(EVENT_CREATE, "a");
    publish(EVENT_DENY, "b");
    publish(EVENT_REMOVE, "c");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char volumes[16] = "";
        size_t count = 0;
        int status = client_receive(ask(rows[i].path), answer, sizeof(answer));

        for (const char *p = answer; (p = strstr(p, "\"ID\":\"")); p++)
            volumes[count++] = p[sizeof("\"ID\":\"") - 1];
        if (status != rows[i].status ||
            (status == 200 ? strcmp(volumes, rows[i].says) != 0 : !strstr(answer, rows[i].says)))
            fail_msg("%s: %s", rows[i].path, answer);
    }
}

static void test_a_follower_is_told_at_once(void **state)
{
    int fd = ask("/volumefs/events?follow=1");

    (void)state;
    await(fd, "\r\n\r\n"); /* before there is any event */
    assert_non_null(strstr(answer, "200 OK"));
    assert_non_null(strstr(answer, "application/x-ndjson"));
    publish(EVENT_CREATE, "first");
    await(fd, "\"first\"");
    assert_non_null(strstr(answer, "}\n"));
    publish(EVENT_CREATE, "second");
    await(fd, "\"second\"");
    close(fd);
}

/* More follow than may be at work at a time, and others are served. */
static void test_followers_keep_nobody_from_being_served(void **state)
{
    int fds[EVENT_READERS_MAX];

    (void)state;
    for (int i = 0; i < EVENT_READERS_MAX; i++) {
        fds[i] = ask("/volumefs/events?follow=1");
        await(fds[i], "200 OK");
    }
    assert_int_equal(client_receive(ask("/volumefs/events"), answer, sizeof(answer)), 409);
    assert_non_null(strstr(answer, "read events already"));
    assert_int_equal(client_ping(socket_path), 200);
    for (int i = 0; i < EVENT_READERS_MAX; i++)
        close(fds[i]);
    /* that they went is noticed without an event */
    for (int tries = 0; tries < 50; tries++) {
        if (client_receive(ask("/volumefs/events"), answer, sizeof(answer)) == 200)
            return;
        usleep(100 * 1000);
    }
    fail_msg("places of followers that went are not free: %s", answer);
}

static void test_one_that_does_not_read_holds_up_nothing(void **state)
{
    int fd = ask("/volumefs/events?follow=1");
    static char name[4000];

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    await(fd, "\r\n\r\n");
    for (int i = 0; i < 10000; i++) /* more than the socket takes */
        publish(EVENT_CREATE, name);
    assert_int_equal(client_ping(socket_path), 200);
    await(fd, "\"Action\":\"create\"");
    while (!strstr(answer, "\"Action\":\"lost\"")) {
        memmove(answer, answer + strlen(answer), 1);
        await(fd, "\n");
    }
    close(fd);
}

static int status_of_error(int code)
{
    (void)code;
    return 500;
}

static char *body_of_error(int code, const char *text)
{
    (void)code;
    return strdup(text);
}

/* Silence is no fault of a follower: it outlasts the time that other clients have. */
static void test_silence_is_no_end(void **state)
{
    static const struct route routes[] = {
        {HTTP_GET, "/events", handle_events, {"since", "follow", "filters"}}};
    static const struct http_service service = {.routes = routes,
                                                .route_count = 1,
                                                .error_status = status_of_error,
                                                .error_body = body_of_error};
    struct api_context context = {0};
    struct http_config config = {.service = &service, .context = &context, .timeout = 1};
    struct http_server *server;
    char other[80];
    int fd;

    (void)state;
    snprintf(other, sizeof(other), "%s.1", socket_path);
    config.socket_path = other;
    assert_int_equal(http_server_start(&server, &config, NULL), 0);
    fd = ask_at(other, "/events?follow=1");
    await(fd, "200 OK");
    for (int i = 0; i < 2; i++) {
        usleep(2500 * 1000);
        publish(EVENT_CREATE, "a");
        await(fd, "\n");
    }
    close(fd);
    http_server_stop(server);
}

static double seconds_to_stop(void)
{
    struct timespec before, after;

    clock_gettime(CLOCK_MONOTONIC, &before);
    api = api_stop(api);
    clock_gettime(CLOCK_MONOTONIC, &after);
    return (double)(after.tv_sec - before.tv_sec) +
           (double)(after.tv_nsec - before.tv_nsec) / 1000000000;
}

/* Who has not got what is left within a second is cut: under valgrind it may be anybody. */
static void test_the_stop_ends_followers(void **state)
{
    bool timed = !getenv("VOLUMEFS_UNTIMED");
    static char name[4000];
    int fd = ask("/volumefs/events?follow=1");
    int stuck = ask("/volumefs/events?follow=1");

    (void)state;
    await(fd, "200 OK");
    await(stuck, "200 OK");
    memset(name, 'x', sizeof(name) - 1);
    for (int i = 0; i < 200; i++) {
        publish(EVENT_CREATE, name);
        await(fd, "\n");
    }
    assert_true(seconds_to_stop() < 5 || !timed);
    assert_true(client_receive(fd, answer, sizeof(answer)) >= 0); /* the end, not a timeout */
    assert_true(strstr(answer, "0\r\n\r\n") || !timed);           /* and a proper one */
    close(stuck);
}

static void fill_status(void *context, struct daemon_status *out)
{
    (void)context;
    *out = (struct daemon_status){.version = "9.9"};
}

static int setup(void **state)
{
    struct api_config config = {.socket_path = socket_path, .status = fill_status};

    (void)state;
    fake_volumes_reset();
    fake_volumes.ring = event_ring_new(RING);
    return api_start(&api, &config, NULL);
}

static int teardown(void **state)
{
    (void)state;
    api = api_stop(api);
    event_ring_free(fake_volumes.ring);
    return 0;
}

static int group_setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(socket_path, sizeof(socket_path), "%s/api.sock", directory);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    return rmdir(directory);
}

#define with_api(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_api(test_what_is_there),
        with_api(test_a_follower_is_told_at_once),
        with_api(test_followers_keep_nobody_from_being_served),
        with_api(test_one_that_does_not_read_holds_up_nothing),
        with_api(test_silence_is_no_end),
        with_api(test_the_stop_ends_followers),
    };

    return cmocka_run_group_tests_name("event_stream", tests, group_setup, group_teardown);
}
