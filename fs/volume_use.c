/*
 * Uses: what engines say they have mounted, counted by (volume, mount id) and durable.
 *
 * An engine takes each back, unless it cannot any more. What ends them then:
 *
 *   the machine boots     nothing of before is mounted; no engine goes on with its counts
 *   dockerd's process     whatever it had mounted for containers ends with them, and those that
 *   ends                  outlive it (live-restore) are seen live; the next dockerd mounts anew
 *   Podman, others        nothing: each command is a process of its own, and Podman keeps its own
 *                         counts until the next boot. What no container is seen to have is told
 *                         by doctor, and ended by hand.
 *   we die in the         dockerd asks again, but its second request has no body (moby#35459): it
 *   middle of a call      never mounts what it was not told to have, nor takes back what it was.
 *                         So what an earlier daemon recorded goes when no container has it.
 *
 * `mutex` guards the list of engines, is taken after stripes and before the catalog's lock. An
 * engine is put on the list after its use is recorded: so one that ends meanwhile is found.
 */
#include "catalog/cleanup.h"
#include "fs/log.h"
#include "fs/process.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DOCKER_PROCESS "dockerd"           /* its name; alone among engines it is one process */
#define USES_SUBJECT   "mounts of engines" /* no volume has such a name */

enum {
    ENGINES_MAX = 64, /* more are not noticed to end */
    SETTLED_NS_PER_S = 1000 * 1000 * 1000,
    SETTLED_SECONDS = 600, /* a use without a container is told of when it is older */
    NS_PER_MS = 1000 * 1000,
    START_MS = 5000, /* a dockerd needs from a mount to the container's process */
};

struct use_list {
    struct use *items;
    size_t count;
};

struct engines {
    struct use_list inherited; /* of dockerds, recorded by an earlier daemon; some may have ended.
                                  Of the start, then of who ends them: volumes_end_inherited_uses */
    int64_t settled_at;        /* when what was under way at our start is done; monotonic */
    pthread_mutex_t mutex;
    char boot_id[BOOT_ID_LENGTH + 1];
    size_t count;
    struct {
        struct engine_process engine;
        int pidfd;
    } items[ENGINES_MAX];
};

/* ---- lists of uses ---------------------------------------------------------------- */

static void use_list_deinit(struct use_list *list)
{
    free(list->items);
}

static int use_list_add(struct use_list *list, const struct use *use)
{
    struct use *grown = reallocarray(list->items, list->count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    list->items = grown;
    grown[list->count++] = *use;
    return 0;
}

static bool use_list_has(const struct use_list *list, const struct use *use)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].volume_id, use->volume_id) == 0 &&
            strcmp(list->items[i].mount_id, use->mount_id) == 0)
            return true;
    return false;
}

/* ---- engines --------------------------------------------------------------------------- */

struct engines *engines_new(void)
{
    struct engines *engines = calloc(1, sizeof(*engines));

    if (!engines)
        return NULL;
    pthread_mutex_init(&engines->mutex, NULL);
    process_boot_id(engines->boot_id);
    engines->settled_at = time_monotonic() + (int64_t)START_MS * NS_PER_MS;
    return engines;
}

struct engines *engines_free(struct engines *engines)
{
    if (!engines)
        return NULL;
    for (size_t i = 0; i < engines->count; i++)
        close(engines->items[i].pidfd);
    use_list_deinit(&engines->inherited);
    pthread_mutex_destroy(&engines->mutex);
    free(engines);
    return NULL;
}

static bool engine_equal(const struct engine_process *a, const struct engine_process *b)
{
    return a->pid == b->pid && a->started_at == b->started_at;
}

/* Takes the pidfd over. */
static void engines_add(struct engines *engines, const struct engine_process *engine, int pidfd)
{
    bool known = false;

    pthread_mutex_lock(&engines->mutex);
    for (size_t i = 0; i < engines->count && !known; i++)
        known = engine_equal(&engines->items[i].engine, engine);
    if (!known && engines->count < ENGINES_MAX) {
        engines->items[engines->count].engine = *engine;
        engines->items[engines->count++].pidfd = pidfd;
        pidfd = -1;
    }
    pthread_mutex_unlock(&engines->mutex);
    close_p(&pidfd);
}

/* ---- what ended with its engine --------------------------------------------------- */

