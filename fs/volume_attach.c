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
#include "fs/place.h"
#include "fs/volume_host.h"
#include "fs/volume_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One mount that is being attached. */
struct item {
    const struct mount_spec *spec;
    char name[NAME_MAX_LENGTH + 1]; /* of the volume; "" for a host path */
    const char *subpath;            /* borrowed from the spec or own_subpath, or NULL */
    char *own_subpath;
    bool unnamed;
    bool bind;    /* given as a path of the tree */
    bool created; /* on the way */
    bool relabelled;
    struct volume volume; /* as it was before */
    struct volume_ref ref;
};

struct attaching {
    struct volumes *volumes;
    struct container container;
    struct item *items;
    size_t count;
    bool recorded;
};

static void attaching_deinit(struct attaching *attaching)
{
    for (size_t i = 0; i < attaching->count; i++) {
        volume_deinit(&attaching->items[i].volume);
        free(attaching->items[i].own_subpath);
    }
    free(attaching->items);
}

/* ---- what is asked for ------------------------------------------------- */

/* "NAME/sub", as seen from the root of the tree. */
static int item_set_tree_path(struct item *item, const char *inner, struct error *e)
{
    size_t length = strcspn(inner, "/");

    if (length == 0)
        return error_set(e, ERROR_SPEC_INVALID,
                         "%s is the whole tree of volumes; name a volume in it",
                         item->spec->source);
    if (inner[0] == '.' || length > NAME_MAX_LENGTH)
        return error_set(e, ERROR_SPEC_INVALID, "%s is no path of a volume; name a volume",
                         item->spec->source);
    memcpy(item->name, inner, length);
    item->name[length] = 0;
    if (inner[length] && inner[length + 1]) {
        item->own_subpath = strdup(inner + length + 1);
        if (!item->own_subpath)
            return -ENOMEM;
        item->subpath = item->own_subpath;
    }
    item->bind = true;
    return name_check_volume(item->name, e);
}

/*
 * A bind of a path in the tree is a reference to that volume, whatever links and bind mounts lead
 * there. 1: it was one; 0: it is not in the tree; else a code.
 */
static int item_from_tree_path(const struct volumes *volumes, struct item *item, struct error *e)
{
    _cleanup_(close_p) int fd = open(item->spec->source, O_PATH | O_CLOEXEC);
    size_t length = strlen(volumes->mountpoint);
    struct place place;
    int r;

    if (fd >= 0) {
        if (place_of_fd(fd, &place) < 0 || !place.is_tree ||
            place.device != atomic_load(&volumes->tree_device))
            return 0;
        r = item_set_tree_path(item, place.inner + 1, e);
        return r ? r : 1;
    }
    /* a volume that is yet to be made */
    if (!place_path_is_within(item->spec->source, volumes->mountpoint) ||
        !item->spec->source[length])
        return 0;
    r = item_set_tree_path(item, item->spec->source + length + 1, e);
    if (r == 0 && item->subpath)
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid mount config for type \"bind\": bind source path does not exist: "
                         "%s; make it with: mkdir -p %s",
                         item->spec->source, item->spec->source);
    return r ? r : 1;
}

static int item_prepare_bind(const struct volumes *volumes, struct item *item, struct error *e)
{
    const struct mount_spec *spec = item->spec;
    int r;

    if (!spec->source)
        return -EINVAL;
    r = item_from_tree_path(volumes, item, e);
    if (r == 0)
        return volume_check_host_path(spec->source, spec->create_source, e);
    return r == 1 ? 0 : r;
}

static int item_prepare(const struct volumes *volumes, struct item *item, struct error *e)
{
    const struct mount_spec *spec = item->spec;

    switch (spec->type) {
    case MOUNT_VOLUME:
        item->subpath = spec->subpath;
        item->unnamed = !spec->source || !*spec->source;
        if (item->unnamed)
            return name_make_random(item->name, ANONYMOUS_NAME_LENGTH);
        if (name_check_volume(spec->source, e))
            return ERROR_NAME_INVALID;
        snprintf(item->name, sizeof(item->name), "%s", spec->source);
        return 0;
    case MOUNT_BIND:
        return item_prepare_bind(volumes, item, e);
    case MOUNT_TMPFS:
        break;
    }
    return error_set(e, ERROR_SPEC_INVALID,
                     "invalid mount config for %s: a tmpfs has no data to attach; leave it out",
                     spec->destination);
}

