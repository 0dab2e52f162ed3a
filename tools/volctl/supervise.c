/*
 * A run from the start of the OCI runtime to its end.
 *
 * The runtime runs in the foreground, as our child: it connects the container's streams or
 * terminal with ours, passes signals on to the container, ends with its status and deletes its
 * state. Only its standard error goes through us, since what it says itself comes that way too: it
 * is kept until the command runs (the runtime then writes the file `pid`), and passed on from there
 * on. If the command never runs, it explains why not.
 *
 * Before the command runs the hook lets us know of the container, and waits until the daemon does
 * (hook_socket.h). That may take long, so all else goes on meanwhile. Signals for an end then give
 * the start up: the runtime would keep them until its hooks have ended.
 *
 * Signals come by a descriptor. What the terminal sends to our process group, the runtime gets by
 * itself if it is in that; it has to be, to read from the terminal. If it need not, it is in a
 * group of its own, and gets everything from us.
 */
#include "tools/volctl/supervise.h"

#include "tools/volctl/child.h"
#include "tools/volctl/hook_socket.h"
#include "tools/volctl/output.h"
#include "tools/volctl/pin.h"
#include "tools/volctl/start_call.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>

enum { START_LOOKS = 40, START_FIRST_MS = 1, START_LATER_MS = 50 }; /* for a file (note_start) */
enum { RELAY_SIZE = 64 << 10, RELAY_PIECE = 4096 }; /* a piece fits where poll(2) says: PIPE_BUF */

/* From the runtime's standard error to ours, or to the log. */
struct relay {
    int from; /* −1: at its end */
    int to;   /* −1: to the log */
    struct output output;
    size_t start, end;
    char data[RELAY_SIZE];
};

struct watch {
    const struct supervised *supervised;
    struct supervise_result *result;
    pid_t pid; /* 0: it has ended */
    bool own_group;
    int signals;
    struct hook_socket hook;
    struct start_call *call; /* while the daemon is told; NULL */
    bool created;
    unsigned looks; /* for the start, since then */
    struct relay relay;
};

/* ---- what it prints ------------------------------------------------------------------- */

static void relay_read(struct relay *relay)
{
    ssize_t n;

    if (relay->start == relay->end)
        relay->start = relay->end = 0;
    n = read(relay->from, relay->data + relay->end, RELAY_SIZE - relay->end);
    if (n > 0) {
        relay->end += (size_t)n;
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        close_p(&relay->from);
        relay->from = -1;
    }
}

/* What nobody takes any more is dropped. */
static void relay_write(struct relay *relay)
{
    size_t length = relay->end - relay->start;
    ssize_t n;

    if (relay->to < 0) {
        output_write(&relay->output, relay->data + relay->start, length);
        relay->start = relay->end;
        return;
    }
    n = write(relay->to, relay->data + relay->start, length < RELAY_PIECE ? length : RELAY_PIECE);
    if (n >= 0)
        relay->start += (size_t)n;
    else if (errno != EINTR && errno != EAGAIN)
        relay->start = relay->end;
}

static bool relay_can_read(const struct relay *relay, bool started)
{
    return relay->from >= 0 && (started ? relay->start == relay->end : relay->end < RELAY_SIZE);
}

static bool relay_can_write(const struct relay *relay, bool started)
{
    return started && relay->start < relay->end;
}

/* ---- the start -------------------------------------------------------------------------- */

static void answer(struct watch *watch, int r)
{
    watch->result->refusal = r;
    hook_socket_answer(&watch->hook, r, &watch->result->why);
}

/* The runtime has mounted everything, and needs what was held for it no more. */
static void hear_hook(struct watch *watch)
{
    const struct supervised *supervised = watch->supervised;
    pid_t pid = hook_socket_take(&watch->hook, supervised->id);

    if (pid == 0)
        return;
    watch->created = true;
    pins_remove(supervised->dir->fd);
    watch->call = start_call_begin(supervised->volctl, supervised->id, pid);
    if (!watch->call)
        answer(watch, -ENOMEM);
}

static void hear_daemon(struct watch *watch)
{
    struct start_call *call = steal_pointer(&watch->call);

    answer(watch, start_call_end(call, watch->supervised->volctl, &watch->result->why));
}

