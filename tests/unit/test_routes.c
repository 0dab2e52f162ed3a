/*
 * The control API through a real socket, over faked use cases: routes, errors,
 * bounds, and clients that misbehave.
 */
#include "fs/api/api.h"
#include "fs/api/http.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/fake_catalog.h"
#include "tests/unit/fake_volumes.h"
#include "tests/unit/http_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char directory[] = "/tmp/volumefs-api-XXXXXX";
static char socket_path[64];
static struct api *api;

/* ---- asking ---------------------------------------------------------------- */

static char answer_text[256 << 10];

/* One request on a connection of its own. `headers` end in \r\n each. */
static int ask_with(const char *method, const char *path, const char *headers, const char *body)
{
    char head[8192];
    int fd = client_connect(socket_path);
    int length =
        snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s", method,
                 path, headers);

    assert_true(fd >= 0);
    if (body)
        length += snprintf(head + length, sizeof(head) - (size_t)length, "Content-Length: %zu\r\n",
                           strlen(body));
    length += snprintf(head + length, sizeof(head) - (size_t)length, "\r\n");
    client_send(fd, head, (size_t)length);
    if (body)
        client_send(fd, body, strlen(body));
    return client_receive(fd, answer_text, sizeof(answer_text));
}

static int ask(const char *method, const char *path, const char *body)
{
    return ask_with(method, path, body ? "Content-Type: application/json\r\n" : "", body);
}

static const char *answer_body(void)
{
    const char *body = strstr(answer_text, "\r\n\r\n");

    return body ? body + 4 : "";
}

static void check_says(const char *text)
{
    if (!strstr(answer_text, text))
        fail_msg("no '%s' in: %s", text, answer_text);
}

/* ---- every route ---------------------------------------------------------- */

