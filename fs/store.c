/*
 * The store as a place: found, made, checked and locked; and where in it a
 * volume lies. What is done to a volume's directory is in store_create.c and
 * store_trash.c.
 *
 * Invariants: the directory is a real one (no link), the daemon's own and 0700;
 * its parts are directories on the same mount, so that a rename between them is
 * atomic; `lock` is held by flock as long as the store is open. No locks in
 * memory: callers serialise by volume, different ids do not meet.
 */
#include "fs/store.h"

#include "catalog/cleanup.h"
#include "fs/store_place.h"
#include "fs/store_private.h"
#include "fs/walk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int unusable(struct error *e, const char *path, const char *why)
{
    return error_set(e, ERROR_UNUSABLE_STORE, "store %s %s", path, why);
}

/* What opening or making a part of the store answered. */
static int store_open_failed(const char *path, int r, struct error *e)
{
    switch (-r) {
    case EROFS:
        return unusable(
            e, path,
            "is on a read-only file system; remount it read-write or choose another store");
    case EACCES:
    case EPERM:
        return unusable(e, path,
                        "is not writable; run volumefs as its owner, or choose another store");
    case ENOSPC:
    case EDQUOT:
        return error_set(e, ERROR_NO_SPACE,
                         "store %s: no space left; free some, or choose another store", path);
    case ENOTDIR:
    case ELOOP:
        return unusable(e, path, "has a part that is not a directory; move it away");
    case EXDEV:
        return unusable(e, path,
                        "has a mount inside it; mount the file system on the store itself");
    default:
        return error_set_errno(e, r, "store %s", path);
    }
}

/* ---- the way to the directory ------------------------------------------ */

/*
 * Opens the canonical `path` a component at a time: it has no links now, and none may get in on
 * the way.
 */
