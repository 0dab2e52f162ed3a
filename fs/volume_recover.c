/*
 * What a start does: opens the catalog, finishes removals that a crash stopped,
 * fills the table, and compares catalog and store.
 *
 *   row, directory          a volume
 *   row, none               kept and reported: its data may come back
 *   none, directory         reported: a creation that nobody was told of, or a
 *                           catalog older than the store; its data stays. One
 *                           that has neither record nor data is dropped
 *   tombstone, directory    removal goes on
 *   tombstone, none         forgotten
 *   none, taken over        a volume: its directory came from an engine and is nowhere else
 *   adopting/, directory    finished or undone, see store_adopt.h
 *   filled/, directory      its files are moved on into the volume
 *   spare/, directory       in volumes/ since store_open, unless nobody can have had it
 *   spare/ and volumes/     reported
 *   no catalog, directories the catalog is rebuilt from their records
 *
 * The cost is one pass of the catalog's volumes, one of its attachments, and one readdir; nothing
 * for each volume.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define RECOVER_SUBJECT "the catalog" /* no volume has such a name */
#define FILLED_SUBJECT  "a new volume's files"

/* ---- the catalog ---------------------------------------------------------- */

static int visit_any(void *context, const char *id)
{
    (void)context;
    (void)id;
    return 1;
}

/* A lost catalog must not look like a store of no volumes. */
static int catalog_recreate(struct volumes *volumes, struct error *e)
{
    struct rebuild_summary summary;
    const char *path = store_path(volumes->store);
    char text[256];
    int r;

    r = store_each(volumes->store, visit_any, NULL);
    if (r < 0)
        return error_set_errno(e, r, "%s/volumes", path);
    if (r == 0)
        return catalog_open(&volumes->catalog, store_fd(volumes->store), path, true, e);
    r = catalog_rebuild(store_fd(volumes->store), path, NULL, NULL, &summary, e);
    if (r)
        return r;
    snprintf(
        text, sizeof(text),
        "the catalog was lost and has been rebuilt from the store (volumes: %lld); containers' "
        "references are not in it",
        (long long)summary.volumes);
    volumes_problem_set(volumes, RECOVER_SUBJECT, text,
                        "check the list with: volctl ls; attach containers again before you prune");
    return catalog_open(&volumes->catalog, store_fd(volumes->store), path, false, e);
}

static int recover_catalog(struct volumes *volumes, struct error *e)
{
    int r = catalog_open(&volumes->catalog, store_fd(volumes->store), store_path(volumes->store),
                         false, e);

    return r == ERROR_NOT_FOUND ? catalog_recreate(volumes, e) : r;
}

/* ---- volumes that were being filled -------------------------------------------- */

/* What a full disk stops must not keep all the others from being served. */
static void recover_fills(struct volumes *volumes)
{
    struct error e = {0};

    if (store_fill_recover(volumes->store, &e) != 0)
        volumes_problem_set(volumes, FILLED_SUBJECT, e.text,
                            "free some space and start volumefs again: it goes on by itself");
}

/* ---- tombstones ------------------------------------------------------------ */

struct ids {
    char (*items)[VOLUME_ID_LENGTH + 1];
    size_t count;
};

static void ids_deinit(struct ids *ids)
{
    free(ids->items);
}

static int ids_add(void *context, const char *id)
{
    struct ids *ids = context;
    void *grown = reallocarray(ids->items, ids->count + 1, sizeof(*ids->items));

    if (!grown)
        return -ENOMEM;
    ids->items = grown;
    snprintf(ids->items[ids->count++], VOLUME_ID_LENGTH + 1, "%s", id);
    return 0;
}

static int tombstone_resume(struct volumes *volumes, const char *id, struct error *e)
{
    int r = store_locate(volumes->store, id);

    if (r < 0)
        return error_set_errno(e, r, "removed volume %s", id);
    if (r == STORE_LIVE)
        return store_discard(volumes->store, id, e);
    return r == STORE_ABSENT ? catalog_tombstone_forget(volumes->catalog, id, e) : 0;
}

static int recover_tombstones(struct volumes *volumes, struct error *e)
{
    _cleanup_(ids_deinit) struct ids ids = {0};
    int r = catalog_tombstone_each(volumes->catalog, ids_add, &ids, e);

    if (r == 0 && ids.count) /* what is gone may come back as long as that is not on disk */
        r = store_sync_removals(volumes->store, e);
    for (size_t i = 0; r == 0 && i < ids.count; i++)
        r = tombstone_resume(volumes, ids.items[i], e);
    return r;
}

