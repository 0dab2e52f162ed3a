/*
 * Containers that are run: their start, their end, and what became of those of which nobody told
 * the end.
 *
 * Who runs them tells: volctl for its own (RUNTIME_VOLCTL), the hook for those of other runtimes.
 * A container of volctl, or one that was recorded by hand, is ours: it stays until it is removed,
 * as Docker's do, unless it was made to go with its end. One of another runtime is there as long as
 * that says; when its end is not told (the runtime was killed, the machine went down), it is
 * gone once its process is and the runtime has no state of it. That is reported first, and dropped
 * a little later.
 *
 * Each change is made with the container's stripe held, after a look whether it still is what was
 * judged: the same container, and the same process of it.
 */
#include "catalog/cleanup.h"
#include "fs/caller.h"
#include "fs/process.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    KILL_TIMEOUT_MS = 10 * 1000,
    GONE_GRACE_S = 30,             /* between the report and the drop */
    ALREADY_RUNS = -1 - INT32_MAX, /* no error code */
};

static bool is_own_runtime(const char *runtime)
{
    return strcmp(runtime, RUNTIME_VOLCTL) == 0 || strcmp(runtime, RUNTIME_ATTACH) == 0;
}

bool volume_container_is_foreign(const struct container *container)
{
    return !is_own_runtime(container->runtime);
}

bool volume_container_goes_at_end(const struct container *container)
{
    return volume_container_is_foreign(container) && !container->engine[0];
}

static const char *shown_name(const struct container *container)
{
    return container->name[0] ? container->name : container->id;
}

/* ---- start ---------------------------------------------------------------------- */

/* A start that is being recorded: the process it is of. */
struct starting {
    const struct start_request *request;
    struct run run; /* borrowed strings */
    int pidfd;
};

static void starting_deinit(struct starting *starting)
{
    close_p(&starting->pidfd);
}

static int starting_open(struct starting *starting, const char *key, struct error *e)
{
    pid_t pid = starting->request->pid;

    if (pid == getpid() || pid == 1)
        return error_set(e, ERROR_REQUEST_INVALID, "process %d is no container's", (int)pid);
    process_boot_id(starting->run.boot_id);
    starting->run.pid = pid;
    starting->pidfd = process_open(pid, &starting->run.pid_started_at);
    if (starting->pidfd == -ESRCH)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "container %s cannot have started: there is no process %d", key, (int)pid);
    return starting->pidfd < 0
               ? error_set_errno(e, starting->pidfd, "process %d of container %s", (int)pid, key)
               : 0;
}

/* ALREADY_RUNS: it is this very process; ERROR_EXISTS: another one does. */
static int refuse_if_running(const struct container *container, const struct run *run,
                             const struct starting *starting, struct error *e)
{
    _cleanup_(close_p) int fd = process_reopen(run);

    if (fd < 0)
        return fd == -ESRCH ? 0 : error_set_errno(e, fd, "container %s", shown_name(container));
    if (run->pid == starting->run.pid && run->pid_started_at == starting->run.pid_started_at)
        return ALREADY_RUNS;
    return error_set(e, ERROR_EXISTS,
                     "container %s runs already, as process %d; stop it first, or give the new one "
                     "another name",
                     shown_name(container), (int)run->pid);
}

static int mark_running(struct volumes *volumes, struct container *container,
                        const struct starting *starting, struct error *e)
{
    _cleanup_(run_deinit) struct run run = {0};
    int r = catalog_run_get(volumes->catalog, container->id, &run, e);

    if (r == 0)
        r = refuse_if_running(container, &run, starting, e);
    if (r)
        return r;
    run.pid = starting->run.pid;
    run.pid_started_at = starting->run.pid_started_at;
    memcpy(run.boot_id, starting->run.boot_id, sizeof(run.boot_id));
    run.has_exit_code = false;
    container->state = CONTAINER_RUNNING;
    return catalog_container_put(volumes->catalog, container, &run, e);
}

