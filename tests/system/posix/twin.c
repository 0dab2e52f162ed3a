/*
 * The same random operations, as several users, in a directory below $TEST_DIR
 * and in a native one below $TWIN_DIR (default: the same). What each call
 * answers, and in the end the trees, must be equal. Device nodes are left out:
 * those of a volume are not honoured.
 */
#include <sys/xattr.h>

#include "tests/system/posix/check.h"
#include "tests/system/posix/random.h"
#include "tests/system/posix/sandbox.h"
#include "tests/system/posix/steps.h"
#include "tests/system/posix/tree.h"

#include <grp.h>
#include <stdio.h>

enum { ROUNDS = 8000 };

static size_t choose_operation(void)
{
    uint64_t total = 0, at;

    for (size_t i = 0; i < OPERATIONS; i++)
        total += step_operations[i].weight;
    at = random_below(total);
    for (size_t i = 0;; at -= step_operations[i++].weight)
        if (at < step_operations[i].weight)
            return i;
}

static const char *const names[] = {"a", "b", "c", "d", "long-name-0123456789", ".x"};
enum { NAMES = sizeof(names) / sizeof(*names) };

/* One to three components out of few, so that they meet. */
static void choose_path(char path[PATH_SIZE])
{
    uint64_t depth = 1 + random_below(3);
    size_t length = 0;

    for (uint64_t i = 0; i < depth; i++)
        length += (size_t)snprintf(path + length, PATH_SIZE - length, "%s%s", i ? "/" : "",
                                   names[random_below(NAMES)]);
}

static struct step choose_step(void)
{
    static const mode_t modes[] = {0755, 0644, 0777, 0700, 02775, 01777, 04755, 0666, 0};
    struct step s;

    memset(&s, 0, sizeof(s));
    choose_path(s.path);
    choose_path(s.other);
    s.number = random_below(1U << 30);
    s.extra = random_below(1U << 30);
    s.mode = modes[random_below(sizeof(modes) / sizeof(*modes))];
    return s;
}

/* Who the next operations are done by. */
static unsigned become_somebody(void)
{
    const struct user *const users[] = {NULL, NULL, &user_alice, &user_bob};
    unsigned who = (unsigned)random_below(4);
    const struct user *user = users[who];

    OK(seteuid(0));
    OK(setgroups(user ? user->group_count : 0, user ? user->groups : NULL));
    OK(setegid(user ? user->gid : 0));
    OK(seteuid(user ? user->uid : 0));
    umask(random_below(3) ? 022 : 0);
    return user ? user->uid : 0;
}

static void become_root(void)
{
    OK(seteuid(0));
    OK(setegid(0));
    OK(setgroups(0, NULL));
    umask(022);
}

static void compare_now(int a, int b, unsigned round)
{
    char what[4500] = "";

    become_root();
    if (tree_compare(a, b, what, sizeof(what))) {
        print_error("after %u rounds %s\n", round, what);
        fail();
    }
}

/* In a tree that is full of everything most operations only fail. */
static void start_afresh(int dir)
{
    for (size_t i = 0; i < NAMES; i++)
        OK(sandbox_remove(dir, names[i]));
}

/* Operations that never succeed prove little: there may be few such. */
static void expect_success(const unsigned done[OPERATIONS], unsigned rounds)
{
    unsigned failed = 0;

    if (rounds < ROUNDS)
        return;
    for (size_t i = 0; i < OPERATIONS; i++)
        if (!done[i]) {
            print_error("%s never succeeded\n", step_operations[i].name);
            failed++;
        }
    MUST(failed <= 2);
}

static void run_rounds(int a, int b)
{
    unsigned rounds = random_rounds(ROUNDS), done[OPERATIONS] = {0}, who = 0;

    for (unsigned round = 0; round < rounds; round++) {
        size_t op = choose_operation();
        struct step s = choose_step();
        long answer_a, answer_b;

        if (round % 8 == 0)
            who = become_somebody();
        answer_a = step_operations[op].act(a, &s);
        answer_b = step_operations[op].act(b, &s);
        done[op] += answer_a >= 0;
        if (answer_a != answer_b) {
            become_root();
            print_error("round %u, uid %u: %s %s %s number %llu extra %llu mode %o: %ld (%s), and "
                        "%ld (%s) on the twin\n",
                        round, who, step_operations[op].name, s.path, s.other,
                        (unsigned long long)s.number, (unsigned long long)s.extra, s.mode, answer_a,
                        answer_a < 0 ? strerror((int)-answer_a) : "done", answer_b,
                        answer_b < 0 ? strerror((int)-answer_b) : "done");
            fail();
        }
        if (round % 2000 == 1999) {
            compare_now(a, b, round);
            start_afresh(a);
            start_afresh(b);
        }
    }
    become_root();
    expect_success(done, rounds);
}

static int make_base(int at, const char *name)
{
    OK(mkdirat(at, name, 0777));
    OK(fchmodat(at, name, 0777, 0));
    return (int)OK(openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void test_same_as_twin(void **state)
{
    const char *twin = getenv("TWIN_DIR");
    int here = (int)OK(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)), there = here, a, b;
    char name[32];

    (void)state;
    require_root();
    if (twin)
        there = (int)OK(open(twin, O_PATH | O_DIRECTORY | O_CLOEXEC));
    snprintf(name, sizeof(name), "twin-%d", (int)getpid());
    a = make_base(here, "original");
    b = make_base(there, name);
    run_rounds(a, b);
    compare_now(a, b, random_rounds(ROUNDS));
    OK(close(a));
    OK(close(b));
    OK(fchdir(here));
    OK(sandbox_remove(there, name));
}

static void differ(int a, int b, const char *expect)
{
    char what[4500] = "";

    SAME(tree_compare(a, b, what, sizeof(what)), 1);
    if (!strstr(what, expect))
        fail_msg("%s is told, not %s", what, expect);
}

/* The comparison itself: it finds each kind of difference. */
static void test_comparison_finds_differences(void **state)
{
    char what[4500];
    int a, b;

    (void)state;
    a = make_base(AT_FDCWD, "a");
    b = make_base(AT_FDCWD, "b");
    file_write("a/f", "x");
    differ(a, b, "entries");
    file_write("b/f", "y");
    differ(a, b, "content");
    file_write("b/f", "x");
    SAME(tree_compare(a, b, what, sizeof(what)), 0);
    OK(chmod("b/f", 0600));
    differ(a, b, "mode");
    OK(chmod("a/f", 0600));
    OK(setxattr("a/f", "user.a", "1", 1, 0));
    differ(a, b, "attributes");
    OK(setxattr("b/f", "user.a", "2", 1, 0));
    differ(a, b, "user.a differs");
    OK(setxattr("b/f", "user.a", "1", 1, 0));
    OK(link("a/f", "a/g"));
    file_write("b/g", "x");
    OK(chmod("b/g", 0600));
    differ(a, b, "links");
    OK(unlink("b/g"));
    OK(link("b/f", "b/g"));
    OK(symlink("x", "a/l"));
    OK(symlink("y", "b/l"));
    differ(a, b, "target");
    OK(unlink("b/l"));
    OK(symlink("x", "b/l"));
    SAME(tree_compare(a, b, what, sizeof(what)), 0);
    OK(close(a));
    OK(close(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_comparison_finds_differences),
        SANDBOX_TEST(test_same_as_twin),
    };

    random_start("twin");
    return cmocka_run_group_tests_name("twin", tests, NULL, NULL);
}
