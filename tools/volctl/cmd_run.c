/*
 * volctl run: makes a container and runs a command in it, by an OCI runtime.
 */
#include "tools/volctl/call.h"
#include "tools/volctl/child.h"
#include "tools/volctl/creation.h"
#include "tools/volctl/launch.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <stdio.h>

enum { KEY_RUNTIME = OPTION_OWN };

struct run {
    struct options options;
    struct creation creation;
    const char *runtime;
    bool detach;
};

static void run_deinit(struct run *run)
{
    creation_deinit(&run->creation);
}

static const struct argp_option options[] = {
    CREATION_ROWS,
    {"detach", 'd', NULL, 0, "In the background; print its id once it runs", 20},
    {"runtime", KEY_RUNTIME, "NAME|PATH", 0,
     "The OCI runtime to use ($VOLUMEFS_RUNTIME, else crun or runc)", 20},
    OPTION_ROWS_ALL,
    {0},
};

static void check_streams(const struct run *run, struct argp_state *state)
{
    const struct process *process = &run->creation.process;

    if (run->detach && (process->terminal || process->interactive))
        argp_error(state, "--detach goes with neither --tty nor --interactive, as nothing can be "
                          "connected to it later");
    else if (process->terminal && !isatty(STDIN_FILENO))
        argp_error(state, "--tty needs a terminal as the standard input; leave it out to give the "
                          "command a file or a pipe");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct run *run = state->input;

    switch (key) {
    case 'd':
        run->detach = true;
        return 0;
    case KEY_RUNTIME:
        run->runtime = arg;
        return 0;
    case ARGP_KEY_END:
        creation_check(&run->creation, run->options.operand_count, state);
        check_streams(run, state);
        return 0;
    default:
        if (creation_parse(&run->creation, key, arg, state) == 0)
            return 0;
        return options_parse(key, arg, state);
    }
}

static int run_container(struct run *run)
{
    _cleanup_(json_decref_p) json_t *container = NULL;
    struct launch launch = {.volctl = run->options.volctl,
                            .runtime = run->runtime,
                            .made = true,
                            .input = run->creation.process.interactive ||
                                     run->creation.process.terminal};
    struct error e = {0};
    int status, r;

    r = creation_make(run->options.volctl, &run->creation, run->options.operands,
                      run->options.operand_count, &container, &e);
    if (r)
        return launch_report(r, &e);
    launch.container = container;
    if (!run->detach)
        return launch_foreground(&launch);
    status = launch_background(&launch);
    if (status == EXIT_OK)
        puts(field_text(container, "Id"));
    return status;
}

int cmd_run(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "COMMAND [ARGUMENT...]",
        "Make a container and run a command in it. What follows the command is the command's. The "
        "exit status is the command's too; or 125: it was not run, 126: it cannot be, 127: it is "
        "not there.",
        NULL,
        NULL,
        NULL};
    _cleanup_(run_deinit) struct run run = {.options.volctl = volctl};

    argp_err_exit_status = EXIT_RUN_FAILED;
    child_fill_streams();
    if (creation_init(&run.creation) < 0)
        return launch_report(-ENOMEM, NULL);
    run.creation.starts = true;
    options_read_in_order(&argp, argc, argv, &run.options, 1, -1);
    return run_container(&run);
}