/* ---- rows and directories ---------------------------------------------------- */

static int recover_row(void *context, const struct volume *volume)
{
    struct volumes *volumes = context;
    struct volume_ref ref;

    return volume_table_insert(volumes->table, volume, &ref);
}

struct comparison {
    struct volumes *volumes;
    bool *seen; /* by slot: a fresh table has as many slots as volumes */
};

static void report_unknown(struct volumes *volumes, const char *id)
{
    char next[128 + PATH_MAX];

    snprintf(next, sizeof(next),
             "to take it in, stop volumefs and run: volctl doctor --rebuild --store %s",
             store_path(volumes->store));
    volumes_problem_set(volumes, id, "its data is in the store but the catalog does not know it",
                        next);
}

static int compare_directory(void *context, const char *id)
{
    struct comparison *comparison = context;
    struct volume_entry entry;

    if (volume_table_find_by_id(comparison->volumes->table, id, &entry))
        comparison->seen[entry.ref.index] = true;
    else if (store_is_unfinished(comparison->volumes->store, id) == 1)
        (void)!store_discard(comparison->volumes->store, id, NULL); /* or at the next start */
    else
        report_unknown(comparison->volumes, id);
    return 0;
}

/* `r`: what opening it came to. */
static void report_data(struct volumes *volumes, const struct volume_entry *entry, int r)
{
    char text[256 + VOLUME_ID_LENGTH];
    char next[128 + NAME_MAX_LENGTH];

    snprintf(text, sizeof(text), "its data, volumes/%s, %s", entry->id,
             r == -ENOENT ? "is missing from the store" : strerror(-r));
    snprintf(next, sizeof(next),
             "restore the directory from a backup, or give up the volume: "
             "volctl rm %s",
             entry->name);
    volumes_problem_set(volumes, entry->name, text, next);
}

static int report_twice(void *context, const char *id)
{
    volumes_problem_set(context, id, "it is in the store twice, in volumes/ and in spare/",
                        "see which of the two it is, and move the other one out of the store");
    return 0;
}

static int recover_compare(struct volumes *volumes, struct error *e)
{
    uint32_t count = volume_table_count(volumes->table);
    _cleanup_(free_p) bool *seen = calloc((size_t)count + 1, sizeof(*seen));
    struct comparison comparison = {.volumes = volumes, .seen = seen};
    struct volume_entry entry;
    int r;

    if (!seen)
        return -ENOMEM;
    r = store_each(volumes->store, compare_directory, &comparison);
    if (r)
        return error_set_errno(e, r, "%s/volumes", store_path(volumes->store));
    r = store_each_twice(volumes->store, report_twice, volumes);
    if (r)
        return error_set_errno(e, r, "%s/spare", store_path(volumes->store));
    for (uint32_t i = 0; volume_table_next(volumes->table, i, &entry); i = entry.ref.index + 1)
        if (!seen[entry.ref.index])
            report_data(volumes, &entry, -ENOENT);
    return 0;
}

void volumes_check_data(struct volumes *volumes)
{
    struct volume_entry entry, now;

    for (uint32_t i = 0; volume_table_next(volumes->table, i, &entry); i = entry.ref.index + 1) {
        _cleanup_(close_p) int fd = store_open_data(volumes->store, entry.id);

        if (fd >= 0)
            volumes_problem_clear(volumes, entry.name);
        else if (volume_table_get(volumes->table, entry.ref, &now)) /* not removed meanwhile */
            report_data(volumes, &entry, fd);
    }
}

int volumes_recover(struct volumes *volumes, struct error *e)
{
    int r;

    recover_fills(volumes);
    r = recover_catalog(volumes, e);
    if (r == 0)
        r = volumes_recover_adopting(volumes, e);
    if (r == 0)
        r = recover_tombstones(volumes, e);
    if (r == 0)
        r = catalog_volume_each(volumes->catalog, recover_row, volumes, e);
    if (r == 0)
        r = volumes_recover_adopted(volumes, e);
    if (r == 0)
        volumes_load_access(volumes);
    return r ? r : recover_compare(volumes, e);
}
