/*
 * What an engine's API tells of containers, made into records.
 *
 * The engine's word goes for the container's name, its state and the mounts that it lists; other
 * attachments of the same container (the hook's, or made by hand) stay as they are: an engine never
 * changes the mounts of a container it has made. The stripes of the volumes and the container are
 * held from the look to the commit, which is one change of the catalog.
 *
 * An engine is asked before each removal, and nearly all it tells is known already: of a container
 * that has not changed no more is asked than says so, and of one that has nothing to do with us,
 * nothing.
 */
#include "fs/volume_engine.h"

#include "catalog/attachment_list.h"
#include "catalog/cleanup.h"
#include "fs/volume_engine_mount.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>

/* ---- putting -------------------------------------------------------------------- */

struct putting {
    struct volumes *volumes;
    const struct engine *engine;
    const struct engine_container *told;
    struct sorted_mount *mounts; /* as many as told->mounts */
    bool known;                  /* recorded already */
    struct container container;
    struct container named;                  /* whom its name means here; id "": nobody */
    struct container by_hand;                /* recorded by attach, under its name; id "": none */
    struct attachments before, hand, wanted; /* what it had, what that had, what it is to have */
};

static void putting_deinit(struct putting *putting)
{
    for (size_t i = 0; putting->mounts && i < putting->told->mount_count; i++)
        free(putting->mounts[i].subpath);
    free(putting->mounts);
    attachments_deinit(&putting->before);
    attachments_deinit(&putting->hand);
    attachments_deinit(&putting->wanted);
}

static int putting_sort(struct putting *putting)
{
    const struct engine_container *told = putting->told;
    int r = 0;

    putting->mounts = calloc(told->mount_count + 1, sizeof(*putting->mounts));
    if (!putting->mounts)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < told->mount_count; i++)
        r = engine_mount_sort(putting->volumes, putting->engine, &told->mounts[i],
                              &putting->mounts[i]);
    return r;
}

static bool concerns_us(const struct putting *putting, const struct engine_recorded *recorded)
{
    for (size_t i = 0; i < putting->told->mount_count; i++)
        if (putting->mounts[i].sort != SORT_OTHER)
            return true;
    return !recorded || engine_recorded_has(recorded, putting->told->id);
}

/* Whether somebody recorded one of its name by hand. */
static bool is_by_hand(const struct putting *putting)
{
    const struct container *named = &putting->named;

    return named->id[0] && strcmp(putting->container.name, putting->told->name) != 0 &&
           strcmp(named->runtime, RUNTIME_ATTACH) == 0 && !named->engine[0];
}

static int read_attachments(struct putting *putting, const char *container_id,
                            struct attachments *out, struct error *e)
{
    attachments_deinit(out);
    *out = (struct attachments){0};
    return *container_id ? catalog_attachment_each_of_container(
                               putting->volumes->catalog, container_id, attachments_collect, out, e)
                         : 0;
}

/* What the catalog has of it. */
static int putting_find(struct putting *putting, struct error *e)
{
    const struct engine_container *told = putting->told;
    int r = catalog_container_identify(putting->volumes->catalog, told->id, told->name,
                                       &putting->container, &putting->named, e);

    putting->known = putting->container.id[0] != 0;
    if (!putting->known)
        putting->container = (struct container){.created_at = told->created_at};
    putting->by_hand = is_by_hand(putting) ? putting->named : (struct container){0};
    if (r == 0)
        r = read_attachments(putting, putting->known ? told->id : "", &putting->before, e);
    return r ? r : read_attachments(putting, putting->by_hand.id, &putting->hand, e);
}

static uint64_t attachments_mask(const struct volumes *volumes,
                                 const struct attachments *attachments)
{
    struct volume_entry entry;
    uint64_t mask = 0;

    for (size_t i = 0; i < attachments->count; i++)
        if (volume_table_find_by_id(volumes->table, attachments->items[i].volume_id, &entry))
            mask |= stripe_of(entry.name);
    return mask;
}

