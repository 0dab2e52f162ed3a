/*
 * Programs that belong to this one.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The first of the places, relative to the directory this program is in, where there is a program.
 * False, and out empty: there is none.
 */
bool beside_find(const char *const *places, size_t count, char out[PATH_MAX]);
