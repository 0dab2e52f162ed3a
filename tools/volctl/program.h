/*
 * What another program prints.
 */
#pragma once

#include "catalog/error.h"

enum { PROGRAM_OUTPUT_MAX = 64 << 20 };

/*
 * Runs arguments[0], found in PATH, without a shell, and waits for its end. *out gets all of its
 * standard output, NUL-terminated, to be freed; may be NULL. ERROR_NOT_FOUND: there is no such
 * program; ERROR_REQUEST_INVALID: it failed, the text being what it said; ERROR_LIMIT: it says too
 * much; negative errno.
 */
int program_read(const char *const *arguments, char **out, struct error *e);
