/*
 * How much each volume uses, for df and lists, without a quota: the sum of its
 * blocks, walked when something has changed since the last walk. A walk is
 * made in the foreground up to a bound of entries and then goes on in a thread,
 * the last known sum being answered meanwhile.
 */
#pragma once

#include "fs/store.h"
#include "fs/table.h"

#include <stdbool.h>
#include <stdint.h>

struct usage; /* opaque; safe from any thread */

struct usage *usage_new(struct store *store);  /* NULL: out of memory */
struct usage *usage_free(struct usage *usage); /* stops and joins its thread */

/* Lock-free and cheap: told by every file operation that may change a volume's size. */
void usage_mark_changed(struct usage *usage, struct volume_ref ref);

/*
 * The sums in *bytes (512-byte blocks × 512, hard links once) and *inodes.
 * `wait` false: bounded work, perhaps an older sum; true: exact, however long it takes.
 * 0 or negative errno.
 */
int usage_get(struct usage *usage, struct volume_ref ref, const char *id, bool wait,
              uint64_t *bytes, uint64_t *inodes);
/* Without any walk: false if no sum is known yet; one that is not exact any more is answered, and
 * the thread told. */
bool usage_get_known(struct usage *usage, struct volume_ref ref, const char *id, uint64_t *bytes,
                     uint64_t *inodes);
void usage_forget(struct usage *usage, struct volume_ref ref);
