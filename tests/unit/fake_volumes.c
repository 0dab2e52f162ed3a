/* Faked use cases; see fake_volumes.h. There is one volume, "web", with one reference. */
#include "tests/unit/fake_volumes.h"

#include "catalog/cleanup.h"
#include "fs/volume_adopt.h"
#include "fs/volume_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_volumes fake_volumes = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void fake_volumes_reset(void)
{
    fake_volumes = (struct fake_volumes){.mutex = PTHREAD_MUTEX_INITIALIZER};
}

static bool are_gathered(void)
{
    bool gathered;

    pthread_mutex_lock(&fake_volumes.mutex);
    gathered = fake_volumes.gather && fake_volumes.most_inside >= fake_volumes.gather;
    pthread_mutex_unlock(&fake_volumes.mutex);
    return gathered;
}

static void take_time(void)
{
    enum { STEP_MS = 10 };

    for (unsigned ms = 0; ms < fake_volumes.delay_ms && !are_gathered(); ms += STEP_MS)
        usleep(STEP_MS * 1000);
}

static int begin(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int begin(struct error *e, const char *format, ...)
{
    va_list args;
    int r;

    va_start(args, format);
    pthread_mutex_lock(&fake_volumes.mutex);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started two lines above
    vsnprintf(fake_volumes.call, sizeof(fake_volumes.call), format, args);
    va_end(args);
    r = fake_volumes.result;
    if (++fake_volumes.inside > fake_volumes.most_inside)
        fake_volumes.most_inside = fake_volumes.inside;
    pthread_mutex_unlock(&fake_volumes.mutex);
    take_time();
    pthread_mutex_lock(&fake_volumes.mutex);
    fake_volumes.inside--;
    pthread_mutex_unlock(&fake_volumes.mutex);
    return r ? error_set(e, r, "%s", fake_volumes.text ? fake_volumes.text : "") : 0;
}

struct event_ring *volumes_event_ring(struct volumes *volumes)
{
    (void)volumes;
    return fake_volumes.ring;
}

static void pairs_note(char *out, size_t size, const char *what, const struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        size_t used = strlen(out);

        snprintf(out + used, size - used, " %s:%s=%s", what, pairs->items[i].key,
                 pairs->items[i].value);
    }
}

static int fill(struct volume *out, const char *name)
{
    *out = (struct volume){.kind = VOLUME_NAMED,
                           .id = "0123456789abcdef0123456789abcdef",
                           .driver = "local",
                           .created_at = 1000000000,
                           .size_limit = 4096};
    snprintf(out->name, sizeof(out->name), "%s", name);
    return pairs_set(&out->labels, "team", "a\"b");
}

int volumes_create(struct volumes *volumes, const struct volume_request *request,
                   struct volume *out, bool *created, struct error *e)
{
    char pairs[256] = "";
    int r;

    (void)volumes;
    pairs_note(pairs, sizeof(pairs), "o", &request->options);
    pairs_note(pairs, sizeof(pairs), "l", &request->labels);
    r = begin(e, "create %s%s %s %s%s", request->existing ? "or take " : "",
              request->name ? request->name : "-", request->driver ? request->driver : "-",
              request->readonly ? "ro" : "rw", pairs);
    *out = (struct volume){0};
    if (created)
        *created = !fake_volumes.existed;
    return r ? r : fill(out, request->name ? request->name : "made");
}

int volumes_get(struct volumes *volumes, const char *name, struct volume *out, struct error *e)
{
    int r = begin(e, "get %s", name);

    (void)volumes;
    *out = (struct volume){0};
    return r ? r : fill(out, name);
}

int volumes_rename(struct volumes *volumes, const char *from, const char *to,
                   enum change_origin origin, struct error *e)
{
    (void)volumes;
    return begin(e, "rename %s %s %d", from, to, (int)origin);
}

int volumes_set_readonly(struct volumes *volumes, const char *name, bool readonly,
                         enum change_origin origin, struct error *e)
{
    (void)volumes;
    return begin(e, "readonly %s %d %d", name, readonly, (int)origin);
}

