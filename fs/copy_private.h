/* What the files of the copier share: nobody else includes this. */
#pragma once

#include "fs/copy.h"
#include "fs/links.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Ways to copy data, the best first. */
enum copy_method { COPY_CLONE, COPY_RANGE, COPY_READ };

enum { COPY_LINKS_NAME_SIZE = 64 };

struct copy_level {
    struct stat st;     /* of the source's directory, before anything of it was read */
    size_t path_length; /* of the directory above */
};

struct copy {
    int to_fd;  /* the caller's */
    int dir_fd; /* what the source's directory that is being walked is copied to */
    struct stat to_st;
    struct copy_progress *progress;
    const atomic_bool *stop;
    struct error *error;
    bool failed; /* copy_fail has said why */

    struct copy_level *levels;
    size_t level_count;
    size_t level_size;

    char *path; /* of the directory that is being walked, from the root of the copy; for texts */
    size_t path_length;
    size_t path_size;

    struct links links;
    int links_fd; /* −1: none was needed yet */
    char links_name[COPY_LINKS_NAME_SIZE];

    enum copy_method method; /* the best that has not failed */

    char *buffer; /* COPY_BUFFER_SIZE, for data or attributes */
};

enum {
    COPY_LIST_SIZE = XATTR_LIST_MAX,
    COPY_VALUE_SIZE = XATTR_SIZE_MAX,
    COPY_BUFFER_SIZE = 256 * 1024,
};
_Static_assert(COPY_LIST_SIZE + COPY_VALUE_SIZE <= COPY_BUFFER_SIZE, "an attribute must fit");

/* A file of the source. */
struct copy_source {
    int fd;
    bool path_only; /* opened with O_PATH */
};

/* A file of the target: `name` in `fd`, or, where that is NULL, `fd` itself. */
struct copy_target {
    int fd;
    const char *name;
};

/*
 * Says that `name` of the current directory (NULL: that itself) cannot be copied: `what` could not
 * be done, because of `r`. Returns `r`, a negative errno.
 */
int copy_fail(struct copy *copy, int r, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

bool copy_stopped(const struct copy *copy);

/*
 * Copies a file that is open with O_PATH and is no directory, to `name` in the current directory;
 * without its data if it is `mounted`. 1: that name is there already, as the source's directory
 * was changed while it was read, so that it was listed twice.
 */
int copy_file(struct copy *copy, int fd, const struct stat *st, const char *name, bool mounted);

/* The same for a file with several names: its data are copied with the first of them. */
int copy_file_linked(struct copy *copy, int fd, const struct stat *st, const char *name);

/* Takes away what was kept for names that did not come. 0 or negative errno. */
int copy_links_close(struct copy *copy);

/* Copies what the file has beside its data; times last. `name` is for texts. */
int copy_attributes(struct copy *copy, const struct copy_source *source,
                    const struct copy_target *target, const struct stat *st, const char *name);

/* Takes the ACLs of a directory of the target away, which it has from the one above. 0 or -errno.
 */
int copy_drop_acl(int fd);
int copy_drop_default_acl(int fd);
