/* volctl detach: forgets references of a container. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"

static const struct argp_option options[] = {OPTION_ROW_SOCKET, {0}};

int cmd_detach(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,
        options_parse,
        "CONTAINER [DESTINATION...]",
        "Forget that a container refers to the volumes at these destinations; without one, to any.",
        NULL,
        NULL,
        NULL};
    struct options input = {.volctl = volctl};
    int status = EXIT_OK, i = 1;

    options_read(&argp, argc, argv, &input, 1, -1);
    do {
        bool one = i < input.operand_count;
        struct call call = {.method = "DELETE",
                            .segments = {"containers", input.operands[0], "attachments"},
                            .query = one ? "destination" : NULL,
                            .query_value = one ? input.operands[i] : NULL};
        struct error e = {0};
        int r = call_daemon(volctl, &call, NULL, &e);

        if (r)
            status = volctl_report(r, &e);
        if (call_is_hopeless(r))
            break;
    } while (++i < input.operand_count);
    return status;
}
