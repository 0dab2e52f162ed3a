/*
 * Running a container that is recorded; see launch.h.
 *
 * In the order of things: its directory is made (and locked), the configuration written, the
 * runtime started. The runtime calls the hook when the container is there and its command does not
 * run yet; from that we know which process it is, and tell the daemon. After the end the daemon is
 * told the status, and what was made is removed.
 */
#include "tools/volctl/launch.h"

#include "tools/volctl/beside.h"
#include "tools/volctl/bundle.h"
#include "tools/volctl/call.h"
#include "tools/volctl/child.h"
#include "tools/volctl/client.h"
#include "tools/volctl/outcome.h"
#include "tools/volctl/pin.h"
#include "tools/volctl/supervise.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

int launch_report(int r, const struct error *e)
{
    volctl_report(r, e);
    return EXIT_RUN_FAILED;
}

/* ---- preparation ---------------------------------------------------------------------- */

static int find_hook(char out[PATH_MAX], struct error *e)
{
    static const char *const places[] = {"volctl-hook", "../" VOLUMEFS_LIBEXECDIR "/volctl-hook"};

    if (beside_find(places, sizeof(places) / sizeof(places[0]), out))
        return 0;
    return error_set(e, ERROR_NOT_FOUND,
                     "volctl-hook is neither beside volctl nor in ../%s; install volumefs again",
                     VOLUMEFS_LIBEXECDIR);
}

static int write_config(const struct launch *launch, const struct bundle_dir *dir,
                        const json_t *sources, struct error *e)
{
    const json_t *container = launch->container;
    const char *rootfs = field_text(container, "Rootfs");
    _cleanup_(json_decref_p) json_t *config = NULL;
    _cleanup_(free_p) char *text = NULL;
    char hook[PATH_MAX];
    struct bundle_host host;
    struct user user;
    int r = find_hook(hook, e);

    if (r == 0)
        r = user_resolve(rootfs, field_text(json_object_get(container, "Process"), "User"), &user,
                         e);
    if (r)
        return r;
    runtime_look_at_host(&host);
    r = bundle_config(&(struct bundle){.container = container,
                                       .sources = sources,
                                       .user = &user,
                                       .host = &host,
                                       .hook = {hook, dir->path}},
                      &config, e);
    text = r ? NULL : json_dumps(config, JSON_COMPACT);
    if (r || !text)
        return r ? r : -ENOMEM;
    return bundle_dir_write(dir, "config.json", text, e);
}

static int state_root_make(const struct bundle_dir *dir, const struct runtime *runtime,
                           struct error *e)
{
    _cleanup_(free_p) char *root = bundle_dir_state_root(dir, runtime_name(runtime));

    if (!root)
        return -ENOMEM;
    return mkdir(root, 0700) < 0 && errno != EEXIST
               ? error_set_errno(e, -errno, "cannot make %s", root)
               : 0;
}

int launch_check_state(const char *key, const json_t *container, struct error *e)
{
    if (strcmp(field_text(container, "State"), "running") != 0)
        return 0;
    return error_set(e, ERROR_EXISTS, "container %s runs already, as process %lld", key,
                     (long long)field_number(container, "Pid"));
}

/* Another one may have started it, and been killed, before the lock was ours. */
static int check_again(const struct launch *launch, struct error *e)
{
    _cleanup_(json_decref_p) json_t *container = NULL;
    const char *id = field_text(launch->container, "Id");
    struct call call = {.method = "GET", .segments = {"containers", id}};
    int r = launch->made ? 0 : call_daemon(launch->volctl, &call, &container, e);

    return r ? r : launch_check_state(id, container, e);
}

/* From here on the run is ours, and what becomes of it is ours to tell. */
static int launch_take(const struct launch *launch, struct bundle_dir *dir, struct runtime *runtime,
                       struct error *e)
{
    int r = runtime_find(launch->runtime, runtime, e);

    if (r == 0)
        r = bundle_dir_make(launch->volctl->socket, field_text(launch->container, "Id"), dir, e);
    return r ? r : check_again(launch, e);
}

