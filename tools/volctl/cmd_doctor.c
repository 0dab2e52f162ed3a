/*
 * volctl doctor: asks the daemon what is wrong, or, with the daemon down, has
 * the daemon's program rebuild a lost or damaged catalog from the store.
 */
#include "tools/volctl/beside.h"
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define DEFAULT_STORE "/var/lib/volumefs"

enum { KEY_REBUILD = OPTION_OWN, KEY_STORE };

struct doctor {
    struct options options;
    bool rebuild;
    const char *store;
};

static const struct argp_option options[] = {
    {"rebuild", KEY_REBUILD, NULL, 0,
     "Write a new catalog from the store; the daemon must not be running", 0},
    {"store", KEY_STORE, "DIR", 0, "The store to rebuild it from (" DEFAULT_STORE ")", 0},
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct doctor *doctor = state->input;

    switch (key) {
    case KEY_REBUILD:
        doctor->rebuild = true;
        return 0;
    case KEY_STORE:
        doctor->store = arg;
        return 0;
    case ARGP_KEY_END:
        if (doctor->store && !doctor->rebuild)
            argp_error(state, "--store is only for --rebuild");
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

/* A daemon with another socket most likely has another store, and is not there to say which. */
static int find_store(const struct doctor *doctor, const char **store, struct error *e)
{
    const char *socket = doctor->options.volctl->socket;

    *store = doctor->store ? doctor->store : DEFAULT_STORE;
    if (doctor->store || strcmp(socket, VOLCTL_SOCKET_DEFAULT) == 0)
        return 0;
    return error_set(e, ERROR_REQUEST_INVALID,
                     "which store the daemon with the socket %s had is not known while it is down; "
                     "name it with --store DIR",
                     socket);
}

static int doctor_rebuild(const char *store)
{
    static const char *const places[] = {"volumefs", "../sbin/volumefs", "../fs/volumefs",
                                         "../../fs/volumefs"};
    static char program[] = "volumefs", rebuild[] = "--rebuild-catalog", option[] = "--store";
    _cleanup_(free_p) char *directory = strdup(store);
    char *arguments[] = {program, rebuild, option, directory, NULL};
    const char *environment = getenv("VOLUMEFS_DAEMON");
    char beside[PATH_MAX];
    const char *path = beside;
    struct error e = {0};

    if (!directory)
        return volctl_report(-ENOMEM, NULL);
    if (environment && *environment)
        path = environment;
    else if (!beside_find(places, sizeof(places) / sizeof(places[0]), beside))
        path = program;
    fflush(stdout);
    execvp(path, arguments);
    error_set(&e, ERROR_NOT_FOUND,
              "cannot run %s, which rebuilds the catalog: %s; name it in $VOLUMEFS_DAEMON", path,
              strerror(errno));
    return volctl_report(ERROR_NOT_FOUND, &e);
}

/* A problem is a failure to whoever asks by a script. */
static int doctor_print(const json_t *answer, bool json)
{
    const json_t *problems = json_object_get(answer, "Problems");
    int status = json_array_size(problems) > 0 ? EXIT_ERROR : EXIT_OK;
    json_t *problem;
    size_t i;

    if (json)
        return print_json(answer) == EXIT_OK ? status : EXIT_ERROR;
    if (status == EXIT_OK)
        puts("No problems found.");
    json_array_foreach(problems, i, problem)
    {
        text_print(stdout, field_text(problem, "Subject"));
        fputs(": ", stdout);
        text_print(stdout, field_text(problem, "Text"));
        fputs("\n  ", stdout);
        text_print(stdout, field_text(problem, "Next"));
        putchar('\n');
    }
    return status;
}

int cmd_doctor(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "",
        "Look for problems of volumes, catalog and store, and say what "
        "to do about each. The exit status is 1 if there are any.",
        NULL,
        NULL,
        NULL};
    _cleanup_(json_decref_p) json_t *answer = NULL;
    struct doctor doctor = {.options.volctl = volctl};
    struct call call = {.method = "GET", .segments = {"doctor"}};
    struct error e = {0};
    const char *store;
    int r;

    options_read(&argp, argc, argv, &doctor.options, 0, 0);
    if (doctor.rebuild) {
        r = find_store(&doctor, &store, &e);
        return r ? volctl_report(r, &e) : doctor_rebuild(store);
    }
    r = call_daemon(volctl, &call, &answer, &e);
    return r ? volctl_report(r, &e) : doctor_print(answer, doctor.options.json);
}
