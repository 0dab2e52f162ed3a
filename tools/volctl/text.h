/*
 * Values as people read them. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { TEXT_SHORT = 64 };

/* "0 B", "1023 B", "1.5 KiB", "12 MiB": units of 1024, at most three digits. */
void text_format_size(uint64_t bytes, char out[TEXT_SHORT]);

/* "42%"; "-" without a total. Rounded up, so that 100% is full and 0% is empty. */
void text_format_percent(uint64_t part, uint64_t total, char out[TEXT_SHORT]);

/*
 * The distance from `ns` (since the epoch; 0: "never") to `now`: "3 minutes ago", "in 2 hours",
 * "just now".
 */
void text_format_age(int64_t ns, int64_t now, char out[TEXT_SHORT]);

/*
 * A copy in which control characters (C0, DEL, and C1 in UTF-8) and bytes that
 * are no UTF-8 are written \xNN, so that a name cannot drive the terminal it is
 * shown on. NULL: out of memory.
 */
char *text_escape(const char *text);

/* The columns a text takes on the terminal, in its locale. */
size_t text_width(const char *text);

/*
 * A copy of at most `width` columns; what was cut is marked by an ellipsis ("...", where the
 * locale has no "…"). NULL: out of memory.
 */
char *text_cut(const char *text, size_t width);

/* The columns of that ellipsis. */
size_t text_ellipsis_width(void);

/* Writes the escaped text. */
void text_print(FILE *stream, const char *text);
