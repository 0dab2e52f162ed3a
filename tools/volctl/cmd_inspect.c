/* volctl inspect: all there is to know of volumes, as Docker prints it, or as a table. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/table.h"

#include "catalog/cleanup.h"

#include <errno.h>

static const struct argp_option options[] = {
    {"format", OPTION_FORMAT, "table|json", 0, "For programs (json, the default) or for people",
     90},
    OPTION_ROWS_ALL,
    {0},
};

/* One line a field; what has parts, as JSON. */
static int inspect_print_table(json_t *volume)
{
    static const struct column columns[] = {{"FIELD"}, {"VALUE"}};
    _cleanup_(table_free_p) struct table *table =
        table_new(columns, sizeof(columns) / sizeof(columns[0]));
    const char *key;
    json_t *value;

    if (!table)
        return volctl_report(-ENOMEM, NULL);
    json_object_foreach(volume, key, value)
    {
        _cleanup_(free_p) char *text = json_dumps(value, JSON_ENCODE_ANY);
        bool plain = json_is_string(value), none = json_is_null(value);

        if (!text || table_add(table, (const char *const[]){key, plain  ? json_string_value(value)
                                                                 : none ? ""
                                                                        : text}) < 0)
            return volctl_report(-ENOMEM, NULL);
    }
    return table_print(table) == 0 ? EXIT_OK : volctl_report(-EIO, NULL);
}

static int inspect_print(const json_t *volumes, bool json)
{
    int status = EXIT_OK;
    json_t *volume;
    size_t i;

    if (json)
        return print_json(volumes);
    json_array_foreach(volumes, i, volume)
    {
        if (i)
            putchar('\n');
        if (inspect_print_table(volume) != EXIT_OK)
            status = EXIT_ERROR;
    }
    return status;
}

int cmd_inspect(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,   options_parse,
        "NAME...", "Show everything known of volumes, as a JSON array or a table each.",
        NULL,      NULL,
        NULL};
    _cleanup_(json_decref_p) json_t *found = json_array();
    struct options input = {.volctl = volctl, .json = true};
    int status = EXIT_OK;

    options_read(&argp, argc, argv, &input, 1, -1);
    for (int i = 0; i < input.operand_count; i++) {
        struct call call = {.method = "GET", .segments = {"volumes", input.operands[i]}};
        json_t *volume = NULL;
        struct error e = {0};
        int r = call_daemon(volctl, &call, &volume, &e);

        if (r) {
            status = volctl_report(r, &e);
            if (call_is_hopeless(r))
                break;
        } else if (json_array_append_new(found, volume) < 0) {
            return volctl_report(-ENOMEM, NULL);
        }
    }
    return inspect_print(found, input.json) == EXIT_OK ? status : EXIT_ERROR;
}
