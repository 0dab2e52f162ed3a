/* volctl ls: the volumes, one a line, and who uses them. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/table.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <string.h>

/* Each is a call of its own: a list of thousands does without. */
enum { USERS_SHOWN_MAX = 64 };

struct ls {
    struct options options;
    bool quiet;
    json_t *filters;
};

static const struct argp_option options[] = {
    {"quiet", 'q', NULL, 0, "Names only", 0},
    {"filter", 'f', "KEY=VALUE", 0,
     "Only those that match: dangling=true, name=TEXT, label=KEY[=VALUE], driver=NAME, "
     "kind=named|anonymous, readonly=true",
     0},
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct ls *ls = state->input;

    switch (key) {
    case 'q':
        ls->quiet = true;
        return 0;
    case 'f':
        options_add_filter(state, ls->filters, arg);
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

/* "db, web": each container once; the daemon sorts them by name. */
static char *users_join(const json_t *refs)
{
    const char *last = "";
    char *out = NULL;
    size_t size = 0, i;
    FILE *stream = open_memstream(&out, &size);
    json_t *ref;

    if (!stream)
        return NULL;
    json_array_foreach(refs, i, ref)
    {
        const char *container = field_text(ref, "Container");

        if (strcmp(container, last) != 0)
            fprintf(stream, "%s%s", *last ? ", " : "", container);
        last = container;
    }
    fclose(stream);
    return out;
}

/* NULL: not known, or the volume is gone by now; the list is still worth printing. */
static char *users_find(struct volctl *volctl, const json_t *volume, size_t *shown)
{
    _cleanup_(json_decref_p) json_t *answer = NULL;
    struct call call = {.method = "GET",
                        .segments = {"volumes", field_text(volume, "Name"), "refs"}};

    if (field_number(volume, "RefCount") <= 0)
        return NULL;
    if (++*shown > USERS_SHOWN_MAX)
        return strdup("(see volctl refs)");
    if (call_daemon(volctl, &call, &answer, NULL) != 0)
        return NULL;
    return users_join(json_object_get(answer, "Refs"));
}

static int ls_add_row(struct volctl *volctl, struct table *table, const json_t *volume,
                      size_t *shown)
{
    _cleanup_(free_p) char *users = users_find(volctl, volume, shown);
    char count[TEXT_SHORT] = "", age[TEXT_SHORT], access[TEXT_SHORT];
    const char *label = field_text(volume, "Label");
    int64_t refs = field_number(volume, "RefCount");

    if (refs >= 0)
        snprintf(count, sizeof(count), "%lld", (long long)refs);
    field_age(volume, "CreatedAt", age);
    snprintf(access, sizeof(access), "%s%s%s", field_bool(volume, "ReadOnly") ? "ro" : "rw",
             *label && strcmp(label, "none") != 0 ? "," : "",
             strcmp(label, "none") != 0 ? label : "");
    return table_add(table,
                     (const char *const[]){field_text(volume, "Name"), field_text(volume, "Driver"),
                                           field_text(volume, "Kind"), access, age, count, users});
}

static int ls_print_table(struct volctl *volctl, const json_t *volumes)
{
    static const struct column columns[] = {{"NAME", .name_of_volume = true},
                                            {"DRIVER"},
                                            {"KIND"},
                                            {"ACCESS"},
                                            {"CREATED"},
                                            {"REFS", .right = true},
                                            {"USED BY", .trunc = true}};
    _cleanup_(table_free_p) struct table *table =
        table_new(columns, sizeof(columns) / sizeof(columns[0]));
    json_t *volume;
    size_t i, shown = 0;

    if (!table)
        return volctl_report(-ENOMEM, NULL);
    json_array_foreach(volumes, i, volume)
    {
        int r = ls_add_row(volctl, table, volume, &shown);

        if (r)
            return volctl_report(r, NULL);
    }
    return table_print(table) == 0 ? EXIT_OK : volctl_report(-EIO, NULL);
}

static int ls_print(const struct ls *ls, const json_t *answer)
{
    const json_t *volumes = json_object_get(answer, "Volumes");
    json_t *volume, *warning;
    size_t i;

    json_array_foreach(json_object_get(answer, "Warnings"), i, warning)
    {
        fputs("volctl: ", stderr);
        text_print(stderr, json_is_string(warning) ? json_string_value(warning) : "?");
        fputc('\n', stderr);
    }
    if (ls->quiet) {
        json_array_foreach(volumes, i, volume)
        {
            text_print(stdout, field_text(volume, "Name"));
            putchar('\n');
        }
        return EXIT_OK;
    }
    if (!ls->options.json)
        return ls_print_table(ls->options.volctl, volumes);
    return print_json(volumes);
}

int cmd_ls(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {options, parse, "", "List volumes by name.", NULL, NULL, NULL};
    _cleanup_(json_decref_p) json_t *filters = json_object(), *answer = NULL;
    _cleanup_(free_p) char *query = NULL;
    struct ls ls = {.options.volctl = volctl, .filters = filters};
    struct call call = {.method = "GET", .segments = {"volumes"}};
    struct error e = {0};
    int r;

    options_read(&argp, argc, argv, &ls.options, 0, 0);
    if (json_object_size(filters) > 0) {
        query = json_dumps(filters, JSON_COMPACT);
        if (!query)
            return volctl_report(-ENOMEM, NULL);
        call.query[0].name = "filters";
        call.query[0].value = query;
    }
    r = call_daemon(volctl, &call, &answer, &e);
    return r ? volctl_report(r, &e) : ls_print(&ls, answer);
}
