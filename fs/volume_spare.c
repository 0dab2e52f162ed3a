/*
 * The thread that has directories made for volumes to come. It sleeps until a volume was made. Who
 * makes many at once gets more done with it beside them than if it waited for them to end: what it
 * waits for is the file system's journal, and they do not.
 */
#include "fs/log.h"
#include "fs/volume_private.h"

#include <string.h>

/* What cannot be made in advance is made when it is wanted, and then says why it cannot. */
static void spares_make(struct volumes *volumes)
{
    int r = store_make_spares(volumes->store, &volumes->spare_stop);

    if (r)
        log_message(LOG_LEVEL_DEBUG, "directories for volumes to come cannot be made: %s",
                    strerrordesc_np(-r));
}

static void *spares_run(void *argument)
{
    struct volumes *volumes = argument;

    pthread_mutex_lock(&volumes->spare_mutex);
    while (!atomic_load(&volumes->spare_stop)) {
        if (!atomic_load(&volumes->spare_due)) {
            pthread_cond_wait(&volumes->spare_wake, &volumes->spare_mutex);
            continue;
        }
        atomic_store(&volumes->spare_due, false);
        pthread_mutex_unlock(&volumes->spare_mutex);
        spares_make(volumes);
        pthread_mutex_lock(&volumes->spare_mutex);
    }
    pthread_mutex_unlock(&volumes->spare_mutex);
    return NULL;
}

int volumes_start_spares(struct volumes *volumes, struct error *e)
{
    int r = pthread_create(&volumes->spare_thread, NULL, spares_run, volumes);

    volumes->spare_started = r == 0;
    return r ? error_set_errno(e, -r, "cannot start the thread that makes directories in advance")
             : 0;
}

void volumes_wake_spares(struct volumes *volumes)
{
    if (atomic_exchange(&volumes->spare_due, true))
        return; /* it looks again by itself */
    pthread_mutex_lock(&volumes->spare_mutex);
    pthread_cond_signal(&volumes->spare_wake);
    pthread_mutex_unlock(&volumes->spare_mutex);
}

void volumes_stop_spares(struct volumes *volumes)
{
    if (!volumes->spare_started)
        return;
    pthread_mutex_lock(&volumes->spare_mutex);
    atomic_store(&volumes->spare_stop, true);
    pthread_cond_signal(&volumes->spare_wake);
    pthread_mutex_unlock(&volumes->spare_mutex);
    pthread_join(volumes->spare_thread, NULL);
    volumes->spare_started = false;
    store_drop_spares(volumes->store);
}
