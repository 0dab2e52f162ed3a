/*
 * volctl start: runs containers that were made before, or that have ended, with the command they
 * were made with.
 */
#include "tools/volctl/call.h"
#include "tools/volctl/child.h"
#include "tools/volctl/launch.h"
#include "tools/volctl/options.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { KEY_RUNTIME = OPTION_OWN };

struct start {
    struct options options;
    const char *runtime;
    bool attach, interactive;
};

static const struct argp_option options[] = {
    {"attach", 'a', NULL, 0, "In the foreground, as run does; one container only", 0},
    {"interactive", 'i', NULL, 0, "The same, and it reads this standard input", 0},
    {"runtime", KEY_RUNTIME, "NAME|PATH", 0,
     "The OCI runtime to use ($VOLUMEFS_RUNTIME, else crun or runc)", 0},
    OPTION_ROWS_ALL,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct start *start = state->input;

    switch (key) {
    case 'a':
        start->attach = true;
        return 0;
    case 'i':
        start->attach = start->interactive = true;
        return 0;
    case KEY_RUNTIME:
        start->runtime = arg;
        return 0;
    case ARGP_KEY_END:
        if (start->attach && start->options.operand_count > 1)
            argp_error(state, "--attach is for one container; start the others without it");
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

/* Whether there is something to be run, and it may be now. */
static int check_container(const struct start *start, const char *key, const json_t *container,
                           struct error *e)
{
    const json_t *process = json_object_get(container, "Process");

    int r = launch_check_state(key, container, e);

    if (r)
        return r;
    if (!json_is_object(process) || !*field_text(container, "Rootfs"))
        return error_set(e, ERROR_REQUEST_INVALID,
                         "container %s was made without a command, to hold volumes: there is "
                         "nothing to start; take its volumes with: volctl run --volumes-from %s "
                         "--rootfs DIR COMMAND",
                         key, key);
    if (field_bool(process, "Terminal") && !start->attach)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "container %s was made with --tty: start it in the foreground, with: "
                         "volctl start -a %s",
                         key, key);
    if (field_bool(process, "Terminal") && !isatty(STDIN_FILENO))
        return error_set(e, ERROR_REQUEST_INVALID,
                         "container %s was made with --tty, and the standard input is no terminal; "
                         "start it from one",
                         key);
    return 0;
}

static int start_one(const struct start *start, const char *key)
{
    _cleanup_(json_decref_p) json_t *container = NULL;
    struct call call = {.method = "GET", .segments = {"containers", key}};
    struct launch launch = {
        .volctl = start->options.volctl, .runtime = start->runtime, .input = start->interactive};
    struct error e = {0};
    int status, r = call_daemon(start->options.volctl, &call, &container, &e);

    if (r == 0)
        r = check_container(start, key, container, &e);
    if (r) {
        volctl_report(r, &e);
        return start->attach ? EXIT_RUN_FAILED : EXIT_ERROR;
    }
    launch.container = container;
    launch.input |= field_bool(json_object_get(container, "Process"), "Terminal");
    if (start->attach)
        return launch_foreground(&launch);
    status = launch_background(&launch);
    if (status != EXIT_OK)
        return EXIT_ERROR;
    text_print(stdout, key);
    putchar('\n');
    return EXIT_OK;
}

int cmd_start(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "CONTAINER...",
                                     "Run containers that were made, or have ended, with the "
                                     "command they were made with, and print which.",
                                     NULL,
                                     NULL,
                                     NULL};
    struct start start = {.options.volctl = volctl};
    int status = EXIT_OK;

    child_fill_streams();
    options_read(&argp, argc, argv, &start.options, 1, -1);
    for (int i = 0; i < start.options.operand_count; i++) {
        int one = start_one(&start, start.options.operands[i]);

        status = one ? one : status;
    }
    return status;
}
