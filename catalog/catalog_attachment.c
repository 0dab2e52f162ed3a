/*
 * Attachments of the catalog: which container refers to which volume, where.
 */
#include "catalog/catalog_private.h"

#include <string.h>

/* ---- rows ------------------------------------------------------------- */

int attachment_row_read(struct query *query, int column, struct attachment *attachment,
                        struct error *e)
{
    int r;

    *attachment = (struct attachment){0};
    query_column_string(query, column, attachment->container_id, sizeof(attachment->container_id));
    query_column_string(query, column + 1, attachment->volume_id, sizeof(attachment->volume_id));
    query_column_copy(query, column + 2, &attachment->source);
    query_column_copy(query, column + 3, &attachment->destination);
    query_column_copy(query, column + 4, &attachment->subpath);
    attachment->readonly = query_column_int(query, column + 5) != 0;
    attachment->nocopy = query_column_int(query, column + 6) != 0;
    attachment->unnamed = query_column_int(query, column + 7) != 0;
    if (!access_label_parse(query_column_text(query, column + 8), &attachment->label))
        query_refuse_row(query);
    query_column_string(query, column + 9, attachment->propagation,
                        sizeof(attachment->propagation));
    query_column_string(query, column + 10, attachment->from, sizeof(attachment->from));
    if (!attachment->destination || attachment->destination[0] != '/')
        query_refuse_row(query);
    r = query_check_row(query, "attachments", attachment->container_id, e);
    if (r)
        attachment_deinit(attachment);
    return r;
}

static bool path_is_bounded(const char *path)
{
    return strnlen(path, PATH_TEXT_MAX + 1) <= PATH_TEXT_MAX;
}

static int attachment_check(const struct attachment *attachment, struct error *e)
{
    const char *destination = attachment->destination ? attachment->destination : "";

    if (destination[0] != '/' || !path_is_bounded(destination))
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid mount path: '%.256s' mount path must be absolute and at most %d "
                         "bytes",
                         destination, PATH_TEXT_MAX);
    if ((attachment->source &&
         (attachment->source[0] != '/' || !path_is_bounded(attachment->source))) ||
        (attachment->subpath && !path_is_bounded(attachment->subpath)))
        return error_set(e, ERROR_SPEC_INVALID, "invalid source of mount path '%.256s'",
                         destination);
    if (!attachment->volume_id[0] != !!attachment->source)
        return error_set(e, ERROR_SPEC_INVALID,
                         "mount path '%.256s' needs either a volume or a host path", destination);
    return 0;
}

