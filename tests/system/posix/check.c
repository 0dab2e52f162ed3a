/*
 * Checks in tests and in their children. A child must not return into cmocka,
 * so `in_child` decides how a failure is told.
 */
#include "tests/system/posix/check.h"

#include <grp.h>
#include <stdarg.h>
#include <sys/prctl.h>

const struct user user_alice = {12345, 12345, 1, {GROUP_SHARED}};
const struct user user_bob = {12346, 12346, 0, {0}};

static bool in_child;

__attribute__((format(printf, 3, 4))) static void check_failed(const char *file, int line,
                                                               const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, "# %s:%d: %s\n", file, line, text);
    if (in_child)
        _exit(1);
    print_error("%s\n", text);
    _fail(file, line);
}

long check_ok(long value, const char *text, const char *file, int line)
{
    if (value == -1)
        check_failed(file, line, "%s: %s", text, strerror(errno));
    return value;
}

void check_fails(long value, int err, const char *text, const char *file, int line)
{
    int got = errno;

    if (value != -1)
        check_failed(file, line, "%s: answered %ld, not %s", text, value, strerrorname_np(err));
    else if (got != err)
        check_failed(file, line, "%s: %s, not %s", text, strerrorname_np(got),
                     strerrorname_np(err));
}

_Noreturn void check_untrue(const char *text, const char *file, int line)
{
    check_failed(file, line, "not so: %s (errno %s)", text, strerrorname_np(errno));
    abort(); /* cmocka has jumped away */
}

void check_same(long long a, long long b, const char *text_a, const char *text_b, const char *file,
                int line)
{
    if (a != b)
        check_failed(file, line, "%s is %lld (0%llo), %s is %lld (0%llo)", text_a, a,
                     (unsigned long long)a, text_b, b, (unsigned long long)b);
}

static void child_become(const struct user *user)
{
    OK(setgroups(user->group_count, user->groups));
    OK(setresgid(user->gid, user->gid, user->gid));
    OK(setresuid(user->uid, user->uid, user->uid));
}

pid_t child_start(const struct user *user, void (*body)(void *context), void *context)
{
    pid_t pid = (pid_t)OK(fork());

    if (pid)
        return pid;
    in_child = true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (user)
        child_become(user);
    body(context);
    _exit(0);
}

void child_finish(pid_t pid)
{
    int status = 0;

    OK(waitpid(pid, &status, 0));
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        fail_msg("a child ended with status 0x%x", status);
}

void child_run(const struct user *user, void (*body)(void *context), void *context)
{
    child_finish(child_start(user, body, context));
}

void require_root(void)
{
    if (geteuid())
        skip();
}
