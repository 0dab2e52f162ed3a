/*
 * The root directory: volumes as its entries. Names that are absent are not
 * remembered by the kernel here, because volumes also come by the API.
 */
#include "fs/root.h"

#include "catalog/cleanup.h"
#include "fs/cred.h"
#include "fs/rules.h"
#include "fs/view.h"
#include "fs/walk.h"
#include "fs/workers.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <unistd.h>

enum { OFFSET_DOT = 1, OFFSET_DOTDOT, OFFSET_VOLUMES };

static void root_touch(struct session *session)
{
    atomic_store(&session->root_changed, time_now());
}

/* Store and catalog are written in the daemon's name, and another thread serves meanwhile. */
static void root_begin_change(struct session *session)
{
    cred_assume_own();
    workers_expect_delay(session->workers);
}

void root_attributes(struct session *session, struct stat *st)
{
    int64_t changed = atomic_load(&session->root_changed);
    struct timespec time = {.tv_sec = changed / 1000000000, .tv_nsec = changed % 1000000000};

    *st = (struct stat){
        .st_ino = ROOT_INODE,
        .st_mode = S_IFDIR | 0755,
        .st_nlink = 2 + volume_table_count(session->table),
        .st_uid = geteuid(),
        .st_gid = getegid(),
        .st_blksize = 4096,
        .st_atim = time,
        .st_mtim = time,
        .st_ctim = time,
    };
}

int root_lookup(struct session *session, const char *name, struct fuse_entry_param *out)
{
    struct volume_entry volume;

    if (strcmp(name, VIEW_DIRECTORY_NAME) == 0)
        return view_lookup_top(session, out);
    if (strlen(name) > NAME_MAX_LENGTH)
        return ENAMETOOLONG;
    if (!volume_table_find(session->table, name, &volume))
        return ENOENT;
    return entry_volume(session, &volume, out);
}

int root_mkdir(struct session *session, fuse_req_t req, const char *name, mode_t mode,
               struct fuse_entry_param *out)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    struct volume_request request = {
        .name = name,
        .has_owner = true,
        .root = {ctx->uid, ctx->gid, mode & ~ctx->umask & 07777},
        .exclusive = true,
        .origin = ORIGIN_TREE,
    };
    struct volume_entry entry;
    struct volume volume;
    int r;

    if (strlen(name) > NAME_MAX_LENGTH)
        return ENAMETOOLONG;
    root_begin_change(session);
    r = volumes_create(session->volumes, &request, &volume, NULL, NULL);
    if (r != 0)
        return error_to_errno(r);
    volume_deinit(&volume);
    root_touch(session);
    if (!volume_table_find(session->table, name, &entry))
        return ENOENT; /* removed again at once */
    return entry_volume(session, &entry, out);
}

int root_rmdir(struct session *session, const char *name)
{
    int r;

    if (strcmp(name, VIEW_DIRECTORY_NAME) == 0)
        return EPERM;
    root_begin_change(session);
    r = volumes_remove(session->volumes, name, REMOVE_IF_EMPTY, ORIGIN_TREE, NULL);
    if (r == 0)
        root_touch(session);
    return error_to_errno(r);
}

int root_rename(struct session *session, const char *name, const char *new_name, unsigned flags)
{
    int r;

    if (flags & ~(unsigned)RENAME_NOREPLACE)
        return EINVAL;
    if (strcmp(name, VIEW_DIRECTORY_NAME) == 0 || strcmp(new_name, VIEW_DIRECTORY_NAME) == 0)
        return EPERM;
    if (strlen(new_name) > NAME_MAX_LENGTH)
        return ENAMETOOLONG;
    root_begin_change(session);
    r = volumes_rename(session->volumes, name, new_name, ORIGIN_TREE, NULL);
    if (r == 0)
        root_touch(session);
    return error_to_errno(r);
}

static bool list_dot(struct listing *listing, const char *name, off_t next)
{
    struct fuse_entry_param e = {.attr = {.st_ino = ROOT_INODE, .st_mode = S_IFDIR}};

    return listing_add(listing, name, &e, next);
}

