/*
 * Directories that are being copied in or out for a volume, each by the thread that was asked to: a
 * list, so that others can see how far it is, and end it.
 */
#pragma once

#include "fs/copy.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct transfers; /* opaque */

struct transfer {
    struct transfer *next;
    const char *name; /* the volume's */
    bool leaving;
    struct copy_progress progress;
    _Atomic uint64_t total_bytes;
    atomic_bool stop;
};

struct transfers *transfers_new(void); /* NULL: no memory */
struct transfers *transfers_free(struct transfers *transfers);

/* Lists it until transfer_end; `transfer` stays where it is. −EBUSY: one of that name goes on;
 * −ECANCELED: none are begun any more. */
int transfer_begin(struct transfers *transfers, struct transfer *transfer);
void transfer_end(struct transfers *transfers, struct transfer *transfer);

enum transfer_state { TRANSFER_NONE, TRANSFER_COMING, TRANSFER_LEAVING };
/* What goes on under that name; with `stop` it is ended. The counts may be NULL. */
enum transfer_state transfer_look(struct transfers *transfers, const char *name, bool stop,
                                  uint64_t *bytes, uint64_t *total_bytes, uint64_t *entries);
/* Ends all, now and from now on. */
void transfers_cancel(struct transfers *transfers);
