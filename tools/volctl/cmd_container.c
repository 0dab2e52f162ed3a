/*
 * volctl container: containers that are known here. One of which nothing is ever run is a data
 * volume container: it holds volumes for others to take over.
 */
#include "tools/volctl/call.h"
#include "tools/volctl/container_rm.h"
#include "tools/volctl/creation.h"
#include "tools/volctl/options.h"
#include "tools/volctl/table.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <string.h>

/* ---- create ------------------------------------------------------------------- */

struct create {
    struct options options;
    struct creation creation;
};

static void create_deinit(struct create *create)
{
    creation_deinit(&create->creation);
}

static const struct argp_option create_options[] = {
    CREATION_ROWS,
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static error_t create_parse(int key, char *arg, struct argp_state *state)
{
    struct create *create = state->input;

    if (key == ARGP_KEY_END) {
        creation_check(&create->creation, create->options.operand_count, state);
        return 0;
    }
    if (creation_parse(&create->creation, key, arg, state) == 0)
        return 0;
    return options_parse(key, arg, state);
}

static int container_create(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        create_options,
        create_parse,
        "[COMMAND [ARGUMENT...]]",
        "Record a container and what it has mounted, making volumes that do not exist, and print "
        "its id. With a rootfs, empty volumes get what that has in their place; with a command "
        "too, "
        "it can be started.",
        NULL,
        NULL,
        NULL};
    _cleanup_(create_deinit) struct create create = {.options.volctl = volctl};
    _cleanup_(json_decref_p) json_t *answer = NULL;
    struct error e = {0};
    int r;

    if (creation_init(&create.creation) < 0)
        return volctl_report(-ENOMEM, NULL);
    options_read_in_order(&argp, argc, argv, &create.options, 0, -1);
    r = creation_make(volctl, &create.creation, create.options.operands,
                      create.options.operand_count, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    if (create.options.json)
        return print_json(answer);
    puts(field_text(answer, "Id"));
    return EXIT_OK;
}

/* ---- ls ------------------------------------------------------------------------ */

struct list {
    struct options options;
    bool quiet;
};

static const struct argp_option list_options[] = {
    {"quiet", 'q', NULL, 0, "Ids only", 0},
    {"all", 'a', NULL, OPTION_HIDDEN, NULL, 0}, /* whom Docker taught to say so gets them, too */
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static error_t list_parse(int key, char *arg, struct argp_state *state)
{
    struct list *list = state->input;

    switch (key) {
    case 'a':
        return 0;
    case 'q':
        list->quiet = true;
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

/* "web:/data, db:/db:ro" */
static char *mounts_join(const json_t *container)
{
    char *text = NULL;
    size_t size, i;
    FILE *stream = open_memstream(&text, &size);
    json_t *mount;

    if (!stream)
        return NULL;
    json_array_foreach(json_object_get(container, "Mounts"), i, mount)
    {
        const char *name = field_text(mount, "Name");

        fprintf(stream, "%s%s:%s%s", i ? ", " : "", *name ? name : field_text(mount, "Source"),
                field_text(mount, "Destination"), field_bool(mount, "RW") ? "" : ":ro");
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* "exited (1)": with the exit status, where that is known. */
static void state_text(const json_t *container, char out[TEXT_SHORT])
{
    const char *state = field_text(container, "State");
    const json_t *code = json_object_get(container, "ExitCode");

    if (json_is_integer(code) && strcmp(state, "exited") == 0)
        snprintf(out, TEXT_SHORT, "exited (%lld)", (long long)json_integer_value(code));
    else
        snprintf(out, TEXT_SHORT, "%s", state);
}

static int list_add(struct table *table, const json_t *container)
{
    _cleanup_(free_p) char *mounts = mounts_join(container);
    char id[13], age[TEXT_SHORT], state[TEXT_SHORT];

    if (!mounts)
        return -ENOMEM;
    snprintf(id, sizeof(id), "%.12s", field_text(container, "Id"));
    field_age(container, "CreatedAt", age);
    state_text(container, state);
    return table_add(table, (const char *const[]){id, field_text(container, "Name"), state,
                                                  field_text(container, "Runtime"), age, mounts});
}

static int list_print(const struct list *list, const json_t *containers)
{
    static const struct column columns[] = {{"ID"},      {"NAME"},    {"STATE"},
                                            {"RUNTIME"}, {"CREATED"}, {"MOUNTS", .trunc = true}};
    _cleanup_(table_free_p) struct table *table =
        table_new(columns, sizeof(columns) / sizeof(columns[0]));
    json_t *container;
    size_t i;

    if (!table)
        return volctl_report(-ENOMEM, NULL);
    json_array_foreach(containers, i, container)
    {
        if (list->quiet)
            puts(field_text(container, "Id"));
        else if (list_add(table, container) < 0)
            return volctl_report(-ENOMEM, NULL);
    }
    if (list->quiet)
        return EXIT_OK;
    return table_print(table) == 0 ? EXIT_OK : volctl_report(-EIO, NULL);
}

static int container_list(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        list_options, list_parse,
        "",           "List the containers that are known here, whether they run or not.",
        NULL,         NULL,
        NULL};
    _cleanup_(json_decref_p) json_t *answer = NULL;
    struct list list = {.options.volctl = volctl};
    struct call call = {.method = "GET", .segments = {"containers"}};
    struct error e = {0};
    int r;

    options_read(&argp, argc, argv, &list.options, 0, 0);
    r = call_daemon(volctl, &call, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    return list.options.json ? print_json(answer)
                             : list_print(&list, json_object_get(answer, "Containers"));
}

/* ---- inspect -------------------------------------------------------------------- */

static const struct argp_option inspect_options[] = {OPTION_ROW_FORMAT, OPTION_ROWS_ALL, {0}};

static int container_inspect(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {inspect_options,
                                     options_parse,
                                     "CONTAINER...",
                                     "Print all there is to know of containers, as JSON.",
                                     NULL,
                                     NULL,
                                     NULL};
    _cleanup_(json_decref_p) json_t *all = json_array();
    struct options input = {.volctl = volctl};
    int status = EXIT_OK;

    options_read(&argp, argc, argv, &input, 1, -1);
    for (int i = 0; i < input.operand_count; i++) {
        struct call call = {.method = "GET", .segments = {"containers", input.operands[i]}};
        struct error e = {0};
        json_t *answer = NULL;
        int r = call_daemon(volctl, &call, &answer, &e);

        if (r == 0 && json_array_append_new(all, answer) < 0)
            r = -ENOMEM;
        if (r)
            status = volctl_report(r, &e);
        if (r && call_is_hopeless(r))
            break;
    }
    return print_json(all) == EXIT_OK ? status : EXIT_ERROR;
}

/* ---- the table of these ------------------------------------------------------------ */

static const struct command commands[] = {
    {"create", NULL, "Record a container and what it has mounted", container_create},
    {"ls", "list", "List containers", container_list},
    {"inspect", NULL, "Show all there is to know of containers, as JSON", container_inspect},
    {"run", NULL, "Run a command in a new container, as volctl run", cmd_run},
    {"start", NULL, "Run containers again, as volctl start", cmd_start},
    {"stop", NULL, "Ask containers to end, as volctl stop", cmd_stop},
    {"kill", NULL, "Send a signal to containers, as volctl kill", cmd_kill},
    {"rm", "remove", "Forget containers", container_rm},
    {"prune", NULL, "Forget containers that have ended", container_prune},
    {0},
};

static int usage(FILE *to, int status)
{
    fputs("Usage: volctl container COMMAND [ARGUMENT...]\n"
          "Containers that refer to volumes, run or not.\n\nCommands:\n",
          to);
    for (const struct command *c = commands; c->name; c++)
        fprintf(to, "  %-9s %s\n", c->name, c->summary);
    fputs("\n'volctl container COMMAND --help' explains a command.\n", to);
    return status;
}

int cmd_container(struct volctl *volctl, int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr, EXIT_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return usage(stdout, EXIT_OK);
    return command_run_of(commands, volctl, argv[0], argc - 1, argv + 1);
}
