/* volctl inspect: all there is to know of volumes, as Docker prints it. */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"

#include "catalog/cleanup.h"

#include <errno.h>

static const struct argp_option options[] = {OPTION_ROW_SOCKET, {0}};

int cmd_inspect(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,   options_parse,
        "NAME...", "Print a JSON array of volumes with everything known of them.",
        NULL,      NULL,
        NULL};
    _cleanup_(json_decref_p) json_t *found = json_array();
    struct options input = {.volctl = volctl};
    int status = EXIT_OK;

    options_read(&argp, argc, argv, &input, 1, -1);
    for (int i = 0; i < input.operand_count; i++) {
        struct call call = {.method = "GET", .segments = {"volumes", input.operands[i]}};
        json_t *volume = NULL;
        struct error e = {0};
        int r = call_daemon(volctl, &call, &volume, &e);

        if (r) {
            status = volctl_report(r, &e);
            if (call_is_hopeless(r))
                break;
        } else if (json_array_append_new(found, volume) < 0) {
            return volctl_report(-ENOMEM, NULL);
        }
    }
    return print_json(found) == EXIT_OK ? status : EXIT_ERROR;
}
