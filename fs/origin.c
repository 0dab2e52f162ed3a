/* A directory of an engine's; see origin.h. No state, no locks. */
#include "fs/origin.h"

#include "catalog/cleanup.h"
#include "catalog/mountinfo.h"
#include "fs/caller.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- opening -------------------------------------------------------------------- */

static int open_failed(const char *path, int r, struct error *e)
{
    if (r == -ENOENT)
        return error_set(e, ERROR_NOT_FOUND, "there is no directory %s", path);
    if (r == -ELOOP)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "%s has a symbolic link on its way, which is not followed; name the "
                         "directory itself (realpath)",
                         path);
    if (r == -ENOTDIR)
        return error_set(e, ERROR_REQUEST_INVALID, "%s is no directory", path);
    if (r == -EXDEV)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "something is mounted on %s; unmount it, or copy what is in it by hand",
                         path);
    return error_set_errno(e, r, "%s", path);
}

int origin_open_parent(struct origin *out, const char *path, struct error *e)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    _cleanup_(free_p) char *parent = strdup(path);
    char *slash;

    *out = (struct origin)ORIGIN_INIT;
    out->path = strdup(path);
    if (!parent || !out->path)
        return -ENOMEM;
    slash = strrchr(parent, '/');
    out->name = out->path + (slash - parent) + 1;
    slash[slash == parent] = 0;
    out->parent_fd = (int)syscall(SYS_openat2, AT_FDCWD, parent, &how, sizeof(how));
    if (out->parent_fd < 0)
        return open_failed(parent, -errno, e);
    return 0;
}

int origin_open(struct origin *out, const char *path, struct error *e)
{
    int r = origin_open_parent(out, path, e);

    if (r)
        return r;
    out->fd = walk_open_directory(out->parent_fd, out->name);
    r = out->fd < 0 ? out->fd : place_of_fd(out->fd, &out->place);
    return r ? open_failed(path, r, e) : 0;
}

