/* What the files of the rebuild share: nobody else includes this. */
#pragma once

#include "catalog/catalog_private.h"

struct rebuild {
    int store_fd;
    const char *path;
    void (*report)(void *context, const char *line);
    void *context;
    struct db *old; /* NULL: there is none that can be read at all */
    struct db *new;
    int old_version;        /* of its schema */
    struct volume *volumes; /* of the store */
    size_t count, room;
    struct rebuild_summary summary;
    bool containers_damaged; /* a container may have been, and cannot be read */
};

void rebuild_report(struct rebuild *rebuild, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, of what the new catalog will not have. */
void rebuild_report_lost(struct rebuild *rebuild, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Opens the old catalog, if it can be read at all. ERROR_NEWER. */
int salvage_open(struct rebuild *rebuild, struct error *e);
/* The volume as the old catalog knew it; false if it did not. */
bool salvage_volume(struct rebuild *rebuild, const char *id, struct volume *out);
/* Puts what only the old catalog knew into the new one, which has the volumes. */
int salvage_rest(struct rebuild *rebuild, struct error *e);

/* Keeps catalog.db and what belongs to it under the name catalog.db.broken-TIME. */
int keep_old(struct rebuild *rebuild, struct error *e);
