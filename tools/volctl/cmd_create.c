/* volctl create: makes a volume and prints its name. */
#include "tools/volctl/arguments.h"
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>

enum { KEY_LABEL = OPTION_OWN, KEY_READ_ONLY, KEY_UID, KEY_GID, KEY_MODE };

struct create {
    struct options options;
    json_t *body, *driver_options, *labels;
};

static const struct argp_option options[] = {
    {"opt", 'o', "KEY=VALUE", 0,
     "An option of the driver; of local: uid, gid, mode, readonly, label, selinux-context", 0},
    {"label", KEY_LABEL, "KEY=VALUE", 0, "A label", 0},
    {"driver", 'd', "NAME", 0, "What supplies the data's place (local)", 0},
    {"read-only", KEY_READ_ONLY, NULL, 0, "Refuse every change of its data", 0},
    {"uid", KEY_UID, "NUMBER", 0, "Owner of its root directory", 0},
    {"gid", KEY_GID, "NUMBER", 0, "Group of its root directory", 0},
    {"mode", KEY_MODE, "OCTAL", 0, "Mode of its root directory", 0},
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static void set_checked(struct argp_state *state, json_t *object, const char *key, const char *arg,
                        bool valid)
{
    if (!valid)
        argp_error(state, "--%s '%s' is no %s", key, arg,
                   key[0] == 'm' ? "octal mode up to 7777" : "number of a user or group");
    json_object_set_new(object, key, json_string(arg));
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct create *create = state->input;

    switch (key) {
    case 'o':
        options_add_pair(state, create->driver_options, arg);
        return 0;
    case KEY_LABEL:
        options_add_pair(state, create->labels, arg);
        return 0;
    case 'd':
        if (json_object_set_new(create->body, "Driver", json_string(arg)) < 0)
            argp_error(state, "the driver's name '%s' is not UTF-8", arg);
        return 0;
    case KEY_READ_ONLY:
        json_object_set_new(create->body, "ReadOnly", json_true());
        return 0;
    case KEY_UID:
        set_checked(state, create->driver_options, "uid", arg, arguments_check_id(arg));
        return 0;
    case KEY_GID:
        set_checked(state, create->driver_options, "gid", arg, arguments_check_id(arg));
        return 0;
    case KEY_MODE:
        set_checked(state, create->driver_options, "mode", arg, arguments_check_mode(arg));
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

int cmd_create(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[NAME]",
        "Make a volume and print its name. Without a name it is an "
        "anonymous one. Making one that exists, with the same options, "
        "is no error.",
        NULL,
        NULL,
        NULL};
    _cleanup_(json_decref_p) json_t *body = json_object(), *answer = NULL;
    struct create create = {.options.volctl = volctl,
                            .body = body,
                            .driver_options = json_object(),
                            .labels = json_object()};
    struct call call = {.method = "POST", .segments = {"volumes"}, .body = body};
    struct error e = {0};
    int r;

    if (json_object_set_new(body, "DriverOpts", create.driver_options) < 0 ||
        json_object_set_new(body, "Labels", create.labels) < 0)
        return volctl_report(-ENOMEM, NULL);
    options_read(&argp, argc, argv, &create.options, 0, 1);
    if (create.options.operand_count > 0 && !*create.options.operands[0]) {
        error_set(&e, ERROR_NAME_INVALID,
                  "the name is empty; leave it out for an anonymous volume");
        volctl_report(ERROR_NAME_INVALID, &e);
        return EXIT_USAGE;
    }
    if (create.options.operand_count > 0 &&
        json_object_set_new(body, "Name", json_string(create.options.operands[0])) < 0) {
        error_set(&e, ERROR_NAME_INVALID, "the name '%s' is not UTF-8", create.options.operands[0]);
        return volctl_report(ERROR_NAME_INVALID, &e);
    }
    r = call_daemon(volctl, &call, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    if (create.options.json)
        return print_json(answer);
    text_print(stdout, field_text(answer, "Name"));
    putchar('\n');
    return EXIT_OK;
}
