/*
 * Other programs as children.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* The program of that name in PATH, or in the directories that programs are in. */
bool child_find(const char *name, char out[PATH_MAX]);

struct child {
    const char *const *arguments; /* the first is the path; ended by NULL */
    int in, out, err;             /* its streams, −1: /dev/null */
    bool own_group;               /* signals to our process group are not for it */
};

/*
 * Starts it with every signal as it is by default, and no other descriptor of ours
 * (CVE-2024-21626). A program that cannot be run says so on `err` and ends with status 127. A pid,
 * or negative errno.
 */
pid_t child_start(const struct child *spawn);

/* Runs one that has nothing to read or say, to its end. */
void child_run_quietly(const char *const *arguments);

/* Opens /dev/null for standard streams that are closed, whose numbers others would get. */
void child_fill_streams(void);
