/*
 * Copies of a source that changes meanwhile: at a chosen moment, by a trap in the call that opens
 * what was listed; and at any moment, by a process that does nothing else.
 */
#include "catalog/cleanup.h"
#include "tests/unit/copy_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RACES = 1000, DEPTH = 40 };

/* ---- at a chosen moment --------------------------------------------------------------- */

/* What is done when `name` is opened: as an entry (O_PATH), or as a directory. */
struct trap {
    const char *name;
    bool entry;
    enum fixture_moment moment;
    void (*act)(void);
};

static struct trap traps[3]; /* each goes off once; those without a name are not set */

static void spring(const char *name, bool path_only, enum fixture_moment moment)
{
    int saved = errno;

    for (size_t i = 0; i < sizeof(traps) / sizeof(*traps); i++) {
        struct trap trap = traps[i];

        if (!trap.name || strcmp(trap.name, name) != 0 || trap.moment != moment ||
            trap.entry != path_only)
            continue;
        traps[i].name = NULL;
        trap.act();
        break;
    }
    errno = saved;
}

/* Copies with the traps set; all must go off, and the copy succeed. */
static struct copied copy_trapped(const struct trap *set, size_t count)
{
    struct copied copied;

    memcpy(traps, set, count * sizeof(*set));
    copied = copy_to(TO, NULL);
    if (copied.r)
        fail_msg("%d: %s", copied.r, copied.e.text);
    for (size_t i = 0; i < count; i++)
        assert_null(traps[i].name);
    return copied;
}

static struct copied copy_with(const char *name, bool entry, enum fixture_moment moment,
                               void (*act)(void))
{
    const struct trap trap = {name, entry, moment, act};

    return copy_trapped(&trap, 1);
}

static bool has(const char *path)
{
    return access(path, F_OK) == 0;
}

static void assert_content(const char *path, const char *text)
{
    char content[64] = "";
    _cleanup_(close_p) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    must(fd >= 0 && read(fd, content, sizeof(content) - 1) >= 0, path);
    assert_string_equal(content, text);
}

static void assert_link(const char *path, const char *target)
{
    char content[PATH_MAX] = "";

    must(readlink(path, content, sizeof(content) - 1) >= 0, path);
    assert_string_equal(content, target);
}

static int enter(void **state)
{
    memset(traps, 0, sizeof(traps));
    fixture_on_open = spring;
    if (fixture_enter(state) != 0)
        return -1;
    make_directory("secret");
    make_text("secret/inner", "secret");
    make_text(FROM "/file", "known");
    make_directory(FROM "/dir");
    make_text(FROM "/dir/inner", "known");
    return 0;
}

static void file_vanishes(void)
{
    must(unlink(FROM "/file") == 0, "unlink");
}

static void file_becomes_link(void)
{
    file_vanishes();
    must(symlink("../secret/inner", FROM "/file") == 0, "symlink");
}

static void file_becomes_fifo(void)
{
    file_vanishes();
    must(mkfifo(FROM "/file", 0600) == 0, "mkfifo");
}

/* One that has no driver: to open it fails. */
static void file_becomes_device(void)
{
    file_vanishes();
    must(mknod(FROM "/file", S_IFCHR | 0600, makedev(259, 70000)) == 0, "mknod");
}

static void file_becomes_directory(void)
{
    file_vanishes();
    make_directory(FROM "/file");
    make_text(FROM "/file/inner", "known");
}

static void file_becomes_file(void)
{
    must(rename(FROM "/file", FROM "/dir/moved") == 0, "rename");
    make_text(FROM "/file", "another");
}

static void test_file_vanishes(void **state)
{
    (void)state;
    assert_int_equal(copy_with("file", true, BEFORE, file_vanishes).entries, 2);
    assert_false(has(TO "/file"));
    assert_content(TO "/dir/inner", "known");
}

static void test_file_becomes_link(void **state)
{
    (void)state;
    copy_with("file", true, BEFORE, file_becomes_link);
    assert_link(TO "/file", "../secret/inner");
}

static void test_file_becomes_fifo(void **state)
{
    (void)state;
    copy_with("file", true, BEFORE, file_becomes_fifo);
    assert_true(S_ISFIFO(look(TO "/file").st_mode));
}

static void test_file_becomes_device(void **state)
{
    (void)state;
    need_root();
    copy_with("file", true, BEFORE, file_becomes_device);
    assert_true(look(TO "/file").st_rdev == makedev(259, 70000));
}

static void test_file_becomes_directory(void **state)
{
    (void)state;
    assert_int_equal(copy_with("file", true, BEFORE, file_becomes_directory).entries, 4);
    assert_content(TO "/file/inner", "known");
}

