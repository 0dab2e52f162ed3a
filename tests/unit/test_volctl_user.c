/* Who a command runs as: names and numbers in the files of a rootfs, and files that are traps. */
#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tools/volctl/user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PASSWD                                                                                     \
    "root:x:0:0:root:/root:/bin/sh\n"                                                              \
    "# web:x:1:1::/no:\n"                                                                          \
    "broken\n"                                                                                     \
    ":x:7:7::/no:\n"                                                                               \
    "web:x:33:34:www:/var/www:/bin/sh\n"                                                           \
    "web:x:99:99::/second:\n"                                                                      \
    "short:x:40\n"                                                                                 \
    "1000:x:50:51::/digits:\n"                                                                     \
    "huge:x:4294967296:1::/no:\n"                                                                  \
    "last:x:60:61::"
#define GROUP                                                                                      \
    "root:x:0:\nwww:x:34:\nadm:x:4:root,web\ntape:x:26:web\nwebby:x:27:weby,aweb\nbad:x:y:web\n"   \
    "same:x:34:web\nlast:x:77:,last"

static const struct row {
    const char *spec;
    uint32_t uid, gid;
    const char *groups, *home; /* groups NULL: refused, `home` is in the text */
} rows[] = {
    {"", 0, 0, "0 4", "/root"},
    {"root", 0, 0, "0 4", "/root"},
    {"0", 0, 0, "0 4", "/root"},
    {"web", 33, 34, "34 4 26", "/var/www"},
    {"33", 33, 34, "34 4 26", "/var/www"},
    {"web:", 33, 34, "34 4 26", "/var/www"},
    {"web:tape", 33, 26, "26", "/var/www"},
    {"web:5", 33, 5, "5", "/var/www"},
    {"12:tape", 12, 26, "26", "/"},
    {"12:13", 12, 13, "13", "/"},
    {"12", 12, 0, "0", "/"},
    {"1000", 1000, 0, "0", "/"}, /* a number is no name */
    {"short", 40, 0, "0", "/"},
    {"last", 60, 61, "61 77", "/"},
    {":tape", 0, 26, "26", "/root"},
    {"2147483647", 2147483647, 0, "0", "/"},
    {"2147483648", .home = "unable to find user 2147483648"},
    {"-1", .home = "unable to find user -1"},
    {"nobody", .home = "unable to find user nobody: the rootfs has none"},
    {"huge", .home = "unable to find user huge"},
    {"broken", .home = "unable to find user broken"},
    {"# web", .home = "unable to find user"},
    {"web:wheel", .home = "unable to find group wheel"},
    {"web:bad", .home = "unable to find group bad"},
};

static void groups_write(const struct user *user, char *out, size_t size)
{
    size_t length = 0;

    out[0] = 0;
    for (size_t i = 0; i < user->group_count; i++)
        length +=
            (size_t)snprintf(out + length, size - length, "%s%u", i ? " " : "", user->groups[i]);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct error e = {0};
        struct user user;
        char groups[256];
        int r = user_find(row->spec, PASSWD, GROUP, &user, &e);

        if (!row->groups) {
            if (r != ERROR_REQUEST_INVALID || !strstr(e.text, row->home))
                fail_msg("'%s': %d %s", row->spec, r, e.text);
            continue;
        }
        groups_write(&user, groups, sizeof(groups));
        if (r || user.uid != row->uid || user.gid != row->gid || strcmp(groups, row->groups) != 0 ||
            strcmp(user.home, row->home) != 0)
            fail_msg("'%s': %d %s %u:%u %s %s", row->spec, r, e.text, user.uid, user.gid, groups,
                     user.home);
    }
}

static void test_without_files(void **state)
{
    struct user user;

    (void)state;
    assert_int_equal(user_find("", "", "", &user, NULL), 0);
    assert_int_equal(user.uid, 0);
    assert_string_equal(user.home, "/");
    assert_int_equal(user_find("5:6", "", "", &user, NULL), 0);
    assert_int_equal(user.gid, 6);
    assert_int_equal(user_find("web", "", "", &user, NULL), ERROR_REQUEST_INVALID);
}

