/*
 * Options that several commands have, and the count of operands.
 */
#include "tools/volctl/options.h"

#include "tools/volctl/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

error_t options_parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case OPTION_SOCKET:
        if (!*arg)
            argp_error(state, "--socket needs a path; leave it out for the default");
        options->volctl->socket = arg;
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case OPTION_FORMAT:
        options->json = strcmp(arg, "json") == 0;
        if (!options->json && strcmp(arg, "table") != 0)
            argp_error(state, "unknown format '%s'; write table or json", arg);
        return 0;
    case ARGP_KEY_ARGS:
        options->operands = state->argv + state->next;
        options->operand_count = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void read_with(unsigned flags, const struct argp *argp, int argc, char **argv,
                      struct options *options, int least, int most)
{
    const char *complaint = NULL;

    if (argp_parse(argp, argc, argv, flags, NULL, options) != 0)
        exit(argp_err_exit_status);
    if (options->operand_count < least)
        complaint = "an argument is missing";
    else if (most >= 0 && options->operand_count > most)
        complaint = "too many arguments";
    if (!complaint)
        return;
    fprintf(stderr, "%s: %s\n", argv[0], complaint);
    argp_help(argp, stderr, ARGP_HELP_USAGE | ARGP_HELP_SEE, argv[0]);
    exit(argp_err_exit_status);
}

void options_read(const struct argp *argp, int argc, char **argv, struct options *options,
                  int least, int most)
{
    read_with(0, argp, argc, argv, options, least, most);
}

void options_read_in_order(const struct argp *argp, int argc, char **argv, struct options *options,
                           int least, int most)
{
    read_with(ARGP_IN_ORDER, argp, argc, argv, options, least, most);
}

static void options_check(struct argp_state *state, int r, const struct error *e)
{
    if (r < 0)
        argp_failure(state, EXIT_ERROR, -r, "cannot read the arguments");
    else if (r > 0)
        argp_error(state, "%s", e->text);
}

void options_add_filter(struct argp_state *state, json_t *filters, const char *arg)
{
    struct error e = {0};

    options_check(state, arguments_add_filter(filters, arg, &e), &e);
}

void options_add_pair(struct argp_state *state, json_t *object, const char *arg)
{
    struct error e = {0};

    options_check(state, arguments_add_pair(object, arg, &e), &e);
}
