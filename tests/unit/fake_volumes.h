/*
 * The use cases of fs/volume.h, faked: each notes how it was called and answers
 * what the test set. Linked instead of the real ones.
 */
#pragma once

#include "fs/volume.h"

#include <pthread.h>

struct fake_volumes {
    pthread_mutex_t mutex;
    char call[512]; /* the last: "create web local ro k=v" */
    int result;     /* answered with `text` by every use case */
    const char *text;
    bool existed;
    bool stuck;        /* a volume that prune cannot remove */
    bool uncountable;  /* what a volume uses */
    bool data_missing; /* told once it was looked for */
    bool data_checked;
    bool unseen;       /* what an engine has mounted */
    bool dead_mount;   /* a container's */
    bool leaving;      /* "web" is about to go back to its engine */
    bool engine_away;  /* an engine that was followed */
    unsigned delay_ms; /* each call takes so long, */
    unsigned gather;   /* or until so many were there at a time; 0: no matter */
    unsigned inside;   /* calls at this moment, and the most there were */
    unsigned most_inside;
    struct event_ring *ring; /* the test's */
};

extern struct fake_volumes fake_volumes;

void fake_volumes_reset(void);
unsigned fake_volumes_most_inside(void); /* while calls may still run */