static int attaching_prepare(struct attaching *attaching, const struct mount_spec *specs,
                             size_t count, struct error *e)
{
    int r;

    if (count == 0)
        return error_set(e, ERROR_REQUEST_INVALID, "no volume to attach is given");
    if (count > SPEC_MOUNTS_MAX)
        return error_set(e, ERROR_LIMIT, "%zu mounts are more than the %d a container may have",
                         count, SPEC_MOUNTS_MAX);
    r = spec_check_duplicates(specs, count, e);
    if (r)
        return r;
    attaching->items = calloc(count, sizeof(*attaching->items));
    if (!attaching->items)
        return -ENOMEM;
    attaching->count = count;
    for (size_t i = 0; r == 0 && i < count; i++) {
        attaching->items[i].spec = &specs[i];
        r = item_prepare(attaching->volumes, &attaching->items[i], e);
    }
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

/* ---- the container ------------------------------------------------------ */

enum { ID_PREFIX_SURE = 12 }; /* as engines show ids: shorter ones may be meant as a name */

static bool container_is_meant(const struct container *container, const char *key)
{
    return strcmp(container->id, key) == 0 || strcmp(container->name, key) == 0 ||
           strlen(key) >= ID_PREFIX_SURE;
}

/* An existing one that the key means. ERROR_NOT_FOUND. */
static int container_find(struct volumes *volumes, const char *key, struct container *out,
                          struct error *e)
{
    int r = catalog_container_get(volumes->catalog, key, out, e);

    if (r == 0 && !container_is_meant(out, key))
        r = ERROR_NOT_FOUND;
    if (r == ERROR_LIMIT && strlen(key) < ID_PREFIX_SURE)
        r = ERROR_NOT_FOUND;
    return r == ERROR_NOT_FOUND ? error_set(e, r, "No such container: %s", key) : r;
}

/* Finds it, or describes a new one: a full id stays the id, all else is a name. */
static int container_resolve(struct volumes *volumes, const char *key, struct container *out,
                             struct error *e)
{
    int r = name_check_container(key, e);

    if (r == 0)
        r = container_find(volumes, key, out, e);
    if (r != ERROR_NOT_FOUND)
        return r;
    *out = (struct container){.state = CONTAINER_CREATED, .created_at = time_now()};
    snprintf(out->runtime, sizeof(out->runtime), "volctl");
    if (name_is_anonymous(key)) { /* 64 hex digits: the form of containers' ids too */
        snprintf(out->id, sizeof(out->id), "%s", key);
        return 0;
    }
    snprintf(out->name, sizeof(out->name), "%s", key);
    return name_make_random(out->id, CONTAINER_ID_MAX);
}

typedef int (*container_resolver)(struct volumes *volumes, const char *key, struct container *out,
                                  struct error *e);

/*
 * Resolves a container and takes its stripe, that of its name (which it has for life) or, without
 * one, of its id, whichever key it goes by: two who change it wait for each other. And those of
 * `mask`. On failure nothing is held.
 */
static int container_lock(struct volumes *volumes, const char *key, container_resolver resolve,
                          uint64_t *mask, struct container *out, struct error *e)
{
    uint64_t wanted, others = *mask;
    int r;

    for (;;) {
        r = resolve(volumes, key, out, e);
        if (r)
            return r;
        wanted = others | stripe_of(out->name[0] ? out->name : out->id);
        stripes_lock(volumes, wanted);
        r = resolve(volumes, key, out, e); /* it may have come or gone meanwhile */
        *mask = others | stripe_of(out->name[0] ? out->name : out->id);
        if (r == 0 && *mask == wanted)
            return 0;
        stripes_unlock(volumes, wanted);
        if (r)
            return r;
    }
}

/* ---- labels -------------------------------------------------------------- */

/* Whether `owner` still refers to the volume, and by what name. */
static int owner_refers(struct volumes *volumes, const struct volume *volume,
                        char name[NAME_MAX_LENGTH + 1], bool *refers, struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    char buffer[13];
    int r;

    *refers = false;
    r = volumes_scan_live(volumes, &live, e);
    if (r == 0)
        r = references_collect(volumes->catalog, volume, &live, &references, e);
    for (size_t i = 0; r == 0 && i < references.count; i++) {
        if (strcmp(references.items[i].container_id, volume->owner) != 0)
            continue;
        *refers = true;
        snprintf(name, NAME_MAX_LENGTH + 1, "%s",
                 reference_container(&references.items[i], buffer));
        break;
    }
    return r;
}

static int item_check_owner(const struct attaching *attaching, const struct item *item,
                            struct error *e)
{
    const struct volume *volume = &item->volume;
    char owner[NAME_MAX_LENGTH + 1];
    bool refers;
    int r;

    if (volume->label != LABEL_PRIVATE || strcmp(volume->owner, attaching->container.id) == 0)
        return 0;
    r = owner_refers(attaching->volumes, volume, owner, &refers, e);
    if (r || !refers)
        return r;
    return error_set(e, ERROR_DENIED,
                     "volume \"%s\" is private to %s, which still refers to it; remove that "
                     "container, or detach it with: volctl detach %s",
                     volume->name, owner, owner);
}

static int label_write(struct volumes *volumes, const struct volume *volume, struct volume_ref ref,
                       struct error *e)
{
    uint32_t flags = volume->label == LABEL_PRIVATE  ? VOLUME_FLAG_PRIVATE
                     : volume->label == LABEL_SHARED ? VOLUME_FLAG_SHARED
                                                     : 0;
    int r = catalog_volume_set_label(volumes->catalog, volume->id, volume->label, volume->owner,
                                     volume->context, e);

    if (r == 0)
        r = store_write_record(volumes->store, volume, e);
    if (r == 0)
        r = volume_table_set_flags(volumes->table, ref, flags,
                                   (VOLUME_FLAG_PRIVATE | VOLUME_FLAG_SHARED) & ~flags);
    return r;
}

/* z shares, Z makes private, and a private volume that nobody holds passes to who comes. */
static int item_relabel(const struct attaching *attaching, struct item *item, struct error *e)
{
    struct volume after = item->volume; /* shallow: the pairs stay the item's */
    int r;

    if (item->spec->label != LABEL_NONE)
        after.label = item->spec->label;
    after.owner[0] = 0;
    if (after.label == LABEL_PRIVATE)
        memcpy(after.owner, attaching->container.id, sizeof(after.owner));
    if (after.label == item->volume.label && strcmp(after.owner, item->volume.owner) == 0)
        return 0;
    item->relabelled = true;
    r = label_write(attaching->volumes, &after, item->ref, e);
    return r;
}

/* ---- attaching ------------------------------------------------------------ */

static int item_find_or_make(struct attaching *attaching, struct item *item, struct error *e)
{
    const struct mount_spec *spec = item->spec;
    struct volume_request request = {
        .name = item->name,
        .driver = item->bind ? NULL : spec->volume_driver,
        .options = spec->volume_options,
        .labels = spec->volume_labels,
    };
    struct volume_entry entry;
    int r = volume_check_request(&request, e);

    if (r)
        return r;
    if (volume_table_find(attaching->volumes->table, item->name, &entry) &&
        !request.options.count && !request.labels.count) {
        item->ref = entry.ref; /* whatever options it has */
        return catalog_volume_get_by_id(attaching->volumes->catalog, entry.id, &item->volume, e);
    }
    if (item->bind && !spec->create_source &&
        !volume_table_find(attaching->volumes->table, item->name, &entry))
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid mount config for type \"bind\": bind source path does not "
                         "exist: %s",
                         spec->source);
    return volume_find_or_make(attaching->volumes, &request,
                               item->unnamed ? VOLUME_ANONYMOUS : VOLUME_NAMED, &item->volume,
                               &item->ref, &item->created, e);
}