int volumes_set_label(struct volumes *volumes, const char *name, enum access_label label,
                      struct error *e)
{
    (void)volumes;
    return begin(e, "label %s %s", name, access_label_name(label));
}

int volumes_remove(struct volumes *volumes, const char *name, unsigned flags,
                   enum change_origin origin, struct error *e)
{
    (void)volumes;
    return begin(e, "remove %s %u %d", name, flags, (int)origin);
}

int volumes_prune(struct volumes *volumes, const struct prune_request *request,
                  const struct prune_visitor *visitor, struct error *e)
{
    struct volume volume = {.name = "old"};
    int r = begin(e, "prune %d %d", request->all, request->dry_run);

    (void)volumes;
    if (r == 0 && filter_match(request->filter, &volume, true))
        visitor->removed(visitor->context, "old", 5);
    if (r == 0 && fake_volumes.stuck)
        visitor->failed(visitor->context, "volume \"stuck\" cannot be removed: why");
    if (r == 0)
        visitor->removed(visitor->context, "older", 7);
    return r;
}

int volumes_attach(struct volumes *volumes, const char *key, const struct attach_request *request,
                   struct container *out, struct error *e)
{
    const struct mount_spec *first = request->count ? &request->specs[0] : NULL;
    const struct run none = {0}, *run = request->run ? request->run : &none;
    int r = begin(e, "%s %s %zu %s:%s%s%s%s%s%s%s%s%s%s%s", request->create ? "create" : "attach",
                  key ? key : "-", request->count, first && first->source ? first->source : "",
                  first ? first->destination : "", request->from_count ? " from " : "",
                  request->from_count ? request->from[0].container : "", request->id ? " id " : "",
                  request->id ? request->id : "", run->rootfs ? " rootfs " : "",
                  run->rootfs ? run->rootfs : "", run->auto_remove ? " rm" : "",
                  request->starts ? " starts" : "", run->process ? " " : "",
                  run->process ? run->process : "");

    (void)volumes;
    return r ? r : catalog_container_get(NULL, key ? key : "app", out, e);
}

int volumes_container_remove(struct volumes *volumes, const char *key, unsigned flags,
                             void (*removed)(void *context, const char *volume), void *context,
                             struct error *e)
{
    int r = begin(e, "remove container %s%s%s", key, flags & CONTAINER_REMOVE_FORCE ? " force" : "",
                  flags & CONTAINER_REMOVE_VOLUMES ? " volumes" : "");

    (void)volumes;
    if (r == 0 && (flags & CONTAINER_REMOVE_VOLUMES))
        removed(context, "gone");
    return r;
}

int volumes_container_start(struct volumes *volumes, const char *key,
                            const struct start_request *request, struct container *out,
                            struct error *e)
{
    int r = begin(e, "start %s %d %s %s %s %zu", key, (int)request->pid,
                  request->runtime ? request->runtime : "-", request->name ? request->name : "-",
                  request->state_dir ? request->state_dir : "-", request->count);

    (void)volumes;
    return r ? r : catalog_container_get(NULL, key, out, e);
}

int volumes_container_end(struct volumes *volumes, const char *key, int exit_code, struct error *e)
{
    (void)volumes;
    return begin(e, "end %s %d", key, exit_code);
}

int volumes_container_prune(struct volumes *volumes, bool all, bool dry_run,
                            void (*visit)(void *context, const struct container *container),
                            void *context, struct error *e)
{
    const struct container gone = {.id = "c9", .name = "gone"};
    int r = begin(e, "prune containers%s%s", all ? " all" : "", dry_run ? " dry" : "");

    (void)volumes;
    if (r == 0)
        visit(context, &gone);
    return r;
}

int volumes_copy_status(struct volumes *volumes, const char *key, struct copy_status *out,
                        struct error *e)
{
    (void)volumes;
    *out = (struct copy_status){.volume = "web", .bytes = 1, .total_bytes = 3, .entries = 2};
    out->destination = strdup("/data");
    return begin(e, "copy of %s", key);
}

int volumes_detach(struct volumes *volumes, const char *key, const char *destination,
                   struct error *e)
{
    (void)volumes;
    return begin(e, "detach %s %s", key, destination ? destination : "-");
}

