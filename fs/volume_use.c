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
 * `mutex` guards the lists of engines and of inherited uses, is taken after stripes and before the
 * catalog's lock. An engine is put on the list after its use is recorded: so one that ends
 * meanwhile is found.
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
    pthread_mutex_t mutex;
    struct use_list inherited; /* of dockerds, recorded by an earlier daemon; some may have ended */
    int64_t settled_at;        /* when what was under way at our start is done; monotonic */
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

/* NULL: it is not in it. */
static struct use *use_list_find(const struct use_list *list, const char *volume_id,
                                 const char *mount_id)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].volume_id, volume_id) == 0 &&
            strcmp(list->items[i].mount_id, mount_id) == 0)
            return &list->items[i];
    return NULL;
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

/* Distinct engines of the uses that are recorded. */
struct recorded {
    struct engine_process items[ENGINES_MAX];
    size_t count;
};

static int visit_recorded(void *context, const struct use *use)
{
    struct recorded *recorded = context;

    for (size_t i = 0; i < recorded->count; i++)
        if (engine_equal(&recorded->items[i], &use->engine))
            return 0;
    if (use->engine.pid && recorded->count < ENGINES_MAX)
        recorded->items[recorded->count++] = use->engine;
    return 0;
}

static int visit_inherited(void *context, const struct use *use)
{
    return use->engine.pid ? use_list_add(context, use) : 0;
}

int volumes_recover_uses(struct volumes *volumes, struct error *e)
{
    struct engines *engines = volumes->engines;
    struct recorded recorded = {0};
    int r = 0;

    if (engines->boot_id[0]) /* else nothing is known, and all stays */
        r = catalog_use_void_boots(volumes->catalog, engines->boot_id, e);
    if (r == 0)
        r = catalog_use_each(volumes->catalog, NULL, visit_recorded, &recorded, e);
    for (size_t i = 0; r == 0 && i < recorded.count; i++) {
        struct run run = {.pid = recorded.items[i].pid,
                          .pid_started_at = recorded.items[i].started_at};
        int fd;

        memcpy(run.boot_id, engines->boot_id, sizeof(run.boot_id));
        fd = process_reopen(&run);
        if (fd >= 0)
            engines_add(engines, &recorded.items[i], fd);
        else if (fd == -ESRCH)
            (void)!engine_end(volumes, &recorded.items[i]); /* told as a problem */
    }
    return r ? r
             : catalog_use_each(volumes->catalog, NULL, visit_inherited, &engines->inherited, e);
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

struct settled {
    struct use_list uses;
    int64_t before;
};

static int visit_settled(void *context, const struct use *use)
{
    struct settled *settled = context;

    return use->since > settled->before ? 0 : use_list_add(&settled->uses, use);
}

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

/* The same without a look at what containers have mounted, which takes long. */
static bool may_be_unseen(struct volumes *volumes, const struct use *use)
{
    _cleanup_(references_deinit) struct references references = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};

    return catalog_volume_get_by_id(volumes->catalog, use->volume_id, &volume, NULL) == 0 &&
           references_collect(volumes->catalog, &volume, NULL, &references, NULL) == 0 &&
           is_unseen(&references, use);
}

/* Whether the use is of a volume that is there, and by itself. */
static bool use_is_unseen(struct volumes *volumes, const struct use *use, struct volume_entry *out)
{
    _cleanup_(references_deinit) struct references references = {0};

    return volume_table_find_by_id(volumes->table, use->volume_id, out) &&
           may_be_unseen(volumes, use) &&
           volumes_references(volumes, out->name, &references, NULL) == 0 &&
           is_unseen(&references, use);
}

static int check_use(struct volumes *volumes, const struct use *use, problem_visitor visit,
                     void *context)
{
    char text[160 + TIME_TEXT_SIZE];
    char next[256 + 2 * NAME_MAX_LENGTH];
    char since[TIME_TEXT_SIZE];
    struct volume_entry entry;

    if (!use_is_unseen(volumes, use, &entry))
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
    struct settled settled = {0};
    int r;

    volumes_review_uses(volumes);
    settled.before = time_now() - (int64_t)SETTLED_SECONDS * SETTLED_NS_PER_S;
    r = catalog_use_each(volumes->catalog, NULL, visit_settled, &settled, NULL);
    for (size_t i = 0; r == 0 && i < settled.uses.count; i++)
        r = check_use(volumes, &settled.uses.items[i], visit, context);
    use_list_deinit(&settled.uses);
    return r;
}

