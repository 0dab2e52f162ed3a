/* JSON of the control API, both ways. */
#include "fs/api/codec.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- requests ------------------------------------------------------------- */

static int read_create(const char *text, struct error *e)
{
    struct create_body body;
    int r = codec_read_create(text, strlen(text), &body, e);

    create_body_deinit(&body);
    return r;
}

static int read_change(const char *text, struct error *e)
{
    struct change_body body;
    int r = codec_read_change(text, strlen(text), &body, e);

    change_body_deinit(&body);
    return r;
}

static int read_prune(const char *text, struct error *e)
{
    struct prune_body body;
    int r = codec_read_prune(text, strlen(text), &body, e);

    prune_body_deinit(&body);
    return r;
}

static int read_attach(const char *text, struct error *e)
{
    struct attach_body body;
    int r = codec_read_attach(text, strlen(text), &body, e);

    attach_body_deinit(&body);
    return r;
}

static int read_filters(const char *text, struct error *e)
{
    struct filter *filter;
    int r = codec_read_filters(text, &filter, e);

    filter_free(filter);
    return r;
}

static const struct {
    int (*read)(const char *text, struct error *e);
    const char *text;
    int code;
    const char *says;
} requests[] = {
    {read_create, "{}", 0, ""},
    {read_create, " {\"Name\":\"a\"}\n", 0, ""},
    {read_create, "{\"Name\":null,\"Labels\":null,\"DriverOpts\":null,\"ReadOnly\":null}", 0, ""},
    {read_create, "", ERROR_REQUEST_INVALID, "no body"},
    {read_create, "[]", ERROR_REQUEST_INVALID, "object"},
    {read_create, "7", ERROR_REQUEST_INVALID, "invalid JSON"},
    {read_create, "{", ERROR_REQUEST_INVALID, "invalid JSON"},
    {read_create, "{} {}", ERROR_REQUEST_INVALID, "unexpected content after JSON"},
    {read_create, "{}x", ERROR_REQUEST_INVALID, "unexpected content after JSON"},
    {read_create, "{\"Name\":\"a\",\"Name\":\"b\"}", ERROR_REQUEST_INVALID, "invalid JSON"},
    {read_create, "{\"Name\":\"a\\u0000b\"}", ERROR_REQUEST_INVALID, "invalid JSON"},
    {read_create, "{\"Name\":\"\xff\"}", ERROR_REQUEST_INVALID, "invalid JSON"},
    {read_create, "{\"name\":\"a\"}", ERROR_REQUEST_INVALID, "unknown key 'name'"},
    {read_create, "{\"Name\":1}", ERROR_REQUEST_INVALID, "'Name' must be a string"},
    {read_create, "{\"ReadOnly\":\"yes\"}", ERROR_REQUEST_INVALID, "'ReadOnly' must be true"},
    {read_create, "{\"Labels\":[]}", ERROR_REQUEST_INVALID, "'Labels' must be an object"},
    {read_create, "{\"Labels\":{\"a\":1}}", ERROR_REQUEST_INVALID, "'a' of 'Labels'"},
    {read_create, "{\"DriverOpts\":{\"a\":null}}", ERROR_REQUEST_INVALID, "'a' of 'DriverOpts'"},
    {read_change, "{\"ReadOnly\":false}", 0, ""},
    {read_change, "{\"Name\":\"n\"}", 0, ""},
    {read_change, "{\"Label\":\"private\"}", 0, ""},
    {read_change, "{\"Label\":\"blue\"}", ERROR_REQUEST_INVALID, "none, shared or private"},
    {read_change, "{\"Label\":true}", ERROR_REQUEST_INVALID, "'Label' must be a string"},
    {read_change, "{\"Label\":null}", ERROR_REQUEST_INVALID, "nothing to change"},
    {read_change, "{}", ERROR_REQUEST_INVALID, "nothing to change"},
    {read_change, "{\"ReadOnly\":null}", ERROR_REQUEST_INVALID, "nothing to change"},
    {read_change, "{\"Driver\":\"x\"}", ERROR_REQUEST_INVALID, "unknown key 'Driver'"},
    {read_prune, "{}", 0, ""},
    {read_prune, "{\"All\":true,\"DryRun\":true,\"Filters\":{\"label\":[\"a\"]}}", 0, ""},
    {read_prune, "{\"Filters\":{\"x\":[\"a\"]}}", ERROR_REQUEST_INVALID, "invalid filter 'x'"},
    {read_prune, "{\"Filters\":[]}", ERROR_REQUEST_INVALID, "'Filters' must be an object"},
    {read_prune, "{\"All\":1}", ERROR_REQUEST_INVALID, "'All' must be true or false"},
    {read_attach, "{\"Volumes\":[\"web:/data\"]}", 0, ""},
    {read_attach, "{}", ERROR_REQUEST_INVALID, "nothing to attach"},
    {read_attach, "{\"Volumes\":[],\"Mounts\":null}", ERROR_REQUEST_INVALID, "nothing to attach"},
    {read_attach, "{\"Volumes\":\"web:/d\"}", ERROR_REQUEST_INVALID, "array of strings"},
    {read_attach, "{\"Volumes\":[\"web:/d\",1]}", ERROR_REQUEST_INVALID, "array of strings"},
    {read_attach, "{\"Volumes\":[\"web:data:x:y\"]}", ERROR_SPEC_INVALID, "web:data:x:y"},
    {read_attach, "{\"Mounts\":[\"what=ever\"]}", ERROR_SPEC_INVALID, "what=ever"},
    {read_filters, "{}", 0, ""},
    {read_filters, "{\"name\":[\"web\",\"db\"],\"dangling\":[\"true\"]}", 0, ""},
    {read_filters, "{\"name\":{\"web\":true,\"db\":false}}", 0, ""},
    {read_filters, "{\"name\":{\"web\":1}}", ERROR_REQUEST_INVALID, "'web' must be true or false"},
    {read_filters, "{\"name\":\"web\"}", ERROR_REQUEST_INVALID, "filter 'name'"},
    {read_filters, "{\"name\":[1]}", ERROR_REQUEST_INVALID, "filter 'name'"},
    {read_filters, "{\"nonsense\":[\"1\"]}", ERROR_REQUEST_INVALID, "invalid filter 'nonsense'"},
    {read_filters, "name=web", ERROR_REQUEST_INVALID, "invalid JSON"},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct error e = {0};
        int r = requests[i].read(requests[i].text, &e);

        if (r != requests[i].code || !strstr(e.text, requests[i].says))
            fail_msg("%s: got %d '%s'", requests[i].text, r, e.text);
    }
}

