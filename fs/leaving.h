/*
 * Volumes that are about to go back to an engine, which volume plugins' clients must not find
 * meanwhile: an engine makes no volume of its own under a name that a driver of its has. Pure; safe
 * from any thread; the lock is held for a moment only. Times are CLOCK_MONOTONIC, in ns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { LEAVING_MAX = 64, LEAVING_SECONDS = 30 };

struct leaving; /* opaque */

struct leaving *leaving_new(void); /* NULL: no memory */
struct leaving *leaving_free(struct leaving *leaving);

/* For LEAVING_SECONDS, if nobody says more. ERROR_LIMIT: LEAVING_MAX do already. */
int leaving_begin(struct leaving *leaving, const char *id, int64_t now);
/* It goes now: until leaving_end. ERROR_LIMIT. */
int leaving_hold(struct leaving *leaving, const char *id, int64_t now);
/* It stays after all, if it is not held. */
void leaving_withdraw(struct leaving *leaving, const char *id);
void leaving_end(struct leaving *leaving, const char *id);
bool leaving_has(struct leaving *leaving, const char *id, int64_t now);
