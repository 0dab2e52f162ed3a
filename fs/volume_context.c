/*
 * Contexts of volumes: what a label means to SELinux.
 *
 *   none      what was asked for when the volume was made, or none of its own: the tree's
 *   shared    the same, at the level s0: every container has it
 *   private   at the level of its owner
 *
 * The owner's level is its processes', if it runs. If it does not, a level is set aside for it, of
 * two categories that no volume has, as engines make them for containers; and when the owner is
 * then seen with another, as its engine knows nothing of ours, the volume follows it (once: see
 * VOLUME_FLAG_FOLLOWS).
 */
#include "catalog/cleanup.h"
#include "fs/label.h"
#include "fs/label_context.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define CONTEXT_OPTION "selinux-context"

static void levels_freep(struct levels **levels)
{
    levels_free(*levels);
}

static int note_level(void *context, const struct volume *volume)
{
    levels_note(context, volume->context);
    return 0;
}

static int level_set_aside(struct volumes *volumes, const char *name, char out[LEVEL_MAX + 1],
                           struct error *e)
{
    _cleanup_(levels_freep) struct levels *levels = levels_new();
    uint32_t start;
    int r;

    if (!levels)
        return -ENOMEM;
    r = catalog_volume_each(volumes->catalog, note_level, levels, e);
    if (r)
        return r;
    if (getrandom(&start, sizeof(start), 0) != sizeof(start))
        return error_set_errno(e, -errno, "cannot get random numbers");
    return levels_pick(levels, start % LEVEL_PAIRS, out)
               ? 0
               : error_set(e, ERROR_LIMIT, "volume \"%s\": every SELinux level is taken", name);
}

/* A process of the container, as its mounts are seen. 0: it does not run, or has none. */
static int owner_find_process(struct volumes *volumes, const char *owner, pid_t *out,
                              struct error *e)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    int r = volumes_scan_live(volumes, &live, e);

    *out = 0;
    for (size_t i = 0; r == 0 && !*out && i < live.count; i++)
        if (container_is_same(owner, "", live.items[i].container_id))
            *out = live.items[i].pid;
    return r;
}

/* Where its processes have none that keeps others out, one is set aside. */
static int owner_find_level(struct volumes *volumes, const struct volume *volume,
                            char out[LEVEL_MAX + 1], struct error *e)
{
    char context[CONTEXT_MAX + 1];
    pid_t pid;
    int r = owner_find_process(volumes, volume->owner, &pid, e);

    if (r)
        return r;
    if (pid && label_read_process(pid, context) == 0 && level_separates(context_level(context))) {
        snprintf(out, LEVEL_MAX + 1, "%s", context_level(context));
        return 0;
    }
    return level_set_aside(volumes, volume->name, out, e);
}

/* Whether a level that was asked for keeps others out by itself. */
static bool context_is_fixed(const char *asked)
{
    return level_separates(context_level(asked));
}

static int context_relevel(struct volume *volume, const char *level, struct error *e)
{
    return context_set_level(volume->context, level)
               ? 0
               : error_set(e, ERROR_LIMIT,
                           "volume \"%s\": its SELinux context would be longer than %d bytes with "
                           "the level %s",
                           volume->name, CONTEXT_MAX, level);
}

int volume_context_compose(struct volumes *volumes, struct volume *volume, struct error *e)
{
    const char *asked = pairs_get(&volume->options, CONTEXT_OPTION);
    const char *base = asked ? asked : label_tree_context();
    char level[LEVEL_MAX + 1] = "s0";
    int r = 0;

    if (!label_is_on() && !asked)
        return 0; /* what it has may be wanted again */
    if (!asked && volume->label == LABEL_NONE)
        base = "";
    snprintf(volume->context, sizeof(volume->context), "%s", base);
    if (!*base || volume->label == LABEL_NONE || context_is_fixed(base) || !label_is_on())
        return 0;
    if (volume->label == LABEL_PRIVATE && volume->owner[0])
        r = owner_find_level(volumes, volume, level, e);
    return r ? r : context_relevel(volume, level, e);
}

int volume_context_show(struct volumes *volumes, const struct volume *volume)
{
    struct volume_entry entry;

    return volume_table_find_by_id(volumes->table, volume->id, &entry)
               ? volume_table_set_context(volumes->table, entry.ref, volume->context)
               : ERROR_NOT_FOUND;
}

/* ---- an owner that has another level -------------------------------------------------- */

static bool is_owner(struct volumes *volumes, const struct volume *volume, const char *seen)
{
    struct container container = {0};

    if (catalog_container_get(volumes->catalog, volume->owner, &container, NULL) != 0)
        return container_is_same(volume->owner, "", seen);
    return container_is_same(container.id, container.name, seen);
}

/* With the stripe held. */
static int context_follow(struct volumes *volumes, const struct volume_entry *entry,
                          const char *seen, const char *level)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    const char *asked;
    int r = catalog_volume_get_by_id(volumes->catalog, entry->id, &volume, NULL);

    if (r)
        return r;
    asked = pairs_get(&volume.options, CONTEXT_OPTION);
    if (volume.label != LABEL_PRIVATE || (asked && context_is_fixed(asked)) ||
        !is_owner(volumes, &volume, seen))
        return ERROR_DENIED;
    r = context_relevel(&volume, level, NULL);
    if (r == 0)
        r = volume_label_write(volumes, &volume, NULL);
    if (r == 0)
        volume_event_labelled(volumes, volume.id);
    if (r == 0)
        r = volume_table_set_flags(volumes->table, entry->ref, 0, VOLUME_FLAG_FOLLOWS);
    return r;
}

int volumes_follow_owner(struct volumes *volumes, struct volume_ref ref, const char *seen,
                         const char *level)
{
    struct volume_entry entry;
    uint64_t mask;
    int r = ERROR_NOT_FOUND;

    if (!volume_table_get(volumes->table, ref, &entry))
        return r;
    mask = stripe_of(entry.name);
    stripes_lock(volumes, mask);
    /* it may have been renamed, or followed by another thread, before the stripe was ours */
    if (volume_table_get(volumes->table, ref, &entry) && stripe_of(entry.name) == mask)
        r = volume_table_flags(volumes->table, ref) & VOLUME_FLAG_FOLLOWS
                ? context_follow(volumes, &entry, seen, level)
                : 0;
    stripes_unlock(volumes, mask);
    return r;
}
