/*
 * References of containers to volumes: recording them, with whatever volumes
 * they need, and taking them back.
 *
 * The stripes of every volume named and of the container are held from
 * the look at the volumes to the commit, so that none is removed in between and
 * one name never makes two containers. The attachments are one transaction; the
 * labels z and Z follow, and are put back with it if they fail.
 */
#include "catalog/cleanup.h"
#include "fs/volume_engine.h"
#include "fs/volume_item.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct attaching {
    struct volumes *volumes;
    const struct attach_request *request;
    struct container container;
    struct mount_item *items;
    size_t count;
    struct run run; /* of the request: strings are borrowed */
    bool recorded;
};

static void attaching_deinit(struct attaching *attaching)
{
    for (size_t i = 0; i < attaching->count; i++)
        mount_item_deinit(&attaching->items[i]);
    free(attaching->items);
}

/* ---- what is asked for ------------------------------------------------- */

static struct mount_item *attaching_find(struct attaching *attaching, const char *destination)
{
    for (size_t i = 0; i < attaching->count; i++)
        if (strcmp(attaching->items[i].spec->destination, destination) == 0)
            return &attaching->items[i];
    return NULL;
}

/* Room for one more, where it belongs: in the place of what it overrides, or at the end. */
static struct mount_item *attaching_place(struct attaching *attaching, const char *destination)
{
    struct mount_item *item = attaching_find(attaching, destination);

    if (item) {
        mount_item_deinit(item);
        return item;
    }
    assert(attaching->count < SPEC_MOUNTS_MAX);
    return &attaching->items[attaching->count++];
}

/* Takes the mounts of one container over. */
struct taking {
    struct attaching *attaching;
    const struct volumes_from *from;
};

static int take_mount(void *context, const struct attachment *attachment,
                      const struct volume *volume)
{
    struct taking *taking = context;
    struct attaching *attaching = taking->attaching;
    struct mount_item taken, *item;
    int r;

    if (attaching->count == SPEC_MOUNTS_MAX && !attaching_find(attaching, attachment->destination))
        return ERROR_LIMIT;
    r = mount_item_take(&taken, attachment, volume, taking->from);
    if (r) {
        mount_item_deinit(&taken);
        return r;
    }
    item = attaching_place(attaching, attachment->destination);
    *item = taken;
    item->spec = &item->own_spec;
    return 0;
}

/* --volumes-from, in order: of two with one destination the later one counts. */
static int attaching_take(struct attaching *attaching, const struct volumes_from *from,
                          struct error *e)
{
    struct taking taking = {attaching, from};
    struct container container;
    int r = volume_container_find(attaching->volumes, from->container, &container, e);

    if (r)
        return r;
    r = catalog_attachment_each_of_container(attaching->volumes->catalog, container.id, take_mount,
                                             &taking, e);
    return r == ERROR_LIMIT
               ? error_set(e, r, "container %s has too many mounts to take over", from->container)
               : r;
}

/* -v and --mount override what was taken from others. */
static int attaching_add(struct attaching *attaching, const struct mount_spec *spec,
                         struct error *e)
{
    struct mount_item *item = attaching_place(attaching, spec->destination);

    *item = (struct mount_item){.spec = spec};
    return mount_item_prepare(attaching->volumes, item, e);
}

static int attaching_prepare(struct attaching *attaching, struct error *e)
{
    const struct attach_request *request = attaching->request;
    int r;

    if (request->count > SPEC_MOUNTS_MAX)
        return error_set(e, ERROR_LIMIT, "%zu mounts are more than the %d a container may have",
                         request->count, SPEC_MOUNTS_MAX);
    r = spec_check_duplicates(request->specs, request->count, e);
    if (r)
        return r;
    attaching->items = calloc(SPEC_MOUNTS_MAX, sizeof(*attaching->items));
    if (!attaching->items)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < request->from_count; i++)
        r = attaching_take(attaching, &request->from[i], e);
    for (size_t i = 0; r == 0 && i < request->count; i++)
        r = attaching->count < SPEC_MOUNTS_MAX
                ? attaching_add(attaching, &request->specs[i], e)
                : error_set(e, ERROR_LIMIT, "a container may have %d mounts", SPEC_MOUNTS_MAX);
    if (r == 0 && attaching->count == 0 && !request->create)
        return error_set(e, ERROR_REQUEST_INVALID, "no volume to attach is given");
    return r;
}

static uint64_t attaching_stripes(const struct attaching *attaching)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < attaching->count; i++)
        if (attaching->items[i].name[0])
            mask |= stripe_of(attaching->items[i].name);
    return mask;
}

/* ---- attaching ------------------------------------------------------------ */