int volumes_references(struct volumes *volumes, const char *name, struct references *out,
                       struct error *e)
{
    (void)volumes;
    (void)name;
    (void)e;
    *out =
        (struct references){.items = calloc(1, sizeof(*out->items)), .count = 1, .containers = 1};
    out->items[0] = (struct reference){.container_id = "c1",
                                       .container_name = "app",
                                       .destination = strdup("/data"),
                                       .readonly = true,
                                       .sources = REFERENCE_RECORDED | REFERENCE_LIVE,
                                       .pid = 42};
    return 0;
}

int volumes_references_lately(struct volumes *volumes, const struct volume *volume,
                              struct references *out, struct error *e)
{
    return volumes_references(volumes, volume->name, out, e);
}

int volumes_each(struct volumes *volumes, const struct filter *filter,
                 int (*visit)(void *context, const struct volume *volume, uint32_t references),
                 void *context, struct error *e)
{
    static const char *const names[] = {"db", "web"};
    int r = begin(e, "each %s", filter ? "filtered" : "all");

    (void)volumes;
    for (int i = 0; i < 2 && r == 0; i++) {
        struct volume volume;

        fill(&volume, names[i]);
        if (!filter || filter_match(filter, &volume, false))
            r = visit(context, &volume, 3);
        volume_deinit(&volume);
    }
    return r;
}

int volumes_usage(struct volumes *volumes, const char *name, uint64_t *bytes, uint64_t *inodes,
                  struct error *e)
{
    (void)volumes;
    if (strcmp(name, "db") == 0)
        return error_set(e, ERROR_NOT_FOUND, "gone meanwhile");
    if (fake_volumes.uncountable)
        return error_set(e, -EIO, "cannot add up what volume \"%s\" uses", name);
    *bytes = 8192;
    *inodes = 2;
    return 0;
}

bool volumes_usage_known(struct volumes *volumes, const char *name, uint64_t *bytes,
                         uint64_t *inodes)
{
    return volumes_usage(volumes, name, bytes, inodes, NULL) == 0;
}

int volumes_each_uncounted(struct volumes *volumes, const struct filter *filter,
                           int (*visit)(void *context, const struct volume *volume), void *context,
                           struct error *e)
{
    static const char *const names[] = {"db", "web"};
    int r = begin(e, "each uncounted%s", filter ? " filtered" : "");

    (void)volumes;
    for (int i = 0; i < 2 && r == 0; i++) {
        struct volume volume;

        fill(&volume, names[i]);
        if (!filter || filter_match(filter, &volume, false))
            r = visit(context, &volume);
        volume_deinit(&volume);
    }
    return r;
}

int volumes_mount(struct volumes *volumes, const char *name, const char *mount_id, pid_t pid,
                  struct error *e)
{
    (void)volumes;
    return begin(e, "mount %s %s%s", name, mount_id, pid == getpid() ? " by us" : "");
}

int volumes_unmount(struct volumes *volumes, const char *name, const char *mount_id,
                    struct error *e)
{
    (void)volumes;
    return begin(e, "unmount %s %s", name, mount_id);
}

int volumes_end_uses(struct volumes *volumes, const char *name, struct error *e)
{
    (void)volumes;
    return begin(e, "end uses of %s", name);
}

int volumes_check_uses(struct volumes *volumes, problem_visitor visit, void *context)
{
    (void)volumes;
    return fake_volumes.unseen ? visit(context, "web", "an engine has it mounted", "see") : 0;
}

int volumes_check_mounts(struct volumes *volumes, problem_visitor visit, void *context)
{
    (void)volumes;
    return fake_volumes.dead_mount ? visit(context, "app", "it has a dead mount", "restart") : 0;
}

int volumes_check_engines(struct volumes *volumes, problem_visitor visit, void *context)
{
    (void)volumes;
    return fake_volumes.engine_away ? visit(context, "docker", "cannot be asked", "start it") : 0;
}

const char *volumes_mountpoint(const struct volumes *volumes)
{
    (void)volumes;
    return "/mnt/volumes";
}

