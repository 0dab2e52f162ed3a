/*
 * The one file that includes sqlite3.h.
 *
 * Hides: how a file is opened without writing to it, which of SQLite's many
 * codes mean what to us, and the statement cache. The database is named through
 * /proc/self/fd so that it is the one in the directory that the caller holds;
 * SQLite derives the names of -wal and -shm from that.
 *
 * Inspecting. Without a WAL the file is opened immutable. With one, its frames
 * must be seen (a crash may have left half a checkpoint in the file): exclusive
 * locking keeps the WAL's index in memory instead of in a -shm file, the VFS
 * without locks is needed for it on a file that is open for reading only, and
 * the checkpoint at close is turned off. The store's lock, held by the
 * caller, keeps other writers away meanwhile.
 *
 * Locks: none; the caller serialises.
 */
#include "catalog/sqlite.h"

#include "catalog/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    QUERIES_MAX = 64,
    OPEN_PATIENCE_MS = 5000, /* nobody waits for us yet */
    FILE_NAME_MAX = 128,
};

struct query {
    struct db *db;
    const char *sql;
    sqlite3_stmt *statement;
    int failure; /* first failed prepare, bind or column; reported by the step or row check */
};

struct db {
    sqlite3 *handle;
    char file[FILE_NAME_MAX];
    char *dir_path;
    struct query queries[QUERIES_MAX];
    size_t query_count;
    bool commits_unsynced;
};

/* ---- errors ----------------------------------------------------------- */

int db_refuse(const struct db *db, struct error *e, const char *why)
{
    return error_set(
        e, ERROR_CORRUPT,
        "catalog %.300s/%s is damaged (%.200s): nothing was written. Stop volumefs and "
        "run: volctl doctor --rebuild --store %.300s",
        db->dir_path, db->file, why, db->dir_path);
}

int db_refuse_newer(const struct db *db, struct error *e, int64_t found, int known)
{
    return error_set(e, ERROR_NEWER,
                     "catalog %.300s/%s has version %lld, made by a newer volumefs; this one knows "
                     "version %d and has written nothing: upgrade volumefs",
                     db->dir_path, db->file, (long long)found, known);
}

static int db_set_errno(const struct db *db, int r, struct error *e)
{
    return error_set(e, r, "catalog %s/%s: %s", db->dir_path, db->file, sqlite3_errmsg(db->handle));
}

static int db_map_constraint(const struct db *db, int code, struct error *e)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return db_set_errno(db, ERROR_EXISTS, e);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return db_set_errno(db, ERROR_NOT_FOUND, e);
    default:
        return db_set_errno(db, -EINVAL, e);
    }
}

static int db_set_no_space(const struct db *db, struct error *e)
{
    return error_set(e, ERROR_NO_SPACE,
                     "catalog %s/%s: no space left on the device: free some and try again",
                     db->dir_path, db->file);
}

static int db_map_system(const struct db *db, struct error *e)
{
    int err = sqlite3_system_errno(db->handle);

    if (err == ENOSPC || err == EDQUOT)
        return db_set_no_space(db, e);
    return db_set_errno(db, err > 0 ? -err : -EIO, e);
}

/* What a result of SQLite other than OK, ROW and DONE is to us. */
static int db_map(const struct db *db, int code, struct error *e)
{
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return db_map_constraint(db, code, e);
    case SQLITE_FULL:
        return db_set_no_space(db, e);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        return db_refuse(db, e, sqlite3_errstr(code));
    case SQLITE_NOMEM:
        return db_set_errno(db, -ENOMEM, e);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(e, ERROR_UNAVAILABLE,
                         "catalog %.400s/%s: another process holds its lock: end its transaction "
                         "(see who it is with: fuser -v %.400s/%s) and try again",
                         db->dir_path, db->file, db->dir_path, db->file);
    case SQLITE_ERROR: /* no such table, no such column */
        return db_set_errno(db, -EIO, e);
    case SQLITE_READONLY:
        return db_set_errno(db, -EROFS, e);
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return db_set_errno(db, -EACCES, e);
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
        return db_set_errno(db, -EINVAL, e);
    default:
        return db_map_system(db, e);
    }
}

