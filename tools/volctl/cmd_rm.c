/* volctl rm: removes volumes and prints the names of those removed. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>

struct rm {
    struct options options;
    bool force;
};

static const struct argp_option options[] = {
    {"force", 'f', NULL, 0, "It is no error if a volume does not exist", 0},
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct rm *rm = state->input;

    if (key != 'f')
        return options_parse(key, arg, state);
    rm->force = true;
    return 0;
}

/* At once, so that it is known what went if the rest does not. JSON waits for the end. */
static int rm_print_name(const struct rm *rm, json_t *removed, const char *name)
{
    if (rm->options.json)
        return json_array_append_new(removed, json_pack("{s:s}", "Name", name)) < 0 ? -ENOMEM : 0;
    text_print(stdout, name);
    putchar('\n');
    return 0;
}

int cmd_rm(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "NAME...",
        "Remove volumes and their data, and print their names. Refused while a container refers to "
        "one; --force does not change that.",
        NULL,
        NULL,
        NULL};
    _cleanup_(json_decref_p) json_t *removed = json_array();
    struct rm rm = {.options.volctl = volctl};
    int status = EXIT_OK;

    options_read(&argp, argc, argv, &rm.options, 1, -1);
    for (int i = 0; i < rm.options.operand_count; i++) {
        struct call call = {.method = "DELETE",
                            .segments = {"volumes", rm.options.operands[i]},
                            .flags = {rm.force ? "force" : NULL}};
        struct error e = {0};
        int r = call_daemon(volctl, &call, NULL, &e);

        if (!r)
            r = rm_print_name(&rm, removed, rm.options.operands[i]);
        if (!r)
            continue;
        status = volctl_report(r, &e);
        if (call_is_hopeless(r))
            break;
    }
    if (rm.options.json && print_json(removed) != EXIT_OK)
        return EXIT_ERROR;
    return status;
}
