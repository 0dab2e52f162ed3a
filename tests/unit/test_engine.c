/*
 * The Docker Engine's volume API through a real socket, over faked use cases: routes with and
 * without a version, and the texts and statuses its clients know.
 */
#include "fs/api/api.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/fake_catalog.h"
#include "tests/unit/fake_volumes.h"
#include "tests/unit/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WEB                                                                                        \
    "{\"CreatedAt\":\"1970-01-01T00:00:01.000000000Z\",\"Driver\":\"local\",\"Labels\":{\"team\":" \
    "\"a\\\"b\"},\"Mountpoint\":\"/mnt/volumes/web\",\"Name\":\"web\",\"Options\":null,"           \
    "\"Scope\":\"local\""

static char directory[] = "/tmp/volumefs-engine-XXXXXX";
static char socket_path[64];
static struct api *api;
static char answer_text[64 << 10];

static int ask_with(const char *method, const char *path, const char *headers, const char *body)
{
    char request[4096];
    int fd = client_connect(socket_path);
    int length = snprintf(request, sizeof(request),
                          "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s"
                          "Content-Length: %zu\r\n\r\n%s",
                          method, path, headers, body ? strlen(body) : 0, body ? body : "");

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
    const char *method, *path, *body;
    int status;
    const char *call; /* NULL: not looked at; "": none */
    const char *says;
} asks[] = {
    {"GET", "/_ping", NULL, 200, "", "Api-Version: 1.44\r\n"},
    {"GET", "/v1.41/_ping", NULL, 200, "", "OK"},
    {"HEAD", "/_ping", NULL, 200, "", "Ostype: linux\r\n"},
    {"HEAD", "/_ping", NULL, 200, "", "Swarm: inactive\r\n"},
    {"GET", "/version", NULL, 200, "", "\"Version\":\"9.9\",\"ApiVersion\":\"1.44\""},
    {"GET", "/v1.24/version", NULL, 200, "", "\"MinAPIVersion\":\"1.24\""},
    {"GET", "/info", NULL, 200, "", "\"OSType\":\"linux\""},
    {"GET", "/v1.45/volumes", NULL, 400, "",
     "client version 1.45 is too new. Maximum supported API version is 1.44"},
    {"GET", "/v2.0/volumes", NULL, 400, "", "client version 2.0 is too new"},
    {"GET", "/v1.23/volumes", NULL, 400, "",
     "client version 1.23 is too old. Minimum supported API version is 1.24"},
    {"GET", "/v0.9/volumes", NULL, 400, "", "too old"},
    {"GET", "/v1.41", NULL, 404, "", "page not found"},
    {"GET", "/v1./volumes", NULL, 404, "", "page not found"},
    {"GET", "/v1.41x/volumes", NULL, 404, "", "page not found"},
    {"GET", "/v99999.1/volumes", NULL, 404, "", "page not found"},
    {"GET", "/v1.41/v1.41/volumes", NULL, 404, "", "page not found"},
    {"GET", "/containers/json", NULL, 404, "", "{\"message\":\"page not found\""},
    {"PUT", "/v1.41/volumes", NULL, 405, "", "Allow: GET, HEAD"},

    {"GET", "/volumes", NULL, 200, "each uncounted", WEB "}],\"Warnings\":null}"},
    {"GET", "/v1.44/volumes?filters=", NULL, 200, "each uncounted", "\"Name\":\"db\""},
    {"GET", "/volumes?filters=%7B%22name%22%3A%7B%22web%22%3Atrue%7D%7D", NULL, 200,
     "each uncounted filtered", "{\"Volumes\":[" WEB "}]"},
    {"GET", "/volumes?filters=%7B%22x%22%3A%5B%22y%22%5D%7D", NULL, 400, "", "invalid filter 'x'"},
    {"GET", "/volumes?filters=%7B%22dangling%22%3A%5B%22x%22%5D%7D", NULL, 400, "",
     "invalid filter 'dangling=[x]'"},
    {"GET", "/volumes?new=1&new=2", NULL, 200, "each uncounted", ""},

    {"POST", "/volumes/create", "{\"Name\":\"web\",\"Driver\":\"local\"}", 201,
     "create or take web - rw", WEB "}"},
    {"POST", "/v1.44/volumes/create",
     "{\"Name\":\"web\",\"Driver\":\"volumefs\",\"DriverOpts\":{\"uid\":\"9\"},\"Labels\":{\"a\":"
     "\"b\"},\"New\":{}}",
     201, "create or take web - rw o:uid=9 l:a=b", WEB},
    {"POST", "/volumes/create", "{\"name\":\"web\",\"labels\":null,\"ClusterVolumeSpec\":null}",
     201, "create or take web - rw", WEB},
    {"POST", "/volumes/create", "{}", 201, "create or take - - rw", "\"Name\":\"made\""},
    {"POST", "/volumes/create", "{\"Name\":\"web\",\"Driver\":\"nfs\"}", 409, "get web",
     "create web: driver 'local' already has volume 'web': volume name must be unique"},
    {"POST", "/volumes/create", "{\"Driver\":\"nfs\"}", 404, "", "plugin \\\"nfs\\\" not found"},
    {"POST", "/volumes/create", "{\"Name\":\"web\",\"ClusterVolumeSpec\":{\"Group\":\"g\"}}", 400,
     "", "no cluster volumes"},
    {"POST", "/volumes/create", "", 400, "", "invalid JSON: got EOF"},
    {"POST", "/volumes/create", "{", 400, "", "invalid JSON: "},
    {"POST", "/volumes/create", "{}{}", 400, "", "unexpected content after JSON"},

    {"GET", "/volumes/web", NULL, 200, "get web",
     WEB ",\"Status\":{\"id\":\"0123456789abcdef0123456789abcdef\",\"refcount\":1"},
    {"GET", "/v1.44/volumes/web", NULL, 200, "get web", "\"refs\":[\"app:/data:ro\"]"},
    {"DELETE", "/volumes/web", NULL, 204, "remove web 0 0", ""},
    {"DELETE", "/v1.44/volumes/web?force=1", NULL, 204, "remove web 2 0", ""},
    {"DELETE", "/volumes/web?force=yes", NULL, 204, "remove web 2 0", ""},
    {"DELETE", "/volumes/web?force=False", NULL, 204, "remove web 0 0", ""},

    {"POST", "/volumes/prune", NULL, 200, "prune 0 0",
     "{\"VolumesDeleted\":[\"old\",\"older\"],\"SpaceReclaimed\":12}"},
    {"POST", "/v1.42/volumes/prune", NULL, 200, "prune 0 0", ""},
    {"POST", "/v1.41/volumes/prune", NULL, 200, "prune 1 0", ""}, /* Docker did so then */
    {"POST", "/v1.44/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D", NULL, 200,
     "prune 1 0", ""},
    {"POST", "/volumes/prune?filters=%7B%22all%22%3A%7B%221%22%3Atrue%7D%7D", NULL, 200,
     "prune 1 0", ""},
    {"POST", "/v1.41/volumes/prune?filters=%7B%22all%22%3A%5B%220%22%5D%7D", NULL, 200, "prune 0 0",
     ""},
    {"POST", "/volumes/prune?filters=%7B%22all%22%3A%5B%22x%22%5D%7D", NULL, 400, "",
     "invalid filter 'all=[x]'"},
    {"POST", "/volumes/prune?filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D", NULL, 200, "prune 0 0",
     "{\"VolumesDeleted\":[\"older\"],\"SpaceReclaimed\":7}"},
    {"POST", "/volumes/prune?filters=%7B%22dangling%22%3A%5B%22true%22%5D%7D", NULL, 400, "",
     "invalid filter 'dangling'"},
    {"GET", "/v1.44/system/df?type=volume&type=image", NULL, 200, NULL,
     WEB ",\"UsageData\":{\"Size\":8192,\"RefCount\":3}}]"},
    {"GET", "/system/df", NULL, 200, NULL, "{\"LayersSize\":0,\"Images\":[]"},
};

