/* volctl adopt: takes the volumes of Docker and Podman over, and gives them back. */
#include "tools/volctl/adopt.h"
#include "tools/volctl/ask.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <string.h>

enum {
    KEY_MOVE = OPTION_OWN,
    KEY_COPY,
    KEY_DRY_RUN,
    KEY_UNDO,
    KEY_HOST,
    KEY_DATA_ROOT,
    KEY_OFFLINE,
};

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "All of the engine's local volumes", 0},
    {"move", KEY_MOVE, NULL, 0, "The data leaves the engine, which forgets the volume (default)",
     0},
    {"copy", KEY_COPY, NULL, 0, "The engine keeps its own", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "Say what would be done, and do nothing", 0},
    {"force", 'f', NULL, 0, "Move what stopped containers have, too", 0},
    {"undo", KEY_UNDO, NULL, 0, "Give volumes back that were moved: these, or all", 0},
    {"yes", 'y', NULL, 0, "Do not ask before all are given back", 0},
    {"host", KEY_HOST, "SOCKET", 0,
     "Docker's socket ($DOCKER_HOST, else unix:///var/run/docker.sock)", 0},
    {"offline", KEY_OFFLINE, NULL, 0,
     "Docker does not run: go by its directories, which know no labels", 0},
    {"data-root", KEY_DATA_ROOT, "DIR", 0, "Where they are (/var/lib/docker)", 0},
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct adopt *adopt = state->input;

    switch (key) {
    case 'a':
        adopt->all = true;
        return 0;
    case 'f':
        adopt->force = true;
        return 0;
    case 'y':
        adopt->yes = true;
        return 0;
    case KEY_MOVE:
        adopt->move = true;
        return 0;
    case KEY_COPY:
        adopt->copy = true;
        return 0;
    case KEY_DRY_RUN:
        adopt->dry_run = true;
        return 0;
    case KEY_UNDO:
        adopt->undo = true;
        return 0;
    case KEY_HOST:
        adopt->engine.host = arg;
        return 0;
    case KEY_OFFLINE:
        adopt->engine.offline = true;
        return 0;
    case KEY_DATA_ROOT:
        adopt->engine.data_root = arg;
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

/* What is wrong with the command line; NULL: nothing. */
static const char *find_mistake(const struct adopt *adopt)
{
    const struct engine_kind *kind = adopt->engine.kind;

    if (adopt->move && adopt->copy)
        return "--move and --copy exclude each other";
    if (adopt->engine.data_root && !adopt->engine.offline)
        return "--data-root is for --offline; Docker says itself where its volumes are";
    if (adopt->undo)
        return adopt->all || adopt->move || adopt->copy || adopt->force
                   ? "--undo takes names, --dry-run and --yes only"
                   : NULL;
    if (!kind)
        return "which engine? write docker or podman first";
    if (adopt->all == (adopt->name_count > 0))
        return "name the volumes, or write --all";
    if (kind != &engine_docker && (adopt->engine.offline || adopt->engine.host))
        return "--offline and --host are for docker; podman has no daemon";
    return NULL;
}

static void read_operands(struct adopt *adopt)
{
    bool named = !adopt->undo && adopt->options.operand_count > 0;

    adopt->engine.kind = named ? engine_kind_find(adopt->options.operands[0]) : NULL;
    adopt->names = adopt->options.operands + named;
    adopt->name_count = adopt->options.operand_count - named;
}

static int run(struct adopt *adopt)
{
    struct error e = {0};
    int status;

    if (adopt->undo && adopt->name_count == 0 && !adopt->yes && !adopt->dry_run &&
        !ask("This will give all volumes back that were moved here from engines.")) {
        error_set(&e, ERROR_DENIED, "cancelled, nothing is given back; --yes does not ask");
        return volctl_report(ERROR_DENIED, &e);
    }
    adopt->rows = json_array();
    if (!adopt->rows)
        return volctl_report(-ENOMEM, NULL);
    status = adopt->undo ? adopt_undo(adopt) : adopt_take(adopt);
    if (json_array_size(adopt->rows) > 0 || status == EXIT_OK)
        if (adopt_print(adopt) != EXIT_OK)
            return EXIT_ERROR;
    return adopt->failed ? EXIT_ERROR : status;
}

int cmd_adopt(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "docker|podman --all\ndocker|podman NAME...\n--undo [NAME...]",
        "Take local volumes of Docker or Podman over, with their labels and times of creation: by "
        "a rename where the store is on the same file system, else by a copy. Those that running "
        "containers use are refused. For root.",
        NULL,
        NULL,
        NULL};
    struct adopt adopt = {.options.volctl = volctl};
    const char *mistake;
    int status;

    options_read(&argp, argc, argv, &adopt.options, 0, -1);
    read_operands(&adopt);
    mistake = find_mistake(&adopt);
    if (mistake) {
        fprintf(stderr, "%s: %s\n", argv[0], mistake);
        argp_help(&argp, stderr, ARGP_HELP_USAGE | ARGP_HELP_SEE, argv[0]);
        return EXIT_USAGE;
    }
    status = run(&adopt);
    engine_deinit(&adopt.engine);
    json_decref(adopt.rows);
    return status;
}