static void test_create_is_read(void **state)
{
    static const char text[] =
        "{\"Name\":\"web\",\"Driver\":\"local\",\"ReadOnly\":true,"
        "\"DriverOpts\":{\"uid\":\"5\"},\"Labels\":{\"b\":\"2\",\"a\":\"\"}}";
    struct create_body body;

    (void)state;
    assert_int_equal(codec_read_create(text, sizeof(text) - 1, &body, NULL), 0);
    assert_string_equal(body.name, "web");
    assert_string_equal(body.driver, "local");
    assert_true(body.readonly);
    assert_string_equal(pairs_get(&body.options, "uid"), "5");
    assert_string_equal(pairs_get(&body.labels, "a"), "");
    assert_int_equal(body.labels.count, 2);
    create_body_deinit(&body);
}

static void test_length_is_respected(void **state)
{
    struct create_body body;

    (void)state;
    assert_int_equal(codec_read_create("{}garbage", 2, &body, NULL), 0);
    create_body_deinit(&body);
}

static void test_depth_is_bounded(void **state)
{
    size_t depth = 200000;
    char *text = malloc(depth + 16);
    struct create_body body;

    (void)state;
    assert_non_null(text);
    snprintf(text, depth + 16, "{\"Labels\":");
    memset(text + 10, '[', depth);
    assert_int_equal(codec_read_create(text, depth + 10, &body, NULL), ERROR_REQUEST_INVALID);
    free(text);
}

static void test_pairs_are_bounded(void **state)
{
    char *text = malloc(64 << 10);
    size_t used = (size_t)sprintf(text, "{\"Labels\":{");
    struct error e = {0};
    struct create_body body;

    (void)state;
    for (int i = 0; i <= PAIRS_MAX; i++)
        used += (size_t)sprintf(text + used, "%s\"k%d\":\"v\"", i ? "," : "", i);
    snprintf(text + used, 8, "}}");
    assert_int_equal(codec_read_create(text, strlen(text), &body, &e), ERROR_REQUEST_INVALID);
    assert_non_null(strstr(e.text, "Labels"));
    assert_null(body.labels.items);
    free(text);
}

