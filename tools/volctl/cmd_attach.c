/* volctl attach: records that a container refers to volumes. */
#include "tools/volctl/call.h"
#include "tools/volctl/mounts.h"
#include "tools/volctl/options.h"

#include "catalog/cleanup.h"

#include <errno.h>

struct attach {
    struct options options;
    struct mounts mounts;
};

static const struct argp_option options[] = {
    MOUNTS_ROWS,
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct attach *attach = state->input;

    if (key == ARGP_KEY_END) { /* the operands are known */
        for (int i = 1; i < attach->options.operand_count; i++)
            mounts_add_volume(&attach->mounts, attach->options.operands[i], state);
        if (attach->options.operand_count > 0 && !mounts_are_given(&attach->mounts))
            argp_error(state, "which volume? write NAME:DESTINATION, --mount or --volumes-from");
        return 0;
    }
    if (mounts_parse(&attach->mounts, key, arg, state) == 0)
        return 0;
    return options_parse(key, arg, state);
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
    struct attach attach = {.options.volctl = volctl};
    _cleanup_(json_decref_p) json_t *body = mounts_body(&attach.mounts), *answer = NULL;
    struct call call = {.method = "POST", .segments = {"containers", NULL, "attachments"}};
    struct error e = {0};
    int r;

    if (!body)
        return volctl_report(-ENOMEM, NULL);
    options_read(&argp, argc, argv, &attach.options, 1, -1);
    call.segments[1] = attach.options.operands[0];
    call.body = body;
    r = call_daemon(volctl, &call, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    return attach.options.json ? print_json(answer) : mounts_print(answer);
}
