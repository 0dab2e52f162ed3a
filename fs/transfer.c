/* The list of what is being copied in or out. Its mutex is held for a moment only. */
#include "fs/transfer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct transfers {
    pthread_mutex_t mutex; /* guards the list and `cancelled` */
    struct transfer *first;
    bool cancelled;
};

struct transfers *transfers_new(void)
{
    struct transfers *transfers = calloc(1, sizeof(*transfers));

    if (transfers)
        pthread_mutex_init(&transfers->mutex, NULL);
    return transfers;
}

struct transfers *transfers_free(struct transfers *transfers)
{
    if (!transfers)
        return NULL;
    pthread_mutex_destroy(&transfers->mutex);
    free(transfers);
    return NULL;
}

static struct transfer *find(struct transfers *transfers, const char *name)
{
    for (struct transfer *t = transfers->first; t; t = t->next)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}

int transfer_begin(struct transfers *transfers, struct transfer *transfer)
{
    int r = 0;

    pthread_mutex_lock(&transfers->mutex);
    if (transfers->cancelled)
        r = -ECANCELED;
    else if (find(transfers, transfer->name))
        r = -EBUSY;
    if (r == 0) {
        transfer->next = transfers->first;
        transfers->first = transfer;
    }
    pthread_mutex_unlock(&transfers->mutex);
    return r;
}

void transfer_end(struct transfers *transfers, struct transfer *transfer)
{
    struct transfer **place = &transfers->first;

    pthread_mutex_lock(&transfers->mutex);
    while (*place != transfer)
        place = &(*place)->next;
    *place = transfer->next;
    pthread_mutex_unlock(&transfers->mutex);
}

enum transfer_state transfer_look(struct transfers *transfers, const char *name, bool stop,
                                  uint64_t *bytes, uint64_t *total_bytes, uint64_t *entries)
{
    enum transfer_state state = TRANSFER_NONE;
    struct transfer *transfer;

    pthread_mutex_lock(&transfers->mutex);
    transfer = find(transfers, name);
    if (transfer) {
        state = transfer->leaving ? TRANSFER_LEAVING : TRANSFER_COMING;
        if (bytes)
            *bytes = atomic_load(&transfer->progress.bytes);
        if (total_bytes)
            *total_bytes = atomic_load(&transfer->total_bytes);
        if (entries)
            *entries = atomic_load(&transfer->progress.entries);
        if (stop)
            atomic_store(&transfer->stop, true);
    }
    pthread_mutex_unlock(&transfers->mutex);
    return state;
}

void transfers_cancel(struct transfers *transfers)
{
    pthread_mutex_lock(&transfers->mutex);
    transfers->cancelled = true;
    for (struct transfer *t = transfers->first; t; t = t->next)
        atomic_store(&t->stop, true);
    pthread_mutex_unlock(&transfers->mutex);
}