static void test_mounts_are_bounded(void **state)
{
    char *text = malloc(64 << 10);
    size_t used = (size_t)sprintf(text, "{\"Volumes\":[");
    struct error e = {0};
    struct attach_body body;

    (void)state;
    for (int i = 0; i <= SPEC_MOUNTS_MAX; i++)
        used += (size_t)sprintf(text + used, "%s\"v:/d%d\"", i ? "," : "", i);
    snprintf(text + used, 8, "]}");
    assert_int_equal(codec_read_attach(text, strlen(text), &body, &e), ERROR_REQUEST_INVALID);
    assert_non_null(strstr(e.text, "more than"));
    free(text);
}

/* ---- answers -------------------------------------------------------------- */

static void check_text(struct json_t *value, const char *expected)
{
    char *text = codec_text(value);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void test_volume(void **state)
{
    struct volume volume = {.id = "0123456789abcdef0123456789abcdef",
                            .name = "web",
                            .driver = "local",
                            .readonly = true,
                            .label = LABEL_PRIVATE,
                            .owner = "c1",
                            .size_limit = 10,
                            .created_at = 1000000000};
    struct reference item = {.container_id = "3f4b1c0d9e8a7f6b5c4d3e2f1a0b9c8d"
                                             "7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b",
                             .destination = (char[]){"/data"},
                             .sources = REFERENCE_USE | REFERENCE_LIVE,
                             .running = true,
                             .pid = 7,
                             .engine = "docker",
                             .away = true};
    struct references references = {&item, 1, 1};
    struct measure measure = {.size = 99, .known = true};

    (void)state;
    assert_int_equal(pairs_set(&volume.labels, "a", "b"), 0);
    check_text(
        codec_volume_details(codec_volume(&volume, "/mnt/volumes", 1), &references, &measure),
        "{\"Name\":\"web\",\"Driver\":\"local\",\"Mountpoint\":\"/mnt/volumes/web\","
        "\"CreatedAt\":\"1970-01-01T00:00:01.000000000Z\",\"Labels\":{\"a\":\"b\"},"
        "\"Options\":null,\"Scope\":\"local\",\"Id\":\"0123456789abcdef0123456789abcdef\","
        "\"Kind\":\"named\",\"ReadOnly\":true,\"Label\":\"private\",\"Owner\":\"c1\","
        "\"Context\":\"\",\"SizeLimit\":10,\"LastUsedAt\":null,\"RefCount\":1,"
        "\"Refs\":[{\"Container\":\"3f4b1c0d9e8a\",\"ContainerId\":"
        "\"3f4b1c0d9e8a7f6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b\","
        "\"Destination\":\"/data\",\"Mode\":\"rw\",\"Label\":\"none\",\"Running\":true,"
        "\"Sources\":[\"use\",\"live\"],\"Pid\":7,\"Engine\":\"docker\",\"Away\":true}],"
        "\"UsageData\":{\"Size\":99,\"RefCount\":1}}");
    volume_deinit(&volume);
}

static void test_mount(void **state)
{
    struct attachment attachment = {.destination = (char[]){"/d"},
                                    .readonly = true,
                                    .nocopy = true,
                                    .label = LABEL_PRIVATE,
                                    .propagation = "rslave"};
    struct volume volume = {.name = "web", .driver = "local"};

    (void)state;
    check_text(codec_mount(&attachment, &volume, "/mnt/volumes/web", NULL),
               "{\"Type\":\"volume\",\"Name\":\"web\",\"Source\":\"/mnt/volumes/web\","
               "\"Destination\":\"/d\",\"Driver\":\"local\",\"Mode\":\"ro,Z,nocopy,rslave\","
               "\"RW\":false,\"Propagation\":\"rslave\"}");
    attachment = (struct attachment){
        .destination = (char[]){"/d"}, .readonly = true, .propagation = "rprivate"};
    check_text(codec_mount(&attachment, NULL, "/srv", NULL),
               "{\"Type\":\"bind\",\"Name\":\"\",\"Source\":\"/srv\",\"Destination\":\"/d\","
               "\"Driver\":\"\",\"Mode\":\"ro\",\"RW\":false,\"Propagation\":\"rprivate\"}");
    check_text(codec_mount(&attachment, NULL, "/srv", "cached,ro"),
               "{\"Type\":\"bind\",\"Name\":\"\",\"Source\":\"/srv\",\"Destination\":\"/d\","
               "\"Driver\":\"\",\"Mode\":\"cached,ro\",\"RW\":false,\"Propagation\":\"rprivate\"}");
    attachment = (struct attachment){.destination = (char[]){"/d"}};
    check_text(codec_mount(&attachment, NULL, "/srv", ""),
               "{\"Type\":\"bind\",\"Name\":\"\",\"Source\":\"/srv\",\"Destination\":\"/d\","
               "\"Driver\":\"\",\"Mode\":\"\",\"RW\":true,\"Propagation\":\"\"}");
}

static void test_error(void **state)
{
    (void)state;
    check_text(codec_error(ERROR_IN_USE, "volume \"web\" is in use"),
               "{\"message\":\"volume \\\"web\\\" is in use\",\"code\":\"in-use\"}");
    check_text(codec_error(-5, "not \xff utf-8"),
               "{\"message\":\"not ? utf-8\",\"code\":\"system\"}");
}

static void test_status(void **state)
{
    struct daemon_status status = {
        .version = "1",
        .mountpoint = "/m",
        .threads = 4,
        .engine_count = 1,
        .engines = {{.name = "docker", .socket = "/d.sock", .why = "it is not there"}}};

    (void)state;
    status.denials[RULE_READONLY_VOLUME] = 9;
    status.denials[RULE_UNKNOWN_CALLER] = 1;
    check_text(codec_status(&status),
               "{\"Version\":\"1\",\"LibfuseVersion\":\"\",\"Kernel\":\"\",\"Mountpoint\":\"/m\","
               "\"Store\":\"\",\"Pid\":0,\"StartedAt\":null,\"Privileged\":false,"
               "\"Passthrough\":false,\"PassthroughReason\":\"\",\"Selinux\":\"\",\"Threads\":4,"
               "\"Volumes\":0,\"Nodes\":0,\"OpenNodes\":0,\"OpenFiles\":0,\"Denials\":10,"
               "\"DenialsByRule\":{\"removed-volume\":0,\"read-only-volume\":9,"
               "\"read-only-attachment\":0,\"unknown-caller\":1,\"private-volume\":0,"
               "\"administration\":0,\"selinux\":0},\"Engines\":[{\"Name\":\"docker\","
               "\"Socket\":\"/d.sock\",\"Followed\":false,\"Why\":\"it is not there\"}]}");
}

static void test_event(void **state)
{
    struct event event = {.action = EVENT_ATTACH, .volume = "web", .at = 1500000000, .sequence = 7};

    (void)state;
    event_add(&event, "destination", "/a\"b\xff");
    event_add(&event, "empty", "");
    check_text(
        codec_event(&event),
        "{\"Type\":\"volume\",\"Action\":\"attach\",\"Actor\":{\"ID\":\"web\",\"Attributes\":"
        "{\"destination\":\"/a\\\"b?\"}},\"scope\":\"local\",\"time\":1,\"timeNano\":1500000000,"
        "\"Sequence\":7}");
}

static void test_event_filters(void **state)
{
    static const struct {
        const char *text;
        const char *problem; /* NULL: none */
    } rows[] = {
        {"{}", NULL},
        {"{\"event\":[\"deny\"],\"volume\":{\"web\":true,\"db\":false}}", NULL},
        {"{\"event\":[\"deny\",\"x\"]}", "invalid filter 'event=[x]'"},
        {"{\"dangling\":[\"true\"]}", "invalid filter 'dangling'"},
        {"{\"event\":7}", "filter 'event' must be an array of strings, or an object"},
        {"[]", "object"},
        {"{", "invalid JSON"},
    };
    struct event web = {.action = EVENT_DENY, .volume = "web"};
    struct event db = {.action = EVENT_DENY, .volume = "db"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct event_filter *filter;
        struct error e = {0};
        int r = codec_read_event_filters(rows[i].text, &filter, &e);

        assert_int_equal(r, rows[i].problem ? ERROR_REQUEST_INVALID : 0);
        if (rows[i].problem && !strstr(e.text, rows[i].problem))
            fail_msg("%s: %s", rows[i].text, e.text);
        if (i == 1) {
            assert_true(event_filter_match(filter, &web));
            assert_false(event_filter_match(filter, &db));
        }
        event_filter_free(filter);
    }
}

static void test_large_numbers_stay_positive(void **state)
{
    (void)state;
    check_text(codec_object("n", codec_number(UINT64_MAX), NULL, NULL),
               "{\"n\":9223372036854775807}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_create_is_read),
        cmocka_unit_test(test_length_is_respected),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_pairs_are_bounded),
        cmocka_unit_test(test_mounts_are_bounded),
        cmocka_unit_test(test_volume),
        cmocka_unit_test(test_mount),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_event_filters),
        cmocka_unit_test(test_large_numbers_stay_positive),
    };

    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