static int engine_end(struct volumes *volumes, const struct engine_process *engine)
{
    struct error e = {0};
    int r = catalog_use_void_engine(volumes->catalog, engine, &e);

    if (r)
        volumes_problem_set(volumes, USES_SUBJECT, e.text,
                            "mounts of a dockerd that ended keep volumes from being removed; it "
                            "is tried again by itself");
    else
        volumes_problem_clear(volumes, USES_SUBJECT);
    return r;
}

void volumes_review_uses(struct volumes *volumes)
{
    struct engines *engines = volumes->engines;

    pthread_mutex_lock(&engines->mutex);
    for (size_t i = engines->count; i-- > 0;) {
        if (!process_has_ended(engines->items[i].pidfd, 0) ||
            engine_end(volumes, &engines->items[i].engine) != 0)
            continue;
        close(engines->items[i].pidfd);
        engines->items[i] = engines->items[--engines->count];
    }
    pthread_mutex_unlock(&engines->mutex);
}

static int visit_inherited(void *context, const struct use *use)
{
    return use->engine.pid ? use_list_add(context, use) : 0;
}

/* Whether no use before it is of the same engine. */
static bool is_first_of_engine(const struct use_list *uses, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (engine_equal(&uses->items[i].engine, &uses->items[index].engine))
            return false;
    return true;
}

static void recover_engine(struct volumes *volumes, const struct engine_process *engine)
{
    struct run run = {.pid = engine->pid, .pid_started_at = engine->started_at};
    int fd;

    memcpy(run.boot_id, volumes->engines->boot_id, sizeof(run.boot_id));
    fd = process_reopen(&run);
    if (fd >= 0)
        engines_add(volumes->engines, engine, fd);
    else if (fd == -ESRCH)
        (void)!engine_end(volumes, engine); /* told as a problem */
}

int volumes_recover_uses(struct volumes *volumes, struct error *e)
{
    struct engines *engines = volumes->engines;
    struct use_list *uses = &engines->inherited;
    int r = 0;

    if (engines->boot_id[0]) /* else nothing is known, and all stays */
        r = catalog_use_void_boots(volumes->catalog, engines->boot_id, e);
    if (r == 0)
        r = catalog_use_each(volumes->catalog, NULL, visit_inherited, uses, e);
    for (size_t i = 0; r == 0 && i < uses->count; i++)
        if (is_first_of_engine(uses, i))
            recover_engine(volumes, &uses->items[i].engine);
    return r;
}

/* ---- mounting ---------------------------------------------------------------------- */

/* Whether the end of the process means anything; then *engine and a pidfd, else {0} and −1. */
static int engine_identify(pid_t pid, struct engine_process *engine, int *pidfd, struct error *e)
{
    *engine = (struct engine_process){0};
    *pidfd = -1;
    if (!process_has_name(pid, DOCKER_PROCESS))
        return 0;
    *pidfd = process_open(pid, &engine->started_at);
    if (*pidfd == -ESRCH)
        return error_set(e, ERROR_UNAVAILABLE, "the engine, process %d, has ended", (int)pid);
    if (*pidfd < 0)
        return error_set_errno(e, *pidfd, "the engine, process %d", (int)pid);
    engine->pid = pid;
    return 0;
}

int volumes_mount(struct volumes *volumes, const char *name, const char *mount_id, pid_t pid,
                  struct error *e)
{
    struct volume_entry entry;
    struct engine_process engine;
    int pidfd;
    int r = engine_identify(pid, &engine, &pidfd, e);

    if (r)
        return r;
    volumes_review_uses(volumes);
    stripes_lock(volumes, stripe_of(name));
    r = volume_table_find(volumes->table, name, &entry)
            ? catalog_use_mount(volumes->catalog, entry.id, mount_id, volumes->engines->boot_id,
                                &engine, e)
            : volume_not_found(name, e);
    if (r == 0)
        volume_event_used(volumes, EVENT_MOUNT, &entry, mount_id);
    stripes_unlock(volumes, stripe_of(name));
    if (engine.pid)
        engines_add(volumes->engines, &engine, pidfd);
    return r;
}

int volumes_unmount(struct volumes *volumes, const char *name, const char *mount_id,
                    struct error *e)
{
    struct volume_entry entry;
    int r = ERROR_NOT_FOUND;