/* ---- opening ---------------------------------------------------------- */

/* 1 if FILE-wal is there and has something in it, 0 if not, negative errno. */
static int db_has_wal(int dir_fd, const char *file)
{
    char name[FILE_NAME_MAX + 8];
    struct stat st;

    snprintf(name, sizeof(name), "%s-wal", file);
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return st.st_size > 0;
}

static int db_open_handle(struct db *db, int dir_fd, const char *query, const char *vfs, int flags,
                          struct error *e)
{
    char uri[FILE_NAME_MAX + 96];
    int r;

    snprintf(uri, sizeof(uri), "file:/proc/self/fd/%d/%s%s", dir_fd, db->file, query);
    r = sqlite3_open_v2(uri, &db->handle,
                        flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
    if (!db->handle)
        return -ENOMEM;
    return r == SQLITE_OK ? 0 : db_map(db, r, e);
}

static int db_open_inspect(struct db *db, int dir_fd, struct error *e)
{
    int r = db_has_wal(dir_fd, db->file);

    if (r < 0)
        return error_set_errno(e, r, "catalog %s/%s-wal", db->dir_path, db->file);
    if (r == 0)
        r = db_open_handle(db, dir_fd, "?immutable=1", NULL, SQLITE_OPEN_READONLY, e);
    else
        r = db_open_handle(db, dir_fd, "", "unix-none", SQLITE_OPEN_READONLY, e);
    if (r)
        return r;
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return db_exec(db,
                   "PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON;"
                   "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;",
                   e);
}

/* SQLite answers with the mode that it could have, not with an error. */
static int db_open_wal(struct db *db, struct error *e)
{
    _query_ struct query *query = db_query(db, "PRAGMA journal_mode = WAL");
    bool row;
    int r = query_step(query, &row, e);

    if (r || (row && strcmp(query_column_text(query, 0), "wal") == 0))
        return r;
    return error_set(e, ERROR_UNUSABLE_STORE,
                     "catalog %s/%s: its file system cannot share memory between processes, which "
                     "the write-ahead log needs (journal mode stays \"%.16s\"): put the store on a "
                     "local file system",
                     db->dir_path, db->file, row ? query_column_text(query, 0) : "");
}

static int db_open_write(struct db *db, int dir_fd, struct error *e)
{
    int r = db_open_handle(db, dir_fd, "", NULL, SQLITE_OPEN_READWRITE, e);

    if (r)
        return r;
    db_set_patience(db, OPEN_PATIENCE_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    r = db_open_wal(db, e);
    if (r)
        return r;
    return db_exec(db,
                   "PRAGMA synchronous = FULL;"
                   "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                   "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                   "PRAGMA journal_size_limit = 4194304;",
                   e);
}

static int db_open_build(struct db *db, int dir_fd, struct error *e)
{
    int r = db_open_handle(db, dir_fd, "", NULL, SQLITE_OPEN_READWRITE, e);

    if (r)
        return r;
    return db_exec(db,
                   "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
                   "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                   "PRAGMA temp_store = MEMORY;",
                   e);
}

int db_open(struct db **out, int dir_fd, const char *file, const char *dir_path, enum db_mode mode,
            struct error *e)
{
    int (*const open_mode[])(struct db *, int, struct error *) = {
        [DB_INSPECT] = db_open_inspect,
        [DB_WRITE] = db_open_write,
        [DB_BUILD] = db_open_build,
    };
    _cleanup_(db_free_p) struct db *db = calloc(1, sizeof(*db));
    int r;

    *out = NULL;
    assert(strlen(file) < sizeof(db->file));
    if (!db)
        return -ENOMEM;
    snprintf(db->file, sizeof(db->file), "%s", file);
    db->dir_path = strdup(dir_path);
    if (!db->dir_path)
        return -ENOMEM;
    r = open_mode[mode](db, dir_fd, e);
    if (r)
        return r;
    *out = steal_pointer(&db);
    return 0;
}

struct db *db_free(struct db *db)
{
    if (!db)
        return NULL;
    for (size_t i = 0; i < db->query_count; i++)
        sqlite3_finalize(db->queries[i].statement);
    sqlite3_close(db->handle);
    free(db->dir_path);
    free(db);
    return NULL;
}

void db_free_p(struct db **db)
{
    db_free(*db);
}

/* ---- whole-database calls --------------------------------------------- */

int db_exec(struct db *db, const char *sql, struct error *e)
{
    int r = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return r == SQLITE_OK ? 0 : db_map(db, r, e);
}

int db_get_int(struct db *db, const char *sql, int64_t *out, struct error *e)
{
    _query_ struct query *query = db_query(db, sql);
    bool row;
    int r = query_step(query, &row, e);

    *out = !r && row ? query_column_int(query, 0) : 0;
    return r;
}

int db_set_version(struct db *db, int version, struct error *e)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", version);
    return db_exec(db, sql, e);
}

int db_checkpoint(struct db *db, struct error *e)
{
    int r = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);

