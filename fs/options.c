/*
 * Options. As a mount helper the same settings come in one -o list:
 * store=DIR,socket=PATH,plugin-socket=PATH,docker-socket=PATH,podman-socket=PATH,log-level=WORD,
 * context=CONTEXT,foreground; what is
 * not ours in it goes to the kernel.
 */
#include "fs/options.h"

#include "fs/label.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

const char *argp_program_version = "volumefs " VOLUMEFS_VERSION;

enum { EXIT_USAGE = 2, THREADS_MAX = 64, SPIN_MAX_US = 10000 };

enum option_key {
    KEY_STORE = 's',
    KEY_FOREGROUND = 'f',
    KEY_OPTION = 'o',
    KEY_SOCKET = 256,
    KEY_PLUGIN_SOCKET,
    KEY_DOCKER_SOCKET,
    KEY_PODMAN_SOCKET,
    KEY_LOG_LEVEL,
    KEY_SELINUX_CONTEXT,
    KEY_NO_PASSTHROUGH,
    KEY_THREADS,
    KEY_SPIN,
    KEY_REBUILD,
};

static const struct argp_option option_table[] = {
    {"store", KEY_STORE, "DIR", 0, "Where the data lies (default " DEFAULT_STORE ")", 0},
    {"socket", KEY_SOCKET, "PATH", 0, "The control socket (default " DEFAULT_SOCKET ")", 0},
    {"plugin-socket", KEY_PLUGIN_SOCKET, "PATH", 0,
     "The engines' volume plugin socket, or none (default " DEFAULT_PLUGIN_SOCKET ")", 0},
    {"docker-socket", KEY_DOCKER_SOCKET, "PATH", 0,
     "Docker's API, to know of its containers, or none (default " DEFAULT_DOCKER_SOCKET ")", 0},
    {"podman-socket", KEY_PODMAN_SOCKET, "PATH", 0,
     "Podman's, the same (default " DEFAULT_PODMAN_SOCKET ")", 0},
    {"foreground", KEY_FOREGROUND, NULL, 0, "Stay, and log to the terminal", 0},
    {"log-level", KEY_LOG_LEVEL, "WORD", 0, "error, warning, info or debug (default info)", 0},
    {"selinux-context", KEY_SELINUX_CONTEXT, "CONTEXT", 0,
     "What SELinux labels the tree with, where it is on (default " LABEL_CONTEXT_DEFAULT ")", 0},
    {"options", KEY_OPTION, "LIST", 0,
     "Mount options, comma-separated: the above by name (store=DIR …), nonempty, and the "
     "kernel's (ro, noexec, context=…)",
     0},
    {"no-passthrough", KEY_NO_PASSTHROUGH, NULL, 0, "Move data through the daemon", 0},
    {"threads", KEY_THREADS, "N", 0, "Threads that wait for requests (default: by the processors)",
     0},
    {"spin", KEY_SPIN, "US", 0,
     "How long a thread looks for the next request before it sleeps, in microseconds (default 50; "
     "0 saves power and costs latency)",
     0},
    {"rebuild-catalog", KEY_REBUILD, NULL, 0,
     "Do not mount: write the store's catalog anew from what lies in it, then exit", 0},
    {0},
};

static const char doc[] =
    "Mounts container data volumes as a file system: a directory for each volume.\v"
    "volumefs returns when the tree is mounted and answers; with --foreground it stays. "
    "SIGTERM unmounts it. Manage volumes with volctl(1), or with mkdir, mv and rmdir.";

static int parse_number(struct argp_state *state, const char *option, const char *text, int min,
                        int max)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (*end || end == text || n < min || n > max)
        argp_error(state, "--%s takes a number from %d to %d, not '%s'", option, min, max, text);
    return (int)n;
}

static const char *path_or_none(const char *path)
{
    return strcmp(path, "none") == 0 ? "" : path;
}

static void take_plugin_socket(struct options *options, const char *path)
{
    options->plugin_socket = path_or_none(path);
    options->plugin_socket_given = true;
}

static void parse_level(struct argp_state *state, const char *word, enum log_level *out)
{
    if (!log_level_parse(word, out))
        argp_error(state, "unknown log level '%s'; known: error, warning, info, debug", word);
}

/* Takes double quotes off, in place, which protected commas. */
static const char *unquote(char *value)
{
    size_t length = strlen(value);

    if (length < 2 || value[0] != '"' || value[length - 1] != '"')
        return value;
    value[length - 1] = 0;
    return value + 1;
}

/* One item of -o. True if it was ours. */
static bool take_mount_option(struct argp_state *state, struct options *options, char *item)
{
    static const char *const keys[] = {
        "store=",         "socket=",    "plugin-socket=", "docker-socket=",
        "podman-socket=", "log-level=", "context="};
    char *value = NULL;
    size_t i;

    if (strcmp(item, "remount") == 0)
        argp_error(state, "a mounted tree takes no other options; unmount it and mount it again "
                          "with them, or make single volumes read-only");
    if (strcmp(item, "foreground") == 0) {
        options->foreground = true;
        return true;
    }
    for (i = 0; i < sizeof(keys) / sizeof(*keys) && !value; i++)
        if (strncmp(item, keys[i], strlen(keys[i])) == 0)
            value = item + strlen(keys[i]);
    if (!value)
        return false;
    switch (i - 1) {
    case 0:
        options->store = value;
        break;
    case 1:
        options->socket = value;
        break;
    case 2:
        take_plugin_socket(options, value);
        break;
    case 3:
        options->docker_socket = path_or_none(value);
        break;
    case 4:
        options->podman_socket = path_or_none(value);
        break;
    case 5:
        parse_level(state, value, &options->log_level);
        break;
    default:
        options->selinux_context = unquote(value);
        break;
    }
    return true;
}

