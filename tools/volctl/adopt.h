/*
 * volctl adopt: what its two ways, there and back, share.
 */
#pragma once

#include "tools/volctl/engine.h"
#include "tools/volctl/options.h"

#include <stdbool.h>
#include <stdint.h>

struct adopt {
    struct options options;
    struct engine engine; /* kind NULL: not known yet */
    bool all, move, copy, dry_run, undo, force, yes;
    char **names; /* operands behind the engine's */
    int name_count;
    json_t *rows; /* what was done */
    bool failed;
};

/* ---- rows: adopt_report.c ----------------------------------------------------------- */

enum adopt_result { ADOPT_DONE, ADOPT_PLANNED, ADOPT_LEFT_OUT, ADOPT_REFUSED };

struct adopt_row {
    const char *name;
    const char *how; /* "rename", "copy"; NULL: not known */
    int64_t size;    /* bytes; −1: not counted */
    enum adopt_result result;
    const char *reason; /* why not, or what is left to do; NULL: nothing to say */
};

/* Adds it. What was refused is a failure, and told on stderr at once. */
void adopt_note(struct adopt *adopt, const struct adopt_row *row);
/* An exit_status. */
int adopt_print(const struct adopt *adopt);

/* ---- there and back ------------------------------------------------------------------ */

/* Both: an exit_status; what there is to say of volumes is in the rows. */
int adopt_take(struct adopt *adopt);
int adopt_undo(struct adopt *adopt);

/* "a, b, c", of an array of texts; NULL: no memory. To be freed. */
char *adopt_join(const json_t *texts);
