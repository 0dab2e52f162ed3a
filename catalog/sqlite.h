/*
 * SQLite as the catalog needs it: connections, cached prepared statements,
 * transactions as objects, and its results told apart. Private to catalog/.
 *
 * Results are those of catalog.h: 0; ERROR_EXISTS (a unique key is taken),
 * ERROR_NOT_FOUND (a foreign key refers to nothing), ERROR_NO_SPACE,
 * ERROR_CORRUPT (the text names the repair); ERROR_UNAVAILABLE (another process holds the
 * file's lock); or negative errno (-EINVAL: a CHECK refused a value). A row is never a result: it
 * comes in a bool of its own.
 *
 * Not thread-safe: one connection is one thread's at a time.
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum db_mode {
    DB_INSPECT, /* reads what is there, a crashed writer's WAL included; writes not one byte */
    DB_WRITE,   /* WAL, synchronous FULL, foreign keys */
    DB_BUILD,   /* a new file that nobody knows yet: no journal; db_publishable before its rename */
};

struct db;
struct query; /* one prepared statement of a connection's cache */

/* `file` in the directory `dir_fd`, which stays the caller's and must outlive the connection;
 * `dir_path` is its name for texts. The file must exist (DB_BUILD: may be empty). */
int db_open(struct db **out, int dir_fd, const char *file, const char *dir_path, enum db_mode mode,
            struct error *e);
struct db *db_free(struct db *db); /* returns NULL */
void db_free_p(struct db **db);

/* Statements without parameters, several allowed. Constants only. */
int db_exec(struct db *db, const char *sql, struct error *e);
/* The first column of the first row; 0 if there is none. */
int db_get_int(struct db *db, const char *sql, int64_t *out, struct error *e);
/* PRAGMA user_version cannot be bound. */
int db_set_version(struct db *db, int version, struct error *e);
/* Writes the log back, so that the next change begins it anew in the space that it has. */
int db_checkpoint(struct db *db, struct error *e);
/* How long a statement waits for another process; 5 s after the open. */
void db_set_patience(struct db *db, int ms);
/* Rows the last statement changed. */
int64_t db_changes(const struct db *db);
/* quick_check, or with `full` integrity_check and the foreign keys. ERROR_CORRUPT with the first
 * finding. */
int db_check(struct db *db, bool full, struct error *e);
/* ERROR_CORRUPT with the text that names the file and the repair. */
int db_refuse(const struct db *db, struct error *e, const char *why);
/* ERROR_NEWER for a file of schema version `found` where `known` is the newest. */
int db_refuse_newer(const struct db *db, struct error *e, int64_t found, int known);
/* Turns a file built with DB_BUILD into one that DB_WRITE finds as it wants it. */
int db_make_publishable(struct db *db, struct error *e);

/*
 * The statement for `sql`, which must be a string constant: the cache goes by its address. Never
 * NULL; what fails is reported by the step. Release resets it and drops its
 * bindings, which are borrowed until then.
 */
struct query *db_query(struct db *db, const char *sql);
void query_release(struct query **query);
#define _query_ __attribute__((cleanup(query_release)))

void query_bind_text(struct query *query, int index, const char *text); /* NULL: NULL */
void query_bind_int(struct query *query, int index, int64_t value);

int query_step(struct query *query, bool *row, struct error *e);
/* Runs to the end, passing over rows; the query may be run again with other bindings. */
int query_run(struct query *query, struct error *e);

/* Columns of the present row. A value that is not what is asked for (too long, not text, a NUL in
 * it) makes the row refused: see query_check_row. */
bool query_column_is_null(struct query *query, int column);
int64_t query_column_int(struct query *query, int column);
const char *query_column_text(struct query *query, int column); /* "" for NULL; until next step */
void query_column_string(struct query *query, int column, char *out, size_t size);
/* A new string in *out, NULL for NULL. */
void query_column_copy(struct query *query, int column, char **out);
void query_refuse_row(struct query *query);
void query_out_of_memory(struct query *query);
/* 0, or the error of the columns read since the step; `table` and `key` say in its text which row
 * it is. */
int query_check_row(struct query *query, const char *table, const char *key, struct error *e);

/*
 * Whether the commits of a connection for DB_WRITE, which otherwise do, wait until they are on the
 * disk. Those that do not are there with the next that does: the log is written in order. Not
 * within a transaction.
 */
int db_sync_commits(struct db *db, bool sync, struct error *e);

struct transaction {
    struct db *db;
};

/* Takes the write lock at once, so that a change cannot fail half way for a reader's sake. */
int transaction_begin(struct transaction *transaction, struct db *db, struct error *e);
int transaction_commit(struct transaction *transaction, struct error *e);
/* Rolls back what was not committed. */
void transaction_release(struct transaction *transaction);
#define _transaction_ __attribute__((cleanup(transaction_release)))
