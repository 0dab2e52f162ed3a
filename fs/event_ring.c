/*
 * A ring of pointers to events, each in one block of memory with its texts, counted by who holds
 * it: the ring, and the readers that are at it. So a reader keeps nothing from being overwritten,
 * and looks at its event without a lock.
 *
 * `mutex` guards all of the ring; it is held for a few steps without a system call or an
 * allocation, and nothing is locked under it. A reader is its caller's own.
 */
#include "fs/event_ring.h"

#include "catalog/model.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SKIPPED_AT_ONCE = 1024 }; /* that a reader does not want, between looks at the time */

struct block {
    atomic_uint holders;
    struct event event;
    char texts[]; /* what the event points to */
};

struct event_ring {
    pthread_mutex_t mutex;
    pthread_cond_t came; /* an event */
    uint64_t next;       /* the sequence number of the next event */
    unsigned readers;
    unsigned waiting;
    uint32_t capacity;
    struct block *blocks[]; /* by sequence number modulo capacity; NULL: lost */
};

struct event_reader {
    struct event_ring *ring;
    struct event_query query;
    uint64_t next;
    uint64_t end;     /* where it ends, unless it follows */
    struct block *at; /* what was given out last or, if `pending`, is next; or NULL */
    bool pending;
    uint64_t lost; /* not told yet */
    struct event lost_event;
    char lost_count[24];
};

/* ---- blocks ----------------------------------------------------------------- */

static size_t event_size(const struct event *event)
{
    size_t size = strlen(event->volume) + 1;

    for (unsigned i = 0; i < event->attribute_count; i++)
        size += strlen(event->attributes[i].key) + strlen(event->attributes[i].value) + 2;
    return size;
}

static const char *text_take(char **to, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*to, text, size);

    *to += size;
    return copy;
}

static struct block *block_new(const struct event *event)
{
    struct block *block = malloc(sizeof(*block) + event_size(event));
    char *to;

    if (!block)
        return NULL;
    atomic_init(&block->holders, 1);
    block->event = *event;
    to = block->texts;
    block->event.volume = text_take(&to, event->volume);
    for (unsigned i = 0; i < event->attribute_count; i++) {
        block->event.attributes[i].key = text_take(&to, event->attributes[i].key);
        block->event.attributes[i].value = text_take(&to, event->attributes[i].value);
    }
    return block;
}

static struct block *block_release(struct block *block)
{
    if (block && atomic_fetch_sub(&block->holders, 1) == 1)
        free(block);
    return NULL;
}

/* ---- the ring --------------------------------------------------------------- */

struct event_ring *event_ring_new(uint32_t capacity)
{
    struct event_ring *ring = calloc(1, sizeof(*ring) + capacity * sizeof(struct block *));
    pthread_condattr_t attributes;

    if (!ring)
        return NULL;
    if (pthread_condattr_init(&attributes) != 0) {
        free(ring);
        return NULL;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&ring->mutex, NULL);
    pthread_cond_init(&ring->came, &attributes);
    pthread_condattr_destroy(&attributes);
    ring->capacity = capacity;
    ring->next = 1;
    return ring;
}

struct event_ring *event_ring_free(struct event_ring *ring)
{
    if (!ring)
        return NULL;
    for (uint32_t i = 0; i < ring->capacity; i++)
        block_release(ring->blocks[i]);
    pthread_cond_destroy(&ring->came);
    pthread_mutex_destroy(&ring->mutex);
    free(ring);
    return NULL;
}

/* Takes the block (NULL: a lost event) over. */
static void ring_put(struct event_ring *ring, struct block *block)
{
    struct block *before;

    pthread_mutex_lock(&ring->mutex);
    if (block) {
        block->event.sequence = ring->next;
        block->event.at = time_now();
    }
    before = ring->blocks[ring->next % ring->capacity];
    ring->blocks[ring->next++ % ring->capacity] = block;
    if (ring->waiting)
        pthread_cond_broadcast(&ring->came);
    pthread_mutex_unlock(&ring->mutex);
    block_release(before);
}

void event_ring_publish(struct event_ring *ring, const struct event *event)
{
    ring_put(ring, block_new(event));
}

void event_ring_lose(struct event_ring *ring)
{
    ring_put(ring, NULL);
}

/* ---- readers ---------------------------------------------------------------- */

static uint64_t ring_oldest(const struct event_ring *ring)
{
    return ring->next > ring->capacity ? ring->next - ring->capacity : 1;
}

/* Where a reader begins. Whoever asks for more than is remembered begins before that, and so is
 * told how much is lost. With the ring's mutex held. */
