/*
 * Filling an empty volume with files that were copied elsewhere, whole or not at all.
 *
 *   staging/fill-ID   is being copied; a crash throws it away
 *   filled/fill-ID    is complete and on disk: from here on the volume has it, and what a crash
 *                     leaves there is moved on at the next start
 *     …/files         to volumes/ID/data, entry by entry, by rename
 *     …/like          an empty directory with the attributes that data is to have in the end
 *
 * The volume's root stays the directory that it was, because whoever has it open or mounted keeps
 * it. A name that somebody else makes in the moment between is his; the copy of it is thrown away.
 */
#include "catalog/cleanup.h"
#include "fs/copy.h"
#include "fs/store_private.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILL_PREFIX "fill-"
#define FILES_NAME  "files"
#define LIKE_NAME   "like"
enum { FILL_NAME_SIZE = sizeof(FILL_PREFIX) + VOLUME_ID_LENGTH };

static void fill_name(const char *id, char out[FILL_NAME_SIZE])
{
    snprintf(out, FILL_NAME_SIZE, FILL_PREFIX "%.*s", VOLUME_ID_LENGTH, id);
}

static int fill_fail(const struct store *store, int r, const char *id, struct error *e)
{
    return store_fail(store, r, "cannot fill volume", id, e);
}

static int make_directory(int dir_fd, const char *name)
{
    if (mkdirat(dir_fd, name, 0700) < 0)
        return -errno;
    return walk_open_directory(dir_fd, name);
}

void store_fill_abort(struct store *store, const char *id)
{
    char name[FILL_NAME_SIZE];

    fill_name(id, name);
    (void)!store_move_to_trash(store, store->staging_fd, name); /* else the next start does */
}

/* A crash, or an abort on a full disk, may have left one. */
static int fill_make(struct store *store, const char *id)
{
    char name[FILL_NAME_SIZE];
    int fd;

    fill_name(id, name);
    fd = make_directory(store->staging_fd, name);
    if (fd != -EEXIST)
        return fd;
    store_fill_abort(store, id);
    return make_directory(store->staging_fd, name);
}

int store_fill_begin(struct store *store, const char *id, int *files, int *like, struct error *e)
{
    _cleanup_(close_p) int fd = -1;
    int r;

    *files = *like = -1;
    if (!name_is_volume_id(id))
        return -EINVAL;
    fd = fill_make(store, id);
    if (fd >= 0)
        *files = make_directory(fd, FILES_NAME);
    if (*files >= 0)
        *like = make_directory(fd, LIKE_NAME);
    if (*like >= 0)
        return 0;
    r = fd < 0 ? fd : *files < 0 ? *files : *like;
    close_p(files);
    store_fill_abort(store, id);
    return fill_fail(store, r, id, e);
}

/* Names that were moved, for the way back. */
struct moved {
    char **names;
    size_t count;
};

static void moved_deinit(struct moved *moved)
{
    for (size_t i = 0; i < moved->count; i++)
        free(moved->names[i]);
    free(moved->names);
}

