/* HTTP over a socket: what is sent, and what becomes of good, bad and absent answers. */
#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/fake_daemon.h"
#include "tools/volctl/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char directory[] = "/tmp/volctl-XXXXXX";
static char socket_path[64];

static int group_setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(socket_path, sizeof(socket_path), "%s/s", directory);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    unlink(socket_path);
    return rmdir(directory);
}

static void test_request_and_answer(void **state)
{
    static const struct fake_answer answers[] = {
        {200, "{\"a\":1}"}, {.status = 204}, {404, "{\"message\":\"no\"}"}};
    struct fake_daemon *daemon = fake_daemon_start(socket_path, answers, 3);
    struct client *client = client_new(socket_path);
    struct answer answer = {0};
    struct error e = {0};

    (void)state;
    assert_int_equal(client_request(client, "GET", "/x", NULL, &answer, &e), 0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.length, 7);
    assert_string_equal(answer.body, "{\"a\":1}");
    answer_deinit(&answer);
    assert_int_equal(client_request(client, "DELETE", "/y?force=1", NULL, &answer, &e), 0);
    assert_int_equal(answer.status, 204);
    assert_int_equal(answer.length, 0);
    assert_int_equal(client_request(client, "POST", "/../%2E", "{\"b\":2}", &answer, &e), 0);
    assert_int_equal(answer.status, 404);
    answer_deinit(&answer);
    client_free(client);
    {
        _cleanup_(free_p) char *log = fake_daemon_stop(daemon);

        assert_string_equal(log, "GET /x \nDELETE /y?force=1 \nPOST /../%2E {\"b\":2}\n");
    }
}

static void check_failure(const struct fake_answer *answer, int code, const char *text)
{
    struct fake_daemon *daemon = fake_daemon_start(socket_path, answer, 1);
    struct client *client = client_new(socket_path);
    struct answer got = {0};
    struct error e = {0};

    assert_int_equal(client_request(client, "GET", "/x", NULL, &got, &e), code);
    if (!strstr(e.text, text))
        fail_msg("%s", e.text);
    assert_null(got.body);
    client_free(client);
    free(fake_daemon_stop(daemon));
}

static void test_bad_answers(void **state)
{
    (void)state;
    check_failure(&(struct fake_answer){.raw = "HTTP/1.1 200 OK\r\n\r\n",
                                        .raw_filler = CLIENT_ANSWER_MAX + 1UL},
                  ERROR_LIMIT, "larger than 64 MiB");
    check_failure(&(struct fake_answer){.raw = ""}, ERROR_UNAVAILABLE, socket_path);
    check_failure(&(struct fake_answer){.raw = "ETEKAF\r\n\r\n"}, ERROR_UNAVAILABLE, "its log");
    check_failure(&(struct fake_answer){.status = 200, .body = "{", .announced = 100},
                  ERROR_UNAVAILABLE, "did not answer");
}

static void test_largest_answer_is_taken(void **state)
{
    static const struct fake_answer answer = {.raw = "HTTP/1.1 200 OK\r\n\r\n",
                                              .raw_filler = CLIENT_ANSWER_MAX};
    struct fake_daemon *daemon = fake_daemon_start(socket_path, &answer, 1);
    struct client *client = client_new(socket_path);
    struct answer got = {0};

    (void)state;
    assert_int_equal(client_request(client, "GET", "/x", NULL, &got, NULL), 0);
    assert_int_equal(got.length, CLIENT_ANSWER_MAX);
    answer_deinit(&got);
    client_free(client);
    free(fake_daemon_stop(daemon));
}

static void test_unreachable(void **state)
{
    struct client *client = client_new("/nonexistent/v.sock");
    struct answer got = {0};
    struct error e = {0};

    (void)state;
    assert_int_equal(client_request(client, "GET", "/x", NULL, &got, &e), ERROR_UNAVAILABLE);
    assert_string_equal(e.text, "cannot reach the daemon at /nonexistent/v.sock: No such file or "
                                "directory; is the daemon running? start it with: systemctl start "
                                "volumefs, or volumefs /mnt/volumes");
    client_free(client);
}

static void test_socket_paths_that_cannot_be(void **state)
{
    char path[200] = "";
    struct client *empty = client_new("");
    struct client *longer;
    struct answer got = {0};
    struct error e = {0};

    (void)state;
    assert_int_equal(client_request(empty, "GET", "/x", NULL, &got, &e), ERROR_UNAVAILABLE);
    assert_non_null(strstr(e.text, "is empty; give it with --socket PATH"));
    memset(path, 'x', 108);
    path[0] = '/';
    longer = client_new(path);
    assert_int_equal(client_request(longer, "GET", "/x", NULL, &got, &e), ERROR_UNAVAILABLE);
    assert_non_null(strstr(e.text, "has 108 bytes, a unix socket's may have 107: /xxx"));
    client_free(longer);
    path[107] = 0; /* one less is merely not there */
    longer = client_new(path);
    assert_int_equal(client_request(longer, "GET", "/x", NULL, &got, &e), ERROR_UNAVAILABLE);
    assert_non_null(strstr(e.text, "No such file or directory"));
    client_free(longer);
    client_free(empty);
}

