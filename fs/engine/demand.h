/*
 * Lists that somebody waits for: each who is about to decide by what an engine has wants one that
 * was asked for after he came. One thread makes lists; any may want them.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct demand {
    pthread_mutex_t mutex;  /* guards the rest */
    pthread_cond_t changed; /* of any of it */
    uint64_t wanted, met;   /* numbers of lists */
    bool is_there;          /* the engine, as of the last attempt */
    bool incomplete;        /* not all of the last list could be recorded */
    bool ended;
};

enum demand_result {
    DEMAND_MET,
    DEMAND_SILENT,     /* the engine is there and has not answered in time */
    DEMAND_INCOMPLETE, /* it has, and not all could be recorded */
};

void demand_init(struct demand *demand);
void demand_deinit(struct demand *demand);

/* ---- who makes lists ------------------------------------------------------------ */

/* The number of the last list that is wanted: one that is asked for now meets all up to it. */
uint64_t demand_number(struct demand *demand);
/* True if one is wanted that was not made. */
bool demand_is_open(struct demand *demand);
/* All up to `number` are met: by a list, or because there is no engine to ask. Who deinits waits
 * for this to return, not for the mutex alone. */
void demand_meet(struct demand *demand, uint64_t number, bool is_there, bool incomplete);
/* Waits until a list is wanted, the time is over or demand_end was called. */
void demand_await(struct demand *demand, int timeout_ms);
/* Nobody makes lists any more, nor waits to. */
void demand_end(struct demand *demand);

/* ---- who wants one -------------------------------------------------------------- */

/* Whether the engine was there at the last attempt. */
bool demand_engine_was_there(struct demand *demand);
/* The number of a list that is wanted from now on; whoever makes them is to be woken up. */
uint64_t demand_add(struct demand *demand);
/* Waits for that list, up to a time (CLOCK_MONOTONIC). */
enum demand_result demand_wait(struct demand *demand, uint64_t number,
                               const struct timespec *until);
