/*
 * A container's directory while it runs; see bundle_dir.h.
 *
 * Names in it are removed one by one, never whatever may be there: a mount that a killed run left
 * would be emptied otherwise.
 */
#include "tools/volctl/bundle_dir.h"

#include "tools/volctl/child.h"
#include "tools/volctl/hook_socket.h"
#include "tools/volctl/pin.h"
#include "tools/volctl/runtime.h"

#include "catalog/cleanup.h"
#include "catalog/name.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum { LOCK_TIMEOUT_S = 10, LOCK_PAUSE_US = 20000 };

static const char *const file_names[] = {"config.json", "pid", "runtime.log", "runtime",
                                         HOOK_SOCKET};
static const char *const log_names[] = {"log", "log.1"};

void bundle_dir_leave(struct bundle_dir *dir)
{
    if (dir->fd >= 0)
        rmdir(dir->path);
}

void bundle_dir_deinit(struct bundle_dir *dir)
{
    close_p(&dir->fd);
    free(dir->base);
    free(dir->path);
    *dir = (struct bundle_dir)BUNDLE_DIR_INIT;
}

char *bundle_dir_state_root(const struct bundle_dir *dir, const char *runtime)
{
    char *root;

    return asprintf(&root, "%s/runtime/%s", dir->base, runtime) < 0 ? NULL : root;
}

/* ---- files ---------------------------------------------------------------------------- */

int bundle_dir_write(const struct bundle_dir *dir, const char *name, const char *text,
                     struct error *e)
{
    _cleanup_(close_p) int fd =
        openat(dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t left = strlen(text);

    if (fd < 0)
        return error_set_errno(e, -errno, "cannot write %s/%s", dir->path, name);
    while (left > 0) {
        ssize_t n = write(fd, text, left);

        if (n < 0)
            return error_set_errno(e, -errno, "cannot write %s/%s", dir->path, name);
        text += n;
        left -= (size_t)n;
    }
    return 0;
}

void bundle_dir_read(const struct bundle_dir *dir, const char *name, char *out, size_t size)
{
    _cleanup_(close_p) int fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);

    out[n < 0 ? 0 : n] = 0;
}

bool bundle_dir_has(const struct bundle_dir *dir, const char *name)
{
    return faccessat(dir->fd, name, F_OK, 0) == 0;
}

/* ---- the directory ---------------------------------------------------------------------- */

