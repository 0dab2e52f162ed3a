/*
 * Lists of volumes with their reference counts, and who refers to one.
 *
 * Counting is one scan of live mounts and one pass of attachments, whatever the
 * number of volumes. What matches is copied first and visited then, with nothing
 * held, so that a visitor may call any use case.
 */
#include "catalog/cleanup.h"
#include "fs/volume_engine.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { NS_PER_S = 1000 * 1000 * 1000, LATELY_NS = 50 * 1000 * 1000 };

struct counted {
    struct volume volume;
    uint32_t references;
};

struct listing {
    struct volumes *volumes;
    const struct filter *filter;
    uint32_t *counts; /* by slot of the table */
    size_t slots;
    struct counted *items;
    size_t count;
    size_t size;
    bool failed; /* out of memory where nothing can be returned */
};

static void listing_deinit(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        volume_deinit(&listing->items[i].volume);
    free(listing->items);
    free(listing->counts);
}

static bool counts_reserve(struct listing *listing, size_t slots)
{
    size_t size = listing->slots ? listing->slots : 64;
    uint32_t *grown;

    while (size < slots)
        size *= 2;
    if (size == listing->slots)
        return true;
    grown = reallocarray(listing->counts, size, sizeof(*grown));
    if (!grown)
        return false;
    memset(grown + listing->slots, 0, (size - listing->slots) * sizeof(*grown));
    listing->counts = grown;
    listing->slots = size;
    return true;
}

static void listing_count(void *context, const char *volume_id, uint32_t containers)
{
    struct listing *listing = context;
    struct volume_entry entry;

    if (!volume_table_find_by_id(listing->volumes->table, volume_id, &entry))
        return;
    if (counts_reserve(listing, (size_t)entry.ref.index + 1))
        listing->counts[entry.ref.index] = containers;
    else
        listing->failed = true;
}

static uint32_t listing_references(const struct listing *listing, const struct volume *volume)
{
    struct volume_entry entry;

    if (!volume_table_find_by_id(listing->volumes->table, volume->id, &entry))
        return 0;
    return entry.ref.index < listing->slots ? listing->counts[entry.ref.index] : 0;
}

static int listing_add(void *context, const struct volume *volume)
{
    struct listing *listing = context;
    uint32_t references = listing_references(listing, volume);
    size_t size = listing->size ? listing->size * 2 : 64;
    struct counted *grown;
    int r;

    if (listing->filter && !filter_match(listing->filter, volume, references == 0))
        return 0;
    if (listing->count == listing->size) {
        grown = reallocarray(listing->items, size, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        listing->items = grown;
        listing->size = size;
    }
    r = volume_copy(&listing->items[listing->count].volume, volume);
    if (r)
        return r;
    listing->items[listing->count++].references = references;
    return 0;
}

static int listing_fill(struct listing *listing, struct error *e)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    struct volumes *volumes = listing->volumes;
    int r;

    volumes_review_uses(volumes);
    r = volumes_scan_live(volumes, &live, e);
    if (r == 0)
        r = references_count_all(volumes->catalog, &live, listing_count, listing, e);
    if (r == 0 && listing->failed)
        r = -ENOMEM;
    return r ? r : catalog_volume_each(volumes->catalog, listing_add, listing, e);
}

int volumes_each(struct volumes *volumes, const struct filter *filter,
                 int (*visit)(void *context, const struct volume *volume, uint32_t references),
                 void *context, struct error *e)
{
    _cleanup_(listing_deinit) struct listing listing = {.volumes = volumes, .filter = filter};
    int r = listing_fill(&listing, e);

    if (r < 0 && e && !e->text[0])
        error_set_errno(e, r, "cannot list the volumes");
    for (size_t i = 0; r == 0 && i < listing.count; i++)
        r = visit(context, &listing.items[i].volume, listing.items[i].references);
    return r;
}

struct uncounted {
    const struct filter *filter;
    int (*visit)(void *context, const struct volume *volume);
    void *context;
};

static int visit_uncounted(void *context, const struct volume *volume)
{
    const struct uncounted *uncounted = context;

    if (uncounted->filter && !filter_match(uncounted->filter, volume, false))
        return 0;
    return uncounted->visit(uncounted->context, volume);
}

