/*
 * An engine that is followed: one that tells of a change before its list has it, as Docker does of
 * a new name.
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

/* It has one container, which has the volume "web". */
static struct {
    char directory[32], socket[64];
    int fd;
    _Atomic(const char *) name; /* of the container */
    atomic_int events_fd;       /* the stream, once somebody has asked for it; −1 */
    atomic_uint lists, looks;   /* that were answered: of all, and of one container */
    pthread_t threads[64];
    int connections[64];
    size_t count;
    pthread_t thread;
} engine;

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void send_body(int fd, const char *body)
{
    char answer[2 * ANSWER_MAX];

    snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
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
    send_body(fd, body);
}

static void answer(int fd, const char *request)
{
    if (strncmp(request, "GET /events?", strlen("GET /events?")) == 0) {
        send_text(fd, "HTTP/1.1 200 OK\r\n\r\n");
        atomic_store(&engine.events_fd, fd);
        return;
    }
    if (strncmp(request, "GET /info", strlen("GET /info")) == 0) {
        send_body(fd, "{\"ID\":\"7TJZ\"}");
        return;
    }
    send_list(fd);
    atomic_fetch_add(strstr(request, "filters=") ? &engine.looks : &engine.lists, 1);
}

static void *serve_one(void *argument)
{
    const int *fd = argument;
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
    atomic_store(&engine.name, "old");
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

static bool is_followed(void)
{
    return !volumes_engine_is_away(volumes, "docker", "");
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

static void test_a_list_that_somebody_wants_is_not_the_last_after_an_event(void **state)
{
    struct follow_config config = {.driver = "volumefs", .docker_socket = engine.socket};
    struct follow *follow;
    struct error e = {0};

    (void)state;
    engine_start();
    assert_int_equal(follow_start(&follow, volumes, &config, &e), 0);
    assert_true(eventually(is_followed));
    send_text(atomic_load(&engine.events_fd),
              "{\"Type\":\"container\",\"Action\":\"rename\",\"Actor\":{\"ID\":\"" WEB "\"}}\n");
    assert_true(eventually(was_looked_at));
    assert_int_equal(volumes_refresh_engines(volumes, &e), 0);
    assert_int_equal(atomic_load(&engine.lists), 2);
    atomic_store(&engine.name, "new");
    assert_true(eventually(has_new_name));
    assert_int_equal(atomic_load(&engine.lists), 3);
    follow_stop(follow);
    engine_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_list_that_somebody_wants_is_not_the_last_after_an_event, volumes_setup,
            volumes_teardown),
    };

    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