static int copy_note_done(struct volumes *volumes, const char *id, struct error *e)
{
    _cleanup_(run_deinit) struct run run = {0};
    struct container container;
    uint64_t mask = 0;
    int r = volume_container_lock(volumes, id, volume_container_find_exact, &mask, &container, e);

    if (r)
        return r;
    r = catalog_run_get(volumes->catalog, id, &run, e);
    if (r == 0 && run.copy_due) {
        run.copy_due = false;
        r = catalog_container_put(volumes->catalog, &container, &run, e);
    }
    stripes_unlock(volumes, mask);
    return r;
}

int volume_container_copy_if_due(struct volumes *volumes, const char *id, struct error *e)
{
    _cleanup_(run_deinit) struct run run = {0};
    int r = catalog_run_get(volumes->catalog, id, &run, e);

    if (r || !run.copy_due || !run.rootfs)
        return r;
    r = volume_copy_up(volumes, id, run.rootfs, e);
    return r ? r : copy_note_done(volumes, id, e);
}

struct destinations {
    const struct start_request *request;
    bool *known; /* by index of its specs */
};

static int note_known(void *context, const struct attachment *attachment,
                      const struct volume *volume)
{
    struct destinations *destinations = context;

    (void)volume;
    for (size_t i = 0; i < destinations->request->count; i++)
        if (strcmp(destinations->request->specs[i].destination, attachment->destination) == 0)
            destinations->known[i] = true;
    return 0;
}

/* Adds the mounts that it was not recorded with. */
static int attach_missing(struct volumes *volumes, const struct container *container,
                          const struct start_request *request, struct error *e)
{
    _cleanup_(free_p) bool *known = calloc(request->count + 1, sizeof(*known));
    _cleanup_(free_p) struct mount_spec *missing = calloc(request->count + 1, sizeof(*missing));
    struct destinations destinations = {request, known};
    struct attach_request wanted = {.specs = missing, .existing = true};
    struct container same;
    int r;

    if (!known || !missing)
        return -ENOMEM;
    r = catalog_attachment_each_of_container(volumes->catalog, container->id, note_known,
                                             &destinations, e);
    for (size_t i = 0; r == 0 && i < request->count; i++)
        if (!known[i])
            missing[wanted.count++] = request->specs[i]; /* borrowed */
    return r || !wanted.count ? r : volumes_attach(volumes, container->id, &wanted, &same, e);
}

static int start_own(struct volumes *volumes, struct container *container,
                     const struct starting *starting, struct error *e)
{
    _cleanup_(run_deinit) struct run run = {0};
    char id[CONTAINER_ID_MAX + 1]; /* `container` is read anew */
    uint64_t mask = 0;
    int r = catalog_run_get(volumes->catalog, container->id, &run, e);

    memcpy(id, container->id, sizeof(id));
    if (r == 0)
        r = refuse_if_running(container, &run, starting, e);
    if (r == 0)
        r = attach_missing(volumes, container, starting->request, e);
    if (r == 0)
        r = volume_container_copy_if_due(volumes, id, e); /* a crash was first */
    if (r == 0)
        r = volume_container_lock(volumes, id, volume_container_find_exact, &mask, container, e);
    if (r)
        return r;
    r = mark_running(volumes, container, starting, e);
    stripes_unlock(volumes, mask);
    return r;
}

static int record_foreign(struct volumes *volumes, const char *key, const struct starting *starting,
                          struct container *out, struct error *e)
{
    const struct start_request *request = starting->request;
    struct attach_request wanted = {.specs = request->specs,
                                    .count = request->count,
                                    .create = true,
                                    .id = key,
                                    .runtime = request->runtime,
                                    .running = true,
                                    .run = &starting->run};
    int r = volumes_attach(volumes, request->name && *request->name ? request->name : key, &wanted,
                           out, e);

    if (r != ERROR_EXISTS || !request->name)
        return r;
    /* the name is another one's here: it goes by its id */
    return volumes_attach(volumes, key, &wanted, out, e);
}