static const struct {
    const char *method, *path, *body;
    int status;
    const char *call; /* how the use case was called; NULL: not looked at */
    const char *says;
} asks[] = {
    {"GET", "/_ping", NULL, 200, NULL, "OK"},
    {"GET", "/volumefs/status", NULL, 200, NULL, "\"Version\":\"9.9\""},
    {"GET", "/volumefs/volumes", NULL, 200, "each all", "{\"Volumes\":[{\"Name\":\"db\""},
    {"GET", "/volumefs/volumes", NULL, 200, "each all", "\"Warnings\":null"},
    {"GET", "/volumefs/volumes?filters=%7B%22name%22%3A%5B%22web%22%5D%7D", NULL, 200,
     "each filtered", "{\"Volumes\":[{\"Name\":\"web\""},
    {"GET", "/volumefs/volumes?filters=", NULL, 200, "each all", "{\"Volumes\":[{\"Name\":\"db\""},
    {"GET", "/volumefs/volumes?filters", NULL, 200, "each all", "{\"Volumes\":[{\"Name\":\"db\""},
    {"GET", "/volumefs/volumes?filters=%7B%22name%22:+%5B%22web%22%5D%7D", NULL, 200,
     "each filtered", "{\"Volumes\":[{\"Name\":\"web\""},
    {"GET", "/volumefs/volumes?filters=+", NULL, 400, "", "invalid JSON"},
    {"GET", "/volumefs/volumes?filters=%7B%22x%22%3A%5B%22web%22%5D%7D", NULL, 400, "",
     "invalid filter 'x'"},
    {"GET", "/volumefs/volumes?filters=%zz", NULL, 400, "", "percent-encoded"},
    {"GET", "/volumefs/volumes?filters=%00", NULL, 400, "", "percent-encoded"},
    {"GET", "/volumefs/volumes?filter=x", NULL, 400, "", "unknown parameter 'filter'"},
    {"GET", "/volumefs/volumes?filters=%7B%7D&filters=%7B%7D", NULL, 400, "", "given twice"},
    {"POST", "/volumefs/volumes", "{\"Name\":\"web\",\"Labels\":{\"a\":\"b\"},\"ReadOnly\":true}",
     201, "create web - ro l:a=b", "\"Name\":\"web\""},
    {"POST", "/volumefs/volumes", "{}", 201, "create - - rw", "\"Name\":\"made\""},
    {"POST", "/volumefs/volumes", "{\"Nmae\":\"web\"}", 400, "", "unknown key 'Nmae'"},
    {"POST", "/volumefs/volumes", "{\"Name\":", 400, "", "invalid JSON"},
    {"POST", "/volumefs/volumes", NULL, 400, "", "no body"},
    {"GET", "/volumefs/volumes/web", NULL, 200, "get web", "\"UsageData\":{\"Size\":8192"},
    {"GET", "/volumefs/volumes/web", NULL, 200, "get web", "\"Refs\":[{\"Container\":\"app\""},
    {"GET", "/volumefs/volumes/w%65b", NULL, 200, "get web", ""},
    {"GET", "/volumefs/volumes/a%2Fb", NULL, 200, "get a/b", ""}, /* a name; refused as such */
    {"GET", "/volumefs/volumes/..%2f..%2fetc", NULL, 200, "get ../../etc", ""},
    {"GET", "/volumefs/volumes/a+b", NULL, 200, "get a+b", ""},
    {"GET", "/volumefs/volumes/%c3%bc", NULL, 200, "get \xc3\xbc", ""},
    {"GET", "/volumefs/volumes/a%00b", NULL, 400, "", "percent-encoded"},
    {"GET", "/volumefs/volumes/a%2", NULL, 400, "", "percent-encoded"},
    {"GET", "/volumefs/volumes/a%gg", NULL, 400, "", "percent-encoded"},
    {"GET", "/volumefs/volumes/", NULL, 404, "", "page not found"},
    {"GET", "/volumefs/volumes//refs", NULL, 404, "", "page not found"},
    {"PATCH", "/volumefs/volumes/web", "{\"ReadOnly\":true}", 200, "get web", "\"Name\":\"web\""},
    {"PATCH", "/volumefs/volumes/web", "{\"Label\":\"shared\"}", 200, "get web",
     "\"Name\":\"web\""},
    {"PATCH", "/volumefs/volumes/web", "{\"Label\":\"blue\"}", 400, "", "must be none"},
    {"PATCH", "/volumefs/volumes/web", "{\"Name\":\"new\"}", 200, "get new", "\"Name\":\"new\""},
    {"PATCH", "/volumefs/volumes/web", "{}", 400, "", "nothing to change"},
    {"DELETE", "/volumefs/volumes/web", NULL, 204, "remove web 0 0", ""},
    {"DELETE", "/volumefs/volumes/web?force=1", NULL, 204, "remove web 2 0", ""},
    {"DELETE", "/volumefs/volumes/web?force=true", NULL, 204, "remove web 2 0", ""},
    {"DELETE", "/volumefs/volumes/web?force=0", NULL, 204, "remove web 0 0", ""},
    {"DELETE", "/volumefs/volumes/web?force=maybe", NULL, 400, "", "'force' must be"},
    {"DELETE", "/volumefs/volumes/prune", NULL, 204, "remove prune 0 0", ""},
    {"POST", "/volumefs/volumes/prune", "{\"All\":true}", 200, "prune 1 0",
     "{\"VolumesDeleted\":[{\"Name\":\"old\",\"Size\":5},{\"Name\":\"older\",\"Size\":7}],"
     "\"SpaceReclaimed\":12,\"Errors\":[]}"},
    {"POST", "/volumefs/volumes/prune", "{\"DryRun\":true,\"Filters\":{\"name\":[\"zzz\"]}}", 200,
     "prune 0 1", "{\"VolumesDeleted\":[{\"Name\":\"older\",\"Size\":7}],\"SpaceReclaimed\":7,"},
    {"GET", "/volumefs/volumes/web/refs", NULL, 200, NULL,
     "\"Mode\":\"ro\",\"Label\":\"none\",\"Running\":false,\"Sources\":[\"recorded\",\"live\"],"
     "\"Pid\":42,\"Engine\":\"\",\"Away\":false}],\"RefCount\":1}"},
    {"DELETE", "/volumefs/volumes/web/uses", NULL, 204, "end uses of web", ""},
    {"GET", "/volumefs/df", NULL, 200, NULL,
     "{\"Volumes\":[{\"Name\":\"web\",\"Size\":8192,\"Inodes\":2,\"SizeLimit\":4096,"
     "\"RefCount\":3}],\"Store\":{\"Path\":\"/var/lib/volumefs\",\"Size\":"},
    {"POST", "/volumefs/containers/app/attachments", "{\"Volumes\":[\"web:/data\"]}", 201,
     "attach app 1 web:/data",
     "{\"Id\":\"c1\",\"Name\":\"app\",\"Runtime\":\"\",\"Engine\":\"\",\"State\":\"created\","
     "\"CreatedAt\":\"1970-01-01T00:00:00.000000000Z\",\"AutoRemove\":false,\"Rootfs\":\"\","
     "\"Process\":null,\"Pid\":0,\"ExitCode\":null,"
     "\"Mounts\":[{\"Type\":\"volume\",\"Name\":\"web\","
     "\"Source\":\"/mnt/volumes/web\",\"Destination\":\"/data\",\"Driver\":\"local\","
     "\"Mode\":\"\",\"RW\":false,\"Propagation\":\"\"},{\"Type\":\"bind\",\"Name\":\"\","
     "\"Source\":\"/srv\",\"Destination\":\"/host\""},
    {"POST", "/volumefs/containers/app/attachments", "{\"Volumes\":[\"web:/data/:z,ro\"]}", 201,
     "attach app 1 web:/data", "\"Mode\":\"z,ro\",\"RW\":false"},
    {"POST", "/volumefs/containers/app/attachments",
     "{\"Mounts\":[\"src=web,dst=/data,readonly\"]}", 201, "attach app 1 web:/data",
     "\"Mode\":\"\",\"RW\":false"},
    {"POST", "/volumefs/containers/app/attachments", "{\"Volumes\":[\"web:/new\"]}", 201,
     "attach app 1 web:/new", "\"Mode\":\"ro\",\"RW\":false"}, /* of /data: as recorded */
    {"POST", "/volumefs/containers/..%2f/attachments", "{\"Volumes\":[\"web:/data\"]}", 400, "",
     "name-invalid"},
    {"POST", "/volumefs/containers/app/attachments", "{\"Volumes\":[\"bad\"]}", 400, "",
     "spec-invalid"},
    {"POST", "/volumefs/containers/app/attachments", "{\"VolumesFrom\":[\"dbstore:ro\"]}", 201,
     "attach app 0 : from dbstore", ""},
    {"POST", "/volumefs/containers/app/attachments", "{\"VolumesFrom\":[\"db:nocopy\"]}", 400, "",
     "invalid mode: nocopy"},
    {"POST", "/volumefs/containers/app/attachments", "{}", 400, "", "nothing to attach"},
    {"POST", "/volumefs/containers", "{\"Name\":\"app\",\"Volumes\":[\"web:/data\"]}", 201,
     "create app 1 web:/data", "\"State\":\""},
    {"POST", "/volumefs/containers", "{}", 201, "create - 0 :", "\"Mounts\":["},
    {"POST", "/volumefs/containers", "{\"Name\":\"../x\"}", 400, "", "../x"},
    {"POST", "/volumefs/containers",
     "{\"Id\":\"c7\",\"Rootfs\":\"/srv/./root/"
     "\",\"AutoRemove\":true,\"Starts\":true,\"Process\":{\"Args\":[\"sh\"]}}",
     201, "create - 0 : id c7 rootfs /srv/root rm starts {\"Args\":[\"sh\"]}", "\"AutoRemove\":"},
    {"POST", "/volumefs/containers", "{\"Id\":\"../x\"}", 400, "", "../x"},
    {"POST", "/volumefs/containers", "{\"Rootfs\":\"root\"}", 400, "", "must be an absolute path"},
    {"POST", "/volumefs/containers", "{\"Process\":{\"Args\":[]}}", 400, "", "must name a command"},
    {"POST", "/volumefs/containers", "{\"Process\":{\"Argv\":[\"sh\"]}}", 400, "",
     "unknown key 'Argv'"},
    {"POST", "/volumefs/containers", "{\"Process\":{\"Args\":[\"sh\"],\"Env\":[\"=x\"]}}", 400, "",
     "is not KEY=VALUE"},
    {"POST", "/volumefs/containers", "{\"Process\":{\"Args\":[\"sh\"],\"Cwd\":\"tmp\"}}", 400, "",
     "must be an absolute path"},
    {"POST", "/volumefs/containers/app/start", "{\"Pid\":42}", 201, "start app 42 - - - 0",
     "\"Id\":\"c1\""},
    {"POST", "/volumefs/containers/app/start",
     "{\"Pid\":42,\"Runtime\":\"oci\",\"Name\":\"web\",\"StateDir\":\"/run/runc/app\","
     "\"Mounts\":[\"type=bind,source=/mnt/volumes/web,target=/data\"]}",
     201, "start app 42 oci web /run/runc/app 1", ""},
    {"POST", "/volumefs/containers/app/start", "{}", 400, "", "'Pid' must be"},
    {"POST", "/volumefs/containers/app/start", "{\"Pid\":\"1\"}", 400, "", "a whole number"},
    {"POST", "/volumefs/containers/app/start", "{\"Pid\":4294967297}", 400, "", "'Pid' must be"},
    {"POST", "/volumefs/containers/app/start", "{\"Pid\":1,\"StateDir\":\"x\"}", 400, "",
     "absolute path"},
    {"POST", "/volumefs/containers/app/end", "{}", 204, "end app -1", ""},
    {"POST", "/volumefs/containers/app/end", "{\"ExitCode\":137}", 204, "end app 137", ""},
    {"POST", "/volumefs/containers/app/end", "{\"ExitCode\":256}", 400, "", "between 0 and 255"},
    {"GET", "/volumefs/containers/app/copy", NULL, 200, "copy of app",
     "{\"Volume\":\"web\",\"Destination\":\"/data\",\"Bytes\":1,\"TotalBytes\":3,\"Entries\":2}"},
    {"POST", "/volumefs/containers/prune", "{\"All\":true,\"DryRun\":true}", 200,
     "prune containers all dry", "{\"ContainersDeleted\":[{\"Id\":\"c9\",\"Name\":\"gone\"}]}"},
    {"GET", "/volumefs/containers", NULL, 200, NULL, "{\"Containers\":[{\"Id\":"},
    {"GET", "/volumefs/containers/app", NULL, 200, NULL, "\"Name\":\"app\""},
    {"GET", "/volumefs/containers/none", NULL, 404, NULL, "none"},
    {"DELETE", "/volumefs/containers/app?force=1&volumes=1", NULL, 200,
     "remove container app force volumes", "{\"VolumesDeleted\":[\"gone\"]}"},
    {"DELETE", "/volumefs/containers/app", NULL, 200, "remove container app",
     "{\"VolumesDeleted\":[]}"},
    {"DELETE", "/volumefs/containers/app/attachments", NULL, 204, "detach app -", ""},
    {"DELETE", "/volumefs/containers/app/attachments?destination=%2Fx%20y", NULL, 204,
     "detach app /x y", ""},
    {"DELETE", "/volumefs/containers/app/attachments?destination=%2Fx+y%2Bz", NULL, 204,
     "detach app /x y+z", ""},
    {"DELETE", "/volumefs/containers/app/attachments?destination=", NULL, 400, "",
     "absolute path"}, /* not all of them */
    {"DELETE", "/volumefs/containers/app/attachments?destination=x", NULL, 400, "",
     "absolute path"},
    {"GET", "/volumefs/doctor", NULL, 200, NULL, "{\"Problems\":["},
    {"GET", "/", NULL, 404, "", "{\"message\":\"page not found\",\"code\":\"not-found\"}"},
    {"GET", "/volumefs", NULL, 404, "", "page not found"},
    {"GET", "/volumefs/volumes/web/refs/", NULL, 404, "", "page not found"},
    {"PUT", "/volumefs/volumes", NULL, 405, "", "Allow: GET, HEAD, POST"},
    {"POST", "/volumefs/df", "{}", 405, "", "Allow: GET, HEAD\r\n"},
    {"BREW", "/volumefs/volumes/web", NULL, 405, "", "Allow: GET, HEAD, PATCH, DELETE"},
};

