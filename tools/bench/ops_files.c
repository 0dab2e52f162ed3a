/*
 * Operations that change the tree: create, rename, unlink, mkdir, rmdir, in batches of SMALL_FILES
 * in the directory "new", which each batch removes again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/bench/workload.h"

enum { CREATED_BYTES = 4096 };

/* Where renamed files come from and go to. */
static const char from_prefix[] = "new/a", to_prefix[] = "new/b";

static int before_empty(struct workload *w)
{
    int r = workload_remove_new(w);

    return r < 0 ? r : workload_ensure_directory(w, "new");
}

static int before_files(struct workload *w)
{
    char path[NAME_SIZE];
    int r = before_empty(w);

    for (unsigned i = 0; i < SMALL_FILES && r == 0; i++) {
        workload_name(path, from_prefix, i);
        r = workload_create_file(w, path, CREATED_BYTES);
    }
    return r;
}

static int create_files(struct workload *w, uint64_t *done, size_t bytes)
{
    char path[NAME_SIZE];

    for (unsigned i = 0; i < SMALL_FILES; i++, ++*done) {
        ssize_t n = (ssize_t)bytes;
        int fd;

        workload_name(path, from_prefix, i);
        fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
        if (fd < 0)
            return workload_fail(w, "create", path);
        errno = 0;
        if (bytes > 0)
            n = write(fd, w->buffer, bytes);
        if (close(fd) < 0 || n != (ssize_t)bytes)
            return workload_fail(w, "write", path);
    }
    return 0;
}

static int create_empty(struct workload *w, uint64_t *done)
{
    return create_files(w, done, 0);
}

static int create_small(struct workload *w, uint64_t *done)
{
    return create_files(w, done, CREATED_BYTES);
}

static int rename_files(struct workload *w, uint64_t *done)
{
    char from[NAME_SIZE], to[NAME_SIZE];

    for (unsigned i = 0; i < SMALL_FILES; i++, ++*done) {
        workload_name(from, from_prefix, i);
        workload_name(to, to_prefix, i);
        if (rename(from, to) < 0)
            return workload_fail(w, "rename", from);
    }
    return 0;
}

/* The files to rename and the files that they will replace. */
static int before_replace(struct workload *w)
{
    char path[NAME_SIZE];
    int r = before_files(w);

    for (unsigned i = 0; i < SMALL_FILES && r == 0; i++) {
        workload_name(path, to_prefix, i);
        r = workload_create_file(w, path, CREATED_BYTES);
    }
    return r;
}

static int unlink_files(struct workload *w, uint64_t *done)
{
    char path[NAME_SIZE];

    for (unsigned i = 0; i < SMALL_FILES; i++, ++*done) {
        workload_name(path, from_prefix, i);
        if (unlink(path) < 0)
            return workload_fail(w, "unlink", path);
    }
    return 0;
}

static int make_directories(struct workload *w, uint64_t *done)
{
    char path[NAME_SIZE];

    for (unsigned i = 0; i < SMALL_FILES; i++, ++*done) {
        workload_name(path, from_prefix, i);
        if (mkdir(path, 0755) < 0)
            return workload_fail(w, "mkdir", path);
    }
    return 0;
}

static int before_directories(struct workload *w)
{
    uint64_t done = 0;
    int r = before_empty(w);

    return r < 0 ? r : make_directories(w, &done);
}

static int remove_directories(struct workload *w, uint64_t *done)
{
    char path[NAME_SIZE];

    for (unsigned i = 0; i < SMALL_FILES; i++, ++*done) {
        workload_name(path, from_prefix, i);
        if (rmdir(path) < 0)
            return workload_fail(w, "rmdir", path);
    }
    return 0;
}

const struct operation operations_files[] = {
    {"create", "file", .before = before_empty, .run = create_empty, .after = workload_remove_new},
    {"create-4k", "file", .before = before_empty, .run = create_small,
     .after = workload_remove_new},
    {"rename", "file", .before = before_files, .run = rename_files, .after = workload_remove_new},
    {"rename-replace", "file", .before = before_replace, .run = rename_files,
     .after = workload_remove_new},
    {"unlink", "file", .before = before_files, .run = unlink_files, .after = workload_remove_new},
    {"mkdir", "directory", .before = before_empty, .run = make_directories,
     .after = workload_remove_new},
    {"rmdir", "directory", .before = before_directories, .run = remove_directories,
     .after = workload_remove_new},
    {0},
};