/* A part of a volume must be there; it is looked for below the volume's root and nowhere else. */
static int item_check_subpath(const struct attaching *attaching, const struct item *item,
                              struct error *e)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    _cleanup_(close_p) int data = -1;
    _cleanup_(close_p) int fd = -1;

    if (!item->subpath)
        return 0;
    data = store_open_data(attaching->volumes->store, item->volume.id);
    if (data < 0)
        return error_set_errno(e, data, "volume \"%s\"", item->name);
    fd = (int)syscall(SYS_openat2, data, item->subpath, &how, sizeof(how));
    if (fd >= 0)
        return 0;
    return error_set(e, ERROR_SPEC_INVALID,
                     "invalid mount config for type \"volume\": subpath %s of volume \"%s\": %s; "
                     "make it with: mkdir -p %s/%s/%s",
                     item->subpath, item->name, strerror(errno), attaching->volumes->mountpoint,
                     item->name, item->subpath);
}

static void attachment_describe(const struct item *item, struct attachment *out)
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
    if (spec->propagation)
        snprintf(out->propagation, sizeof(out->propagation), "%s", spec->propagation);
}

static int attaching_record(struct attaching *attaching, struct error *e)
{
    _cleanup_(free_p) struct attachment *attachments = NULL;
    int r;

    assert(attaching->count > 0);
    attachments = calloc(attaching->count, sizeof(*attachments));
    if (!attachments)
        return -ENOMEM;
    for (size_t i = 0; i < attaching->count; i++)
        attachment_describe(&attaching->items[i], &attachments[i]);
    r = catalog_attach(attaching->volumes->catalog, &attaching->container, attachments,
                       attaching->count, e);
    attaching->recorded = r == 0;
    return r;
}

