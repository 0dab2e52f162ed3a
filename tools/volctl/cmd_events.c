/*
 * volctl events: what happened to volumes, and what happens. Each line is written out at once, as
 * somebody may wait for it; the interrupt key ends the program as it ends any.
 */
#include "tools/volctl/arguments.h"
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"
#include "catalog/model.h"

#include <errno.h>
#include <string.h>

enum { OPTION_SINCE = OPTION_OWN, OPTION_FILTER };

struct events {
    struct options options;
    bool follow;
    const char *since;
    json_t *filters;
};

static const struct argp_option options[] = {
    {"follow", 'f', NULL, 0, "Go on with what happens from now on", 0},
    {"since", OPTION_SINCE, "TIME", 0,
     "From then on: 2030-01-31T12:00:00Z, seconds since 1970, or how long ago: 10m, 1h30m", 0},
    {"filter", OPTION_FILTER, "KEY=VALUE", 0,
     "Only those that match: event=create|remove|rename|attach|detach|mount|unmount|label|readonly|"
     "deny, volume=NAME|ID, container=NAME|ID",
     0},
    {"format", OPTION_FORMAT, "text|json", 0, "For people (default) or for programs", 90},
    OPTION_ROWS_ALL,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct events *events = state->input;

    switch (key) {
    case 'f':
        events->follow = true;
        return 0;
    case OPTION_SINCE:
        events->since = arg;
        return 0;
    case OPTION_FILTER:
        options_add_filter(state, events->filters, arg);
        return 0;
    case OPTION_FORMAT:
        events->options.json = strcmp(arg, "json") == 0;
        if (!events->options.json && strcmp(arg, "text") != 0)
            argp_error(state, "unknown format '%s'; write text or json", arg);
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

/* A container may choose some of the texts: none can pretend to be another attribute. */
static void print_value(const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._:/@+-";

    if (*value && !value[strspn(value, plain)]) {
        fputs(value, stdout);
        return;
    }
    putchar('"');
    for (; *value; value++) {
        size_t length = strcspn(value, "\"\\");
        _cleanup_(free_p) char *part = strndup(value, length);

        text_print(stdout, part ? part : "");
        value += length;
        if (!*value)
            break;
        printf("\\%c", *value);
    }
    putchar('"');
}

/* "2030-01-31T12:00:00.000000000Z volume attach web (container=app, mode=ro)" */
static void print_text(const json_t *event)
{
    json_t *actor = json_object_get(event, "Actor");
    const char *name = field_text(actor, "ID");
    const char *before = " (";
    char time[TIME_TEXT_SIZE];
    const char *key;
    json_t *value;

    time_format(field_number(event, "timeNano"), time);
    printf("%s ", time);
    text_print(stdout, field_text(event, "Type"));
    putchar(' ');
    text_print(stdout, field_text(event, "Action"));
    putchar(' ');
    text_print(stdout, *name ? name : "-");
    json_object_foreach(json_object_get(actor, "Attributes"), key, value)
    {
        fputs(before, stdout);
        text_print(stdout, key);
        putchar('=');
        print_value(json_is_string(value) ? json_string_value(value) : "");
        before = ", ";
    }
    puts(*before == ',' ? ")" : "");
}

static int visit_event(void *context, const json_t *event)
{
    const struct events *events = context;

    if (!events->options.json)
        print_text(event);
    else if (json_dumpf(event, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) == 0)
        putchar('\n');
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}

static int events_show(struct events *events, struct error *e)
{
    _cleanup_(free_p) char *filters = NULL, *since = NULL;
    struct call call = {
        .method = "GET", .segments = {"events"}, .flags = {events->follow ? "follow" : NULL}};

    if (json_object_size(events->filters) > 0) {
        filters = json_dumps(events->filters, JSON_COMPACT);
        if (!filters)
            return -ENOMEM;
        call.query[0].name = "filters";
        call.query[0].value = filters;
    }
    if (events->since) {
        since = arguments_time(events->since, time_now());
        if (!since)
            return -ENOMEM;
        call.query[1].name = "since";
        call.query[1].value = since;
    }
    return call_stream(events->options.volctl, &call, visit_event, events, e);
}

int cmd_events(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "",
                                     "Show what happened to volumes, one event a line: who made, "
                                     "removed and attached them, and what was refused by which "
                                     "rule. The daemon remembers the last few thousand since its "
                                     "start.",
                                     NULL,
                                     NULL,
                                     NULL};
    struct events events = {.options.volctl = volctl, .filters = json_object()};
    struct error e = {0};
    int r = events.filters ? 0 : -ENOMEM;

    if (r == 0) {
        options_read(&argp, argc, argv, &events.options, 0, 0);
        r = events_show(&events, &e);
    }
    json_decref(events.filters);
    if (ferror(stdout))
        return EXIT_ERROR; /* main says so */
    if (r == 0 && events.follow)
        r = error_set(&e, ERROR_UNAVAILABLE, "the daemon at %s ended", volctl->socket);
    return r ? volctl_report(r, &e) : EXIT_OK;
}
