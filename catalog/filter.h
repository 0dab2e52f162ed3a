/*
 * Filters of volume lists: what `volctl ls -f`, the Engine API's `filters=` and
 * prune select by. Pure.
 *
 * Keys: dangling (true|1|false|0), name (exact or extended regular expression,
 * as a search), label (k or k=v), driver, kind (named|anonymous),
 * readonly (true|1|false|0). Values of one key: any matches; except label,
 * where all must (Docker). Keys: all must match. For prune also label!: a volume that has any of
 * them is left out (Docker leaves out only one that has all; this one removes less). A value of
 * name is refused if it is no expression, has back references, or repeats too much.
 */
#pragma once

#include "catalog/error.h"
#include "catalog/model.h"

struct filter; /* opaque: compiled */

struct filter *filter_new(void); /* NULL: out of memory. Empty: matches everything. */
struct filter *filter_free(struct filter *filter);
void filter_free_p(struct filter **filter); /* for _cleanup_ */

/* ERROR_REQUEST_INVALID with Docker's texts: invalid filter 'x', invalid filter 'dangling=[x]'. */
int filter_add(struct filter *filter, const char *key, const char *value, struct error *e);

/* True if matching needs the reference count (so that the caller may skip computing it). */
bool filter_needs_references(const struct filter *filter);
bool filter_match(const struct filter *filter, const struct volume *volume, bool dangling);
