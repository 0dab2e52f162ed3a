/* rename(2) and its flags. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <signal.h>
#include <stdio.h>

static void test_move_and_replace(void **state)
{
    ino_t inode;

    (void)state;
    file_write("a", "A");
    file_write("b", "B");
    inode = inode_of("a");
    OK(rename("a", "b"));
    MUST(!exists("a"));
    MUST(file_holds("b", "A"));
    SAME(inode_of("b"), inode);
    OK(mkdir("d", 0755));
    OK(rename("b", "d/c"));
    MUST(!exists("b"));
    SAME(inode_of("d/c"), inode);
    FAILS(rename("none", "x"), ENOENT);
    FAILS(rename("d/c", "none/x"), ENOENT);
    FAILS(rename("d/c/x", "x"), ENOTDIR);
    FAILS(rename("d/c", "/proc/x"), EXDEV);
}

static void test_replace_open_file(void **state)
{
    struct stat st;
    int fd;

    (void)state;
    file_write("old", "old data");
    file_write("new", "new data");
    fd = (int)OK(open("old", O_RDWR));
    OK(rename("new", "old"));
    MUST(file_holds("old", "new data"));
    MUST(fd_holds(fd, 0, "old data", 8));
    SAME(pwrite(fd, "OLD", 3, 0), 3);
    MUST(fd_holds(fd, 0, "OLD data", 8));
    OK(fstat(fd, &st));
    SAME(st.st_nlink, 0);
    MUST(file_holds("old", "new data"));
    OK(close(fd));
}

static void test_kinds_must_agree(void **state)
{
    (void)state;
    file_write("f", "");
    OK(mkdir("d", 0755));
    OK(mkdir("e", 0755));
    OK(mkdir("full", 0755));
    file_write("full/f", "");
    FAILS(rename("f", "d"), EISDIR);
    FAILS(rename("d", "f"), ENOTDIR);
    FAILS(rename("d", "full"), ENOTEMPTY);
    FAILS(rename("f", "new/"), ENOTDIR);
    OK(rename("d", "e"));
    MUST(!exists("d"));
    OK(rename("full", "e"));
    MUST(exists("e/f"));
    FAILS(rename(".", "x"), EBUSY);
    FAILS(rename("e/..", "x"), EBUSY);
}

static void test_directory_into_itself(void **state)
{
    (void)state;
    OK(mkdir("d", 0755));
    OK(mkdir("d/e", 0755));
    OK(mkdir("d/e/f", 0755));
    FAILS(rename("d", "d/x"), EINVAL);
    FAILS(rename("d", "d/e/x"), EINVAL);
    FAILS(rename("d", "d/e/f"), EINVAL);
    FAILS(rename("d/e/f", "d"), ENOTEMPTY);
    OK(rename("d", "d"));
    MUST(exists("d/e/f"));
}

/* Two names of one file: rename does nothing and succeeds. */
static void test_same_inode(void **state)
{
    (void)state;
    file_write("a", "x");
    OK(link("a", "b"));
    OK(rename("a", "b"));
    MUST(exists("a"));
    MUST(exists("b"));
    SAME(links_of("a"), 2);
}

