/*
 * .volumefs/: the hidden directory of views. Directories of symbolic links into
 * the tree (dangling/, by-container/NAME/, by-id/) and the text file `status`,
 * made up when asked for. Nothing in it can be changed.
 */
#pragma once

#include "fs/ops.h"

#define VIEW_DIRECTORY_NAME ".volumefs"

struct views *views_new(void);
struct views *views_free(struct views *views);

/* True for nodeids of views. */
bool view_is(fuse_ino_t ino);

/* All answer 0 or a positive errno. */
int view_lookup_top(struct session *session, struct fuse_entry_param *out);
int view_lookup(struct session *session, fuse_ino_t parent, const char *name,
                struct fuse_entry_param *out);
void view_forget(struct session *session, fuse_ino_t ino, uint64_t count);
int view_attributes(struct session *session, fuse_ino_t ino, struct stat *st);
/* A new string, to be freed. */
int view_readlink(struct session *session, fuse_ino_t ino, char **target);
int view_list(struct session *session, fuse_ino_t ino, struct listing *listing, off_t offset);
/* The text of `status`, a new string; EISDIR for the others. */
int view_read(struct session *session, fuse_ino_t ino, char **text);
