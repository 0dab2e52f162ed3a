/*
 * volctl container rm, prune: forgets containers, and what is left of their last run.
 */
#include "tools/volctl/container_rm.h"

#include "tools/volctl/ask.h"
#include "tools/volctl/bundle_dir.h"
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"
#include "catalog/name.h"

#include <errno.h>

/* ---- rm -------------------------------------------------------------------------- */

struct rm {
    struct options options;
    bool force, volumes;
};

static const struct argp_option rm_options[] = {
    {"force", 'f', NULL, 0, "Also one that runs", 0},
    {"volumes", 'v', NULL, 0,
     "Its anonymous volumes too, unless others refer to them; never those with a name", 0},
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static error_t rm_parse(int key, char *arg, struct argp_state *state)
{
    struct rm *rm = state->input;

    switch (key) {
    case 'f':
        rm->force = true;
        return 0;
    case 'v':
        rm->volumes = true;
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

/* Its whole id, which what is left of its run is named after. "": not known, or nobody's to see. */
static void find_id(struct volctl *volctl, const char *key, char id[CONTAINER_ID_MAX + 1])
{
    _cleanup_(json_decref_p) json_t *container = NULL;
    struct call call = {.method = "GET", .segments = {"containers", key}};

    id[0] = 0;
    if (call_daemon(volctl, &call, &container, NULL) == 0)
        snprintf(id, CONTAINER_ID_MAX + 1, "%s", field_text(container, "Id"));
}

static int rm_one(const struct rm *rm, const char *key, json_t *removed, struct error *e)
{
    _cleanup_(json_decref_p) json_t *answer = NULL;
    struct call call = {.method = "DELETE", .segments = {"containers", key}};
    char id[CONTAINER_ID_MAX + 1];
    int flags = 0, r;

    find_id(rm->options.volctl, key, id);
    if (rm->force)
        call.flags[flags++] = "force";
    if (rm->volumes)
        call.flags[flags] = "volumes";
    r = call_daemon(rm->options.volctl, &call, &answer, e);
    if (r == ERROR_NOT_FOUND && rm->force && *id)
        r = 0; /* it was killed, and removed by its end (run --rm) */
    if (r)
        return r;
    bundle_dir_clear_leftover(rm->options.volctl->socket, id, true);
    if (rm->options.json && !answer)
        answer = json_pack("{s:[]}", "VolumesDeleted");
    if (rm->options.json)
        return json_object_set_new(answer, "Container", json_string(key)) < 0 ||
                       json_array_append(removed, answer) < 0
                   ? -ENOMEM
                   : 0;
    text_print(stdout, key);
    putchar('\n');
    return 0;
}

int container_rm(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {rm_options,
                                     rm_parse,
                                     "CONTAINER...",
                                     "Forget containers, and print which. Volumes stay, but for "
                                     "anonymous ones with --volumes.",
                                     NULL,
                                     NULL,
                                     NULL};
    _cleanup_(json_decref_p) json_t *removed = json_array();
    struct rm rm = {.options.volctl = volctl};
    int status = EXIT_OK;

    options_read(&argp, argc, argv, &rm.options, 1, -1);
    for (int i = 0; i < rm.options.operand_count; i++) {
        struct error e = {0};
        int r = rm_one(&rm, rm.options.operands[i], removed, &e);

        if (r)
            status = volctl_report(r, &e);
        if (r && call_is_hopeless(r))
            break;
    }
    if (rm.options.json && print_json(removed) != EXIT_OK)
        return EXIT_ERROR;
    return status;
}

/* ---- prune ------------------------------------------------------------------------ */

enum { KEY_DRY_RUN = OPTION_OWN };

struct prune {
    struct options options;
    bool all, force, dry_run;
};

static const struct argp_option prune_options[] = {
    {"all", 'a', NULL, 0, "Those too that never ran, and hold volumes for others", 0},
    {"force", 'f', NULL, 0, "Do not ask", 0},
    {"yes", 'y', NULL, OPTION_ALIAS, NULL, 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "Say what would be removed, and remove nothing", 0},
    OPTION_ROW_FORMAT,
    OPTION_ROWS_ALL,
    {0},
};

static error_t prune_parse(int key, char *arg, struct argp_state *state)
{
    struct prune *prune = state->input;

    switch (key) {
    case 'a':
        prune->all = true;
        return 0;
    case 'f':
    case 'y':
        prune->force = true;
        return 0;
    case KEY_DRY_RUN:
        prune->dry_run = true;
        return 0;
    default:
        return options_parse(key, arg, state);
    }
}

/* Of a container that went by itself while its volctl was killed, something may be left. */
static int clear_if_unknown(void *context, const char *id)
{
    struct volctl *volctl = context;
    struct call call = {.method = "GET", .segments = {"containers", id}};
    int r = call_daemon(volctl, &call, NULL, NULL);

    if (r == ERROR_NOT_FOUND)
        bundle_dir_clear_leftover(volctl->socket, id, false);
    return call_is_hopeless(r) ? r : 0;
}

static void prune_print(const struct prune *prune, const json_t *deleted)
{
    json_t *container;
    size_t i;

    if (json_array_size(deleted) > 0)
        puts(prune->dry_run ? "Would delete containers:" : "Deleted Containers:");
    else
        puts("Nothing to delete.");
    json_array_foreach((json_t *)(uintptr_t)deleted, i, container)
    {
        const char *name = field_text(container, "Name");

        text_print(stdout, *name ? name : field_text(container, "Id"));
        putchar('\n');
    }
}

int container_prune(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {prune_options,
                                     prune_parse,
                                     "",
                                     "Forget containers that have ended; with --all, those too "
                                     "that never ran.",
                                     NULL,
                                     NULL,
                                     NULL};
    _cleanup_(json_decref_p) json_t *body = NULL, *answer = NULL;
    struct prune prune = {.options.volctl = volctl};
    struct call call = {.method = "POST", .segments = {"containers", "prune"}};
    const json_t *deleted;
    struct error e = {0};
    int r;

    options_read(&argp, argc, argv, &prune.options, 0, 0);
    body = json_pack("{s:b, s:b}", "All", prune.all, "DryRun", prune.dry_run);
    if (!body)
        return volctl_report(-ENOMEM, NULL);
    call.body = body;
    r = prune.force || prune.dry_run
            ? 0
            : ask_before_prune(prune.all ? "all containers that do not run"
                                         : "all containers that have ended",
                               &e);
    if (r == 0)
        r = call_daemon(volctl, &call, &answer, &e);
    if (r)
        return volctl_report(r, &e);
    deleted = json_object_get(answer, "ContainersDeleted");
    if (!prune.dry_run && geteuid() == 0)
        bundle_dir_each(volctl->socket, clear_if_unknown, volctl);
    if (prune.options.json)
        return print_json(answer);
    prune_print(&prune, deleted);
    return EXIT_OK;
}