/* Once it is held, it does not matter what its name stands for. */
static void test_held_file(void **state)
{
    static void (*const acts[])(void) = {file_vanishes, file_becomes_link, file_becomes_fifo,
                                         file_becomes_directory, file_becomes_file};

    (void)state;
    for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
        copy_with("file", true, AFTER, acts[i]);
        assert_content(TO "/file", "known");
        must(fixture_leave(NULL) == 0 && enter(NULL) == 0, "again");
    }
}

static void dir_vanishes(void)
{
    must(unlink(FROM "/dir/inner") == 0 && rmdir(FROM "/dir") == 0, "rmdir");
}

static void dir_becomes_link(void)
{
    dir_vanishes();
    must(symlink("../secret", FROM "/dir") == 0, "symlink");
}

static void dir_becomes_fifo(void)
{
    dir_vanishes();
    must(mkfifo(FROM "/dir", 0600) == 0, "mkfifo");
}

static void dir_becomes_file(void)
{
    dir_vanishes();
    make_text(FROM "/dir", "file");
}

static void dir_moves_out(void)
{
    must(rename(FROM "/dir", "moved") == 0 && symlink("../secret", FROM "/dir") == 0, "rename");
}

static void test_directory_vanishes(void **state)
{
    (void)state;
    assert_int_equal(copy_with("dir", false, BEFORE, dir_vanishes).entries, 1);
    assert_false(has(TO "/dir"));
}

static void test_directory_becomes_link(void **state)
{
    (void)state;
    copy_with("dir", false, BEFORE, dir_becomes_link);
    assert_link(TO "/dir", "../secret");
}

static void test_directory_becomes_fifo(void **state)
{
    (void)state;
    copy_with("dir", false, BEFORE, dir_becomes_fifo);
    assert_true(S_ISFIFO(look(TO "/dir").st_mode));
}

static void test_directory_becomes_file(void **state)
{
    (void)state;
    copy_with("dir", false, BEFORE, dir_becomes_file);
    assert_content(TO "/dir", "file");
}

static void test_held_directory(void **state)
{
    (void)state;
    copy_with("dir", false, AFTER, dir_moves_out);
    assert_content(TO "/dir/inner", "known");
}

static void test_held_directory_is_emptied(void **state)
{
    (void)state;
    copy_with("dir", false, AFTER, dir_vanishes);
    assert_true(S_ISDIR(look(TO "/dir").st_mode));
    assert_false(has(TO "/dir/inner"));
}

static void file_is_file_again(void)
{
    must(unlink(FROM "/file/inner") == 0 && rmdir(FROM "/file") == 0, "rmdir");
    make_text(FROM "/file", "again");
}

static void test_file_becomes_directory_and_file_again(void **state)
{
    const struct trap set[] = {{"file", true, BEFORE, file_becomes_directory},
                               {"file", false, BEFORE, file_is_file_again}};

    (void)state;
    copy_trapped(set, 2);
    assert_content(TO "/file", "again");
}

/* Somewhere it must end. */
static void test_changes_without_end(void **state)
{
    const struct trap set[] = {{"file", true, BEFORE, file_becomes_directory},
                               {"file", false, BEFORE, file_is_file_again},
                               {"file", true, BEFORE, file_becomes_directory}};

    (void)state;
    copy_trapped(set, 3);
    assert_false(has(TO "/file"));
    assert_content(TO "/dir/inner", "known");
}

/* As when it was removed and made again, and the file system lists it once more. */
static void file_was_copied(void)
{
    make_text(TO "/file", "copied before");
}

static void dir_was_copied(void)
{
    make_text(TO "/dir", "copied before");
}

static void test_listed_twice(void **state)
{
    const struct trap set[] = {{"file", true, BEFORE, file_was_copied},
                               {"dir", false, BEFORE, dir_was_copied}};

    (void)state;
    assert_int_equal(copy_trapped(set, 2).entries, 0);
    assert_content(TO "/file", "copied before");
    assert_content(TO "/dir", "copied before");
}

static void test_link_listed_twice(void **state)
{
    struct copied copied;

    (void)state;
    must(link(FROM "/file", FROM "/dir/file") == 0, "link");
    must(link(FROM "/file", "outside") == 0, "link");
    copied = copy_with("file", true, BEFORE, file_was_copied);
    assert_int_equal(copied.entries, 3);
    assert_content(TO "/file", "copied before");
    assert_content(TO "/dir/file", "known");
    assert_int_equal(look(TO "/dir/file").st_nlink, 1);
}

/* The way back up is not where it was: there is nothing to go on with. */
static void chain_moves_out(void)
{
    must(rename(FROM "/d/d/d", "moved") == 0, "rename");
}

