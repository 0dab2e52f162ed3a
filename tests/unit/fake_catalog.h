/*
 * A catalog in memory, for tests of what calls it: the rows stand in arrays
 * that a test fills. Linked instead of the real one.
 */
#pragma once

#include "catalog/catalog.h"

enum { FAKE_ROWS = 32 };

struct fake_attachment {
    const char *container; /* id of a row of containers */
    const char *volume;    /* id; "" for a host path */
    const char *source;
    const char *destination;
    bool readonly;
    bool nocopy;
    enum access_label label;
};

struct fake_catalog {
    struct {
        const char *id, *name;
        int64_t last_used_at;
    } volumes[FAKE_ROWS];
    struct container containers[FAKE_ROWS];
    struct run run; /* of every container; its strings are the test's */
    struct fake_attachment attachments[FAKE_ROWS];
    struct use uses[FAKE_ROWS];
    int check;  /* what catalog_check answers */
    int broken; /* if not 0, what every call answers */
};

extern struct fake_catalog fake_catalog;

void fake_catalog_reset(void);
