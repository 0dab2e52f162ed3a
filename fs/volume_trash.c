/*
 * The thread that removes what is in the trash, and then the tombstone of each
 * volume that is gone. It sleeps until a removal wakes it. What it cannot remove
 * becomes a problem to report, and is tried again with the next removal and
 * after a restart.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <stdio.h>
#include <time.h>

/* No volume has such a name. */
#define TRASH_SUBJECT      "the trash"
#define TOMBSTONES_SUBJECT "removed volumes"

enum {
    BATCH_MAX = 256,
    GATHER_MS = 50, /* more removals mostly follow */
};

/* Volumes that are gone, whose tombstones are not: their removal is made durable for all at once.
 */
struct batch {
    struct volumes *volumes;
    size_t count;
    tombstone_id ids[BATCH_MAX];
};

/* One that has no tombstone was staged, and never had a row. */
static void batch_forget(struct batch *batch)
{
    struct volumes *volumes = batch->volumes;
    struct error e = {0};
    int r = batch->count ? store_sync_removals(volumes->store, &e) : 0;

    if (r == 0 && batch->count)
        r = catalog_tombstones_forget(volumes->catalog, (const tombstone_id *)batch->ids,
                                      batch->count, &e);
    if (r)
        volumes_problem_set(volumes, TOMBSTONES_SUBJECT, e.text,
                            "nothing is lost: it is tried again at the next start");
    else
        volumes_problem_clear(volumes, TOMBSTONES_SUBJECT);
    batch->count = 0;
}

static void trash_removed(void *context, const char *id)
{
    struct batch *batch = context;

    snprintf(batch->ids[batch->count++], sizeof(batch->ids[0]), "%s", id);
    if (batch->count == BATCH_MAX)
        batch_forget(batch);
}

static void trash_empty(struct volumes *volumes)
{
    struct batch batch = {.volumes = volumes};
    struct error e = {0};
    int r = store_empty_trash(volumes->store, trash_removed, &batch, &volumes->trash_stop, &e);

    batch_forget(&batch);
    if (r)
        volumes_problem_set(volumes, TRASH_SUBJECT, e.text,
                            "remove what is in the way; volumefs tries again by itself");
    else
        volumes_problem_clear(volumes, TRASH_SUBJECT);
}

/* What follows at once is taken together. With the mutex held. */
static void trash_gather(struct volumes *volumes)
{
    struct timespec until = time_monotonic_in(GATHER_MS);

    while (!atomic_load(&volumes->trash_stop) &&
           pthread_cond_clockwait(&volumes->trash_wake, &volumes->trash_mutex, CLOCK_MONOTONIC,
                                  &until) == 0)
        ;
}

static void *trash_run(void *argument)
{
    struct volumes *volumes = argument;

    pthread_mutex_lock(&volumes->trash_mutex);
    while (!atomic_load(&volumes->trash_stop)) {
        if (!volumes->trash_due) {
            pthread_cond_wait(&volumes->trash_wake, &volumes->trash_mutex);
            continue;
        }
        volumes->trash_due = false;
        pthread_mutex_unlock(&volumes->trash_mutex);
        trash_empty(volumes);
        pthread_mutex_lock(&volumes->trash_mutex);
        trash_gather(volumes);
    }
    pthread_mutex_unlock(&volumes->trash_mutex);
    return NULL;
}

int volumes_start_trash(struct volumes *volumes, struct error *e)
{
    int r;

    volumes->trash_due = true; /* what an earlier daemon left */
    r = pthread_create(&volumes->trash_thread, NULL, trash_run, volumes);
    volumes->trash_started = r == 0;
    return r ? error_set_errno(e, -r, "cannot start the thread that empties the trash") : 0;
}

void volumes_wake_trash(struct volumes *volumes)
{
    pthread_mutex_lock(&volumes->trash_mutex);
    volumes->trash_due = true;
    pthread_cond_signal(&volumes->trash_wake);
    pthread_mutex_unlock(&volumes->trash_mutex);
}

void volumes_stop_trash(struct volumes *volumes)
{
    if (!volumes->trash_started)
        return;
    pthread_mutex_lock(&volumes->trash_mutex);
    atomic_store(&volumes->trash_stop, true);
    pthread_cond_signal(&volumes->trash_wake);
    pthread_mutex_unlock(&volumes->trash_mutex);
    pthread_join(volumes->trash_thread, NULL);
    volumes->trash_started = false;
}