struct store *volumes_store(struct volumes *volumes)
{
    (void)volumes;
    return NULL;
}

struct catalog *volumes_catalog(struct volumes *volumes)
{
    (void)volumes;
    return NULL;
}

int store_fd(const struct store *store)
{
    static int fd = -1;

    (void)store;
    if (fd < 0)
        fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd;
}

const char *store_path(const struct store *store)
{
    (void)store;
    return "/var/lib/volumefs";
}

void volumes_check_data(struct volumes *volumes)
{
    (void)volumes;
    fake_volumes.data_checked = true;
}

int volumes_problems(struct volumes *volumes, problem_visitor visit, void *context)
{
    (void)volumes;
    if (!fake_volumes.data_missing || !fake_volumes.data_checked)
        return 0;
    return visit(context, "web", "its data is missing", "volctl rm web");
}

unsigned fake_volumes_most_inside(void)
{
    unsigned most;

    pthread_mutex_lock(&fake_volumes.mutex);
    most = fake_volumes.most_inside;
    pthread_mutex_unlock(&fake_volumes.mutex);
    return most;
}

/* ---- adoptions: "web" was taken over, "busy" is being copied ------------------------ */

static const struct adoption adopted_web = {.engine = "docker",
                                            .name = "site",
                                            .source = "/d/volumes/site/_data",
                                            .moved = true,
                                            .copied = true,
                                            .adopted_at = 2000000000};

static int begin_adopt(const char *what, const struct adopt_request *request, struct error *e)
{
    char labels[128] = "";

    pairs_note(labels, sizeof(labels), "l", &request->labels);
    return begin(e, "%s %s %s %s %lld%s%s%s", what, request->name, request->engine, request->source,
                 (long long)request->created_at, request->anonymous ? " anonymous" : "",
                 request->move ? " move" : "", labels);
}

int volumes_adopt_plan(struct volumes *volumes, const struct adopt_request *request,
                       struct adopt_plan *out, struct error *e)
{
    (void)volumes;
    *out = (struct adopt_plan){.bytes = 7, .entries = 2, .copied = true};
    return begin_adopt("plan", request, e);
}

void adopted_deinit(struct adopted *adopted)
{
    volume_deinit(&adopted->volume);
}

int volumes_adopt(struct volumes *volumes, const struct adopt_request *request, struct adopted *out,
                  struct error *e)
{
    int r = begin_adopt("adopt", request, e);

    (void)volumes;
    *out = (struct adopted){.from = adopted_web, .made = !fake_volumes.existed, .bytes = 7};
    return r ? r : fill(&out->volume, request->name);
}

int volumes_give_back(struct volumes *volumes, const char *name, struct error *e)
{
    (void)volumes;
    return begin(e, "give back %s", name);
}

int volumes_leave(struct volumes *volumes, const char *name, struct error *e)
{
    (void)volumes;
    return begin(e, "leave %s", name);
}

void volumes_stay(struct volumes *volumes, const char *name)
{
    (void)volumes;
    (void)begin(NULL, "stay %s", name);
}

bool volumes_is_leaving(struct volumes *volumes, const char *name)
{
    (void)volumes;
    return fake_volumes.leaving && strcmp(name, "web") == 0;
}

int volumes_adoption_get(struct volumes *volumes, const char *name, struct volume *out,
                         struct adoption *from, struct error *e)
{
    int r = begin(e, "adoption %s", name);

    (void)volumes;
    *from = adopted_web;
    *out = (struct volume){0};
    return r ? r : fill(out, name);
}

int volumes_adoption_each(struct volumes *volumes,
                          int (*visit)(void *context, const struct volume *volume,
                                       const struct adoption *from),
                          void *context, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    int r = begin(e, "adoptions");

    (void)volumes;
    if (r == 0)
        r = fill(&volume, "web");
    return r ? r : visit(context, &volume, &adopted_web);
}

bool volumes_adoption_progress(struct volumes *volumes, const char *name, struct copy_status *out)
{
    (void)volumes;
    *out = (struct copy_status){.bytes = 1, .total_bytes = 3, .entries = 2};
    return strcmp(name, "busy") == 0;
}
