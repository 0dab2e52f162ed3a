/*
 * Volumes and tombstones of the catalog.
 *
 * A volume's labels and options are rows of their own, read by one outer join
 * with the volume, so that a list of any length is one statement. The join gives
 * a volume's rows together because it is ordered by the unique name, or
 * asks for one volume.
 */
#include "catalog/catalog_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- rows ------------------------------------------------------------- */

int volume_row_read(struct query *query, int column, struct volume *volume, struct error *e)
{
    int64_t size;

    *volume = (struct volume){0};
    query_column_string(query, column, volume->id, sizeof(volume->id));
    query_column_string(query, column + 1, volume->name, sizeof(volume->name));
    if (!volume_kind_parse(query_column_text(query, column + 2), &volume->kind))
        query_refuse_row(query);
    query_column_string(query, column + 3, volume->driver, sizeof(volume->driver));
    volume->readonly = query_column_int(query, column + 4) != 0;
    if (!access_label_parse(query_column_text(query, column + 5), &volume->label))
        query_refuse_row(query);
    query_column_string(query, column + 6, volume->owner, sizeof(volume->owner));
    query_column_string(query, column + 7, volume->context, sizeof(volume->context));
    size = query_column_int(query, column + 8);
    volume->size_limit = (uint64_t)size;
    volume->created_at = query_column_int(query, column + 9);
    volume->last_used_at = query_column_int(query, column + 10);
    /* An administrator's edit may have put in what no caller could. */
    if (size < 0 || !name_is_volume_id(volume->id) || name_check_volume(volume->name, NULL))
        query_refuse_row(query);
    return query_check_row(query, "volumes", volume->id, e);
}

int volume_row_read_pair(struct query *query, int column, struct volume *volume, struct error *e)
{
    const char *role;
    int r;

    column += 11;
    if (query_column_is_null(query, column))
        return 0;
    role = query_column_text(query, column);
    r = pairs_set(strcmp(role, "label") == 0 ? &volume->labels : &volume->options,
                  query_column_text(query, column + 1), query_column_text(query, column + 2));
    if (r < 0)
        query_out_of_memory(query);
    else if (r > 0)
        query_refuse_row(query);
    return query_check_row(query, "volume_pairs", volume->id, e);
}

int volume_rows_each(struct query *query, int (*visit)(void *context, const struct volume *volume),
                     void *context, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    bool row;
    int r;

    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        if (strcmp(volume.id, query_column_text(query, 0)) != 0) {
            r = volume.id[0] ? visit(context, &volume) : 0;
            if (r)
                return r;
            volume_deinit(&volume);
            r = volume_row_read(query, 0, &volume, e);
            if (r)
                return r;
        }
        r = volume_row_read_pair(query, 0, &volume, e);
        if (r)
            return r;
    }
    return !r && volume.id[0] ? visit(context, &volume) : r;
}

static int volume_row_insert_pairs(struct db *db, const char *id, const char *role,
                                   const struct pairs *pairs, struct error *e)
{
    _query_ struct query *query = db_query(
        db, "INSERT INTO volume_pairs (volume_id, role, key, value) VALUES (?1, ?2, ?3, ?4)");
    int r = 0;

    query_bind_text(query, 1, id);
    query_bind_text(query, 2, role);
    for (size_t i = 0; !r && i < pairs->count; i++) {
        query_bind_text(query, 3, pairs->items[i].key);
        query_bind_text(query, 4, pairs->items[i].value);
        r = query_run(query, e);
    }
    return r;
}

static int volume_check(const struct volume *volume, struct error *e)
{
    if (!name_is_volume_id(volume->id))
        return error_set(e, ERROR_NAME_INVALID, "\"%s\" is not a volume id", volume->id);
    if (volume->size_limit > INT64_MAX)
        return error_set(e, ERROR_OPTION_INVALID, "volume %s: size limit is too large",
                         volume->name);
    return name_check_volume(volume->name, e);
}

static int volume_check_tombstone(struct db *db, const char *id, struct error *e)
{
    _query_ struct query *query = db_query(db, "SELECT 1 FROM tombstones WHERE id = ?1");
    bool row;
    int r;

    query_bind_text(query, 1, id);
    r = query_step(query, &row, e);
    return !r && row ? error_set(e, ERROR_EXISTS, "volume id %s is being removed", id) : r;
}

static int volume_row_insert_fixed(struct db *db, const struct volume *volume, struct error *e)
{
    _query_ struct query *query = db_query(
        db, "INSERT INTO volumes (id, name, kind, driver, readonly, label, owner, context, "
            "size_limit, created_at, last_used_at) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");

    query_bind_text(query, 1, volume->id);
    query_bind_text(query, 2, volume->name);
    query_bind_text(query, 3, volume_kind_name(volume->kind));
    query_bind_text(query, 4, volume->driver);
    query_bind_int(query, 5, volume->readonly);
    query_bind_text(query, 6, access_label_name(volume->label));
    query_bind_text(query, 7, volume->owner);
    query_bind_text(query, 8, volume->context);
    query_bind_int(query, 9, (int64_t)volume->size_limit);
    query_bind_int(query, 10, volume->created_at);
    query_bind_int(query, 11, volume->last_used_at);
    return query_run(query, e);
}

