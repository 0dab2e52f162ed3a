/*
 * Checks that work in a test and in the processes a test forks: in the test
 * they fail it, in a child they print the line and end the child with a
 * status that fails the parent.
 */
#pragma once

#include "tests/unit/cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* The call succeeds (is not -1); its value. */
#define OK(call) check_ok((long)(call), #call, __FILE__, __LINE__)
/* The call answers -1 with this errno. */
#define FAILS(call, err) check_fails((long)(call), (err), #call, __FILE__, __LINE__)
#define MUST(condition)  ((condition) ? (void)0 : check_untrue(#condition, __FILE__, __LINE__))
#define SAME(a, b)       check_same((long long)(a), (long long)(b), #a, #b, __FILE__, __LINE__)

long check_ok(long value, const char *text, const char *file, int line);
void check_fails(long value, int err, const char *text, const char *file, int line);
_Noreturn void check_untrue(const char *text, const char *file, int line);
void check_same(long long a, long long b, const char *text_a, const char *text_b, const char *file,
                int line);

/* Somebody without privileges. */
struct user {
    uid_t uid;
    gid_t gid;
    size_t group_count;
    gid_t groups[2];
};

extern const struct user user_alice; /* 12345:12345, in group GROUP_SHARED too */
extern const struct user user_bob;   /* 12346:12346, in no other group */
enum { GROUP_SHARED = 22222, GROUP_OTHER = 33333 };

/* Forks; the child becomes `user` (NULL: stays), calls `body` and ends well if that returns. */
pid_t child_start(const struct user *user, void (*body)(void *context), void *context);
/* Waits; the child must have ended well. */
void child_finish(pid_t pid);
/* Both. */
void child_run(const struct user *user, void (*body)(void *context), void *context);
/* Ends the test as skipped unless root runs it. */
void require_root(void);
