/* Hard and symbolic links. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <limits.h>

static void test_hard_link(void **state)
{
    struct stat st;

    (void)state;
    file_write("a", "one");
    OK(mkdir("d", 0755));
    OK(link("a", "d/b"));
    SAME(links_of("a"), 2);
    SAME(inode_of("a"), inode_of("d/b"));
    file_write("d/b", "two");
    MUST(file_holds("a", "two"));
    OK(chmod("a", 0604));
    SAME(mode_of("d/b"), 0604);
    OK(stat("d/b", &st)); /* both names' attributes are known before one of them goes */
    OK(unlink("a"));
    SAME(links_of("d/b"), 1);
    MUST(file_holds("d/b", "two"));
}

static void test_hard_link_refusals(void **state)
{
    (void)state;
    file_write("a", "");
    file_write("b", "");
    OK(mkdir("d", 0755));
    FAILS(link("a", "b"), EEXIST);
    FAILS(link("a", "a"), EEXIST);
    FAILS(link("none", "c"), ENOENT);
    FAILS(link("d", "c"), EPERM);
    FAILS(link("a", "b/c"), ENOTDIR);
    FAILS(link("a", "none/c"), ENOENT);
    FAILS(link("a", "/dev/a"), EXDEV);
}

static void test_hard_link_of_symbolic_link(void **state)
{
    char target[8] = "";

    (void)state;
    file_write("f", "data");
    OK(symlink("f", "l"));
    OK(link("l", "l2"));
    SAME(inode_of("l"), inode_of("l2"));
    SAME(readlink("l2", target, sizeof(target)), 1);
    OK(linkat(AT_FDCWD, "l", AT_FDCWD, "f2", AT_SYMLINK_FOLLOW));
    SAME(inode_of("f2"), inode_of("f"));
}

static void test_many_links(void **state)
{
    char name[32];

    (void)state;
    file_write("f", "");
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "l%d", i);
        OK(link("f", name));
    }
    SAME(links_of("f"), 501);
    for (int i = 0; i < 500; i += 2) {
        snprintf(name, sizeof(name), "l%d", i);
        OK(unlink(name));
    }
    SAME(links_of("f"), 251);
    SAME(links_of("l499"), 251);
}

static void test_symbolic_link(void **state)
{
    char target[16];
    struct stat st;

    (void)state;
    OK(mkdir("d", 0755));
    file_write("d/f", "through");
    OK(symlink("d/f", "l"));
    OK(symlink("d", "dl"));
    OK(lstat("l", &st));
    MUST(S_ISLNK(st.st_mode));
    SAME(st.st_size, 3);
    SAME(st.st_mode & 07777, 0777);
    memset(target, 'x', sizeof(target));
    SAME(readlink("l", target, sizeof(target)), 3);
    MUST(!memcmp(target, "d/fx", 4));
    SAME(readlink("l", target, 2), 2);
    MUST(file_holds("l", "through"));
    MUST(file_holds("dl/f", "through"));
    FAILS(readlink("d/f", target, sizeof(target)), EINVAL);
    FAILS(symlink("x", "l"), EEXIST);
    FAILS(symlink("", "e"), ENOENT);
    OK(unlink("l"));
    MUST(exists("d/f"));
}

static void test_dangling_and_replaced(void **state)
{
    char target[16];

    (void)state;
    OK(symlink("later", "l"));
    FAILS(open("l", O_RDONLY), ENOENT);
    FAILS(link("l", "none/x"), ENOENT);
    OK(close((int)OK(open("l", O_WRONLY | O_CREAT, 0600)))); /* makes the target */
    MUST(exists("later"));
    /* A name made anew as another link shows the new target at once. */
    for (int i = 0; i < 20; i++) {
        char text[16];

        snprintf(text, sizeof(text), "target%02d", i);
        OK(unlink("l"));
        OK(symlink(text, "l"));
        SAME(readlink("l", target, sizeof(target)), 8);
        MUST(!memcmp(target, text, 8));
    }
}

static void test_loops(void **state)
{
    char name[16], target[16];
    struct stat st;

    (void)state;
    OK(symlink("b", "a"));
    OK(symlink("a", "b"));
    OK(symlink("self", "self"));
    FAILS(stat("a", &st), ELOOP);
    FAILS(open("self", O_RDONLY), ELOOP);
    FAILS(chmod("a/x", 0600), ELOOP);
    file_write("chain0", "end");
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof(name), "chain%d", i);
        snprintf(target, sizeof(target), "chain%d", i - 1);
        OK(symlink(target, name));
    }
    OK(stat("chain40", &st));
    FAILS(stat("chain41", &st), ELOOP);
}

static void test_long_targets(void **state)
{
    static char target[PATH_MAX + 1], got[PATH_MAX + 1];

    (void)state;
    memset(target, 't', PATH_MAX);
    FAILS(symlink(target, "l"), ENAMETOOLONG);
    target[PATH_MAX - 1] = 0;
    OK(symlink(target, "l"));
    SAME(readlink("l", got, sizeof(got)), PATH_MAX - 1);
    MUST(!memcmp(got, target, PATH_MAX - 1));
    target[59] = 0; /* what ext4 keeps in the inode, and one more */
    OK(symlink(target, "l59"));
    SAME(size_of("l59"), 59);
    target[59] = 't';
    target[60] = 0;
    OK(symlink(target, "l60"));
    SAME(readlink("l60", got, sizeof(got)), 60);
}

static void test_owner_of_link(void **state)
{
    struct stat st;

    (void)state;
    require_root();
    file_write("f", "");
    OK(symlink("f", "l"));
    OK(lchown("l", 123, 456));
    OK(lstat("l", &st));
    SAME(st.st_uid, 123);
    SAME(st.st_gid, 456);
    OK(stat("l", &st));
    SAME(st.st_uid, 0);
    OK(chown("l", 7, 8));
    OK(stat("f", &st));
    SAME(st.st_uid, 7);
    SAME(st.st_gid, 8);
}

static void test_link_of_open_descriptor(void **state)
{
    int fd;

    (void)state;
    require_root();
    file_write("f", "data");
    fd = (int)OK(open("f", O_RDONLY));
    OK(linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH));
    SAME(links_of("g"), 2);
    OK(unlink("f"));
    OK(unlink("g"));
    FAILS(linkat(fd, "", AT_FDCWD, "h", AT_EMPTY_PATH), ENOENT);
    OK(close(fd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_hard_link),
        SANDBOX_TEST(test_hard_link_refusals),
        SANDBOX_TEST(test_hard_link_of_symbolic_link),
        SANDBOX_TEST(test_many_links),
        SANDBOX_TEST(test_symbolic_link),
        SANDBOX_TEST(test_dangling_and_replaced),
        SANDBOX_TEST(test_loops),
        SANDBOX_TEST(test_long_targets),
        SANDBOX_TEST(test_owner_of_link),
        SANDBOX_TEST(test_link_of_open_descriptor),
    };

    return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
