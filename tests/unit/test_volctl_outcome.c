/* Small pure parts of running: how a run ended, variables, the line that shows a copy. */
#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tools/volctl/environment.h"
#include "tools/volctl/outcome.h"
#include "tools/volctl/progress.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXITED(n) ((n) << 8)
#define ERROR_LINE(text)                                                                           \
    "{\"level\":\"warning\",\"msg\":\"w\"}\n{\"level\":\"error\",\"msg\":\"" text "\"}\n"
#define RUNC_HEAD "runc run failed: unable to start container process: "

static const struct row {
    struct ending ending;
    int status, r;
    const char *text; /* in the error */
} rows[] = {
    {{true, EXITED(0), "", ""}, 0, 0, ""},
    {{true, EXITED(3), ERROR_LINE("late"), "x"}, 3, 0, ""},
    {{true, EXITED(137), "", ""}, 137, 0, ""},
    {{true, 9, "", ""}, 125, ERROR_UNAVAILABLE, "runc was ended by signal 9 while the container"},
    {{false, 9, "", ""}, 125, ERROR_UNAVAILABLE, "runc was ended by signal 9 before the command"},
    /* as runc 1.1 and crun 1.8 have been seen to say it */
    {{false, EXITED(1), ERROR_LINE(RUNC_HEAD "exec: \\\"x\\\": executable file not found in $PATH"),
      ""},
     127,
     ERROR_NOT_FOUND,
     "runc: exec: \"x\": executable file not found in $PATH; the command is looked for in the "
     "rootfs /r"},
    {{false, EXITED(1),
      ERROR_LINE(RUNC_HEAD "exec: \\\"/x\\\": stat /x: no such file or directory"), ""},
     127,
     ERROR_NOT_FOUND,
     "runc: exec: \"/x\": stat /x"},
    {{false, EXITED(1),
      ERROR_LINE("executable file `x` not found in $PATH: No such file or directory"), ""},
     127,
     ERROR_NOT_FOUND,
     "executable file `x` not found"},
    {{false, EXITED(1), ERROR_LINE(RUNC_HEAD "exec: \\\"/x\\\": permission denied"), ""},
     126,
     ERROR_DENIED,
     "runc: exec: \"/x\": permission denied; is it a program for this machine"},
    {{false, EXITED(1), ERROR_LINE("open executable: Permission denied"), ""},
     126,
     ERROR_DENIED,
     "chmod +x"},
    {{false, EXITED(1), ERROR_LINE("error mounting /a: no such file or directory"), ""},
     125,
     ERROR_REQUEST_INVALID,
     "runc: error mounting /a: no such file or directory; if it is the runtime's mistake"},
    {{false, EXITED(1), ERROR_LINE("error mounting: not a directory"), ""},
     125,
     ERROR_REQUEST_INVALID,
     "a file can be mounted only where a file is"},
    {{false, EXITED(1), ERROR_LINE("cgroups in hybrid mode not supported"), ""},
     125,
     ERROR_REQUEST_INVALID,
     "try --runtime runc"},
    {{false, EXITED(127), "", "x: error while loading\nshared libraries\n"},
     125,
     ERROR_REQUEST_INVALID,
     "runc: x: error while loading shared libraries; "},
    {{false, EXITED(1), "no JSON\n[1]\n", ""},
     125,
     ERROR_REQUEST_INVALID,
     "ended with status 1 and no reason"},
};

static void test_outcomes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error e = {0};
        int r, status = outcome_read(&rows[i].ending, "runc", "/r", &r, &e);

        if (status != rows[i].status || r != rows[i].r || !strstr(e.text, rows[i].text))
            fail_msg("row %zu: %d %d %s", i, status, r, e.text);
    }
}

/* However long the runtime's text is, what to do next is still there. */
static void test_a_long_reason(void **state)
{
    _cleanup_(free_p) char *log = malloc(4096);
    char reason[3000];
    struct error e = {0};
    int r;

    (void)state;
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = 0;
    snprintf(log, 4096, "{\"level\":\"error\",\"msg\":\"%s\"}", reason);
    outcome_read(&(struct ending){false, EXITED(1), log, ""}, "runc", "/r", &r, &e);
    assert_non_null(strstr(e.text, "--runtime"));
}

static void check_env(const json_t *env, const char *want)
{
    _cleanup_(free_p) char *got = json_dumps(env, JSON_COMPACT);

    assert_string_equal(got, want);
}

