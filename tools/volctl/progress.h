/*
 * What the daemon is copying meanwhile, as a line on a terminal.
 */
#pragma once

#include "tools/volctl/text.h"

#include <stdint.h>

struct progress; /* opaque */

/* Where the daemon says how far it is: GET /volumefs/A/B/C; an answer without a Volume says
 * nothing.
 */
struct progress_place {
    const char *segments[3]; /* "containers", ID, "copy"; "adoptions", NAME, NULL */
};

/*
 * From a second after this on, what the daemon says there is shown on the standard error, asked
 * over a connection of its own. Nothing happens where that is no terminal, or there is no thread to
 * be had: NULL. The texts of `place` stay as they are until progress_stop.
 */
struct progress *progress_start(const char *socket, const struct progress_place *place);
/* Takes the line away. NULL is fine. */
void progress_stop(struct progress *progress);

/* What is known of a copy. */
struct copied {
    const char *volume;
    uint64_t bytes, total; /* total 0: not known */
    double seconds;        /* since it was first seen */
    uint64_t first;        /* bytes then */
};

/*
 * "copying to volume web: [====>     ] 42%, 12 MiB of 30 MiB, 5.0 MiB/s", at most `columns` wide.
 * Pure. A new string; NULL: out of memory.
 */
char *progress_line(const struct copied *copied, size_t columns);
