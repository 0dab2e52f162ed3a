/* Which process a pid means: starts, ends, other boots. */
#include "fs/process.h"
#include "tests/unit/cmocka_all.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_start_is_found_behind_any_name(void **state)
{
    uint64_t start = 0;

    (void)state;
    assert_true(process_stat_start("7 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20",
                                   &start));
    assert_int_equal(start, 4242);
    assert_true(process_stat_start(
        "7 (a) b (c)) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 18446744073709551615",
        &start));
    assert_true(start == UINT64_MAX);
    assert_false(process_stat_start("7 (sh) S 1 2", &start));
    assert_false(
        process_stat_start("7 sh S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1", &start));
    assert_false(process_stat_start("", &start));
}

/* An old valgrind does not know the call: there, and only there, these tests say nothing. */
static bool valgrind_lacks_pidfd(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == ENOSYS && getenv("VOLUMEFS_UNTIMED");
}

/* It does not outlive a test that fails. */
static pid_t start_child(void)
{
    pid_t child = fork();

    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    assert_true(child > 0);
    return child;
}

static void check_a_process_is_known_again_until_it_ends(void)
{
    pid_t child = start_child();
    struct run run = {.pid = child};
    _cleanup_(close_p) int fd = process_open(child, &run.pid_started_at);
    int again;

    assert_true(fd >= 0);
    assert_false(process_has_ended(fd, 0));
    process_boot_id(run.boot_id);
    assert_int_equal(strlen(run.boot_id), BOOT_ID_LENGTH);
    again = process_reopen(&run);
    assert_true(again >= 0);
    close(again);
    kill(child, SIGKILL);
    assert_true(process_has_ended(fd, 10000));
    assert_int_equal(process_reopen(&run), -ESRCH); /* a zombie still has the pid */
    waitpid(child, NULL, 0);
    assert_int_equal(process_reopen(&run), -ESRCH);
}

static void check_another_process_of_the_same_pid_is_not_it(void)
{
    pid_t child = start_child();
    struct run run = {.pid = child};
    int fd = process_open(child, &run.pid_started_at);

    assert_true(fd >= 0);
    close(fd);
    process_boot_id(run.boot_id);
    run.pid_started_at--;
    assert_int_equal(process_reopen(&run), -ESRCH);
    run.pid_started_at++;
    run.boot_id[0] = run.boot_id[0] == '0' ? '1' : '0';
    assert_int_equal(process_reopen(&run), -ESRCH);
    run = (struct run){0};
    assert_int_equal(process_reopen(&run), -ESRCH);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void test_a_process_is_known_again_until_it_ends(void **state)
{
    (void)state;
    if (!valgrind_lacks_pidfd())
        check_a_process_is_known_again_until_it_ends();
}

static void test_another_process_of_the_same_pid_is_not_it(void **state)
{
    (void)state;
    if (!valgrind_lacks_pidfd())
        check_another_process_of_the_same_pid_is_not_it();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_is_found_behind_any_name),
        cmocka_unit_test(test_a_process_is_known_again_until_it_ends),
        cmocka_unit_test(test_another_process_of_the_same_pid_is_not_it),
    };

    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
