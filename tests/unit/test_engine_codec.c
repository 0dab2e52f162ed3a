/* What an engine's API says, as real ones were seen to say it, and as none should. */
#include "fs/engine/codec.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_ONE "3f4b1c0d9e8a7f6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b"
#define ID_TWO "b0c1d2e3f4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f"

static int list_read(const char *text, struct engine_list *out)
{
    return engine_list_read(text, strlen(text), out, NULL);
}

/* Docker: Mode has "ro", Source is empty; Podman: neither is so. RW says it for both. */
static void test_mounts(void **state)
{
    static const char text[] =
        "[{\"Id\":\"" ID_ONE "\",\"Names\":[\"/one\"],\"State\":\"running\",\"Created\":1700000000,"
        "\"Mounts\":[{\"Type\":\"volume\",\"Name\":\"web\",\"Source\":\"\",\"Destination\":\"/a\","
        "\"Driver\":\"volumefs\",\"Mode\":\"ro,Z\",\"RW\":false,\"Propagation\":\"\"},"
        "{\"Type\":\"volume\",\"Name\":\"db\",\"Source\":\"/mnt/volumes/db\",\"Destination\":\"/"
        "b\","
        "\"Driver\":\"volumefs\",\"Mode\":\"z\",\"RW\":true},"
        "{\"Type\":\"bind\",\"Source\":\"/mnt/volumes/x/y\",\"Destination\":\"/c\",\"Mode\":\"\","
        "\"RW\":true},{\"Type\":\"tmpfs\",\"Destination\":\"/t\"}]}]";
    struct engine_list list;
    const struct engine_container *one;

    (void)state;
    assert_int_equal(list_read(text, &list), 0);
    assert_int_equal(list.count, 1);
    one = engine_list_find(&list, ID_ONE);
    assert_non_null(one);
    assert_string_equal(one->name, "one");
    assert_int_equal(one->state, CONTAINER_RUNNING);
    assert_int_equal(one->created_at, INT64_C(1700000000) * 1000000000);
    assert_int_equal(one->mount_count, 3);
    assert_string_equal(one->mounts[0].volume, "web");
    assert_string_equal(one->mounts[0].driver, "volumefs");
    assert_null(one->mounts[0].source);
    assert_true(one->mounts[0].readonly);
    assert_int_equal(one->mounts[0].label, LABEL_PRIVATE);
    assert_false(one->mounts[1].readonly);
    assert_int_equal(one->mounts[1].label, LABEL_SHARED);
    assert_null(one->mounts[2].volume);
    assert_string_equal(one->mounts[2].source, "/mnt/volumes/x/y");
    assert_int_equal(one->mounts[2].label, LABEL_NONE);
    engine_list_deinit(&list);
    assert_null(engine_list_find(&list, ID_ONE));
}

static void test_states(void **state)
{
    static const struct {
        const char *told;
        enum container_state meant;
    } cases[] = {
        {"created", CONTAINER_CREATED},    {"initialized", CONTAINER_CREATED},
        {"running", CONTAINER_RUNNING},    {"paused", CONTAINER_RUNNING},
        {"restarting", CONTAINER_RUNNING}, {"exited", CONTAINER_EXITED},
        {"dead", CONTAINER_EXITED},        {"stopped", CONTAINER_EXITED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct engine_list list;
        char text[256];

        snprintf(text, sizeof(text), "[{\"Id\":\"" ID_ONE "\",\"State\":\"%s\"}]", cases[i].told);
        assert_int_equal(list_read(text, &list), 0);
        assert_int_equal(list.count, 1);
        assert_int_equal(list.items[0].state, cases[i].meant);
        assert_string_equal(list.items[0].name, "");
        assert_int_equal(list.items[0].mount_count, 0);
        engine_list_deinit(&list);
    }
}

/* The first that is no link's: "/web/db" is how a container that is linked to calls another. */
static void test_names(void **state)
{
    struct engine_list list;

    (void)state;
    assert_int_equal(
        list_read("[{\"Id\":\"" ID_ONE "\",\"Names\":[\"/web/db\",7,\"/db\"]}]", &list), 0);
    assert_string_equal(list.items[0].name, "db");
    engine_list_deinit(&list);
}

/* What cannot be of a volume is left out, and the rest is taken. */
static void test_the_rest_is_taken(void **state)
{
    static const char text[] =
        "[{\"Id\":\"../etc\"},{\"Id\":7},null,{\"Id\":\"" ID_TWO "\",\"Mounts\":[null,7,"
        "{\"Type\":\"volume\",\"Name\":\"a\\u0000b\",\"Destination\":\"/nul\"},"
        "{\"Type\":\"volume\",\"Destination\":\"/no/name\"},"
        "{\"Type\":\"volume\",\"Name\":\"y\",\"Destination\":\"y:/y\"},"
        "{\"Type\":\"volume\",\"Name\":\"y\",\"Destination\":\"/y\",\"RW\":false}]},"
        "{\"Id\":\"" ID_ONE "\",\"Mounts\":null,\"Labels\":{\"a\":\"\\u0000\"}}]";
    struct engine_list list;

    (void)state;
    assert_int_equal(list_read(text, &list), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].id, ID_ONE); /* sorted */
    assert_int_equal(engine_list_find(&list, ID_TWO)->mount_count, 2);
    assert_string_equal(engine_list_find(&list, ID_TWO)->mounts[0].destination, "/y:/y");
    assert_string_equal(engine_list_find(&list, ID_TWO)->mounts[1].destination, "/y");
    engine_list_deinit(&list);
}

