/*
 * volctl stop, volctl kill: signals to the first processes of containers.
 *
 * The daemon says which process that is. It is held by a descriptor, and the daemon asked again: if
 * it still says the same, the number cannot have come to mean another process meanwhile.
 */
#include "tools/volctl/call.h"
#include "tools/volctl/options.h"
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <time.h>

enum {
    STOP_TIMEOUT_S = 10, /* before it is killed, as Docker's */
    STOP_TIMEOUT_MAX = 24 * 3600,
    KILL_TIMEOUT_S = 10,
    SETTLE_MS = 5000, /* until the daemon knows of the end */
    SETTLE_PAUSE_US = 10000,
};

struct stop {
    struct options options;
    int timeout, signal_number;
};

/* ---- the process ------------------------------------------------------------------------- */

static int ask_pid(struct volctl *volctl, const char *key, int64_t *pid, struct error *e)
{
    _cleanup_(json_decref_p) json_t *container = NULL;
    struct call call = {.method = "GET", .segments = {"containers", key}};
    int r = call_daemon(volctl, &call, &container, e);

    if (r)
        return r;
    *pid =
        strcmp(field_text(container, "State"), "running") == 0 ? field_number(container, "Pid") : 0;
    return 0;
}

/* *fd: −1 if it does not run. */
static int process_open(struct volctl *volctl, const char *key, int *fd, struct error *e)
{
    int64_t pid = 0, again = 0;
    int r;

    *fd = -1;
    do {
        close_p(fd);
        *fd = -1;
        r = ask_pid(volctl, key, &pid, e);
        if (r || pid <= 0)
            return r;
        *fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
        if (*fd < 0 && errno != ESRCH)
            return error_set_errno(e, -errno, "process %d of container %s", (int)pid, key);
        r = ask_pid(volctl, key, &again, e);
        if (r)
            return r;
    } while (pid != again);
    return 0;
}

static int process_signal(int fd, int signal_number, const char *key, struct error *e)
{
    if (syscall(SYS_pidfd_send_signal, fd, signal_number, NULL, 0) == 0 || errno == ESRCH)
        return 0;
    if (errno == EPERM)
        return error_set(e, ERROR_DENIED, "may not send a signal to container %s; become root",
                         key);
    return error_set_errno(e, -errno, "cannot send a signal to container %s", key);
}

static bool process_ends_within(int fd, int seconds)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    return poll(&poller, 1, seconds * 1000) > 0;
}

/* Until the daemon knows that it has ended, so that what is done next is not refused. */
static void wait_until_known(struct volctl *volctl, const char *key)
{
    for (int ms = 0; ms < SETTLE_MS; ms += SETTLE_PAUSE_US / 1000) {
        int64_t pid = 0;

        if (ask_pid(volctl, key, &pid, NULL) || pid <= 0)
            return;
        usleep(SETTLE_PAUSE_US);
    }
}

/* ---- stop --------------------------------------------------------------------------------- */

static int number_parse(const char *text, int most)
{
    size_t length = strlen(text);
    int value = length && length < 9 && strspn(text, "0123456789") == length
                    ? (int)strtol(text, NULL, 10)
                    : -1;

    return value <= most ? value : -1;
}

static int stop_one(const struct stop *stop, const char *key, struct error *e)
{
    struct volctl *volctl = stop->options.volctl;
    _cleanup_(close_p) int fd = -1;
    int r = process_open(volctl, key, &fd, e);

    if (r || fd < 0)
        return r;
    r = process_signal(fd, SIGTERM, key, e);
    if (r == 0 && !process_ends_within(fd, stop->timeout)) {
        r = process_signal(fd, SIGKILL, key, e);
        if (r == 0 && !process_ends_within(fd, KILL_TIMEOUT_S))
            r = error_set(e, ERROR_IN_USE,
                          "container %s was killed, but does not end within %d s; look what it "
                          "waits for in /proc/PID/stack",
                          key, KILL_TIMEOUT_S);
    }
    if (r == 0)
        wait_until_known(volctl, key);
    return r;
}