int volume_row_insert(struct db *db, const struct volume *volume, struct error *e)
{
    int r;

    r = volume_check(volume, e);
    if (!r)
        r = volume_check_tombstone(db, volume->id, e);
    if (r)
        return r;
    r = volume_row_insert_fixed(db, volume, e);
    if (r == ERROR_EXISTS)
        return error_set(e, r, "a volume with the name %s or the id %s exists already",
                         volume->name, volume->id);
    if (!r)
        r = volume_row_insert_pairs(db, volume->id, "option", &volume->options, e);
    if (!r)
        r = volume_row_insert_pairs(db, volume->id, "label", &volume->labels, e);
    return r;
}

/* ---- calls ------------------------------------------------------------ */

int catalog_volume_insert(struct catalog *catalog, const struct volume *volume, struct error *e)
{
    _change_ struct change change = {0};
    int r;

    r = change_begin(&change, catalog, e);
    if (!r)
        r = volume_row_insert(catalog->db, volume, e);
    return r ? r : change_commit(&change, e);
}

static int volume_visit_copy(void *context, const struct volume *volume)
{
    return volume_copy(context, volume);
}

static int catalog_volume_find(struct catalog *catalog, const char *sql, const char *key,
                               struct volume *out, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query = db_query(catalog->db, sql);
    int r;

    *out = (struct volume){0};
    query_bind_text(query, 1, key);
    r = volume_rows_each(query, volume_visit_copy, out, e);
    if (!r && !out->id[0])
        return error_set(e, ERROR_NOT_FOUND, "get %s: no such volume", key);
    return r;
}

int catalog_volume_get(struct catalog *catalog, const char *name, struct volume *out,
                       struct error *e)
{
    return catalog_volume_find(
        catalog, "SELECT " VOLUME_COLUMNS " FROM volumes v " VOLUME_PAIRS " WHERE v.name = ?1",
        name, out, e);
}

int catalog_volume_get_by_id(struct catalog *catalog, const char *id, struct volume *out,
                             struct error *e)
{
    return catalog_volume_find(
        catalog, "SELECT " VOLUME_COLUMNS " FROM volumes v " VOLUME_PAIRS " WHERE v.id = ?1", id,
        out, e);
}

int catalog_volume_each(struct catalog *catalog,
                        int (*visit)(void *context, const struct volume *volume), void *context,
                        struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query = db_query(
        catalog->db, "SELECT " VOLUME_COLUMNS " FROM volumes v " VOLUME_PAIRS " ORDER BY v.name");

    return volume_rows_each(query, visit, context, e);
}

/* Runs a change of the one volume `id`, which is bound as ?1. */
static int volume_change(struct catalog *catalog, struct query *query, const char *id,
                         struct error *e)
{
    int r;

    query_bind_text(query, 1, id);
    r = query_run(query, e);
    if (!r && db_changes(catalog->db) == 0)
        return error_set(e, ERROR_NOT_FOUND, "get %s: no such volume", id);
    return r;
}

int catalog_volume_rename(struct catalog *catalog, const char *id, const char *name,
                          struct error *e)
{
    _change_ struct change change = {0};
    _query_ struct query *query = NULL;
    int r = name_check_volume(name, e);

    if (!r)
        r = change_begin(&change, catalog, e);
    if (r)
        return r;
    query = db_query(catalog->db, "UPDATE volumes SET name = ?2 WHERE id = ?1");
    query_bind_text(query, 2, name);
    r = volume_change(catalog, query, id, e);
    if (r == ERROR_EXISTS)
        return error_set(e, r, "a volume with the name %s exists already", name);
    return r ? r : change_commit(&change, e);
}

int catalog_volume_set_readonly(struct catalog *catalog, const char *id, bool readonly,
                                struct error *e)
{
    _change_ struct change change = {0};
    _query_ struct query *query = NULL;
    int r = change_begin(&change, catalog, e);

    if (r)
        return r;
    query = db_query(catalog->db, "UPDATE volumes SET readonly = ?2 WHERE id = ?1");
    query_bind_int(query, 2, readonly);
    r = volume_change(catalog, query, id, e);
    return r ? r : change_commit(&change, e);
}

/* Refused here, because a row that cannot be read back would make the catalog look damaged. */
static int volume_check_rule(const char *owner, const char *context, struct error *e)
{
    if (strlen(context) > CONTEXT_MAX)
        return error_set(e, ERROR_LIMIT, "SELinux context is longer than %d bytes", CONTEXT_MAX);
    if (strlen(owner) > CONTAINER_ID_MAX)
        return error_set(e, ERROR_LIMIT, "container id is longer than %d bytes", CONTAINER_ID_MAX);
    return 0;
}