static void test_every_route(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        int status;

        fake_volumes.call[0] = 0;
        status = ask(asks[i].method, asks[i].path, asks[i].body);
        if (status != asks[i].status || !strstr(answer_text, asks[i].says))
            fail_msg("%s %s: %s", asks[i].method, asks[i].path, answer_text);
        if (asks[i].call && strcmp(asks[i].call, fake_volumes.call) != 0)
            fail_msg("%s %s: called '%s'", asks[i].method, asks[i].path, fake_volumes.call);
    }
}

static void test_headers_of_an_answer(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/volumefs/volumes/web", NULL), 200);
    check_says("Content-Type: application/json\r\n");
    assert_int_equal(ask("GET", "/none", NULL), 404);
    check_says("Content-Type: application/json\r\n");
    assert_int_equal(ask("GET", "/_ping", NULL), 200);
    check_says("Content-Type: text/plain");
    assert_string_equal(answer_body(), "OK");
}

static void test_existing_volume_is_200(void **state)
{
    (void)state;
    fake_volumes.existed = true;
    assert_int_equal(ask("POST", "/volumefs/volumes", "{\"Name\":\"web\"}"), 200);
}

static const struct {
    int code, status;
    const char *name;
} codes[] = {
    {ERROR_NAME_INVALID, 400, "name-invalid"},
    {ERROR_SPEC_INVALID, 400, "spec-invalid"},
    {ERROR_OPTION_INVALID, 400, "option-invalid"},
    {ERROR_REQUEST_INVALID, 400, "request-invalid"},
    {ERROR_DENIED, 403, "denied"},
    {ERROR_NOT_FOUND, 404, "not-found"},
    {ERROR_DRIVER_UNKNOWN, 404, "driver-unknown"},
    {ERROR_EXISTS, 409, "exists"},
    {ERROR_IN_USE, 409, "in-use"},
    {ERROR_NOT_EMPTY, 409, "not-empty"},
    {ERROR_READ_ONLY, 409, "read-only"},
    {ERROR_UNAVAILABLE, 503, "unavailable"},
    {ERROR_NO_SPACE, 507, "no-space"},
    {ERROR_LIMIT, 409, "limit"},
    {ERROR_CORRUPT, 500, "corrupt"},
    {ERROR_NEWER, 500, "newer"},
    {ERROR_LOCKED, 500, "locked"},
    {ERROR_UNUSABLE_STORE, 500, "unusable-store"},
    {-EIO, 500, "system"},
    {-ENOSPC, 507, "system"},
};

