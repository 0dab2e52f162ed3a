/* volctl detach: forgets references of a container. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"

#include "catalog/cleanup.h"

#include <errno.h>

static const struct argp_option options[] = {OPTION_ROW_FORMAT, OPTION_ROWS_ALL, {0}};

/* An empty list of destinations with All: they were not given one by one. */
static int detach_print(const char *container, bool all, json_t *destinations)
{
    _cleanup_(json_decref_p) json_t *answer = json_pack("{s:s, s:b, s:O}", "Container", container,
                                                        "All", all, "Destinations", destinations);

    return answer ? print_json(answer) : volctl_report(-ENOMEM, NULL);
}

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
    _cleanup_(json_decref_p) json_t *detached = json_array();
    struct options input = {.volctl = volctl};
    bool all = false;
    int status = EXIT_OK, i = 1;

    options_read(&argp, argc, argv, &input, 1, -1);
    do {
        bool one = i < input.operand_count;
        struct call call = {
            .method = "DELETE",
            .segments = {"containers", input.operands[0], "attachments"},
            .query = {{one ? "destination" : NULL, one ? input.operands[i] : NULL}}};
        struct error e = {0};
        int r = call_daemon(volctl, &call, NULL, &e);

        all = !r && !one;
        if (!r && one && json_array_append_new(detached, json_string(input.operands[i])) < 0)
            r = -ENOMEM;
        if (r)
            status = volctl_report(r, &e);
        if (call_is_hopeless(r))
            break;
    } while (++i < input.operand_count);
    if (input.json && detach_print(input.operands[0], all, detached) != EXIT_OK)
        return EXIT_ERROR;
    return status;
}