static int launch_prepare(const struct launch *launch, struct bundle_dir *dir,
                          const struct runtime *runtime, bool background, struct error *e)
{
    _cleanup_(json_decref_p) json_t *sources = NULL;
    int r = bundle_dir_renew(dir, e);

    if (r == 0)
        r = state_root_make(dir, runtime, e);
    if (r == 0)
        r = pins_make(launch->volctl, dir, launch->container, &sources, e);
    if (r == 0)
        r = write_config(launch, dir, sources, e);
    if (r == 0)
        r = bundle_dir_write(dir, "runtime", runtime->path, e);
    if (r == 0 && background && chdir("/") < 0) /* not to be in the way of an unmount */
        r = -errno;
    return r;
}

/* ---- the run ----------------------------------------------------------------------------- */

/* True if it is still known. */
static bool tell_end(const struct launch *launch, int status)
{
    _cleanup_(json_decref_p) json_t *body = json_pack("{s:i}", "ExitCode", status);
    struct call call = {.method = "POST",
                        .segments = {"containers", field_text(launch->container, "Id"), "end"},
                        .body = body};
    struct error e = {0};
    int r = body ? call_daemon(launch->volctl, &call, NULL, &e) : -ENOMEM;

    if (r && r != ERROR_NOT_FOUND)
        volctl_report(r, &e);
    return r != ERROR_NOT_FOUND && !field_bool(launch->container, "AutoRemove");
}

static int supervise(const struct launch *launch, const struct bundle_dir *dir,
                     const struct runtime *runtime, struct supervised *supervised,
                     struct supervise_result *result, struct error *e)
{
    const json_t *process = json_object_get(launch->container, "Process");
    int r;

    supervised->volctl = launch->volctl;
    supervised->runtime = runtime;
    supervised->dir = dir;
    supervised->id = field_text(launch->container, "Id");
    supervised->input = launch->input && !supervised->background;
    supervised->terminal = field_bool(process, "Terminal");
    r = supervise_run(supervised, result);
    return r ? error_set_errno(e, r, "cannot start the runtime %s", runtime->path) : 0;
}

/* An exit status; *r and `e`: why the command did not run, or not to its end. */
static int launch_run(const struct launch *launch, struct supervised *supervised, int *r,
                      struct error *e)
{
    _cleanup_(bundle_dir_deinit) struct bundle_dir dir = BUNDLE_DIR_INIT;
    _cleanup_(free_p) struct supervise_result *result = calloc(1, sizeof(*result));
    struct runtime runtime;
    int status = EXIT_RUN_FAILED;
    bool stays;

    *r = result ? launch_take(launch, &dir, &runtime, e) : -ENOMEM;
    if (*r && !launch->made) {
        bundle_dir_leave(&dir);
        return status;
    }
    if (*r == 0)
        *r = launch_prepare(launch, &dir, &runtime, supervised->background, e);
    if (*r == 0)
        *r = supervise(launch, &dir, &runtime, supervised, result, e);
    if (*r == 0 && result->refusal) {
        *e = result->why;
        *r = result->refusal;
    }
    if (*r == 0)
        status = outcome_read(
            &(struct ending){result->started, result->status, result->log, result->messages},
            runtime_name(&runtime), field_text(launch->container, "Rootfs"), r, e);
    if (*r && result && WIFSIGNALED(result->status)) /* it could not clear up after itself */
        bundle_dir_forget(&dir);
    stays = tell_end(launch, status);
    bundle_dir_clear(&dir, supervised->background && stays);
    return status;
}

/* A process in the background is in another directory. */
static int make_socket_absolute(struct volctl *volctl)
{
    char *path = realpath(volctl->socket, NULL);
    struct error e = {0};
    int r;

    if (path && strcmp(path, volctl->socket) == 0) {
        free(path);
        return 0;
    }
    if (path) {
        free(volctl->own_socket);
        volctl->socket = volctl->own_socket = path;
        volctl->client = client_free(volctl->client); /* of the other one */
        return 0;
    }
    r = error_set_errno(&e, -errno, "%s", volctl->socket);
    return launch_report(r, &e);
}