static void test_every_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        int status;

        fake_volumes.call[0] = 0;
        status = ask_with(asks[i].method, asks[i].path, "Content-Type: application/json\r\n",
                          asks[i].body);
        if (status != asks[i].status || !strstr(answer_text, asks[i].says))
            fail_msg("%s %s: %s", asks[i].method, asks[i].path, answer_text);
        if (asks[i].call && strcmp(asks[i].call, fake_volumes.call) != 0)
            fail_msg("%s %s: called '%s'", asks[i].method, asks[i].path, fake_volumes.call);
    }
}

static void test_content_type(void **state)
{
    (void)state;
    assert_int_equal(ask_with("POST", "/volumes/create", "Content-Type: text/plain\r\n", "{}"),
                     400);
    assert_non_null(strstr(answer_text, "{\"message\":\"unsupported Content-Type header "
                                        "(text/plain): must be 'application/json'\""));
    assert_non_null(strstr(answer_text, "Content-Type: application/json\r\n"));
    assert_int_equal(ask_with("POST", "/volumes/create", "", "{}"), 400);
    assert_non_null(strstr(answer_text, "header (): must be"));
    assert_int_equal(ask_with("POST", "/volumes/prune", "Content-Type: text/plain\r\n", NULL), 200);
}

static void test_errors(void **state)
{
    (void)state;
    fake_volumes.result = ERROR_IN_USE;
    fake_volumes.text = "volume \"web\" is in use by app";
    assert_int_equal(ask_with("DELETE", "/volumes/web?force=1", "", NULL), 409);
    assert_non_null(strstr(answer_body(), "\"remove web: volume is in use - [c1]\""));
    fake_volumes.text = "a prune operation is already running";
    assert_int_equal(ask_with("POST", "/volumes/prune", "", NULL), 409);
    assert_non_null(strstr(answer_body(), "\"a prune operation is already running\""));
    fake_volumes.result = ERROR_NOT_FOUND;
    fake_volumes.text = "get web: no such volume";
    assert_int_equal(ask_with("GET", "/volumes/web", "", NULL), 404);
    assert_non_null(strstr(answer_body(), "\"get web: no such volume\""));
    fake_volumes.result = ERROR_OPTION_INVALID;
    fake_volumes.text = "invalid option: \"x\"";
    assert_int_equal(ask_with("POST", "/volumes/create", "Content-Type: application/json\r\n",
                              "{\"Name\":\"web\"}"),
                     400);
    assert_non_null(strstr(answer_body(), "\"create web: invalid option: \\\"x\\\"\""));
}

static void fill_status(void *context, struct daemon_status *out)
{
    (void)context;
    *out = (struct daemon_status){.version = "9.9"};
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
    struct api_config config = {.socket_path = socket_path, .status = fill_status};

    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(socket_path, sizeof(socket_path), "%s/engine.sock", directory);
    return api_start(&api, &config, NULL);
}

static int group_teardown(void **state)
{
    (void)state;
    api = api_stop(api);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_call, setup),
        cmocka_unit_test_setup(test_content_type, setup),
        cmocka_unit_test_setup(test_errors, setup),
    };

    return cmocka_run_group_tests_name("engine", tests, group_setup, group_teardown);
}