static void give_start_up(struct watch *watch, int signal)
{
    start_call_leave(steal_pointer(&watch->call));
    answer(watch, error_set(&watch->result->why, ERROR_UNAVAILABLE,
                            "the start was ended by signal %d before the daemon knew of it, whose "
                            "log says what it waits for",
                            signal));
}

static bool is_for_an_end(uint32_t signal)
{
    return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
}

/* ---- signals -------------------------------------------------------------------------- */

/* All but those that mean our own mistakes, our own children and our own terminal. */
static void signals_of_interest(sigset_t *out)
{
    static const int others[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,  SIGABRT,
                                 SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU, SIGURG};

    sigfillset(out);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        sigdelset(out, others[i]);
}

static void child_reap(struct watch *watch)
{
    pid_t pid = waitpid(watch->pid, &watch->result->status, WNOHANG);

    if (pid == watch->pid)
        watch->pid = 0;
}

static void signal_take(struct watch *watch)
{
    struct signalfd_siginfo info;

    if (read(watch->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD) {
        child_reap(watch);
        return;
    }
    if (info.ssi_signo == SIGPIPE)
        return;
    if (watch->call && is_for_an_end(info.ssi_signo)) {
        give_start_up(watch, (int)info.ssi_signo);
        return;
    }
    if (watch->own_group || info.ssi_code != SI_KERNEL)
        kill(watch->pid, (int)info.ssi_signo);
}

/*
 * Looked for again and again until it is there: the kernel would tell (inotify), but takes 20 ms to
 * end that, as long as a whole start.
 */
static void note_start(struct watch *watch)
{
    const struct supervised *supervised = watch->supervised;

    if (watch->result->started || !bundle_dir_has(supervised->dir, "pid"))
        return;
    watch->result->started = true;
    if (supervised->started)
        supervised->started(supervised->context);
}

/* ---- the loop --------------------------------------------------------------------------- */

/* How long to wait for an event. */
static int watch_timeout(struct watch *watch, bool writing_to_log)
{
    if (writing_to_log)
        return 0;
    if (watch->result->started)
        return -1;
    return watch->created && watch->looks++ < START_LOOKS ? START_FIRST_MS : START_LATER_MS;
}

static void watch_step(struct watch *watch)
{
    struct relay *relay = &watch->relay;
    bool started = watch->result->started;
    bool to_log = relay->to < 0, writing = relay_can_write(relay, started);
    struct pollfd fds[] = {
        {.fd = watch->signals, .events = POLLIN},
        {.fd = relay_can_read(relay, started) ? relay->from : -1, .events = POLLIN},
        {.fd = writing && !to_log ? relay->to : -1, .events = POLLOUT},
        {.fd = watch->call ? start_call_fd(watch->call) : hook_socket_fd(&watch->hook),
         .events = POLLIN},
    };

    if (poll(fds, 4, watch_timeout(watch, writing && to_log)) < 0)
        return;
    note_start(watch);
    if (fds[1].revents)
        relay_read(relay);
    if (fds[2].revents || (writing && to_log))
        relay_write(relay);
    if (fds[3].revents && watch->call)
        hear_daemon(watch);
    else if (fds[3].revents)
        hear_hook(watch);
    if (fds[0].revents)
        signal_take(watch);
}

/* The runtime is gone, and with it whoever wrote: what is in the pipe is all there will be. */
static void relay_finish(struct relay *relay)
{
    if (relay->from >= 0)
        fcntl(relay->from, F_SETFL, O_NONBLOCK);
    do {
        while (relay->start < relay->end)
            relay_write(relay);
        if (relay->from >= 0)
            relay_read(relay);
    } while (relay->start < relay->end);
}

static void watch_finish(struct watch *watch)
{
    struct relay *relay = &watch->relay;
    struct supervise_result *result = watch->result;
    size_t length;

    note_start(watch);
    if (result->started) {
        relay_finish(relay);
    } else {
        if (relay->from >= 0) {
            fcntl(relay->from, F_SETFL, O_NONBLOCK);
            relay_read(relay);
        }
        length = relay->end < sizeof(result->messages) ? relay->end : sizeof(result->messages) - 1;
        memcpy(result->messages, relay->data, length);
        result->messages[length] = 0;
    }
    bundle_dir_read(watch->supervised->dir, "runtime.log", result->log, sizeof(result->log));
}

/* ---- start -------------------------------------------------------------------------------- */

static int watch_open(struct watch *watch, int *err)
{
    int ends[2], r;
    sigset_t all;

    if (watch->supervised->background &&
        output_open(&watch->relay.output, watch->supervised->dir->fd))
        return -errno;
    r = hook_socket_open(&watch->hook, watch->supervised->dir->fd);
    if (r)
        return r;
    signals_of_interest(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    watch->signals = signalfd(-1, &all, SFD_CLOEXEC);
    if (watch->signals < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    watch->relay.from = ends[0];
    *err = ends[1];
    return 0;
}

static int runtime_start(struct watch *watch, int err)
{
    const struct supervised *supervised = watch->supervised;
    const char *path = supervised->dir->path;
    _cleanup_(free_p) char *root =
        bundle_dir_state_root(supervised->dir, runtime_name(supervised->runtime));
    _cleanup_(free_p) char *log = NULL, *pid_file = NULL;
    struct child child = {.in = supervised->input ? STDIN_FILENO : -1,
                          .out = supervised->background ? err : STDOUT_FILENO,
                          .err = err,
                          .own_group = watch->own_group};

    if (!root || asprintf(&log, "%s/runtime.log", path) < 0 ||
        asprintf(&pid_file, "%s/pid", path) < 0)
        return -ENOMEM;
    child.arguments = (const char *const[]){supervised->runtime->path,
                                            "--root",
                                            root,
                                            "--log",
                                            log,
                                            "--log-format",
                                            "json",
                                            "run",
                                            "--bundle",
                                            path,
                                            "--pid-file",
                                            pid_file,
                                            supervised->id,
                                            NULL};
    watch->pid = child_start(&child);
    return watch->pid < 0 ? (int)watch->pid : 0;
}

static void watch_close(struct watch *watch)
{
    close_p(&watch->signals);
    close_p(&watch->relay.from);
    hook_socket_close(&watch->hook);
    if (watch->call)
        start_call_leave(watch->call);
    output_close(&watch->relay.output);
    free(watch);
}

static void watch_close_p(struct watch **watch)
{
    if (*watch)
        watch_close(*watch);
}

/* A runtime that was killed leaves the terminal as it had it; others put it back themselves. */
static void terminal_restore(int status, const struct termios *settings)
{
    sigset_t ttou;

    if (!WIFSIGNALED(status))
        return;
    sigemptyset(&ttou);
    sigaddset(&ttou, SIGTTOU); /* else this stops us, should we be in the background */
    sigprocmask(SIG_BLOCK, &ttou, NULL);
    tcsetattr(STDIN_FILENO, TCSADRAIN, settings);
}

int supervise_run(const struct supervised *supervised, struct supervise_result *out)
{
    _cleanup_(watch_close_p) struct watch *watch = calloc(1, sizeof(*watch));
    struct termios settings;
    bool saved;
    sigset_t before;
    int err = -1, r;

    if (!watch)
        return -ENOMEM;
    *out = (struct supervise_result){0};
    watch->supervised = supervised;
    watch->result = out;
    watch->hook = (struct hook_socket)HOOK_SOCKET_INIT;
    watch->signals = watch->relay.from = watch->relay.output.fd = -1;
    watch->relay.to = supervised->background ? -1 : STDERR_FILENO;
    signal(SIGCHLD, SIG_DFL); /* where it is ignored, nobody waits */
    saved = !supervised->background && tcgetattr(STDIN_FILENO, &settings) == 0;
    watch->own_group = !saved && !supervised->terminal;
    sigprocmask(SIG_BLOCK, NULL, &before);
    r = watch_open(watch, &err);
    if (r == 0)
        r = runtime_start(watch, err);
    close_p(&err);
    while (r == 0 && watch->pid)
        watch_step(watch);
    if (r == 0)
        watch_finish(watch);
    if (r == 0 && saved)
        terminal_restore(out->status, &settings);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return r;
}
