/* What a runtime hands over: the state, the configuration, who the engine is, and the bounds. */
#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tools/hook/bundle.h"
#include "tools/hook/engine.h"
#include "tools/hook/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the state --------------------------------------------------------------- */

#define STATE(status, more)                                                                        \
    "{\"ociVersion\":\"1.0.2\",\"id\":\"web\",\"bundle\":\"/b\",\"status\":\"" status "\"" more "}"

static void test_states(void **state)
{
    static const struct {
        const char *text;
        pid_t pid;
        bool ended;
    } rows[] = {
        {STATE("creating", ",\"pid\":7"), 7, false},
        {STATE("created", ",\"pid\":2147483647"), INT_MAX, false},
        {STATE("running", ",\"pid\":1"), 1, false},
        {STATE("stopped", ""), 0, true},
        {STATE("stopped", ",\"pid\":0,\"annotations\":{\"a\":\"b\"}"), 0, true},
        {STATE("stopped", ",\"pid\":7"), 0, true}, /* of a process that is gone */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(state_deinit) struct state got;
        struct error e = {0};

        if (state_parse(rows[i].text, strlen(rows[i].text), &got, &e) != 0)
            fail_msg("%s: %s", rows[i].text, e.text);
        assert_string_equal(got.id, "web");
        assert_string_equal(got.bundle, "/b");
        assert_int_equal(got.pid, rows[i].pid);
        assert_int_equal(got.ended, rows[i].ended);
    }
}

static void test_states_that_are_none(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "it is no JSON: line 1, column 0: "},
        {"{\"id\":", "it is no JSON: line 1, "},
        {"[]", "it is no JSON object"},
        {"{}", "it has no id"},
        {"{\"id\":\"\"}", "it has no id"},
        {"{\"id\":7}", "it has no id"},
        {"{\"id\":\"a\\u0000b\"}", "it has no id"},
        {"{\"id\":\"web\"}", "it has no absolute path of the bundle"},
        {"{\"id\":\"web\",\"bundle\":\"b\"}", "it has no absolute path of the bundle"},
        {"{\"id\":\"web\",\"bundle\":\"/b\"}", "it has no status"},
        {STATE("creating", ""), "it has no pid, and the status 'creating'"},
        {STATE("creating", ",\"pid\":0"), "it has no pid"},
        {STATE("creating", ",\"pid\":-1"), "it has no pid"},
        {STATE("creating", ",\"pid\":2147483648"), "it has no pid"},
        {STATE("creating", ",\"pid\":\"7\""), "it has no pid"},
        {STATE("frozen", ",\"pid\":7"),
         "'frozen' is no status that this hook is for; use it at createRuntime and poststop"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct state got;
        struct error e = {0};

        assert_int_equal(state_parse(rows[i].text, strlen(rows[i].text), &got, &e),
                         ERROR_REQUEST_INVALID);
        if (strncmp(e.text, rows[i].error, strlen(rows[i].error)) != 0)
            fail_msg("%s: %s", rows[i].text, e.text);
        assert_null(got.id);
        assert_null(got.bundle);
    }
}

/* ---- the configuration --------------------------------------------------------- */

static struct bundle *bundle_of(const char *text)
{
    struct bundle *bundle;
    struct error e = {0};

    if (bundle_parse(text, strlen(text), &bundle, &e) != 0)
        fail_msg("%s: %s", text, e.text);
    return bundle;
}

#define MOUNT(text)   "{\"mounts\":[{\"destination\":\"/d\",\"source\":\"/s\"" text "}]}"
#define OPTIONS(text) MOUNT(",\"type\":\"none\",\"options\":[" text "]")

