/*
 * Variables for a container's environment, as -e and --env-file give them.
 */
#pragma once

#include "catalog/error.h"

#include <jansson.h>

enum { ENVIRONMENT_FILE_MAX = 1 << 20 };

/*
 * "KEY=VALUE" into the array, in place of one with the same key; "KEY" as it is in this program's
 * own environment, or not at all if it is not there. ERROR_REQUEST_INVALID: no key, not UTF-8.
 */
int environment_add(json_t *env, const char *text, struct error *e);

/*
 * The same for each line of a file; empty ones and those that begin with '#' are left out, blanks
 * before a key too. ERROR_REQUEST_INVALID: it cannot be read, is larger than the bound, a key has
 * blanks in it; the text names file and line.
 */
int environment_add_file(json_t *env, const char *path, struct error *e);

/* The value of a key in such an array; NULL: it is not there. */
const char *environment_get(const json_t *env, const char *key);
