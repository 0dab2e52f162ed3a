/*
 * The volume plugin protocol through a real socket, over faked use cases: every call, as Docker and
 * as Podman send it, and what they may never be told.
 */
#include "fs/api/api.h"
#include "fs/api/socket.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/fake_catalog.h"
#include "tests/unit/fake_volumes.h"
#include "tests/unit/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DOCKER "Accept: application/vnd.docker.plugins.v1.2+json\r\n"
#define PODMAN "Content-Type: application/vnd.docker.plugins.v1.1+json\r\n"
#define VOLUME(NAME)                                                                               \
    "{\"Name\":\"" NAME "\",\"Mountpoint\":\"/mnt/volumes/" NAME                                   \
    "\",\"CreatedAt\":\"1970-01-01T00:00:01.000000000Z\""

static char directory[] = "/tmp/volumefs-plugin-XXXXXX";
static char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static struct api *plugin;
static char answer_text[64 << 10];

static int ask(const char *path, const char *headers, const char *body)
{
    char request[4096];
    int fd = client_connect(socket_path);
    int length = snprintf(request, sizeof(request),
                          "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s"
                          "Content-Length: %zu\r\n\r\n%s",
                          path, headers, strlen(body), body);

    assert_true(fd >= 0);
    client_send(fd, request, (size_t)length);
    return client_receive(fd, answer_text, sizeof(answer_text));
}

static const char *answer_body(void)
{
    const char *body = strstr(answer_text, "\r\n\r\n");

    return body ? body + 4 : "";
}

static const struct {
    const char *path, *body;
    int status;
    const char *call;   /* "": none */
    const char *answer; /* whole; NULL: see `says` */
    const char *says;
} asks[] = {
    {"/Plugin.Activate", "", 200, "", "{\"Implements\":[\"VolumeDriver\"]}", NULL},
    {"/VolumeDriver.Capabilities", "{}", 200, "", "{\"Capabilities\":{\"Scope\":\"local\"}}", NULL},
    {"/VolumeDriver.Create", "{\"Name\":\"web\"}", 200, "create or take web - rw", "{\"Err\":\"\"}",
     NULL},
    {"/VolumeDriver.Create", "{\"Name\":\"web\",\"Opts\":null}", 200, "create or take web - rw",
     "{\"Err\":\"\"}", NULL},
    {"/VolumeDriver.Create", "{\"Name\":\"web\",\"Opts\":{\"uid\":\"9\"},\"New\":[1]}", 200,
     "create or take web - rw o:uid=9", "{\"Err\":\"\"}", NULL},
    {"/VolumeDriver.Create", "{\"name\":\"web\",\"opts\":{}}", 200, "create or take web - rw",
     "{\"Err\":\"\"}", NULL},
    {"/VolumeDriver.Create", "{\"Name\":\"../x\"}", 500, "", NULL, "../x"},
    {"/VolumeDriver.Create", "{\"Name\":\"\"}", 500, "", NULL, "{\"Err\":\""},
    {"/VolumeDriver.Create", "{}", 500, "", NULL, "{\"Err\":\""},
    {"/VolumeDriver.Create", "", 500, "", NULL, "{\"Err\":\""},
    {"/VolumeDriver.Create", "{\"Name\":7}", 500, "", NULL, "'Name' must be a string"},
    {"/VolumeDriver.Create", "{\"Name\":\"web\",\"Opts\":[]}", 500, "", NULL,
     "'Opts' must be an object"},
    {"/VolumeDriver.Create", "{\"Name\":\"web\",\"Opts\":{\"a\":1}}", 500, "", NULL,
     "'a' of 'Opts' must be a string"},
    {"/VolumeDriver.Create", "{\"Name\":", 500, "", NULL, "invalid JSON"},
    {"/VolumeDriver.Create", "[]", 500, "", NULL, "it must be an object"},
    {"/VolumeDriver.Remove", "{\"Name\":\"web\"}", 200, "remove web 2 0", "{\"Err\":\"\"}", NULL},
    {"/VolumeDriver.Mount", "{\"Name\":\"web\",\"ID\":\"i1\"}", 200, "mount web i1 by us",
     "{\"Mountpoint\":\"/mnt/volumes/web\",\"Err\":\"\"}", NULL},
    {"/VolumeDriver.Unmount", "{\"Name\":\"web\",\"ID\":\"i1\"}", 200, "unmount web i1",
     "{\"Err\":\"\"}", NULL},
    {"/VolumeDriver.Path", "{\"Name\":\"web\"}", 200, "get web",
     "{\"Mountpoint\":\"/mnt/volumes/web\",\"Err\":\"\"}", NULL},
    {"/VolumeDriver.Get", "{\"Name\":\"web\"}", 200, "get web",
     "{\"Volume\":" VOLUME(
         "web") ",\"Status\":{\"id\":\"0123456789abcdef0123456789abcdef\","
                "\"refcount\":1,\"refs\":[\"app:/data:ro\"],\"readonly\":false,\"label\":\"none\","
                "\"size\":8192}},\"Err\":\"\"}",
     NULL},
    {"/VolumeDriver.List", "{}", 200, "each uncounted",
     "{\"Volumes\":[" VOLUME("db") "}," VOLUME("web") "}],\"Err\":\"\"}", NULL},
    {"/VolumeDriver.List", "", 200, "each uncounted",
     "{\"Volumes\":[" VOLUME("db") "}," VOLUME("web") "}],\"Err\":\"\"}", NULL},
    {"/VolumeDriver.Other", "{}", 404, "", "{\"Err\":\"page not found\"}", NULL},
    {"/", "", 404, "", "{\"Err\":\"page not found\"}", NULL},
};

