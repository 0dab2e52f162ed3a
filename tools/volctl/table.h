/*
 * Tables on the terminal. Only table.c knows the library that aligns them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct column {
    const char *name;
    bool right;          /* numbers */
    bool name_of_volume; /* on a narrow terminal anonymous ones are cut to 12 digits first */
    bool trunc;          /* then this is cut, if something is left for it */
};

struct table; /* opaque */

/* `columns` is kept, not copied. NULL: out of memory. */
struct table *table_new(const struct column *columns, size_t count);
struct table *table_free(struct table *table); /* returns NULL */
void table_free_p(struct table **table);

/* As many texts as columns; copied and escaped; NULL is "-". 0 or -ENOMEM. */
int table_add(struct table *table, const char *const *texts);

/*
 * To stdout, cut to the terminal's width where that helps (an ellipsis shows it); whole if stdout
 * is none. 0 or negative errno.
 */
int table_print(struct table *table);

/* The same into a new string, `width` columns wide, 0 unlimited. */
int table_to_string(struct table *table, size_t width, char **out);
