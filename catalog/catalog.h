/*
 * The catalog: durable records of volumes, containers, attachments and uses.
 *
 * Plain structs and error codes only; what stores them (SQLite today, a shared
 * database later) is hidden. Every call is one transaction: when it returns 0
 * the change survives a crash and a power loss (but see enum catalog_sync);
 * otherwise nothing changed. Calls may come from any thread.
 *
 * Names, ids and destinations are checked once more (ERROR_NAME_INVALID,
 * ERROR_SPEC_INVALID): what is stored can always be read back.
 *
 * Codes: 0; ERROR_NOT_FOUND, ERROR_EXISTS, ERROR_IN_USE where said below;
 * ERROR_NO_SPACE on a full disk; ERROR_UNAVAILABLE for a change, if another process (an
 * administrator's transaction) held the catalog's lock for 5 s; ERROR_CORRUPT if the file turns out
 * damaged; negative errno otherwise. Texts go to `e` (may be NULL).
 */
#pragma once

#include "catalog/error.h"
#include "catalog/model.h"

#include <stddef.h>

struct catalog; /* opaque */

/*
 * Whether a change waits for the disk. One that does not wait survives the death of any process; a
 * loss of power it survives once a later change has waited. Changes are lost from the end only.
 */
enum catalog_sync { CATALOG_SYNC_NOW, CATALOG_SYNC_LATER };

/*
 * Opens (with `create`: makes if absent) the catalog `catalog.db` in the store
 * directory `store_fd`; `path` is that directory's name for texts. Checks
 * before anything is written: the application id (ERROR_CORRUPT: not ours), the
 * schema version (ERROR_NEWER), quick_check (ERROR_CORRUPT, naming `volctl
 * doctor --rebuild`). ERROR_NOT_FOUND: absent and not `create`. Migrates older
 * versions in one transaction.
 */
int catalog_open(struct catalog **out, int store_fd, const char *path, bool create,
                 struct error *e);
struct catalog *catalog_free(struct catalog *catalog); /* returns NULL */

/* Full check: SQLite's integrity_check, foreign keys, and that each row can be read. ERROR_CORRUPT
 * with the first finding. */
int catalog_check(struct catalog *catalog, struct error *e);

/* What is in the catalog that a rebuild made. */
struct rebuild_summary {
    int64_t volumes;
    int64_t containers;
    int64_t attachments;
    bool lost; /* a volume was left out, or the old catalog knew more: the report says what */
};

/*
 * Writes a new catalog `catalog.db` in `store_fd` from every volume.json below volumes/, keeping
 * a damaged one as catalog.db.broken-TIME, and salvaging containers and
 * attachments from it where they can still be read. The caller holds the store's lock.
 * `report` is called for each volume recovered or left out, with the reason, and for each table of
 * which rows are lost (may be NULL); so may `summary` be.
 */
int catalog_rebuild(int store_fd, const char *path, void (*report)(void *context, const char *line),
                    void *context, struct rebuild_summary *summary, struct error *e);

/* ---- volumes ---------------------------------------------------------- */

/* ERROR_EXISTS: the name or id is taken (a tombstoned volume does not hold its name). */
int catalog_volume_insert(struct catalog *catalog, const struct volume *volume, struct error *e);

/* `key` is a name. The result is owned by the caller (volume_deinit). ERROR_NOT_FOUND. */
int catalog_volume_get(struct catalog *catalog, const char *name, struct volume *out,
                       struct error *e);
int catalog_volume_get_by_id(struct catalog *catalog, const char *id, struct volume *out,
                             struct error *e);

/* Calls `visit` for each live volume in order of name until it returns non-zero, which is returned.
 * The volume is the catalog's; `visit` may not call the catalog. */
int catalog_volume_each(struct catalog *catalog,
                        int (*visit)(void *context, const struct volume *volume), void *context,
                        struct error *e);

/* ERROR_NOT_FOUND, ERROR_EXISTS. */
int catalog_volume_rename(struct catalog *catalog, const char *id, const char *name,
                          struct error *e);
int catalog_volume_set_readonly(struct catalog *catalog, const char *id, bool readonly,
                                struct error *e);
int catalog_volume_set_label(struct catalog *catalog, const char *id, enum access_label label,
                             const char *owner, const char *context, struct error *e);

/*
 * Removal in two steps, so that a crash between them is finished later:
 * tombstone frees the name and drops the volume from every list; ERROR_IN_USE
 * if an attachment or use refers to it. forget deletes the tombstone when the
 * data is gone; 0 if there is none, since after a rebuild trash/ has no rows.
 */
int catalog_volume_tombstone(struct catalog *catalog, const char *id, struct error *e);
int catalog_tombstone_forget(struct catalog *catalog, const char *id, struct error *e);
/* The same of many, in one change. */
typedef char tombstone_id[VOLUME_ID_LENGTH + 1];
int catalog_tombstones_forget(struct catalog *catalog, const tombstone_id *ids, size_t count,
                              struct error *e);
int catalog_tombstone_each(struct catalog *catalog, int (*visit)(void *context, const char *id),
                           void *context, struct error *e);

/* ---- containers ------------------------------------------------------- */

