/*
 * Copying a tree: the walk of the source, and beside it the target.
 *
 * Of the target one directory is open, the one that the walk is in; the way up is its "..", which
 * is safe as nobody else changes the target. A directory gets its attributes when it is left, after
 * what changes its times, and so that a default ACL is not inherited by what is copied into it.
 *
 * No locks; what other threads see of it is the progress.
 */
#include "fs/copy.h"

#include "catalog/cleanup.h"
#include "fs/copy_private.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LEVELS_MIN = 64, PATH_MIN = 256, TEXT_PATH_MAX = 600, FAILURE_SIZE = 320 };

bool copy_stopped(const struct copy *copy)
{
    return copy->stop && atomic_load_explicit(copy->stop, memory_order_relaxed);
}

/* ---- texts -------------------------------------------------------------------- */

static void path_format(const struct copy *copy, const char *name, char out[TEXT_PATH_MAX + 4])
{
    const char *path = copy->path ? copy->path : "";
    size_t length = copy->path_length + 1 + (name ? strlen(name) : 0);
    size_t skip = length > TEXT_PATH_MAX ? length - TEXT_PATH_MAX : 0;
    const char *lead = skip ? "..." : "";

    if (!name)
        snprintf(out, TEXT_PATH_MAX + 4, "%s%s", lead, *path ? path + skip : ".");
    else if (skip > copy->path_length || !*path)
        snprintf(out, TEXT_PATH_MAX + 4, "%s", name);
    else
        snprintf(out, TEXT_PATH_MAX + 4, "%s%s/%s", lead, path + skip, name);
}