static void test_bind_mounts(void **state)
{
    static const struct {
        const char *text;
        bool bind, readonly;
        const char *propagation, *relabel;
    } rows[] = {
        {OPTIONS("\"bind\""), true, false, NULL},
        {OPTIONS("\"rbind\",\"rprivate\",\"rw\""), true, false, "rprivate"},
        {OPTIONS("\"rbind\",\"ro\",\"rslave\""), true, true, "rslave"},
        {OPTIONS("\"rbind\",\"rro\""), true, true, NULL},
        {OPTIONS("\"ro\",\"bind\",\"rw\""), true, false, NULL},
        {OPTIONS("\"rw\",\"bind\",\"ro\""), true, true, NULL},
        {OPTIONS("\"bind\",\"ro\",\"rrw\""), true, false, NULL},
        {OPTIONS("\"bind\",\"private\",\"shared\""), true, false, "shared"},
        {OPTIONS("\"bind\",7,\"\",\"ro\""), true, true, NULL},
        {OPTIONS("\"bind\",\"Z\",\"ro\""), true, true, NULL, "private"},
        {OPTIONS("\"z\",\"rbind\""), true, false, NULL, "shared"},
        {OPTIONS("\"bind\",\"z\",\"Z\""), true, false, NULL, "private"},
        {OPTIONS("\"bind\",\"ZZ\""), true, false, NULL},
        {MOUNT(",\"type\":\"bind\""), true, false, NULL},
        {MOUNT(",\"type\":\"bind\",\"options\":[\"ro\"]"), true, true, NULL},
        {MOUNT(",\"type\":\"bind\",\"options\":\"ro\""), true, false, NULL},
        {OPTIONS(""), false},
        {OPTIONS("\"ro\""), false},
        {MOUNT(""), false},
        {MOUNT(",\"type\":\"tmpfs\",\"options\":[\"ro\",\"size=1\"]"), false},
        {MOUNT(",\"type\":\"bind\",\"source\":\"\""), false},
        {MOUNT(",\"type\":\"bind\",\"source\":\"/a\\u0000b\""), false},
        {MOUNT(",\"type\":\"bind\",\"destination\":null"), false},
        {"{\"mounts\":[7,null,[]]}", false},
        {"{\"mounts\":{}}", false},
        {"{}", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bundle *bundle = bundle_of(rows[i].text);
        struct bundle_mount got;
        size_t at = 0;

        if (bundle_next_bind(bundle, &at, &got) != rows[i].bind)
            fail_msg("%s", rows[i].text);
        if (rows[i].bind) {
            assert_string_equal(got.source, "/s");
            assert_string_equal(got.destination, "/d");
            assert_int_equal(got.readonly, rows[i].readonly);
            if (rows[i].propagation)
                assert_string_equal(got.propagation, rows[i].propagation);
            else
                assert_null(got.propagation);
            if (rows[i].relabel)
                assert_string_equal(got.relabel, rows[i].relabel);
            else
                assert_null(got.relabel);
            assert_false(bundle_next_bind(bundle, &at, &got));
        }
        bundle_free(bundle);
    }
}

/* What other readers take, and what is of no interest, is no reason to refuse. */
static void test_configurations(void **state)
{
    static const char *const rows[] = {
        "{\"process\":{\"rlimits\":[{\"hard\":18446744073709551615}]}}",
        "{\"process\":{\"env\":[\"A=\\u0000\"]}}",
        "{\"mounts\":[],\"mounts\":[]}",
        "{\"mounts\":7,\"annotations\":[],\"unknown\":{\"a\":[1.5,null]}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        bundle_free(bundle_of(rows[i]));
}

static void test_configurations_that_are_none(void **state)
{
    static const char *const rows[] = {
        "", "null", "[]", "{\"mounts\":[", "{}x", "{\"a\":\"\xff\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bundle *bundle;
        struct error e = {0};

        if (bundle_parse(rows[i], strlen(rows[i]), &bundle, &e) != ERROR_REQUEST_INVALID)
            fail_msg("%s", rows[i]);
        assert_null(bundle);
        assert_true(strncmp(e.text, "it is no JSON", 13) == 0);
    }
}

/* ---- engines ------------------------------------------------------------------ */

#define LONG_64 "0123456789012345678901234567890123456789012345678901234567890123"

static void test_engines(void **state)
{
    static const struct {
        const char *annotations, *runtime, *name;
    } rows[] = {
        {"{}", "oci", ""},
        {"7", "oci", ""},
        {"{\"org.opencontainers.image.title\":\"x\"}", "oci", ""},
        {"{\"io.container.manager\":\"libpod\",\"io.kubernetes.cri-o.TTY\":\"false\"}", "podman",
         ""},
        {"{\"io.container.manager\":\"cri-o\",\"io.kubernetes.cri-o.Name\":\"k8s_a_b_c_d_0\"}",
         "cri-o", "k8s_a_b_c_d_0"},
        {"{\"io.container.manager\":\"cri-o\"}", "cri-o", ""},
        {"{\"io.container.manager\":\"other\"}", "oci", ""},
        {"{\"nerdctl/namespace\":\"default\",\"nerdctl/name\":\"web\"}", "nerdctl", "web"},
        {"{\"nerdctl/namespace\":\"default\",\"nerdctl/name\":\"no name\"}", "nerdctl", ""},
        {"{\"nerdctl/namespace\":\"default\",\"nerdctl/name\":\"\"}", "nerdctl", ""},
        {"{\"io.kubernetes.cri.container-type\":\"container\","
         "\"io.kubernetes.cri.container-name\":\"c\",\"io.kubernetes.cri.sandbox-name\":\"pod-0\","
         "\"io.kubernetes.cri.sandbox-namespace\":\"ns\"}",
         "containerd", "k8s_c_pod-0_ns"},
        {"{\"io.kubernetes.cri.container-type\":\"container\","
         "\"io.kubernetes.cri.container-name\":\"c\"}",
         "containerd", ""},
        {"{\"io.kubernetes.cri.container-type\":\"container\","
         "\"io.kubernetes.cri.container-name\":\"" LONG_64 LONG_64 "\","
         "\"io.kubernetes.cri.sandbox-name\":\"" LONG_64 LONG_64 "\","
         "\"io.kubernetes.cri.sandbox-namespace\":\"ns\"}",
         "containerd", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(free_p) char *text = NULL;
        struct bundle *bundle;
        struct engine got;

        assert_true(asprintf(&text, "{\"annotations\":%s}", rows[i].annotations) > 0);
        bundle = bundle_of(text);
        engine_read_annotations(bundle, &got);
        assert_string_equal(got.runtime, rows[i].runtime);
        assert_string_equal(got.name, rows[i].name);
        assert_string_equal(got.state_directory, "");
        bundle_free(bundle);
    }
}

/* The array's own NUL ends the last argument. */
#define LINE(text) text, sizeof(text)

static void test_options_of_command_lines(void **state)
{
    static const struct {
        const char *line;
        size_t length;
        const char *option, *want;
    } rows[] = {
        {LINE("runc\0--root\0/r\0create\0id"), "--root", "/r"},
        {LINE("crun\0--root=/r\0create\0id"), "--root", "/r"},
        {LINE("crun\0--root="), "--root", ""},
        {LINE("runc\0--rootless\0x\0create"), "--root", NULL},
        {LINE("runc\0create\0id"), "--root", NULL},
        {LINE("runc\0--root"), "--root", NULL},
        {LINE("--root"), "--root", NULL},
        {LINE("conmon\0-c\0id\0-n\0web\0--x\0-n\0db"), "-n", "web"},
        {LINE("\0\0-n\0\0"), "-n", ""},
        {"runc\0--root\0/cut", 14, "--root", NULL}, /* before its NUL */
        {"runc\0--root=/cut", 14, "--root", NULL},
        {"", 0, "--root", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *got = engine_find_option(rows[i].line, rows[i].length, rows[i].option);

        if (!rows[i].want)
            assert_null(got);
        else
            assert_string_equal(got, rows[i].want);
    }
}

/* ---- bounds -------------------------------------------------------------------- */

enum { MOST = 1 << 20 };

static int file_with(size_t size)
{
    static const char filler[4096] = {[0 ... 4095] = 'x'};
    char name[] = "/tmp/hook-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);

    assert_true(fd >= 0);
    unlink(name);
    for (size_t done = 0; done < size;) {
        size_t part = size - done < sizeof(filler) ? size - done : sizeof(filler);

        assert_int_equal(write(fd, filler, part), (ssize_t)part);
        done += part;
    }
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void test_bound_of_input(void **state)
{
    static const struct {
        size_t size;
        int r;
        size_t length;
    } rows[] = {{0, 0, 0},
                {1, 0, 1},
                {16384, 0, 16384},
                {16385, 0, 16385},
                {MOST, 0, MOST},
                {MOST + 1, ERROR_LIMIT, MOST},
                {MOST + MOST, ERROR_LIMIT, MOST}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(close_p) int fd = file_with(rows[i].size);
        _cleanup_(input_deinit) struct input got;
        struct error e = {0};

        assert_int_equal(input_read(fd, MOST, "it", &got, &e), rows[i].r);
        assert_int_equal(got.length, rows[i].length);
        assert_int_equal(strlen(got.text), rows[i].length);
        assert_string_equal(e.text, rows[i].r ? "it is larger than 1 MiB" : "");
    }
}

static void test_files_that_are_none(void **state)
{
    char name[] = "/tmp/hook-XXXXXX";
    struct input got;
    struct error e = {0};

    (void)state;
    assert_int_equal(input_read_file("/nonexistent/f", MOST, &got, &e), -ENOENT);
    assert_string_equal(e.text, "cannot read /nonexistent/f: No such file or directory");
    assert_int_equal(input_read_file("/", MOST, &got, &e), ERROR_REQUEST_INVALID);
    assert_string_equal(e.text, "/ is no regular file");
    assert_non_null(mkdtemp(name));
    rmdir(name);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(input_read_file(name, MOST, &got, &e), ERROR_REQUEST_INVALID); /* at once */
    unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_states_that_are_none),
        cmocka_unit_test(test_bind_mounts),
        cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_configurations_that_are_none),
        cmocka_unit_test(test_engines),
        cmocka_unit_test(test_options_of_command_lines),
        cmocka_unit_test(test_bound_of_input),
        cmocka_unit_test(test_files_that_are_none),
    };

    return cmocka_run_group_tests_name("hook_bundle", tests, NULL, NULL);
}
