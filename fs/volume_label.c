/*
 * Access labels of volumes, and who owns a private one: in the catalog, in the record, in the
 * table. Who may have which label is decided here, by the references there are; what a label keeps
 * from whom, in policy.c.
 */
#include "catalog/cleanup.h"
#include "fs/caller.h"
#include "fs/volume_private.h"

#include <stdlib.h>
#include <string.h>

static int label_references(struct volumes *volumes, const struct volume *volume,
                            struct references *out, struct error *e)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    int r = volumes_scan_live(volumes, &live, e);

    if (r == 0)
        r = references_collect(volumes->catalog, volume, &live, out, e);
    if (r == 0)
        volumes_mark_away(volumes, out);
    return r;
}

/* Whether a line is of the container; that may be recorded twice, by id and by name. */
static bool is_of(const struct reference *reference, const struct container *container)
{
    return container_is_same(container->id, container->name, reference->container_id) ||
           container_is_same(reference->container_id, reference->container_name, container->id);
}

/* An owner as it is recorded now; one that is not is known by its id alone. */
static int owner_describe(struct volumes *volumes, const char *id, struct container *out,
                          struct error *e)
{
    struct container found;
    int r = volume_container_find_exact(volumes, id, &found, e);

    *out = (struct container){0};
    snprintf(out->id, sizeof(out->id), "%s", id);
    if (r == 0 && strcmp(found.id, id) == 0)
        *out = found;
    return r == ERROR_NOT_FOUND ? 0 : r;
}

/* ---- who may attach --------------------------------------------------------- */

/* ERROR_DENIED if the owner still refers to the volume. */
static int check_owner(struct volumes *volumes, const struct volume *volume,
                       const struct container *container, struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    struct container owner;
    char buffer[13];
    const char *name;
    int r = owner_describe(volumes, volume->owner, &owner, e);

    if (r == 0)
        r = label_references(volumes, volume, &references, e);
    for (size_t i = 0; r == 0 && i < references.count; i++) {
        const struct reference *reference = &references.items[i];

        if (!is_of(reference, &owner) || is_of(reference, container))
            continue;
        name = reference_container(reference, buffer);
        if (reference->engine[0])
            return error_set(e, ERROR_DENIED,
                             "volume \"%s\" is private to %s, which still refers to it; remove "
                             "that container: %s rm -f %s",
                             volume->name, name,
                             reference->away ? "volctl container" : reference->engine, name);
        return error_set(e, ERROR_DENIED,
                         "volume \"%s\" is private to %s, which still refers to it; remove that "
                         "container, or detach it with: volctl detach %s",
                         volume->name, name, name);
    }
    return r;
}

/* Takes out the container's own lines. Of the uses that no container is seen to have, one may be
 * its own: an engine mounts first and tells nobody for whom. */
static void leave_out(struct references *references, const struct container *container)
{
    bool accounted = false;
    size_t kept = 0;

    for (size_t i = 0; i < references->count; i++)
        if (is_of(&references->items[i], container))
            accounted |= references->items[i].sources & REFERENCE_USE;
    for (size_t i = 0; i < references->count; i++) {
        struct reference *reference = &references->items[i];
        bool own = is_of(reference, container);

        if (!own && !accounted && reference->sources == REFERENCE_USE)
            own = accounted = true;
        if (own)
            free(reference->destination);
        else
            references->items[kept++] = *reference;
    }
    references->count = kept;
}

/* ERROR_IN_USE if somebody else refers to it, who would be shut out. */
static int check_others(struct volumes *volumes, const struct volume *volume,
                        const struct container *container, struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    int r = label_references(volumes, volume, &references, e);

    if (r)
        return r;
    leave_out(&references, container);
    return references.count ? volume_refuse_references(volume, &references, e) : 0;
}

int volume_label_check(struct volumes *volumes, const struct volume *volume,
                       enum access_label label, const struct container *container, struct error *e)
{
    if (volume->label != LABEL_PRIVATE)
        return label == LABEL_PRIVATE ? check_others(volumes, volume, container, e) : 0;
    if (!volume->owner[0] || strcmp(volume->owner, container->id) == 0)
        return 0;
    return check_owner(volumes, volume, container, e);
}

/* ---- changes ------------------------------------------------------------------ */