static void test_directory_above_moves_out(void **state)
{
    const struct trap trap = {"leaf", true, BEFORE, chain_moves_out};
    char path[PATH_MAX] = FROM;
    struct copied copied;

    (void)state;
    for (int i = 0; i < DEPTH; i++) {
        strcat(path, "/d");
        make_directory(path);
    }
    strcat(path, "/leaf");
    make_text(path, "known");
    traps[0] = trap;
    copied = copy_to(TO, NULL);
    assert_int_equal(copied.r, -ESTALE);
    assert_string_equal(copied.e.text, "cannot copy \"d/d/d\": it was moved meanwhile; try again: "
                                       "Stale file handle");
}

/* ---- at any moment ------------------------------------------------------------------------ */

/* Whatever can be at a name in the source, one after the other; errors are of the race itself. */
static void churn(unsigned i)
{
    static const char data[] = "known";
    int fd;

    (void)!unlink("next");
    switch (i % 7) {
    case 0:
        (void)!symlink("../secret/file", "next");
        break;
    case 1:
        (void)!symlink("../secret", "next");
        break;
    case 2:
        (void)!mkfifo("next", 0600);
        break;
    case 3:
        (void)!mknod("next", S_IFCHR | 0600, makedev(259, 70000));
        break;
    case 4:
        (void)!link("stays", "next");
        break;
    default:
        fd = open("next", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        (void)!write(fd, data, i % 2 ? 0 : 5);
        close(fd);
    }
    (void)!rename("next", "name");
    (void)!renameat2(AT_FDCWD, "name", AT_FDCWD, "dir", i % 3 ? RENAME_EXCHANGE : 0);
    (void)!renameat2(AT_FDCWD, "dir", AT_FDCWD, "other", RENAME_EXCHANGE);
    (void)!renameat2(AT_FDCWD, "other/sub", AT_FDCWD, "sub", i % 2 ? RENAME_EXCHANGE : 0);
    (void)!truncate("file", i % 1000 * 1000);
    if (i % 5 == 0)
        (void)!unlink("name");
}

static pid_t start_churn(void)
{
    pid_t pid = fork();

    must(pid >= 0, "fork");
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(FROM) != 0)
        _exit(1);
    for (unsigned i = 0;; i++)
        churn(i);
}

static bool leaked;
static bool found[3]; /* the name as a file, as something else, and not at all */

static int check_copied(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char text[16] = "";
    _cleanup_(close_p) int fd = -1;

    (void)ftw;
    if (type != FTW_F || !S_ISREG(st->st_mode))
        return 0;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    must(fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0, path);
    leaked = leaked || strstr(text, "secret");
    return 0;
}

static void note_name(const char *to)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "%s/name", to);
    if (lstat(path, &st) != 0)
        found[2] = true;
    else
        found[S_ISREG(st.st_mode) ? 0 : 1] = true;
}

/*
 * The name that is read is replaced all the time by links to what is outside, by what blocks or
 * acts when it is opened, and by nothing. Each copy must succeed, and have nothing from outside.
 */
static void test_changing_source(void **state)
{
    char to[32];
    pid_t pid;

    (void)state;
    make_text("secret/file", "secret");
    make_directory("secret/sub");
    make_directory(FROM "/dir/sub");
    make_text(FROM "/dir/sub/file", "known");
    make_text(FROM "/dir/file", "known");
    make_directory(FROM "/other");
    make_text(FROM "/stays", "known");
    pid = start_churn();
    for (int i = 0; i < RACES || !(found[0] && found[1] && found[2]); i++) {
        struct copied copied;

        snprintf(to, sizeof(to), "to%d", i);
        make_directory(to);
        copied = copy_to(to, NULL);
        if (copied.r)
            fail_msg("%d: %s", copied.r, copied.e.text);
        must(nftw(to, check_copied, 16, FTW_PHYS) == 0, "nftw");
        note_name(to);
        assert_false(leaked);
    }
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it was at it to the end */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, fixture_leave)
    const struct CMUnitTest tests[] = {
        TEST(test_file_vanishes),
        TEST(test_file_becomes_link),
        TEST(test_file_becomes_fifo),
        TEST(test_file_becomes_device),
        TEST(test_file_becomes_directory),
        TEST(test_held_file),
        TEST(test_directory_vanishes),
        TEST(test_directory_becomes_link),
        TEST(test_directory_becomes_fifo),
        TEST(test_directory_becomes_file),
        TEST(test_held_directory),
        TEST(test_held_directory_is_emptied),
        TEST(test_file_becomes_directory_and_file_again),
        TEST(test_changes_without_end),
        TEST(test_listed_twice),
        TEST(test_link_listed_twice),
        TEST(test_directory_above_moves_out),
        TEST(test_changing_source),
    };

    return cmocka_run_group_tests_name("copy_race", tests, NULL, NULL);
}
