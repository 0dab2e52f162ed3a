/*
 * What the files of the catalog share: the handle, its lock, and how records
 * are read from and written to rows. Private to catalog/.
 */
#pragma once

#include "catalog/catalog.h"
#include "catalog/cleanup.h"
#include "catalog/sqlite.h"

#include <pthread.h>

#define CATALOG_FILE       "catalog.db"
#define CATALOG_BUILD_FILE "catalog.db.new"

struct catalog {
    pthread_mutex_t lock; /* guards everything below; held while a visitor is called */
    struct db *db;
    int store_fd; /* ours: SQLite reaches its files through it */
};

/* Takes the lock for the scope: `_locked_ struct catalog *locked = catalog_lock(catalog);` */
struct catalog *catalog_lock(struct catalog *catalog);
void catalog_unlock(struct catalog **catalog);
#define _locked_ __attribute__((cleanup(catalog_unlock), unused))

/*
 * A change: the lock and a transaction. What other processes hold (an administrator's open
 * transaction) is waited for without the lock, so that readers go on meanwhile.
 *
 *     _change_ struct change change = {0};
 *     int r = change_begin(&change, catalog, e);
 *     ...
 *     return r ? r : change_commit(&change, e);
 *
 * ERROR_UNAVAILABLE: it was waited for in vain. Statements are got after the begin.
 */
struct change {
    struct catalog *locked; /* NULL: not ours */
    struct transaction transaction;
};
int change_begin(struct change *change, struct catalog *catalog, struct error *e);
int change_begin_sync(struct change *change, struct catalog *catalog, enum catalog_sync sync,
                      struct error *e);
int change_commit(struct change *change, struct error *e);
/* Rolls back what was not committed, and unlocks. */
void change_release(struct change *change);
#define _change_ __attribute__((cleanup(change_release)))

/* ---- a full disk: see reserve.c ---- */

/* Takes the reserve, as far as there is space and it is not there. */
void reserve_make(int store_fd);
/* True: there is space now that was not. */
bool reserve_give_up(int store_fd);

/*
 * Before SQLite maps its shared memory. On btrfs a write to it would take a new block, and on a
 * full disk, where there is none, end the process with SIGBUS; so its file is made as one that is
 * written in place.
 */
void shared_memory_prepare(int store_fd);

/* What was tried to make room for one change. */
struct room {
    bool log_tried, reserve_tried;
};
/* After a change that only removes ended with `r`, and the lock is free: true if there may be room
 * for it now. Takes the reserve again where there is space. */
bool catalog_make_room(struct catalog *catalog, struct room *room, int r);

/*
 * A new file beside catalog.db that becomes the catalog in one rename: begin
 * makes it with today's schema, publish syncs and renames it. `path` names the store in texts.
 */
int catalog_build_begin(struct db **out, int store_fd, const char *path, struct error *e);
int catalog_build_publish(struct db **db, int store_fd, const char *path, struct error *e);
void catalog_build_discard(int store_fd);

/* Opens an existing catalog to read it, without checking it or writing a byte. ERROR_NOT_FOUND;
 * ERROR_CORRUPT: not a file, empty, not a database. */
int catalog_inspect_open(struct db **out, int store_fd, const char *path, struct error *e);

/* Gives catalog.db its WAL back if a rebuild was interrupted after that was moved aside. */
int keep_undo(int store_fd, const char *path, struct error *e);

/* ---- rows of volumes, one for each pair (or one without): see volume_rows_each ---- */

#define VOLUME_COLUMNS                                                                             \
    "v.id, v.name, v.kind, v.driver, v.readonly, v.label, v.owner, v.context, v.size_limit, "      \
    "v.created_at, v.last_used_at, p.role, p.key, p.value"
#define VOLUME_PAIRS "LEFT JOIN volume_pairs p ON p.volume_id = v.id"

/* Reads the volume of the present row, its pair not. `volume` is overwritten. */
int volume_row_read(struct query *query, int column, struct volume *volume, struct error *e);
/* Adds the pair of the present row, if any. */
int volume_row_read_pair(struct query *query, int column, struct volume *volume, struct error *e);
/* Calls `visit` for each volume of `query`, whose columns are VOLUME_COLUMNS with each volume's
 * rows together. */
int volume_rows_each(struct query *query, int (*visit)(void *context, const struct volume *volume),
                     void *context, struct error *e);

/* Within the caller's transaction. ERROR_EXISTS with our text. */
int volume_row_insert(struct db *db, const struct volume *volume, struct error *e);

#define CONTAINER_COLUMNS_BASE "c.id, c.name, c.runtime, c.state, c.created_at"
#define CONTAINER_COLUMNS      CONTAINER_COLUMNS_BASE ", c.engine, c.engine_id"
int container_row_read(struct query *query, int column, struct container *container,
                       struct error *e);
int container_row_put(struct db *db, const struct container *container, struct error *e);

#define RUN_COLUMNS                                                                                \
    "r.rootfs, r.process, r.state_dir, r.auto_remove, r.copy_due, r.pid, r.pid_started_at, "       \
    "r.boot_id, r.exit_code"
enum { RUN_COLUMN_COUNT = 9 };
/* `run` is overwritten, to be released; `container_id` is for texts. */
int run_row_read(struct query *query, int column, const char *container_id, struct run *run,
                 struct error *e);
/* Nothing for NULL, nor for {0}. */
int run_row_put(struct db *db, const char *container_id, const struct run *run, struct error *e);

#define ATTACHMENT_COLUMNS                                                                         \
    "a.container_id, a.volume_id, a.source, a.destination, a.subpath, a.readonly, a.nocopy, "      \
    "a.unnamed, a.label, a.propagation, a.from_container"
enum { ATTACHMENT_COLUMN_COUNT = 11 };
/* `attachment` is overwritten, to be released. */
int attachment_row_read(struct query *query, int column, struct attachment *attachment,
                        struct error *e);
/* ERROR_CORRUPT if one cannot be read. */
int attachment_rows_check(struct db *db, struct error *e);
int attachment_row_insert(struct db *db, const struct attachment *attachment, struct error *e);

int use_row_read(struct query *query, int column, struct use *use, struct error *e);
int use_row_put(struct db *db, const struct use *use, struct error *e);