/* The inode number of a volume's root, for a listing without attributes. */
static ino_t volume_inode(struct session *session, const struct volume_entry *volume)
{
    int fd = store_open_data(volumes_store(session->volumes), volume->id);
    struct stat st = {.st_ino = ROOT_INODE};

    if (fd < 0)
        return ROOT_INODE; /* gone from the store: shown all the same, and doctor tells */
    if (fstat(fd, &st) == 0)
        attributes_present(session, &st);
    close(fd);
    return st.st_ino;
}

static bool list_volume(struct session *session, struct listing *listing,
                        const struct volume_entry *volume)
{
    struct fuse_entry_param e = {0};
    off_t next = OFFSET_VOLUMES + (off_t)volume->ref.index + 1;
    bool counted = listing->plus && entry_volume(session, volume, &e) == 0;

    if (!counted)
        e = (struct fuse_entry_param){
            .attr = {.st_ino = volume_inode(session, volume), .st_mode = S_IFDIR}};
    if (listing_add(listing, volume->name, &e, next))
        return true;
    if (counted)
        entry_drop(session, e.ino);
    return false;
}

int root_list(struct session *session, struct listing *listing, off_t offset)
{
    struct volume_entry volume;
    uint32_t from;

    if (offset < OFFSET_DOT && !list_dot(listing, ".", OFFSET_DOT))
        return 0;
    if (offset < OFFSET_DOTDOT && !list_dot(listing, "..", OFFSET_DOTDOT))
        return 0;
    from = offset < OFFSET_VOLUMES ? 0 : (uint32_t)(offset - OFFSET_VOLUMES);
    for (; volume_table_next(session->table, from, &volume); from = volume.ref.index + 1)
        if (!list_volume(session, listing, &volume))
            break;
    return 0;
}

void root_forget_names(struct session *session)
{
    root_touch(session);
    fuse_lowlevel_notify_inval_inode(session->fuse, FUSE_ROOT_ID, 0, 0);
}

static void on_created(void *context, const char *name)
{
    (void)name;
    root_forget_names(context);
}

static void on_removed(void *context, const char *name, struct volume_ref ref)
{
    struct session *session = context;

    (void)ref;
    fuse_lowlevel_notify_inval_entry(session->fuse, FUSE_ROOT_ID, name, strlen(name));
    root_forget_names(session);
}

static void on_renamed(void *context, const char *from, const char *to, struct volume_ref ref)
{
    (void)to;
    on_removed(context, from, ref);
}

static void on_rules_changed(void *context, const char *name, struct volume_ref ref)
{
    rules_apply(context, name, ref);
}

/* Every name of the directory may be known to the kernel as absent. */
static void forget_absent(struct session *session, fuse_ino_t ino, DIR *dir)
{
    const struct dirent *entry;

    while ((entry = readdir(dir))) // NOLINT(concurrency-mt-unsafe): a stream of our own
        fuse_lowlevel_notify_inval_entry(session->fuse, ino, entry->d_name, strlen(entry->d_name));
    fuse_lowlevel_notify_inval_inode(session->fuse, ino, 0, 0);
}

/* Only the volume's root is concerned: what is below came with it and cannot be known. */
static void on_filled(void *context, struct volume_ref ref)
{
    struct session *session = context;
    _cleanup_(closedir_p) DIR *dir = NULL;
    struct fuse_entry_param root;
    struct volume_entry volume;
    int fd;

    if (!volume_table_get(session->table, ref, &volume) ||
        entry_volume(session, &volume, &root) != 0)
        return; /* removed meanwhile */
    fd = store_open_data(volumes_store(session->volumes), volume.id);
    if (fd >= 0) {
        int real = walk_open_directory(fd, ".");

        dir = real < 0 ? NULL : fdopendir(real);
        close(fd);
    }
    if (dir)
        forget_absent(session, root.ino, dir);
    entry_drop(session, root.ino);
}

struct volumes_events root_events(struct session *session)
{
    return (struct volumes_events){
        .created = on_created,
        .removed = on_removed,
        .renamed = on_renamed,
        .rules_changed = on_rules_changed,
        .filled = on_filled,
        .context = session,
    };
}
