/*
 * Uses of the catalog: engines' active mounts, counted by (volume, mount id).
 */
#include "catalog/catalog_private.h"

#include <string.h>

#define USE_COLUMNS "volume_id, mount_id, count, engine_pid, engine_started_at, since"

int use_row_read(struct query *query, int column, struct use *use, struct error *e)
{
    int64_t count = query_column_int(query, column + 2);

    *use = (struct use){0};
    query_column_string(query, column, use->volume_id, sizeof(use->volume_id));
    query_column_string(query, column + 1, use->mount_id, sizeof(use->mount_id));
    if (count < 1 || count > UINT32_MAX)
        query_refuse_row(query);
    use->count = (uint32_t)count;
    return query_check_row(query, "uses", use->volume_id, e);
}

/* The same with what the oldest catalogs did not have. */
static int use_row_read_whole(struct query *query, struct use *use, struct error *e)
{
    int r = use_row_read(query, 0, use, e);

    if (r)
        return r;
    use->engine.pid = (pid_t)query_column_int(query, 3);
    use->engine.started_at = (uint64_t)query_column_int(query, 4);
    use->since = query_column_int(query, 5);
    return query_check_row(query, "uses", use->volume_id, e);
}

/* The count alone, where there is a row. */
int use_row_put(struct db *db, const struct use *use, struct error *e)
{
    _query_ struct query *query =
        db_query(db, "INSERT INTO uses (volume_id, mount_id, count) VALUES (?1, ?2, ?3) "
                     "ON CONFLICT (volume_id, mount_id) DO UPDATE SET count = ?3");

    query_bind_text(query, 1, use->volume_id);
    query_bind_text(query, 2, use->mount_id);
    query_bind_int(query, 3, use->count);
    return query_run(query, e);
}

static int use_row_delete(struct db *db, const struct use *use, struct error *e)
{
    _query_ struct query *query =
        db_query(db, "DELETE FROM uses WHERE volume_id = ?1 AND mount_id = ?2");

    query_bind_text(query, 1, use->volume_id);
    query_bind_text(query, 2, use->mount_id);
    return query_run(query, e);
}

/* The count as it is; 0: no row. ERROR_NOT_FOUND: no such volume. */
static int use_count_get(struct db *db, const struct use *use, int64_t *count, struct error *e)
{
    _query_ struct query *query =
        db_query(db, "SELECT coalesce(u.count, 0) FROM volumes v LEFT JOIN uses u "
                     "ON u.volume_id = v.id AND u.mount_id = ?2 WHERE v.id = ?1");
    bool row;
    int r;

    *count = 0;
    query_bind_text(query, 1, use->volume_id);
    query_bind_text(query, 2, use->mount_id);
    r = query_step(query, &row, e);
    if (r)
        return r;
    if (!row)
        return error_set(e, ERROR_NOT_FOUND, "get %s: no such volume", use->volume_id);
    *count = query_column_int(query, 0);
    return query_check_row(query, "uses", use->volume_id, e);
}

static int use_change(struct db *db, struct use *use, int delta, struct error *e)
{
    int64_t count;
    int r = use_count_get(db, use, &count, e);

    if (r)
        return r;
    count += delta;
    if (count < 0)
        return error_set(e, ERROR_NOT_FOUND, "volume %s is not mounted %d times under the id %s",
                         use->volume_id, -delta, use->mount_id);
    if (count > UINT32_MAX)
        return error_set(e, ERROR_LIMIT, "volume %s is mounted too often under the id %s",
                         use->volume_id, use->mount_id);
    use->count = (uint32_t)count;
    return count ? use_row_put(db, use, e) : use_row_delete(db, use, e);
}

static int use_init(struct use *use, const char *volume_id, const char *mount_id, struct error *e)
{
    *use = (struct use){0};
    if (!name_is_volume_id(volume_id))
        return error_set(e, ERROR_NOT_FOUND, "get %s: no such volume", volume_id);
    if (!mount_id[0] || strnlen(mount_id, sizeof(use->mount_id)) == sizeof(use->mount_id))
        return error_set(e, ERROR_REQUEST_INVALID, "invalid mount id: it has 1 to %zu bytes",
                         sizeof(use->mount_id) - 1);
    memcpy(use->volume_id, volume_id, VOLUME_ID_LENGTH);
    memcpy(use->mount_id, mount_id, strlen(mount_id));
    return 0;
}

static int use_add(struct catalog *catalog, const char *volume_id, const char *mount_id, int delta,
                   uint32_t *count, struct error *e)
{
    _change_ struct change change = {0};
    struct use use;
    int r = use_init(&use, volume_id, mount_id, e);

    if (r)
        return r;
    r = change_begin(&change, catalog, e);
    if (!r)
        r = use_change(catalog->db, &use, delta, e);
    if (!r)
        r = change_commit(&change, e);
    if (!r && count)
        *count = use.count;
    return r;
}

int catalog_use_add(struct catalog *catalog, const char *volume_id, const char *mount_id, int delta,
                    uint32_t *count, struct error *e)
{
    struct room room = {0};
    int r;

    do
        r = use_add(catalog, volume_id, mount_id, delta, count, e);
    while (delta < 0 && catalog_make_room(catalog, &room, r));
    return r;
}

/* ---- engines --------------------------------------------------------------- */

