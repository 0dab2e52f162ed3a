/*
 * The place of a test: a fresh directory below $TEST_DIR which is the current
 * one while the test runs, and is removed with all in it afterwards. Tests use
 * relative names only, so they do the same on a volume and natively.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* For cmocka: cmocka_unit_test_setup_teardown(f, sandbox_enter, sandbox_leave). */
int sandbox_enter(void **state);
int sandbox_leave(void **state);
#define SANDBOX_TEST(f) cmocka_unit_test_setup_teardown(f, sandbox_enter, sandbox_leave)

/* The current directory is on a FUSE mount: few answers differ from a plain file system's. */
bool sandbox_is_fuse(void);

/* Removes `name` in `dirfd` with all below it, however deep. 0 or -1. */
int sandbox_remove(int dirfd, const char *name);

/* Makes the file with this text (mode 0666 & ~umask) or replaces its content. */
void file_write(const char *name, const char *text);
/* The content is exactly this text. */
bool file_holds(const char *name, const char *text);
bool fd_holds(int fd, off_t offset, const void *data, size_t size);
mode_t mode_of(const char *name); /* permission bits, links not followed */
ino_t inode_of(const char *name);
nlink_t links_of(const char *name);
off_t size_of(const char *name);
bool exists(const char *name); /* links not followed */
