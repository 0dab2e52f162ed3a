/* Events as JSON, as Docker writes its own; and their filters. */
#include "fs/api/codec_private.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

enum { NS_PER_S = 1000 * 1000 * 1000 };

static json_t *attributes_value(const struct event *event)
{
    json_t *object = json_object();

    for (unsigned i = 0; object && i < event->attribute_count; i++) {
        if (json_object_set_new(object, event->attributes[i].key,
                                text_value(event->attributes[i].value)) == 0)
            continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

struct json_t *codec_event(const struct event *event)
{
    return json_pack("{s:s, s:s, s:{s:o, s:o}, s:s, s:I, s:I, s:o}", "Type", "volume", "Action",
                     event_action_name(event->action), "Actor", "ID", text_value(event->volume),
                     "Attributes", attributes_value(event), "scope", "local", "time",
                     (json_int_t)(event->at / NS_PER_S), "timeNano", (json_int_t)event->at,
                     "Sequence", codec_number(event->sequence));
}

static int add_to_filter(void *filter, const char *key, const char *value, struct error *e)
{
    return event_filter_add(filter, key, value, e);
}

int codec_read_event_filters(const char *text, struct event_filter **out, struct error *e)
{
    _cleanup_(event_filter_free_p) struct event_filter *filter = event_filter_new();
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = filter ? object_load(text, strlen(text), &object, e) : -ENOMEM;

    if (r == 0)
        r = filters_visit(object, add_to_filter, filter, e);
    *out = r == 0 ? steal_pointer(&filter) : NULL;
    return r;
}
