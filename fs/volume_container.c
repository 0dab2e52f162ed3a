/*
 * Containers that attach and detach know: by which keys they are found, and how two who change one
 * wait for each other.
 */
#include "fs/volume_private.h"

#include <stdio.h>
#include <string.h>

enum { ID_PREFIX_SURE = 12 }; /* as engines show ids: shorter ones may be meant as a name */

static bool container_is_meant(const struct container *container, const char *key)
{
    return strcmp(container->id, key) == 0 || strcmp(container->name, key) == 0 ||
           strlen(key) >= ID_PREFIX_SURE;
}

int volume_container_find(struct volumes *volumes, const char *key, struct container *out,
                          struct error *e)
{
    int r = catalog_container_get(volumes->catalog, key, out, e);

    if (r == 0 && !container_is_meant(out, key))
        r = ERROR_NOT_FOUND;
    if (r == ERROR_LIMIT && strlen(key) < ID_PREFIX_SURE)
        r = ERROR_NOT_FOUND;
    return r == ERROR_NOT_FOUND ? error_set(e, r, "No such container: %s", key) : r;
}

int volume_container_resolve(struct volumes *volumes, const char *key, struct container *out,
                             struct error *e)
{
    int r = name_check_container(key, e);

    if (r == 0)
        r = volume_container_find(volumes, key, out, e);
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

int volume_container_lock(struct volumes *volumes, const char *key, container_resolver resolve,
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
