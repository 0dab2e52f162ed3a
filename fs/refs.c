/*
 * Who refers to a volume: recorded attachments, engines' uses and live mounts
 * made into one list, in which a container is one whichever ways it is known.
 *
 * Rules of the merge, in their order:
 *  1. A recorded attachment is a line of its own.
 *  2. A live mount belongs to the recorded container that it is of, by id or name
 *     (container_is_same). With the destination equal too it is the same line.
 *  3. A use does not say whose it is. Docker has one for each place where a
 *     container has the volume: each line of one that is seen live, or recorded
 *     as running, accounts for a use; only what is left over is counted by
 *     itself. So the count is never 0 while a use is held.
 *
 * Lists of one volume and counts of all go through the same merge. No state,
 * no locks; the catalog is not called from inside its visits.
 */
#include "fs/refs.h"

#include "catalog/cleanup.h"
#include "fs/caller.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reference_deinit(struct reference *reference)
{
    free(reference->destination);
}

void references_deinit(struct references *references)
{
    for (size_t i = 0; i < references->count; i++)
        reference_deinit(&references->items[i]);
    free(references->items);
    *references = (struct references){0};
}

const char *reference_container(const struct reference *reference, char buffer[13])
{
    if (reference->container_name[0])
        return reference->container_name;
    if (!name_is_anonymous(reference->container_id)) /* a name, or mnt-INODE */
        return reference->container_id;
    snprintf(buffer, CONTAINER_ID_SHORT + 1, "%.*s", CONTAINER_ID_SHORT, reference->container_id);
    return buffer;
}

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

/* ---- making one ----------------------------------------------------------- */

/* Room for one more: capacities are powers of two, so none has to be kept. */
static int array_grow(void *items, size_t count, size_t size)
{
    void **pointer = items;
    void *grown;

    if (count & (count - 1))
        return 0;
    grown = reallocarray(*pointer, count ? count * 2 : 1, size);
    if (!grown)
        return -ENOMEM;
    *pointer = grown;
    return 0;
}

/* Takes over the reference; its destination may be NULL from a failed strdup. */
static int references_append(struct references *references, struct reference *reference)
{
    int r = reference->destination ? 0 : -ENOMEM;

    if (r == 0)
        r = array_grow(&references->items, references->count, sizeof(*references->items));
    if (r < 0)
        reference_deinit(reference);
    else
        references->items[references->count++] = *reference;
    return r;
}

static struct reference from_attachment(const struct attachment *attachment,
                                        const struct container *container)
{
    struct reference reference = {
        .destination = strdup(attachment->destination),
        .readonly = attachment->readonly,
        .label = attachment->label,
        .sources = REFERENCE_RECORDED,
        .running = container->state == CONTAINER_RUNNING,
    };

    copy_text(reference.container_id, sizeof(reference.container_id), container->id);
    copy_text(reference.container_name, sizeof(reference.container_name), container->name);
    copy_text(reference.engine, sizeof(reference.engine), container->engine);
    copy_text(reference.engine_id, sizeof(reference.engine_id), container->engine_id);
    return reference;
}

static struct reference from_live(const struct live_mount *mount)
{
    struct reference reference = {
        .destination = strdup(mount->destination),
        .readonly = mount->readonly,
        .sources = REFERENCE_LIVE,
        .running = true,
        .pid = mount->pid,
    };

    copy_text(reference.container_id, sizeof(reference.container_id), mount->container_id);
    return reference;
}

static struct reference from_use(const struct use *use)
{
    struct reference reference = {
        .destination = strdup(""),
        .sources = REFERENCE_USE,
        .running = true,
    };

    snprintf(reference.container_id, sizeof(reference.container_id), "%.*s", CONTAINER_ID_MAX,
             use->mount_id);
    return reference;
}

/* ---- the merge ------------------------------------------------------------ */

/* Rule 2: whether the live container is the recorded one. */
static bool same_container(const struct reference *recorded, const struct reference *live)
{
    return container_is_same(recorded->container_id, recorded->container_name, live->container_id);
}

static void adopt_container(struct reference *reference, const struct reference *as)
{
    memcpy(reference->container_id, as->container_id, sizeof(reference->container_id));
    memcpy(reference->container_name, as->container_name, sizeof(reference->container_name));
    memcpy(reference->engine, as->engine, sizeof(reference->engine));
    memcpy(reference->engine_id, as->engine_id, sizeof(reference->engine_id));
    reference->label = as->label;
}

/* What is seen adds to what is recorded; the stricter mode is the one in force. */
static void fold_live(struct reference *into, const struct reference *live)
{
    into->sources |= live->sources;
    into->readonly |= live->readonly;
    into->running = true;
    into->pid = live->pid;
}

/* Takes over the live reference. */
static int merge_live(struct references *references, struct reference *live)
{
    for (size_t i = 0; live->destination && i < references->count; i++) {
        struct reference *item = &references->items[i];

        if (!same_container(item, live))
            continue;
        if (strcmp(item->destination, live->destination) == 0) {
            fold_live(item, live);
            reference_deinit(live);
            return 0;
        }
        adopt_container(live, item);
        item->running = true;
        item->pid = item->pid ? item->pid : live->pid;
    }
    return references_append(references, live);
}

