/*
 * The extended attributes of a volume's root that are not stored but told:
 * user.volume.*.
 */
#pragma once

#include "fs/ops.h"

#include <sys/types.h>

/* True for "user.volume.…". */
bool vxattr_is(const char *name);

/*
 * The value of `name` for a volume: a new string of *size bytes, to be freed.
 * 0; ENODATA for one that does not exist or is not set; another errno.
 */
int vxattr_get(struct session *session, struct volume_ref volume, const char *name, char **value,
               size_t *size);

/* The names to list, each NUL-terminated: those that have a value. A new buffer. */
int vxattr_list(struct session *session, struct volume_ref volume, char **names, size_t *size);

/*
 * Sets by an administrator: readonly ("1"/"0", on/off, true/false), label ("none", "shared",
 * "private"). ENOTSUP for the others, EPERM for a caller who may not, EINVAL for a bad value, EBUSY
 * for what the containers that use the volume stand in the way of.
 */
int vxattr_set(struct session *session, fuse_req_t req, struct volume_ref volume, const char *name,
               const char *value, size_t size);
