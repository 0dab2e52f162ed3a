/*
 * SELinux contexts as texts, USER:ROLE:TYPE:LEVEL, and the levels that keep containers apart:
 * "s0:c1,c2", a pair of categories, as container engines give them (MCS). Pure; whether a context
 * means anything is the loaded policy's to say (label.h).
 */
#pragma once

#include "catalog/model.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    LEVEL_MAX = 191,         /* bytes of a level's text */
    LEVEL_CATEGORIES = 1024, /* c0 to c1023, as in every policy of a distribution */
    LEVEL_PAIRS = LEVEL_CATEGORIES * (LEVEL_CATEGORIES - 1) / 2,
};

/* Of user, role, type and perhaps a level, in characters that contexts are made of. */
bool context_is_well_formed(const char *text);
/* What follows the type, or "". */
const char *context_level(const char *context);
/* Puts another level in the place of what it has. False: too long, and unchanged. */
bool context_set_level(char context[CONTEXT_MAX + 1], const char *level);

/* One level, no range, with categories: what others do not dominate by themselves. */
bool level_separates(const char *level);

/* The pairs that are taken. */
struct levels;                   /* opaque */
struct levels *levels_new(void); /* NULL: out of memory */
struct levels *levels_free(struct levels *levels);
void levels_note(struct levels *levels, const char *context);
/* One that is not taken: the first from the `start`th on. False: all are. */
bool levels_pick(const struct levels *levels, uint32_t start, char out[LEVEL_MAX + 1]);