    stripes_lock(volumes, stripe_of(name));
    if (volume_table_find(volumes->table, name, &entry))
        r = catalog_use_add(volumes->catalog, entry.id, mount_id, -1, NULL, e);
    if (r == 0)
        volume_event_used(volumes, EVENT_UNMOUNT, &entry, mount_id);
    stripes_unlock(volumes, stripe_of(name));
    if (r == ERROR_NOT_FOUND)
        log_message(LOG_LEVEL_DEBUG, "unmount of volume %s, which is not mounted as %.12s", name,
                    mount_id);
    return r == ERROR_NOT_FOUND ? 0 : r;
}

int volumes_end_uses(struct volumes *volumes, const char *name, struct error *e)
{
    struct volume_entry entry;
    int r;

    stripes_lock(volumes, stripe_of(name));
    r = volume_table_find(volumes->table, name, &entry)
            ? catalog_use_void_volume(volumes->catalog, entry.id, e)
            : volume_not_found(name, e);
    stripes_unlock(volumes, stripe_of(name));
    return r;
}

/* ---- what nobody is seen to have ------------------------------------------------------ */

static int visit_any(void *context, const struct use *use)
{
    return use_list_add(context, use);
}

/* Whether the use is a reference by itself, as no container accounts for it. */
static bool is_unseen(const struct references *references, const struct use *use)
{
    for (size_t i = 0; i < references->count; i++)
        if (references->items[i].sources == REFERENCE_USE &&
            strncmp(references->items[i].container_id, use->mount_id, CONTAINER_ID_MAX) == 0)
            return true;
    return false;
}

/* Whether there is any such use: more of them than places where containers have the volume. */
static bool has_unseen(const struct references *references)
{
    for (size_t i = 0; i < references->count; i++)
        if (references->items[i].sources == REFERENCE_USE)
            return true;
    return false;
}

/* A look at who has volumes; at what containers have mounted once, and only if that decides. */
struct look {
    struct volumes *volumes;
    struct live_mounts live;
    bool has_live;
};

static void look_deinit(struct look *look)
{
    live_mounts_deinit(&look->live);
}

/* All references if one of them is an unseen use; else those that are recorded. */
static int look_collect(struct look *look, const char *volume_id, struct references *out,
                        struct error *e)
{
    struct volumes *volumes = look->volumes;
    _cleanup_(volume_deinit) struct volume volume = {0};
    int r = catalog_volume_get_by_id(volumes->catalog, volume_id, &volume, e);

    if (r == 0)
        r = references_collect(volumes->catalog, &volume, NULL, out, e);
    if (r || !has_unseen(out))
        return r;
    references_deinit(out);
    if (!look->has_live)
        r = volumes_scan_live(volumes, &look->live, e);
    look->has_live = r == 0;
    return r ? r : references_collect(volumes->catalog, &volume, &look->live, out, e);
}

/* Whether the use is of a volume that is there, and by itself. */
static bool use_is_unseen(struct look *look, const struct use *use, struct volume_entry *out)
{
    _cleanup_(references_deinit) struct references references = {0};

    return volume_table_find_by_id(look->volumes->table, use->volume_id, out) &&
           look_collect(look, use->volume_id, &references, NULL) == 0 &&
           is_unseen(&references, use);
}

static int check_use(struct look *look, const struct use *use, problem_visitor visit, void *context)
{
    char text[160 + TIME_TEXT_SIZE];
    char next[256 + 2 * NAME_MAX_LENGTH];
    char since[TIME_TEXT_SIZE];
    struct volume_entry entry;

    if (!use_is_unseen(look, use, &entry))
        return 0;
    time_format(use->since, since);
    snprintf(text, sizeof(text),
             "an engine has it mounted under the id %.12s since %s, and no container is seen that "
             "has it",
             use->mount_id, since);
    snprintf(next, sizeof(next),
             "see: podman volume inspect %s, docker ps; if nothing uses it: curl --unix-socket "
             "SOCKET -X DELETE http://localhost/volumefs/volumes/%s/uses",
             entry.name, entry.name);
    return visit(context, entry.name, text, next);
}

int volumes_check_uses(struct volumes *volumes, problem_visitor visit, void *context)
{
    _cleanup_(look_deinit) struct look look = {.volumes = volumes};
    _cleanup_(use_list_deinit) struct use_list uses = {0};
    int64_t before = time_now() - (int64_t)SETTLED_SECONDS * SETTLED_NS_PER_S;
    int r;

    volumes_review_uses(volumes);
    r = catalog_use_each(volumes->catalog, NULL, visit_any, &uses, NULL);
    for (size_t i = 0; r == 0 && i < uses.count; i++)
        if (uses.items[i].since <= before)
            r = check_use(&look, &uses.items[i], visit, context);
    return r;
}