/* Its runtime gives an id again only when the last one of it is gone. */
static int start_foreign_again(struct volumes *volumes, struct container *container,
                               const struct starting *starting, struct error *e)
{
    _cleanup_(run_deinit) struct run run = {0};
    char id[CONTAINER_ID_MAX + 1]; /* `container` is written anew */
    bool same;
    int r = catalog_run_get(volumes->catalog, container->id, &run, e);

    if (r == 0)
        r = refuse_if_running(container, &run, starting, e);
    if (r)
        return r;
    r = volume_container_remove_judged(volumes, container, &run, CONTAINER_REMOVE_FORCE, NULL,
                                       &same, e);
    if (r == 0 && !same)
        return error_set(e, ERROR_EXISTS, "container %s is being started by another; stop one",
                         container->id);
    if (r && r != ERROR_NOT_FOUND)
        return r;
    memcpy(id, container->id, sizeof(id));
    return record_foreign(volumes, id, starting, container, e);
}

int volumes_container_start(struct volumes *volumes, const char *key,
                            const struct start_request *request, struct container *out,
                            struct error *e)
{
    _cleanup_(starting_deinit) struct starting starting = {.request = request, .pidfd = -1};
    int r = name_check_container(key, e);

    if (r == 0 && request->runtime && is_own_runtime(request->runtime))
        r = error_set(e, ERROR_REQUEST_INVALID, "'%s' is no runtime of others", request->runtime);
    if (r == 0)
        r = starting_open(&starting, key, e);
    if (r)
        return r;
    memcpy(&starting.run.state_dir, &request->state_dir, sizeof(starting.run.state_dir));
    r = volume_container_find_exact(volumes, key, out, e);
    if (r == ERROR_NOT_FOUND && request->runtime) {
        r = record_foreign(volumes, key, &starting, out, e);
        /* its engine may have told of it meanwhile */
        if (r == ERROR_EXISTS && volume_container_find_exact(volumes, key, out, NULL) == 0)
            r = start_own(volumes, out, &starting, e);
    } else if (r == 0 && volume_container_goes_at_end(out))
        r = start_foreign_again(volumes, out, &starting, e);
    else if (r == 0)
        r = start_own(volumes, out, &starting, e);
    if (r == 0)
        volumes_watch(volumes, out->id, starting.run.pid, steal_fd(&starting.pidfd));
    return r == ALREADY_RUNS ? 0 : r; /* told twice: it is watched */
}

/* ---- end ------------------------------------------------------------------------ */

/* With the container's stripe held. */
static int mark_ended(struct volumes *volumes, struct container *container, struct run *run,
                      int exit_code, struct error *e)
{
    if (exit_code >= 0) {
        run->has_exit_code = true;
        run->exit_code = exit_code;
    }
    if (container->state == CONTAINER_RUNNING)
        container->state = CONTAINER_EXITED;
    return catalog_container_put(volumes->catalog, container, run, e);
}

/* Whether it would be found again to go, should the power be lost now: one of volctl that ran. (One
 * of others is first reported, and dropped later, as nobody told its end.) */
static bool would_go_again(const struct container *container, const struct run *run)
{
    return run->auto_remove && container->state != CONTAINER_CREATED;
}

/* One that was found to have ended, by that run. If it was started meanwhile, it stays. */
static int remove_ended(struct volumes *volumes, const struct container *container,
                        const struct run *run, struct error *e)
{
    unsigned lazily = would_go_again(container, run) ? CONTAINER_REMOVE_LAZILY : 0;
    bool same;
    int r = volume_container_remove_judged(
        volumes, container, run, CONTAINER_REMOVE_VOLUMES | CONTAINER_REMOVE_FORCE | lazily, NULL,
        &same, e);

    return r == ERROR_NOT_FOUND ? 0 : r; /* somebody else was first */
}

/* Another run of that id, of which the start was refused, may be the one that ended. */
static int refuse_if_alive(const struct container *container, const struct run *run,
                           struct error *e)
{
    _cleanup_(close_p) int fd = process_reopen(run);

    if (fd < 0)
        return fd == -ESRCH ? 0 : error_set_errno(e, fd, "container %s", shown_name(container));
    return error_set(e, ERROR_IN_USE,
                     "container %s has not ended: process %d of it runs; another of the same id "
                     "must have been meant",
                     shown_name(container), (int)run->pid);
}

