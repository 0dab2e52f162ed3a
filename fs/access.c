/*
 * The containers attached to one volume.
 *
 * Invariants of a finished list: one entry a container, and at least one that only reads, or an
 * owner. Those that write are in it too, because a container may be recorded twice, by id and by
 * name, and then one of the two is enough.
 *
 * What an id or a name has in common with every id it can be the same container as is its first
 * CONTAINER_ID_SHORT characters: entries are found by these, the stems, in a sorted array, and then
 * compared in full.
 */
#include "fs/access.h"

#include "fs/caller.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char id[CONTAINER_ID_MAX + 1];
    char name[NAME_MAX_LENGTH + 1];
    bool writes;
};

struct stem {
    char text[CONTAINER_ID_SHORT]; /* shorter ones end in NULs */
    uint32_t entry;
};

struct access_list {
    struct entry *entries;
    uint32_t count;
    struct stem *stems;
    uint32_t stem_count;
    bool has_readers;
    bool has_owner;
    struct entry owner;
};

static struct access_list closed;

struct access_list *access_list_closed(void)
{
    return &closed;
}

struct access_list *access_list_free(struct access_list *list)
{
    if (!list || list == &closed)
        return NULL;
    free(list->entries);
    free(list->stems);
    free(list);
    return NULL;
}

/* ---- making ---------------------------------------------------------------- */

/* Room for one more: capacities are powers of two, so none has to be kept. */
static int entries_grow(struct access_list *list)
{
    size_t count = list->count;
    struct entry *grown;

    if (count & (count - 1))
        return 0;
    if (count > UINT32_MAX / 4)
        return -ENOMEM;
    grown = reallocarray(list->entries, count ? count * 2 : 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    list->entries = grown;
    return 0;
}

static int list_make(struct access_list **list)
{
    if (!*list)
        *list = calloc(1, sizeof(**list));
    return *list ? 0 : -ENOMEM;
}

static struct entry entry_of(const struct container *container, bool writes)
{
    struct entry entry = {.writes = writes};

    memcpy(entry.id, container->id, sizeof(entry.id));
    memcpy(entry.name, container->name, sizeof(entry.name));
    return entry;
}

int access_list_add(struct access_list **list, const struct container *container, bool readonly)
{
    if (list_make(list) < 0 || entries_grow(*list) < 0)
        return -ENOMEM;
    (*list)->entries[(*list)->count++] = entry_of(container, !readonly);
    return 0;
}

int access_list_set_owner(struct access_list **list, const struct container *owner)
{
    if (list_make(list) < 0)
        return -ENOMEM;
    (*list)->owner = entry_of(owner, true);
    (*list)->has_owner = true;
    return 0;
}

static int entry_compare(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;

    return strcmp(a->id, b->id);
}

/* One entry a container. */
static void entries_merge(struct access_list *list)
{
    uint32_t kept = 0;

    if (list->count == 0)
        return;
    qsort(list->entries, list->count, sizeof(*list->entries), entry_compare);
    for (uint32_t i = 0; i < list->count; i++) {
        struct entry *entry = &list->entries[i];

        if (kept && strcmp(list->entries[kept - 1].id, entry->id) == 0)
            list->entries[kept - 1].writes |= entry->writes;
        else
            list->entries[kept++] = *entry;
    }
    list->count = kept;
    for (uint32_t i = 0; i < kept; i++)
        list->has_readers |= !list->entries[i].writes;
}

static void stem_make(struct stem *stem, const char *text)
{
    memset(stem->text, 0, sizeof(stem->text));
    memcpy(stem->text, text, strnlen(text, sizeof(stem->text)));
}

static int stem_compare(const void *left, const void *right)
{
    const struct stem *a = left;
    const struct stem *b = right;

    return memcmp(a->text, b->text, sizeof(a->text));
}

static int stems_make(struct access_list *list)
{
    if (list->count == 0)
        return 0;
    list->stems = calloc((size_t)list->count * 2, sizeof(*list->stems)); /* by id and by name */
    if (!list->stems)
        return -ENOMEM;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct entry *entry = &list->entries[i];

        stem_make(&list->stems[list->stem_count], entry->id);
        list->stems[list->stem_count++].entry = i;
        if (!entry->name[0])
            continue;
        stem_make(&list->stems[list->stem_count], entry->name);
        list->stems[list->stem_count++].entry = i;
    }
    qsort(list->stems, list->stem_count, sizeof(*list->stems), stem_compare);
    return 0;
}

int access_list_finish(struct access_list **list)
{
    if (!*list)
        return 0;
    entries_merge(*list);
    if ((*list)->has_readers || (*list)->has_owner)
        return stems_make(*list);
    *list = access_list_free(*list);
    return 0;
}

/* ---- asking ------------------------------------------------------------------ */

/* The first stem that is not less. */
static uint32_t stems_find(const struct access_list *list, const struct stem *wanted)
{
    uint32_t low = 0;
    uint32_t high = list->stem_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (stem_compare(&list->stems[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What is recorded of the container; of a finished list. */
static void list_look_up(const struct access_list *list, const char *seen, bool *attached,
                         bool *writes)
{
    struct stem wanted;

    *attached = *writes = false;
    stem_make(&wanted, seen);
    for (uint32_t i = stems_find(list, &wanted); i < list->stem_count; i++) {
        const struct entry *entry = &list->entries[list->stems[i].entry];

        if (stem_compare(&list->stems[i], &wanted) != 0)
            break;
        if (!container_is_same(entry->id, entry->name, seen))
            continue;
        *attached = true;
        *writes |= entry->writes;
    }
}

bool access_list_restricts(const struct access_list *list, const char *seen)
{
    bool attached, writes;

    if (!list || list == &closed)
        return list;
    list_look_up(list, seen, &attached, &writes);
    return attached && !writes;
}

bool access_list_has_readers(const struct access_list *list)
{
    return list && (list == &closed || list->has_readers);
}

bool access_list_is_owner(const struct access_list *list, const char *seen)
{
    return list && list->has_owner && container_is_same(list->owner.id, list->owner.name, seen);
}

bool access_list_knows(const struct access_list *list, const char *seen)
{
    bool attached, writes;

    if (!list)
        return false;
    list_look_up(list, seen, &attached, &writes);
    return attached || access_list_is_owner(list, seen);
}