static void test_every_code_has_its_status(void **state)
{
    (void)state;
    assert_int_equal(sizeof(codes) / sizeof(codes[0]), ERROR_CODE_COUNT - 1 + 2);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char expected[128];

        fake_volumes.result = codes[i].code;
        fake_volumes.text = "volume web: no";
        snprintf(expected, sizeof(expected), "{\"message\":\"volume web: no\",\"code\":\"%s\"}",
                 codes[i].name);
        assert_int_equal(ask("DELETE", "/volumefs/volumes/web", NULL), codes[i].status);
        assert_string_equal(answer_body(), expected);
    }
    fake_volumes.result = -EIO;
    fake_volumes.text = NULL;
    assert_int_equal(ask("GET", "/volumefs/volumes", NULL), 500);
    check_says("Input/output error");
}

static void test_failed_change_is_undone(void **state)
{
    (void)state;
    fake_volumes.result = ERROR_IN_USE;
    assert_int_equal(ask("PATCH", "/volumefs/volumes/web", "{\"Name\":\"new\",\"ReadOnly\":true}"),
                     409);
    assert_string_equal(fake_volumes.call, "rename web new 0");
}

static void test_head(void **state)
{
    char length[64];

    (void)state;
    assert_int_equal(ask("GET", "/volumefs/volumes/web", NULL), 200);
    snprintf(length, sizeof(length), "Content-Length: %zu\r\n", strlen(answer_body()));
    assert_int_equal(ask("HEAD", "/volumefs/volumes/web", NULL), 200);
    check_says(length);
    assert_string_equal(answer_body(), "");
    assert_int_equal(ask("HEAD", "/_ping", NULL), 200);
    assert_int_equal(ask("HEAD", "/none", NULL), 404);
    assert_string_equal(answer_body(), "");
}