static uint64_t putting_mask(const struct putting *putting)
{
    uint64_t mask = stripe_of(putting->told->id);

    if (putting->told->name[0])
        mask |= stripe_of(putting->told->name);
    if (putting->container.name[0])
        mask |= stripe_of(putting->container.name);
    for (size_t i = 0; i < putting->told->mount_count; i++)
        if (putting->mounts[i].sort == SORT_OURS)
            mask |= stripe_of(putting->mounts[i].name);
    return mask | attachments_mask(putting->volumes, &putting->before) |
           attachments_mask(putting->volumes, &putting->hand);
}

/*
 * With every stripe that the container goes by, under its old name and its new one, and those of
 * all its volumes. Those of what the engine tells are taken first: of a container that has not
 * changed they are all.
 */
static int putting_lock(struct putting *putting, uint64_t *mask, struct error *e)
{
    uint64_t wanted = putting_mask(putting);

    for (;;) {
        int r;

        *mask = wanted;
        stripes_lock(putting->volumes, *mask);
        r = putting_find(putting, e);
        if (r == 0)
            wanted = putting_mask(putting);
        if (r == 0 && wanted == *mask)
            return 0;
        stripes_unlock(putting->volumes, *mask);
        if (r)
            return r;
    }
}

/* What is recorded at the destination says more than the engine, if it is of the same volume. */
static int putting_want(struct putting *putting, const struct sorted_mount *sorted)
{
    const struct engine_mount *mount = sorted->mount;
    const struct attachment *before = attachments_find(&putting->before, mount->destination);
    struct attachment attachment = {.destination = mount->destination,
                                    .readonly = mount->readonly,
                                    .subpath = sorted->subpath,
                                    .label = mount->label};
    struct volume_entry volume;

    if (attachments_find(&putting->wanted, mount->destination))
        return 0; /* said twice */
    if (sorted->sort == SORT_UNKNOWN)
        return before ? attachments_add(&putting->wanted, before) : 0;
    if (sorted->sort == SORT_OTHER ||
        !volume_table_find(putting->volumes->table, sorted->name, &volume))
        return 0;
    memcpy(attachment.volume_id, volume.id, sizeof(attachment.volume_id));
    if (before && strcmp(before->volume_id, volume.id) == 0) {
        attachment.nocopy = before->nocopy;
        attachment.unnamed = before->unnamed;
        memcpy(attachment.propagation, before->propagation, sizeof(attachment.propagation));
        memcpy(attachment.from, before->from, sizeof(attachment.from));
        if (attachment.label == LABEL_NONE)
            attachment.label = before->label;
    }
    return attachments_add(&putting->wanted, &attachment);
}

/* One of the name that was recorded by hand is this one if they have a volume in common; else it
 * is somebody else's word of something else. */
static int putting_consider_by_hand(struct putting *putting)
{
    if (putting->by_hand.id[0] && attachments_share_volume(&putting->wanted, &putting->hand))
        return attachments_join(&putting->wanted, &putting->hand);
    putting->by_hand.id[0] = 0;
    return 0;
}

static int putting_collect(struct putting *putting)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < putting->told->mount_count; i++)
        r = putting_want(putting, &putting->mounts[i]);
    if (r == 0)
        r = attachments_join(&putting->wanted, &putting->before);
    return r ? r : putting_consider_by_hand(putting);
}

/* A list may have been made before the hook told of the start: then its process is there. */
static enum container_state state_now(const struct putting *putting)
{
    if (putting->told->state != CONTAINER_RUNNING && putting->known &&
        volume_container_runs(putting->volumes, &putting->container))
        return CONTAINER_RUNNING;
    return putting->told->state;
}

