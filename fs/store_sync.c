/*
 * Syncing several files at once. A file system then mostly writes its journal, and the disk its
 * cache, once for all of them, where one after the other each would pay for it.
 *
 * A few threads, started with the first such call, take jobs from a list; who calls takes its own
 * too, so that nobody waits for a thread to be free, and without threads it does all by itself.
 * Lock: `mutex` guards the list and each job on it; none is held over an fsync.
 */
#include "fs/store_private.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { SYNC_THREADS = 3 };

/* One file; on the list until somebody takes it. Lives on its caller's stack until `done`. */
struct job {
    struct job *next;
    int fd;
    int result;
    bool done;
};

struct syncer {
    pthread_mutex_t mutex;
    pthread_cond_t added;
    pthread_cond_t finished;
    struct job *first;
    bool stop;
    unsigned started;
    pthread_t threads[SYNC_THREADS];
};

struct syncer *syncer_new(void)
{
    struct syncer *syncer = calloc(1, sizeof(*syncer));

    if (!syncer)
        return NULL;
    pthread_mutex_init(&syncer->mutex, NULL);
    pthread_cond_init(&syncer->added, NULL);
    pthread_cond_init(&syncer->finished, NULL);
    return syncer;
}

struct syncer *syncer_free(struct syncer *syncer)
{
    if (!syncer)
        return NULL;
    pthread_mutex_lock(&syncer->mutex);
    syncer->stop = true;
    pthread_cond_broadcast(&syncer->added);
    pthread_mutex_unlock(&syncer->mutex);
    for (unsigned i = 0; i < syncer->started; i++)
        pthread_join(syncer->threads[i], NULL);
    pthread_cond_destroy(&syncer->added);
    pthread_cond_destroy(&syncer->finished);
    pthread_mutex_destroy(&syncer->mutex);
    free(syncer);
    return NULL;
}

/* Takes the first job, if there is one, and does it. With the mutex held, which it gives up
 * meanwhile. */
static bool job_run(struct syncer *syncer)
{
    struct job *job = syncer->first;
    int r;

    if (!job)
        return false;
    syncer->first = job->next;
    pthread_mutex_unlock(&syncer->mutex);
    r = fsync(job->fd) < 0 ? -errno : 0;
    pthread_mutex_lock(&syncer->mutex);
    job->result = r;
    job->done = true;
    pthread_cond_broadcast(&syncer->finished);
    return true;
}

static void *syncer_run(void *context)
{
    struct syncer *syncer = context;

    pthread_mutex_lock(&syncer->mutex);
    while (!syncer->stop)
        if (!job_run(syncer))
            pthread_cond_wait(&syncer->added, &syncer->mutex);
    pthread_mutex_unlock(&syncer->mutex);
    return NULL;
}

/* With the mutex held. */
static void threads_start(struct syncer *syncer)
{
    while (syncer->started < SYNC_THREADS &&
           pthread_create(&syncer->threads[syncer->started], NULL, syncer_run, syncer) == 0)
        syncer->started++;
}

int store_sync_all(struct store *store, const int *fds, size_t count)
{
    struct syncer *syncer = store->syncer;
    struct job jobs[SYNC_FILES_MAX];
    int r = 0;

    assert(count <= SYNC_FILES_MAX);
    pthread_mutex_lock(&syncer->mutex);
    threads_start(syncer);
    for (size_t i = 0; i < count; i++) {
        jobs[i] = (struct job){.next = syncer->first, .fd = fds[i]};
        syncer->first = &jobs[i];
    }
    pthread_cond_broadcast(&syncer->added);
    for (size_t i = 0; i < count; i++) {
        while (!jobs[i].done)
            if (!job_run(syncer)) /* perhaps another's: that waits for ours in turn */
                pthread_cond_wait(&syncer->finished, &syncer->mutex);
        if (jobs[i].result)
            r = jobs[i].result;
    }
    pthread_mutex_unlock(&syncer->mutex);
    return r;
}
