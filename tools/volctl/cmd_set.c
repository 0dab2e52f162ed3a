/* volctl set: changes what may be changed of a volume. */
#include "tools/volctl/arguments.h"
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"

#include "catalog/cleanup.h"

static const struct argp_option options[] = {OPTION_ROW_FORMAT, OPTION_ROWS_ALL, {0}};

int cmd_set(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,
        options_parse,
        "NAME readonly=on|off|label=shared|private|none...",
        "Forbid or allow every change of a volume's data; say which containers may use it. It "
        "takes effect at once, in containers that run too.",
        NULL,
        NULL,
        NULL};
    _cleanup_(json_decref_p) json_t *body = json_object(), *answer = NULL;
    struct options input = {.volctl = volctl};
    struct call call = {.method = "PATCH", .segments = {"volumes"}, .body = body};
    struct error e = {0};
    int r = 0;

    options_read(&argp, argc, argv, &input, 2, -1);
    for (int i = 1; i < input.operand_count && !r; i++)
        r = arguments_add_setting(body, input.operands[i], &e);
    if (r) {
        volctl_report(r, &e);
        return r > 0 ? EXIT_USAGE : EXIT_ERROR;
    }
    call.segments[1] = input.operands[0];
    r = call_daemon(volctl, &call, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    return input.json ? print_json(answer) : EXIT_OK;
}
