/* The list of volumes that are about to go back. */
#include "fs/leaving.h"

#include "catalog/error.h"
#include "catalog/model.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NS_PER_S = 1000 * 1000 * 1000 };

#define HELD INT64_MAX

struct leaving {
    pthread_mutex_t mutex; /* guards the items; the last lock taken */
    struct {
        char id[VOLUME_ID_LENGTH + 1]; /* "": free */
        int64_t until;
    } items[LEAVING_MAX];
};

struct leaving *leaving_new(void)
{
    struct leaving *leaving = calloc(1, sizeof(*leaving));

    if (leaving)
        pthread_mutex_init(&leaving->mutex, NULL);
    return leaving;
}

struct leaving *leaving_free(struct leaving *leaving)
{
    if (!leaving)
        return NULL;
    pthread_mutex_destroy(&leaving->mutex);
    free(leaving);
    return NULL;
}

/* Its place; LEAVING_MAX: it has none. */
static size_t find(const struct leaving *leaving, const char *id)
{
    size_t i = 0;

    while (i < LEAVING_MAX && strcmp(leaving->items[i].id, id) != 0)
        i++;
    return i;
}

static size_t find_free(const struct leaving *leaving, int64_t now)
{
    size_t i = 0;

    while (i < LEAVING_MAX && leaving->items[i].id[0] && leaving->items[i].until > now)
        i++;
    return i;
}

/* Whoever comes later takes nothing off the time. */
static int put(struct leaving *leaving, const char *id, int64_t now, int64_t until)
{
    size_t i;

    pthread_mutex_lock(&leaving->mutex);
    i = find(leaving, id);
    if (i == LEAVING_MAX) {
        i = find_free(leaving, now);
        if (i < LEAVING_MAX) {
            snprintf(leaving->items[i].id, sizeof(leaving->items[i].id), "%s", id);
            leaving->items[i].until = until;
        }
    } else if (leaving->items[i].until < until) {
        leaving->items[i].until = until;
    }
    pthread_mutex_unlock(&leaving->mutex);
    return i < LEAVING_MAX ? 0 : ERROR_LIMIT;
}

int leaving_begin(struct leaving *leaving, const char *id, int64_t now)
{
    return put(leaving, id, now, now + (int64_t)LEAVING_SECONDS * NS_PER_S);
}

int leaving_hold(struct leaving *leaving, const char *id, int64_t now)
{
    return put(leaving, id, now, HELD);
}

static void drop(struct leaving *leaving, const char *id, bool held)
{
    size_t i;

    pthread_mutex_lock(&leaving->mutex);
    i = find(leaving, id);
    if (i < LEAVING_MAX && (held || leaving->items[i].until != HELD))
        leaving->items[i].id[0] = 0;
    pthread_mutex_unlock(&leaving->mutex);
}

void leaving_withdraw(struct leaving *leaving, const char *id)
{
    drop(leaving, id, false);
}

void leaving_end(struct leaving *leaving, const char *id)
{
    drop(leaving, id, true);
}

bool leaving_has(struct leaving *leaving, const char *id, int64_t now)
{
    size_t i;
    bool has;

    pthread_mutex_lock(&leaving->mutex);
    i = find(leaving, id);
    has = i < LEAVING_MAX && leaving->items[i].until > now;
    pthread_mutex_unlock(&leaving->mutex);
    return has;
}
