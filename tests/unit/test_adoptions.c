/*
 * Adoptions through the control API, on a real socket over faked use cases: how they are read and
 * answered, and that they are for root.
 */
#include "fs/api/api.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/fake_volumes.h"
#include "tests/unit/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/volumefs-api-XXXXXX";
static char socket_path[64];
static struct api *api;

/* ---- asking ---------------------------------------------------------------- */

static char answer_text[64 << 10];

/* One request on a connection of its own: its status. */
static int ask(const char *method, const char *path, const char *body)
{
    char request[4096];
    int fd = client_connect(socket_path);
    int length = snprintf(request, sizeof(request),
                          "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          method, path, body ? strlen(body) : 0, body ? body : "");

    assert_true(fd >= 0);
    client_send(fd, request, (size_t)length);
    return client_receive(fd, answer_text, sizeof(answer_text));
}

struct ask {
    const char *method, *path, *body;
    int status;
    const char *call; /* how the use case was called */
    const char *says;
};

static void check_ask(const struct ask *a)
{
    int status;

    fake_volumes.call[0] = 0;
    status = ask(a->method, a->path, a->body);
    if (status != a->status || !strstr(answer_text, a->says))
        fail_msg("%s %s: %s", a->method, a->path, answer_text);
    if (strcmp(a->call, fake_volumes.call) != 0)
        fail_msg("%s %s: called '%s'", a->method, a->path, fake_volumes.call);
}

/* ---- every call ------------------------------------------------------------- */

#define SITE "\"Name\":\"web\",\"Engine\":\"docker\",\"Source\":\"/d/volumes/web/_data\""

static const struct ask adoption_asks[] = {
    {"GET", "/volumefs/adoptions", NULL, 200, "adoptions",
     "{\"Adoptions\":[{\"Name\":\"web\",\"Engine\":\"docker\",\"EngineName\":\"site\","
     "\"Source\":\"/d/volumes/site/_data\",\"Moved\":true,\"Copied\":true,"
     "\"AdoptedAt\":\"1970-01-01T00:00:02.000000000Z\","
     "\"CreatedAt\":\"1970-01-01T00:00:01.000000000Z\",\"Kind\":\"named\","
     "\"Labels\":{\"team\":\"a\\\"b\"}}]}"},
    {"GET", "/volumefs/adoptions/web", NULL, 200, "adoption web", "\"EngineName\":\"site\""},
    {"GET", "/volumefs/adoptions/busy", NULL, 200, "",
     "{\"Volume\":\"busy\",\"Bytes\":1,\"TotalBytes\":3,\"Entries\":2}"},
    {"POST", "/volumefs/adoptions",
     "{" SITE ",\"Labels\":{\"a\":\"b\"},\"CreatedAt\":\"1970-01-01T01:00:01+01:00\","
     "\"Anonymous\":true,\"Move\":true}",
     201, "adopt web docker /d/volumes/web/_data 1000000000 anonymous move l:a=b", "\"Size\":7}"},
    {"POST", "/volumefs/adoptions", "{" SITE ",\"DryRun\":true,\"Labels\":null}", 200,
     "plan web docker /d/volumes/web/_data 0",
     "{\"Name\":\"web\",\"Copied\":true,\"Size\":7,\"Entries\":2}"},
    {"POST", "/volumefs/adoptions", "{\"Name\":\"web\",\"Engine\":\"docker\"}", 400, "",
     "give 'Name', 'Engine' and 'Source'"},
    {"POST", "/volumefs/adoptions", "{" SITE ",\"CreatedAt\":\"yesterday\"}", 400, "",
     "'CreatedAt' must be a time"},
    {"POST", "/volumefs/adoptions", "{" SITE ",\"CreatedAt\":\"1912-01-01T00:00:00Z\"}", 400, "",
     "'CreatedAt' must be a time"},
    {"POST", "/volumefs/adoptions", "{" SITE ",\"Path\":\"/\"}", 400, "", "unknown key 'Path'"},
    {"DELETE", "/volumefs/adoptions/web", NULL, 204, "give back web", ""},
    {"POST", "/volumefs/adoptions/web/leave", NULL, 204, "leave web", ""},
    {"DELETE", "/volumefs/adoptions/web/leave", NULL, 204, "stay web", ""},
    {"GET", "/volumefs/adoptions/web/leave", NULL, 405, "", "Allow: POST, DELETE"},
    {"PATCH", "/volumefs/adoptions/web", "{}", 405, "", "Allow: GET, HEAD, DELETE"},
};

static void test_adoptions_are_for_root(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(adoption_asks) / sizeof(adoption_asks[0]); i++) {
        struct ask a = adoption_asks[i];

        if (geteuid() != 0 && a.status != 405) {
            a.status = 403;
            a.call = "";
            a.says = "only root";
        }
        check_ask(&a);
    }
}

static void test_what_cannot_leave_is_refused(void **state)
{
    (void)state;
    fake_volumes.result = ERROR_IN_USE;
    fake_volumes.text = "volume web: app has it";
    assert_int_equal(ask("POST", "/volumefs/adoptions/web/leave", NULL),
                     geteuid() == 0 ? 409 : 403);
}

static void test_adopted_before_is_200(void **state)
{
    (void)state;
    fake_volumes.existed = true;
    assert_int_equal(ask("POST", "/volumefs/adoptions", "{" SITE ",\"Move\":true}"),
                     geteuid() == 0 ? 200 : 403);
}

static void api_status(void *context, struct daemon_status *out)
{
    (void)context;
    *out = (struct daemon_status){0};
}

static int setup(void **state)
{
    (void)state;
    fake_volumes_reset();
    return 0;
}

static int group_setup(void **state)
{
    struct api_config config = {.socket_path = socket_path, .status = api_status};

    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(socket_path, sizeof(socket_path), "%s/api.sock", directory);
    return api_start(&api, &config, NULL);
}

static int group_teardown(void **state)
{
    (void)state;
    api = api_stop(api);
    return rmdir(directory); /* also tells of a socket left behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_adoptions_are_for_root, setup),
        cmocka_unit_test_setup(test_what_cannot_leave_is_refused, setup),
        cmocka_unit_test_setup(test_adopted_before_is_200, setup),
    };

    return cmocka_run_group_tests_name("adoptions", tests, group_setup, group_teardown);
}