static void test_variables(void **state)
{
    json_t *env = json_array();
    struct error e = {0};

    (void)state;
    setenv("VOLCTL_TEST_HERE", "of=us", 1);
    unsetenv("VOLCTL_TEST_GONE");
    assert_int_equal(environment_add(env, "A=1", &e), 0);
    assert_int_equal(environment_add(env, "AB=", &e), 0);
    assert_int_equal(environment_add(env, "VOLCTL_TEST_HERE", &e), 0);
    assert_int_equal(environment_add(env, "VOLCTL_TEST_GONE", &e), 0);
    check_env(env, "[\"A=1\",\"AB=\",\"VOLCTL_TEST_HERE=of=us\"]");
    assert_int_equal(environment_add(env, "A=x=y", &e), 0);
    check_env(env, "[\"A=x=y\",\"AB=\",\"VOLCTL_TEST_HERE=of=us\"]");
    assert_string_equal(environment_get(env, "A"), "x=y");
    assert_string_equal(environment_get(env, "AB"), "");
    assert_null(environment_get(env, "B"));
    assert_int_equal(environment_add(env, "=x", &e), ERROR_REQUEST_INVALID);
    assert_non_null(strstr(e.text, "'=x' has no name"));
    assert_int_equal(environment_add(env, "", &e), ERROR_REQUEST_INVALID);
    assert_int_equal(environment_add(env, "A=\xff", &e), ERROR_REQUEST_INVALID);
    assert_non_null(strstr(e.text, "not UTF-8"));
    assert_int_equal(json_array_size(env), 3);
    json_decref(env);
}

/* Reads a file of that text. */
static int add_file(json_t *env, const char *text, size_t length, struct error *e)
{
    char path[] = "/tmp/volctl-XXXXXX";
    int fd = mkstemp(path), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, length), (ssize_t)length);
    close(fd);
    r = environment_add_file(env, path, e);
    unlink(path);
    return r;
}

static void test_files_of_variables(void **state)
{
    static const char text[] = "\xef\xbb\xbf"
                               "A=1\n# no\n\n  B=x y # z\r\nVOLCTL_TEST_HERE\nA=2";
    static char large[ENVIRONMENT_FILE_MAX + 1];
    json_t *env = json_array();
    struct error e = {0};

    (void)state;
    setenv("VOLCTL_TEST_HERE", "here", 1);
    assert_int_equal(add_file(env, text, sizeof(text) - 1, &e), 0);
    check_env(env, "[\"A=2\",\"B=x y # z\",\"VOLCTL_TEST_HERE=here\"]");
    assert_int_equal(add_file(env, "C=1\nX Y=1\n", 10, &e), ERROR_REQUEST_INVALID);
    assert_non_null(strstr(e.text, "line 2: 'X Y=1' is no variable"));
    assert_int_equal(add_file(env, "=1\n", 3, &e), ERROR_REQUEST_INVALID);
    assert_int_equal(add_file(env, "D=1\0E=2\n", 8, &e), ERROR_REQUEST_INVALID);
    assert_non_null(strstr(e.text, "no text"));
    memset(large, '#', sizeof(large));
    assert_int_equal(add_file(env, large, sizeof(large), &e), ERROR_REQUEST_INVALID);
    assert_non_null(strstr(e.text, "larger than 1024 KiB"));
    assert_int_equal(add_file(env, large, sizeof(large) - 1, &e), 0);
    assert_int_equal(environment_add_file(env, "/proc/self/missing", &e), ERROR_REQUEST_INVALID);
    assert_non_null(strstr(e.text, "cannot read --env-file /proc/self/missing: No such file"));
    json_decref(env);
}

static void check_line(const struct copied *copied, size_t columns, const char *want)
{
    _cleanup_(free_p) char *line = progress_line(copied, columns);

    assert_non_null(line);
    assert_string_equal(line, want);
}

static void test_progress(void **state)
{
    struct copied copied = {
        .volume = "we\033b", .bytes = 10 << 20, .total = 40 << 20, .seconds = 2, .first = 2 << 20};

    (void)state;
    check_line(
        &copied, 200,
        "copying to volume we\\x1bb: [====>               ] 25%, 10 MiB of 40 MiB, 4.0 MiB/s");
    check_line(&copied, 40, "copying to volume we\\x1bb: [====>      …");
    copied.bytes = copied.total;
    check_line(
        &copied, 200,
        "copying to volume we\\x1bb: [====================] 100%, 40 MiB of 40 MiB, 19 MiB/s");
    copied.total = 0;
    copied.seconds = 0.1;
    check_line(&copied, 200, "copying to volume we\\x1bb: 40 MiB");
}

static int group_setup(void **state)
{
    (void)state;
    return setlocale(LC_ALL, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),  cmocka_unit_test(test_a_long_reason),
        cmocka_unit_test(test_variables), cmocka_unit_test(test_files_of_variables),
        cmocka_unit_test(test_progress),
    };

    return cmocka_run_group_tests_name("volctl_outcome", tests, group_setup, NULL);
}
