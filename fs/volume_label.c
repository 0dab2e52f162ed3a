/*
 * Access labels of volumes, and who owns a private one: in the catalog, in the record, in the
 * table.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <stdio.h>
#include <string.h>

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

int volume_label_check_owner(struct volumes *volumes, const struct volume *volume,
                             const char *container_id, struct error *e)
{
    char owner[NAME_MAX_LENGTH + 1];
    bool refers;
    int r;

    if (volume->label != LABEL_PRIVATE || strcmp(volume->owner, container_id) == 0)
        return 0;
    r = owner_refers(volumes, volume, owner, &refers, e);
    if (r || !refers)
        return r;
    volume_event_refused(volumes, volume, container_id);
    return error_set(e, ERROR_DENIED,
                     "volume \"%s\" is private to %s, which still refers to it; remove that "
                     "container, or detach it with: volctl detach %s",
                     volume->name, owner, owner);
}

int volume_label_write(struct volumes *volumes, const struct volume *volume, struct volume_ref ref,
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

int volume_label_attach(struct volumes *volumes, const struct volume *volume, struct volume_ref ref,
                        enum access_label label, const char *container_id, bool *changed,
                        struct error *e)
{
    struct volume after = *volume; /* shallow: the pairs stay the caller's */

    if (label != LABEL_NONE)
        after.label = label;
    after.owner[0] = 0;
    if (after.label == LABEL_PRIVATE)
        snprintf(after.owner, sizeof(after.owner), "%s", container_id);
    *changed = after.label != volume->label || strcmp(after.owner, volume->owner) != 0;
    return *changed ? volume_label_write(volumes, &after, ref, e) : 0;
}