static uint64_t ring_begin(const struct event_ring *ring, const struct event_query *query)
{
    uint64_t oldest = ring_oldest(ring);
    const struct block *block = ring->blocks[oldest % ring->capacity];

    if (query->follow && !query->has_since)
        return ring->next;
    return query->has_since && (!block || block->event.at > query->since) ? 1 : oldest;
}

int event_reader_open(struct event_reader **out, struct event_ring *ring,
                      const struct event_query *query, struct error *e)
{
    struct event_reader *reader = calloc(1, sizeof(*reader));
    bool full = false;

    if (reader) {
        *reader = (struct event_reader){.ring = ring, .query = *query};
        pthread_mutex_lock(&ring->mutex);
        full = ring->readers >= EVENT_READERS_MAX;
        ring->readers += !full;
        reader->end = ring->next;
        reader->next = ring_begin(ring, query);
        pthread_mutex_unlock(&ring->mutex);
    }
    if (reader && !full) {
        *out = reader;
        return 0;
    }
    event_filter_free(query->filter);
    free(reader);
    return full ? error_set(e, ERROR_LIMIT,
                            "%d read events already, and no more may; end one of them",
                            EVENT_READERS_MAX)
                : error_set(e, -ENOMEM, "out of memory");
}

struct event_reader *event_reader_close(struct event_reader *reader)
{
    if (!reader)
        return NULL;
    pthread_mutex_lock(&reader->ring->mutex);
    reader->ring->readers--;
    pthread_mutex_unlock(&reader->ring->mutex);
    block_release(reader->at);
    event_filter_free(reader->query.filter);
    free(reader);
    return NULL;
}

static bool reader_is_done(const struct event_reader *reader)
{
    return !reader->query.follow && reader->next >= reader->end;
}

/* With the ring's mutex held: the next block, held for the reader; NULL: a lost one, or none. */
static struct block *reader_take(struct event_reader *reader)
{
    struct event_ring *ring = reader->ring;
    uint64_t oldest = ring_oldest(ring);
    struct block *block;

    if (!reader->query.follow && oldest > reader->end)
        oldest = reader->end;
    if (reader->next < oldest) {
        reader->lost += oldest - reader->next;
        reader->next = oldest;
    }
    if (reader_is_done(reader))
        return NULL;
    block = ring->blocks[reader->next++ % ring->capacity];
    if (block)
        atomic_fetch_add(&block->holders, 1);
    else
        reader->lost++;
    return block;
}

/* Waits until there is one to take, or the time has come. False: there is none. */
static bool reader_wait(struct event_reader *reader, const struct timespec *until)
{
    struct event_ring *ring = reader->ring;
    int r = 0;

    ring->waiting++;
    while (r == 0 && reader->next >= ring->next && !reader_is_done(reader))
        r = pthread_cond_timedwait(&ring->came, &ring->mutex, until);
    ring->waiting--;
    return reader->next < ring->next && !reader_is_done(reader);
}

static bool reader_wants(const struct event_reader *reader, const struct event *event)
{
    return (!reader->query.has_since || event->at >= reader->query.since) &&
           event_filter_match(reader->query.filter, event);
}

static enum event_read reader_tell_lost(struct event_reader *reader, const struct event **out)
{
    snprintf(reader->lost_count, sizeof(reader->lost_count), "%" PRIu64, reader->lost);
    reader->lost = 0;
    reader->lost_event = (struct event){.at = time_now(), .action = EVENT_LOST, .volume = ""};
    event_add(&reader->lost_event, "count", reader->lost_count);
    *out = &reader->lost_event;
    return EVENT_READ_ONE;
}

/* The next one that is wanted, or what was lost before it; or nothing. */
static void reader_fetch(struct event_reader *reader, int wait_ms)
{
    struct timespec until = time_monotonic_in(wait_ms);
    bool more = true;

    for (int i = 0; more && i < SKIPPED_AT_ONCE && !reader->pending && !reader->lost; i++) {
        pthread_mutex_lock(&reader->ring->mutex);
        more = reader_wait(reader, &until);
        reader->at = more ? reader_take(reader) : NULL;
        pthread_mutex_unlock(&reader->ring->mutex);
        reader->pending = reader->at && reader_wants(reader, &reader->at->event);
        if (!reader->pending)
            reader->at = block_release(reader->at);
    }
}

enum event_read event_reader_next(struct event_reader *reader, int wait_ms,
                                  const struct event **out)
{
    if (!reader->pending) {
        reader->at = block_release(reader->at);
        reader_fetch(reader, wait_ms);
    }
    if (reader->lost)
        return reader_tell_lost(reader, out);
    if (!reader->pending)
        return reader_is_done(reader) ? EVENT_READ_END : EVENT_READ_NONE_YET;
    reader->pending = false;
    *out = &reader->at->event;
    return EVENT_READ_ONE;
}
