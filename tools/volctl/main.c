/*
 * volctl: volumes from the command line. Reads the options before the command,
 * finds the command in the table and runs it; the work is in cmd_*.c, each of
 * which makes calls of the daemon's control API (call.h) and prints the answer.
 */
#include "tools/volctl/volctl.h"

#include "catalog/cleanup.h"
#include "tools/volctl/client.h"
#include "tools/volctl/options.h"

#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

const char *argp_program_version = "volctl " VOLUMEFS_VERSION;

const struct command volctl_commands[] = {
    {"create", NULL, "Make a volume; without a name, an anonymous one", cmd_create},
    {"ls", "list", "List volumes", cmd_ls},
    {"inspect", NULL, "Show all there is to know of volumes, as JSON", cmd_inspect},
    {"refs", NULL, "Show which containers refer to a volume, and how", cmd_refs},
    {"df", NULL, "Show how much each volume uses", cmd_df},
    {"set", NULL, "Forbid or allow changes of a volume's data", cmd_set},
    {"rename", NULL, "Give a volume that nothing refers to another name", cmd_rename},
    {"rm", "remove", "Remove volumes and their data", cmd_rm},
    {"prune", NULL, "Remove all anonymous volumes that nothing refers to", cmd_prune},
    {"run", NULL, "Run a command in a new container that has volumes", cmd_run},
    {"start", NULL, "Run containers again, or for the first time", cmd_start},
    {"stop", NULL, "Ask containers to end, and kill them if they do not", cmd_stop},
    {"kill", NULL, "Send a signal to containers", cmd_kill},
    {"attach", NULL, "Record that a container refers to volumes", cmd_attach},
    {"detach", NULL, "Forget some or all of these", cmd_detach},
    {"adopt", NULL, "Take volumes of Docker or Podman over, or give them back", cmd_adopt},
    {"container", NULL, "Make, list, inspect and remove containers that refer to volumes",
     cmd_container},
    {"events", NULL, "Show what happens to volumes, and what is refused", cmd_events},
    {"doctor", NULL, "Look for problems, or rebuild a lost catalog", cmd_doctor},
    {"version", NULL, "Show the versions of everything involved", cmd_version},
    {"help", NULL, "Explain a command", cmd_help},
    {0},
};

static char *help_filter(int key, const char *text, void *input)
{
    char *out = NULL;
    size_t size = 0;
    FILE *stream;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    stream = open_memstream(&out, &size);
    if (!stream)
        return NULL;
    fputs("Commands:\n", stream);
    for (const struct command *c = volctl_commands; c->name; c++)
        fprintf(stream, "  %-9s %s\n", c->name, c->summary);
    fputs("\n'volctl COMMAND --help' explains a command.", stream);
    fclose(stream);
    return out;
}

struct start {
    struct options options; /* first: options_parse() */
    int command;            /* its index in argv, 0: none */
};

static error_t parse_start(int key, char *arg, struct argp_state *state)
{
    struct start *start = state->input;

    switch (key) {
    case ARGP_KEY_ARG: /* the rest is the command's */
        start->command = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which command?");
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

static const struct argp_option start_options[] = {OPTION_ROWS_ALL, {0}};
static const struct argp start_argp = {
    .options = start_options,
    .parser = parse_start,
    .args_doc = "COMMAND [ARGUMENT...]",
    .doc = "Volumes of containers: make, list, inspect and remove them.\v",
    .help_filter = help_filter,
};

static const struct command *command_find(const struct command *commands, const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0 || (c->alias && strcmp(c->alias, name) == 0))
            return c;
    return NULL;
}

int command_run_of(const struct command *commands, struct volctl *volctl, const char *of, int argc,
                   char **argv)
{
    const struct command *command = command_find(commands, argv[0]);
    _cleanup_(free_p) char *name = NULL;
    struct error e = {0};

    if (!command) {
        error_set(&e, ERROR_REQUEST_INVALID,
                  "there is no command '%s'; '%s --help' lists the commands", argv[0], of);
        volctl_report(ERROR_REQUEST_INVALID, &e);
        return EXIT_USAGE;
    }
    if (asprintf(&name, "%s %s", of, command->name) < 0)
        return volctl_report(-ENOMEM, NULL);
    argv[0] = name;
    return command->run(volctl, argc, argv);
}

int cmd_help(struct volctl *volctl, int argc, char **argv)
{
    static char option[] = "--help";
    char *of_command[] = {argc > 1 ? argv[1] : NULL, option, NULL};
    char program[] = "volctl";

    if (argc > 1 && argv[1][0] != '-')
        return command_run_of(volctl_commands, volctl, program, 2, of_command);
    argp_help(&start_argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, program);
    return EXIT_OK;
}

/* What was printed is nothing if it did not arrive. */
static int finish(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        struct error e = {0};

        error_set(&e, ERROR_NO_SPACE, "cannot write to the standard output: %s", strerror(errno));
        return volctl_report(ERROR_NO_SPACE, &e);
    }
    return status;
}

int main(int argc, char **argv)
{
    static char program[] = "volctl"; /* in messages, wherever it lies */
    const char *environment = getenv("VOLUMEFS_SOCKET");
    struct volctl volctl = {.socket =
                                environment && *environment ? environment : VOLCTL_SOCKET_DEFAULT};
    struct start start = {.options.volctl = &volctl};
    int status;

    setlocale(LC_CTYPE, ""); /* letters; but texts are English, ours and so the C library's */
    argv[0] = program;
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&start_argp, argc, argv, ARGP_IN_ORDER, NULL, &start) != 0)
        return EXIT_USAGE;
    status = command_run_of(volctl_commands, &volctl, program, argc - start.command,
                            argv + start.command);
    client_free(volctl.client);
    free(volctl.own_socket);
    return finish(status);
}
