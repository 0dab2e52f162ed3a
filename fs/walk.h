/*
 * A walk of a whole directory tree, as deep as it may be, by held directory fds:
 * no link is followed, no mount is crossed, no path is built. What is done with
 * what is found is the caller's: the trash removes, usage adds up.
 */
#pragma once

#include <sys/stat.h>

/* A call that returns non-zero, other than what is allowed it here, ends the walk with that value.
 */
struct walk_operations {
    /* A directory was opened; `fd` and `st` are its own. WALK_SKIP: it is not visited, nor left. */
    int (*enter)(void *context, const char *name, int fd, const struct stat *st);
    /* Anything but a directory, in `parent_fd`. WALK_DESCEND: it has become one. */
    int (*entry)(void *context, int parent_fd, const char *name);
    /* All of a directory was visited; `fd` is its own still. */
    int (*leave)(void *context, int parent_fd, const char *name, int fd);
    /* A directory cannot be opened: `r` (-EXDEV: another mount). WALK_RETRY tries once more. */
    int (*refused)(void *context, int parent_fd, const char *name, int r);
};

enum { WALK_RETRY = 1, WALK_SKIP, WALK_DESCEND };

/*
 * Walks `name` (one component or ".") in `parent_fd`. 0, what a call returned, or
 * negative errno; -ESTALE if a directory was moved away while in it. The times of
 * access of what is read stay as they are, where that is allowed.
 */
int walk_tree(int parent_fd, const char *name, const struct walk_operations *operations,
              void *context);

/*
 * Opens `name` below `parent_fd`, crossing neither link nor mount (-EXDEV). `flags` as of open(2).
 * fd or -errno.
 */
int walk_open(int parent_fd, const char *name, int flags);

/* The same for a directory, for reading. */
int walk_open_directory(int parent_fd, const char *name);

/* Visits each name in the directory but "." and "..", in no order, until `visit` returns non-zero,
 * which is returned; or negative errno. A visit may take the entry away. */
int walk_each(int dir_fd, int (*visit)(void *context, const char *name), void *context);

/* 1: nothing is in the directory; 0; negative errno. */
int walk_is_empty(int dir_fd);