static int attaching_run(struct attaching *attaching, struct error *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < attaching->count; i++) {
        struct item *item = &attaching->items[i];

        if (!item->name[0])
            continue;
        r = item_find_or_make(attaching, item, e);
        if (r == 0)
            r = item_check_subpath(attaching, item, e);
        if (r == 0)
            r = item_check_owner(attaching, item, e);
    }
    if (r == 0)
        r = attaching_record(attaching, e);
    for (size_t i = 0; r == 0 && i < attaching->count; i++)
        if (attaching->items[i].name[0])
            r = item_relabel(attaching, &attaching->items[i], e);
    return r;
}

/* Takes a container that only attach made out again once nothing is left of it. */
static int container_drop_if_ours(struct volumes *volumes, const struct container *container,
                                  struct error *e)
{
    return strcmp(container->runtime, "volctl") == 0
               ? catalog_container_delete(volumes->catalog, container->id, e)
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
            (void)!label_write(volumes, &attaching->items[i].volume, attaching->items[i].ref, NULL);
    if (attaching->recorded) {
        for (size_t i = 0; i < attaching->count; i++)
            (void)!catalog_detach(volumes->catalog, attaching->container.id,
                                  attaching->items[i].spec->destination, NULL);
        if (catalog_attachment_each_of_container(volumes->catalog, attaching->container.id,
                                                 attachment_found, NULL) == 0)
            (void)!container_drop_if_ours(volumes, &attaching->container, NULL);
    }
    for (size_t i = 0; i < attaching->count; i++)
        if (attaching->items[i].created)
            (void)!volume_take_away(volumes, attaching->items[i].volume.id, attaching->items[i].ref,
                                    NULL);
}

/* What was made on the way may have been looked up before it was taken away again. */
static void attaching_tell_undone(const struct attaching *attaching)
{
    for (size_t i = 0; i < attaching->count; i++)
        if (attaching->items[i].created)
            volumes_tell_removed(attaching->volumes, attaching->items[i].name,
                                 attaching->items[i].ref);
}

/* Events, and the time of use, which is worth no refusal. */
static void attaching_tell(const struct attaching *attaching)
{
    struct volumes *volumes = attaching->volumes;
    int64_t now = time_now();

    for (size_t i = 0; i < attaching->count; i++) {
        const struct item *item = &attaching->items[i];

        if (!item->name[0])
            continue;
        (void)!catalog_volume_touch(volumes->catalog, item->volume.id, now, NULL);
        if (item->created)
            volumes_tell_created(volumes, item->name);
        else
            volumes_tell_rules(volumes, item->name, item->ref); /* who may write has changed */
    }
}

int volumes_attach(struct volumes *volumes, const char *key, const struct mount_spec *specs,
                   size_t count, struct container *out, struct error *e)
{
    _cleanup_(attaching_deinit) struct attaching attaching = {.volumes = volumes};
    uint64_t mask;
    int r;

    r = attaching_prepare(&attaching, specs, count, e);
    if (r)
        return r;
    mask = attaching_stripes(&attaching);
    r = container_lock(volumes, key, container_resolve, &mask, &attaching.container, e);
    if (r)
        return r;
    r = attaching_run(&attaching, e);
    if (r)
        attaching_undo(&attaching);
    stripes_unlock(volumes, mask);
    if (r)
        attaching_tell_undone(&attaching);
    else
        attaching_tell(&attaching);
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
    int r;

    r = catalog_attachment_each_of_container(volumes->catalog, container->id, touched_add, touched);
    if (r)
        return r;
    r = catalog_detach(volumes->catalog, container->id, destination, e);
    if (destination || (r && r != ERROR_NOT_FOUND))
        return r;
    return container_drop_if_ours(volumes, container, e);
}

int volumes_detach(struct volumes *volumes, const char *key, const char *destination,
                   struct error *e)
{
    struct touched touched = {.table = volumes->table, .destination = destination};
    struct container container;
    uint64_t mask = 0;
    int r;

    r = container_lock(volumes, key, container_find, &mask, &container, e);
    if (r)
        return r;
    r = detach_locked(volumes, &container, destination, &touched, e);
    stripes_unlock(volumes, mask);
    for (size_t i = 0; r == 0 && i < touched.count; i++)
        volumes_tell_rules(volumes, touched.items[i].name, touched.items[i].ref);
    free(touched.items);
    return r;
}