static int reference_compare(const void *left, const void *right)
{
    const struct reference *a = left;
    const struct reference *b = right;
    char a_short[13];
    char b_short[13];
    int r = strcmp(reference_container(a, a_short), reference_container(b, b_short));

    if (r == 0)
        r = strcmp(a->container_id, b->container_id);
    return r ? r : strcmp(a->destination, b->destination);
}

static void references_sort(struct references *references)
{
    if (references->count)
        qsort(references->items, references->count, sizeof(*references->items), reference_compare);
}

/* Equal containers stand together in a sorted list. */
static bool starts_container(const struct references *references, size_t i)
{
    return i == 0 ||
           strcmp(references->items[i].container_id, references->items[i - 1].container_id) != 0;
}

static void references_count(struct references *references)
{
    references->containers = 0;
    for (size_t i = 0; i < references->count; i++)
        references->containers += starts_container(references, i);
}

/* Rule 3: whether the line may be the one an engine holds a use for. One that its engine's API
 * lists may be in whatever state: engines mount volumes before that says running, and after. */
static bool accounts_for_use(const struct reference *reference)
{
    return (reference->sources & REFERENCE_LIVE) || ((reference->sources & REFERENCE_RECORDED) &&
                                                     (reference->running || reference->engine[0]));
}

/* Marks such lines, as many as there are uses; returns how many. */
static size_t account_for_uses(struct references *references, size_t uses)
{
    size_t accounted = 0;

    for (size_t i = 0; i < references->count && accounted < uses; i++) {
        if (!accounts_for_use(&references->items[i]))
            continue;
        references->items[i].sources |= REFERENCE_USE;
        accounted++;
    }
    return accounted;
}

/*
 * Folds everything known of one volume: `recorded` lines are there already.
 * The uses are the caller's.
 */
static int references_merge(struct references *references, const struct live_mount *live,
                            size_t live_count, const struct use *uses, size_t use_count)
{
    int r = 0;

    for (size_t i = 0; i < live_count && r == 0; i++) {
        struct reference reference = from_live(&live[i]);

        r = merge_live(references, &reference);
    }
    if (r < 0)
        return r;
    references_sort(references);
    for (size_t i = account_for_uses(references, use_count); i < use_count && r == 0; i++) {
        struct reference reference = from_use(&uses[i]);

        r = references_append(references, &reference);
    }
    references_sort(references);
    references_count(references);
    return r;
}

/* ---- live mounts by volume ------------------------------------------------ */

