/*
 * Connections that owe something by a time, and the thread that cuts those that
 * do not keep to it.
 *
 * The HTTP library knows silence only: a client that sends a byte now and then
 * keeps its place for ever. All deadlines are equally long, so the list is in
 * order as they are appended, and the thread sleeps until the first one's.
 *
 * Invariant: on the list are those that are `set`, by time. Lock: `mutex` guards
 * the list and every deadline on it; shutting down is done under it, so that a
 * descriptor is not closed, and another's, meanwhile.
 */
#include "fs/api/deadline.h"

#include "catalog/model.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

struct deadlines {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* the list was empty, or stopping */
    pthread_t thread;
    int64_t length; /* ns */
    struct deadline *first;
    struct deadline *last;
    bool stopping;
};

enum { NS = 1000000000 };

static void list_remove(struct deadlines *deadlines, struct deadline *deadline)
{
    if (!deadline->set)
        return;
    *(deadline->previous ? &deadline->previous->next : &deadlines->first) = deadline->next;
    *(deadline->next ? &deadline->next->previous : &deadlines->last) = deadline->previous;
    deadline->set = false;
}

static void list_append(struct deadlines *deadlines, struct deadline *deadline)
{
    deadline->previous = deadlines->last;
    deadline->next = NULL;
    *(deadlines->last ? &deadlines->last->next : &deadlines->first) = deadline;
    deadlines->last = deadline;
    deadline->set = true;
}

/* With the lock held. */
static void cut_late(struct deadlines *deadlines, int64_t now)
{
    while (deadlines->first && deadlines->first->at <= now) {
        struct deadline *late = deadlines->first;

        list_remove(deadlines, late);
        (void)shutdown(late->fd, SHUT_RDWR); /* the library reads the end, and closes */
    }
}

static void *deadlines_watch(void *context)
{
    struct deadlines *deadlines = context;

    pthread_mutex_lock(&deadlines->mutex);
    while (!deadlines->stopping) {
        struct timespec until;

        cut_late(deadlines, time_monotonic());
        if (!deadlines->first) {
            pthread_cond_wait(&deadlines->changed, &deadlines->mutex);
            continue;
        }
        until = (struct timespec){.tv_sec = deadlines->first->at / NS,
                                  .tv_nsec = deadlines->first->at % NS};
        (void)pthread_cond_timedwait(&deadlines->changed, &deadlines->mutex, &until);
    }
    pthread_mutex_unlock(&deadlines->mutex);
    return NULL;
}

static struct deadlines *deadlines_free(struct deadlines *deadlines)
{
    pthread_cond_destroy(&deadlines->changed);
    pthread_mutex_destroy(&deadlines->mutex);
    free(deadlines);
    return NULL;
}

struct deadlines *deadlines_start(unsigned seconds)
{
    struct deadlines *deadlines = calloc(1, sizeof(*deadlines));
    pthread_condattr_t attributes;

    if (!deadlines || pthread_condattr_init(&attributes) != 0) {
        free(deadlines);
        return NULL;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&deadlines->mutex, NULL);
    pthread_cond_init(&deadlines->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    deadlines->length = (int64_t)seconds * NS;
    if (pthread_create(&deadlines->thread, NULL, deadlines_watch, deadlines) != 0)
        return deadlines_free(deadlines);
    return deadlines;
}

struct deadlines *deadlines_stop(struct deadlines *deadlines)
{
    if (!deadlines)
        return NULL;
    pthread_mutex_lock(&deadlines->mutex);
    deadlines->stopping = true;
    pthread_cond_signal(&deadlines->changed);
    pthread_mutex_unlock(&deadlines->mutex);
    pthread_join(deadlines->thread, NULL);
    return deadlines_free(deadlines);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline)
{
    pthread_mutex_lock(&deadlines->mutex);
    list_remove(deadlines, deadline);
    deadline->at = time_monotonic() + deadlines->length;
    list_append(deadlines, deadline);
    if (deadlines->first == deadline)
        pthread_cond_signal(&deadlines->changed);
    pthread_mutex_unlock(&deadlines->mutex);
}

void deadline_clear(struct deadlines *deadlines, struct deadline *deadline)
{
    pthread_mutex_lock(&deadlines->mutex);
    list_remove(deadlines, deadline);
    pthread_mutex_unlock(&deadlines->mutex);
}