int catalog_volume_set_label(struct catalog *catalog, const char *id, enum access_label label,
                             const char *owner, const char *context, struct error *e)
{
    _change_ struct change change = {0};
    _query_ struct query *query = NULL;
    int r = volume_check_rule(owner ? owner : "", context ? context : "", e);

    if (!r)
        r = change_begin(&change, catalog, e);
    if (r)
        return r;
    query = db_query(catalog->db,
                     "UPDATE volumes SET label = ?2, owner = ?3, context = ?4 WHERE id = ?1");
    query_bind_text(query, 2, access_label_name(label));
    query_bind_text(query, 3, owner ? owner : "");
    query_bind_text(query, 4, context ? context : "");
    r = volume_change(catalog, query, id, e);
    return r ? r : change_commit(&change, e);
}

/* ---- removal ---------------------------------------------------------- */

enum { USERS_NAMED_MAX = 8 };

/* ERROR_IN_USE with Docker's text if anything refers to the volume. */
static int volume_check_unused(struct db *db, const char *id, struct error *e)
{
    _query_ struct query *query =
        db_query(db, "SELECT (SELECT name FROM volumes WHERE id = ?1), container_id FROM "
                     "(SELECT DISTINCT container_id FROM attachments WHERE volume_id = ?1 "
                     "UNION SELECT mount_id FROM uses WHERE volume_id = ?1)");
    char users[ERROR_TEXT_MAX] = "", name[NAME_MAX_LENGTH + 1] = "";
    size_t count = 0, length = 0;
    bool row;
    int r;

    query_bind_text(query, 1, id);
    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        query_column_string(query, 0, name, sizeof(name));
        if (count++ < USERS_NAMED_MAX && length < sizeof(users))
            length += (size_t)snprintf(users + length, sizeof(users) - length, "%s%.64s",
                                       length ? ", " : "", query_column_text(query, 1));
    }
    if (r || !count)
        return r;
    return error_set(e, ERROR_IN_USE, "remove %s: volume is in use - [%s%s]", name, users,
                     count > USERS_NAMED_MAX ? ", ..." : "");
}

static int volume_row_bury(struct catalog *catalog, const char *id, struct error *e)
{
    _query_ struct query *insert =
        db_query(catalog->db, "INSERT INTO tombstones (id, name, removed_at) "
                              "SELECT id, name, ?2 FROM volumes WHERE id = ?1");
    _query_ struct query *remove = db_query(catalog->db, "DELETE FROM volumes WHERE id = ?1");
    int r;

    query_bind_int(insert, 2, time_now());
    r = volume_change(catalog, insert, id, e);
    return r ? r : volume_change(catalog, remove, id, e);
}

static int volume_bury(struct catalog *catalog, const char *id, struct error *e)
{
    _change_ struct change change = {0};
    int r;

    r = change_begin(&change, catalog, e);
    if (!r)
        r = volume_check_unused(catalog->db, id, e);
    if (!r)
        r = volume_row_bury(catalog, id, e);
    return r ? r : change_commit(&change, e);
}

int catalog_volume_tombstone(struct catalog *catalog, const char *id, struct error *e)
{
    struct room room = {0};
    int r;

    do
        r = volume_bury(catalog, id, e);
    while (catalog_make_room(catalog, &room, r));
    return r;
}

/* 0 for one that is not there: what is in trash/ may have no tombstone after a rebuild. */
static int tombstone_delete(struct catalog *catalog, const char *id, struct error *e)
{
    _query_ struct query *query = db_query(catalog->db, "DELETE FROM tombstones WHERE id = ?1");

    query_bind_text(query, 1, id);
    return query_run(query, e);
}

static int tombstones_delete(struct catalog *catalog, const tombstone_id *ids, size_t count,
                             struct error *e)
{
    _change_ struct change change = {0};
    int r = change_begin(&change, catalog, e);

    for (size_t i = 0; r == 0 && i < count; i++)
        r = tombstone_delete(catalog, ids[i], e);
    return r ? r : change_commit(&change, e);
}

int catalog_tombstone_forget(struct catalog *catalog, const char *id, struct error *e)
{
    tombstone_id ids[1];

    snprintf(ids[0], sizeof(ids[0]), "%s", id);
    return catalog_tombstones_forget(catalog, (const tombstone_id *)ids, 1, e);
}

int catalog_tombstones_forget(struct catalog *catalog, const tombstone_id *ids, size_t count,
                              struct error *e)
{
    struct room room = {0};
    int r;

    do
        r = tombstones_delete(catalog, ids, count, e);
    while (catalog_make_room(catalog, &room, r));
    return r;
}

int catalog_tombstone_each(struct catalog *catalog, int (*visit)(void *context, const char *id),
                           void *context, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query =
        db_query(catalog->db, "SELECT id FROM tombstones ORDER BY removed_at, id");
    char id[VOLUME_ID_LENGTH + 1];
    bool row;
    int r;

    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        query_column_string(query, 0, id, sizeof(id));
        r = query_check_row(query, "tombstones", id, e);
        if (!r)
            r = visit(context, id);
        if (r)
            return r;
    }
    return r;
}