static void check_ask(size_t i, const char *headers)
{
    int status;

    fake_volumes.call[0] = 0;
    status = ask(asks[i].path, headers, asks[i].body);
    if (status != asks[i].status || (asks[i].says && !strstr(answer_text, asks[i].says)) ||
        (asks[i].answer && strcmp(asks[i].answer, answer_body()) != 0))
        fail_msg("%s %s: %d %s", asks[i].path, asks[i].body, status, answer_text);
    if (strcmp(asks[i].call, fake_volumes.call) != 0)
        fail_msg("%s %s: called '%s'", asks[i].path, asks[i].body, fake_volumes.call);
}

static void test_every_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        check_ask(i, DOCKER); /* without a Content-Type */
        check_ask(i, PODMAN);
    }
}

static void test_errors_are_500_with_a_text(void **state)
{
    (void)state;
    for (int code = 1; code < ERROR_CODE_COUNT; code++) {
        if (code == ERROR_UNAVAILABLE)
            continue;
        fake_volumes.result = code;
        fake_volumes.text = "volume web: no";
        assert_int_equal(ask("/VolumeDriver.Mount", DOCKER, "{\"Name\":\"web\",\"ID\":\"i\"}"),
                         500);
        assert_string_equal(answer_body(), "{\"Err\":\"volume web: no\"}");
    }
}

/* dockerd takes any error for "there is none", and forgets the volume's labels and references. */
static void test_get_says_absent_or_nothing(void **state)
{
    static const int failures[] = {-EIO,           -ENOMEM,           ERROR_CORRUPT,
                                   ERROR_NO_SPACE, ERROR_UNAVAILABLE, ERROR_LIMIT};

    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        fake_volumes.result = failures[i];
        assert_int_equal(ask("/VolumeDriver.Get", DOCKER, "{\"Name\":\"web\"}"), 0); /* cut */
        assert_int_equal(ask("/VolumeDriver.Path", DOCKER, "{\"Name\":\"web\"}"), 0);
    }
    fake_volumes.result = ERROR_NOT_FOUND;
    fake_volumes.text = "get web: no such volume";
    assert_int_equal(ask("/VolumeDriver.Get", DOCKER, "{\"Name\":\"web\"}"), 500);
    assert_string_equal(answer_body(), "{\"Err\":\"get web: no such volume\"}");
}

/* "web" is about to go back to its engine, "db" is not. */
static const struct {
    const char *path, *name;
    int status;
    const char *call, *answer;
} leaving_asks[] = {
    {"/VolumeDriver.Get", "web", 500, "", "{\"Err\":\"get web: no such volume\"}"},
    {"/VolumeDriver.Path", "web", 500, "", "{\"Err\":\"get web: no such volume\"}"},
    {"/VolumeDriver.Mount", "web", 500, "", "{\"Err\":\"get web: no such volume\"}"},
    {"/VolumeDriver.Create", "web", 500, "", NULL},
    {"/VolumeDriver.Remove", "web", 500, "", NULL},
    {"/VolumeDriver.Unmount", "web", 200, "unmount web i", "{\"Err\":\"\"}"},
    {"/VolumeDriver.List", "web", 200, "each uncounted",
     "{\"Volumes\":[" VOLUME("db") "}],\"Err\":\"\"}"},
    {"/VolumeDriver.Path", "db", 200, "get db",
     "{\"Mountpoint\":\"/mnt/volumes/db\",\"Err\":\"\"}"},
    {"/VolumeDriver.Mount", "db", 200, "mount db i by us", NULL},
    {"/VolumeDriver.Create", "db", 200, "create or take db - rw", NULL},
    {"/VolumeDriver.Remove", "db", 200, "remove db 2 0", NULL},
};

