/*
 * What a mount that an engine tells of is to us: of a volume here, or not.
 */
#pragma once

#include "fs/volume_engine.h"

enum mount_sort {
    SORT_OTHER,   /* nothing of ours */
    SORT_OURS,    /* of the volume `name` */
    SORT_UNKNOWN, /* cannot be told */
};

struct sorted_mount {
    const struct engine_mount *mount; /* borrowed */
    enum mount_sort sort;
    char name[NAME_MAX_LENGTH + 1];
    char *subpath; /* to be freed; or NULL */
};

/* 0 or -ENOMEM. Waits for no file system. */
int engine_mount_sort(const struct volumes *volumes, const struct engine *engine,
                      const struct engine_mount *mount, struct sorted_mount *out);