/* One group more than there may be, of which all name the user. */
static void test_too_many_groups(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    struct user user;
    struct error e = {0};

    (void)state;
    for (int i = 1; i < USER_GROUPS_MAX; i++)
        fprintf(stream, "g%d:x:%d:a\n", i, i);
    fflush(stream);
    assert_int_equal(user_find("a", "a:x:9999:0::/:", text, &user, &e), 0);
    assert_int_equal(user.group_count, USER_GROUPS_MAX);
    fprintf(stream, "more:x:%d:a\n", USER_GROUPS_MAX);
    fclose(stream);
    assert_int_equal(user_find("a", "a:x:9999:0::/:", text, &user, &e), ERROR_LIMIT);
    assert_non_null(strstr(e.text, "--user USER:GROUP"));
    free(text);
}

/* ---- a rootfs ------------------------------------------------------------------------------ */

static char directory[] = "/tmp/volctl-XXXXXX";

static void write_file(const char *name, const char *text)
{
    _cleanup_(fclose_p) FILE *file = NULL;
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
}

static void remove_name(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    remove(path);
}

static void make_directory(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void link_to(const char *target, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(symlink(target, path), 0);
}

static int group_setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    make_directory("rootfs");
    make_directory("rootfs/etc");
    write_file("outside", "web:x:666:666::/:\n");
    return 0;
}

static int group_teardown(void **state)
{
    static const char *const names[] = {"rootfs/etc/passwd",
                                        "rootfs/etc/group",
                                        "rootfs/inside",
                                        "rootfs/etc",
                                        "rootfs",
                                        "outside",
                                        ""};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        remove_name(names[i]);
    return access(directory, F_OK) == 0 ? -1 : 0;
}

/* Older valgrinds do not know the call by which a rootfs's files are opened: there, and only there,
 * these tests say nothing. */
static bool valgrind_lacks_openat2(void)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC};
    _cleanup_(close_p) int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

    return fd < 0 && errno == ENOSYS && getenv("VOLUMEFS_UNTIMED");
}

static int resolve(const char *spec, struct user *user, struct error *e)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/rootfs", directory);
    *e = (struct error){0};
    return user_resolve(path, spec, user, e);
}

static void test_files_of_a_rootfs(void **state)
{
    struct error e;
    struct user user;

    (void)state;
    if (valgrind_lacks_openat2())
        return;
    assert_int_equal(resolve("33", &user, &e), 0);
    assert_int_equal(resolve("web", &user, &e), ERROR_REQUEST_INVALID);
    write_file("rootfs/etc/passwd", PASSWD);
    write_file("rootfs/etc/group", GROUP);
    assert_int_equal(resolve("web", &user, &e), 0);
    assert_int_equal(user.uid, 33);
    assert_int_equal(user.group_count, 3);
    assert_int_equal(user_resolve("/proc/self/missing", "web", &user, &e), -ENOENT);
    assert_non_null(strstr(e.text, "cannot open the rootfs /proc/self/missing"));
}

static void test_links_lead_nowhere_else(void **state)
{
    char target[128];
    struct error e;
    struct user user;

    (void)state;
    if (valgrind_lacks_openat2())
        return;
    remove_name("rootfs/etc/passwd");
    snprintf(target, sizeof(target), "%s/outside", directory);
    link_to(target, "rootfs/etc/passwd");
    assert_int_equal(resolve("web", &user, &e), ERROR_REQUEST_INVALID); /* none in the rootfs */
    remove_name("rootfs/etc/passwd");
    link_to("../../../../../../../inside", "rootfs/etc/passwd");
    write_file("rootfs/inside", "web:x:44:44::/:\n");
    assert_int_equal(resolve("web", &user, &e), 0);
    assert_int_equal(user.uid, 44);
}

static void test_what_is_no_file_is_not_read(void **state)
{
    char path[128];
    struct error e;
    struct user user;

    (void)state;
    if (valgrind_lacks_openat2())
        return;
    remove_name("rootfs/etc/passwd");
    snprintf(path, sizeof(path), "%s/rootfs/etc/passwd", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(resolve("web", &user, &e), -EINVAL); /* and does not wait for a writer */
    assert_non_null(strstr(e.text, "cannot read /etc/passwd in the rootfs"));
    remove_name("rootfs/etc/passwd");
    write_file("rootfs/etc/passwd", "");
    assert_int_equal(truncate(path, USER_FILE_MAX + 1), 0);
    assert_int_equal(resolve("web", &user, &e), -EFBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_without_files),
        cmocka_unit_test(test_too_many_groups),
        cmocka_unit_test(test_files_of_a_rootfs),
        cmocka_unit_test(test_links_lead_nowhere_else),
        cmocka_unit_test(test_what_is_no_file_is_not_read),
    };

    return cmocka_run_group_tests_name("volctl_user", tests, group_setup, group_teardown);
}