static int open_canonical(const char *path)
{
    _cleanup_(free_p) char *copy = strdup(path);
    _cleanup_(close_p) int fd = -1;
    char *rest = NULL;

    if (!copy)
        return -ENOMEM;
    fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (const char *part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        int next = openat(fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (next < 0)
            return -errno;
        close(fd);
        fd = next;
    }
    return steal_fd(&fd);
}

/* Splits "/a/b/" into the canonical name of /a, opened, and "b". */
static int open_parent(const char *path, char **parent, char **base, int *fd, struct error *e)
{
    _cleanup_(free_p) char *copy = strdup(path);
    char *slash;
    size_t length;

    if (!copy)
        return -ENOMEM;
    for (length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--)
        copy[length - 1] = 0;
    slash = strrchr(copy, '/');
    if (path[0] != '/' || !slash || !slash[1] || strcmp(slash, "/.") == 0 ||
        strcmp(slash, "/..") == 0)
        return unusable(e, path, "is not an absolute path; name one such as /var/lib/volumefs");
    *base = strdup(slash + 1);
    slash[slash == copy] = 0;
    *parent = realpath(copy, NULL);
    if (!*base || !*parent) {
        if (errno == ENOENT)
            return error_set(e, ERROR_UNUSABLE_STORE,
                             "store %s: its parent directory %s does not exist; make it first",
                             path, copy);
        if (errno == ENOTDIR)
            return error_set(e, ERROR_UNUSABLE_STORE, "store %s: %s is not a directory", path,
                             copy);
        return error_set_errno(e, -errno, "store %s", path);
    }
    *fd = open_canonical(*parent);
    if (*fd == -ENOTDIR)
        return error_set(e, ERROR_UNUSABLE_STORE, "store %s: %s is not a directory", path, *parent);
    return *fd < 0 ? error_set_errno(e, *fd, "store %s", path) : 0;
}

static int sync_directory(int parent_fd, const char *name)
{
    _cleanup_(close_p) int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return fsync(fd) < 0 ? -errno : 0;
}

/* Makes the directory unless it is there. */
static int make_directory(int parent_fd, const char *base, const char *path, struct error *e)
{
    int r;

    assert(base);
    if (faccessat(parent_fd, base, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    if (mkdirat(parent_fd, base, 0700) < 0)
        return errno == EEXIST ? 0 : store_open_failed(path, -errno, e);
    r = sync_directory(parent_fd, ".");
    return r ? store_open_failed(path, r, e) : 0;
}

/* Opens the directory; O_PATH, so that nothing is asked of it yet. */
static int open_directory(int parent_fd, const char *base, const char *path, int *out,
                          struct error *e)
{
    _cleanup_(close_p) int fd = -1;
    struct statx st;

    assert(base);
    fd = openat(parent_fd, base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
        return store_open_failed(path, -errno, e);
    if (S_ISLNK(st.stx_mode))
        return unusable(e, path, "is a symbolic link; name the directory itself");
    if (!S_ISDIR(st.stx_mode))
        return unusable(e, path, "is not a directory");
    *out = steal_fd(&fd);
    return 0;
}

/* ---- the directory itself ---------------------------------------------- */

static bool name_is_of_store(const char *name)
{
    static const char *const known[] = {"volumes", "staging",    "adopting", "trash",
                                        "filled",  "lost+found", "lock",     "spare"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(name, known[i]) == 0)
            return true;
    return strncmp(name, "catalog.db", strlen("catalog.db")) == 0;
}

static int visit_other(void *context, const char *name)
{
    if (name_is_of_store(name))
        return 0;
    snprintf(context, NAME_MAX + 1, "%s", name);
    return 1;
}

/*
 * The store gets mode 0700, so a path that was mistyped must not make /var/lib ours: a directory
 * with anything in it that no store has, is refused.
 */
static int check_contents(int fd, const char *path, struct error *e)
{
    char other[NAME_MAX + 1];
    int r = walk_each(fd, visit_other, other);

    if (r > 0)
        return error_set(e, ERROR_UNUSABLE_STORE,
                         "store %s is not empty and no store of volumefs (it has \"%s\"); "
                         "name an empty directory, or one that does not exist yet",
                         path, other);
    return r ? store_open_failed(path, r, e) : 0;
}

static int check_owner(int fd, const char *path, struct error *e)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return error_set_errno(e, -errno, "store %s", path);
    if (st.st_uid != geteuid())
        return error_set(e, ERROR_UNUSABLE_STORE,
                         "store %s belongs to uid %u, and volumefs runs as uid %u; "
                         "give it to that user, or choose another store",
                         path, st.st_uid, geteuid());
    if ((st.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
        return store_open_failed(path, -errno, e);
    return 0;
}

static pid_t lock_read_owner(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static int lock_take(struct store *store, struct error *e)
{
    _cleanup_(close_p) int fd =
        openat(store->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    struct stat st;

    if (fd < 0)
        return store_open_failed(store->path, -errno, e);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return unusable(e, store->path, "has a `lock` that is no regular file; remove it");
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return store_open_failed(store->path, -errno, e);
        return error_set(e, ERROR_LOCKED,
                         "store %s is in use by another volumefs (pid %d); stop that one first",
                         store->path, lock_read_owner(fd));
    }
    /* who holds it is for texts only: a disk too full to say so holds nobody up */
    if (ftruncate(fd, 0) == 0)
        (void)!dprintf(fd, "%d\n", getpid());
    store->lock_fd = steal_fd(&fd);
    return 0;
}

static int part_open(const struct store *store, const char *name, int *out, struct error *e)
{
    bool made = mkdirat(store->fd, name, 0700) == 0;

    if (!made && errno != EEXIST)
        return store_open_failed(store->path, -errno, e);
    *out = walk_open_directory(store->fd, name);
    if (*out < 0)
        return store_open_failed(store->path, *out, e);
    if (made && fsync(store->fd) < 0)
        return store_open_failed(store->path, -errno, e);
    return 0;
}

static int visit_staged(void *context, const char *name)
{
    struct store *store = context;

    return store_move_to_trash(store, store->staging_fd, name);
}

/* What was being made when a daemon died was promised to nobody. */
static int staging_discard(struct store *store)
{
    return walk_each(store->staging_fd, visit_staged, store);
}

static int store_open_parts(struct store *store, struct error *e)
{
    int r = lock_take(store, e);

    if (r == 0)
        r = part_open(store, "volumes", &store->volumes_fd, e);
    if (r == 0)
        r = part_open(store, "staging", &store->staging_fd, e);
    if (r == 0)
        r = part_open(store, "spare", &store->spare_fd, e);
    if (r == 0)
        r = part_open(store, "filled", &store->filled_fd, e);
    if (r == 0)
        r = part_open(store, "adopting", &store->adopting_fd, e);
    if (r == 0)
        r = part_open(store, "trash", &store->trash_fd, e);
    if (r)
        return r;
    r = staging_discard(store);
    if (r == 0)
        r = store_recover_spares(store);
    return r ? store_open_failed(store->path, r, e) : 0;
}

/* From the O_PATH fd of a directory that lies where it may. */
static int store_open_at(struct store *store, int path_fd, struct error *e)
{
    int r;

    store->fd = walk_open_directory(path_fd, ".");
    if (store->fd < 0)
        return store_open_failed(store->path, store->fd, e);
    r = check_contents(store->fd, store->path, e);
    if (r == 0)
        r = check_owner(store->fd, store->path, e);
    return r ? r : store_open_parts(store, e);
}

static struct store *store_new(const char *parent, const char *base)
{
    struct store *store = calloc(1, sizeof(*store));

    if (!store)
        return NULL;
    store->fd = store->volumes_fd = store->staging_fd = store->filled_fd = -1;
    store->spare_fd = store->adopting_fd = store->trash_fd = store->lock_fd = -1;
    store->spares = spares_new();
    if (store->spares &&
        asprintf(&store->path, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, base) >= 0)
        return store;
    spares_free(store->spares);
    free(store);
    return NULL;
}

/* Opens what lies at `path`, made before if `make`. */
static int open_place(struct store **out, const char *path, const char *mountpoint, bool make,
                      struct error *e)
{
    _cleanup_(free_p) char *parent = NULL;
    _cleanup_(free_p) char *base = NULL;
    _cleanup_(close_p) int parent_fd = -1;
    _cleanup_(close_p) int fd = -1;
    struct store *store;
    int r;

    r = open_parent(path, &parent, &base, &parent_fd, e);
    if (r == 0)
        r = store_place_check_parent(parent_fd, path, mountpoint, e);
    if (r == 0 && make)
        r = make_directory(parent_fd, base, path, e);
    if (r == 0)
        r = open_directory(parent_fd, base, path, &fd, e);
    if (r == 0)
        r = store_place_check(fd, path, mountpoint, e);
    if (r)
        return r;
    store = store_new(parent, base);
    if (!store)
        return -ENOMEM;
    r = store_open_at(store, fd, e);
    if (r)
        store_free(store);
    else
        *out = store;
    return r;
}

int store_open(struct store **out, const char *path, const char *mountpoint, struct error *e)
{
    return open_place(out, path, mountpoint, true, e);
}

int store_open_existing(struct store **out, const char *path, struct error *e)
{
    _cleanup_(close_p) int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 ? errno == ENOENT || errno == ENOTDIR
               : fstatat(fd, "volumes", &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return error_set(e, ERROR_NOT_FOUND,
                         "there is no store of volumefs at %s (no volumes/ in it); name the store "
                         "that the daemon has, with --store",
                         path);
    return open_place(out, path, NULL, false, e);
}

struct store *store_free(struct store *store)
{
    if (!store)
        return NULL;
    spares_free(store->spares);
    close_p(&store->volumes_fd);
    close_p(&store->spare_fd);
    close_p(&store->staging_fd);
    close_p(&store->filled_fd);
    close_p(&store->adopting_fd);
    close_p(&store->trash_fd);
    close_p(&store->lock_fd);
    close_p(&store->fd);
    free(store->path);
    free(store);
    return NULL;
}

int store_fd(const struct store *store)
{
    return store->fd;
}

const char *store_path(const struct store *store)
{
    return store->path;
}

/* ---- a volume's directory ---------------------------------------------- */

int store_fail(const struct store *store, int r, const char *what, const char *id, struct error *e)
{
    if (r == -ENOSPC || r == -EDQUOT)
        return error_set(e, ERROR_NO_SPACE, "%s %s: no space left in the store %s; free some", what,
                         id, store->path);
    return error_set_errno(e, r, "%s %s in the store %s", what, id, store->path);
}

/* Not RESOLVE_NO_XDEV: a driver may mount what backs the volume on data/. */
static int open_data(struct store *store, const char *id, int flags)
{
    char path[VOLUME_ID_LENGTH + sizeof("/data")];
    struct open_how how = {
        .flags = (unsigned)flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;

    if (!name_is_volume_id(id))
        return -EINVAL;
    snprintf(path, sizeof(path), "%s/data", id);
    fd = syscall(SYS_openat2, store->volumes_fd, path, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

int store_open_data(struct store *store, const char *id)
{
    return open_data(store, id, O_PATH);
}

int store_data_is_empty(struct store *store, const char *id)
{
    _cleanup_(close_p) int fd = open_data(store, id, O_PATH);

    return fd < 0 ? fd : walk_is_empty(fd);
}

static int has_entry(int fd, const char *name)
{
    if (faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 1;
    return errno == ENOENT ? 0 : -errno;
}

int store_locate(struct store *store, const char *id)
{
    int r;

    if (!name_is_volume_id(id))
        return -EINVAL;
    r = has_entry(store->volumes_fd, id);
    if (r)
        return r < 0 ? r : STORE_LIVE;
    r = has_entry(store->trash_fd, id);
    if (r)
        return r < 0 ? r : STORE_TRASHED;
    return STORE_ABSENT;
}

struct ids_visit {
    int (*visit)(void *context, const char *id);
    void *context;
};

static int visit_id(void *context, const char *name)
{
    const struct ids_visit *ids = context;

    return name_is_volume_id(name) ? ids->visit(ids->context, name) : 0;
}

int store_each(struct store *store, int (*visit)(void *context, const char *id), void *context)
{
    return walk_each(store->volumes_fd, visit_id, &(struct ids_visit){visit, context});
}

int store_each_twice(struct store *store, int (*visit)(void *context, const char *id),
                     void *context)
{
    return walk_each(store->spare_fd, visit_id, &(struct ids_visit){visit, context});
}
