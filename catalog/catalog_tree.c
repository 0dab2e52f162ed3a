/*
 * Mounts of the tree in this boot, by device number: what a daemon that was killed had mounted
 * stays in the containers that have it.
 */
#include "catalog/catalog_private.h"

static int trees_trim(struct db *db, const char *boot_id, struct error *e)
{
    _query_ struct query *query = db_query(
        db, "DELETE FROM trees WHERE boot_id <> ?1 OR device NOT IN "
            "(SELECT device FROM trees WHERE boot_id = ?1 ORDER BY mounted_at DESC LIMIT ?2)");

    query_bind_text(query, 1, boot_id);
    query_bind_int(query, 2, CATALOG_TREES_MAX);
    return query_run(query, e);
}

static int tree_put(struct catalog *catalog, const char *boot_id, dev_t device, struct error *e)
{
    _change_ struct change change = {0};
    _query_ struct query *query = NULL;
    int r = change_begin(&change, catalog, e);

    if (r)
        return r;
    query = db_query(catalog->db, "INSERT OR REPLACE INTO trees (boot_id, device, mounted_at) "
                                  "VALUES (?1, ?2, ?3)");
    query_bind_text(query, 1, boot_id);
    query_bind_int(query, 2, (int64_t)device);
    query_bind_int(query, 3, time_now());
    r = query_run(query, e);
    if (!r)
        r = trees_trim(catalog->db, boot_id, e);
    return r ? r : change_commit(&change, e);
}

/* A full disk must not keep a daemon from starting. */
int catalog_tree_put(struct catalog *catalog, const char *boot_id, dev_t device, struct error *e)
{
    struct room room = {0};
    int r;

    do
        r = tree_put(catalog, boot_id, device, e);
    while (catalog_make_room(catalog, &room, r));
    return r;
}

int catalog_tree_each(struct catalog *catalog, const char *boot_id,
                      int (*visit)(void *context, dev_t device), void *context, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query =
        db_query(catalog->db, "SELECT device FROM trees WHERE boot_id = ?1 ORDER BY mounted_at");
    bool row;
    int r;

    query_bind_text(query, 1, boot_id);
    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        r = visit(context, (dev_t)query_column_int(query, 0));
        if (r)
            return r;
    }
    return r;
}
