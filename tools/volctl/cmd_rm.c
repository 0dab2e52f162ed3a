/* volctl rm: removes volumes and prints the names of those removed. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/text.h"

struct rm {
    struct options options;
    bool force;
};

static const struct argp_option options[] = {
    {"force", 'f', NULL, 0, "It is no error if a volume does not exist", 0},
    OPTION_ROW_SOCKET,
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
    struct rm rm = {.options.volctl = volctl};
    int status = EXIT_OK;

    options_read(&argp, argc, argv, &rm.options, 1, -1);
    for (int i = 0; i < rm.options.operand_count; i++) {
        struct call call = {.method = "DELETE",
                            .segments = {"volumes", rm.options.operands[i]},
                            .query = rm.force ? "force" : NULL,
                            .query_value = "1"};
        struct error e = {0};
        int r = call_daemon(volctl, &call, NULL, &e);

        if (!r) {
            text_print(stdout, rm.options.operands[i]);
            putchar('\n');
            continue;
        }
        status = volctl_report(r, &e);
        if (call_is_hopeless(r))
            break;
    }
    return status;
}