int copy_fail(struct copy *copy, int r, const char *name, const char *format, ...)
{
    char path[TEXT_PATH_MAX + 4];
    char what[FAILURE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    path_format(copy, name, path);
    copy->failed = true;
    if (r == -ENOSPC || r == -EDQUOT)
        error_set(copy->error, ERROR_NO_SPACE,
                  "cannot copy \"%s\": no space left where it goes; free some", path);
    else
        error_set_errno(copy->error, r, "cannot copy \"%s\": %s", path, what);
    return r;
}

/* The result for the caller, with a text if there is none yet. */
static int copy_conclude(struct copy *copy, int r)
{
    if (r == -ECANCELED)
        return error_set(copy->error, r, "the copy was stopped before it was complete");
    if (r && !copy->failed)
        copy_fail(copy, r, NULL,
                  r == -ESTALE ? "it was moved meanwhile; try again" : "it cannot be gone through");
    return r == -ENOSPC || r == -EDQUOT ? ERROR_NO_SPACE : r;
}

/* ---- where the copy is ---------------------------------------------------------- */

static int levels_reserve(struct copy *copy)
{
    size_t size = copy->level_size ? copy->level_size * 2 : LEVELS_MIN;
    struct copy_level *levels;

    if (copy->level_count < copy->level_size)
        return 0;
    levels = reallocarray(copy->levels, size, sizeof(*levels));
    if (!levels)
        return -ENOMEM;
    copy->levels = levels;
    copy->level_size = size;
    return 0;
}

static int path_reserve(struct copy *copy, size_t more)
{
    size_t wanted = copy->path_length + more + 2;
    size_t size = copy->path_size ? copy->path_size : PATH_MIN;
    char *path;

    if (wanted <= copy->path_size)
        return 0;
    while (size < wanted)
        size *= 2;
    path = realloc(copy->path, size);
    if (!path)
        return -ENOMEM;
    copy->path = path;
    copy->path_size = size;
    return 0;
}

/* Takes `dir_fd`, the target's directory for the source's `name` (NULL: the root). */
static int copy_push(struct copy *copy, int dir_fd, const char *name, const struct stat *st)
{
    _cleanup_(close_p) int held = dir_fd;
    struct copy_level level = {.st = *st, .path_length = copy->path_length};
    int r = levels_reserve(copy);

    if (r == 0)
        r = path_reserve(copy, name ? strlen(name) : 0);
    if (r)
        return r;
    copy->path[copy->path_length] = 0;
    if (name)
        copy->path_length +=
            (size_t)snprintf(copy->path + copy->path_length, copy->path_size - copy->path_length,
                             "%s%s", copy->path_length ? "/" : "", name);
    copy->levels[copy->level_count++] = level;
    close_p(&copy->dir_fd);
    copy->dir_fd = steal_fd(&held);
    return 0;
}

/* Takes `parent_fd`. */
static void copy_pop(struct copy *copy, int parent_fd)
{
    copy->path_length = copy->levels[--copy->level_count].path_length;
    copy->path[copy->path_length] = 0;
    close_p(&copy->dir_fd);
    copy->dir_fd = parent_fd;
}

static void count_entry(struct copy *copy)
{
    atomic_fetch_add_explicit(&copy->progress->entries, 1, memory_order_relaxed);
}

/* ---- the walk -------------------------------------------------------------------------- */

static int make_directory(struct copy *copy, const char *name, int *out)
{
    if (mkdirat(copy->dir_fd, name, 0700) < 0)
        return errno == EEXIST ? WALK_SKIP : copy_fail(copy, -errno, name, "it cannot be made");
    *out = openat(copy->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *out < 0 ? copy_fail(copy, -errno, name, "its copy cannot be opened") : 0;
}

static int copy_enter(void *context, const char *name, int fd, const struct stat *st)
{
    struct copy *copy = context;
    int dir_fd = -1;
    int r;

    (void)fd;
    if (copy_stopped(copy))
        return -ECANCELED;
    if (st->st_dev == copy->to_st.st_dev && st->st_ino == copy->to_st.st_ino)
        return copy_fail(copy, -EINVAL, name, "it is where the copy goes");
    if (copy->level_count == 0) {
        dir_fd = fcntl(copy->to_fd, F_DUPFD_CLOEXEC, 0);
        return dir_fd < 0 ? -errno : copy_push(copy, dir_fd, NULL, st);
    }
    r = make_directory(copy, name, &dir_fd);
    return r ? r : copy_push(copy, dir_fd, name, st);
}

/* The way up is opened first: attributes may be such that it could not be afterwards. */
static int copy_leave(void *context, int parent_fd, const char *name, int fd)
{
    struct copy *copy = context;
    struct copy_source source = {.fd = fd};
    struct copy_target target = {.fd = copy->dir_fd};
    _cleanup_(close_p) int up_fd = -1;
    int r;

    (void)parent_fd;
    (void)name;
    if (copy->level_count > 1) {
        up_fd = openat(copy->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (up_fd < 0)
            return copy_fail(copy, -errno, NULL, "the directory of its copy cannot be opened");
        r = copy_attributes(copy, &source, &target, &copy->levels[copy->level_count - 1].st, NULL);
        if (r)
            return r;
        count_entry(copy);
    }
    copy_pop(copy, steal_fd(&up_fd));
    return 0;
}

static int copy_mount_point(struct copy *copy, int fd, const struct stat *st, const char *name)
{
    struct copy_source source = {.fd = fd, .path_only = true};
    struct copy_target target = {.fd = copy->dir_fd, .name = name};

    if (mkdirat(copy->dir_fd, name, 0700) < 0)
        return errno == EEXIST ? 1 : copy_fail(copy, -errno, name, "it cannot be made");
    return copy_attributes(copy, &source, &target, st, name);
}

/* Whatever it is that is there now. */
static int copy_held(struct copy *copy, int fd, const char *name, bool mounted)
{
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return copy_fail(copy, -errno, name, "it cannot be looked at");
    if (S_ISDIR(st.st_mode) && !mounted)
        return WALK_DESCEND;
    if (S_ISDIR(st.st_mode))
        r = copy_mount_point(copy, fd, &st, name);
    else if (st.st_nlink > 1 && !mounted)
        r = copy_file_linked(copy, fd, &st, name);
    else
        r = copy_file(copy, fd, &st, name, mounted);
    if (r == 0)
        count_entry(copy);
    return r < 0 ? r : 0;
}

static int copy_entry(void *context, int parent_fd, const char *name)
{
    struct copy *copy = context;
    _cleanup_(close_p) int fd = -1;
    bool mounted;

    if (copy_stopped(copy))
        return -ECANCELED;
    fd = walk_open(parent_fd, name, O_PATH);
    mounted = fd == -EXDEV;
    if (mounted) {
        fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        fd = fd < 0 ? -errno : fd;
    }
    if (fd == -ENOENT) /* gone since it was listed */
        return 0;
    if (fd < 0)
        return copy_fail(copy, fd, name, "it cannot be opened");
    return copy_held(copy, fd, name, mounted);
}

/* A mount, or no directory any more; what changes again and again is left out. */
static int copy_refused(void *context, int parent_fd, const char *name, int r)
{
    if (r == -ENOENT)
        return 0;
    if (r != -EXDEV && r != -ENOTDIR && r != -ELOOP)
        return copy_fail(context, r, name, "it cannot be opened");
    r = copy_entry(context, parent_fd, name);
    return r == WALK_DESCEND ? 0 : r;
}

static const struct walk_operations copy_operations = {
    .enter = copy_enter,
    .entry = copy_entry,
    .leave = copy_leave,
    .refused = copy_refused,
};

/* ---- from outside -------------------------------------------------------------------------- */

static int copy_init(struct copy *copy, int to_fd, struct error *e)
{
    *copy = (struct copy){.to_fd = to_fd, .dir_fd = -1, .links_fd = -1, .error = e};
    if (fstat(to_fd, &copy->to_st) < 0)
        return -errno;
    copy->buffer = malloc(COPY_BUFFER_SIZE);
    return copy->buffer ? 0 : -ENOMEM;
}

static void copy_deinit(struct copy *copy)
{
    close_p(&copy->dir_fd);
    close_p(&copy->links_fd);
    links_deinit(&copy->links);
    free(copy->levels);
    free(copy->path);
    free(copy->buffer);
}

/* One flush of the file system: errors of writing it show too, from when `to_fd` was opened on. */
static int copy_sync(struct copy *copy)
{
    if (copy_stopped(copy))
        return -ECANCELED;
    return syncfs(copy->to_fd) < 0 ? copy_fail(copy, -errno, NULL, "it cannot be written to disk")
                                   : 0;
}

int copy_tree(int from_fd, int to_fd, struct copy_progress *progress, const atomic_bool *stop,
              struct error *e)
{
    _cleanup_(copy_deinit) struct copy copy;
    int r = copy_init(&copy, to_fd, e);

    copy.progress = progress;
    copy.stop = stop;
    if (r == 0)
        r = copy_drop_default_acl(to_fd);
    if (r)
        return copy_conclude(&copy, copy_fail(&copy, r, NULL, "the copy cannot be begun"));
    r = walk_tree(from_fd, ".", &copy_operations, &copy);
    if (r == 0)
        r = copy_links_close(&copy);
    if (r == 0)
        r = copy_sync(&copy);
    return copy_conclude(&copy, r);
}

int copy_directory_attributes(int from_fd, int to_fd, struct error *e)
{
    struct copy_source source = {.fd = from_fd};
    struct copy_target target = {.fd = to_fd};
    _cleanup_(copy_deinit) struct copy copy;
    struct stat st;
    int r = copy_init(&copy, to_fd, e);

    if (r == 0 && fstat(from_fd, &st) < 0)
        r = -errno;
    if (r == 0)
        r = copy_drop_acl(to_fd);
    if (r)
        copy_fail(&copy, r, NULL, "its attributes cannot be copied");
    else
        r = copy_attributes(&copy, &source, &target, &st, NULL);
    return copy_conclude(&copy, r);
}
