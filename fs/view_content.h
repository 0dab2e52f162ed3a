/*
 * The entries of the directories below .volumefs/: names, and for links where
 * they point. Knows nothing of FUSE.
 */
#pragma once

#include "fs/volume.h"

enum view_kind {
    VIEW_NONE,
    VIEW_TOP,
    VIEW_STATUS,
    VIEW_DANGLING,
    VIEW_BY_ID,
    VIEW_BY_CONTAINER,
    VIEW_CONTAINER, /* one container's directory */
    VIEW_LINK,
};

/* Entries of a view directory: name, and for a link where it points. */
struct view_entry {
    char *name;
    char *target; /* NULL: a directory or `status` */
    enum view_kind kind;
};

struct view_entries {
    struct view_entry *items;
    size_t count;
};

void view_entries_deinit(struct view_entries *entries);

/* Adds everything in a directory, as it is now. `container`: whose, for VIEW_CONTAINER. 0 or errno.
 */
int view_entries_list(struct volumes *volumes, enum view_kind kind, const char *container,
                      struct view_entries *entries);

/* Adds the one entry of that name, if it is there. 0 or errno. */
int view_entries_find(struct volumes *volumes, enum view_kind kind, const char *container,
                      const char *name, struct view_entries *found);