int attachment_row_insert(struct db *db, const struct attachment *attachment, struct error *e)
{
    _query_ struct query *query =
        db_query(db, "INSERT INTO attachments (container_id, volume_id, source, destination, "
                     "subpath, readonly, nocopy, unnamed, label, propagation, from_container) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
    int r = attachment_check(attachment, e);

    if (r)
        return r;
    query_bind_text(query, 1, attachment->container_id);
    query_bind_text(query, 2, attachment->volume_id[0] ? attachment->volume_id : NULL);
    query_bind_text(query, 3, attachment->source);
    query_bind_text(query, 4, attachment->destination);
    query_bind_text(query, 5, attachment->subpath);
    query_bind_int(query, 6, attachment->readonly);
    query_bind_int(query, 7, attachment->nocopy);
    query_bind_int(query, 8, attachment->unnamed);
    query_bind_text(query, 9, access_label_name(attachment->label));
    query_bind_text(query, 10, attachment->propagation);
    query_bind_text(query, 11, attachment->from);
    r = query_run(query, e);
    if (r == ERROR_EXISTS)
        return error_set(e, r, "Duplicate mount point: %s", attachment->destination);
    if (r == ERROR_NOT_FOUND)
        return error_set(e, r, "get %s: no such volume", attachment->volume_id);
    return r;
}

/* ---- changes ---------------------------------------------------------- */

/* The clock may have been set back: the time of use never is. */
static int volume_row_touch(struct db *db, const char *id, int64_t now, struct error *e)
{
    _query_ struct query *query =
        db_query(db, "UPDATE volumes SET last_used_at = max(last_used_at, ?2) WHERE id = ?1");

    query_bind_text(query, 1, id);
    query_bind_int(query, 2, now);
    return query_run(query, e);
}

/* The container is the one given, whatever the attachments say. */
static int attachment_rows_insert(struct db *db, const struct container *container,
                                  const struct attachment *attachments, size_t count, int64_t now,
                                  struct error *e)
{
    int r = 0;

    for (size_t i = 0; !r && i < count; i++) {
        struct attachment attachment = attachments[i];

        memcpy(attachment.container_id, container->id, sizeof(attachment.container_id));
        r = attachment_row_insert(db, &attachment, e);
        if (!r && attachment.volume_id[0])
            r = volume_row_touch(db, attachment.volume_id, now, e);
    }
    return r;
}

/* destination NULL: all of the container's. */
static int attachment_rows_delete(struct db *db, const char *container_id, const char *destination,
                                  struct error *e)
{
    _query_ struct query *query = db_query(db, "DELETE FROM attachments WHERE container_id = ?1 "
                                               "AND (?2 IS NULL OR destination = ?2)");

    query_bind_text(query, 1, container_id);
    query_bind_text(query, 2, destination);
    return query_run(query, e);
}

int catalog_attach(struct catalog *catalog, const struct container *container,
                   const struct run *run, const struct attachment *attachments, size_t count,
                   int64_t now, enum catalog_sync sync, struct error *e)
{
    _change_ struct change change = {0};
    int r = change_begin_sync(&change, catalog, sync, e);

    if (!r)
        r = container_row_put(catalog->db, container, e);
    if (!r)
        r = run_row_put(catalog->db, container->id, run, e);
    if (!r)
        r = attachment_rows_insert(catalog->db, container, attachments, count, now, e);
    return r ? r : change_commit(&change, e);
}

int catalog_container_sync(struct catalog *catalog, const struct container *container,
                           const struct attachment *attachments, size_t count, int64_t now,
                           struct error *e)
{
    _change_ struct change change = {0};
    int r = change_begin(&change, catalog, e);

    if (!r)
        r = container_row_put(catalog->db, container, e);
    if (!r)
        r = attachment_rows_delete(catalog->db, container->id, NULL, e);
    if (!r)
        r = attachment_rows_insert(catalog->db, container, attachments, count, now, e);
    return r ? r : change_commit(&change, e);
}

static int attachments_delete(struct catalog *catalog, const char *container_id,
                              const char *destination, struct error *e)
{
    _change_ struct change change = {0};
    int r = change_begin(&change, catalog, e);

    if (!r)
        r = attachment_rows_delete(catalog->db, container_id, destination, e);
    if (!r && db_changes(catalog->db) == 0)
        return error_set(e, ERROR_NOT_FOUND, "container %s has no attachment%s%s", container_id,
                         destination ? " at " : "", destination ? destination : "");
    return r ? r : change_commit(&change, e);
}

int catalog_detach(struct catalog *catalog, const char *container_id, const char *destination,
                   struct error *e)
{
    struct room room = {0};
    int r;

    do
        r = attachments_delete(catalog, container_id, destination, e);
    while (catalog_make_room(catalog, &room, r));
    return r;
}

/* ---- lists ------------------------------------------------------------ */

/* `query` gives ATTACHMENT_COLUMNS, CONTAINER_COLUMNS. */
static int attachment_rows_each(struct query *query,
                                int (*visit)(void *context, const struct attachment *attachment,
                                             const struct container *container),
                                void *context, struct error *e)
{
    bool row;
    int r;

    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        _cleanup_(attachment_deinit) struct attachment attachment = {0};
        struct container container;

        r = attachment_row_read(query, 0, &attachment, e);
        if (!r)
            r = container_row_read(query, ATTACHMENT_COLUMN_COUNT, &container, e);
        if (!r)
            r = visit(context, &attachment, &container);
        if (r)
            return r;
    }
    return r;
}

