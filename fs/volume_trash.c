/*
 * The thread that removes what is in the trash, and then the tombstone of each
 * volume that is gone. It sleeps until a removal wakes it. What it cannot remove
 * becomes a problem to report, and is tried again with the next removal and
 * after a restart.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#define TRASH_SUBJECT "the trash" /* no volume has such a name */

/* ERROR_NOT_FOUND is well: what was staged never had a row. */
static void trash_removed(void *context, const char *id)
{
    struct volumes *volumes = context;
    struct error e = {0};
    int r = catalog_tombstone_forget(volumes->catalog, id, &e);

    if (r && r != ERROR_NOT_FOUND)
        volumes_problem_set(volumes, id, e.text,
                            "nothing is lost: it is tried again at the next start");
}

static void trash_empty(struct volumes *volumes)
{
    struct error e = {0};
    int r = store_empty_trash(volumes->store, trash_removed, volumes, &volumes->trash_stop, &e);

    if (r)
        volumes_problem_set(volumes, TRASH_SUBJECT, e.text,
                            "remove what is in the way; volumefs tries again by itself");
    else
        volumes_problem_clear(volumes, TRASH_SUBJECT);
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