int volumes_container_end(struct volumes *volumes, const char *key, int exit_code, struct error *e)
{
    _cleanup_(run_deinit) struct run run = {0};
    struct container container;
    uint64_t mask = 0;
    bool goes;
    int r;

    r = volume_container_lock(volumes, key, volume_container_find_exact, &mask, &container, e);
    if (r)
        return r;
    r = catalog_run_get(volumes->catalog, container.id, &run, e);
    goes = run.auto_remove || volume_container_goes_at_end(&container);
    if (r == 0)
        r = refuse_if_alive(&container, &run, e);
    if (r == 0 && !goes)
        r = mark_ended(volumes, &container, &run, exit_code, e);
    stripes_unlock(volumes, mask);
    return r || !goes ? r : remove_ended(volumes, &container, &run, e);
}

bool volume_container_runs(struct volumes *volumes, const struct container *container)
{
    _cleanup_(run_deinit) struct run run = {0};
    _cleanup_(close_p) int fd = -1;

    if (catalog_run_get(volumes->catalog, container->id, &run, NULL) != 0)
        return container->state == CONTAINER_RUNNING;
    fd = process_reopen(&run);
    return fd != -ESRCH;
}

int volume_container_kill(const struct container *container, const struct run *run, struct error *e)
{
    _cleanup_(close_p) int fd = process_reopen(run);

    if (fd < 0)
        return fd == -ESRCH ? 0 : error_set_errno(e, fd, "container %s", shown_name(container));
    if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return error_set_errno(e, -errno, "container %s cannot be killed", shown_name(container));
    if (process_has_ended(fd, KILL_TIMEOUT_MS))
        return 0;
    return error_set(e, ERROR_IN_USE,
                     "container %s was killed, but process %d does not end; look what it waits for "
                     "in /proc/%d/stack",
                     shown_name(container), (int)run->pid, (int)run->pid);
}

/* ---- what became of it ------------------------------------------------------------ */

/*
 * A runtime's state lies on the machine itself, and no link leads to it: another path could keep
 * waiting whoever looks. A descriptor, closed again, or −errno.
 */
static int state_dir_open(const char *path)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

/* Of another runtime, and it has ended: whether that still has it. */
static bool is_gone(const struct run *run)
{
    char boot_id[BOOT_ID_LENGTH + 1];

    process_boot_id(boot_id);
    return strcmp(run->boot_id, boot_id) != 0 || !run->state_dir ||
           state_dir_open(run->state_dir) == -ENOENT;
}

static bool is_seen(struct volumes *volumes, const struct container *container)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};

    if (volumes_scan_live(volumes, &live, NULL) != 0)
        return true; /* not known to be gone */
    for (size_t i = 0; i < live.count; i++)
        if (container_is_same(container->id, container->name, live.items[i].container_id))
            return true;
    return false;
}

static void report_gone(struct volumes *volumes, const struct container *container)
{
    char text[512], next[256 + NAME_MAX_LENGTH];

    snprintf(text, sizeof(text),
             "%.64s (%s) is gone, and nobody told its end: its process has ended, and "
             "its runtime has no state of it; it is forgotten in %d s, with what it refers to",
             shown_name(container), container->runtime, GONE_GRACE_S);
    snprintf(next, sizeof(next), "look at it with: volctl container inspect %s",
             shown_name(container));
    volume_container_problem(volumes, container->id, text, next);
}

/* One of another runtime that does not run: dropped once it is known to be gone for a while. */
static int review_foreign(struct volumes *volumes, const struct container *container,
                          const struct run *run, int64_t *since, bool *keep, struct error *e)
{
    int64_t now = time_now();

    *keep = true;
    if (!is_gone(run) || is_seen(volumes, container)) {
        volume_container_problem_clear(volumes, container->id);
        *since = 0;
        return 0;
    }
    if (*since == 0) {
        *since = now;
        report_gone(volumes, container);
    }
    if (now - *since < (int64_t)GONE_GRACE_S * 1000000000)
        return 0;
    *keep = false;
    volume_container_problem_clear(volumes, container->id);
    return remove_ended(volumes, container, run, e);
}