static int moved_add(struct moved *moved, const char *name)
{
    char **grown = moved->names;

    if (!(moved->count & (moved->count - 1))) { /* full at every power of two */
        grown = reallocarray(moved->names, moved->count ? moved->count * 2 : 1, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        moved->names = grown;
    }
    grown[moved->count] = strdup(name);
    if (!grown[moved->count])
        return -ENOMEM;
    moved->count++;
    return 0;
}

struct move {
    int from_fd, to_fd;
    struct moved *moved;
};

static int visit_move(void *context, const char *name)
{
    const struct move *move = context;
    int r = moved_add(move->moved, name);

    if (r)
        return r;
    if (renameat2(move->from_fd, name, move->to_fd, name, RENAME_NOREPLACE) == 0)
        return 0;
    free(move->moved->names[--move->moved->count]);
    return errno == EEXIST ? 0 : -errno;
}

/* Moves all that is in `from_fd`, but for what `to_fd` has by the same name. */
static int move_entries(int from_fd, int to_fd, struct moved *moved)
{
    return walk_each(from_fd, visit_move, &(struct move){from_fd, to_fd, moved});
}

/* The way back, which needs no space: false if even that fails. */
static bool move_back(int from_fd, int to_fd, const struct moved *moved)
{
    bool done = true;

    for (size_t i = 0; i < moved->count; i++)
        done &= renameat2(to_fd, moved->names[i], from_fd, moved->names[i], RENAME_NOREPLACE) == 0;
    return done;
}

static int data_open(const struct store *store, const char *id)
{
    _cleanup_(close_p) int volume_fd = walk_open_directory(store->volumes_fd, id);

    return volume_fd < 0 ? volume_fd : walk_open_directory(volume_fd, DATA_NAME);
}

/* What is left when all was moved on; files that met another of their name go. */
static int fill_finish(struct store *store, int fill_fd, const char *name)
{
    if ((unlinkat(fill_fd, FILES_NAME, AT_REMOVEDIR) == 0 || errno == ENOENT) &&
        (unlinkat(fill_fd, LIKE_NAME, AT_REMOVEDIR) == 0 || errno == ENOENT) &&
        unlinkat(store->filled_fd, name, AT_REMOVEDIR) == 0)
        return 0;
    return store_move_to_trash(store, store->filled_fd, name);
}

/* The files, and then the attributes, as those of time are changed by the moves. */
static int fill_move(int fill_fd, int data_fd, bool *undone, struct error *e)
{
    _cleanup_(moved_deinit) struct moved moved = {0};
    _cleanup_(close_p) int files_fd = walk_open_directory(fill_fd, FILES_NAME);
    _cleanup_(close_p) int like_fd = walk_open_directory(fill_fd, LIKE_NAME);
    int r;

    if (files_fd == -ENOENT || like_fd == -ENOENT)
        return 0; /* all was done but for the end */
    if (files_fd < 0 || like_fd < 0)
        return files_fd < 0 ? files_fd : like_fd;
    r = move_entries(files_fd, data_fd, &moved);
    if (r == 0)
        r = copy_directory_attributes(like_fd, data_fd, e);
    if (r == 0 && (fsync(data_fd) < 0 || fsync(files_fd) < 0))
        r = -errno;
    *undone = r && move_back(files_fd, data_fd, &moved);
    return r;
}

/* From filled/ into the volume; may be done again after a crash anywhere in it. */
static int fill_deliver(struct store *store, const char *id, struct error *e)
{
    _cleanup_(close_p) int data_fd = data_open(store, id);
    _cleanup_(close_p) int fill_fd = -1;
    char name[FILL_NAME_SIZE];
    bool undone = false;
    int r;

    fill_name(id, name);
    if (data_fd == -ENOENT) { /* removed meanwhile */
        r = store_move_to_trash(store, store->filled_fd, name);
        return r ? fill_fail(store, r, id, e) : 0;
    }
    fill_fd = walk_open_directory(store->filled_fd, name);
    if (data_fd < 0 || fill_fd < 0)
        return fill_fail(store, data_fd < 0 ? data_fd : fill_fd, id, e);
    r = fill_move(fill_fd, data_fd, &undone, e);
    if (r == 0)
        r = fill_finish(store, fill_fd, name);
    if (undone) /* the volume is empty again; what is left here would come back at a restart */
        (void)!store_move_to_trash(store, store->filled_fd, name);
    return r < 0 ? fill_fail(store, r, id, e) : r;
}

int store_fill_commit(struct store *store, const char *id, struct error *e)
{
    char name[FILL_NAME_SIZE];
    int empty = store_data_is_empty(store, id);

    if (empty <= 0) {
        store_fill_abort(store, id);
        return empty == 0 ? ERROR_NOT_EMPTY : fill_fail(store, empty, id, e);
    }
    fill_name(id, name);
    if (renameat(store->staging_fd, name, store->filled_fd, name) < 0) {
        int r = -errno;

        store_fill_abort(store, id);
        return fill_fail(store, r, id, e);
    }
    if (fsync(store->filled_fd) < 0) { /* not known to be durable, so not done */
        int r = -errno;

        (void)!store_move_to_trash(store, store->filled_fd, name);
        return fill_fail(store, r, id, e);
    }
    return fill_deliver(store, id, e);
}

int store_fill_resume(struct store *store, const char *id, struct error *e)
{
    char name[FILL_NAME_SIZE];

    fill_name(id, name);
    if (faccessat(store->filled_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return fill_deliver(store, id, e);
    return errno == ENOENT ? 0 : fill_fail(store, -errno, id, e);
}

struct recovery {
    struct store *store;
    struct error *e; /* set if `r` is */
    int r;
};

static int visit_filled(void *context, const char *name)
{
    struct recovery *recovery = context;
    const char *id = name + strlen(FILL_PREFIX);

    if (strncmp(name, FILL_PREFIX, strlen(FILL_PREFIX)) == 0 && name_is_volume_id(id))
        recovery->r = fill_deliver(recovery->store, id, recovery->e);
    return recovery->r;
}

int store_fill_recover(struct store *store, struct error *e)
{
    struct recovery recovery = {.store = store, .e = e};
    int r = walk_each(store->filled_fd, visit_filled, &recovery);

    if (recovery.r)
        return recovery.r;
    return r ? error_set_errno(e, r, "%s/filled", store->path) : 0;
}
