/*
 * The threads that take requests from the kernel and serve them.
 */
#pragma once

#include "catalog/error.h"

struct fuse_session;
struct workers; /* opaque */

/*
 * Starts `base` threads (0: chosen by the processors); more come, up to a
 * bound, when all are busy at once, since some requests wait for a disk.
 */
int workers_start(struct workers **out, struct fuse_session *fuse, unsigned base, struct error *e);
/* Readable when the connection has ended and no thread serves any more. */
int workers_end_fd(const struct workers *workers);
unsigned workers_count(const struct workers *workers);
/* Ends and joins them, also while the connection lives. Returns NULL. */
struct workers *workers_stop(struct workers *workers);
