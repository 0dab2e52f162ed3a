/* volctl prune: removes what nothing refers to, after a question, as Docker does. */
#include "tools/volctl/ask.h"
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>

enum { KEY_FILTER = OPTION_OWN, KEY_DRY_RUN };

struct prune {
    struct options options;
    bool all, force, dry_run;
    json_t *filters;
};

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "Named volumes too", 0},
    {"force", 'f', NULL, 0, "Do not ask", 0},
    {"yes", 'y', NULL, OPTION_ALIAS, NULL, 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "Say what would be removed, and remove nothing", 0},
    {"filter", KEY_FILTER, "KEY=VALUE", 0,
     "Only those that match: label=KEY[=VALUE], label!=KEY[=VALUE], name=TEXT, driver=NAME", 0},
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct prune *prune = state->input;

    switch (key) {
    case 'a':
        prune->all = true;
        return 0;
    case 'f':
    case 'y':
        prune->force = true;
        return 0;
    case KEY_DRY_RUN:
        prune->dry_run = true;
        return 0;
    case KEY_FILTER:
        options_add_filter(state, prune->filters, arg);
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

/* What stayed, after what went. */
static int prune_report_errors(const json_t *errors)
{
    json_t *text;
    size_t i;

    fflush(stdout); /* before the errors, where both go to one place */
    json_array_foreach(errors, i, text)
    {
        struct error e = {0};

        error_set(&e, ERROR_REQUEST_INVALID, "%s",
                  json_is_string(text) ? json_string_value(text) : "?");
        volctl_report(ERROR_REQUEST_INVALID, &e);
    }
    return json_array_size(errors) > 0 ? EXIT_ERROR : EXIT_OK;
}

static void prune_print(const struct prune *prune, const json_t *answer)
{
    const json_t *deleted = json_object_get(answer, "VolumesDeleted");
    int64_t space = field_number(answer, "SpaceReclaimed");
    char size[TEXT_SHORT];
    json_t *volume;
    size_t i;

    if (json_array_size(deleted) > 0)
        puts(prune->dry_run ? "Would delete volumes:" : "Deleted Volumes:");
    json_array_foreach(deleted, i, volume)
    {
        text_print(stdout, field_text(volume, "Name"));
        putchar('\n');
    }
    text_format_size(space > 0 ? (uint64_t)space : 0, size);
    printf("%s%s space: %s\n", json_array_size(deleted) > 0 ? "\n" : "",
           prune->dry_run ? "Total reclaimable" : "Total reclaimed", size);
}

int cmd_prune(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "",
                                     "Remove anonymous volumes that no container refers to; with "
                                     "--all, named ones too.",
                                     NULL,
                                     NULL,
                                     NULL};
    _cleanup_(json_decref_p) json_t *body = NULL, *answer = NULL;
    struct prune prune = {.options.volctl = volctl, .filters = json_object()};
    struct call call = {.method = "POST", .segments = {"volumes", "prune"}};
    struct error e = {0};
    int r;

    options_read(&argp, argc, argv, &prune.options, 0, 0);
    body = json_pack("{s:b, s:b, s:o}", "All", prune.all, "DryRun", prune.dry_run, "Filters",
                     prune.filters);
    if (!body)
        return volctl_report(-ENOMEM, NULL);
    call.body = body;
    r = prune.force || prune.dry_run
            ? 0
            : ask_before_prune(prune.all
                                   ? "all volumes not used by at least one container"
                                   : "anonymous local volumes not used by at least one container",
                               &e);
    if (r == 0)
        r = call_daemon(volctl, &call, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    if (!prune.options.json)
        prune_print(&prune, answer);
    else if (print_json(answer) != EXIT_OK)
        return EXIT_ERROR;
    return prune_report_errors(json_object_get(answer, "Errors"));
}