static void keep_mount_option(struct argp_state *state, struct options *options, const char *item)
{
    char *kept = NULL;

    if (asprintf(&kept, "%s%s%s", options->mount_options ? options->mount_options : "",
                 options->mount_options ? "," : "", item) < 0)
        argp_failure(state, EXIT_FAILURE, 0, "out of memory");
    free(options->mount_options);
    options->mount_options = kept;
}

/* Splits at plain commas (quotes protect them) and keeps for the kernel what is not ours. */
static void take_mount_options(struct argp_state *state, struct options *options, char *list)
{
    char *item = list; /* of argv: as the process, so options may point into it */
    bool quoted = false;

    for (char *p = list;; p++) {
        bool end = *p == 0;

        quoted ^= *p == '"';
        if (!end && (*p != ',' || quoted))
            continue;
        *p = 0;
        if (*item && !take_mount_option(state, options, item))
            keep_mount_option(state, options, item);
        if (end)
            break;
        item = p + 1;
    }
}

/*
 * `volumefs DIR`; as a mount helper `SOURCE DIR`. mount.fuse3(8), which mount(8) finds where our
 * helper is not in /sbin, runs the program itself with both: a source is a word without a slash.
 */
static void take_argument(struct argp_state *state, struct options *options, char *arg)
{
    if (state->arg_num > 1 ||
        (state->arg_num == 1 && !options->helper && strchr(options->mountpoint, '/')))
        argp_error(state, "one mount point is wanted, not '%s' and '%s'", options->mountpoint, arg);
    options->source = options->mountpoint;
    options->mountpoint = arg;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case KEY_STORE:
        options->store = arg;
        break;
    case KEY_SOCKET:
        options->socket = arg;
        break;
    case KEY_PLUGIN_SOCKET:
        take_plugin_socket(options, arg);
        break;
    case KEY_DOCKER_SOCKET:
        options->docker_socket = path_or_none(arg);
        break;
    case KEY_PODMAN_SOCKET:
        options->podman_socket = path_or_none(arg);
        break;
    case KEY_FOREGROUND:
        options->foreground = true;
        break;
    case KEY_LOG_LEVEL:
        parse_level(state, arg, &options->log_level);
        break;
    case KEY_SELINUX_CONTEXT:
        options->selinux_context = arg;
        break;
    case KEY_OPTION:
        take_mount_options(state, options, arg);
        break;
    case KEY_NO_PASSTHROUGH:
        options->no_passthrough = true;
        break;
    case KEY_THREADS:
        options->threads = (unsigned)parse_number(state, "threads", arg, 1, THREADS_MAX);
        break;
    case KEY_SPIN:
        options->spin_us = parse_number(state, "spin", arg, 0, SPIN_MAX_US);
        break;
    case KEY_REBUILD:
        options->rebuild = true;
        break;
    case ARGP_KEY_ARG:
        take_argument(state, options, arg);
        break;
    case ARGP_KEY_END:
        if (!options->mountpoint && !options->rebuild)
            argp_error(state, "a mount point is wanted, such as /mnt/volumes");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* mount(8) adds flags of its own, which say nothing to us: -n, -v, -s, -f, -t TYPE. */
static const struct argp_option helper_table[] = {
    {"options", KEY_OPTION, "LIST", 0, "Mount options", 0},
    {NULL, 'n', NULL, OPTION_HIDDEN, NULL, 0},
    {NULL, 'v', NULL, OPTION_HIDDEN, NULL, 0},
    {NULL, 's', NULL, OPTION_HIDDEN, NULL, 0},
    {NULL, 't', "TYPE", OPTION_HIDDEN, NULL, 0},
    {0},
};

static error_t parse_helper(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'n':
    case 'v':
    case 's':
    case 't':
        return 0;
    default:
        return parse_option(key, arg, state);
    }
}

static bool is_mount_helper(const char *program)
{
    const char *name = strrchr(program, '/');

    return strncmp(name ? name + 1 : program, "mount.", strlen("mount.")) == 0;
}

void options_parse(struct options *options, int argc, char **argv)
{
    static const struct argp daemon_parser = {option_table, parse_option, "MOUNTPOINT", doc,
                                              NULL,         NULL,         NULL};
    static const struct argp helper_parser = {
        helper_table, parse_helper, "SOURCE MOUNTPOINT", doc, NULL, NULL, NULL};

    *options = (struct options){.store = DEFAULT_STORE,
                                .socket = DEFAULT_SOCKET,
                                .plugin_socket = DEFAULT_PLUGIN_SOCKET,
                                .docker_socket = DEFAULT_DOCKER_SOCKET,
                                .podman_socket = DEFAULT_PODMAN_SOCKET,
                                .log_level = LOG_LEVEL_INFO,
                                .spin_us = -1,
                                .helper = is_mount_helper(argv[0])};
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(options->helper ? &helper_parser : &daemon_parser, argc, argv, 0, NULL, options);
}
