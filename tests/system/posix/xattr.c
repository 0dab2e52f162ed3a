/* Extended attributes. */
#include <sys/xattr.h>

#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <linux/limits.h>

static bool is_in_list(const char *file, const char *name)
{
    static char list[65536];
    ssize_t size = OK(llistxattr(file, list, sizeof(list)));

    for (const char *p = list; p < list + size; p += strlen(p) + 1)
        if (!strcmp(p, name))
            return true;
    return false;
}

static void test_set_get_list_remove(void **state)
{
    char value[16];

    (void)state;
    file_write("f", "");
    FAILS(getxattr("f", "user.a", value, sizeof(value)), ENODATA);
    OK(setxattr("f", "user.a", "one", 3, 0));
    SAME(getxattr("f", "user.a", value, sizeof(value)), 3);
    MUST(!memcmp(value, "one", 3));
    OK(setxattr("f", "user.a", "longer", 6, 0));
    SAME(getxattr("f", "user.a", NULL, 0), 6);
    FAILS(getxattr("f", "user.a", value, 5), ERANGE);
    OK(setxattr("f", "user.b", "", 0, 0));
    SAME(getxattr("f", "user.b", value, sizeof(value)), 0);
    MUST(is_in_list("f", "user.a"));
    MUST(is_in_list("f", "user.b"));
    FAILS(listxattr("f", value, 3), ERANGE);
    OK(removexattr("f", "user.a"));
    FAILS(removexattr("f", "user.a"), ENODATA);
    MUST(!is_in_list("f", "user.a"));
    FAILS(getxattr("f", "user.a", value, sizeof(value)), ENODATA);
}

static void test_create_and_replace(void **state)
{
    (void)state;
    OK(mkdir("d", 0755));
    FAILS(setxattr("d", "user.a", "x", 1, XATTR_REPLACE), ENODATA);
    OK(setxattr("d", "user.a", "x", 1, XATTR_CREATE));
    FAILS(setxattr("d", "user.a", "y", 1, XATTR_CREATE), EEXIST);
    OK(setxattr("d", "user.a", "y", 1, XATTR_REPLACE));
    FAILS(setxattr("d", "user.a", "y", 1, 64), EINVAL);
}

static void test_binary_and_big(void **state)
{
    static char value[XATTR_SIZE_MAX + 1], got[XATTR_SIZE_MAX + 1];
    static char name[300];

    (void)state;
    file_write("f", "");
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (char)(i * 31);
    OK(setxattr("f", "user.bin", value, 2000, 0));
    SAME(getxattr("f", "user.bin", got, sizeof(got)), 2000);
    MUST(!memcmp(value, got, 2000));
    FAILS(setxattr("f", "user.big", value, XATTR_SIZE_MAX + 1, 0), E2BIG);
    memset(name, 'n', sizeof(name) - 1);
    memcpy(name, "user.", 5);
    FAILS(setxattr("f", name, "x", 1, 0), ERANGE);
    FAILS(getxattr("f", name, got, 1), ERANGE);
    name[XATTR_NAME_MAX] = 0;
    OK(setxattr("f", name, "x", 1, 0));
    MUST(is_in_list("f", name));
    FAILS(setxattr("f", "user.", "x", 1, 0), EINVAL);
    FAILS(setxattr("f", "", "x", 1, 0), ERANGE);
    FAILS(setxattr("f", "nowhere.x", "x", 1, 0), EOPNOTSUPP);
}

static void test_many(void **state)
{
    char name[32], value[32], got[32];

    (void)state;
    file_write("f", "");
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "user.attr%d", i);
        snprintf(value, sizeof(value), "value %d", i);
        OK(setxattr("f", name, value, strlen(value), 0));
    }
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "user.attr%d", i);
        snprintf(value, sizeof(value), "value %d", i);
        SAME(getxattr("f", name, got, sizeof(got)), strlen(value));
        MUST(!memcmp(value, got, strlen(value)));
        MUST(is_in_list("f", name));
    }
}

static void test_other_kinds(void **state)
{
    char value[8];

    (void)state;
    file_write("f", "");
    OK(symlink("f", "l"));
    OK(mkfifo("p", 0600));
    FAILS(lsetxattr("l", "user.a", "x", 1, 0), EPERM);
    FAILS(setxattr("p", "user.a", "x", 1, 0), EPERM);
    OK(setxattr("l", "user.a", "x", 1, 0));
    SAME(getxattr("f", "user.a", value, sizeof(value)), 1);
    FAILS(setxattr("none", "user.a", "x", 1, 0), ENOENT);
}