static int set_paths(struct bundle_dir *dir, const char *socket, const char *id)
{
    _cleanup_(free_p) char *copy = strdup(socket);

    if (!copy)
        return -ENOMEM;
    dir->base = realpath(dirname(copy), NULL);
    if (!dir->base)
        return -errno;
    if (asprintf(&dir->path, "%s/bundles/%s", dir->base, id) < 0) {
        dir->path = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* Makes a directory of ours. What somebody else has made there, or can write to, is refused. */
static int make_below(const char *base, const char *name, struct error *e)
{
    _cleanup_(close_p) int fd = -1;
    char path[PATH_MAX];
    struct stat st;

    if (snprintf(path, sizeof(path), "%s/%s", base, name) >= PATH_MAX)
        return -ENAMETOOLONG;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_set_errno(e, -errno, "cannot make %s", path);
    fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(e, -errno, "cannot use %s", path);
    if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
        return error_set(e, ERROR_DENIED,
                         "%s is not root's alone, so that others could change what is run; remove "
                         "it, and have the daemon's socket in a directory of root's",
                         path);
    return 0;
}

/* Opens and locks it. -EWOULDBLOCK: somebody has it; -ENOENT: it is gone. */
static int open_locked(struct bundle_dir *dir)
{
    _cleanup_(close_p) int fd = -1;
    struct stat st;

    assert(dir->path);
    fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_nlink == 0) /* whoever had it has removed it */
        return -ENOENT;
    dir->fd = steal_fd(&fd);
    return 0;
}

/* The same, when whoever has it lets it go. `make`: one that is gone is made. */
static int wait_locked(struct bundle_dir *dir, bool make)
{
    time_t deadline = time(NULL) + LOCK_TIMEOUT_S;

    for (;;) {
        int r = make && mkdir(dir->path, 0700) < 0 && errno != EEXIST ? -errno : open_locked(dir);

        if (r != -EWOULDBLOCK && !(make && r == -ENOENT))
            return r;
        if (time(NULL) > deadline)
            return r;
        usleep(LOCK_PAUSE_US);
    }
}

static int make_and_lock(struct bundle_dir *dir, const char *id, struct error *e)
{
    int r = wait_locked(dir, true);

    if (r == 0)
        return 0;
    if (r == -EWOULDBLOCK)
        return error_set(e, ERROR_IN_USE,
                         "container %.12s is being run, or ended, by another volctl; look at it "
                         "with: volctl container inspect %.12s",
                         id, id);
    return error_set_errno(e, r, "cannot make %s", dir->path);
}

int bundle_dir_make(const char *socket, const char *id, struct bundle_dir *out, struct error *e)
{
    int r;

    if (geteuid() != 0)
        return error_set(e, ERROR_DENIED,
                         "only root can run containers, as they are made of mounts and namespaces; "
                         "become root");
    r = name_check_container(id, e);
    if (r)
        return r;
    r = set_paths(out, socket, id);
    if (r)
        return error_set_errno(e, r, "cannot make directories beside %s", socket);
    r = make_below(out->base, "bundles", e);
    if (r == 0)
        r = make_below(out->base, "runtime", e);
    if (r)
        return r;
    return make_and_lock(out, id, e);
}

/* What the runtime has kept is its to delete. */
void bundle_dir_forget(const struct bundle_dir *dir)
{
    struct runtime runtime;
    _cleanup_(free_p) char *root = NULL;

    bundle_dir_read(dir, "runtime", runtime.path, sizeof(runtime.path));
    root = bundle_dir_state_root(dir, runtime_name(&runtime));
    if (dir->fd >= 0 && *runtime.path == '/' && root)
        child_run_quietly((const char *const[]){runtime.path, "--root", root, "delete", "--force",
                                                strrchr(dir->path, '/') + 1, NULL});
}

static void remove_names(int fd, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        unlinkat(fd, names[i], 0);
}

/* One in which something is. */
static bool has_log(int fd)
{
    struct stat st;

    return fstatat(fd, "log", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

void bundle_dir_clear(struct bundle_dir *dir, bool keep_log)
{
    if (dir->fd < 0)
        return;
    pins_remove(dir->fd);
    remove_names(dir->fd, file_names, sizeof(file_names) / sizeof(file_names[0]));
    if (!keep_log || !has_log(dir->fd))
        remove_names(dir->fd, log_names, sizeof(log_names) / sizeof(log_names[0]));
    rmdir(dir->path); /* not with a log in it */
    close_p(&dir->fd);
    dir->fd = -1;
}

int bundle_dir_renew(struct bundle_dir *dir, struct error *e)
{
    if (!bundle_dir_has(dir, "runtime"))
        return 0;
    bundle_dir_forget(dir);
    bundle_dir_clear(dir, false);
    return make_and_lock(dir, strrchr(dir->path, '/') + 1, e);
}

int bundle_dir_each(const char *socket, int (*visit)(void *context, const char *id), void *context)
{
    _cleanup_(bundle_dir_deinit) struct bundle_dir dir = BUNDLE_DIR_INIT;
    _cleanup_(closedir_p) DIR *bundles = NULL;
    const struct dirent *entry;
    int r = set_paths(&dir, socket, "");

    if (r)
        return r;
    assert(dir.path);
    bundles = opendir(dir.path);
    while (r == 0 && bundles && (entry = readdir(bundles)))
        if (name_check_container(entry->d_name, NULL) == 0)
            r = visit(context, entry->d_name);
    return r;
}

void bundle_dir_clear_leftover(const char *socket, const char *id, bool wait)
{
    _cleanup_(bundle_dir_deinit) struct bundle_dir dir = BUNDLE_DIR_INIT;

    if (geteuid() != 0 || name_check_container(id, NULL) || set_paths(&dir, socket, id) ||
        (wait ? wait_locked(&dir, false) : open_locked(&dir)))
        return;
    bundle_dir_forget(&dir);
    bundle_dir_clear(&dir, false);
}
