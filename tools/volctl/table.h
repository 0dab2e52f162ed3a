/*
 * Tables on the terminal. Only table.c knows the library that aligns them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct column {
    const char *name;
    bool right; /* numbers */
    bool trunc; /* gives way first when the terminal is narrow */
};

struct table; /* opaque */

/* NULL: out of memory. */
struct table *table_new(const struct column *columns, size_t count);
struct table *table_free(struct table *table); /* returns NULL */
void table_free_p(struct table **table);

/* As many texts as columns; copied and escaped; NULL is "-". 0 or -ENOMEM. */
int table_add(struct table *table, const char *const *texts);

/* To stdout, in the terminal's width; without limit if stdout is none. 0 or negative errno. */
int table_print(struct table *table);

/* The same into a new string, `width` columns wide, 0 unlimited. */
int table_to_string(struct table *table, size_t width, char **out);
