/*
 * The daemon's life: options, identity, store and catalog, tree, API; ready;
 * signals; and all that in reverse.
 *
 * Without --foreground the parent waits on a pipe and exits only when the child has said
 * that the tree is mounted and answers, or why not.
 */
#include "catalog/catalog.h"
#include "catalog/cleanup.h"
#include "fs/activation.h"
#include "fs/api/api.h"
#include "fs/cred.h"
#include "fs/engine/follow.h"
#include "fs/label.h"
#include "fs/log.h"
#include "fs/options.h"
#include "fs/session.h"
#include "fs/store.h"
#include "fs/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

#define DOCKER_RUN_DIRECTORY "/run/docker"

enum {
    DOCKER_RUN_MODE = 0711,
    NOFILE_WANTED = 1 << 20,
    NOFILE_READY = 1 << 17, /* 1 MiB of the kernel's memory */
    BUSY_GRACE_MS = 3000,   /* how long a tree still in use is served after SIGTERM */
    READY = 'R',
};

struct daemon {
    struct options options;
    char mountpoint[PATH_MAX];
    bool privileged;
    int ready_fd; /* the waiting parent, or −1 */
    struct volumes *volumes;
    struct session *session;
    struct activation activation;
    struct api *api;
    struct api *plugin;
    char driver[NAME_MAX + 1]; /* by which engines know us */
    struct follow *follow;
};

/* Root of the first user namespace: only there do mounts with passthrough and all ids exist. */
static bool is_privileged(void)
{
    _cleanup_(fclose_p) FILE *map = fopen("/proc/self/uid_map", "re");
    unsigned long inside, outside, count;

    if (geteuid() != 0 || !map || fscanf(map, "%lu %lu %lu", &inside, &outside, &count) != 3)
        return false;
    return inside == 0 && outside == 0 && count == UINT32_MAX;
}

/*
 * A descriptor for each file the kernel knows, as far as that goes. The kernel's table of them is
 * grown now, by one high descriptor: later, with threads, each growth would wait for an RCU grace
 * period, in the middle of some request.
 */
static void raise_limits(void)
{
    struct rlimit limit = {NOFILE_WANTED, NOFILE_WANTED};
    int high;

    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    high = limit.rlim_cur > NOFILE_READY ? NOFILE_READY : (int)limit.rlim_cur - 1;
    high = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, high); /* failing, it grows when it has to */
    close_p(&high);
}

static void warn_of_timeouts(void)
{
    _cleanup_(fclose_p) FILE *file = fopen("/proc/sys/fs/fuse/max_request_timeout", "re");
    unsigned seconds;

    if (file && fscanf(file, "%u", &seconds) == 1 && seconds > 0)
        log_message(LOG_LEVEL_WARNING,
                    "fs.fuse.max_request_timeout is %u s: a disk that is slower ends the mount; "
                    "set it to 0",
                    seconds);
}

/* The parent's part: waits for the child's word. */
static int wait_for_child(int fd, pid_t child)
{
    char word = 0;
    ssize_t n;

    do {
        n = read(fd, &word, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 1 && word == READY)
        return EXIT_SUCCESS;
    if (n == 0)
        return EXIT_FAILURE; /* it has said why on our standard error */
    fprintf(stderr, "volumefs: lost sight of process %d while it started\n", (int)child);
    return EXIT_FAILURE;
}

/* Returns in the child, or in the foreground; the parent exits here. */
static int go_to_background(struct daemon *daemon, struct error *e)
{
    int fds[2];
    pid_t child;

    if (daemon->options.foreground)
        return 0;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_set_errno(e, -errno, "cannot make a pipe");
    child = fork();
    if (child < 0)
        return error_set_errno(e, -errno, "cannot fork");
    if (child > 0) {
        close(fds[1]);
        exit(wait_for_child(fds[0], child));
    }
    close(fds[0]);
    daemon->ready_fd = fds[1];
    setsid();
    return 0;
}

/* Also from the directory, which nobody could unmount otherwise; paths as given hold until here. */
static void leave_terminal(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || chdir("/") < 0)
        return;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    close(null);
}

static void say_ready(struct daemon *daemon)
{
    char word = READY;

    sd_notifyf(0, "READY=1\nMAINPID=%d\nSTATUS=Serving %s", (int)getpid(), daemon->mountpoint);
    if (daemon->ready_fd < 0)
        return;
    if (write(daemon->ready_fd, &word, 1) != 1)
        log_message(LOG_LEVEL_WARNING, "the process that started the daemon is gone");
    close(daemon->ready_fd);
    daemon->ready_fd = -1;
    leave_terminal();
}

static int log_problem(void *context, const char *subject, const char *text, const char *next)
{
    (void)context;
    log_message(LOG_LEVEL_WARNING, "%s: %s; %s", subject, text, next);
    return 0;
}

