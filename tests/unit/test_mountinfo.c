/* Lines of /proc/PID/mountinfo. */
#include "catalog/mountinfo.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct line_case { // NOLINT(clang-analyzer-optin.performance.Padding): in a line's order
    const char *line;
    bool valid;
    unsigned device_major, device_minor;
    const char *root, *mount_point, *type;
    bool readonly, deleted;
};

static const struct line_case cases[] = {
    {"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n", true, 98,
     0, "/mnt1", "/mnt2", "ext3", false, false},
    {"36 35 0:51 / /mnt/volumes rw - fuse.volumefs volumefs rw,user_id=0", true, 0, 51, "/",
     "/mnt/volumes", "fuse.volumefs", false, false},
    {"1 1 0:51 /data /a\\040b ro,relatime shared:1 master:2 propagate_from:3 unbindable - "
     "fuse.volumefs volumefs rw\n",
     true, 0, 51, "/data", "/a b", "fuse.volumefs", true, false},
    {"1 1 0:51 /a\\011b\\012c\\134d\\043e /p rw - t s ro\n", true, 0, 51, "/a\tb\nc\\d#e", "/p",
     "t", true, false},
    {"1 1 0:51 /data//deleted /p rw - t s rw\n", true, 0, 51, "/data", "/p", "t", false, true},
    {"1 1 0:51 //deleted /p rw - t s rw\n", true, 0, 51, "/", "/p", "t", false, true},
    {"1 1 0:51 /data/deleted /p rw - t s rw\n", true, 0, 51, "/data/deleted", "/p", "t", false,
     false},
    {"1 1 259:1048575 / /p rw - t s rw\n", true, 259, 1048575, "/", "/p", "t", false, false},
    {"1 1 0:1 / /p rw - t  rw\n", true, 0, 1, "/", "/p", "t", false, false}, /* no source */
    {"1 1 0:1 / /p rw - t s\n", true, 0, 1, "/", "/p", "t", false, false},
    {"1 1 0:1 / /p rw,errors=ro - t s rw,zero,rox\n", true, 0, 1, "/", "/p", "t", false, false},
    {"1 1 0:1 /\\08x\\ /p rw - t s rw\n", true, 0, 1, "/\\08x\\", "/p", "t", false, false},
    {"", false},
    {"\n", false},
    {"1\n", false},
    {"1 1 0:1 / /p rw\n", false},
    {"1 1 0:1 / /p rw - \n", false},
    {"1 1 0:1 / /p rw shared:1 t s rw\n", false},
    {"1 1 0:1 /  rw - t s rw\n", false},
    {"x 1 0:1 / /p rw - t s rw\n", false},
    {"-1 1 0:1 / /p rw - t s rw\n", false},
    {"1 1 0 / /p rw - t s rw\n", false},
    {"1 1 0:1:2 / /p rw - t s rw\n", false},
    {"1 1 0:99999999999 / /p rw - t s rw\n", false},
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct line_case *c = &cases[i];
        char line[512];
        struct mountinfo got;

        snprintf(line, sizeof(line), "%s", c->line);
        if (mountinfo_parse_line(line, &got) != c->valid)
            fail_msg("'%s': should %s", c->line, c->valid ? "parse" : "fail");
        if (!c->valid)
            continue;
        assert_int_equal(got.device, makedev(c->device_major, c->device_minor));
        assert_string_equal(got.root, c->root);
        assert_string_equal(got.mount_point, c->mount_point);
        assert_string_equal(got.type, c->type);
        assert_int_equal(got.readonly, c->readonly);
        assert_int_equal(got.deleted, c->deleted);
    }
}

/* The field that may be empty, or missing at the end. */
static void test_sources(void **state)
{
    static const char *const sources[][2] = {
        {"1 1 0:1 / /p rw - t s rw\n", "s"},
        {"1 1 0:1 / /p rw - t /var/lib/a\\040b\\134c rw\n", "/var/lib/a b\\c"},
        {"1 1 0:1 / /p rw - t  rw\n", ""},
        {"1 1 0:1 / /p rw - t s\n", "s"},
        {"1 1 0:1 / /p rw - t\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        char line[128];
        struct mountinfo got;

        snprintf(line, sizeof(line), "%s", sources[i][0]);
        assert_true(mountinfo_parse_line(line, &got));
        assert_string_equal(got.source, sources[i][1]);
    }
}

static void test_long_line_is_refused(void **state)
{
    char *line = malloc(MOUNTINFO_LINE_MAX + 100);
    struct mountinfo got;
    int head;

    (void)state;
    assert_non_null(line);
    head = sprintf(line, "1 1 0:1 /");
    memset(line + head, 'x', MOUNTINFO_LINE_MAX);
    snprintf(line + head + MOUNTINFO_LINE_MAX, 32, " /p rw - t s rw\n");
    assert_false(mountinfo_parse_line(line, &got));
    free(line);
}

/* The kernel's own: every line parses, and "/" is among them with its device. */
static void test_own_mounts(void **state)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    struct stat st;
    struct mountinfo got;
    char *line = NULL;
    size_t size = 0;
    bool root = false;

    (void)state;
    assert_non_null(f);
    assert_int_equal(stat("/", &st), 0);
    while (getline(&line, &size, f) > 0) {
        assert_true(mountinfo_parse_line(line, &got));
        root |= strcmp(got.mount_point, "/") == 0 && got.device == st.st_dev;
    }
    free(line);
    fclose(f);
    assert_true(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_long_line_is_refused),
        cmocka_unit_test(test_own_mounts),
    };

    return cmocka_run_group_tests_name("mountinfo", tests, NULL, NULL);
}
