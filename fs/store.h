/*
 * The store: where the data of volumes lies, by id and never by name.
 *
 *   volumes/ID/data/        the volume's root
 *   volumes/ID/volume.json  enough to rebuild its catalog row
 *   spare/                  made in advance, for volumes to come
 *   staging/  trash/        half made, half removed; emptied in the background
 *   filled/                 copied whole for a volume, and being moved into it
 *   adopting/               directories that come to us or go back; see store_adopt.h
 *   catalog.db… lock       the catalog with what belongs to it
 *
 * Every step works on held directory fds and single components. The lock (an
 * flock on `lock`) makes one daemon at a time its owner.
 */
#pragma once

#include "catalog/error.h"
#include "catalog/model.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct store; /* opaque */

/*
 * Opens the store at `path`, making it (0700, parents not) if absent, and locks
 * it. ERROR_UNUSABLE_STORE: not a directory, not writable, no parent, on
 * the tree `mountpoint` itself or above/below it, on a FUSE mount of ours, or
 * a directory with other things in it; ERROR_NO_SPACE; ERROR_LOCKED: another daemon has it (the
 * text names its pid).
 */
int store_open(struct store **out, const char *path, const char *mountpoint, struct error *e);
/* For repair, with the daemon down: makes none. ERROR_NOT_FOUND: there is no store at `path`. */
int store_open_existing(struct store **out, const char *path, struct error *e);
struct store *store_free(struct store *store);

int store_fd(const struct store *store); /* the store's directory, borrowed */
const char *store_path(const struct store *store);

/* What a new volume's root directory is to be. */
struct store_root {
    uid_t uid;
    gid_t gid;
    mode_t mode; /* permission bits incl. sticky and set-id */
};

/*
 * Makes volumes/ID with data/ and volume.json, and gives the volume that id. Durably: what a crash
 * leaves elsewhere in the store, the next store_open has there.
 * ERROR_NO_SPACE. ERROR_DENIED: not root, and `root` is not what the daemon itself may give. On
 * failure nothing is left.
 */
int store_create(struct store *store, struct volume *volume, const struct store_root *root,
                 struct error *e);
/* Makes directories that store_create takes, until there are some, or *stop. 0 or negative errno.
 */
int store_make_spares(struct store *store, const atomic_bool *stop);
/* Removes those that were not taken. */
void store_drop_spares(struct store *store);
/* 1: volumes/ID is what a crash left of one that was being made: it has no record and no data. 0:
 * it has; negative errno: not known. */
int store_is_unfinished(struct store *store, const char *id);
/* Rewrites volume.json durably (temporary file, fsync, rename). */
int store_write_record(struct store *store, const struct volume *volume, struct error *e);
/* Moves volumes/ID to trash/ID. 0 also when it is there already or gone. Durable at the next
 * store_sync_removals; after a crash before that it may be in volumes/ again, after store_open. */
int store_discard(struct store *store, const char *id, struct error *e);
int store_sync_removals(struct store *store, struct error *e);

/*
 * Makes the file behind `fd` (open for reading) immutable, until store_unseal: for a file of a
 * volume that has become read-only while it is open for writing. On ext4 and f2fs descriptors that
 * are open are refused writes from then on (EPERM), and stores through mappings end in SIGBUS. 0 or
 * −errno: −EOPNOTSUPP on other file systems, where it would not reach them.
 */
int store_seal(struct store *store, const char *id, int fd);
/* Takes every seal of the volume off, durably. */
int store_unseal(struct store *store, const struct volume *volume, struct error *e);

/* An O_PATH|O_DIRECTORY fd of volumes/ID/data, to be closed. Negative errno. */
int store_open_data(struct store *store, const char *id);
/* 1 empty, 0 not, negative errno. */
int store_data_is_empty(struct store *store, const char *id);

/*
 * Filling an empty volume: begin gives two new empty directories, open for reading and to be
 * closed: `files` is to get the content, `like` the attributes of the volume's root. When the
 * caller has filled and synced them, commit makes them the volume's; or abort throws them away.
 * Whatever dies, the volume is empty or has all. commit: ERROR_NOT_EMPTY (without a text):
 * something has come into the volume, and nothing else does.
 */
int store_fill_begin(struct store *store, const char *id, int *files, int *like, struct error *e);
int store_fill_commit(struct store *store, const char *id, struct error *e);
void store_fill_abort(struct store *store, const char *id);
/* Finishes a commit that a crash or a full disk stopped, if there is one. */
int store_fill_resume(struct store *store, const char *id, struct error *e);
/* All of them. */
int store_fill_recover(struct store *store, struct error *e);

/* Where the directory of a volume is: for what a crash left half done. */
enum store_location { STORE_ABSENT, STORE_LIVE, STORE_TRASHED };
/* A store_location, or negative errno. */
int store_locate(struct store *store, const char *id);

/* Visits the id of every directory of volumes/ until `visit` returns non-zero, which is returned.
 */
int store_each(struct store *store, int (*visit)(void *context, const char *id), void *context);
/* The same of those that store_open has found in spare/ and left there, as volumes/ID is there too.
 * Before spares are made. */
int store_each_twice(struct store *store, int (*visit)(void *context, const char *id),
                     void *context);

/*
 * Removes every entry of trash/ with all below it, however deep, never following a link nor
 * crossing a mount. Calls `removed(context, id)` when an entry is gone. What cannot be removed
 * (an immutable file, a mount) stays, the rest goes; the first such error is returned with a
 * text that names the entry. Stops early with 0 when *stop becomes true. What was staged when a
 * daemon died is put into the trash by store_open.
 */
int store_empty_trash(struct store *store, void (*removed)(void *context, const char *id),
                      void *context, const atomic_bool *stop, struct error *e);