static void test_what_is_no_list(void **state)
{
    static const char *const texts[] = {
        "", "{}", "[", "[{]", "null", "\"x\"", "{\"message\":\"no\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct engine_list list = {0};
        struct error e = {0};

        assert_int_equal(engine_list_read(texts[i], strlen(texts[i]), &list, &e),
                         ERROR_REQUEST_INVALID);
        assert_non_null(strstr(e.text, "list of containers"));
        assert_null(list.items);
    }
}

static void test_process(void **state)
{
    static const struct {
        const char *text;
        pid_t pid;
    } cases[] = {
        {"{\"State\":{\"Running\":true,\"Pid\":42}}", 42},
        {"{\"State\":{\"Running\":false,\"Pid\":42}}", 0},
        {"{\"State\":{\"Running\":true,\"Pid\":0}}", 0},
        {"{\"State\":{\"Running\":true,\"Pid\":1}}", 0},
        {"{\"State\":{\"Running\":true,\"Pid\":-5}}", 0},
        {"{\"State\":{\"Running\":true,\"Pid\":4294967298}}", 0},
        {"{\"State\":{\"Running\":true,\"Pid\":\"42\"}}", 0},
        {"{\"message\":\"No such container\"}", 0},
        {"[", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(engine_process_read(cases[i].text, strlen(cases[i].text)), cases[i].pid);
}

static void test_mount_count(void **state)
{
    static const struct {
        const char *text;
        int count;
    } cases[] = {
        {"{\"Name\":\"web\",\"MountCount\":0}", 0},
        {"{\"MountCount\":3}", 3},
        {"{\"Name\":\"web\"}", -1},
        {"{\"MountCount\":\"0\"}", -1},
        {"{\"MountCount\":-1}", -1},
        {"{\"MountCount\":4294967296}", -1},
        {"[]", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(engine_mount_count_read(cases[i].text, strlen(cases[i].text)),
                         cases[i].count);
}

static void test_id(void **state)
{
    static const struct {
        const char *text, *id;
    } cases[] = {
        {"{\"Name\":\"host\",\"Id\":\"" ID_ONE "\"}", ID_ONE},
        {"{\"Id\":\"\"}", ""},
        {"{\"Id\":7}", ""},
        {"{\"Id\":\"a\\u0000b\"}", ""},
        {"{\"Id\":\"" ID_ONE "0\"}", ""}, /* cut, it would be another's */
        {"[]", ""},
        {"", ""},
    };
    char id[ENGINE_ID_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        engine_id_read(cases[i].text, strlen(cases[i].text), id);
        assert_string_equal(id, cases[i].id);
    }
}

static bool event_read(const char *type, const char *action, const char *id, char *out)
{
    char text[512];

    snprintf(text, sizeof(text),
             "{\"status\":\"x\",\"Type\":\"%s\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\","
             "\"Attributes\":{\"name\":\"one\"}},\"time\":1}",
             type, action, id);
    return engine_event_read(text, strlen(text), out);
}

static void test_events(void **state)
{
    static const char *const matter[] = {"create", "start", "die", "destroy", "remove", "rename"};
    static const char *const others[] = {"exec_start: sh", "exec_die", "attach", "health_status",
                                         ""};
    char id[CONTAINER_ID_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(matter) / sizeof(matter[0]); i++) {
        memset(id, 0, sizeof(id));
        assert_true(event_read("container", matter[i], ID_ONE, id));
        assert_string_equal(id, ID_ONE);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(event_read("container", others[i], ID_ONE, id));
    assert_false(event_read("volume", "create", "web", id));
    assert_false(event_read("container", "start", "", id));
    assert_false(event_read("container", "start", "../x", id));
    assert_false(event_read("container", "start", ID_ONE ID_ONE, id));
    assert_false(engine_event_read("{", 1, id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_the_rest_is_taken),
        cmocka_unit_test(test_what_is_no_list),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_mount_count),
        cmocka_unit_test(test_id),
    };

    return cmocka_run_group_tests_name("engine_codec", tests, NULL, NULL);
}