/* Inserts or updates (by id) name, runtime and state, and how it is run (NULL: that stays).
 * ERROR_EXISTS: another container has the name. */
int catalog_container_put(struct catalog *catalog, const struct container *container,
                          const struct run *run, struct error *e);
/* `key`: an id, a name, or a prefix (≥ 4) of exactly one id. ERROR_NOT_FOUND; ERROR_LIMIT:
 * ambiguous. */
int catalog_container_get(struct catalog *catalog, const char *key, struct container *out,
                          struct error *e);
/* In one look, the container whose id is `id`, and the one that `name` ("": none) is the id or else
 * the name of; {0} for what there is not. */
int catalog_container_identify(struct catalog *catalog, const char *id, const char *name,
                               struct container *of_id, struct container *of_name, struct error *e);
int catalog_container_each(struct catalog *catalog,
                           int (*visit)(void *context, const struct container *container),
                           void *context, struct error *e);
/* How the container is run, to be released; {0} if nothing is known of that. */
int catalog_run_get(struct catalog *catalog, const char *container_id, struct run *out,
                    struct error *e);
/* Calls `visit` for each container that is run; it may not call the catalog. */
int catalog_run_each(struct catalog *catalog,
                     int (*visit)(void *context, const struct container *container,
                                  const struct run *run),
                     void *context, struct error *e);
/* Deletes it and its attachments. */
int catalog_container_delete(struct catalog *catalog, const char *id, enum catalog_sync sync,
                             struct error *e);

/* ---- attachments ------------------------------------------------------ */

/*
 * Records a container (put as above) and attachments to it, whose volumes are used `now`, all or
 * nothing.
 * ERROR_EXISTS "Duplicate mount point: /d"; ERROR_NOT_FOUND: a volume is gone.
 */
int catalog_attach(struct catalog *catalog, const struct container *container,
                   const struct run *run, const struct attachment *attachments, size_t count,
                   int64_t now, enum catalog_sync sync, struct error *e);
/* Records a container and what it is attached to in place of what was recorded of both, but how it
 * is run. Errors as above. */
int catalog_container_sync(struct catalog *catalog, const struct container *container,
                           const struct attachment *attachments, size_t count, int64_t now,
                           struct error *e);
/* destination NULL: all of the container's. ERROR_NOT_FOUND: none such. The container stays. */
int catalog_detach(struct catalog *catalog, const char *container_id, const char *destination,
                   struct error *e);
int catalog_attachment_each_of_volume(struct catalog *catalog, const char *volume_id,
                                      int (*visit)(void *context,
                                                   const struct attachment *attachment,
                                                   const struct container *container),
                                      void *context, struct error *e);
int catalog_attachment_each_of_container(
    struct catalog *catalog, const char *container_id,
    int (*visit)(void *context, const struct attachment *attachment,
                 const struct volume *volume /* NULL for a host path */),
    void *context, struct error *e);
/* Every attachment to a volume, in order of volume id: for lists with counts in one pass. */
int catalog_attachment_each(struct catalog *catalog,
                            int (*visit)(void *context, const struct attachment *attachment,
                                         const struct container *container),
                            void *context, struct error *e);

/* Of one volume: distinct containers that are attached to it, and uses that are held. */
int catalog_reference_count(struct catalog *catalog, const char *volume_id, uint32_t *containers,
                            uint32_t *uses, struct error *e);

/* ---- trees ------------------------------------------------------------ */

enum { CATALOG_TREES_MAX = 64 }; /* the newest are kept */

/* Notes that the tree is mounted as `device`, in this boot: a device number that is not given to
 * another as long as anybody has that mount. Mounts of other boots are forgotten. */
int catalog_tree_put(struct catalog *catalog, const char *boot_id, dev_t device, struct error *e);
/* Calls `visit` for each in the boot. */
int catalog_tree_each(struct catalog *catalog, const char *boot_id,
                      int (*visit)(void *context, dev_t device), void *context, struct error *e);

/* ---- uses ------------------------------------------------------------- */

/* Adds `delta` (±) to the count of (volume, mount id); at 0 the row goes. A negative result is
 * ERROR_NOT_FOUND and changes nothing. *count gets the new count (may be NULL). */
int catalog_use_add(struct catalog *catalog, const char *volume_id, const char *mount_id, int delta,
                    uint32_t *count, struct error *e);
/*
 * Adds one, and notes the boot ("": not known) and the engine's process it is of. What another
 * process had mounted under this id went with that, and is not counted. Touches the volume.
 */
int catalog_use_mount(struct catalog *catalog, const char *volume_id, const char *mount_id,
                      const char *boot_id, const struct engine_process *engine, struct error *e);
/* Ends those of other boots. Those of a boot that is not known become ones of this. */
int catalog_use_void_boots(struct catalog *catalog, const char *boot_id, struct error *e);
/* Ends those of an engine's process. */
int catalog_use_void_engine(struct catalog *catalog, const struct engine_process *engine,
                            struct error *e);
/* Ends all of a volume. */
int catalog_use_void_volume(struct catalog *catalog, const char *volume_id, struct error *e);
int catalog_use_each(struct catalog *catalog, const char *volume_id /* NULL: all */,
                     int (*visit)(void *context, const struct use *use), void *context,
                     struct error *e);