static void test_doctor_names_problems(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/volumefs/doctor", NULL), 200);
    assert_null(strstr(answer_text, "catalog"));
    fake_catalog.check = ERROR_CORRUPT;
    fake_volumes.data_missing = fake_volumes.unseen = fake_volumes.engine_away =
        fake_volumes.dead_mount = true;
    assert_int_equal(ask("GET", "/volumefs/doctor", NULL), 200);
    check_says(
        "{\"Subject\":\"catalog\",\"Text\":\"page 7 is damaged\",\"Next\":\"stop the daemon");
    check_says("{\"Subject\":\"web\",\"Text\":\"its data is missing\",\"Next\":\"volctl rm web\"}");
    check_says("{\"Subject\":\"web\",\"Text\":\"an engine has it mounted\",\"Next\":\"see\"}");
    check_says("{\"Subject\":\"docker\",\"Text\":\"cannot be asked\",\"Next\":\"start it\"}");
    check_says("{\"Subject\":\"app\",\"Text\":\"it has a dead mount\",\"Next\":\"restart\"}");
}

static void test_volumes_that_cannot_be_counted_are_shown(void **state)
{
    (void)state;
    fake_volumes.uncountable = true;
    assert_int_equal(ask("GET", "/volumefs/volumes/web", NULL), 200);
    check_says("\"UsageData\":{\"Size\":-1,\"RefCount\":1}");
    assert_int_equal(ask("GET", "/volumefs/df", NULL), 200);
    check_says("{\"Name\":\"web\",\"Size\":-1,\"Inodes\":-1,\"SizeLimit\":4096");
}

static void test_prune_tells_what_went_and_what_stayed(void **state)
{
    (void)state;
    fake_volumes.stuck = true;
    assert_int_equal(ask("POST", "/volumefs/volumes/prune", "{\"All\":true}"), 200);
    assert_string_equal(answer_body(),
                        "{\"VolumesDeleted\":[{\"Name\":\"old\",\"Size\":5},"
                        "{\"Name\":\"older\",\"Size\":7}],\"SpaceReclaimed\":12,"
                        "\"Errors\":[\"volume \\\"stuck\\\" cannot be removed: why\"]}");
}

/* ---- bodies --------------------------------------------------------------- */

