/*
 * The last events, in memory, and those who read them. Who publishes never waits for a reader, nor
 * for anything but a short lock: a reader that falls behind is told how many events it has missed.
 * Safe from any thread.
 */
#pragma once

#include "fs/event.h"

enum {
    EVENT_RING_DEFAULT = 4096,
    EVENT_READERS_MAX = 64,
};

struct event_ring; /* opaque */

struct event_ring *event_ring_new(uint32_t capacity);        /* NULL: out of memory */
struct event_ring *event_ring_free(struct event_ring *ring); /* when nobody reads any more */

/* Keeps a copy, with a sequence number and the time. Without memory for it the event is lost, which
 * readers are told. */
void event_ring_publish(struct event_ring *ring, const struct event *event);
/* An event that could not be made: lost, as above. */
void event_ring_lose(struct event_ring *ring);

struct event_query {
    bool follow;                 /* goes on with what comes; else it ends with what is there now */
    bool has_since;              /* else: with `follow` what comes, without it all that is there */
    int64_t since;               /* ns since the epoch: events of that time and later */
    struct event_filter *filter; /* NULL: all; the reader's from here on */
};

struct event_reader; /* opaque */

/* ERROR_LIMIT: EVENT_READERS_MAX read already. The filter is freed on failure too. */
int event_reader_open(struct event_reader **out, struct event_ring *ring,
                      const struct event_query *query, struct error *e);
struct event_reader *event_reader_close(struct event_reader *reader); /* NULL is left alone */

enum event_read { EVENT_READ_ONE, EVENT_READ_NONE_YET, EVENT_READ_END };
/* The next event; waits for one at most `wait_ms`. It stays until the next call, or the close. */
enum event_read event_reader_next(struct event_reader *reader, int wait_ms,
                                  const struct event **out);
