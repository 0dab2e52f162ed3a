/* Repeatable random numbers: the seed is printed, and taken from the environment to play it again.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state;

/* From $POSIX_SEED, else the clock. */
static inline void random_start(const char *what)
{
    const char *seed = getenv("POSIX_SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)now.tv_nsec * 2654435761U + 1;
    printf("# %s: POSIX_SEED=%llu\n", what, (unsigned long long)random_state);
    fflush(stdout);
}

/* 0 … limit - 1; splitmix64. */
static inline uint64_t random_below(uint64_t limit)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15U);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return limit ? (z ^ (z >> 31)) % limit : 0;
}

/* How many rounds: from $POSIX_ROUNDS, else `rounds`. */
static inline unsigned random_rounds(unsigned rounds)
{
    const char *wanted = getenv("POSIX_ROUNDS");

    return wanted ? (unsigned)strtoul(wanted, NULL, 0) : rounds;
}