    return r == SQLITE_OK ? 0 : db_map(db, r, e);
}

void db_set_patience(struct db *db, int ms)
{
    sqlite3_busy_timeout(db->handle, ms);
}

int64_t db_changes(const struct db *db)
{
    return sqlite3_changes64(db->handle);
}

static int db_check_foreign_keys(struct db *db, struct error *e)
{
    _query_ struct query *query = db_query(db, "PRAGMA foreign_key_check");
    char why[192];
    bool row;
    int r = query_step(query, &row, e);

    if (r || !row)
        return r;
    snprintf(why, sizeof(why), "a row of %.64s refers to a missing row of %.64s",
             query_column_text(query, 0), query_column_text(query, 2));
    return db_refuse(db, e, why);
}

static int db_check_pages(struct db *db, const char *pragma, struct error *e)
{
    _query_ struct query *query = db_query(db, pragma);
    bool row;
    int r = query_step(query, &row, e);

    if (r)
        return r;
    if (!row || strcmp(query_column_text(query, 0), "ok") != 0)
        return db_refuse(db, e, row ? query_column_text(query, 0) : "the check gave no answer");
    return 0;
}

int db_check(struct db *db, bool full, struct error *e)
{
    int r = db_check_pages(db, full ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)", e);

    return r || !full ? r : db_check_foreign_keys(db, e);
}

int db_make_publishable(struct db *db, struct error *e)
{
    return db_exec(db, "PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL;", e);
}

/* ---- queries ---------------------------------------------------------- */

struct query *db_query(struct db *db, const char *sql)
{
    size_t i = 0;
    struct query *query;

    while (i < db->query_count && db->queries[i].sql != sql)
        i++;
    assert(i < QUERIES_MAX);
    query = &db->queries[i];
    if (i == db->query_count)
        db->query_count++;
    /* One that could not be prepared (out of memory) is tried anew. */
    if (!query->statement) {
        *query = (struct query){.db = db, .sql = sql};
        query->failure = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                            &query->statement, NULL);
    }
    return query;
}

void query_release(struct query **query)
{
    if (!*query || !(*query)->statement)
        return;
    sqlite3_reset((*query)->statement);
    sqlite3_clear_bindings((*query)->statement);
    (*query)->failure = SQLITE_OK;
}

static void query_note(struct query *query, int code)
{
    if (query->failure == SQLITE_OK)
        query->failure = code;
}

void query_bind_text(struct query *query, int index, const char *text)
{
    if (query->statement)
        query_note(query, sqlite3_bind_text(query->statement, index, text, -1, SQLITE_STATIC));
}

void query_bind_int(struct query *query, int index, int64_t value)
{
    if (query->statement)
        query_note(query, sqlite3_bind_int64(query->statement, index, value));
}

int query_step(struct query *query, bool *row, struct error *e)
{
    int r = query->failure;

    *row = false;
    if (r == SQLITE_OK)
        r = sqlite3_step(query->statement);
    if (r == SQLITE_ROW) {
        *row = true;
        return 0;
    }
    return r == SQLITE_DONE ? 0 : db_map(query->db, r, e);
}