int launch_foreground(const struct launch *launch)
{
    struct supervised supervised = {.background = false};
    struct error e = {0};
    int r, status = make_socket_absolute(launch->volctl);

    if (status)
        return status;
    status = launch_run(launch, &supervised, &r, &e);

    if (r)
        volctl_report(r, &e);
    return status;
}

/* ---- in the background ---------------------------------------------------------------------- */

enum { PIPE_FD = STDERR_FILENO + 1 }; /* of the process in the background */

/* What the process in the background tells the one that waits: this, and the text of an error. */
struct told {
    int status; /* 0: the command runs */
    int r;
};

static void tell_started(void *context)
{
    int *pipe_end = context;
    struct told told = {0};

    if (write(*pipe_end, &told, sizeof(told)) < 0) { /* nobody waits any more */
    }
    close_p(pipe_end);
    *pipe_end = -1;
}

static void tell_failed(int pipe_end, int status, int r, const struct error *e)
{
    struct told told = {status, r};
    char message[sizeof(told) + ERROR_TEXT_MAX];

    memcpy(message, &told, sizeof(told));
    memcpy(message + sizeof(told), e->text, sizeof(e->text));
    if (write(pipe_end, message, sizeof(message)) < 0) { /* nobody waits any more */
    }
}

/* Keeps the pipe's end, and lets go of all that our caller had open. */
static int background_streams(int *pipe_end)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0)
            return -errno;
    if (*pipe_end != PIPE_FD && dup3(*pipe_end, PIPE_FD, O_CLOEXEC) < 0)
        return -errno;
    *pipe_end = PIPE_FD;
    return close_range(PIPE_FD + 1, ~0U, 0) < 0 ? -errno : 0;
}

static _Noreturn void background_run(const struct launch *launch, int pipe_end)
{
    struct supervised supervised = {
        .background = true, .started = tell_started, .context = &pipe_end};
    struct error e = {0};
    int status, r;

    setsid();
    if (background_streams(&pipe_end) < 0)
        _exit(EXIT_RUN_FAILED);
    status = launch_run(launch, &supervised, &r, &e);
    if (pipe_end >= 0 && r)
        tell_failed(pipe_end, status, r, &e);
    _exit(EXIT_OK);
}

/* Waits until it is told something. */
static int background_wait(int pipe_end)
{
    char message[sizeof(struct told) + ERROR_TEXT_MAX];
    struct told told = {.status = EXIT_RUN_FAILED};
    struct error e = {0};
    ssize_t n;

    do
        n = read(pipe_end, message, sizeof(message));
    while (n < 0 && errno == EINTR);
    if (n < (ssize_t)sizeof(told)) {
        error_set(&e, ERROR_UNAVAILABLE,
                  "the process that was to watch the container ended before "
                  "that ran; try again, without --detach it says more");
        return launch_report(ERROR_UNAVAILABLE, &e);
    }
    memcpy(&told, message, sizeof(told));
    if (told.status == 0)
        return EXIT_OK;
    if ((size_t)n == sizeof(message))
        memcpy(e.text, message + sizeof(told), sizeof(e.text));
    e.text[sizeof(e.text) - 1] = 0;
    volctl_report(told.r, &e);
    return told.status;
}

int launch_background(const struct launch *launch)
{
    int ends[2] = {-1, -1};
    int status;
    pid_t pid;

    status = make_socket_absolute(launch->volctl);
    if (status)
        return status;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return launch_report(-errno, NULL);
    launch->volctl->client = client_free(launch->volctl->client); /* one connection for two */
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        close_p(&ends[0]);
        background_run(launch, ends[1]);
    }
    close_p(&ends[1]);
    status = pid < 0 ? launch_report(-EAGAIN, NULL) : background_wait(ends[0]);
    close_p(&ends[0]);
    return status;
}