static void test_by_descriptor_of_unlinked(void **state)
{
    char value[8];
    int fd;

    (void)state;
    fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(fsetxattr(fd, "user.a", "1", 1, 0));
    OK(link("f", "g"));
    SAME(getxattr("g", "user.a", value, sizeof(value)), 1);
    OK(unlink("g"));
    OK(unlink("f"));
    SAME(fgetxattr(fd, "user.a", value, sizeof(value)), 1);
    OK(fsetxattr(fd, "user.b", "2", 1, 0));
    OK(fremovexattr(fd, "user.a"));
    SAME(flistxattr(fd, NULL, 0) >= 7, 1);
    OK(close(fd));
}

static const unsigned char capability[20] = {1, 0, 0, 2, 0, 4, 0, 0};

static void stranger_tries(void *context)
{
    char value[8];

    (void)context;
    SAME(getxattr("open", "user.a", value, sizeof(value)), 1);
    FAILS(setxattr("open", "user.a", "y", 1, 0), EACCES);
    FAILS(removexattr("open", "user.a"), EACCES);
    FAILS(getxattr("closed", "user.a", value, sizeof(value)), EACCES);
    FAILS(setxattr("open", "trusted.a", "y", 1, 0), EPERM);
    FAILS(getxattr("open", "trusted.t", value, sizeof(value)), ENODATA);
    MUST(!is_in_list("open", "trusted.t"));
    FAILS(setxattr("open", "security.capability", capability, 20, 0), EPERM);
}

static void test_permissions(void **state)
{
    char value[8];

    (void)state;
    require_root();
    file_write("open", "");
    file_write("closed", "");
    OK(chmod("closed", 0600));
    OK(setxattr("open", "user.a", "x", 1, 0));
    OK(setxattr("closed", "user.a", "x", 1, 0));
    OK(setxattr("open", "trusted.t", "t", 1, 0));
    SAME(getxattr("open", "trusted.t", value, sizeof(value)), 1);
    MUST(is_in_list("open", "trusted.t"));
    child_run(&user_alice, stranger_tries, NULL);
}

/* An attribute goes with the file wherever that is moved, and is seen by all at once. */
static void read_until_changed(void *context)
{
    char value[8];
    int fd = *(int *)context;

    for (int i = 0; i < 5000; i++) {
        if (fgetxattr(fd, "user.a", value, sizeof(value)) == 3)
            return;
        usleep(1000);
    }
    MUST(!"the change was seen");
}

static void test_seen_by_others(void **state)
{
    pid_t pid;
    int fd;

    (void)state;
    file_write("f", "");
    OK(setxattr("f", "user.a", "x", 1, 0));
    fd = (int)OK(open("f", O_RDONLY));
    pid = child_start(NULL, read_until_changed, &fd);
    OK(rename("f", "g"));
    OK(setxattr("g", "user.a", "new", 3, 0));
    child_finish(pid);
    OK(close(fd));
}

/* A file that is written loses its capabilities, even if root writes. */
static void test_capability_is_killed(void **state)
{
    char value[32];
    int fd;

    (void)state;
    require_root();
    file_write("f", "text");
    OK(setxattr("f", "security.capability", capability, sizeof(capability), 0));
    SAME(getxattr("f", "security.capability", value, sizeof(value)), 20);
    fd = (int)OK(open("f", O_WRONLY));
    SAME(write(fd, "T", 1), 1);
    FAILS(getxattr("f", "security.capability", value, sizeof(value)), ENODATA);
    OK(setxattr("f", "security.capability", capability, sizeof(capability), 0));
    OK(chown("f", 1, 1));
    FAILS(getxattr("f", "security.capability", value, sizeof(value)), ENODATA);
    OK(setxattr("f", "security.capability", capability, sizeof(capability), 0));
    OK(ftruncate(fd, 1));
    FAILS(getxattr("f", "security.capability", value, sizeof(value)), ENODATA);
    OK(close(fd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_set_get_list_remove),  SANDBOX_TEST(test_create_and_replace),
        SANDBOX_TEST(test_binary_and_big),       SANDBOX_TEST(test_many),
        SANDBOX_TEST(test_other_kinds),          SANDBOX_TEST(test_by_descriptor_of_unlinked),
        SANDBOX_TEST(test_permissions),          SANDBOX_TEST(test_seen_by_others),
        SANDBOX_TEST(test_capability_is_killed),
    };

    return cmocka_run_group_tests_name("xattr", tests, NULL, NULL);
}
