/*
 * Events: what happened to volumes, for people and programs that watch. What they are and which of
 * them somebody wants; where they are kept is event_ring.h. Pure.
 *
 * An event is of one volume and has attributes: texts by name. They are given to whoever watches as
 * they are, so that a new one needs to be known only where it is made.
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>
#include <stdint.h>

enum event_action {
    EVENT_CREATE,
    EVENT_REMOVE,
    EVENT_RENAME, /* the volume by its new name; `from` */
    EVENT_ATTACH,
    EVENT_DETACH,
    EVENT_MOUNT, /* by an engine, as the plugin protocol reports it */
    EVENT_UNMOUNT,
    EVENT_LABEL,
    EVENT_READONLY,
    EVENT_DENY, /* a rule refused something, `count` times since the last of the kind was told */
    EVENT_LOST, /* `count` events are not here any more: who reads was too slow */
    EVENT_ACTION_COUNT,
};

enum { EVENT_ATTRIBUTES_MAX = 12 };

/* Attributes that filters know. */
#define EVENT_ID           "id"           /* of the volume */
#define EVENT_FROM         "from"         /* its name before */
#define EVENT_CONTAINER    "container"    /* a container's name, if it has one */
#define EVENT_CONTAINER_ID "container-id" /* and its id */

struct event_attribute {
    const char *key;
    const char *value;
};

struct event {
    uint64_t sequence; /* from 1 on, without a gap, since the daemon started; the ring's */
    int64_t at;        /* ns since the epoch; the ring's */
    enum event_action action;
    const char *volume; /* its name; "" none */
    struct event_attribute attributes[EVENT_ATTRIBUTES_MAX];
    unsigned attribute_count;
};

/* "create", … */
const char *event_action_name(enum event_action action);
bool event_action_parse(const char *text, enum event_action *out);

/* Keeps the pointers. An attribute without a value (NULL, "") is left out. */
void event_add(struct event *event, const char *key, const char *value);
const char *event_get(const struct event *event, const char *key); /* "" if it is not there */

/*
 * Which events are wanted. Keys: event, or type (an action), volume (its name, also before a
 * rename, or its id), container (its name, its id, or the beginning of that from 12 digits on).
 * Values of one key: any matches. Keys: all must. EVENT_LOST matches always.
 */
struct event_filter; /* opaque */

struct event_filter *event_filter_new(void); /* NULL: out of memory. Empty: all. */
struct event_filter *event_filter_free(struct event_filter *filter);
void event_filter_free_p(struct event_filter **filter); /* for _cleanup_ */
/* ERROR_REQUEST_INVALID, with Docker's texts; ERROR_LIMIT: too many. */
int event_filter_add(struct event_filter *filter, const char *key, const char *value,
                     struct error *e);
bool event_filter_match(const struct event_filter *filter, const struct event *event);
