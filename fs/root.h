/*
 * The root of the tree: a directory whose entries are volumes and nothing
 * else. Its changes are the use cases of fs/volume.h.
 */
#pragma once

#include "fs/ops.h"

/* All answer 0 or a positive errno for the handlers that dispatch here. */
void root_attributes(struct session *session, struct stat *st);
int root_lookup(struct session *session, const char *name, struct fuse_entry_param *out);
int root_mkdir(struct session *session, fuse_req_t req, const char *name, mode_t mode,
               struct fuse_entry_param *out);
int root_rmdir(struct session *session, const char *name);
int root_rename(struct session *session, const char *name, const char *new_name, unsigned flags);
int root_list(struct session *session, struct listing *listing, off_t offset);

/* Drops what the kernel has cached of the root's entries; not from inside a handler. */
void root_forget_names(struct session *session);
/* The tree's listener of changes that did not come through it. */
struct volumes_events root_events(struct session *session);