int volumes_each_unseen_use(struct volumes *volumes, const char *mount_id,
                            int (*visit)(void *context, const char *name, int64_t since),
                            void *context, struct error *e)
{
    _cleanup_(look_deinit) struct look look = {.volumes = volumes};
    _cleanup_(use_list_deinit) struct use_list uses = {0};
    int r;

    volumes_review_uses(volumes);
    r = catalog_use_each(volumes->catalog, NULL, visit_any, &uses, e);
    for (size_t i = 0; r == 0 && i < uses.count; i++) {
        struct volume_entry entry;

        if (strcmp(uses.items[i].mount_id, mount_id) == 0 &&
            use_is_unseen(&look, &uses.items[i], &entry))
            r = visit(context, entry.name, uses.items[i].since);
    }
    return r;
}

struct ending {
    const char *mount_id;
    int count;
};

static int visit_ending(void *context, const struct use *use)
{
    struct ending *ending = context;

    if (strcmp(use->mount_id, ending->mount_id) == 0)
        ending->count = (int)use->count;
    return 0;
}

int volumes_end_use(struct volumes *volumes, const char *name, const char *mount_id,
                    struct error *e)
{
    struct ending ending = {.mount_id = mount_id};
    struct volume_entry entry;
    int r = 0;

    stripes_lock(volumes, stripe_of(name));
    if (volume_table_find(volumes->table, name, &entry)) {
        r = catalog_use_each(volumes->catalog, entry.id, visit_ending, &ending, e);
        if (r == 0 && ending.count)
            r = catalog_use_add(volumes->catalog, entry.id, mount_id, -ending.count, NULL, e);
        if (r == 0 && ending.count)
            volume_event_used(volumes, EVENT_UNMOUNT, &entry, mount_id);
    }
    stripes_unlock(volumes, stripe_of(name));
    return r;
}

/* ---- what an earlier daemon recorded ---------------------------------------------------- */

/* Those of the inherited that have not ended. */
struct remaining {
    const struct use_list *inherited;
    struct use_list uses;
};

static int visit_remaining(void *context, const struct use *use)
{
    struct remaining *remaining = context;

    return use_list_has(remaining->inherited, use) ? use_list_add(&remaining->uses, use) : 0;
}

static int inherited_renew(struct volumes *volumes, struct error *e)
{
    struct use_list *inherited = &volumes->engines->inherited;
    struct remaining remaining = {.inherited = inherited};
    int r = catalog_use_each(volumes->catalog, NULL, visit_remaining, &remaining, e);

    use_list_deinit(r ? &remaining.uses : inherited);
    if (r == 0)
        *inherited = remaining.uses;
    return r;
}

/* Which of a volume's uses is one too many nobody knows, and is all the same to the count: it is
 * this one. */
static int review_inherited(struct look *look, const struct use *use, struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    struct volume_entry entry;
    int r;

    if (!volume_table_find_by_id(look->volumes->table, use->volume_id, &entry))
        return 0;
    r = look_collect(look, use->volume_id, &references, e);
    if (r || !has_unseen(&references))
        return r;
    r = volumes_end_use(look->volumes, entry.name, use->mount_id, e);
    if (r == 0)
        log_message(LOG_LEVEL_INFO,
                    "volume %s: an earlier volumefs was told of the mount %.12s, and no container "
                    "has it; ended",
                    entry.name, use->mount_id);
    return r == ERROR_NOT_FOUND ? 0 : r; /* it ended by itself */
}

int volumes_end_inherited_uses(struct volumes *volumes)
{
    const struct use_list *uses = &volumes->engines->inherited;
    int64_t left_ns = volumes->engines->settled_at - time_monotonic();
    _cleanup_(look_deinit) struct look look = {.volumes = volumes};
    struct error e = {0};
    int r;

    if (uses->count == 0)
        return 0;
    if (left_ns > 0)
        return (int)(left_ns / NS_PER_MS) + 1;
    r = inherited_renew(volumes, &e);
    for (size_t i = 0; r == 0 && i < uses->count; i++)
        r = review_inherited(&look, &uses->items[i], &e);
    if (r)
        log_message(LOG_LEVEL_WARNING,
                    "mounts that an earlier volumefs was told of are not looked through: %s; it is "
                    "tried again",
                    e.text[0] ? e.text : error_code_name(r));
    return 0;
}