static void test_content_type(void **state)
{
    static const char path[] = "/volumefs/volumes";

    (void)state;
    assert_int_equal(ask_with("POST", path, "Content-Type: text/plain\r\n", "{}"), 415);
    check_says("unsupported Content-Type header (text/plain): must be 'application/json'");
    assert_int_equal(ask_with("POST", path, "", "{}"), 415);
    assert_int_equal(ask_with("POST", path, "Content-Type: application/jsonx\r\n", "{}"), 415);
    assert_string_equal(fake_volumes.call, "");
    assert_int_equal(
        ask_with("POST", path, "Content-Type: Application/JSON; charset=utf-8\r\n", "{}"), 201);
}

static char *big_body(size_t size)
{
    char *body = malloc(size + 1);

    assert_non_null(body);
    memset(body, ' ', size);
    body[0] = '{';
    body[1] = '}';
    body[size] = 0;
    return body;
}

static void test_large_bodies(void **state)
{
    static const char json[] = "Content-Type: application/json\r\n";
    char *fits = big_body(1 << 20);
    char *more = big_body((1 << 20) + 1);
    char *huge = big_body(9 << 20);

    (void)state;
    assert_int_equal(ask("POST", "/volumefs/volumes", fits), 201);
    assert_int_equal(ask("POST", "/volumefs/volumes", more), 413);
    check_says("1048576 bytes");
    assert_int_equal(ask("POST", "/volumefs/volumes", huge), 413);
    assert_int_equal(ask_with("POST", "/volumefs/volumes",
                              "Content-Type: application/json\r\nExpect: 100-continue\r\n"
                              "Content-Length: 99999999\r\n",
                              NULL),
                     413);
    assert_int_equal(ask_with("POST", "/none", json, more), 404);
    free(fits);
    free(more);
    free(huge);
}

/* A chunked body of `count` chunks of 4 KiB of spaces around "{}". */
static int ask_chunked(size_t count)
{
    static const char head[] = "POST /volumefs/volumes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                               "Content-Type: application/json\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n";
    char chunk[4096 + 16];
    int fd = client_connect(socket_path);
    int length = sprintf(chunk, "1000\r\n");

    memset(chunk + length, ' ', 4096);
    chunk[length + 4096] = '\r';
    chunk[length + 4097] = '\n';
    client_send(fd, head, sizeof(head) - 1);
    for (size_t i = 0; i < count; i++)
        client_send(fd, chunk, (size_t)length + 4096 + 2);
    client_send(fd, "0\r\n\r\n", 5);
    return client_receive(fd, answer_text, sizeof(answer_text));
}

static void test_chunked_bodies(void **state)
{
    (void)state;
    assert_int_equal(ask_chunked(0), 201);
    assert_int_equal(ask_chunked(10), 201);
    assert_int_equal(ask_chunked(300), 413);
    assert_int_equal(ask_chunked(4000), 0); /* more than is ever read: cut */
}

static void test_garbage(void **state)
{
    static const char *const texts[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /volumefs/volumes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: -5\r\n\r\n{}",
        "POST /volumefs/volumes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        "\x16\x03\x01\x02\x00\x01",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int fd = client_connect(socket_path);
        int status;

        client_send(fd, texts[i], strlen(texts[i]));
        shutdown(fd, SHUT_WR);
        status = client_receive(fd, answer_text, sizeof(answer_text));
        if (status != 0 && status < 400)
            fail_msg("'%s' was answered: %s", texts[i], answer_text);
    }
    assert_string_equal(fake_volumes.call, "");
    assert_int_equal(ask("GET", "/_ping", NULL), 200);
}

