/*
 * volumefs-oci-hook: called by an OCI runtime at the stages createRuntime (or prestart, which that
 * replaces) and poststop, it tells the daemon of containers that have volumes mounted.
 *
 * A request flows: the state on standard input names the bundle; its config.json has the mounts
 * (bundle.c); those in a tree of volumes (tree.c, ours.c) make the container ours; who runs it is
 * looked up (engine.c), and the daemon told, by another program that takes the place of this one
 * (tell.c). With nothing of ours it ends after the second step, or the third: nobody is asked
 * anything, whatever state the daemon is in.
 */
#include "catalog/cleanup.h"
#include "catalog/spec.h"
#include "tools/hook/bundle.h"
#include "tools/hook/engine.h"
#include "tools/hook/input.h"
#include "tools/hook/ours.h"
#include "tools/hook/say.h"
#include "tools/hook/tell.h"
#include "tools/hook/tree.h"

#include <argp.h>
#include <errno.h>
#include <string.h>

#define SOCKET_DEFAULT "/run/volumefs/volumefs.sock"

enum { TREES_MAX = 64, LIMIT_DEFAULT_S = 10, LIMIT_MAX_S = 600 };

const char *argp_program_version = HOOK_PROGRAM " " VOLUMEFS_VERSION;

static const char *reason(int r, const struct error *e)
{
    if (*e->text)
        return e->text;
    return r < 0 ? strerror(-r) : error_code_name(r);
}

/* ---- options ----------------------------------------------------------------- */

struct hook {
    struct daemon daemon;
    char *trees[TREES_MAX]; /* clean, owned */
    size_t tree_count;
};

enum { KEY_SOCKET = 0x100, KEY_TREE, KEY_TIMEOUT };

static const struct argp_option options[] = {
    {"socket", KEY_SOCKET, "PATH", 0,
     "The daemon's socket ($VOLUMEFS_SOCKET, else " SOCKET_DEFAULT ")", 0},
    {"tree", KEY_TREE, "DIR", 0,
     "Only this tree of volumes counts (and others so given); else all that are mounted, "
     "and " TREE_DEFAULT " if it is not",
     0},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "How long to wait for the daemon (10)", 0},
    {NULL, 'h', NULL, OPTION_HIDDEN, NULL, 0},
    {0},
};

static void hook_deinit(struct hook *hook)
{
    for (size_t i = 0; i < hook->tree_count; i++)
        free(hook->trees[i]);
}

