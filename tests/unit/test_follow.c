/*
 * An engine that is followed: one that tells of a change before its list has it, as Docker does of
 * a new name; and one in whose place another answers, with other data.
 */
#include "fs/engine/follow.h"

#include "catalog/cleanup.h"
#include "fs/volume_engine.h"
#include "fs/volume_private.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/volumes_fixture.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WEB "aa00000000000000000000000000000000000000000000000000000000000000"

enum { PATIENCE_MS = 10000, STEP_MS = 10, REQUEST_MAX = 4096, ANSWER_MAX = 4096 };

/* ---- an engine ------------------------------------------------------------------------ */

/* It has one container, which has the volume "web". What answers in its place has none. */
static struct {
    char directory[32], socket[64];
    int fd;
    _Atomic(const char *) name; /* of the container */
    atomic_bool replaced;       /* another one answers */
    atomic_bool ends_at_list;   /* another one answers from when it is asked for all, and its own
                                   stream stays open */
    atomic_uint list_ms;        /* until a list is answered */
    atomic_int id_status;       /* of the answer to which engine it is */
    atomic_int events_fd;       /* the stream, once somebody has asked for it; −1 */
    atomic_uint lists, looks;   /* that were answered: of all, and of one container */
    pthread_t threads[64];
    int connections[64];
    size_t count;
    pthread_t thread;
} engine;

