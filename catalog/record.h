/*
 * volume.json: what the store keeps beside a volume's data, enough to rebuild
 * its catalog row. One JSON object, keys as in `volctl inspect`, with
 * "Format": 1. Only record.c knows it is JSON.
 */
#pragma once

#include "catalog/error.h"
#include "catalog/model.h"

#include <stddef.h>

enum { RECORD_SIZE_MAX = 32 << 20 };

/* A new NUL-terminated text, to be freed; NULL when out of memory. */
char *record_encode(const struct volume *volume);

/*
 * Parses and validates every field and bound (name, id, driver, pairs, times). ERROR_CORRUPT with a
 * text; ERROR_NEWER for a Format above ours. On failure *out is {0}.
 */
int record_decode(const char *text, size_t length, struct volume *out, struct error *e);