static void hook_add_tree(struct hook *hook, const char *path, struct argp_state *state)
{
    char *clean = hook->tree_count < TREES_MAX ? spec_clean_path(path) : NULL;

    if (hook->tree_count == TREES_MAX) {
        argp_error(state, "--tree can be given %d times", TREES_MAX);
    } else if (!clean) {
        argp_failure(state, EXIT_ERROR, ENOMEM, "cannot read the options");
    } else {
        hook->trees[hook->tree_count++] = clean;
        if (path[0] != '/' || !clean[1])
            argp_error(state, "--tree needs the absolute path of a tree, not '%s'", path);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct hook *hook = state->input;
    char *end;
    long seconds;

    switch (key) {
    case KEY_SOCKET:
        if (!*arg)
            argp_error(state, "--socket needs a path; leave it out for the default");
        hook->daemon.socket = arg;
        return 0;
    case KEY_TREE:
        hook_add_tree(hook, arg, state);
        return 0;
    case KEY_TIMEOUT:
        seconds = strtol(arg, &end, 10);
        if (*end || seconds < 1 || seconds > LIMIT_MAX_S)
            argp_error(state, "--timeout is 1 to %d seconds, not '%s'", LIMIT_MAX_S, arg);
        hook->daemon.limit_s = (int)seconds;
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is too much; the stage is told by the container's state", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .doc = "Tells volumefs that a container starts or has ended, if volumes are mounted in it. For "
           "OCI runtimes, as hook at the stages createRuntime and poststop.",
};

/* ---- a container --------------------------------------------------------------- */

struct hook_container {
    struct state state;
    struct bundle *bundle;
    struct engine engine;
    struct trees trees;
    struct ours ours;
};

static void container_deinit(struct hook_container *container)
{
    state_deinit(&container->state);
    container->bundle = bundle_free(container->bundle);
    trees_deinit(&container->trees);
    ours_deinit(&container->ours);
}

static const char *container_name(const struct hook_container *container)
{
    return container->engine.name[0] ? container->engine.name : container->state.id;
}

/*
 * What a failure is to the runtime. Before the start it is one of the container. At poststop it is
 * none: the specification has runtimes log it and go on, but runc then leaves out the hooks behind
 * this one, and some report the removal, which has happened, as failed. That the container is gone
 * the daemon finds out by itself.
 */
static int container_failure(const struct hook_container *container)
{
    return container->state.ended ? EXIT_OK : EXIT_ERROR;
}

static int container_read_trees(struct hook_container *container, const struct hook *hook)
{
    _cleanup_(fclose_p) FILE *mountinfo = fopen("/proc/self/mountinfo", "re");

    return trees_read(mountinfo, hook->trees, hook->tree_count, &container->trees);
}

/*
 * A configuration that cannot be read. A container fails for it only where there is a sign that it
 * is ours, the path of a tree in the text. Runtimes would hardly start the others either.
 */
static int container_refuse_config(struct hook_container *container, const struct hook *hook,
                                   const struct input *config, const char *why)
{
    int status = EXIT_OK;

    if (!container->state.ended && container_read_trees(container, hook) == 0 &&
        trees_are_named(&container->trees, config->text, config->length))
        status = EXIT_ERROR;
    if (status == EXIT_OK)
        say(status, "container %s is taken to have no volumes: %s", container->state.id, why);
    else
        say(status,
            "container %s may not start, for its configuration names a tree of volumes: %s; "
            "correct it",
            container->state.id, why);
    return status;
}

/* An exit status; *go_on: the configuration was read. */
static int container_read_config(struct hook_container *container, const struct hook *hook,
                                 bool *go_on)
{
    _cleanup_(input_deinit) struct input config = {0};
    _cleanup_(free_p) char *path = NULL, *why = NULL;
    struct error e = {0};
    int r;

    *go_on = false;
    if (asprintf(&path, "%s/config.json", container->state.bundle) < 0) {
        path = NULL;
        say(EXIT_ERROR, "out of memory");
        return EXIT_ERROR;
    }
    r = input_read_file(path, BUNDLE_TEXT_MAX, &config, &e);
    if (r)
        return container_refuse_config(container, hook, &config, reason(r, &e));
    r = bundle_parse(config.text, config.length, &container->bundle, &e);
    *go_on = r == 0;
    if (r == 0)
        return EXIT_OK;
    if (asprintf(&why, "cannot read %s: %s", path, reason(r, &e)) < 0)
        why = NULL;
    return container_refuse_config(container, hook, &config, why ? why : "out of memory");
}

/* Finds what is ours of it, which is nothing without a bind mount. 0 or negative errno. */
static int container_find_ours(struct hook_container *container, const struct hook *hook)
{
    struct bundle_mount bind;
    size_t at = 0;
    int r;

    if (!bundle_next_bind(container->bundle, &at, &bind))
        return 0;
    r = container_read_trees(container, hook);
    if (r)
        return r;
    return ours_collect(container->bundle, container->state.bundle, &container->trees,
                        &container->ours);
}

/* What is said if the daemon cannot be told. NULL: no memory. */
static char *container_complaint(const struct hook_container *container)
{
    const struct our_mount *first = &container->ours.items[0];
    const char *name = container_name(container);
    char more[64] = "";
    char *text;
    int n;

    if (container->ours.count > 1)
        snprintf(more, sizeof(more), " (and %zu more)", container->ours.count - 1);
    if (container->state.ended)
        n = asprintf(&text, "the end of container %s, which had %s at %s%s, is not recorded", name,
                     first->path, first->destination, more);
    else
        n = asprintf(&text, "container %s may not start with %s at %s%s", name, first->path,
                     first->destination, more);
    return n < 0 ? NULL : text;
}

/* Goes on in another program; what comes back is a failure to do so. */
static int container_tell(struct hook_container *container, const struct daemon *daemon)
{
    _cleanup_(free_p) char *complaint = NULL;
    struct error e = {0};
    int r = -ENOMEM;

    engine_read_annotations(container->bundle, &container->engine);
    if (!container->state.ended)
        engine_look_around(container->state.id, &container->engine);
    complaint = container_complaint(container);
    if (complaint && container->state.ended)
        r = tell_end(daemon, &container->state, complaint, &e);
    else if (complaint)
        r = tell_start(daemon, &container->state, &container->engine, &container->ours, complaint,
                       &e);
    say(container_failure(container), "%s: %s", complaint ? complaint : container->state.id,
        reason(r, &e));
    return container_failure(container);
}

static int hook_run(const struct hook *hook, struct hook_container *container)
{
    _cleanup_(input_deinit) struct input input = {0};
    struct error e = {0};
    bool go_on;
    int r = input_read(STDIN_FILENO, STATE_TEXT_MAX, "the container's state", &input, &e);
    int status;

    if (r == 0)
        r = state_parse(input.text, input.length, &container->state, &e);
    if (r) {
        say(EXIT_ERROR,
            "cannot tell which container this is for, by the state on standard input: %s",
            reason(r, &e));
        return EXIT_ERROR;
    }
    status = container_read_config(container, hook, &go_on);
    if (!go_on)
        return status;
    r = container_find_ours(container, hook);
    if (r) {
        say(container_failure(container), "container %s: %s", container->state.id, strerror(-r));
        return container_failure(container);
    }
    return container->ours.count > 0 ? container_tell(container, &hook->daemon) : EXIT_OK;
}

int main(int argc, char **argv)
{
    static char program[] = HOOK_PROGRAM; /* in messages, wherever it lies */
    static char *alone[] = {program, NULL};
    const char *environment = getenv("VOLUMEFS_SOCKET");
    _cleanup_(hook_deinit) struct hook hook = {
        .daemon = {environment && *environment ? environment : SOCKET_DEFAULT, LIMIT_DEFAULT_S}};
    _cleanup_(container_deinit) struct hook_container container = {0};

    /* args of a hook may be left out, its name with them */
    if (argc < 1) {
        argc = 1;
        argv = alone;
    }
    argv[0] = program;
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &hook) != 0)
        return EXIT_USAGE;
    return hook_run(&hook, &container);
}