int query_run(struct query *query, struct error *e)
{
    bool row;
    int r;

    do
        r = query_step(query, &row, e);
    while (!r && row);
    if (query->statement)
        sqlite3_reset(query->statement);
    return r;
}

bool query_column_is_null(struct query *query, int column)
{
    return sqlite3_column_type(query->statement, column) == SQLITE_NULL;
}

int64_t query_column_int(struct query *query, int column)
{
    if (sqlite3_column_type(query->statement, column) != SQLITE_INTEGER)
        query_refuse_row(query);
    return sqlite3_column_int64(query->statement, column);
}

/* The text and its length; NULL for NULL. */
static const char *query_column_bytes(struct query *query, int column, size_t *length)
{
    int type = sqlite3_column_type(query->statement, column);
    const char *text;

    *length = 0;
    if (type == SQLITE_NULL)
        return NULL;
    text = (const char *)sqlite3_column_text(query->statement, column);
    if (!text) {
        query_out_of_memory(query);
        return NULL;
    }
    *length = (size_t)sqlite3_column_bytes(query->statement, column);
    if (type != SQLITE_TEXT || strlen(text) != *length)
        query_refuse_row(query);
    return text;
}

const char *query_column_text(struct query *query, int column)
{
    size_t length;
    const char *text = query_column_bytes(query, column, &length);

    return text ? text : "";
}

void query_column_string(struct query *query, int column, char *out, size_t size)
{
    size_t length;
    const char *text = query_column_bytes(query, column, &length);

    out[0] = 0;
    if (length >= size)
        query_refuse_row(query);
    else if (text)
        memcpy(out, text, length + 1);
}

void query_column_copy(struct query *query, int column, char **out)
{
    size_t length;
    const char *text = query_column_bytes(query, column, &length);

    *out = text ? strdup(text) : NULL;
    if (text && !*out)
        query_out_of_memory(query);
}

void query_refuse_row(struct query *query)
{
    query_note(query, SQLITE_CORRUPT);
}

void query_out_of_memory(struct query *query)
{
    query_note(query, SQLITE_NOMEM);
}

int query_check_row(struct query *query, const char *table, const char *key, struct error *e)
{
    int failure = query->failure;
    char why[192];

    query->failure = SQLITE_OK;
    if (failure == SQLITE_CORRUPT) {
        snprintf(why, sizeof(why),
                 "the row of %.32s with the key '%.80s' holds what was never "
                 "written there",
                 table, key);
        return db_refuse(query->db, e, why);
    }
    return failure == SQLITE_OK ? 0 : db_map(query->db, failure, e);
}

/* ---- transactions ----------------------------------------------------- */

int db_sync_commits(struct db *db, bool sync, struct error *e)
{
    int r;

    if (sync == !db->commits_unsynced)
        return 0;
    db->commits_unsynced = true; /* a statement that fails may have taken effect before */
    r = db_exec(db, sync ? "PRAGMA synchronous = FULL;" : "PRAGMA synchronous = NORMAL;", e);
    if (r == 0)
        db->commits_unsynced = !sync;
    return r;
}

int transaction_begin(struct transaction *transaction, struct db *db, struct error *e)
{
    _query_ struct query *query = db_query(db, "BEGIN IMMEDIATE");
    int r = query_run(query, e);

    transaction->db = r ? NULL : db;
    return r;
}

int transaction_commit(struct transaction *transaction, struct error *e)
{
    _query_ struct query *query = db_query(transaction->db, "COMMIT");
    int r = query_run(query, e);

    if (!r)
        transaction->db = NULL;
    return r;
}

void transaction_release(struct transaction *transaction)
{
    /* Some failures (a full disk) roll back by themselves. */
    if (transaction->db && !sqlite3_get_autocommit(transaction->db->handle))
        sqlite3_exec(transaction->db->handle, "ROLLBACK", NULL, NULL, NULL);
    transaction->db = NULL;
}
