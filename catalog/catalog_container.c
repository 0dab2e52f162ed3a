/*
 * Containers of the catalog. An empty name is a name not known; of those there
 * may be many.
 */
#include "catalog/catalog_private.h"

#include <string.h>

enum { PREFIX_MIN = 4 };

int container_row_read(struct query *query, int column, struct container *container,
                       struct error *e)
{
    *container = (struct container){0};
    query_column_string(query, column, container->id, sizeof(container->id));
    query_column_string(query, column + 1, container->name, sizeof(container->name));
    query_column_string(query, column + 2, container->runtime, sizeof(container->runtime));
    if (!container_state_parse(query_column_text(query, column + 3), &container->state))
        query_refuse_row(query);
    container->created_at = query_column_int(query, column + 4);
    query_column_string(query, column + 5, container->engine, sizeof(container->engine));
    query_column_string(query, column + 6, container->engine_id, sizeof(container->engine_id));
    if (name_check_container(container->id, NULL) ||
        (container->name[0] && name_check_container(container->name, NULL)))
        query_refuse_row(query);
    return query_check_row(query, "containers", container->id, e);
}

int container_row_put(struct db *db, const struct container *container, struct error *e)
{
    _query_ struct query *query =
        db_query(db, "INSERT INTO containers (id, name, runtime, state, created_at, engine, "
                     "engine_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE "
                     "SET name = ?2, runtime = ?3, state = ?4, engine = ?6, engine_id = ?7");
    int r = name_check_container(container->id, e);

    if (!r && container->name[0])
        r = name_check_container(container->name, e);
    if (r)
        return r;
    query_bind_text(query, 1, container->id);
    query_bind_text(query, 2, container->name);
    query_bind_text(query, 3, container->runtime);
    query_bind_text(query, 4, container_state_name(container->state));
    query_bind_int(query, 5, container->created_at);
    query_bind_text(query, 6, container->engine);
    query_bind_text(query, 7, container->engine_id);
    r = query_run(query, e);
    if (r == ERROR_EXISTS)
        return error_set(e, r, "container name %s is in use by another container", container->name);
    return r;
}

int catalog_container_put(struct catalog *catalog, const struct container *container,
                          const struct run *run, struct error *e)
{
    _change_ struct change change = {0};
    int r = change_begin(&change, catalog, e);

    if (!r)
        r = container_row_put(catalog->db, container, e);
    if (!r)
        r = run_row_put(catalog->db, container->id, run, e);
    return r ? r : change_commit(&change, e);
}

/* Reads the first container of `query`, ?1 being `key`, and says how many there are (up to 2). */
static int container_find(struct query *query, const char *key, struct container *out, int *count,
                          struct error *e)
{
    bool row;
    int r;

    *count = 0;
    query_bind_text(query, 1, key);
    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        r = container_row_read(query, 0, out, e);
        if (r)
            return r;
        ++*count;
    }
    return r;
}

/* Of the alphabet of ids every byte sorts before '~'. */
static int container_find_prefix(struct db *db, const char *key, struct container *out, int *count,
                                 struct error *e)
{
    _query_ struct query *query =
        db_query(db, "SELECT " CONTAINER_COLUMNS " FROM containers c "
                     "WHERE c.id > ?1 AND c.id < ?1 || '~' ORDER BY c.id LIMIT 2");

    return container_find(query, key, out, count, e);
}

static int container_find_exact(struct db *db, const char *sql, const char *key,
                                struct container *out, int *count, struct error *e)
{
    _query_ struct query *query = db_query(db, sql);

    return container_find(query, key, out, count, e);
}

int catalog_container_get(struct catalog *catalog, const char *key, struct container *out,
                          struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    int count = 0, r = 0;

    *out = (struct container){0};
    if (!name_check_container(key, NULL))
        r = container_find_exact(catalog->db,
                                 "SELECT " CONTAINER_COLUMNS " FROM containers c WHERE c.id = ?1",
                                 key, out, &count, e);
    if (!r && !count && key[0])
        r = container_find_exact(catalog->db,
                                 "SELECT " CONTAINER_COLUMNS
                                 " FROM containers c WHERE c.name = ?1 AND c.name <> ''",
                                 key, out, &count, e);
    if (!r && !count && strlen(key) >= PREFIX_MIN && !name_check_container(key, NULL))
        r = container_find_prefix(catalog->db, key, out, &count, e);
    if (!r && count == 1)
        return 0;
    *out = (struct container){0};
    if (r)
        return r;
    if (count > 1)
        return error_set(e, ERROR_LIMIT,
                         "container %s is ambiguous: more than one id begins with it; give more "
                         "digits",
                         key);
    return error_set(e, ERROR_NOT_FOUND, "No such container: %s", key);
}

/* The rows come in whatever order; each says first which of the three it is. */
static int container_read_identified(struct query *query, struct container *of_id,
                                     struct container *of_name, struct error *e)
{
    enum { OF_ID, NAME_IS_ID, NAME_IS_NAME };
    struct container container;
    bool row;
    int r;

    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        int64_t which = query_column_int(query, 0);

        r = container_row_read(query, 1, &container, e);
        if (r)
            return r;
        if (which == OF_ID)
            *of_id = container;
        else if (which == NAME_IS_ID || !of_name->id[0])
            *of_name = container;
    }
    return r;
}

int catalog_container_identify(struct catalog *catalog, const char *id, const char *name,
                               struct container *of_id, struct container *of_name, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query =
        db_query(catalog->db, "SELECT 0, " CONTAINER_COLUMNS " FROM containers c WHERE c.id = ?1 "
                              "UNION ALL "
                              "SELECT 1, " CONTAINER_COLUMNS " FROM containers c WHERE c.id = ?2 "
                              "UNION ALL "
                              "SELECT 2, " CONTAINER_COLUMNS " FROM containers c "
                              "WHERE c.name = ?2 AND c.name <> ''");

    *of_id = *of_name = (struct container){0};
    query_bind_text(query, 1, id);
    query_bind_text(query, 2, name);
    return container_read_identified(query, of_id, of_name, e);
}

int catalog_container_each(struct catalog *catalog,
                           int (*visit)(void *context, const struct container *container),
                           void *context, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query = db_query(catalog->db, "SELECT " CONTAINER_COLUMNS
                                                        " FROM containers c ORDER BY c.name, c.id");
    struct container container;
    bool row;
    int r;

    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        r = container_row_read(query, 0, &container, e);
        if (!r)
            r = visit(context, &container);
        if (r)
            return r;
    }
    return r;
}

static int container_delete(struct catalog *catalog, const char *id, enum catalog_sync sync,
                            struct error *e)
{
    _change_ struct change change = {0};
    _query_ struct query *query = NULL;
    int r = change_begin_sync(&change, catalog, sync, e);

    if (r)
        return r;
    query = db_query(catalog->db, "DELETE FROM containers WHERE id = ?1");
    query_bind_text(query, 1, id);
    r = query_run(query, e);
    if (!r && db_changes(catalog->db) == 0)
        return error_set(e, ERROR_NOT_FOUND, "No such container: %s", id);
    return r ? r : change_commit(&change, e);
}

int catalog_container_delete(struct catalog *catalog, const char *id, enum catalog_sync sync,
                             struct error *e)
{
    struct room room = {0};
    int r;

    do
        r = container_delete(catalog, id, sync, e);
    while (catalog_make_room(catalog, &room, r));
    return r;
}
