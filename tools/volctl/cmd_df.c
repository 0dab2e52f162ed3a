/* volctl df: how much each volume uses, and what is left in the store. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/table.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>

static const struct argp_option options[] = {OPTION_ROW_FORMAT, OPTION_ROWS_ALL, {0}};

static uint64_t field_size(const json_t *object, const char *key)
{
    int64_t number = field_number(object, key);

    return number > 0 ? (uint64_t)number : 0;
}

static int df_add_row(struct table *table, const json_t *volume)
{
    uint64_t size = field_size(volume, "Size"), limit = field_size(volume, "SizeLimit");
    char size_text[TEXT_SHORT] = "", limit_text[TEXT_SHORT] = "", percent[TEXT_SHORT];
    char inodes[TEXT_SHORT] = "", refs[TEXT_SHORT] = "";

    if (field_number(volume, "Size") >= 0)
        text_format_size(size, size_text);
    if (limit > 0)
        text_format_size(limit, limit_text);
    text_format_percent(size, limit, percent);
    if (field_number(volume, "Inodes") >= 0)
        snprintf(inodes, sizeof(inodes), "%llu", (unsigned long long)field_size(volume, "Inodes"));
    if (field_number(volume, "RefCount") >= 0)
        snprintf(refs, sizeof(refs), "%lld", (long long)field_number(volume, "RefCount"));
    return table_add(table, (const char *const[]){field_text(volume, "Name"), size_text, limit_text,
                                                  percent, inodes, refs});
}

static void df_print_store(const json_t *store)
{
    char size[TEXT_SHORT], used[TEXT_SHORT], available[TEXT_SHORT];

    text_format_size(field_size(store, "Size"), size);
    text_format_size(field_size(store, "Used"), used);
    text_format_size(field_size(store, "Available"), available);
    fputs("\nStore ", stdout);
    text_print(stdout, field_text(store, "Path"));
    printf(": %s of %s used, %s available\n", used, size, available);
}

static int df_print(const json_t *answer)
{
    static const struct column columns[] = {
        {"NAME", .name_of_volume = true}, {"SIZE", .right = true},   {"LIMIT", .right = true},
        {"USE%", .right = true},          {"INODES", .right = true}, {"REFS", .right = true},
    };
    _cleanup_(table_free_p) struct table *table =
        table_new(columns, sizeof(columns) / sizeof(columns[0]));
    json_t *volume;
    size_t i;

    if (!table)
        return volctl_report(-ENOMEM, NULL);
    json_array_foreach(json_object_get(answer, "Volumes"), i, volume)
    {
        if (df_add_row(table, volume) < 0)
            return volctl_report(-ENOMEM, NULL);
    }
    if (table_print(table) != 0)
        return volctl_report(-EIO, NULL);
    df_print_store(json_object_get(answer, "Store"));
    return EXIT_OK;
}

int cmd_df(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options, options_parse, "",  "Show how much each volume uses of the store.",
        NULL,    NULL,          NULL};
    _cleanup_(json_decref_p) json_t *answer = NULL;
    struct options input = {.volctl = volctl};
    struct call call = {.method = "GET", .segments = {"df"}};
    struct error e = {0};
    int r;

    options_read(&argp, argc, argv, &input, 0, 0);
    r = call_daemon(volctl, &call, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    return input.json ? print_json(answer) : df_print(answer);
}