int volumes_each_unseen_use(struct volumes *volumes, const char *mount_id,
                            int (*visit)(void *context, const char *name, int64_t since),
                            void *context, struct error *e)
{
    _cleanup_(use_list_deinit) struct use_list uses = {0};
    int r = catalog_use_each(volumes->catalog, NULL, visit_any, &uses, e);

    for (size_t i = 0; r == 0 && i < uses.count; i++) {
        struct volume_entry entry;

        if (strcmp(uses.items[i].mount_id, mount_id) == 0 &&
            use_is_unseen(volumes, &uses.items[i], &entry))
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

/* With the name's stripe held. */
static int end_use(struct volumes *volumes, const struct volume_entry *entry, const char *mount_id,
                   struct error *e)
{
    struct ending ending = {.mount_id = mount_id};
    int r = catalog_use_each(volumes->catalog, entry->id, visit_ending, &ending, e);

    if (r == 0 && ending.count)
        r = catalog_use_add(volumes->catalog, entry->id, mount_id, -ending.count, NULL, e);
    if (r == 0 && ending.count)
        volume_event_used(volumes, EVENT_UNMOUNT, entry, mount_id);
    return r;
}

int volumes_end_use(struct volumes *volumes, const char *name, const char *mount_id,
                    struct error *e)
{
    struct volume_entry entry;
    int r = 0;

    stripes_lock(volumes, stripe_of(name));
    if (volume_table_find(volumes->table, name, &entry))
        r = end_use(volumes, &entry, mount_id, e);
    stripes_unlock(volumes, stripe_of(name));
    return r;
}

/* ---- what an earlier daemon recorded ---------------------------------------------------- */

static void inherited_drop(struct engines *engines, const char *volume_id, const char *mount_id)
{
    struct use_list *list = &engines->inherited;
    struct use *use;

    pthread_mutex_lock(&engines->mutex);
    use = use_list_find(list, volume_id, mount_id);
    if (use)
        *use = list->items[--list->count];
    pthread_mutex_unlock(&engines->mutex);
}

/* A look at all of them; containers are looked at once, and only if that decides. */
struct inherited_review {
    struct volumes *volumes;
    struct live_mounts live;
    bool is_scanned;
};

static int inherited_copy(struct engines *engines, struct use_list *out)
{
    int r = 0;

    pthread_mutex_lock(&engines->mutex);
    for (size_t i = 0; r == 0 && i < engines->inherited.count; i++)
        r = use_list_add(out, &engines->inherited.items[i]);
    pthread_mutex_unlock(&engines->mutex);
    return r;
}

/* Whether the volume has more uses than places where containers have it. Which of them is too many
 * nobody knows, and is all the same to the count. */
static int has_surplus(struct volumes *volumes, const struct volume *volume,
                       const struct live_mounts *live, bool *out, struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    int r = references_collect(volumes->catalog, volume, live, &references, e);

    *out = false;
    for (size_t i = 0; r == 0 && i < references.count; i++)
        *out = *out || references.items[i].sources == REFERENCE_USE;
    return r;
}

static int review_surplus(struct inherited_review *review, const struct volume *volume, bool *out,
                          struct error *e)
{
    int r = has_surplus(review->volumes, volume, NULL, out, e);

    if (r || !*out)
        return r;
    if (!review->is_scanned)
        r = volumes_scan_live(review->volumes, &review->live, e);
    review->is_scanned = r == 0;
    return r ? r : has_surplus(review->volumes, volume, &review->live, out, e);
}

static int end_inherited(struct volumes *volumes, const struct use *use, const char *name,
                         struct error *e)
{
    struct volume_entry entry;
    int r = 0;

    stripes_lock(volumes, stripe_of(name));
    if (volume_table_find(volumes->table, name, &entry) && strcmp(entry.id, use->volume_id) == 0)
        r = end_use(volumes, &entry, use->mount_id, e);
    stripes_unlock(volumes, stripe_of(name));
    if (r == 0)
        log_message(LOG_LEVEL_INFO,
                    "volume %s: an earlier volumefs was told of the mount %.12s, and no container "
                    "has it; ended",
                    name, use->mount_id);
    return r == ERROR_NOT_FOUND ? 0 : r; /* it ended by itself */
}

static int review_inherited(struct inherited_review *review, const struct use *use, struct error *e)
{
    struct volumes *volumes = review->volumes;
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct ending ending = {.mount_id = use->mount_id};
    bool surplus = false;
    int r = catalog_use_each(volumes->catalog, use->volume_id, visit_ending, &ending, e);

    if (r == 0 && !ending.count) { /* it has ended */
        inherited_drop(volumes->engines, use->volume_id, use->mount_id);
        return 0;
    }
    if (r == 0)
        r = catalog_volume_get_by_id(volumes->catalog, use->volume_id, &volume, e);
    if (r == 0)
        r = review_surplus(review, &volume, &surplus, e);
    return r || !surplus ? r : end_inherited(volumes, use, volume.name, e);
}

int volumes_end_inherited_uses(struct volumes *volumes)
{
    struct inherited_review review = {.volumes = volumes};
    _cleanup_(use_list_deinit) struct use_list uses = {0};
    struct error e = {0};
    int r = inherited_copy(volumes->engines, &uses);
    int64_t left_ns = volumes->engines->settled_at - time_monotonic();

    if (r == 0 && uses.count && left_ns > 0)
        return (int)(left_ns / NS_PER_MS) + 1;
    for (size_t i = 0; r == 0 && i < uses.count; i++)
        r = review_inherited(&review, &uses.items[i], &e);
    if (r)
        log_message(LOG_LEVEL_WARNING,
                    "mounts that an earlier volumefs was told of are not looked through: %s; it is "
                    "tried again",
                    e.text[0] ? e.text : error_code_name(r));
    live_mounts_deinit(&review.live);
    return 0;
}
