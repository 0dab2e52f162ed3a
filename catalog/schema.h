/*
 * What tables the catalog has, and how an older one becomes today's. Private to
 * catalog/.
 */
#pragma once

#include "catalog/error.h"
#include "catalog/sqlite.h"

enum {
    SCHEMA_APPLICATION_ID = 0x566f6c46, /* "VolF", in the file's header: `file` shows it */
    SCHEMA_VERSION_RUNS = 3,            /* the first with the table `runs` */
    SCHEMA_VERSION_ENGINES = 4,         /* the first in which uses are of an engine's process */
    SCHEMA_VERSION_FOLLOWED = 5,        /* the first in which containers are of an engine's API */
    SCHEMA_VERSION_ENGINE_IDS = 6,      /* the first that knows which engine of a name that is */
    SCHEMA_VERSION = 6,
};

/*
 * Reads the version of an existing catalog. ERROR_CORRUPT: not a catalog of
 * ours, or without its tables; ERROR_NEWER: made by a newer volumefs. Writes
 * nothing.
 */
int schema_inspect(struct db *db, int *version, struct error *e);

/* Takes the database from version `from` (0: empty) to `to`, in one transaction. */
int schema_migrate(struct db *db, int from, int to, struct error *e);