static void say_state(struct daemon *daemon)
{
    struct daemon_status status;

    session_status(daemon->session, &status);
    log_message(LOG_LEVEL_INFO, "%s mounted on %s, %llu volumes, passthrough %s%s", status.store,
                status.mountpoint, (unsigned long long)status.volumes,
                status.passthrough ? "on" : "off: ", status.passthrough_reason);
    if (!status.privileged)
        log_message(LOG_LEVEL_WARNING,
                    "without root: data goes through the daemon, files belong to this user, and "
                    "containers of others cannot use the tree; start as root for these");
}

static void api_status(void *context, struct daemon_status *out)
{
    struct daemon *daemon = context;

    session_status(daemon->session, out);
}

/*
 * The engines' socket. Where it was not asked for by an option, its lack is no reason to serve
 * nobody: another daemon may have it, or this one not be root.
 */
static int start_plugin(struct daemon *daemon, struct api_config *config, struct error *e)
{
    const struct options *options = &daemon->options;
    struct error why = {0};
    int r;

    config->protocol = API_PLUGIN;
    config->socket_path = options->plugin_socket;
    config->inherited_fd = daemon->activation.plugin_fd;
    if (!config->inherited_fd &&
        (!*options->plugin_socket || (!options->plugin_socket_given && !daemon->privileged)))
        return 0;
    if (!options->plugin_socket_given)
        (void)mkdir(DOCKER_RUN_DIRECTORY, DOCKER_RUN_MODE); /* before dockerd does: as that does */
    r = api_start(&daemon->plugin, config, &why);
    if (r == 0)
        return 0;
    if (options->plugin_socket_given)
        return error_set(e, r, "%s", why.text);
    log_message(LOG_LEVEL_WARNING,
                "engines cannot use this daemon as a volume driver: %s; to choose another socket, "
                "or none: --plugin-socket",
                why.text);
    return 0;
}

/* Engines name a driver after its socket. */
static void find_driver_name(struct daemon *daemon)
{
    const char *path =
        *daemon->options.plugin_socket ? daemon->options.plugin_socket : DEFAULT_PLUGIN_SOCKET;
    const char *name = strrchr(path, '/');
    const char *end;

    name = name ? name + 1 : path;
    end = strrchr(name, '.');
    snprintf(daemon->driver, sizeof(daemon->driver), "%.*s",
             (int)(end ? end - name : (ptrdiff_t)strlen(name)), name);
}

static int start_following(struct daemon *daemon, struct error *e)
{
    const struct follow_config config = {
        .docker_socket = daemon->options.docker_socket,
        .podman_socket = daemon->options.podman_socket,
        .driver = daemon->driver,
    };

    find_driver_name(daemon);
    return follow_start(&daemon->follow, daemon->volumes, &config, e);
}

static int start(struct daemon *daemon, struct error *e)
{
    struct session_config session = {
        .mountpoint = daemon->mountpoint,
        .source = daemon->options.source,
        .mount_options = daemon->options.mount_options,
        .privileged = daemon->privileged,
        .allow_passthrough = !daemon->options.no_passthrough,
        .workers = {daemon->options.threads, daemon->options.spin_us},
    };
    struct api_config api = {
        .socket_path = daemon->options.socket,
        .inherited_fd = daemon->activation.control_fd,
        .group = "volumefs",
        .status = api_status,
        .context = daemon,
    };
    int r = session_check_place(&session, e);

    if (r == 0 && daemon->privileged)
        r = label_start(daemon->options.selinux_context, e);
    if (r == 0)
        r = volumes_open(&daemon->volumes, daemon->options.store, daemon->mountpoint, e);
    if (r == 0)
        r = session_start(&daemon->session, daemon->volumes, &session, e);
    if (r == 0)
        r = volumes_start_background(daemon->volumes, e);
    if (r == 0) {
        api.volumes = daemon->volumes;
        r = api_start(&daemon->api, &api, e);
    }
    if (r == 0)
        r = start_plugin(daemon, &api, e);
    if (r == 0)
        r = start_following(daemon, e);
    if (r == 0) {
        volumes_problems(daemon->volumes, log_problem, NULL);
        say_state(daemon);
        warn_of_timeouts();
    }
    return r;
}

/* Takes the tree off its place; what still uses it from elsewhere is served a little longer. */
static void unmount(struct daemon *daemon, int signals)
{
    struct pollfd fds[] = {{.fd = session_end_fd(daemon->session), .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};
    int r = session_unmount(daemon->session);

    if (r < 0 && r != -EINVAL && r != -ENOENT) /* those: somebody unmounted it before */
        log_message(LOG_LEVEL_ERROR, "cannot unmount %s: %s", daemon->mountpoint, strerror(-r));
    if (r == SESSION_BUSY)
        log_message(LOG_LEVEL_WARNING,
                    "%s is busy: unmounted lazily, it ends when its last user is gone",
                    daemon->mountpoint);
    if (poll(fds, 2, BUSY_GRACE_MS) <= 0 || !(fds[0].revents & POLLIN))
        log_message(LOG_LEVEL_WARNING,
                    "the tree is still in use; stopping all the same, those that use it get "
                    "'Transport endpoint is not connected'");
}

static void serve(struct daemon *daemon, int signals)
{
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
                           {.fd = session_end_fd(daemon->session), .events = POLLIN}};
    struct signalfd_siginfo info;

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents & POLLIN) {
            log_message(LOG_LEVEL_INFO, "%s was unmounted", daemon->mountpoint);
            return;
        }
        if ((fds[0].revents & POLLIN) && read(signals, &info, sizeof(info)) == sizeof(info))
            break;
    }
    sd_notify(0, "STOPPING=1");
    unmount(daemon, signals);
}

