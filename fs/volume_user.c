/*
 * Who uses which volumes: every container with every volume it refers to, for
 * the view by container. One scan of live mounts; details only of volumes that
 * are referred to.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct used {
    char (*ids)[VOLUME_ID_LENGTH + 1];
    size_t count;
    size_t size;
    bool failed; /* out of memory where nothing can be returned */
};

static void used_deinit(struct used *used)
{
    free(used->ids);
}

static void used_add(void *context, const char *volume_id, uint32_t containers)
{
    struct used *used = context;
    size_t size = used->size ? used->size * 2 : 64;
    void *grown;

    (void)containers;
    if (used->count == used->size) {
        grown = reallocarray(used->ids, size, sizeof(*used->ids));
        if (!grown) {
            used->failed = true;
            return;
        }
        used->ids = grown;
        used->size = size;
    }
    snprintf(used->ids[used->count++], sizeof(*used->ids), "%s", volume_id);
}

static int visit_users(struct volumes *volumes, const char *id, const struct live_mounts *live,
                       int (*visit)(void *context, const char *volume, const char *container),
                       void *context, struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};
    char buffer[13];
    int r = catalog_volume_get_by_id(volumes->catalog, id, &volume, e);

    if (r == ERROR_NOT_FOUND)
        return 0; /* removed meanwhile */
    if (r == 0)
        r = references_collect(volumes->catalog, &volume, live, &references, e);
    for (size_t i = 0; r == 0 && i < references.count; i++)
        r = visit(context, volume.name, reference_container(&references.items[i], buffer));
    return r;
}

int volumes_each_user(struct volumes *volumes,
                      int (*visit)(void *context, const char *volume, const char *container),
                      void *context, struct error *e)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    _cleanup_(used_deinit) struct used used = {0};
    int r = volumes_scan_live(volumes, &live, e);

    if (r == 0)
        r = references_count_all(volumes->catalog, &live, used_add, &used, e);
    if (r == 0 && used.failed)
        r = -ENOMEM;
    for (size_t i = 0; r == 0 && i < used.count; i++)
        r = visit_users(volumes, used.ids[i], &live, visit, context, e);
    return r;
}