static int visit_counted(void *context, const struct volume *volume, uint32_t references)
{
    const struct uncounted *uncounted = context;

    (void)references;
    return uncounted->visit(uncounted->context, volume);
}

int volumes_each_uncounted(struct volumes *volumes, const struct filter *filter,
                           int (*visit)(void *context, const struct volume *volume), void *context,
                           struct error *e)
{
    struct uncounted uncounted = {filter, visit, context};

    return filter && filter_needs_references(filter)
               ? volumes_each(volumes, filter, visit_counted, &uncounted, e)
               : catalog_volume_each(volumes->catalog, visit_uncounted, &uncounted, e);
}

void volumes_mark_away(struct volumes *volumes, struct references *references)
{
    for (size_t i = 0; i < references->count; i++) {
        struct reference *reference = &references->items[i];

        reference->away = reference->engine[0] &&
                          volumes_engine_is_away(volumes, reference->engine, reference->engine_id);
    }
}

int volumes_references(struct volumes *volumes, const char *name, struct references *out,
                       struct error *e)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};
    int r;

    volumes_review_uses(volumes);
    r = volumes_get(volumes, name, &volume, e);
    if (r == 0)
        r = volumes_scan_live(volumes, &live, e);
    if (r == 0)
        r = references_collect(volumes->catalog, &volume, &live, out, e);
    if (r == 0)
        volumes_mark_away(volumes, out);
    return r;
}

/* With the mutex held. */
static int lately_scan(struct volumes *volumes, struct error *e)
{
    int r;

    if (volumes->lately_at && time_monotonic() - volumes->lately_at < LATELY_NS)
        return 0;
    live_mounts_deinit(&volumes->lately);
    volumes->lately_at = 0;
    r = volumes_scan_live(volumes, &volumes->lately, e);
    if (r == 0)
        volumes->lately_at = time_monotonic();
    return r;
}

int volumes_references_lately(struct volumes *volumes, const struct volume *volume,
                              struct references *out, struct error *e)
{
    int r;

    volumes_review_uses(volumes);
    pthread_mutex_lock(&volumes->lately_mutex);
    r = lately_scan(volumes, e);
    if (r == 0)
        r = references_collect(volumes->catalog, volume, &volumes->lately, out, e);
    pthread_mutex_unlock(&volumes->lately_mutex);
    if (r == 0)
        volumes_mark_away(volumes, out);
    return r;
}

int volumes_count_references(struct volumes *volumes, const struct volume *volume, uint32_t *out,
                             struct error *e)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    int r;

    volumes_review_uses(volumes);
    r = volumes_scan_live(volumes, &live, e);
    return r ? r : references_count_one(volumes->catalog, volume, &live, out, e);
}

/* ---- mounts that are dead ------------------------------------------------------------- */

/* Whether one of the same container was told of before. */
static bool is_told(const struct live_mounts *live, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (live->items[k].dead &&
            strcmp(live->items[k].container_id, live->items[i].container_id) == 0)
            return true;
    return false;
}

static int visit_dead(struct volumes *volumes, const struct live_mount *mount,
                      problem_visitor visit, void *context)
{
    struct container container = {0};
    char text[NAME_MAX_LENGTH + 512];

    if (catalog_container_get(volumes->catalog, mount->container_id, &container, NULL) != 0)
        container = (struct container){0};
    snprintf(text, sizeof(text),
             "it runs since before volumefs was started, and gets 'Transport endpoint is not "
             "connected' of volume \"%s\" at %.256s",
             mount->volume, mount->destination);
    return visit(context, container.name[0] ? container.name : mount->container_id, text,
                 "start the container again");
}

int volumes_check_mounts(struct volumes *volumes, problem_visitor visit, void *context)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    int r = volumes_scan_live(volumes, &live, NULL);

    for (size_t i = 0; r == 0 && i < live.count; i++)
        if (live.items[i].dead && !is_told(&live, i))
            r = visit_dead(volumes, &live.items[i], visit, context);
    return r;
}
