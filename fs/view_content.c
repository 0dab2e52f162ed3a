/*
 * What .volumefs/ shows, told by the use cases of volumes: whole directories
 * for READDIR, single names for LOOKUP (`ls -l` asks for each name it has
 * read, so a lookup must not cost a listing). No state.
 */
#include "fs/view_content.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum view_kind kind;
} top_entries[] = {
    {"by-container", VIEW_BY_CONTAINER},
    {"by-id", VIEW_BY_ID},
    {"dangling", VIEW_DANGLING},
    {"status", VIEW_STATUS},
};

void view_entries_deinit(struct view_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        free(entries->items[i].name);
        free(entries->items[i].target);
    }
    free(entries->items);
    *entries = (struct view_entries){0};
}

/* ---- all of a directory ---------------------------------------------------- */

static int entries_add(struct view_entries *entries, const char *name, enum view_kind kind,
                       const char *target)
{
    struct view_entry *grown, *added;

    /* grows by doubling: at every power of two */
    if ((entries->count & (entries->count - 1)) == 0) {
        grown =
            reallocarray(entries->items, entries->count ? entries->count * 2 : 1, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        entries->items = grown;
    }
    added = &entries->items[entries->count++];
    *added = (struct view_entry){strdup(name), target ? strdup(target) : NULL, kind};
    return added->name && (added->target || !target) ? 0 : -ENOMEM;
}

/* A link from a view directory `depth` levels below the root to a volume. */
static int entries_add_link(struct view_entries *entries, const char *name, const char *volume,
                            int depth)
{
    char target[3 * 3 + NAME_MAX_LENGTH + 1];

    snprintf(target, sizeof(target), "%s%s", depth == 3 ? "../../../" : "../../", volume);
    return entries_add(entries, name, VIEW_LINK, target);
}

static int visit_dangling(void *context, const struct volume *volume, uint32_t references)
{
    (void)references;
    return entries_add_link(context, volume->name, volume->name, 2);
}

static int list_dangling(struct volumes *volumes, struct view_entries *entries)
{
    struct filter *filter = filter_new();
    int r = filter ? filter_add(filter, "dangling", "true", NULL) : -ENOMEM;

    if (r == 0)
        r = volumes_each(volumes, filter, visit_dangling, entries, NULL);
    filter_free(filter);
    return r;
}

static int list_by_id(struct volumes *volumes, struct view_entries *entries)
{
    struct volume_entry volume;
    int r = 0;

    for (uint32_t from = 0; r == 0 && volume_table_next(volumes_table(volumes), from, &volume);
         from = volume.ref.index + 1)
        r = entries_add_link(entries, volume.id, volume.name, 2);
    return r;
}

/* Collects the volumes of one container, or the containers of all. */
struct by_container {
    struct view_entries *entries;
    const char *container; /* NULL: the containers themselves */
};

static bool entries_have(const struct view_entries *entries, const char *name)
{
    for (size_t i = 0; i < entries->count; i++)
        if (strcmp(entries->items[i].name, name) == 0)
            return true;
    return false;
}

static int visit_user(void *context, const char *volume, const char *container)
{
    struct by_container *by = context;

    if (!by->container)
        return entries_have(by->entries, container)
                   ? 0
                   : entries_add(by->entries, container, VIEW_CONTAINER, NULL);
    if (strcmp(by->container, container) != 0 || entries_have(by->entries, volume))
        return 0;
    return entries_add_link(by->entries, volume, volume, 3);
}

static int list_by_container(struct volumes *volumes, const char *container,
                             struct view_entries *entries)
{
    struct by_container by = {entries, container};

    return volumes_each_user(volumes, visit_user, &by, NULL);
}

int view_entries_list(struct volumes *volumes, enum view_kind kind, const char *container,
                      struct view_entries *entries)
{
    int r = 0;

    switch (kind) {
    case VIEW_TOP:
        for (size_t i = 0; r == 0 && i < sizeof(top_entries) / sizeof(*top_entries); i++)
            r = entries_add(entries, top_entries[i].name, top_entries[i].kind, NULL);
        break;
    case VIEW_DANGLING:
        r = list_dangling(volumes, entries);
        break;
    case VIEW_BY_ID:
        r = list_by_id(volumes, entries);
        break;
    case VIEW_BY_CONTAINER:
        r = list_by_container(volumes, NULL, entries);
        break;
    case VIEW_CONTAINER:
        r = list_by_container(volumes, container, entries);
        break;
    case VIEW_NONE:
    case VIEW_STATUS:
    case VIEW_LINK:
        return ENOTDIR;
    }
    return error_to_errno(r);
}

/* ---- one entry, without a listing: `ls -l` asks for each ------------------- */

static int find_at_top(const char *name, struct view_entries *found)
{
    for (size_t i = 0; i < sizeof(top_entries) / sizeof(*top_entries); i++)
        if (strcmp(top_entries[i].name, name) == 0)
            return entries_add(found, name, top_entries[i].kind, NULL);
    return 0;
}

static int find_by_id(struct volumes *volumes, const char *id, struct view_entries *found)
{
    struct volume_entry volume;

    return volume_table_find_by_id(volumes_table(volumes), id, &volume)
               ? entries_add_link(found, id, volume.name, 2)
               : 0;
}

static bool references_have(const struct references *references, const char *container)
{
    char buffer[13];

    for (size_t i = 0; i < references->count; i++)
        if (strcmp(reference_container(&references->items[i], buffer), container) == 0)
            return true;
    return false;
}

/* The volume, if `container` refers to it; without a container, if nobody does. */
static int find_referred(struct volumes *volumes, const char *container, const char *volume,
                         struct view_entries *found)
{
    struct references references = {0};
    int r = volumes_references(volumes, volume, &references, NULL);

    if (r == 0 && (container ? references_have(&references, container) : references.count == 0))
        r = entries_add_link(found, volume, volume, container ? 3 : 2);
    references_deinit(&references);
    return r;
}

static int find_container(struct volumes *volumes, const char *name, struct view_entries *found)
{
    _cleanup_(view_entries_deinit) struct view_entries all = {0};
    int r = list_by_container(volumes, NULL, &all);

    return r == 0 && entries_have(&all, name) ? entries_add(found, name, VIEW_CONTAINER, NULL) : r;
}

int view_entries_find(struct volumes *volumes, enum view_kind kind, const char *container,
                      const char *name, struct view_entries *found)
{
    int r = 0;

    switch (kind) {
    case VIEW_TOP:
        r = find_at_top(name, found);
        break;
    case VIEW_DANGLING:
        r = find_referred(volumes, NULL, name, found);
        break;
    case VIEW_BY_ID:
        r = find_by_id(volumes, name, found);
        break;
    case VIEW_BY_CONTAINER:
        r = find_container(volumes, name, found);
        break;
    case VIEW_CONTAINER:
        r = find_referred(volumes, container, name, found);
        break;
    case VIEW_NONE:
    case VIEW_STATUS:
    case VIEW_LINK:
        return ENOTDIR;
    }
    return error_to_errno(r);
}
