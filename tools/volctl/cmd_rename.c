/* volctl rename: another name for a volume that nothing refers to. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"

#include "catalog/cleanup.h"

static const struct argp_option options[] = {OPTION_ROW_FORMAT, OPTION_ROWS_ALL, {0}};

int cmd_rename(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,
        options_parse,
        "OLD NEW",
        "Give a volume another name. Refused while a container refers to it, and where the new "
        "name is taken.",
        NULL,
        NULL,
        NULL};
    _cleanup_(json_decref_p) json_t *body = json_object(), *answer = NULL;
    struct options input = {.volctl = volctl};
    struct call call = {.method = "PATCH", .segments = {"volumes"}, .body = body};
    struct error e = {0};
    int r;

    options_read(&argp, argc, argv, &input, 2, 2);
    if (json_object_set_new(body, "Name", json_string(input.operands[1])) < 0) {
        error_set(&e, ERROR_NAME_INVALID, "the name '%s' is not UTF-8", input.operands[1]);
        return volctl_report(ERROR_NAME_INVALID, &e);
    }
    call.segments[1] = input.operands[0];
    r = call_daemon(volctl, &call, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    return input.json ? print_json(answer) : EXIT_OK;
}