/* Who asked may be gone. */
static void send_text(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void send_body(int fd, int status, const char *body)
{
    char answer[2 * ANSWER_MAX];

    snprintf(answer, sizeof(answer), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", status,
             strlen(body), body);
    send_text(fd, answer);
}

static void send_list(int fd)
{
    char body[ANSWER_MAX];

    snprintf(body, sizeof(body),
             "[{\"Id\":\"" WEB "\",\"Names\":[\"/%s\"],\"State\":\"created\",\"Mounts\":[{"
             "\"Type\":\"volume\",\"Name\":\"web\",\"Driver\":\"volumefs\","
             "\"Destination\":\"/data\",\"RW\":true}]}]",
             atomic_load(&engine.name));
    send_body(fd, 200, atomic_load(&engine.replaced) ? "[]" : body);
}

/* Its process ends, and its stream with it; another one answers new connections. */
static void replace(void)
{
    atomic_store(&engine.replaced, true);
    shutdown(atomic_load(&engine.events_fd), SHUT_RDWR);
}

static void answer(int fd, const char *request)
{
    if (strncmp(request, "GET /events?", strlen("GET /events?")) == 0) {
        atomic_store(&engine.events_fd, fd);
        send_text(fd, "HTTP/1.1 200 OK\r\n\r\n");
        return;
    }
    if (strncmp(request, "GET /networks/host ", strlen("GET /networks/host ")) == 0) {
        send_body(fd, atomic_load(&engine.id_status),
                  atomic_load(&engine.replaced) ? "{\"Id\":\"other\"}" : "{\"Id\":\"one\"}");
        return;
    }
    atomic_fetch_add(strstr(request, "filters=") ? &engine.looks : &engine.lists, 1);
    usleep(atomic_load(&engine.list_ms) * 1000);
    send_list(fd);
}

static void *serve_one(void *argument)
{
    const int *fd = argument;
    const bool replaced = atomic_load(&engine.replaced);
    char request[REQUEST_MAX];
    size_t length = 0;

    for (;;) {
        ssize_t n = recv(*fd, request + length, sizeof(request) - 1 - length, 0);

        if (n <= 0)
            return NULL;
        length += (size_t)n;
        request[length] = 0;
        if (!strstr(request, "\r\n\r\n"))
            continue;
        if (strstr(request, "all=1 ") && atomic_exchange(&engine.ends_at_list, false))
            atomic_store(&engine.replaced, true);
        if (replaced != atomic_load(&engine.replaced)) { /* its process is gone */
            shutdown(*fd, SHUT_RDWR);
            return NULL;
        }
        answer(*fd, request);
        length = 0;
    }
}

static void *serve(void *argument)
{
    (void)argument;
    for (;;) {
        int fd = accept4(engine.fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            return NULL;
        assert_true(engine.count < sizeof(engine.threads) / sizeof(engine.threads[0]));
        engine.connections[engine.count] = fd;
        assert_int_equal(pthread_create(&engine.threads[engine.count], NULL, serve_one,
                                        &engine.connections[engine.count]),
                         0);
        engine.count++;
    }
}

static void engine_start(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(engine.directory, sizeof(engine.directory), "/tmp/volumefs-follow.XXXXXX");
    assert_non_null(mkdtemp(engine.directory));
    snprintf(engine.socket, sizeof(engine.socket), "%s/s", engine.directory);
    memcpy(address.sun_path, engine.socket, strlen(engine.socket));
    engine.count = 0;
    atomic_store(&engine.name, "old");
    atomic_store(&engine.replaced, false);
    atomic_store(&engine.ends_at_list, false);
    atomic_store(&engine.list_ms, 0);
    atomic_store(&engine.id_status, 200);
    atomic_store(&engine.lists, 0);
    atomic_store(&engine.looks, 0);
    atomic_store(&engine.events_fd, -1);
    engine.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(engine.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(engine.fd, 16), 0);
    assert_int_equal(pthread_create(&engine.thread, NULL, serve, NULL), 0);
}

static void engine_end(void)
{
    shutdown(engine.fd, SHUT_RDWR);
    pthread_join(engine.thread, NULL);
    for (size_t i = 0; i < engine.count; i++) {
        shutdown(engine.connections[i], SHUT_RDWR);
        pthread_join(engine.threads[i], NULL);
        close(engine.connections[i]);
    }
    close(engine.fd);
    unlink(engine.socket);
    rmdir(engine.directory);
}

/* ---- what follows it -------------------------------------------------------------------- */

/* And has been asked for its events: it is followed without them, if they are late. */
static bool is_followed(void)
{
    return atomic_load(&engine.events_fd) >= 0 && !volumes_engine_is_away(volumes, "docker", "");
}

static bool was_looked_at(void)
{
    return atomic_load(&engine.looks) > 0;
}

static bool has_new_name(void)
{
    struct container container;

    return catalog_container_get(volumes_catalog(volumes), "new", &container, NULL) == 0;
}

static bool eventually(bool (*condition)(void))
{
    for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
        if (condition())
            return true;
        usleep(STEP_MS * 1000);
    }
    return false;
}

static struct follow *follow_it(void)
{
    struct follow_config config = {.driver = "volumefs", .docker_socket = engine.socket};
    struct follow *follow;
    struct error e = {0};

    engine_start();
    assert_int_equal(follow_start(&follow, volumes, &config, &e), 0);
    return follow;
}

static void end(struct follow *follow)
{
    follow_stop(follow);
    engine_end();
}

static bool is_recorded(void)
{
    struct container container;

    return catalog_container_get(volumes_catalog(volumes), WEB, &container, NULL) == 0;
}

/* Whoever answers has the id. */
static bool is_followed_as(const char *id)
{
    return is_followed() && !volumes_engine_is_away(volumes, "docker", id);
}

static bool is_followed_as_one(void)
{
    return is_followed_as("one");
}

static bool is_followed_as_nobody_known(void)
{
    return is_followed() && !is_followed_as("one");
}

static bool is_followed_as_other(void)
{
    return is_followed_as("other");
}

static void test_who_answers_in_its_place_takes_nothing_along(void **state)
{
    struct follow *follow = follow_it();

    (void)state;
    assert_true(eventually(is_followed_as_one));
    assert_true(is_recorded());
    replace();
    (void)!volumes_refresh_engines(volumes, NULL); /* whether it is heard or away */
    assert_true(is_recorded());
    assert_true(eventually(is_followed_as_other));
    assert_true(is_recorded());
    assert_false(is_followed_as("one"));
    end(follow);
}

static void test_a_list_of_who_answers_meanwhile_is_not_believed(void **state)
{
    struct follow *follow = follow_it();

    (void)state;
    assert_true(eventually(is_followed_as_one));
    atomic_store(&engine.ends_at_list, true);
    (void)!volumes_refresh_engines(volumes, NULL);
    assert_true(is_recorded());
    assert_true(eventually(is_followed_as_other));
    assert_true(is_recorded());
    end(follow);
}

static void test_one_that_does_not_say_who_it_is_for_a_while_stays_who_it_was(void **state)
{
    struct follow *follow = follow_it();

    (void)state;
    assert_true(eventually(is_followed_as_one));
    atomic_store(&engine.id_status, 503);
    shutdown(atomic_load(&engine.events_fd), SHUT_RDWR);
    assert_true(eventually(is_followed_as_nobody_known));
    assert_true(is_recorded());
    atomic_store(&engine.id_status, 200);
    replace();
    assert_true(eventually(is_followed_as_other));
    assert_true(is_recorded());
    end(follow);
}

static void *refresh_too(void *result)
{
    *(int *)result = volumes_refresh_engines(volumes, NULL);
    return NULL;
}

/* False if it took so long that who waits may have given up. */
static bool two_get_their_lists(void)
{
    enum { ANSWER_MS = 200, PATIENT_NS = 1800 * 1000 * 1000 };
    int64_t start = time_monotonic();
    int first, second = -1;
    pthread_t other;

    atomic_store(&engine.list_ms, ANSWER_MS);
    assert_int_equal(pthread_create(&other, NULL, refresh_too, &second), 0);
    usleep(ANSWER_MS * 1000 / 2);
    first = volumes_refresh_engines(volumes, NULL);
    pthread_join(other, NULL);
    if ((first || second) && time_monotonic() - start >= PATIENT_NS)
        return false;
    assert_int_equal(first, 0);
    assert_int_equal(second, 0);
    return true;
}

static void test_who_wants_a_list_while_another_is_made_gets_his(void **state)
{
    struct follow *follow = follow_it();
    unsigned tries = 0;

    (void)state;
    assert_true(eventually(is_followed_as_one));
    while (!two_get_their_lists())
        assert_true(++tries < 20);
    end(follow);
}

static void test_one_that_may_not_say_who_it_is_is_followed_and_is_nobody_known(void **state)
{
    struct follow *follow = follow_it();

    (void)state;
    assert_true(eventually(is_followed_as_one));
    atomic_store(&engine.id_status, 403);
    replace();
    assert_true(eventually(is_followed_as_nobody_known));
    assert_true(is_recorded());
    end(follow);
}

/* False if it took so long that what is due within the second may have come. */
static bool event_and_list(void)
{
    enum { SOON_NS = 800 * 1000 * 1000 };
    int64_t start = time_monotonic();

    atomic_store(&engine.name, "old");
    atomic_store(&engine.looks, 0);
    send_text(atomic_load(&engine.events_fd),
              "{\"Type\":\"container\",\"Action\":\"rename\",\"Actor\":{\"ID\":\"" WEB "\"}}\n");
    assert_true(eventually(was_looked_at));
    return volumes_refresh_engines(volumes, NULL) == 0 && time_monotonic() - start < SOON_NS;
}

static void test_a_list_that_somebody_wants_is_not_the_last_after_an_event(void **state)
{
    struct follow *follow = follow_it();
    unsigned tries = 0;

    (void)state;
    assert_true(eventually(is_followed));
    while (!event_and_list())
        assert_true(++tries < 20);
    atomic_store(&engine.name, "new");
    assert_true(eventually(has_new_name));
    end(follow);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, volumes_setup, volumes_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_list_that_somebody_wants_is_not_the_last_after_an_event),
        TEST(test_who_answers_in_its_place_takes_nothing_along),
        TEST(test_a_list_of_who_answers_meanwhile_is_not_believed),
        TEST(test_one_that_does_not_say_who_it_is_for_a_while_stays_who_it_was),
        TEST(test_who_wants_a_list_while_another_is_made_gets_his),
        TEST(test_one_that_may_not_say_who_it_is_is_followed_and_is_nobody_known),
    };

    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
