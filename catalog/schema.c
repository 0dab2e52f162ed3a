/*
 * The schema, as the list of steps that made it. A step that was released is
 * never edited: a change is a new step at the end.
 *
 * Words instead of numbers for kinds, labels and states, because administrators
 * read this with `sqlite3 catalog.db`; the views are for them alone. Times are
 * nanoseconds since 1970. Everything is keyed and indexed so that no call scans.
 */
#include "catalog/schema.h"

#include <errno.h>

static const char schema_tables[] =
    "PRAGMA application_id = 1450142790;" /* SCHEMA_APPLICATION_ID */
    "CREATE TABLE volumes ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 32),"
    "  name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),"
    "  kind TEXT NOT NULL CHECK (kind IN ('named', 'anonymous')),"
    "  driver TEXT NOT NULL CHECK (driver <> ''),"
    "  readonly INTEGER NOT NULL CHECK (readonly IN (0, 1)),"
    "  label TEXT NOT NULL CHECK (label IN ('none', 'shared', 'private')),"
    "  owner TEXT NOT NULL,"
    "  context TEXT NOT NULL,"
    "  size_limit INTEGER NOT NULL CHECK (size_limit >= 0),"
    "  created_at INTEGER NOT NULL,"
    "  last_used_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE volume_pairs ("
    "  volume_id TEXT NOT NULL REFERENCES volumes (id) ON DELETE CASCADE,"
    "  role TEXT NOT NULL CHECK (role IN ('label', 'option')),"
    "  key TEXT NOT NULL CHECK (key <> ''),"
    "  value TEXT NOT NULL,"
    "  PRIMARY KEY (volume_id, role, key)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE tombstones ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 32),"
    "  name TEXT NOT NULL,"
    "  removed_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE containers ("
    "  id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),"
    "  name TEXT NOT NULL CHECK (length(name) <= 255)," /* '': not known */
    "  runtime TEXT NOT NULL,"
    "  state TEXT NOT NULL CHECK (state IN ('created', 'running', 'exited')),"
    "  created_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX containers_by_name ON containers (name) WHERE name <> '';"
    "CREATE TABLE attachments ("
    "  container_id TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,"
    "  destination TEXT NOT NULL CHECK (substr(destination, 1, 1) = '/'),"
    "  volume_id TEXT REFERENCES volumes (id)," /* NULL: a host path */
    "  source TEXT,"
    "  subpath TEXT,"
    "  readonly INTEGER NOT NULL CHECK (readonly IN (0, 1)),"
    "  nocopy INTEGER NOT NULL CHECK (nocopy IN (0, 1)),"
    "  unnamed INTEGER NOT NULL CHECK (unnamed IN (0, 1)),"
    "  label TEXT NOT NULL CHECK (label IN ('none', 'shared', 'private')),"
    "  propagation TEXT NOT NULL,"
    "  from_container TEXT NOT NULL,"
    "  PRIMARY KEY (container_id, destination),"
    "  CHECK ((volume_id IS NULL) <> (source IS NULL))"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX attachments_by_volume ON attachments (volume_id);"
    "CREATE TABLE uses ("
    "  volume_id TEXT NOT NULL REFERENCES volumes (id),"
    "  mount_id TEXT NOT NULL CHECK (mount_id <> ''),"
    "  count INTEGER NOT NULL CHECK (count BETWEEN 1 AND 4294967295),"
    "  PRIMARY KEY (volume_id, mount_id)"
    ") STRICT, WITHOUT ROWID;";

static const char schema_views[] =
    "CREATE VIEW volume_list AS SELECT v.name, v.kind, v.driver,"
    "    iif(v.readonly, 'ro', 'rw') AS mode, v.label, v.owner,"
    "    (SELECT count(DISTINCT a.container_id) FROM attachments a WHERE a.volume_id = v.id)"
    "        AS containers,"
    "    (SELECT total(u.count) FROM uses u WHERE u.volume_id = v.id) AS uses,"
    "    strftime('%Y-%m-%dT%H:%M:%SZ', v.created_at / 1000000000, 'unixepoch') AS created,"
    "    iif(v.last_used_at, strftime('%Y-%m-%dT%H:%M:%SZ', v.last_used_at / 1000000000,"
    "        'unixepoch'), NULL) AS last_used,"
    "    (SELECT group_concat(p.key || '=' || p.value, ',') FROM volume_pairs p"
    "        WHERE p.volume_id = v.id AND p.role = 'label') AS labels,"
    "    v.id FROM volumes v ORDER BY v.name;"
    "CREATE VIEW reference_list AS SELECT coalesce(v.name, a.source) AS volume,"
    "    iif(c.name = '', substr(c.id, 1, 12), c.name) AS container, c.state, a.destination,"
    "    iif(a.readonly, 'ro', 'rw') AS mode, a.label, a.subpath, a.from_container"
    "    FROM attachments a JOIN containers c ON c.id = a.container_id"
    "    LEFT JOIN volumes v ON v.id = a.volume_id ORDER BY 1, 2, a.destination;"
    "CREATE VIEW dangling AS SELECT v.name, v.kind, v.id FROM volumes v"
    "    WHERE NOT EXISTS (SELECT 1 FROM attachments a WHERE a.volume_id = v.id)"
    "    AND NOT EXISTS (SELECT 1 FROM uses u WHERE u.volume_id = v.id) ORDER BY v.name;";