static void attachment_describe(const struct mount_item *item, struct attachment *out)
{
    const struct mount_spec *spec = item->spec;

    *out = (struct attachment){
        .destination = spec->destination,
        .source = item->name[0] ? NULL : spec->source,
        .readonly = spec->readonly,
        .nocopy = spec->nocopy,
        .unnamed = item->unnamed,
        .label = spec->label,
    };
    /* only read by the catalog */
    memcpy(&out->subpath, &item->subpath, sizeof(out->subpath));
    memcpy(out->volume_id, item->volume.id, sizeof(out->volume_id));
    memcpy(out->from, item->from, sizeof(out->from));
    if (spec->propagation)
        snprintf(out->propagation, sizeof(out->propagation), "%s", spec->propagation);
}

static int attaching_record(struct attaching *attaching, struct error *e)
{
    _cleanup_(free_p) struct attachment *attachments = NULL;
    int r;

    attachments = calloc(attaching->count + 1, sizeof(*attachments));
    if (!attachments)
        return -ENOMEM;
    for (size_t i = 0; i < attaching->count; i++)
        attachment_describe(&attaching->items[i], &attachments[i]);
    r = catalog_attach(attaching->volumes->catalog, &attaching->container,
                       attaching->request->run ? &attaching->run : NULL, attachments,
                       attaching->count, time_now(),
                       attaching->request->starts ? CATALOG_SYNC_LATER : CATALOG_SYNC_NOW, e);
    attaching->recorded = r == 0;
    return r;
}

/* What the rootfs has for volumes: those that are taken from others, and parts of one, get nothing.
 */
static int attaching_look(struct attaching *attaching, struct error *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && attaching->run.rootfs && i < attaching->count; i++) {
        struct mount_item *item = &attaching->items[i];

        if (item->name[0] && !item->from[0] && !item->subpath && !item->spec->nocopy)
            r = volume_copy_look(attaching->run.rootfs, item->spec->destination, &item->source, e);
    }
    return r;
}

/* Whether a volume gets files from the rootfs when all is recorded. */
static void attaching_note_copies(struct attaching *attaching)
{
    attaching->run.copy_due = false;
    for (size_t i = 0; attaching->run.rootfs && i < attaching->count; i++) {
        const struct mount_item *item = &attaching->items[i];

        if (item->name[0] && volume_copy_is_due(attaching->volumes, item->volume.id, &item->source))
            attaching->run.copy_due = true;
    }
}

static int attaching_run(struct attaching *attaching, struct error *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < attaching->count; i++) {
        struct mount_item *item = &attaching->items[i];

        if (!item->name[0])
            continue;
        r = mount_item_find_or_make(attaching->volumes, item, e);
        if (r == 0)
            r = mount_item_check_subpath(attaching->volumes, item, e);
        if (r == 0)
            r = volume_label_check(attaching->volumes, &item->volume, item->spec->label,
                                   &attaching->container, e);
        if (r == ERROR_DENIED)
            volume_event_refused(attaching->volumes, item->volume.id, item->volume.name,
                                 attaching->container.id);
    }
    attaching_note_copies(attaching);
    if (r == 0)
        r = attaching_record(attaching, e);
    for (size_t i = 0; r == 0 && i < attaching->count; i++) {
        struct mount_item *item = &attaching->items[i];

        if (item->name[0])
            r = volume_label_attach(attaching->volumes, &item->volume, item->spec->label,
                                    &attaching->container, &item->relabelled, e);
    }
    return r;
}

/* Takes a container that only attach made out again once nothing is left of it. */
static int container_drop_if_attached(struct volumes *volumes, const struct container *container,
                                      struct error *e)
{
    return strcmp(container->runtime, RUNTIME_ATTACH) == 0
               ? catalog_container_delete(volumes->catalog, container->id, CATALOG_SYNC_NOW, e)
               : 0;
}

static int attachment_found(void *context, const struct attachment *attachment,
                            const struct volume *volume)
{
    (void)context;
    (void)attachment;
    (void)volume;
    return 1;
}

static void attaching_undo(struct attaching *attaching)
{
    struct volumes *volumes = attaching->volumes;

    for (size_t i = 0; i < attaching->count; i++)
        if (attaching->items[i].relabelled)
            (void)!volume_label_write(volumes, &attaching->items[i].volume, NULL);
    if (attaching->recorded) {
        for (size_t i = 0; i < attaching->count; i++)
            (void)!catalog_detach(volumes->catalog, attaching->container.id,
                                  attaching->items[i].spec->destination, NULL);
        if (catalog_attachment_each_of_container(volumes->catalog, attaching->container.id,
                                                 attachment_found, NULL, NULL) == 0)
            (void)!(attaching->request->create
                        ? catalog_container_delete(volumes->catalog, attaching->container.id,
                                                   CATALOG_SYNC_NOW, NULL)
                        : container_drop_if_attached(volumes, &attaching->container, NULL));
    }
    for (size_t i = 0; i < attaching->count; i++)
        if (attaching->items[i].created)
            (void)!volume_take_away(volumes, attaching->items[i].volume.id, attaching->items[i].ref,
                                    NULL);
}

