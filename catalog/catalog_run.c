/*
 * How containers are run: the table `runs`, a row for each container of which something is known.
 */
#include "catalog/catalog_private.h"

#include <string.h>

int run_row_read(struct query *query, int column, const char *container_id, struct run *run,
                 struct error *e)
{
    int r;

    *run = (struct run){0};
    query_column_copy(query, column, &run->rootfs);
    query_column_copy(query, column + 1, &run->process);
    query_column_copy(query, column + 2, &run->state_dir);
    run->auto_remove = query_column_int(query, column + 3) != 0;
    run->copy_due = query_column_int(query, column + 4) != 0;
    run->pid = (pid_t)query_column_int(query, column + 5);
    run->pid_started_at = (uint64_t)query_column_int(query, column + 6);
    query_column_string(query, column + 7, run->boot_id, sizeof(run->boot_id));
    run->has_exit_code = !query_column_is_null(query, column + 8);
    run->exit_code = run->has_exit_code ? (int)query_column_int(query, column + 8) : 0;
    r = query_check_row(query, "runs", container_id, e);
    if (r)
        run_deinit(run);
    return r;
}

static int run_check(const struct run *run, struct error *e)
{
    if (run->rootfs &&
        (run->rootfs[0] != '/' || strnlen(run->rootfs, PATH_TEXT_MAX + 1) > PATH_TEXT_MAX))
        return error_set(e, ERROR_REQUEST_INVALID,
                         "rootfs '%.256s' must be an absolute path of at most %d bytes",
                         run->rootfs, PATH_TEXT_MAX);
    if (run->state_dir &&
        (run->state_dir[0] != '/' || strnlen(run->state_dir, PATH_TEXT_MAX + 1) > PATH_TEXT_MAX))
        return error_set(e, ERROR_REQUEST_INVALID,
                         "state directory '%.256s' must be an absolute path of at most %d bytes",
                         run->state_dir, PATH_TEXT_MAX);
    if (run->process && strnlen(run->process, PROCESS_TEXT_MAX + 1) > PROCESS_TEXT_MAX)
        return error_set(e, ERROR_LIMIT, "a command and its environment may have %d bytes",
                         PROCESS_TEXT_MAX);
    return 0;
}

static bool run_is_empty(const struct run *run)
{
    return !run->rootfs && !run->process && !run->state_dir && !run->auto_remove &&
           !run->copy_due && !run->pid;
}

int run_row_put(struct db *db, const char *container_id, const struct run *run, struct error *e)
{
    _query_ struct query *query = NULL;
    int r;

    if (!run || run_is_empty(run))
        return 0;
    r = run_check(run, e);
    if (r)
        return r;
    query = db_query(db, "INSERT OR REPLACE INTO runs (container_id, rootfs, process, state_dir, "
                         "auto_remove, copy_due, pid, pid_started_at, boot_id, exit_code) "
                         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    query_bind_text(query, 1, container_id);
    query_bind_text(query, 2, run->rootfs);
    query_bind_text(query, 3, run->process);
    query_bind_text(query, 4, run->state_dir);
    query_bind_int(query, 5, run->auto_remove);
    query_bind_int(query, 6, run->copy_due);
    query_bind_int(query, 7, run->pid);
    query_bind_int(query, 8, (int64_t)run->pid_started_at);
    query_bind_text(query, 9, run->boot_id);
    if (run->has_exit_code) /* what is not bound is NULL */
        query_bind_int(query, 10, run->exit_code);
    return query_run(query, e);
}

int catalog_run_get(struct catalog *catalog, const char *container_id, struct run *out,
                    struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query =
        db_query(catalog->db, "SELECT " RUN_COLUMNS " FROM runs r WHERE r.container_id = ?1");
    bool row;
    int r;

    *out = (struct run){0};
    query_bind_text(query, 1, container_id);
    r = query_step(query, &row, e);
    return r || !row ? r : run_row_read(query, 0, container_id, out, e);
}

int catalog_run_each(struct catalog *catalog,
                     int (*visit)(void *context, const struct container *container,
                                  const struct run *run),
                     void *context, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    _query_ struct query *query = db_query(
        catalog->db, "SELECT " RUN_COLUMNS ", " CONTAINER_COLUMNS
                     " FROM runs r JOIN containers c ON c.id = r.container_id ORDER BY c.id");
    bool row;
    int r;

    for (r = query_step(query, &row, e); !r && row; r = query_step(query, &row, e)) {
        _cleanup_(run_deinit) struct run run = {0};
        struct container container;

        r = container_row_read(query, RUN_COLUMN_COUNT, &container, e);
        if (!r)
            r = run_row_read(query, 0, container.id, &run, e);
        if (!r)
            r = visit(context, &container, &run);
        if (r)
            return r;
    }
    return r;
}