/* Marks one that is recorded as running, and has ended, unless it goes by that (which the caller
 * sees to: nobody else is to know before). *pidfd: it runs; else −1. */
static int settle(struct volumes *volumes, const char *id, struct container *container,
                  struct run *run, int *pidfd, struct error *e)
{
    _cleanup_(close_p) int fd = -1;
    uint64_t mask = 0;
    int r = volume_container_lock(volumes, id, volume_container_find_exact, &mask, container, e);

    if (r)
        return r;
    r = catalog_run_get(volumes->catalog, id, run, e);
    if (r == 0 && container->state == CONTAINER_RUNNING) {
        fd = process_reopen(run);
        if (fd == -ESRCH && run->auto_remove)
            container->state = CONTAINER_EXITED;
        else
            r = fd == -ESRCH ? mark_ended(volumes, container, run, -1, e) : fd < 0 ? fd : 0;
    }
    stripes_unlock(volumes, mask);
    *pidfd = fd < 0 ? -1 : steal_fd(&fd);
    return r;
}

int volume_container_review(struct volumes *volumes, const char *id, int64_t *since, bool *keep,
                            struct error *e)
{
    _cleanup_(run_deinit) struct run run = {0};
    struct container container;
    int pidfd = -1;
    int r = settle(volumes, id, &container, &run, &pidfd, e);

    *keep = false;
    if (r == ERROR_NOT_FOUND) {
        volume_container_problem_clear(volumes, id);
        return 0;
    }
    if (pidfd >= 0)
        volumes_watch(volumes, id, run.pid, pidfd);
    *keep = r != 0; /* tried again */
    if (r || container.state != CONTAINER_EXITED)
        return r;
    if (run.auto_remove)
        return remove_ended(volumes, &container, &run, e);
    return volume_container_goes_at_end(&container)
               ? review_foreign(volumes, &container, &run, since, keep, e)
               : 0;
}

/* ---- prune ------------------------------------------------------------------------ */

struct prunable {
    bool all;
    struct container *items;
    size_t count;
};

static void prunable_deinit(struct prunable *prunable)
{
    free(prunable->items);
}

static int prunable_add(void *context, const struct container *container)
{
    struct prunable *prunable = context;
    struct container *grown;

    if (container->state == CONTAINER_RUNNING || container->engine[0] ||
        strcmp(container->runtime, RUNTIME_ATTACH) == 0 ||
        (container->state == CONTAINER_CREATED && !prunable->all))
        return 0;
    grown = reallocarray(prunable->items, prunable->count + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    prunable->items = grown;
    grown[prunable->count++] = *container;
    return 0;
}

/* A container of another runtime is that one's to forget, as long as it is there. */
static int prune_one(struct volumes *volumes, const struct container *container, bool dry_run,
                     bool *pruned, struct error *e)
{
    _cleanup_(run_deinit) struct run run = {0};
    int r = catalog_run_get(volumes->catalog, container->id, &run, e);

    *pruned = false;
    if (r || (volume_container_is_foreign(container) && !is_gone(&run)))
        return r;
    if (!dry_run)
        r = volumes_container_remove(volumes, container->id, 0, NULL, NULL, e);
    *pruned = r == 0;
    return r == ERROR_IN_USE || r == ERROR_NOT_FOUND ? 0 : r; /* started, or gone, meanwhile */
}

int volumes_container_prune(struct volumes *volumes, bool all, bool dry_run,
                            void (*visit)(void *context, const struct container *container),
                            void *context, struct error *e)
{
    _cleanup_(prunable_deinit) struct prunable prunable = {.all = all};
    int r = catalog_container_each(volumes->catalog, prunable_add, &prunable, e);

    for (size_t i = 0; r == 0 && i < prunable.count; i++) {
        bool pruned;

        r = prune_one(volumes, &prunable.items[i], dry_run, &pruned, e);
        if (pruned)
            visit(context, &prunable.items[i]);
    }
    return r;
}