/* Also after an undoing, of which a part may have failed. */
static void attaching_renew_access(const struct attaching *attaching)
{
    for (size_t i = 0; attaching->recorded && i < attaching->count; i++)
        if (attaching->items[i].name[0])
            volume_access_renew(attaching->volumes, attaching->items[i].volume.id,
                                attaching->items[i].spec->readonly);
}

static void attaching_publish(const struct attaching *attaching)
{
    for (size_t i = 0; i < attaching->count; i++) {
        const struct mount_item *item = &attaching->items[i];

        if (!item->name[0])
            continue;
        if (item->created)
            volume_event_created(attaching->volumes, &item->volume);
        volume_event_attached(attaching->volumes, &attaching->container, &item->volume,
                              item->spec->destination, item->spec->readonly);
        if (item->relabelled)
            volume_event_labelled(attaching->volumes, item->volume.id);
    }
}

/* What was made on the way may have been looked up before it was taken away again. */
static void attaching_tell_undone(const struct attaching *attaching)
{
    for (size_t i = 0; i < attaching->count; i++)
        if (attaching->items[i].created)
            volumes_tell_removed(attaching->volumes, attaching->items[i].name,
                                 attaching->items[i].ref);
}

static void attaching_tell(const struct attaching *attaching)
{
    struct volumes *volumes = attaching->volumes;

    for (size_t i = 0; i < attaching->count; i++) {
        const struct mount_item *item = &attaching->items[i];

        if (!item->name[0])
            continue;
        if (item->created)
            volumes_tell_created(volumes, item->name);
        else
            volumes_tell_rules(volumes, item->name, item->ref); /* who may write has changed */
    }
}

/* What the request says of a new container beside its key; with the stripe of its id held too. */
static int attaching_identify(struct attaching *attaching, const char *key, struct error *e)
{
    const struct attach_request *request = attaching->request;
    struct container *container = &attaching->container, taken;

    if (!request->create)
        return 0;
    if (request->runtime)
        snprintf(container->runtime, sizeof(container->runtime), "%s", request->runtime);
    if (request->running)
        container->state = CONTAINER_RUNNING;
    if (!request->id)
        return 0;
    if (volume_container_find_exact(attaching->volumes, request->id, &taken, NULL) == 0)
        return error_set(e, ERROR_EXISTS, "Conflict. There is a container %s already", request->id);
    snprintf(container->id, sizeof(container->id), "%s", request->id);
    if (strcmp(key, request->id) == 0)
        container->name[0] = 0;
    return 0;
}

/* With the container's stripe held, and those of the volumes. */
static int attaching_commit(struct attaching *attaching, const char *key, struct error *e)
{
    int r = attaching_identify(attaching, key, e);

    if (r)
        return r;
    r = attaching_run(attaching, e);
    if (r)
        attaching_undo(attaching);
    attaching_renew_access(attaching);
    if (r == 0)
        attaching_publish(attaching);
    return r;
}

/* Gives up a container whose volumes could not be filled, and the volumes that were made for it. */
static void attaching_abandon(struct attaching *attaching)
{
    struct volume_entry entry;
    bool same;

    (void)!volume_container_remove_judged(attaching->volumes, &attaching->container, NULL,
                                          CONTAINER_REMOVE_VOLUMES | CONTAINER_REMOVE_FORCE, NULL,
                                          &same, NULL);
    for (size_t i = 0; i < attaching->count; i++) {
        const struct mount_item *item = &attaching->items[i];

        /* what has files by now is somebody's, and another of its name is not ours */
        if (item->created && volume_table_find(attaching->volumes->table, item->name, &entry) &&
            strcmp(entry.id, item->volume.id) == 0)
            (void)!volumes_remove(attaching->volumes, item->name, REMOVE_IF_EMPTY, ORIGIN_API,
                                  NULL);
    }
}

/* Takes the stripes, and whatever the key means. */
static int attaching_lock(struct attaching *attaching, const char *key, uint64_t *mask,
                          struct error *e)
{
    const struct attach_request *request = attaching->request;
    container_resolver resolve = request->create     ? volume_container_describe_new
                                 : request->existing ? volume_container_find_exact
                                                     : volume_container_resolve;