/* One more of the same process; of another, the first. A process that is not known may be any. */
static int use_row_mount(struct db *db, const struct use *use, const char *boot_id, struct error *e)
{
    _query_ struct query *query = db_query(
        db, "INSERT INTO uses (volume_id, mount_id, count, boot_id, engine_pid, engine_started_at,"
            " since) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6) "
            "ON CONFLICT (volume_id, mount_id) DO UPDATE SET"
            " count = iif(engine_pid IN (0, ?4) AND engine_started_at IN (0, ?5)"
            "     AND boot_id IN ('', ?3), count + 1, 1),"
            " boot_id = ?3, engine_pid = ?4, engine_started_at = ?5");

    query_bind_text(query, 1, use->volume_id);
    query_bind_text(query, 2, use->mount_id);
    query_bind_text(query, 3, boot_id);
    query_bind_int(query, 4, use->engine.pid);
    query_bind_int(query, 5, (int64_t)use->engine.started_at);
    query_bind_int(query, 6, use->since);
    return query_run(query, e);
}

static int volume_touch(struct db *db, const struct use *use, struct error *e)
{
    _query_ struct query *query =
        db_query(db, "UPDATE volumes SET last_used_at = ?2 WHERE id = ?1");

    query_bind_text(query, 1, use->volume_id);
    query_bind_int(query, 2, use->since);
    return query_run(query, e);
}

int catalog_use_mount(struct catalog *catalog, const char *volume_id, const char *mount_id,
                      const char *boot_id, const struct engine_process *engine, struct error *e)
{
    _change_ struct change change = {0};
    struct use use;
    int r = use_init(&use, volume_id, mount_id, e);

    if (r)
        return r;
    use.engine = *engine;
    use.since = time_now();
    r = change_begin(&change, catalog, e);
    if (!r)
        r = use_row_mount(catalog->db, &use, boot_id, e);
    if (r == ERROR_NOT_FOUND) /* what it refers to */
        return error_set(e, r, "get %s: no such volume", volume_id);
    if (!r)
        r = volume_touch(catalog->db, &use, e);
    return r ? r : change_commit(&change, e);
}

static int void_boots(struct catalog *catalog, const char *boot_id, struct error *e)
{
    _change_ struct change change = {0};
    _query_ struct query *adopt = NULL;
    _query_ struct query *end = NULL;
    int r = change_begin(&change, catalog, e);

    if (r)
        return r;
    adopt = db_query(catalog->db, "UPDATE uses SET boot_id = ?1 WHERE boot_id = ''");
    query_bind_text(adopt, 1, boot_id);
    r = query_run(adopt, e);
    if (r)
        return r;
    end = db_query(catalog->db, "DELETE FROM uses WHERE boot_id <> ?1");
    query_bind_text(end, 1, boot_id);
    r = query_run(end, e);
    return r ? r : change_commit(&change, e);
}

int catalog_use_void_boots(struct catalog *catalog, const char *boot_id, struct error *e)
{
    struct room room = {0};
    int r;

    do
        r = void_boots(catalog, boot_id, e);
    while (catalog_make_room(catalog, &room, r));
    return r;
}

static int void_engine(struct catalog *catalog, const struct engine_process *engine,
                       struct error *e)
{
    _change_ struct change change = {0};
    _query_ struct query *query = NULL;
    int r = change_begin(&change, catalog, e);

    if (r)
        return r;
    query =
        db_query(catalog->db, "DELETE FROM uses WHERE engine_pid = ?1 AND engine_started_at = ?2");
    query_bind_int(query, 1, engine->pid);
    query_bind_int(query, 2, (int64_t)engine->started_at);
    r = query_run(query, e);
    return r ? r : change_commit(&change, e);
}

int catalog_use_void_engine(struct catalog *catalog, const struct engine_process *engine,
                            struct error *e)
{
    struct room room = {0};
    int r;

    do
        r = void_engine(catalog, engine, e);
    while (catalog_make_room(catalog, &room, r));
    return r;
}

static int void_volume(struct catalog *catalog, const char *volume_id, struct error *e)
{
    _change_ struct change change = {0};
    _query_ struct query *query = NULL;
    int r = change_begin(&change, catalog, e);

    if (r)
        return r;
    query = db_query(catalog->db, "DELETE FROM uses WHERE volume_id = ?1");
    query_bind_text(query, 1, volume_id);
    r = query_run(query, e);
    return r ? r : change_commit(&change, e);
}

int catalog_use_void_volume(struct catalog *catalog, const char *volume_id, struct error *e)
{
    struct room room = {0};
    int r;

    do
        r = void_volume(catalog, volume_id, e);
    while (catalog_make_room(catalog, &room, r));
    return r;
}

int catalog_use_each(struct catalog *catalog, const char *volume_id,
                     int (*visit)(void *context, const struct use *use), void *context,
                     struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    static const char all[] = "SELECT " USE_COLUMNS " FROM uses ORDER BY volume_id, mount_id";
    static const char of_volume[] =
        "SELECT " USE_COLUMNS " FROM uses WHERE volume_id = ?1 ORDER BY mount_id";
    _query_ struct query *query = db_query(catalog->db, volume_id ? of_volume : all);
    struct use use;
    bool row;
    int r;

    if (volume_id)
        query_bind_text(query, 1, volume_id);
    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        r = use_row_read_whole(query, &use, e);
        if (!r)
            r = visit(context, &use);
        if (r)
            return r;
    }
    return r;
}