int catalog_attachment_each_of_volume(struct catalog *catalog, const char *volume_id,
                                      int (*visit)(void *context,
                                                   const struct attachment *attachment,
                                                   const struct container *container),
                                      void *context, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query =
        db_query(catalog->db, "SELECT " ATTACHMENT_COLUMNS ", " CONTAINER_COLUMNS
                              " FROM attachments a JOIN containers c ON c.id = a.container_id "
                              "WHERE a.volume_id = ?1 ORDER BY c.name, c.id, a.destination");

    query_bind_text(query, 1, volume_id);
    return attachment_rows_each(query, visit, context, e);
}

int catalog_attachment_each(struct catalog *catalog,
                            int (*visit)(void *context, const struct attachment *attachment,
                                         const struct container *container),
                            void *context, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query = db_query(
        catalog->db,
        "SELECT " ATTACHMENT_COLUMNS ", " CONTAINER_COLUMNS
        " FROM attachments a JOIN containers c ON c.id = a.container_id "
        "WHERE a.volume_id IS NOT NULL ORDER BY a.volume_id, a.container_id, a.destination");

    return attachment_rows_each(query, visit, context, e);
}

int catalog_reference_count(struct catalog *catalog, const char *volume_id, uint32_t *containers,
                            uint32_t *uses, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query = db_query(
        catalog->db,
        "SELECT (SELECT count(DISTINCT container_id) FROM attachments WHERE volume_id = ?1),"
        " (SELECT count(*) FROM uses WHERE volume_id = ?1)");
    bool row;
    int r;

    *containers = *uses = 0;
    query_bind_text(query, 1, volume_id);
    r = query_step(query, &row, e);
    if (r || !row)
        return r;
    *containers = (uint32_t)query_column_int(query, 0);
    *uses = (uint32_t)query_column_int(query, 1);
    return 0;
}

/* Of all, to host paths too, that each can be read. */
int attachment_rows_check(struct db *db, struct error *e)
{
    _query_ struct query *query = db_query(db, "SELECT " ATTACHMENT_COLUMNS " FROM attachments a");
    bool row;
    int r;

    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        _cleanup_(attachment_deinit) struct attachment attachment = {0};

        r = attachment_row_read(query, 0, &attachment, e);
        if (r)
            return r;
    }
    return r;
}

typedef int attachment_visitor(void *context, const struct attachment *attachment,
                               const struct volume *volume);

static int attachment_show(attachment_visitor *visit, void *context,
                           const struct attachment *attachment, const struct volume *volume)
{
    if (!attachment->destination)
        return 0;
    return visit(context, attachment, volume->id[0] ? volume : NULL);
}

/* The next attachment begins at the present row: reads it and its volume, if it has one. */
static int attachment_row_begin(struct query *query, struct attachment *attachment,
                                struct volume *volume, struct error *e)
{
    int r;

    attachment_deinit(attachment);
    volume_deinit(volume);
    r = attachment_row_read(query, 0, attachment, e);
    if (r || !attachment->volume_id[0])
        return r;
    return volume_row_read(query, ATTACHMENT_COLUMN_COUNT, volume, e);
}

int catalog_attachment_each_of_container(struct catalog *catalog, const char *container_id,
                                         attachment_visitor *visit, void *context, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query = db_query(
        catalog->db, "SELECT " ATTACHMENT_COLUMNS ", " VOLUME_COLUMNS
                     " FROM attachments a LEFT JOIN volumes v ON v.id = a.volume_id " VOLUME_PAIRS
                     " WHERE a.container_id = ?1 ORDER BY a.destination");
    _cleanup_(attachment_deinit) struct attachment attachment = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};
    bool row;
    int r;

    query_bind_text(query, 1, container_id);
    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        if (!attachment.destination ||
            strcmp(attachment.destination, query_column_text(query, 3)) != 0) {
            r = attachment_show(visit, context, &attachment, &volume);
            if (!r)
                r = attachment_row_begin(query, &attachment, &volume, e);
        }
        if (!r)
            r = volume_row_read_pair(query, ATTACHMENT_COLUMN_COUNT, &volume, e);
        if (r)
            return r;
    }
    return r ? r : attachment_show(visit, context, &attachment, &volume);
}