    *mask = attaching_stripes(attaching);
    if (request->id)
        *mask |= stripe_of(request->id);
    return volume_container_lock(attaching->volumes, key, resolve, mask, &attaching->container, e);
}

int volumes_attach(struct volumes *volumes, const char *key, const struct attach_request *request,
                   struct container *out, struct error *e)
{
    _cleanup_(attaching_deinit) struct attaching attaching = {.volumes = volumes,
                                                              .request = request};
    char id[CONTAINER_ID_MAX + 1];
    uint64_t mask;
    int r;

    if (request->run)
        attaching.run = *request->run;
    r = request->id ? name_check_container(request->id, e) : name_make_random(id, CONTAINER_ID_MAX);
    if (r == 0)
        r = attaching_prepare(&attaching, e);
    if (r == 0)
        r = attaching_look(&attaching, e);
    if (r)
        return r;
    if (!key || !*key)
        key = request->id ? request->id : id;
    volumes_review_uses(volumes); /* who else uses what is to become private */
    r = attaching_lock(&attaching, key, &mask, e);
    if (r)
        return r;
    r = attaching_commit(&attaching, key, e);
    stripes_unlock(volumes, mask);
    if (r)
        attaching_tell_undone(&attaching);
    else
        attaching_tell(&attaching);
    if (r == 0 && attaching.run.copy_due) {
        r = volume_container_copy_if_due(volumes, attaching.container.id, e);
        if (r)
            attaching_abandon(&attaching);
    }
    *out = attaching.container;
    return r;
}

/* ---- detaching ------------------------------------------------------------- */

/* Volumes whose rules a detach changes, told when it is done. */
struct touched {
    struct volume_table *table;
    const char *destination; /* NULL: all */
    struct volume_entry *items;
    size_t count;
};

static int touched_add(void *context, const struct attachment *attachment,
                       const struct volume *volume)
{
    struct touched *touched = context;
    struct volume_entry *grown;

    if (!volume ||
        (touched->destination && strcmp(touched->destination, attachment->destination) != 0))
        return 0;
    grown = reallocarray(touched->items, touched->count + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    touched->items = grown;
    if (volume_table_find_by_id(touched->table, volume->id, &grown[touched->count]))
        touched->count++;
    return 0;
}

static int detach_locked(struct volumes *volumes, const struct container *container,
                         const char *destination, struct touched *touched, struct error *e)
{
    _cleanup_(departures_deinit) struct departures departures = {0};
    int r;

    r = catalog_attachment_each_of_container(volumes->catalog, container->id, touched_add, touched,
                                             e);
    if (r == 0)
        r = volume_event_note_departures(volumes, container->id, destination, &departures, e);
    if (r)
        return r;
    r = catalog_detach(volumes->catalog, container->id, destination, e);
    if (r == 0)
        volume_event_departed(volumes, container, &departures);
    if (destination && r == ERROR_NOT_FOUND)
        return error_set(e, r, "container %s has nothing attached at %s",
                         container->name[0] ? container->name : container->id, destination);
    if (destination || (r && r != ERROR_NOT_FOUND))
        return r;
    return container_drop_if_attached(volumes, container, e);
}

/* What an engine gave its container comes back with the next list: that is waited for. */
static int check_detached(struct volumes *volumes, const struct container *container,
                          const char *destination, struct error *e)
{
    struct touched left = {.table = volumes->table, .destination = destination};
    int r;

    if (!container->engine[0] ||
        volumes_engine_is_away(volumes, container->engine, container->engine_id))
        return 0;
    r = volumes_refresh_engines(volumes, e);
    if (r == 0)
        r = catalog_attachment_each_of_container(volumes->catalog, container->id, touched_add,
                                                 &left, e);
    free(left.items);
    return r == 0 && left.count ? volume_container_refuse_engines(volumes, container, e) : r;
}

int volumes_detach(struct volumes *volumes, const char *key, const char *destination,
                   struct error *e)
{
    struct touched touched = {.table = volumes->table, .destination = destination};
    struct container container;
    uint64_t mask = 0;
    int r;

    r = volume_container_lock(volumes, key, volume_container_find, &mask, &container, e);
    if (r)
        return r;
    r = detach_locked(volumes, &container, destination, &touched, e);
    for (size_t i = 0; i < touched.count; i++)
        volume_access_renew(volumes, touched.items[i].id, true);
    stripes_unlock(volumes, mask);
    for (size_t i = 0; r == 0 && i < touched.count; i++)
        volumes_tell_rules(volumes, touched.items[i].name, touched.items[i].ref);
    free(touched.items);
    return r ? r : check_detached(volumes, &container, destination, e);
}
