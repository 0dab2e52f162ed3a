/* Making every attempt by every route, and keeping count. */
#pragma once

#include "tests/escape/escape.h"

enum expected {
    EXPECT_REFUSAL, /* with the errno given, or any if that is 0 */
    EXPECT_DONE,    /* at least once, of each attempt and by each route */
    EXPECT_NOTHING, /* not tried */
};

struct expectation {
    enum expected what;
    int err;
};

struct run {
    struct place place;
    struct expectation expectations[KIND_COUNT];
    bool restores;      /* what an attempt has altered is made again */
    const char *family; /* NULL: all */
    uint64_t seed;
    uint64_t attempts; /* of one worker: it ends when so many are made */
};

/* Makes room for the counts, common to all processes that are forked. False: no memory. */
bool run_prepare(void);
/* One worker's share of the attempts. */
void run_attempts(struct run *run);
/* Prints the counts by family, and what was not as expected. True if all was. */
bool run_report(const struct run *run);