static void stop(struct daemon *daemon)
{
    if (daemon->volumes)
        volumes_cancel_copies(daemon->volumes); /* requests of the API may wait for them */
    daemon->plugin = api_stop(daemon->plugin);
    daemon->api = api_stop(daemon->api);
    daemon->follow = follow_stop(daemon->follow);
    if (daemon->volumes)
        volumes_stop_background(daemon->volumes); /* what it finds is told to the session */
    daemon->session = session_stop(daemon->session);
    daemon->volumes = volumes_free(daemon->volumes);
    label_stop();
}

static void report_rebuilt(void *context, const char *line)
{
    (void)context;
    printf("%s\n", line);
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* The exit status: failure also if a new catalog is there but lacks something. */
static int rebuild(const struct options *options)
{
    struct rebuild_summary summary = {0};
    struct error e = {0};
    struct store *store = NULL;
    int r = store_open_existing(&store, options->store, &e);

    if (r == 0)
        r = catalog_rebuild(store_fd(store), options->store, report_rebuilt, NULL, &summary, &e);
    store_free(store);
    if (r != 0) {
        log_message(LOG_LEVEL_ERROR, "%s", *e.text ? e.text : strerror(r < 0 ? -r : EIO));
        return EXIT_FAILURE;
    }
    printf("%lld volume%s recovered, with %lld container%s and %lld attachment%s\n",
           (long long)summary.volumes, plural(summary.volumes), (long long)summary.containers,
           plural(summary.containers), (long long)summary.attachments, plural(summary.attachments));
    if (!summary.lost)
        return EXIT_SUCCESS;
    fflush(stdout);
    log_message(LOG_LEVEL_ERROR, "the catalog is rebuilt, but something was lost: see above, and "
                                 "attach containers again before you prune");
    return EXIT_FAILURE;
}

/* Signals are read from a descriptor; threads inherit the mask. */
static int block_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGIO, SIG_IGN); /* somebody wants to write where backing_has_writer looks */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/*
 * The mount point's canonical path. One that is dead (ENOTCONN) or missing is told of later: by its
 * parent's path, or, if that is missing too, as given.
 */
static void find_mountpoint(struct daemon *daemon)
{
    const char *given = daemon->options.mountpoint;
    _cleanup_(free_p) char *parent = strdup(given);
    _cleanup_(free_p) char *name = strdup(given);
    char path[PATH_MAX];

    if (realpath(given, daemon->mountpoint))
        return;
    if (parent && name && realpath(dirname(parent), path) &&
        snprintf(daemon->mountpoint, sizeof(daemon->mountpoint), "%s/%s",
                 strcmp(path, "/") == 0 ? "" : path, basename(name)) < PATH_MAX)
        return;
    snprintf(daemon->mountpoint, sizeof(daemon->mountpoint), "%s", given);
}

static int prepare(struct daemon *daemon, struct error *e)
{
    find_mountpoint(daemon);
    raise_limits();
    daemon->privileged = is_privileged();
    if (daemon->privileged)
        prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0); /* memory is never freed by waiting for ourselves */
    return cred_init(daemon->privileged, e);
}

int main(int argc, char **argv)
{
    struct daemon daemon = {.ready_fd = -1};
    struct error e = {0};
    int signals, r;

    options_parse(&daemon.options, argc, argv);
    log_open(true, daemon.options.log_level);
    if (daemon.options.rebuild)
        return rebuild(&daemon.options);
    activation_take(&daemon.activation, daemon.options.socket, daemon.options.plugin_socket);
    r = go_to_background(&daemon, &e);
    signals = block_signals();
    if (r == 0)
        r = prepare(&daemon, &e);
    if (r == 0)
        r = start(&daemon, &e);
    if (r == 0) {
        if (!daemon.options.foreground)
            log_open(false, daemon.options.log_level);
        say_ready(&daemon);
        serve(&daemon, signals);
    } else {
        log_message(LOG_LEVEL_ERROR, "%s", *e.text ? e.text : strerror(r < 0 ? -r : EIO));
        if (daemon.session)
            session_unmount(daemon.session); /* it was mounted, and nobody was told */
    }
    stop(&daemon);
    close_p(&signals);
    free(daemon.options.mount_options);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
