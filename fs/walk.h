/*
 * A walk of a whole directory tree, as deep as it may be, by held directory fds:
 * no link is followed, no mount is crossed, no path is built. What is done with
 * what is found is the caller's: the trash removes, usage adds up.
 */
#pragma once

#include <sys/stat.h>

/* A call that returns non-zero ends the walk with that value. */
struct walk_operations {
    /* A directory was opened; `fd` and `st` are its own. */
    int (*enter)(void *context, int fd, const struct stat *st);
    /* Anything but a directory, in `parent_fd`. */
    int (*entry)(void *context, int parent_fd, const char *name);
    /* All of a directory was visited. */
    int (*leave)(void *context, int parent_fd, const char *name);
    /* A directory cannot be opened: `r` (-EXDEV: another mount). WALK_RETRY tries once more. */
    int (*refused)(void *context, int parent_fd, const char *name, int r);
};

enum { WALK_RETRY = 1 };

/*
 * Walks `name` (one component or ".") in `parent_fd`. 0, what a call returned, or
 * negative errno; -ESTALE if a directory was moved away while in it.
 */
int walk_tree(int parent_fd, const char *name, const struct walk_operations *operations,
              void *context);

/* Opens a directory below `parent_fd` for reading, crossing neither link nor mount. fd or -errno.
 */
int walk_open_directory(int parent_fd, const char *name);
