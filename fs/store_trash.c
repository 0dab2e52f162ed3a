/*
 * Taking volumes away: a rename into trash/, and then the removal of what is
 * there, which a crash may stop anywhere and the next run goes on with.
 *
 * A tree in the trash was made by containers: it may be deeper than any path,
 * have directories nobody may read, files that may not be removed, and mounts.
 * What refuses is left and reported; all else goes.
 */
#include "catalog/cleanup.h"
#include "fs/store_private.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { TRASH_SAME_ID_MAX = 100 };

int store_move_to_trash(const struct store *store, int from_fd, const char *name)
{
    char target[NAME_MAX + 1];

    if (renameat2(from_fd, name, store->trash_fd, name, RENAME_NOREPLACE) == 0)
        return 0;
    for (int i = 1; errno == EEXIST && i <= TRASH_SAME_ID_MAX; i++) {
        int n = snprintf(target, sizeof(target), "%s.%d", name, i);

        if (n >= (int)sizeof(target))
            return -ENAMETOOLONG;
        if (renameat2(from_fd, name, store->trash_fd, target, RENAME_NOREPLACE) == 0)
            return 0;
    }
    return -errno;
}

int store_discard(struct store *store, const char *id, struct error *e)
{
    int r;

    if (!name_is_volume_id(id))
        return -EINVAL;
    r = store_move_to_trash(store, store->volumes_fd, id);
    if (r == -ENOENT)
        return 0;
    return r ? store_fail(store, r, "cannot remove volume", id, e) : 0;
}

int store_sync_removals(struct store *store, struct error *e)
{
    if (fsync(store->trash_fd) == 0 && fsync(store->volumes_fd) == 0 && fsync(store->spare_fd) == 0)
        return 0;
    return error_set_errno(e, -errno, "%s/trash", store->path);
}

/* ---- removal of a tree ------------------------------------------------- */

struct removal {
    const atomic_bool *stop;
    int first_error; /* of what had to stay */
};

static int removal_note(struct removal *removal, int r)
{
    if (removal->first_error == 0)
        removal->first_error = r;
    return 0;
}

static bool removal_stopped(const struct removal *removal)
{
    return removal->stop && atomic_load_explicit(removal->stop, memory_order_relaxed);
}

/* Without root, a directory that its owner may not write keeps its entries: make it writable. */
static int removal_enter(void *context, const char *name, int fd, const struct stat *st)
{
    (void)context;
    (void)name;
    if (geteuid() != 0 && (st->st_mode & 0700) != 0700)
        (void)!fchmod(fd, 0700);
    return 0;
}

static int removal_entry(void *context, int parent_fd, const char *name)
{
    struct removal *removal = context;

    if (removal_stopped(removal))
        return -ECANCELED;
    if (unlinkat(parent_fd, name, 0) < 0 && errno != ENOENT)
        removal_note(removal, -errno);
    return 0;
}

static int removal_leave(void *context, int parent_fd, const char *name, int fd)
{
    struct removal *removal = context;

    (void)fd;
    if (removal_stopped(removal))
        return -ECANCELED;
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        removal_note(removal, -errno);
    return 0;
}

/* chmod by way of the fd, as the name may be replaced by a link meanwhile. */
static int directory_make_readable(int parent_fd, const char *name)
{
    _cleanup_(close_p) int fd = -1;
    char path[64];

    fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return chmod(path, 0700) < 0 ? -errno : 0;
}

static int removal_refused(void *context, int parent_fd, const char *name, int r)
{
    if (r == -EACCES && directory_make_readable(parent_fd, name) == 0)
        return WALK_RETRY;
    return r == -ENOENT ? 0 : removal_note(context, r == -EXDEV ? -EBUSY : r);
}

static const struct walk_operations removal_operations = {
    .enter = removal_enter,
    .entry = removal_entry,
    .leave = removal_leave,
    .refused = removal_refused,
};

/* What is sealed could not be unlinked. */
static int trash_unseal(const struct store *store, const char *name)
{
    _cleanup_(close_p) int fd = walk_open_directory(store->trash_fd, name);

    return fd < 0 ? fd : store_unseal_in(store, fd);
}

/* One entry of the trash: 0 gone, -ECANCELED stopped, or why not all of it went. */
static int trash_remove(const struct store *store, const char *name, const atomic_bool *stop)
{
    struct removal removal = {.stop = stop};
    struct stat st;
    int r;

    if (fstatat(store->trash_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISDIR(st.st_mode))
        return unlinkat(store->trash_fd, name, 0) < 0 ? -errno : 0;
    r = trash_unseal(store, name);
    if (r == 0)
        r = walk_tree(store->trash_fd, name, &removal_operations, &removal);
    return r ? r : removal.first_error;
}

/* "ID" or "ID.1": the id, if it is one. */
static bool trash_entry_id(const char *name, char id[VOLUME_ID_LENGTH + 1])
{
    if (strlen(name) < VOLUME_ID_LENGTH ||
        (name[VOLUME_ID_LENGTH] && name[VOLUME_ID_LENGTH] != '.'))
        return false;
    memcpy(id, name, VOLUME_ID_LENGTH);
    id[VOLUME_ID_LENGTH] = 0;
    return name_is_volume_id(id);
}

static int trash_fail(const struct store *store, int r, const char *name, struct error *e)
{
    if (r == -EPERM)
        return error_set_errno(e, r,
                               "%s/trash/%s cannot be removed whole (an immutable file? "
                               "find it with lsattr -R, then chattr -R -i)",
                               store->path, name);
    if (r == -EBUSY)
        return error_set_errno(e, r, "%s/trash/%s has a mount in it; unmount that", store->path,
                               name);
    return error_set_errno(e, r, "%s/trash/%s cannot be removed whole", store->path, name);
}

static int trash_list(const struct store *store, DIR **out)
{
    int fd = walk_open_directory(store->trash_fd, ".");

    if (fd < 0)
        return fd;
    *out = fdopendir(fd);
    if (*out)
        return 0;
    close(fd);
    return -ENOMEM;
}

int store_empty_trash(struct store *store, void (*removed)(void *context, const char *id),
                      void *context, const atomic_bool *stop, struct error *e)
{
    _cleanup_(closedir_p) DIR *dir = NULL;
    char id[VOLUME_ID_LENGTH + 1];
    const struct dirent *entry;
    int failed = 0;
    int r = trash_list(store, &dir);

    if (r)
        return error_set_errno(e, r, "%s/trash", store->path);
    while (!(stop && atomic_load(stop)) && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        r = trash_remove(store, entry->d_name, stop);
        if (r == -ECANCELED)
            break;
        if (r && !failed)
            failed = trash_fail(store, r, entry->d_name, e);
        if (r == 0 && removed && trash_entry_id(entry->d_name, id))
            removed(context, id);
    }
    return failed;
}
