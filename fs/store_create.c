/*
 * Making volumes in the store, and writing their records.
 *
 * A volume takes a spare (store_spare.c); where there is none it is made whole in staging/ID,
 * renamed, and only then synced: a file system mostly writes its journal with the first sync, and
 * has nothing left to do for the others. A failure takes away what was made. A crash leaves it in
 * staging/, for store_open to drop, or in volumes/: whole, or empty and without its record
 * (store_is_unfinished).
 */
#include "catalog/cleanup.h"
#include "catalog/record.h"
#include "fs/store_private.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_NEW_NAME "volume.json.new"

static int write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text += n;
        length -= (size_t)n;
    }
    return 0;
}

/* Writes a new file: its descriptor, to be synced. */
static int file_write(int dir_fd, const char *name, const char *text)
{
    _cleanup_(close_p) int fd =
        openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = write_all(fd, text, strlen(text));
    return r ? r : steal_fd(&fd);
}

int store_write_file(int dir_fd, const char *name, const char *text)
{
    _cleanup_(close_p) int fd = file_write(dir_fd, name, text);

    if (fd < 0)
        return fd;
    return fsync(fd) < 0 ? -errno : 0;
}

/* Writes the record to a new file, on disk. */
static int record_write_synced(int dir_fd, const char *name, const struct volume *volume)
{
    _cleanup_(free_p) char *text = record_encode(volume);

    return text ? store_write_file(dir_fd, name, text) : -ENOMEM;
}

int store_write_volume(int dir_fd, const struct volume *volume)
{
    return record_write_synced(dir_fd, RECORD_NAME, volume);
}

/* Owner first: a change of owner clears the set-id bits. */
int store_set_root(int data_fd, const struct store_root *root, bool *changed)
{
    struct stat st;
    bool owner;

    if (fstat(data_fd, &st) < 0)
        return -errno;
    owner = st.st_uid != root->uid || st.st_gid != root->gid;
    *changed = owner || ((st.st_mode ^ root->mode) & 07777) != 0;
    if (owner && fchown(data_fd, root->uid, root->gid) < 0)
        return -errno;
    return *changed && fchmod(data_fd, root->mode & 07777) < 0 ? -errno : 0;
}

static int data_make(int dir_fd, const struct store_root *root, int *out)
{
    bool changed;

    if (mkdirat(dir_fd, DATA_NAME, 0700) < 0)
        return -errno;
    *out = walk_open_directory(dir_fd, DATA_NAME);
    return *out < 0 ? *out : store_set_root(*out, root, &changed);
}

void store_stage_deinit(struct stage *stage)
{
    close_p(&stage->fd);
    close_p(&stage->data_fd);
    close_p(&stage->record_fd);
}

int store_stage(int parent_fd, const char *id, const struct store_root *root, const char *record,
                struct stage *stage)
{
    int r;

    if (mkdirat(parent_fd, id, 0700) < 0)
        return -errno;
    stage->fd = walk_open_directory(parent_fd, id);
    if (stage->fd < 0)
        return stage->fd;
    r = data_make(stage->fd, root, &stage->data_fd);
    if (r)
        return r;
    stage->record_fd = file_write(stage->fd, RECORD_NAME, record);
    return stage->record_fd < 0 ? stage->record_fd : 0;
}

int store_stage_sync(const struct stage *stage)
{
    if (fsync(stage->record_fd) < 0 || fsync(stage->data_fd) < 0 || fsync(stage->fd) < 0)
        return -errno;
    return 0;
}

void store_stage_undo(int parent_fd, const char *id)
{
    _cleanup_(close_p) int fd = walk_open_directory(parent_fd, id);

    if (fd < 0)
        return;
    unlinkat(fd, RECORD_NAME, 0);
    unlinkat(fd, DATA_NAME, AT_REMOVEDIR);
    unlinkat(parent_fd, id, AT_REMOVEDIR);
}