/* ---- a queue that is full -------------------------------------------------- */

struct busy {
    int listener;
    int waiting[8]; /* connections that fill the queue */
    size_t count;
};

static void busy_open(struct busy *busy)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    unlink(socket_path);
    busy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(busy->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(busy->listener, 0), 0);
    for (busy->count = 0; busy->count < 8; busy->count++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        busy->waiting[busy->count] = fd;
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            continue;
        assert_int_equal(errno, EAGAIN);
        close(fd);
        return;
    }
    fail_msg("the queue does not fill");
}

/* Room in the queue, and nobody who looks at it. */
static void silent_open(struct busy *busy)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    unlink(socket_path);
    busy->count = 0;
    busy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(busy->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(busy->listener, 8), 0);
}

static void busy_close(struct busy *busy)
{
    for (size_t i = 0; i < busy->count; i++)
        close(busy->waiting[i]);
    close(busy->listener);
}

/* Lets the client wait, then serves whoever is in the queue, the client last. */
static void *busy_serve(void *context)
{
    static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
    struct busy *busy = context;
    char request[4096];
    bool asked;
    int fd;

    usleep(300000);
    for (size_t i = 0; i < busy->count; i++)
        close(accept4(busy->listener, NULL, NULL, SOCK_CLOEXEC));
    do {
        fd = accept4(busy->listener, NULL, NULL, SOCK_CLOEXEC);
        asked = read(fd, request, sizeof(request)) > 0; /* not, where one only waited */
        if (asked)
            (void)!write(fd, answer, sizeof(answer) - 1);
        close(fd);
    } while (!asked);
    return NULL;
}

static void test_full_queue_is_waited_for(void **state)
{
    struct client *client = client_new(socket_path);
    struct answer got = {0};
    struct error e = {0};
    struct busy busy;
    pthread_t thread;

    (void)state;
    busy_open(&busy);
    assert_int_equal(pthread_create(&thread, NULL, busy_serve, &busy), 0);
    if (client_request(client, "GET", "/x", NULL, &got, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(got.status, 204);
    pthread_join(thread, NULL);
    busy_close(&busy);
    client_free(client);
}

static void test_full_queue_is_not_waited_for_for_ever(void **state)
{
    struct client *client = client_new(socket_path);
    struct answer got = {0};
    struct error e = {0};
    struct busy busy;

    (void)state;
    busy_open(&busy);
    assert_int_equal(client_request(client, "GET", "/x", NULL, &got, &e), ERROR_UNAVAILABLE);
    assert_non_null(strstr(e.text, "is busy: its queue has been full for 5 s; try again"));
    busy_close(&busy);
    client_free(client);
}

/* A daemon that takes the request and says nothing. */
static void test_silence_ends_at_the_limit(void **state)
{
    struct client *client = client_new(socket_path);
    struct answer got = {0};
    struct error e = {0};
    struct busy busy;
    struct timespec before, after;

    (void)state;
    silent_open(&busy);
    client_set_limit(client, 1);
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(client_request(client, "GET", "/x", NULL, &got, &e), ERROR_UNAVAILABLE);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_non_null(strstr(e.text, "did not answer within 1 s; its log says more"));
    assert_in_range(after.tv_sec - before.tv_sec, 1, getenv("VOLUMEFS_UNTIMED") ? 60 : 4);
    busy_close(&busy);
    client_free(client);
}

/* The wait for a place in the queue counts too. */
static void test_full_queue_is_waited_for_up_to_the_limit(void **state)
{
    struct client *client = client_new(socket_path);
    struct answer got = {0};
    struct error e = {0};
    struct busy busy;

    (void)state;
    busy_open(&busy);
    client_set_limit(client, 1);
    assert_int_equal(client_request(client, "GET", "/x", NULL, &got, &e), ERROR_UNAVAILABLE);
    assert_non_null(strstr(e.text, "is busy: its queue has been full for 1 s; try again"));
    busy_close(&busy);
    client_free(client);
}

static void test_escape(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {{"web", "web"},   {"a b", "a%20b"},       {"a/b", "a%2Fb"}, {".", "%2E"},
                {"..", "%2E%2E"}, {"a.b_c-1", "a.b_c-1"}, {"?#", "%3F%23"}, {"ä", "%C3%A4"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(free_p) char *got = client_escape(rows[i].text);

        assert_string_equal(got, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_and_answer),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_largest_answer_is_taken),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_socket_paths_that_cannot_be),
        cmocka_unit_test(test_full_queue_is_waited_for),
        cmocka_unit_test(test_full_queue_is_not_waited_for_for_ever),
        cmocka_unit_test(test_full_queue_is_waited_for_up_to_the_limit),
        cmocka_unit_test(test_silence_ends_at_the_limit),
        cmocka_unit_test(test_escape),
    };

    return cmocka_run_group_tests_name("volctl_client", tests, group_setup, group_teardown);
}
