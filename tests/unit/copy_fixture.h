/*
 * A private directory to copy in, as the working directory: "from", "to", and whatever else a test
 * makes; and the comparison of what was copied. As root in a mount namespace of its own.
 */
#pragma once

#include "fs/copy.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/openat2_fixture.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

int fixture_enter(void **state);
int fixture_leave(void **state);

/* Fails the test with the text of errno, unless `ok`. */
void must(bool ok, const char *what);

/* Every test begins with these two being empty directories. */
#define FROM "from"
#define TO   "to"

void make_file(const char *path, const void *data, size_t size);
void make_text(const char *path, const char *text);
void make_directory(const char *path);

/* Times that no clock gives, told apart by `seed`: of access, then of change. */
void set_times(const char *path, long seed);

void set_attribute(const char *path, const char *attribute, const char *value);
/* −1: there is no such attribute. */
ssize_t get_attribute(const char *path, const char *attribute, char *value, size_t size);

/* An ACL that gives `uid` the rights, as the kernel takes it, beside rwxr-x---. */
void set_acl(const char *path, const char *attribute, uid_t uid, unsigned rights);

struct stat look(const char *path);

struct copied {
    int r;
    uint64_t bytes, entries; /* the progress, at the end */
    struct error e;
};

struct copied copy_opened(int from_fd, int to_fd, const atomic_bool *stop);

/* FROM to `to`. */
struct copied copy_to(const char *to, const atomic_bool *stop);

/* The same, with the root's attributes, which must succeed and count what was measured. */
void copy_whole(const char *to);

/* Fails the test unless the trees are the same, but for what copy.h leaves out. */
void assert_same_trees(const char *from, const char *to);

/* Skips the test if it is not run by root. */
void need_root(void);

/* Root only; gone with the test. */
void mount_on(const char *path, const char *type, const char *options);