/* A name that another has here is left out: it goes by its id. */
static void putting_describe(struct putting *putting)
{
    const struct engine_container *told = putting->told;
    struct container *container = &putting->container;

    memcpy(container->id, told->id, sizeof(container->id));
    memcpy(container->name, told->name, sizeof(container->name));
    if (putting->named.id[0] && strcmp(putting->named.id, told->id) != 0)
        container->name[0] = 0;
    if (!putting->known)
        snprintf(container->runtime, sizeof(container->runtime), "%s", putting->engine->name);
    if (putting->engine->id[0] || strcmp(container->engine, putting->engine->name) != 0)
        memcpy(container->engine_id, putting->engine->id, sizeof(container->engine_id));
    snprintf(container->engine, sizeof(container->engine), "%s", putting->engine->name);
    container->state = state_now(putting);
}

/* ---- labels ------------------------------------------------------------------------ */

static int label_one(struct putting *putting, const struct volume_entry *entry,
                     enum access_label label, bool *changed, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    int r = catalog_volume_get_by_id(putting->volumes->catalog, entry->id, &volume, e);

    if (r == 0)
        r = volume_label_check(putting->volumes, &volume, label, &putting->container, e);
    if (r == 0)
        r = volume_label_attach(putting->volumes, &volume, label, &putting->container, changed, e);
    if (r == 0 && *changed)
        volume_event_labelled(putting->volumes, entry->id);
    return r;
}

/*
 * A label that the engine tells of is applied once, when it is new: after that the volume's is an
 * administrator's to change. One that is refused is recorded as it was, and so is new again the
 * next time. Else no more is done than to take over a private volume that its owner has left.
 */
static int apply_label(struct putting *putting, struct attachment *attachment, bool *changed,
                       struct error *e)
{
    struct volume_table *table = putting->volumes->table;
    const struct attachment *before = attachments_find(&putting->before, attachment->destination);
    enum access_label had = LABEL_NONE, fresh;
    struct volume_entry entry;
    int r;

    if (before && strcmp(before->volume_id, attachment->volume_id) == 0)
        had = before->label;
    else
        before = NULL;
    fresh = attachment->label != had ? attachment->label : LABEL_NONE;
    if (!volume_table_find_by_id(table, attachment->volume_id, &entry) ||
        (fresh == LABEL_NONE && !(volume_table_flags(table, entry.ref) & VOLUME_FLAG_PRIVATE)))
        return 0;
    r = label_one(putting, &entry, fresh, changed, e);
    if (r)
        attachment->label = had;
    if (r == ERROR_DENIED && !before)
        volume_event_refused(putting->volumes, entry.id, entry.name, putting->container.id);
    return r;
}

/* The engine has made the container already: it cannot be refused any more, only denied. True if a
 * label has changed. */
static bool putting_label(struct putting *putting)
{
    struct error why = {0};
    bool changed = false;
    int failed = 0;

    for (size_t i = 0; i < putting->wanted.count; i++) {
        struct error e = {0};
        bool one = false;
        int r = apply_label(putting, &putting->wanted.items[i], &one, &e);

        changed |= one;
        if (r && !failed) {
            failed = r;
            why = e;
        }
    }
    if (failed)
        volume_container_problem(putting->volumes, putting->container.id,
                                 why.text[0]  ? why.text
                                 : failed < 0 ? strerror(-failed)
                                              : error_code_name(failed),
                                 "the container may not use the volume; remove it");
    else
        volume_container_problem_clear(putting->volumes, putting->container.id);
    return changed;
}

/* ---- the record ---------------------------------------------------------------------- */

/* The one recorded by hand is given up once all that it held is recorded with this one. */
static int putting_take_over(struct putting *putting, struct error *e)
{
    int r =
        volume_access_drop_container(putting->volumes, putting->by_hand.id, CATALOG_SYNC_NOW, e);

    if (r)
        return r;
    memcpy(putting->container.name, putting->told->name, sizeof(putting->container.name));
    return catalog_container_put(putting->volumes->catalog, &putting->container, NULL, e);
}