void origin_deinit(struct origin *origin)
{
    close_p(&origin->fd);
    close_p(&origin->parent_fd);
    free(origin->path);
    *origin = (struct origin)ORIGIN_INIT;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

void origin_reach(struct origin *origin, int fd)
{
    union {
        struct file_handle header;
        char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } handle = {.header.handle_bytes = MAX_HANDLE_SZ};
    struct stat parent, other;
    int mount, near;

    if (fstat(origin->parent_fd, &parent) < 0 || fstat(fd, &other) < 0 ||
        parent.st_dev != other.st_dev || origin_is_near(origin, fd) ||
        name_to_handle_at(origin->parent_fd, "", &handle.header, &mount, AT_EMPTY_PATH) < 0)
        return;
    near = open_by_handle_at(fd, &handle.header, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (near < 0)
        return;
    if (fstat(near, &other) == 0 && is_same_file(&parent, &other)) {
        close(origin->parent_fd);
        origin->parent_fd = near;
    } else {
        close(near);
    }
}

/* ---- where it is ------------------------------------------------------------------ */

static bool overlap(const char *a, const char *b)
{
    return place_path_is_within(a, b) || place_path_is_within(b, a);
}

int origin_check_place(const struct origin *origin, int store_fd, const char *store_path,
                       struct error *e)
{
    struct place store;
    int r = place_of_fd(store_fd, &store);

    if (r)
        return error_set_errno(e, r, "cannot tell where the store %s lies", store_path);
    if (origin->place.is_tree)
        return error_set(e, ERROR_REQUEST_INVALID, "%s is in a tree of volumes already",
                         origin->path);
    if (overlap(origin->place.path, store.path) ||
        (origin->place.device == store.device && overlap(origin->place.inner, store.inner)))
        return error_set(e, ERROR_REQUEST_INVALID, "%s and the store %s lie in each other",
                         origin->path, store_path);
    return 0;
}

static int mount_id(int fd, uint64_t *out)
{
    struct statx stx;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
        return -errno;
    *out = stx.stx_mnt_id;
    return stx.stx_mask & STATX_MNT_ID ? 0 : -ENOSYS;
}

bool origin_is_near(const struct origin *origin, int fd)
{
    uint64_t here = 0, there = 0;

    return mount_id(origin->parent_fd, &here) == 0 && mount_id(fd, &there) == 0 && here == there;
}

int origin_check_free(const struct origin *origin, struct error *e)
{
    _cleanup_(closedir_p) DIR *dir = NULL;
    const struct dirent *entry;
    int fd = walk_open_directory(origin->parent_fd, origin->name);

    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return open_failed(origin->path, fd, e);
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -ENOMEM;
    }
    for (errno = 0; (entry = readdir(dir)); errno = 0) // NOLINT(concurrency-mt-unsafe): our own
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return error_set(e, ERROR_NOT_EMPTY,
                             "%s has files in it; move them away, or keep what is there and remove "
                             "the volume",
                             origin->path);
    return errno ? error_set_errno(e, -errno, "%s", origin->path) : 0;
}

/* ---- who has it mounted -------------------------------------------------------------- */

struct namespaces {
    ino_t *seen;
    size_t count;
    ino_t own;
};

static void namespaces_deinit(struct namespaces *namespaces)
{
    free(namespaces->seen);
}

/* 1: not seen before, 0, or −ENOMEM. */
static int namespaces_add(struct namespaces *namespaces, ino_t inode)
{
    ino_t *grown;

    for (size_t i = 0; i < namespaces->count; i++)
        if (namespaces->seen[i] == inode)
            return 0;
    grown = reallocarray(namespaces->seen, namespaces->count + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    namespaces->seen = grown;
    grown[namespaces->count++] = inode;
    return 1;
}

static int refuse_mounted(const struct origin *origin, pid_t pid, bool own,
                          const struct mountinfo *mount, struct error *e)
{
    struct caller caller;

    if (own)
        return error_set(e, ERROR_IN_USE, "%s is mounted at %s as well; unmount that first",
                         origin->path, mount->mount_point);
    caller_identify(pid, &caller);
    if (caller.kind == CALLER_CONTAINER)
        return error_set(e, ERROR_IN_USE,
                         "%s is in use by the running container %.12s, at %s; stop it first",
                         origin->path, caller.container_id, mount->mount_point);
    return error_set(e, ERROR_IN_USE, "%s is in use by process %d, at %s; stop it first",
                     origin->path, (int)pid, mount->mount_point);
}

/* What cannot be read belongs to a process that has ended. */
static int check_mounts(const struct origin *origin, pid_t pid, bool own, struct error *e)
{
    _cleanup_(fclose_p) FILE *file = NULL;
    _cleanup_(free_p) char *line = NULL;
    struct mountinfo mount;
    size_t size = 0;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
    file = fopen(path, "re");
    while (file && getline(&line, &size, file) > 0) {
        if (!mountinfo_parse_line(line, &mount))
            continue;
        if (mount.device == origin->place.device &&
            place_path_is_within(mount.root, origin->place.inner))
            return refuse_mounted(origin, pid, own, &mount, e);
        if (own && place_path_is_within(mount.mount_point, origin->place.path))
            return error_set(e, ERROR_IN_USE, "something is mounted in it, at %s; unmount that",
                             mount.mount_point);
    }
    return 0;
}

static int check_process(const struct origin *origin, struct namespaces *namespaces, pid_t pid,
                         struct error *e)
{
    ino_t inode;
    int r;

    if (!caller_read_namespace(pid, &inode))
        return 0;
    r = namespaces_add(namespaces, inode);
    return r <= 0 ? r : check_mounts(origin, pid, inode == namespaces->own, e);
}

int origin_check_unused(const struct origin *origin, struct error *e)
{
    _cleanup_(namespaces_deinit) struct namespaces namespaces = {0};
    _cleanup_(closedir_p) DIR *proc = opendir("/proc");
    const struct dirent *entry;
    int r;

    if (!proc || !caller_read_namespace(getpid(), &namespaces.own))
        return error_set_errno(e, -errno, "/proc");
    r = check_process(origin, &namespaces, getpid(), e);
    while (r == 0 && (entry = readdir(proc))) { // NOLINT(concurrency-mt-unsafe): our own
        char *end;
        long pid = strtol(entry->d_name, &end, 10);

        if (pid > 0 && !*end)
            r = check_process(origin, &namespaces, (pid_t)pid, e);
    }
    return r;
}

int origin_follow(struct origin *origin, int fd)
{
    return place_of_fd(fd, &origin->place);
}

/* ---- what changed ---------------------------------------------------------------------- */

void origin_clock(struct timespec *now)
{
    /* the clock that files are stamped by */
    clock_gettime(CLOCK_REALTIME_COARSE, now);
}

struct change {
    struct timespec since;
    const atomic_bool *stop;
};

enum { CHANGED = 1000 }; /* none of walk.h's */

static int judge(const struct change *change, const struct timespec *at)
{
    if (change->stop && atomic_load_explicit(change->stop, memory_order_relaxed))
        return -ECANCELED;
    if (at->tv_sec != change->since.tv_sec)
        return at->tv_sec > change->since.tv_sec ? CHANGED : 0;
    return at->tv_nsec >= change->since.tv_nsec ? CHANGED : 0;
}

static int change_enter(void *context, const char *name, int fd, const struct stat *st)
{
    (void)name;
    (void)fd;
    return judge(context, &st->st_ctim);
}

static int change_entry(void *context, int parent_fd, const char *name)
{
    struct stat st;

    if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? CHANGED : -errno;
    return judge(context, &st.st_ctim);
}

static int change_leave(void *context, int parent_fd, const char *name, int fd)
{
    (void)context;
    (void)parent_fd;
    (void)name;
    (void)fd;
    return 0;
}

/* A mount was not copied either. */
static int change_refused(void *context, int parent_fd, const char *name, int r)
{
    (void)context;
    (void)parent_fd;
    (void)name;
    return r == -EXDEV ? 0 : r == -ENOENT ? CHANGED : r;
}

int origin_changed_since(int fd, const struct timespec *since, const atomic_bool *stop)
{
    static const struct walk_operations operations = {.enter = change_enter,
                                                      .entry = change_entry,
                                                      .leave = change_leave,
                                                      .refused = change_refused};
    struct change change = {.since = *since, .stop = stop};
    int r = walk_tree(fd, ".", &operations, &change);

    return r == CHANGED ? 1 : r;
}

/* ---- removing what was half made ---------------------------------------------------------- */

static int remove_enter(void *context, const char *name, int fd, const struct stat *st)
{
    (void)context;
    (void)name;
    (void)fd;
    (void)st;
    return 0;
}

static int remove_entry(void *context, int parent_fd, const char *name)
{
    (void)context;
    return unlinkat(parent_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_leave(void *context, int parent_fd, const char *name, int fd)
{
    (void)context;
    (void)fd;
    return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_refused(void *context, int parent_fd, const char *name, int r)
{
    (void)context;
    (void)parent_fd;
    (void)name;
    return r == -ENOENT ? 0 : r;
}

int origin_remove(int parent_fd, const char *name)
{
    static const struct walk_operations operations = {.enter = remove_enter,
                                                      .entry = remove_entry,
                                                      .leave = remove_leave,
                                                      .refused = remove_refused};

    return walk_tree(parent_fd, name, &operations, NULL);
}
