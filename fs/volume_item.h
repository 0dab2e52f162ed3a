/*
 * One mount of a container, from what is asked for to the volume that serves it.
 */
#pragma once

#include "fs/volume_private.h"

/* One mount that is being attached. */
struct mount_item {
    const struct mount_spec *spec;
    struct mount_spec own_spec;           /* of what was taken from another container */
    char from[CONTAINER_ID_MAX + 1];      /* that container, or "" */
    char volume_id[VOLUME_ID_LENGTH + 1]; /* the volume it must be, or "" */
    char name[NAME_MAX_LENGTH + 1];       /* of the volume; "" for a host path */
    const char *subpath;                  /* borrowed from the spec or own_subpath, or NULL */
    char *own_subpath;
    bool unnamed;
    bool bind;    /* given as a path of the tree */
    bool created; /* on the way */
    bool relabelled;
    struct copy_source source; /* what the rootfs has for it */
    struct volume volume;      /* as it was before */
    struct volume_ref ref;
};

void mount_item_deinit(struct mount_item *item);

/* From item->spec: which volume is meant, if any. A bind of a path in the tree means its volume,
 * whatever links and bind mounts lead there; a host path is checked, or made. */
int mount_item_prepare(const struct volumes *volumes, struct mount_item *item, struct error *e);
/*
 * Instead of that: a mount taken from another container (--volumes-from), of `volume` or, where
 * that is NULL, of a host path. It is read-only if either is, and nothing is copied into it.
 */
int mount_item_take(struct mount_item *item, const struct attachment *attachment,
                    const struct volume *volume, const struct volumes_from *from);

/* With the stripe of its name held: the volume, made at need. */
int mount_item_find_or_make(struct volumes *volumes, struct mount_item *item, struct error *e);
/* A part of a volume must be there; it is looked for below the volume's root and nowhere else. */
int mount_item_check_subpath(struct volumes *volumes, const struct mount_item *item,
                             struct error *e);