/* The mounts of one volume in the sorted list: the first, and how many. */
static const struct live_mount *live_find(const struct live_mounts *live, const char *name,
                                          size_t *count)
{
    size_t low = 0;
    size_t high = live ? live->count : 0;

    *count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(live->items[middle].volume, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (!live || low == live->count)
        return NULL;
    while (low + *count < live->count && strcmp(live->items[low + *count].volume, name) == 0)
        (*count)++;
    return &live->items[low];
}

/* ---- one volume ----------------------------------------------------------- */

struct uses {
    struct use *items;
    size_t count;
};

static void uses_deinit(struct uses *uses)
{
    free(uses->items);
}

static int visit_attachment(void *context, const struct attachment *attachment,
                            const struct container *container)
{
    struct reference reference = from_attachment(attachment, container);

    return references_append(context, &reference);
}

static int visit_use(void *context, const struct use *use)
{
    struct uses *uses = context;
    int r = array_grow(&uses->items, uses->count, sizeof(*uses->items));

    if (r == 0)
        uses->items[uses->count++] = *use;
    return r;
}

/* Containers seen but not recorded as this volume's may still have a name. */
static int references_name(struct references *references, struct catalog *catalog, struct error *e)
{
    for (size_t i = 0; i < references->count; i++) {
        struct reference *item = &references->items[i];
        struct container container;
        int r;

        if (item->container_name[0] || !(item->sources & REFERENCE_LIVE))
            continue;
        r = catalog_container_get(catalog, item->container_id, &container, NULL);
        if (r == ERROR_NOT_FOUND || r == ERROR_LIMIT)
            continue;
        if (r != 0)
            return error_set(e, r, "container %s cannot be read from the catalog",
                             item->container_id);
        copy_text(item->container_name, sizeof(item->container_name), container.name);
    }
    references_sort(references);
    return 0;
}

static int collect(struct catalog *catalog, const struct volume *volume,
                   const struct live_mounts *live, struct references *out, struct error *e)
{
    _cleanup_(uses_deinit) struct uses uses = {0};
    size_t live_count;
    const struct live_mount *first = live_find(live, volume->name, &live_count);
    int r = catalog_attachment_each_of_volume(catalog, volume->id, visit_attachment, out, e);

    if (r == 0)
        r = catalog_use_each(catalog, volume->id, visit_use, &uses, e);
    if (r == 0)
        r = references_merge(out, first, live_count, uses.items, uses.count);
    if (r != 0 && e && !e->text[0])
        error_set(e, r, "the references of volume %s cannot be read: %s", volume->name,
                  r < 0 ? strerror(-r) : error_code_name(r));
    if (r != 0)
        return r;
    return references_name(out, catalog, e);
}

int references_collect(struct catalog *catalog, const struct volume *volume,
                       const struct live_mounts *live, struct references *out, struct error *e)
{
    int r;

    *out = (struct references){0};
    r = collect(catalog, volume, live, out, e);
    if (r != 0)
        references_deinit(out);
    return r;
}

int references_count_one(struct catalog *catalog, const struct volume *volume,
                         const struct live_mounts *live, uint32_t *out, struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    size_t live_count;
    uint32_t uses;
    int r = catalog_reference_count(catalog, volume->id, out, &uses, e);

    live_find(live, volume->name, &live_count);
    if (r || (live_count == 0 && uses == 0))
        return r;
    r = references_collect(catalog, volume, live, &references, e);
    *out = references.containers;
    return r;
}

/* ---- all volumes ---------------------------------------------------------- */

/* What is known of a volume, before it is merged. */
struct party {
    char volume_id[VOLUME_ID_LENGTH + 1];
    struct references recorded;
    struct uses uses;
    const struct live_mount *live;
    size_t live_count;
};

struct parties {
    struct party *items; /* sorted by volume id once all volumes are known */
    size_t count;
    const struct live_mounts *live;
};

static void parties_deinit(struct parties *parties)
{
    for (size_t i = 0; i < parties->count; i++) {
        references_deinit(&parties->items[i].recorded);
        uses_deinit(&parties->items[i].uses);
    }
    free(parties->items);
}

static int party_compare(const void *left, const void *right)
{
    const struct party *a = left;
    const struct party *b = right;

    return strcmp(a->volume_id, b->volume_id);
}

static struct party *parties_find(const struct parties *parties, const char *volume_id)
{
    struct party key = {0};

    if (!parties->count)
        return NULL;
    copy_text(key.volume_id, sizeof(key.volume_id), volume_id);
    return bsearch(&key, parties->items, parties->count, sizeof(key), party_compare);
}

static int visit_volume(void *context, const struct volume *volume)
{
    struct parties *parties = context;
    struct party party = {0};
    int r = array_grow(&parties->items, parties->count, sizeof(*parties->items));

    if (r < 0)
        return r;
    copy_text(party.volume_id, sizeof(party.volume_id), volume->id);
    party.live = live_find(parties->live, volume->name, &party.live_count);
    parties->items[parties->count++] = party;
    return 0;
}

/* A row of a volume that is being removed, or came after the list was made, is left out. */
static int visit_any_attachment(void *context, const struct attachment *attachment,
                                const struct container *container)
{
    struct party *party = parties_find(context, attachment->volume_id);

    return party ? visit_attachment(&party->recorded, attachment, container) : 0;
}

static int visit_any_use(void *context, const struct use *use)
{
    struct party *party = parties_find(context, use->volume_id);

    return party ? visit_use(&party->uses, use) : 0;
}

static int parties_collect(struct parties *parties, struct catalog *catalog, struct error *e)
{
    int r = catalog_volume_each(catalog, visit_volume, parties, e);

    if (r != 0)
        return r;
    if (parties->count)
        qsort(parties->items, parties->count, sizeof(*parties->items), party_compare);
    r = catalog_attachment_each(catalog, visit_any_attachment, parties, e);
    return r ? r : catalog_use_each(catalog, NULL, visit_any_use, parties, e);
}

int references_count_all(struct catalog *catalog, const struct live_mounts *live,
                         void (*visit)(void *context, const char *volume_id, uint32_t containers),
                         void *context, struct error *e)
{
    _cleanup_(parties_deinit) struct parties parties = {.live = live};
    int r = parties_collect(&parties, catalog, e);

    for (size_t i = 0; i < parties.count && r == 0; i++) {
        struct party *party = &parties.items[i];

        r = references_merge(&party->recorded, party->live, party->live_count, party->uses.items,
                             party->uses.count);
        if (r == 0 && party->recorded.containers)
            visit(context, party->volume_id, party->recorded.containers);
    }
    if (r != 0 && e && !e->text[0])
        error_set(e, r, "the references of volumes cannot be counted: %s",
                  r < 0 ? strerror(-r) : error_code_name(r));
    return r;
}

/* ---- text ----------------------------------------------------------------- */

char *references_format(const struct references *references)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    bool failed;

    if (!stream)
        return NULL;
    for (size_t i = 0; i < references->count; i++) {
        const struct reference *reference = &references->items[i];
        char buffer[13];

        fprintf(stream, "%s%s:%s:%s", i ? "\n" : "", reference_container(reference, buffer),
                reference->destination, reference->readonly ? "ro" : "rw");
    }
    failed = ferror(stream);
    if (fclose(stream) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
