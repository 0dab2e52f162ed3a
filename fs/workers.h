/*
 * The threads that take requests from the kernel and serve them.
 *
 * What costs most of a small request is waking another processor, so a few
 * readers look for the next request for some microseconds, giving way to
 * others, before they sleep; the rest are parked. When all readers are held up
 * (by a disk, say), a monitor calls a parked one, or a handler that knows it
 * will be long says so at once.
 */
#pragma once

#include "catalog/error.h"

struct fuse_session;
struct workers; /* opaque */

enum { WORKERS_SPIN_DEFAULT_US = 50 };

struct workers_config {
    unsigned readers; /* 0: chosen by the processors */
    int spin_us;      /* how long to look before sleeping; 0: not; −1: chosen */
};

int workers_start(struct workers **out, struct fuse_session *fuse,
                  const struct workers_config *config, struct error *e);
/* Readable when the connection has ended and no thread serves any more. */
int workers_end_fd(const struct workers *workers);
unsigned workers_count(struct workers *workers);
/* Said by a handler before it waits for a disk: another thread takes the next request. */
void workers_expect_delay(struct workers *workers);
/* Ends and joins them, also while the connection lives. Returns NULL. */
struct workers *workers_stop(struct workers *workers);
