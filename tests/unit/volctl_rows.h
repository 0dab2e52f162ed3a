/*
 * The program itself, $VOLCTL, run against a daemon that answers what a row says: the requests it
 * makes, what it prints, and how it ends. It runs in a directory of its own, @DIR@ in a row.
 */
#pragma once

#include "tests/unit/fake_daemon.h"

#include <sys/types.h>

#define ROW_ARGUMENTS_MAX 16
#define ROW_ANSWERS_MAX   4

struct row {
    const char *arguments[ROW_ARGUMENTS_MAX];
    const char *input;                           /* stdin */
    struct fake_answer answers[ROW_ANSWERS_MAX]; /* @DIR@ in a body is filled in */
    const char *requests;                        /* all of them, in order; NULL: none */
    int status;                                  /* exit */
    const char *out, *error;                     /* exactly; out "~x" and error: containing */
};

/* Makes the directory and sets $VOLUMEFS_SOCKET. 0, or −1: there is no $VOLCTL. */
int rows_setup(void);
/* Removes the directory with all that is in it. */
int rows_teardown(void);

/* A path in the directory; free it. */
char *rows_path(const char *name);
void rows_write(const char *name, const char *text, mode_t mode);
/* Up to 64 KiB, with @DIR@ for the directory and @ID@ for 64 hexadecimal digits; free it. */
char *rows_read(const char *name);

/* Runs each. The test fails at the first that does not do what it says, and tells all it did. */
void rows_run(const struct row *rows, size_t count);