static int kill_one(const struct stop *stop, const char *key, struct error *e)
{
    _cleanup_(close_p) int fd = -1;
    int r = process_open(stop->options.volctl, key, &fd, e);

    if (r)
        return r;
    if (fd < 0)
        return error_set(e, ERROR_REQUEST_INVALID, "container %s is not running", key);
    r = process_signal(fd, stop->signal_number, key, e);
    if (r == 0 && stop->signal_number == SIGKILL && process_ends_within(fd, KILL_TIMEOUT_S))
        wait_until_known(stop->options.volctl, key);
    return r;
}

static int each(const struct stop *stop,
                int (*one)(const struct stop *stop, const char *key, struct error *e))
{
    int status = EXIT_OK;

    for (int i = 0; i < stop->options.operand_count; i++) {
        const char *key = stop->options.operands[i];
        struct error e = {0};
        int r = one(stop, key, &e);

        if (r) {
            status = volctl_report(r, &e);
            if (call_is_hopeless(r))
                break;
            continue;
        }
        text_print(stdout, key);
        putchar('\n');
    }
    return status;
}

static const struct argp_option stop_options[] = {
    {"timeout", 't', "SECONDS", 0, "How long to wait before it is killed (10)", 0},
    {"time", 't', "SECONDS", OPTION_ALIAS | OPTION_HIDDEN, NULL, 0},
    OPTION_ROWS_ALL,
    {0},
};

static error_t stop_parse(int key, char *arg, struct argp_state *state)
{
    struct stop *stop = state->input;

    if (key != 't')
        return options_parse(key, arg, state);
    stop->timeout = number_parse(arg, STOP_TIMEOUT_MAX);
    if (stop->timeout < 0)
        argp_error(state, "--timeout '%s' is no number of seconds up to %d", arg, STOP_TIMEOUT_MAX);
    return 0;
}

int cmd_stop(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {
        stop_options,
        stop_parse,
        "CONTAINER...",
        "Ask containers to end (SIGTERM), kill those that do not within a time, and print which.",
        NULL,
        NULL,
        NULL};
    struct stop stop = {.options.volctl = volctl, .timeout = STOP_TIMEOUT_S};

    options_read(&argp, argc, argv, &stop.options, 1, -1);
    return each(&stop, stop_one);
}

/* ---- kill --------------------------------------------------------------------------------- */

/* "15", "TERM", "SIGTERM"; 0: none. */
static int signal_parse(const char *text)
{
    int number = number_parse(text, SIGRTMAX);

    if (number > 0)
        return number;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (number = 1; number < NSIG; number++) {
        const char *name = sigabbrev_np(number);

        if (name && strcasecmp(name, text) == 0)
            return number;
    }
    return 0;
}

static const struct argp_option kill_options[] = {
    {"signal", 's', "SIGNAL", 0, "A number or a name (KILL)", 0},
    OPTION_ROWS_ALL,
    {0},
};

static error_t kill_parse(int key, char *arg, struct argp_state *state)
{
    struct stop *stop = state->input;

    if (key != 's')
        return options_parse(key, arg, state);
    stop->signal_number = signal_parse(arg);
    if (stop->signal_number == 0)
        argp_error(state, "--signal '%s' is no signal; 'kill -l' lists them", arg);
    return 0;
}

int cmd_kill(struct volctl *volctl, int argc, char **argv)
{
    static const struct argp argp = {kill_options,
                                     kill_parse,
                                     "CONTAINER...",
                                     "Send a signal to containers, and print which.",
                                     NULL,
                                     NULL,
                                     NULL};
    struct stop stop = {.options.volctl = volctl, .signal_number = SIGKILL};

    options_read(&argp, argc, argv, &stop.options, 1, -1);
    return each(&stop, kill_one);
}