static void test_noreplace(void **state)
{
    (void)state;
    file_write("a", "A");
    file_write("b", "B");
    OK(mkdir("d", 0755));
    FAILS(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
    FAILS(renameat2(AT_FDCWD, "a", AT_FDCWD, "d", RENAME_NOREPLACE), EEXIST);
    MUST(file_holds("b", "B"));
    OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
    MUST(file_holds("c", "A"));
    FAILS(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
    FAILS(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", 1 << 10), EINVAL);
}

static void test_exchange(void **state)
{
    ino_t a, d;

    (void)state;
    file_write("a", "A");
    OK(mkdir("d", 0755));
    OK(mkdir("p", 0755));
    file_write("d/in", "inside");
    a = inode_of("a");
    d = inode_of("d");
    OK(rename("d", "p/d"));
    SAME(links_of("p"), 3);
    OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "p/d", RENAME_EXCHANGE));
    SAME(inode_of("a"), d);
    SAME(inode_of("p/d"), a);
    SAME(links_of("p"), 2);
    MUST(file_holds("a/in", "inside"));
    SAME(inode_of("a/.."), inode_of("."));
    FAILS(renameat2(AT_FDCWD, "a", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
    FAILS(renameat2(AT_FDCWD, "a", AT_FDCWD, "a/in", RENAME_EXCHANGE), EINVAL);
}

/* What lies below a directory stays reachable by descriptor and by its new path. */
static void test_move_of_tree(void **state)
{
    struct stat st;
    int dir, fd;

    (void)state;
    OK(mkdir("a", 0755));
    OK(mkdir("a/b", 0755));
    OK(mkdir("z", 0755));
    file_write("a/b/f", "text");
    dir = (int)OK(open("a/b", O_RDONLY | O_DIRECTORY));
    fd = (int)OK(open("a/b/f", O_RDWR));
    SAME(links_of("z"), 2);
    OK(rename("a/b", "z/c"));
    SAME(links_of("a"), 2);
    SAME(links_of("z"), 3);
    FAILS(stat("a/b/f", &st), ENOENT);
    MUST(file_holds("z/c/f", "text"));
    SAME(inode_of("z/c/.."), inode_of("z"));
    OK(fstatat(dir, "f", &st, 0));
    OK(fstatat(dir, "..", &st, 0));
    SAME(st.st_ino, inode_of("z"));
    SAME(pwrite(fd, "T", 1, 0), 1);
    MUST(file_holds("z/c/f", "Text"));
    OK(close(fd));
    OK(close(dir));
}

static void test_symbolic_links_are_moved(void **state)
{
    (void)state;
    file_write("f", "data");
    OK(symlink("f", "l"));
    file_write("g", "other");
    OK(rename("l", "m"));
    MUST(file_holds("m", "data"));
    OK(rename("g", "m")); /* replaces the link, not its target */
    MUST(file_holds("m", "other"));
    MUST(file_holds("f", "data"));
}

static void swap_for_ever(void *context)
{
    (void)context;
    for (;;)
        OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
}

/* Readers never see a name missing while it is exchanged or replaced. */
static void test_names_never_missing(void **state)
{
    pid_t pid;

    (void)state;
    file_write("a", "same");
    file_write("b", "same");
    pid = child_start(NULL, swap_for_ever, NULL);
    for (int i = 0; i < 1000; i++)
        MUST(file_holds(i & 1 ? "a" : "b", "same"));
    OK(kill(pid, SIGKILL));
    OK(waitpid(pid, NULL, 0));
}

/* Directories moved into one another from two sides must not make a loop. */
static void move_back_and_forth(void *context)
{
    const char *const *names = context;

    for (int i = 0; i < 500; i++)
        if (rename(names[0], names[1]))
            MUST(errno == EINVAL || errno == ENOENT || errno == ENOTEMPTY);
        else
            OK(rename(names[1], names[0]));
}

static void test_crossing_moves(void **state)
{
    const char *const one[] = {"a", "b/a"}, *const two[] = {"b", "a/b"};
    pid_t first, second;

    (void)state;
    OK(mkdir("a", 0755));
    OK(mkdir("b", 0755));
    file_write("a/f", "");
    file_write("b/f", "");
    union {
        const char *const *names;
        void *context;
    } args[] = {{one}, {two}};
    first = child_start(NULL, move_back_and_forth, args[0].context);
    second = child_start(NULL, move_back_and_forth, args[1].context);
    child_finish(first);
    child_finish(second);
    MUST(exists("a/f"));
    MUST(exists("b/f"));
    SAME(links_of("a"), 2);
    SAME(links_of("b"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_move_and_replace),
        SANDBOX_TEST(test_replace_open_file),
        SANDBOX_TEST(test_kinds_must_agree),
        SANDBOX_TEST(test_directory_into_itself),
        SANDBOX_TEST(test_same_inode),
        SANDBOX_TEST(test_noreplace),
        SANDBOX_TEST(test_exchange),
        SANDBOX_TEST(test_move_of_tree),
        SANDBOX_TEST(test_symbolic_links_are_moved),
        SANDBOX_TEST(test_names_never_missing),
        SANDBOX_TEST(test_crossing_moves),
    };

    return cmocka_run_group_tests_name("rename", tests, NULL, NULL);
}
