/* HTTP over a socket: what is sent, and what becomes of good, bad and absent answers. */
#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/fake_daemon.h"
#include "tools/volctl/client.h"

#include <string.h>
#include <sys/stat.h>

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
    assert_string_equal(e.text,
                        "cannot reach the daemon at /nonexistent/v.sock: No such file or "
                        "directory; is the daemon running? start it with: volumefs --store DIR "
                        "MOUNTPOINT");
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
        cmocka_unit_test(test_escape),
    };

    return cmocka_run_group_tests_name("volctl_client", tests, group_setup, group_teardown);
}
