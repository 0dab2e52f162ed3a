/* The words of events, and what filters compare. */
#include "fs/event.h"

#include "catalog/name.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    VALUES_MAX = 64,   /* of one key of a filter */
    ID_PREFIX_MIN = 12 /* digits that engines show of an id */
};

static const char *const action_names[EVENT_ACTION_COUNT] = {
    [EVENT_CREATE] = "create",   [EVENT_REMOVE] = "remove", [EVENT_RENAME] = "rename",
    [EVENT_ATTACH] = "attach",   [EVENT_DETACH] = "detach", [EVENT_MOUNT] = "mount",
    [EVENT_UNMOUNT] = "unmount", [EVENT_LABEL] = "label",   [EVENT_READONLY] = "readonly",
    [EVENT_DENY] = "deny",       [EVENT_LOST] = "lost",
};

const char *event_action_name(enum event_action action)
{
    return action_names[action];
}

bool event_action_parse(const char *text, enum event_action *out)
{
    for (int i = 0; i < EVENT_ACTION_COUNT; i++) {
        if (strcmp(action_names[i], text) != 0)
            continue;
        *out = (enum event_action)i;
        return true;
    }
    return false;
}

void event_add(struct event *event, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    assert(event->attribute_count < EVENT_ATTRIBUTES_MAX);
    event->attributes[event->attribute_count++] = (struct event_attribute){key, value};
}

const char *event_get(const struct event *event, const char *key)
{
    for (unsigned i = 0; i < event->attribute_count; i++)
        if (strcmp(event->attributes[i].key, key) == 0)
            return event->attributes[i].value;
    return "";
}

/* ---- filters ---------------------------------------------------------------- */

struct values {
    char *items[VALUES_MAX];
    unsigned count;
};

struct event_filter {
    unsigned actions; /* 1 << action; 0: any */
    struct values volumes;
    struct values containers;
};

struct event_filter *event_filter_new(void)
{
    return calloc(1, sizeof(struct event_filter));
}

static void values_deinit(struct values *values)
{
    for (unsigned i = 0; i < values->count; i++)
        free(values->items[i]);
}

struct event_filter *event_filter_free(struct event_filter *filter)
{
    if (!filter)
        return NULL;
    values_deinit(&filter->volumes);
    values_deinit(&filter->containers);
    free(filter);
    return NULL;
}

void event_filter_free_p(struct event_filter **filter)
{
    event_filter_free(*filter);
}

static int values_add(struct values *values, const char *key, const char *value, struct error *e)
{
    if (!*value || strlen(value) > NAME_MAX_LENGTH)
        return error_set(e, ERROR_REQUEST_INVALID, "invalid filter '%s=[%.300s]'", key, value);
    if (values->count == VALUES_MAX)
        return error_set(e, ERROR_LIMIT, "a filter may have %d values of '%s'", VALUES_MAX, key);
    values->items[values->count] = strdup(value);
    if (!values->items[values->count])
        return -ENOMEM;
    values->count++;
    return 0;
}

int event_filter_add(struct event_filter *filter, const char *key, const char *value,
                     struct error *e)
{
    enum event_action action;

    if (strcmp(key, "volume") == 0)
        return values_add(&filter->volumes, key, value, e);
    if (strcmp(key, "container") == 0)
        return values_add(&filter->containers, key, value, e);
    if (strcmp(key, "event") != 0 && strcmp(key, "type") != 0)
        return error_set(e, ERROR_REQUEST_INVALID, "invalid filter '%.100s'", key);
    if (!event_action_parse(value, &action))
        return error_set(e, ERROR_REQUEST_INVALID, "invalid filter '%s=[%.300s]'", key, value);
    filter->actions |= 1U << action;
    return 0;
}

static bool is_volume(const struct event *event, const char *value)
{
    return strcmp(event->volume, value) == 0 || strcmp(event_get(event, EVENT_FROM), value) == 0 ||
           strcmp(event_get(event, EVENT_ID), value) == 0;
}

static bool is_container(const struct event *event, const char *value)
{
    const char *name = event_get(event, EVENT_CONTAINER);
    const char *id = event_get(event, EVENT_CONTAINER_ID);
    size_t length = strlen(value);

    return strcmp(name, value) == 0 || strcmp(id, value) == 0 ||
           (length >= ID_PREFIX_MIN && name_is_anonymous(id) && strncmp(id, value, length) == 0);
}

static bool values_match(const struct values *values, const struct event *event,
                         bool (*is)(const struct event *event, const char *value))
{
    for (unsigned i = 0; i < values->count; i++)
        if (is(event, values->items[i]))
            return true;
    return values->count == 0;
}

bool event_filter_match(const struct event_filter *filter, const struct event *event)
{
    if (!filter || event->action == EVENT_LOST)
        return true;
    return (!filter->actions || (filter->actions & (1U << event->action))) &&
           values_match(&filter->volumes, event, is_volume) &&
           values_match(&filter->containers, event, is_container);
}
