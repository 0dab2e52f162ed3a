/* volctl refs: which containers refer to a volume, where and how. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/table.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <string.h>

static const struct argp_option options[] = {OPTION_ROW_FORMAT, OPTION_ROWS_ALL, {0}};

/* "docker,live": what is recorded is known from that engine, or from somebody's word. */
static void sources_join(const json_t *ref, char out[TEXT_SHORT])
{
    size_t length = 0, i;
    json_t *source;

    out[0] = 0;
    json_array_foreach(json_object_get(ref, "Sources"), i, source)
    {
        const char *word = json_string_value(source), *engine = field_text(ref, "Engine");

        if (word && *engine && strcmp(word, "recorded") == 0)
            word = engine;
        if (word && length < TEXT_SHORT - 1)
            length +=
                (size_t)snprintf(out + length, TEXT_SHORT - length, "%s%s", i ? "," : "", word);
    }
}

/* "running", and whether that may be out of date */
static void state_describe(const json_t *ref, char out[TEXT_SHORT])
{
    const char *state = field_bool(ref, "Running") ? "running" : "not running";

    if (field_bool(ref, "Away"))
        snprintf(out, TEXT_SHORT, "%s (%s is away)", state, field_text(ref, "Engine"));
    else
        snprintf(out, TEXT_SHORT, "%s", state);
}

static int refs_print(const json_t *answer)
{
    static const struct column columns[] = {
        {"CONTAINER"}, {"DESTINATION", .trunc = true}, {"MODE"}, {"LABEL"}, {"STATE"},
        {"KNOWN BY"},  {"PID", .right = true}};
    _cleanup_(table_free_p) struct table *table =
        table_new(columns, sizeof(columns) / sizeof(columns[0]));
    json_t *ref;
    size_t i;

    if (!table)
        return volctl_report(-ENOMEM, NULL);
    json_array_foreach(json_object_get(answer, "Refs"), i, ref)
    {
        char sources[TEXT_SHORT], pid[TEXT_SHORT] = "", state[TEXT_SHORT];
        int64_t number = field_number(ref, "Pid");

        sources_join(ref, sources);
        state_describe(ref, state);
        if (number > 0)
            snprintf(pid, sizeof(pid), "%lld", (long long)number);
        if (table_add(table,
                      (const char *const[]){field_text(ref, "Container"),
                                            field_text(ref, "Destination"), field_text(ref, "Mode"),
                                            field_text(ref, "Label"), state, sources, pid}) < 0)
            return volctl_report(-ENOMEM, NULL);
    }
    return table_print(table) == 0 ? EXIT_OK : volctl_report(-EIO, NULL);
}

int cmd_refs(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {options,
                                     options_parse,
                                     "NAME",
                                     "Show the containers that refer to a volume: those recorded, "
                                     "those an engine mounted it for, and those seen to have it "
                                     "mounted.",
                                     NULL,
                                     NULL,
                                     NULL};
    _cleanup_(json_decref_p) json_t *answer = NULL;
    struct options input = {.volctl = volctl};
    struct call call = {.method = "GET", .segments = {"volumes", NULL, "refs"}};
    struct error e = {0};
    int r;

    options_read(&argp, argc, argv, &input, 1, 1);
    call.segments[1] = input.operands[0];
    r = call_daemon(volctl, &call, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    return input.json ? print_json(answer) : refs_print(answer);
}
