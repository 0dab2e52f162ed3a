/*
 * What a mount specification means here: a volume by name, a new one without, a path of the host,
 * or a path in the tree, which is a volume again.
 */
#include "fs/volume_item.h"

#include "catalog/cleanup.h"
#include "fs/place.h"
#include "fs/volume_host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void mount_item_deinit(struct mount_item *item)
{
    volume_deinit(&item->volume);
    mount_spec_deinit(&item->own_spec);
    free(item->own_subpath);
}

/* "NAME/sub", as seen from the root of the tree. */
static int item_set_tree_path(struct mount_item *item, const char *inner, struct error *e)
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
static int item_from_tree_path(const struct volumes *volumes, struct mount_item *item,
                               struct error *e)
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

static int item_prepare_bind(const struct volumes *volumes, struct mount_item *item,
                             struct error *e)
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

int mount_item_prepare(const struct volumes *volumes, struct mount_item *item, struct error *e)
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

/* A copy of a text that may be absent. False: no memory. */
static bool text_copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

int mount_item_take(struct mount_item *item, const struct attachment *attachment,
                    const struct volume *volume, const struct volumes_from *from)
{
    struct mount_spec *spec = &item->own_spec;

    *item = (struct mount_item){.unnamed = attachment->unnamed};
    spec->type = volume ? MOUNT_VOLUME : MOUNT_BIND;
    spec->readonly = attachment->readonly || from->readonly;
    spec->label = from->label;
    spec->nocopy = true;
    if (!text_copy(&spec->destination, attachment->destination) ||
        !text_copy(&spec->source, volume ? volume->name : attachment->source) ||
        !text_copy(&spec->subpath, attachment->subpath) ||
        !text_copy(&spec->propagation, attachment->propagation))
        return -ENOMEM;
    item->subpath = spec->subpath;
    snprintf(item->from, sizeof(item->from), "%s", attachment->container_id);
    if (volume) {
        snprintf(item->name, sizeof(item->name), "%s", volume->name);
        snprintf(item->volume_id, sizeof(item->volume_id), "%s", volume->id);
    }
    return 0;
}

/* What was taken from a container that has gone since may be another volume, or none. */
static int item_find_taken(struct volumes *volumes, struct mount_item *item, struct error *e)
{
    struct volume_entry entry;

    if (!volume_table_find(volumes->table, item->name, &entry) ||
        strcmp(entry.id, item->volume_id) != 0)
        return error_set(e, ERROR_NOT_FOUND,
                         "container %.12s, which volumes were to be taken from, is gone: No such "
                         "container",
                         item->from);
    item->ref = entry.ref;
    return catalog_volume_get_by_id(volumes->catalog, entry.id, &item->volume, e);
}

int mount_item_find_or_make(struct volumes *volumes, struct mount_item *item, struct error *e)
{
    const struct mount_spec *spec = item->spec;
    struct volume_request request = {
        .name = item->name,
        .driver = item->bind ? NULL : spec->volume_driver,
        .options = spec->volume_options,
        .labels = spec->volume_labels,
    };
    struct volume_entry entry;
    int r;

    if (item->volume_id[0])
        return item_find_taken(volumes, item, e);
    r = volume_check_request(&request, e);
    if (r)
        return r;
    if (volume_table_find(volumes->table, item->name, &entry) && !request.options.count &&
        !request.labels.count) {
        item->ref = entry.ref; /* whatever options it has */
        return catalog_volume_get_by_id(volumes->catalog, entry.id, &item->volume, e);
    }
    if (item->bind && !spec->create_source &&
        !volume_table_find(volumes->table, item->name, &entry))
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid mount config for type \"bind\": bind source path does not "
                         "exist: %s",
                         spec->source);
    return volume_find_or_make(volumes, &request, item->unnamed ? VOLUME_ANONYMOUS : VOLUME_NAMED,
                               &item->volume, &item->ref, &item->created, e);
}

int mount_item_check_subpath(struct volumes *volumes, const struct mount_item *item,
                             struct error *e)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    _cleanup_(close_p) int data = -1;
    _cleanup_(close_p) int fd = -1;

    if (!item->subpath)
        return 0;
    data = store_open_data(volumes->store, item->volume.id);
    if (data < 0)
        return error_set_errno(e, data, "volume \"%s\"", item->name);
    fd = (int)syscall(SYS_openat2, data, item->subpath, &how, sizeof(how));
    if (fd >= 0)
        return 0;
    return error_set(e, ERROR_SPEC_INVALID,
                     "invalid mount config for type \"volume\": subpath %s of volume \"%s\": %s; "
                     "make it with: mkdir -p %s/%s/%s",
                     item->subpath, item->name, strerror(errno), volumes->mountpoint, item->name,
                     item->subpath);
}