static void renew_all(struct volumes *volumes, const struct attachments *attachments)
{
    for (size_t i = 0; i < attachments->count; i++)
        if (attachments->items[i].volume_id[0])
            volume_access_renew(volumes, attachments->items[i].volume_id,
                                attachments->items[i].readonly);
}

/* Those of `some` that `others` have not. */
static void publish_others(const struct putting *putting, enum event_action action,
                           const struct attachments *some, const struct attachments *others)
{
    for (size_t i = 0; i < some->count; i++) {
        const struct attachment *item = &some->items[i];
        const struct attachment *other = attachments_find(others, item->destination);

        if (!other || strcmp(other->volume_id, item->volume_id) != 0)
            volume_event_attachment(putting->volumes, action, &putting->container, item);
    }
}

/* In what an engine says of it. */
static bool container_equal(const struct container *a, const struct container *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->engine, b->engine) == 0 &&
           strcmp(a->engine_id, b->engine_id) == 0 && a->state == b->state;
}

/* `before`: the container as it was recorded. */
static int putting_write(struct putting *putting, const struct container *before, bool *changed,
                         struct error *e)
{
    int r;

    *changed = !putting->known || putting->by_hand.id[0] ||
               !container_equal(before, &putting->container) ||
               !attachments_equal(&putting->before, &putting->wanted);
    if (!*changed)
        return 0;
    r = catalog_container_sync(putting->volumes->catalog, &putting->container,
                               putting->wanted.items, putting->wanted.count, time_now(), e);
    if (r == 0) {
        publish_others(putting, EVENT_DETACH, &putting->before, &putting->wanted);
        publish_others(putting, EVENT_ATTACH, &putting->wanted, &putting->before);
    }
    if (r == 0 && putting->by_hand.id[0])
        r = putting_take_over(putting, e);
    renew_all(putting->volumes, &putting->before);
    renew_all(putting->volumes, &putting->wanted);
    return r;
}

/* ---- what follows ------------------------------------------------------------------ */

static void tell_all(struct volumes *volumes, const struct attachments *attachments)
{
    struct volume_entry entry;

    for (size_t i = 0; i < attachments->count; i++)
        if (volume_table_find_by_id(volumes->table, attachments->items[i].volume_id, &entry))
            volumes_tell_rules(volumes, entry.name, entry.ref);
}

/* With the stripes held. A volume is private before anybody may think that it is not. */
static int putting_commit(struct putting *putting, bool *changed, struct error *e)
{
    struct container before = putting->container;
    bool labelled;
    int r = putting_collect(putting);

    if (r || (!putting->known && !putting->wanted.count))
        return r;
    putting_describe(putting);
    labelled = putting_label(putting);
    r = putting_write(putting, &before, changed, e);
    *changed |= labelled;
    return r;
}

/* With no stripe held. */
static bool wants_process_now(const struct putting *putting)
{
    return putting->told->state == CONTAINER_RUNNING && (putting->known || putting->wanted.count) &&
           !volume_container_runs(putting->volumes, &putting->container);
}

int volumes_engine_put(struct volumes *volumes, const struct engine *engine,
                       const struct engine_container *container,
                       const struct engine_recorded *recorded, bool *wants_process, struct error *e)
{
    _cleanup_(putting_deinit) struct putting putting = {
        .volumes = volumes, .engine = engine, .told = container};
    bool changed = false;
    uint64_t mask;
    int r = name_check_container(container->id, e);

    *wants_process = false;
    if (r == 0)
        r = putting_sort(&putting);
    if (r || !concerns_us(&putting, recorded))
        return r;
    r = putting_lock(&putting, &mask, e);
    if (r)
        return r;
    r = putting_commit(&putting, &changed, e);
    stripes_unlock(volumes, mask);
    if (changed)
        tell_all(volumes, &putting.wanted);
    *wants_process = r == 0 && wants_process_now(&putting);
    return r;
}