static const char schema_runs[] =
    "CREATE TABLE runs ("
    "  container_id TEXT PRIMARY KEY REFERENCES containers (id) ON DELETE CASCADE,"
    "  rootfs TEXT CHECK (substr(rootfs, 1, 1) = '/'),"
    "  process TEXT," /* JSON */
    "  state_dir TEXT CHECK (substr(state_dir, 1, 1) = '/'),"
    "  auto_remove INTEGER NOT NULL CHECK (auto_remove IN (0, 1)),"
    "  copy_due INTEGER NOT NULL CHECK (copy_due IN (0, 1)),"
    "  pid INTEGER NOT NULL CHECK (pid BETWEEN 0 AND 2147483647),"
    "  pid_started_at INTEGER NOT NULL," /* clock ticks since boot */
    "  boot_id TEXT NOT NULL,"
    "  exit_code INTEGER CHECK (exit_code BETWEEN 0 AND 255)" /* NULL: not known */
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE trees (" /* mounts of the tree, newest last: those of daemons that died may live
                            */
    "  boot_id TEXT NOT NULL,"
    "  device INTEGER NOT NULL,"
    "  mounted_at INTEGER NOT NULL,"
    "  PRIMARY KEY (boot_id, device)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE VIEW container_list AS SELECT iif(c.name = '', substr(c.id, 1, 12), c.name)"
    "        AS container, c.runtime, c.state,"
    "    iif(c.state = 'running', r.pid, NULL) AS pid, r.exit_code, r.auto_remove, r.rootfs,"
    "    (SELECT count(*) FROM attachments a WHERE a.container_id = c.id) AS mounts,"
    "    strftime('%Y-%m-%dT%H:%M:%SZ', c.created_at / 1000000000, 'unixepoch') AS created, c.id"
    "    FROM containers c LEFT JOIN runs r ON r.container_id = c.id ORDER BY 1, c.id;";

/* Which boot, and which process of it, a use is of: it ends with either. */
static const char schema_engines[] =
    "ALTER TABLE uses ADD COLUMN boot_id TEXT NOT NULL DEFAULT '';" /* '': not known */
    "ALTER TABLE uses ADD COLUMN engine_pid INTEGER NOT NULL DEFAULT 0"
    "    CHECK (engine_pid BETWEEN 0 AND 2147483647);" /* 0: none */
    "ALTER TABLE uses ADD COLUMN engine_started_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE uses ADD COLUMN since INTEGER NOT NULL DEFAULT 0;";

/* Which engine's API a container is known from: it stays until that says otherwise. */
static const char schema_followed[] =
    "ALTER TABLE containers ADD COLUMN engine TEXT NOT NULL DEFAULT '';"; /* '': none */

/* One that comes up with other data is another one, and does not know the containers of the first.
 */
static const char schema_engine_ids[] =
    "ALTER TABLE containers ADD COLUMN engine_id TEXT NOT NULL DEFAULT '';"; /* '': not known */

/* Step i takes version i to i + 1. */
static const char *const schema_steps[SCHEMA_VERSION] = {
    schema_tables, schema_views, schema_runs, schema_engines, schema_followed, schema_engine_ids,
};

_Static_assert(SCHEMA_APPLICATION_ID == 1450142790, "the tables' step writes this number");

/* A file of ours by its header may still have lost its tables: this cannot be prepared then. */
static int schema_probe(struct db *db, int64_t version, struct error *e)
{
    int64_t unused;
    int r = db_get_int(db,
                       "SELECT 1 FROM volumes, volume_pairs, tombstones, containers, attachments,"
                       " uses LIMIT 0",
                       &unused, e);

    if (r == 0 && version >= SCHEMA_VERSION_RUNS)
        r = db_get_int(db, "SELECT 1 FROM runs, trees LIMIT 0", &unused, e);
    if (r == 0 && version >= SCHEMA_VERSION_ENGINES)
        r = db_get_int(db, "SELECT boot_id, engine_pid, engine_started_at, since FROM uses LIMIT 0",
                       &unused, e);
    if (r == 0 && version >= SCHEMA_VERSION_FOLLOWED)
        r = db_get_int(db, "SELECT 1 FROM containers WHERE engine <> '' LIMIT 0", &unused, e);
    if (r == 0 && version >= SCHEMA_VERSION_ENGINE_IDS)
        r = db_get_int(db, "SELECT 1 FROM containers WHERE engine_id <> '' LIMIT 0", &unused, e);

    /* Only "no such table" is our finding; a full memory or a lock stays what it is. */
    return r == -EIO ? db_refuse(db, e, "a table is missing") : r;
}

int schema_inspect(struct db *db, int *version, struct error *e)
{
    int64_t id, found;
    int r;

    *version = 0;
    r = db_get_int(db, "PRAGMA application_id", &id, e);
    if (r)
        return r;
    if (id != SCHEMA_APPLICATION_ID)
        return db_refuse(db, e, "it is not a catalog of volumefs: another application id");
    r = db_get_int(db, "PRAGMA user_version", &found, e);
    if (r)
        return r;
    if (found > SCHEMA_VERSION)
        return db_refuse_newer(db, e, found, SCHEMA_VERSION);
    if (found < 1)
        return db_refuse(db, e, "it has no schema version");
    *version = (int)found;
    return schema_probe(db, found, e);
}

int schema_migrate(struct db *db, int from, int to, struct error *e)
{
    _transaction_ struct transaction transaction = {0};
    int r;

    r = transaction_begin(&transaction, db, e);
    for (int version = from; !r && version < to; version++)
        r = db_exec(db, schema_steps[version], e);
    if (!r)
        r = db_set_version(db, to, e);
    return r ? r : transaction_commit(&transaction, e);
}