static void test_large_headers(void **state)
{
    char *path = malloc(200 << 10);
    char *text = malloc(220 << 10);
    int fd = client_connect(socket_path);
    int status;

    (void)state;
    memset(path, 'a', 200 << 10);
    path[(200 << 10) - 1] = 0;
    client_send(fd, text, (size_t)sprintf(text, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", path));
    status = client_receive(fd, answer_text, sizeof(answer_text));
    assert_true(status == 0 || status == 414 || status == 431);
    free(path);
    path = malloc(4096);
    snprintf(path, 4096, "/volumefs/volumes/%02000d", 0);
    assert_int_equal(ask("GET", path, NULL), 400); /* one component, longer than any name */
    free(path);
    free(text);
}

static void test_keep_alive(void **state)
{
    static const char two[] = "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /volumefs/volumes/a HTTP/1.1\r\nHost: x\r\n"
                              "Connection: close\r\n\r\n";
    int fd = client_connect(socket_path);

    (void)state;
    client_send(fd, two, sizeof(two) - 1);
    assert_int_equal(client_receive(fd, answer_text, sizeof(answer_text)), 200);
    check_says("OK");
    check_says("\"Name\":\"a\"");
}

/* ---- many and slow -------------------------------------------------------- */

static void *ask_thread(void *context)
{
    int fd = client_connect(socket_path);
    char text[4096];
    static const char head[] =
        "GET /volumefs/volumes/web HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    client_send(fd, head, sizeof(head) - 1);
    *(int *)context = client_receive(fd, text, sizeof(text));
    return NULL;
}

static void test_requests_run_side_by_side(void **state)
{
    enum { THREADS = 100 }; /* more than handlers at a time */
    pthread_t threads[THREADS];
    int statuses[THREADS] = {0};

    (void)state;
    fake_volumes.delay_ms = 50;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_thread, &statuses[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(statuses[i], 200);
    assert_true(fake_volumes.most_inside > 1);
    assert_true(fake_volumes.most_inside <= 32);
}

static void *start_thread(void *context)
{
    static const char request[] =
        "POST /volumefs/containers/app/start HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"Pid\":1}";
    int fd = client_connect(socket_path);
    char text[4096];

    client_send(fd, request, sizeof(request) - 1);
    *(int *)context = client_receive(fd, text, sizeof(text));
    return NULL;
}

/* What may copy for long keeps nobody from his place. */
static void test_long_requests_are_not_counted(void **state)
{
    enum { THREADS = 60 };
    pthread_t threads[THREADS];
    int statuses[THREADS] = {0};

    (void)state;
    fake_volumes.delay_ms = 30000;
    fake_volumes.gather = 33; /* more than handlers at a time */
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, start_thread, &statuses[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(statuses[i], 201);
    assert_true(fake_volumes.most_inside >= fake_volumes.gather);
}

/* A service of our own, with short times. */
static int handle_nothing(const struct request *request, struct response *response, struct error *e)
{
    (void)e;
    response->body = strndup(request->body, request->body_length);
    return response->body ? 0 : -ENOMEM;
}

static int status_of(int code)
{
    return code ? 418 : 200;
}

static char *body_of(int code, const char *text)
{
    (void)code;
    return strdup(text);
}

static int handle_slowly(const struct request *request, struct response *response, struct error *e)
{
    sleep(2);
    return handle_nothing(request, response, e);
}

static const struct route small_routes[] = {{HTTP_POST, "/Echo", handle_nothing, {NULL}},
                                            {HTTP_GET, "/Slow", handle_slowly, {NULL}}};
static const struct http_service small_service = {.routes = small_routes,
                                                  .route_count = 2,
                                                  .any_body = true,
                                                  .error_status = status_of,
                                                  .error_body = body_of};

static int ask_echo(const char *path)
{
    static const char echo[] = "POST /Echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                               "Content-Length: 5\r\n\r\nhello";
    int fd = client_connect(path);

    client_send(fd, echo, sizeof(echo) - 1);
    return client_receive(fd, answer_text, sizeof(answer_text));
}

static void test_second_service_and_slow_clients(void **state)
{
    static const char head[] = "POST /Echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel";
    enum { SLOW = 4 };
    char path[80];
    struct http_server *server;
    struct http_config config = {.service = &small_service, .timeout = 1, .connections = SLOW + 1};
    struct error e = {0};
    time_t start = time(NULL);
    int slow[SLOW];
    int status;
    int extra;

    (void)state;
    snprintf(path, sizeof(path), "%s/second.sock", directory);
    config.socket_path = path;
    assert_int_equal(http_server_start(&server, &config, &e), 0);
    for (int i = 0; i < SLOW; i++) { /* half a request, then nothing */
        slow[i] = client_connect(path);
        client_send(slow[i], head, i % 2 ? 10 : sizeof(head) - 1);
    }
    assert_int_equal(ask_echo(path), 200);
    assert_string_equal(answer_body(), "hello");
    usleep(100000); /* for that one's place */
    extra = client_connect(path);
    usleep(100000);
    status = ask_echo(path); /* no place is left: closed, or served when one is free */
    assert_true(status == 0 || (status == 200 && time(NULL) > start));
    close(extra);
    for (int i = 0; i < SLOW; i++) {
        status = client_receive(slow[i], answer_text, sizeof(answer_text));
        assert_true(status == 0 || status == 408);
    }
    assert_int_equal(ask_echo(path), 200);
    assert_true(time(NULL) - start < 8 || getenv("VOLUMEFS_UNTIMED"));
    http_server_stop(server);
    assert_int_equal(access(path, F_OK), -1);
}

/* Drips a byte of `text` at a time, never silent for long. Whether it was cut within 6 s. */
static bool is_cut(int fd, const char *text)
{
    for (int i = 0; i < 30; i++) {
        if (send(fd, *text ? text : "x", 1, MSG_NOSIGNAL) != 1)
            return true;
        text += *text != 0;
        usleep(200000);
    }
    return false;
}

static void check_dripping(const char *before, const char *dripped)
{
    char path[80];
    struct http_server *server;
    struct http_config config = {.service = &small_service, .timeout = 1, .socket_path = path};
    bool cut;
    int fd;

    snprintf(path, sizeof(path), "%s/third.sock", directory);
    assert_int_equal(http_server_start(&server, &config, NULL), 0);
    fd = client_connect(path);
    client_send(fd, before, strlen(before));
    cut = is_cut(fd, dripped);
    close(fd);
    assert_int_equal(ask_echo(path), 200);
    http_server_stop(server);
    assert_true(cut);
}

static void test_dripping_client_is_cut(void **state)
{
    static const char first[] = "POST /Echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";

    (void)state;
    check_dripping("POST /Echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "");
    check_dripping("", "POST /Echo HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    check_dripping("", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n");
    check_dripping(first, "POST /Echo HTTP/1.1\r\nHost: x\r\nX-Slow: "); /* its second */
}

/* What runs for longer than headers may take is not cut. */
static void test_slow_answers_are_waited_for(void **state)
{
    static const char ask_twice[] = "GET /Slow HTTP/1.1\r\nHost: x\r\n\r\n"
                                    "GET /Slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char path[80];
    struct http_server *server;
    struct http_config config = {.service = &small_service, .timeout = 1, .socket_path = path};
    const char *second;
    int fd;

    (void)state;
    snprintf(path, sizeof(path), "%s/slow.sock", directory);
    assert_int_equal(http_server_start(&server, &config, NULL), 0);
    fd = client_connect(path);
    client_send(fd, ask_twice, sizeof(ask_twice) - 1);
    assert_int_equal(client_receive(fd, answer_text, sizeof(answer_text)), 200);
    second = strstr(answer_text + 1, "HTTP/1.1 200");
    assert_non_null(second);
    http_server_stop(server);
}

/* ---- all together ---------------------------------------------------------- */

static void fill_status(void *context, struct daemon_status *out)
{
    (void)context;
    *out = (struct daemon_status){.version = "9.9"};
}

static struct api_config config_of(const char *path)
{
    return (struct api_config){
        .socket_path = path, .group = "volumefs-no-such-group", .status = fill_status};
}

static int setup(void **state)
{
    (void)state;
    fake_volumes_reset();
    fake_catalog_reset();
    fake_catalog.volumes[0].id = "v1";
    fake_catalog.volumes[0].name = "web";
    strcpy(fake_catalog.containers[0].id, "c1");
    strcpy(fake_catalog.containers[0].name, "app");
    fake_catalog.attachments[0] = (struct fake_attachment){
        .container = "c1", .volume = "v1", .destination = "/data", .readonly = true};
    fake_catalog.attachments[1] = (struct fake_attachment){
        .container = "c1", .volume = "", .source = "/srv", .destination = "/host"};
    return 0;
}

static int group_setup(void **state)
{
    struct api_config config = config_of(socket_path);

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
        cmocka_unit_test_setup(test_every_route, setup),
        cmocka_unit_test_setup(test_headers_of_an_answer, setup),
        cmocka_unit_test_setup(test_existing_volume_is_200, setup),
        cmocka_unit_test_setup(test_every_code_has_its_status, setup),
        cmocka_unit_test_setup(test_failed_change_is_undone, setup),
        cmocka_unit_test_setup(test_head, setup),
        cmocka_unit_test_setup(test_doctor_names_problems, setup),
        cmocka_unit_test_setup(test_volumes_that_cannot_be_counted_are_shown, setup),
        cmocka_unit_test_setup(test_prune_tells_what_went_and_what_stayed, setup),
        cmocka_unit_test_setup(test_content_type, setup),
        cmocka_unit_test_setup(test_large_bodies, setup),
        cmocka_unit_test_setup(test_chunked_bodies, setup),
        cmocka_unit_test_setup(test_garbage, setup),
        cmocka_unit_test_setup(test_large_headers, setup),
        cmocka_unit_test_setup(test_keep_alive, setup),
        cmocka_unit_test_setup(test_requests_run_side_by_side, setup),
        cmocka_unit_test_setup(test_long_requests_are_not_counted, setup),
        cmocka_unit_test_setup(test_second_service_and_slow_clients, setup),
        cmocka_unit_test_setup(test_dripping_client_is_cut, setup),
        cmocka_unit_test_setup(test_slow_answers_are_waited_for, setup),
    };

    return cmocka_run_group_tests_name("routes", tests, group_setup, group_teardown);
}