/* A filled directory is never empty, so a plain rename never replaces one. */
static int stage_publish(struct store *store, const char *id, const struct stage *stage)
{
    int r;

    if (renameat(store->staging_fd, id, store->volumes_fd, id) < 0)
        return errno == ENOTEMPTY ? -EEXIST : -errno;
    r = store_stage_sync(stage);
    if (r == 0 && fsync(store->volumes_fd) < 0)
        r = -errno;
    if (r) /* not known to be durable, so not made: back to where a failure is undone */
        renameat(store->volumes_fd, id, store->staging_fd, id);
    return r;
}

static int create_failed(const struct store *store, int r, const struct volume *volume,
                         const struct store_root *root, struct error *e)
{
    if (r == -EPERM)
        return error_set(e, ERROR_DENIED,
                         "cannot give volume \"%s\" to %u:%u: volumefs runs as uid %u and not as "
                         "root; leave uid and gid out, or run it as root",
                         volume->name, root->uid, root->gid, geteuid());
    return store_fail(store, r, "cannot make volume", volume->name, e);
}

int store_create(struct store *store, struct volume *volume, const struct store_root *root,
                 struct error *e)
{
    _cleanup_(store_stage_deinit) struct stage stage = {-1, -1, -1};
    _cleanup_(free_p) char *record = NULL;
    int r;

    if (store_use_spare(store, volume, root))
        return 0;
    r = name_make_random(volume->id, VOLUME_ID_LENGTH);
    if (r)
        return create_failed(store, r, volume, root, e);
    record = record_encode(volume);
    r = record ? store_stage(store->staging_fd, volume->id, root, record, &stage) : -ENOMEM;
    if (r == 0)
        r = stage_publish(store, volume->id, &stage);
    if (r == 0)
        return 0;
    store_stage_undo(store->staging_fd, volume->id);
    return create_failed(store, r, volume, root, e);
}

static int record_replace(int dir_fd, const struct volume *volume)
{
    int r;

    if (unlinkat(dir_fd, RECORD_NEW_NAME, 0) < 0 && errno != ENOENT)
        return -errno;
    r = record_write_synced(dir_fd, RECORD_NEW_NAME, volume);
    if (r == 0 && renameat(dir_fd, RECORD_NEW_NAME, dir_fd, RECORD_NAME) < 0)
        r = -errno;
    if (r) {
        unlinkat(dir_fd, RECORD_NEW_NAME, 0);
        return r;
    }
    return fsync(dir_fd) < 0 ? -errno : 0;
}

int store_write_record(struct store *store, const struct volume *volume, struct error *e)
{
    _cleanup_(close_p) int dir_fd = -1;
    int r;

    if (!name_is_volume_id(volume->id))
        return -EINVAL;
    dir_fd = walk_open_directory(store->volumes_fd, volume->id);
    r = dir_fd < 0 ? dir_fd : record_replace(dir_fd, volume);
    return r ? store_fail(store, r, "cannot write the record of volume", volume->name, e) : 0;
}

/* Whether there is a record that can be read: 1, 0, or negative errno. */
static int has_record(int dir_fd)
{
    _cleanup_(close_p) int fd = openat(dir_fd, RECORD_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(free_p) char *text = NULL;
    struct volume volume;
    struct stat st;
    ssize_t n;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > RECORD_SIZE_MAX)
        return st.st_size != 0; /* strange is not unfinished */
    text = malloc((size_t)st.st_size);
    if (!text)
        return -ENOMEM;
    n = pread(fd, text, (size_t)st.st_size, 0);
    if (n < 0)
        return -errno;
    if (record_decode(text, (size_t)n, &volume, NULL) != 0)
        return 0;
    volume_deinit(&volume);
    return 1;
}

int store_has_data(int dir_fd)
{
    _cleanup_(close_p) int fd = walk_open_directory(dir_fd, DATA_NAME);
    int r;

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    r = walk_is_empty(fd);
    return r < 0 ? r : !r;
}

int store_is_unfinished(struct store *store, const char *id)
{
    _cleanup_(close_p) int dir_fd = walk_open_directory(store->volumes_fd, id);
    int r = dir_fd < 0 ? dir_fd : has_record(dir_fd);

    if (r == 0)
        r = store_has_data(dir_fd);
    return r < 0 ? r : !r;
}