int volume_label_write(struct volumes *volumes, const struct volume *volume, struct error *e)
{
    int r = catalog_volume_set_label(volumes->catalog, volume->id, volume->label, volume->owner,
                                     volume->context, e);
    int shown;

    if (r == 0)
        r = store_write_record(volumes->store, volume, e);
    shown = volume_access_relabel(volumes, volume->id, volume->label);
    if (r == 0 && shown)
        r = error_set(e, shown,
                      "who may use volume \"%s\" cannot be read from the catalog; see: "
                      "volctl doctor",
                      volume->name);
    return r ? r : volume_context_show(volumes, volume);
}

/* Writes what has changed from `before`. */
static int label_change(struct volumes *volumes, const struct volume *before,
                        enum access_label label, const char *owner, bool *changed, struct error *e)
{
    struct volume after = *before; /* shallow: the pairs stay the caller's */
    int r;

    after.label = label;
    snprintf(after.owner, sizeof(after.owner), "%s", label == LABEL_PRIVATE ? owner : "");
    *changed = after.label != before->label || strcmp(after.owner, before->owner) != 0;
    if (!*changed)
        return 0;
    r = volume_context_compose(volumes, &after, e);
    return r ? r : volume_label_write(volumes, &after, e);
}

int volume_label_attach(struct volumes *volumes, const struct volume *volume,
                        enum access_label label, const struct container *container, bool *changed,
                        struct error *e)
{
    /* recorded by what is shown of its id, it stays the owner by all of it */
    bool is_owner =
        volume->owner[0] && container_is_same(container->id, container->name, volume->owner);

    return label_change(volumes, volume, label != LABEL_NONE ? label : volume->label,
                        is_owner ? volume->owner : container->id, changed, e);
}

/* ---- by an administrator ---------------------------------------------------- */

/* The only container that refers to the volume, in whose name it becomes private. */
static int choose_owner(const struct volume *volume, const struct references *references,
                        const char **owner, struct error *e)
{
    const struct reference *reference = references->items;

    *owner = "";
    if (references->containers == 0)
        return 0;
    /* what has no name that lasts cannot be told from what comes after it */
    if (references->containers > 1 || reference->sources == REFERENCE_USE ||
        caller_is_namespace(reference->container_id))
        return volume_refuse_references(volume, references, e);
    *owner = reference->container_id;
    return 0;
}

static bool owner_refers(const struct container *owner, const struct references *references)
{
    for (size_t i = 0; i < references->count; i++)
        if (is_of(&references->items[i], owner))
            return true;
    return false;
}

/* Of one that is private already the owner stays, as long as it refers to it. */
static int find_owner(struct volumes *volumes, const struct volume *volume,
                      char out[CONTAINER_ID_MAX + 1], struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    struct container recorded;
    const char *owner = volume->owner;
    int r = label_references(volumes, volume, &references, e);

    if (r == 0 && *owner)
        r = owner_describe(volumes, owner, &recorded, e);
    if (r == 0 && !(*owner && owner_refers(&recorded, &references)))
        r = choose_owner(volume, &references, &owner, e);
    if (r == 0)
        snprintf(out, CONTAINER_ID_MAX + 1, "%s", owner);
    return r;
}

static int set_locked(struct volumes *volumes, const char *name, enum access_label label,
                      struct volume_ref *ref, bool *changed, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    char owner[CONTAINER_ID_MAX + 1] = "";
    struct volume_entry entry;
    int r;

    if (!volume_table_find(volumes->table, name, &entry))
        return volume_not_found(name, e);
    *ref = entry.ref;
    r = catalog_volume_get_by_id(volumes->catalog, entry.id, &volume, e);
    if (r == 0 && label == LABEL_PRIVATE)
        r = find_owner(volumes, &volume, owner, e);
    if (r)
        return r;
    r = label_change(volumes, &volume, label, owner, changed, e);
    if (r && *changed)
        (void)!volume_label_write(volumes, &volume, NULL);
    else if (*changed)
        volume_event_labelled(volumes, volume.id);
    return r;
}

int volumes_set_label(struct volumes *volumes, const char *name, enum access_label label,
                      struct error *e)
{
    struct volume_ref ref = {0};
    bool changed = false;
    int r;

    volumes_review_uses(volumes);
    stripes_lock(volumes, stripe_of(name));
    r = set_locked(volumes, name, label, &ref, &changed, e);
    stripes_unlock(volumes, stripe_of(name));
    if (r == 0 && changed)
        volumes_tell_rules(volumes, name, ref);
    return r;
}