static void test_what_leaves_is_not_there(void **state)
{
    (void)state;
    fake_volumes.leaving = true;
    for (size_t i = 0; i < sizeof(leaving_asks) / sizeof(leaving_asks[0]); i++) {
        const char *answer = leaving_asks[i].answer;
        char body[64];

        snprintf(body, sizeof(body), "{\"Name\":\"%s\",\"ID\":\"i\"}", leaving_asks[i].name);
        fake_volumes.call[0] = 0;
        assert_int_equal(ask(leaving_asks[i].path, DOCKER, body), leaving_asks[i].status);
        assert_string_equal(fake_volumes.call, leaving_asks[i].call);
        if (answer)
            assert_string_equal(answer_body(), answer);
        else if (leaving_asks[i].status != 200)
            assert_non_null(strstr(answer_body(), "\\\"web\\\" is being given back"));
    }
}

static void test_size_is_left_out_where_not_known(void **state)
{
    (void)state;
    fake_volumes.uncountable = true;
    assert_int_equal(ask("/VolumeDriver.Get", PODMAN, "{\"Name\":\"web\"}"), 200);
    assert_null(strstr(answer_text, "size"));
    assert_non_null(strstr(answer_text, "\"refcount\":1"));
}

static void test_only_post(void **state)
{
    static const char get[] = "GET /VolumeDriver.List HTTP/1.1\r\nHost: x\r\nConnection: "
                              "close\r\n\r\n";
    int fd = client_connect(socket_path);

    (void)state;
    client_send(fd, get, sizeof(get) - 1);
    assert_int_equal(client_receive(fd, answer_text, sizeof(answer_text)), 405);
}

/* ---- sockets ------------------------------------------------------------------ */

static struct api_config config_of(const char *path)
{
    return (struct api_config){.protocol = API_PLUGIN, .socket_path = path};
}

/* A service manager's: served, and left where it is. */
static void test_inherited_socket(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct api_config config = config_of("/nowhere");
    struct api *other;
    struct error e = {0};
    char path[sizeof(socket_path)];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/inherited", directory);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    config.inherited_fd = dup(fd);
    assert_int_equal(api_start(&other, &config, &e), ERROR_OPTION_INVALID); /* does not listen */
    assert_non_null(strstr(e.text, "/nowhere"));
    assert_int_equal(listen(fd, 5), 0);
    config.inherited_fd = fd;
    assert_int_equal(api_start(&other, &config, &e), 0);
    memcpy(path, socket_path, sizeof(path));
    snprintf(socket_path, sizeof(socket_path), "%s", address.sun_path);
    assert_int_equal(ask("/Plugin.Activate", DOCKER, ""), 200);
    memcpy(socket_path, path, sizeof(path));
    api_stop(other);
    assert_int_equal(access(address.sun_path, F_OK), 0);
    unlink(address.sun_path);
}

static int setup(void **state)
{
    (void)state;
    fake_volumes_reset();
    fake_catalog_reset();
    return 0;
}

static int group_setup(void **state)
{
    struct api_config config = config_of(socket_path);

    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(socket_path, sizeof(socket_path), "%s/plugin.sock", directory);
    return api_start(&plugin, &config, NULL);
}

static int group_teardown(void **state)
{
    (void)state;
    plugin = api_stop(plugin);
    return rmdir(directory); /* also tells of a socket left behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_call, setup),
        cmocka_unit_test_setup(test_errors_are_500_with_a_text, setup),
        cmocka_unit_test_setup(test_get_says_absent_or_nothing, setup),
        cmocka_unit_test_setup(test_what_leaves_is_not_there, setup),
        cmocka_unit_test_setup(test_size_is_left_out_where_not_known, setup),
        cmocka_unit_test_setup(test_only_post, setup),
        cmocka_unit_test_setup(test_inherited_socket, setup),
    };

    return cmocka_run_group_tests_name("plugin", tests, group_setup, group_teardown);
}
