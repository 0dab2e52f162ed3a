/* volctl attach: records that a container refers to volumes. */
#include "tools/volctl/arguments.h"
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/table.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <string.h>

enum { KEY_MOUNT = OPTION_OWN };

struct attach {
    struct options options;
    json_t *volumes, *mounts;
};

static const struct argp_option options[] = {
    {"volume", 'v', "SPEC", 0, "[SOURCE:]DESTINATION[:MODE], the same as an operand", 0},
    {"mount", KEY_MOUNT, "SPEC", 0, "type=volume,source=NAME,target=PATH,... as of docker run", 0},
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

/* Host paths are relative to where the user is, not to where the daemon is. */
static void add_spec(struct argp_state *state, json_t *specs, const char *spec,
                     char *(*make_absolute)(const char *spec, const char *cwd))
{
    _cleanup_(free_p) char *cwd = getcwd(NULL, 0);
    _cleanup_(free_p) char *absolute = cwd ? make_absolute(spec, cwd) : NULL;

    if (json_array_append_new(specs, json_string(absolute ? absolute : spec)) < 0)
        argp_error(state, "'%s' is not UTF-8", spec);
}

/* "web": neither a path nor a name with one. The daemon's text for it, Docker's, is no help. */
static void add_volume(struct argp_state *state, const struct attach *attach, const char *spec)
{
    if (*spec && spec[0] != '/' && !strchr(spec, ':'))
        argp_error(state, "where in the container is '%s' to be? write %s:/PATH", spec, spec);
    add_spec(state, attach->volumes, spec, arguments_absolute_volume);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct attach *attach = state->input;

    switch (key) {
    case 'v':
        add_volume(state, attach, arg);
        return 0;
    case KEY_MOUNT:
        add_spec(state, attach->mounts, arg, arguments_absolute_mount);
        return 0;
    case ARGP_KEY_END: /* the operands are known */
        for (int i = 1; i < attach->options.operand_count; i++)
            add_volume(state, attach, attach->options.operands[i]);
        if (attach->options.operand_count > 0 && json_array_size(attach->volumes) == 0 &&
            json_array_size(attach->mounts) == 0)
            argp_error(state, "which volume? write NAME:DESTINATION or --mount");
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

static int attach_print(const json_t *answer)
{
    static const struct column columns[] = {{"DESTINATION"},
                                            {"TYPE"},
                                            {"SOURCE", .name_of_volume = true, .trunc = true},
                                            {"ACCESS"},
                                            {"MODE"}};
    _cleanup_(table_free_p) struct table *table =
        table_new(columns, sizeof(columns) / sizeof(columns[0]));
    json_t *mount;
    size_t i;

    if (!table)
        return volctl_report(-ENOMEM, NULL);
    json_array_foreach(json_object_get(answer, "Mounts"), i, mount)
    {
        const char *name = field_text(mount, "Name");

        if (table_add(table, (const char *const[]){field_text(mount, "Destination"),
                                                   field_text(mount, "Type"),
                                                   *name ? name : field_text(mount, "Source"),
                                                   field_bool(mount, "RW") ? "rw" : "ro",
                                                   field_text(mount, "Mode")}) < 0)
            return volctl_report(-ENOMEM, NULL);
    }
    return table_print(table) == 0 ? EXIT_OK : volctl_report(-EIO, NULL);
}

int cmd_attach(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "CONTAINER [SPEC...]",
        "Record that a container refers to volumes, making those that do not exist. A SPEC is what "
        "'docker run -v' takes: NAME:DESTINATION[:ro][,z|Z][,nocopy].",
        NULL,
        NULL,
        NULL};
    _cleanup_(json_decref_p) json_t *body = NULL, *answer = NULL;
    struct attach attach = {
        .options.volctl = volctl, .volumes = json_array(), .mounts = json_array()};
    struct call call = {.method = "POST", .segments = {"containers", NULL, "attachments"}};
    struct error e = {0};
    int r;

    body = json_pack("{s:o, s:o}", "Volumes", attach.volumes, "Mounts", attach.mounts);
    if (!body)
        return volctl_report(-ENOMEM, NULL);
    options_read(&argp, argc, argv, &attach.options, 1, -1);
    call.segments[1] = attach.options.operands[0];
    call.body = body;
    r = call_daemon(volctl, &call, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    return attach.options.json ? print_json(answer) : attach_print(answer);
}
