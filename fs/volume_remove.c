/*
 * Removing volumes, one or all that dangle.
 *
 * Under the stripe: who refers to it (asked anew), tombstone, table, trash. The
 * tombstone is the point of no return: from there on a crash, or a store that
 * refuses the rename, leaves work for the trash thread or the next start, and
 * never the volume.
 */
#include "catalog/cleanup.h"
#include "fs/volume_engine.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
    NAMED_IN_TEXT = 8,                /* containers; more are counted */
    SCAN_FRESH_NS = 50 * 1000 * 1000, /* prune: a scan serves so long */
};

/* ---- who refers to it --------------------------------------------------- */

static void describe_reference(FILE *out, const struct reference *reference)
{
    char buffer[13];

    if (reference->sources == REFERENCE_USE) { /* of a container that is not seen, if of any */
        fprintf(out, "an engine (mount id %s)", reference_container(reference, buffer));
        return;
    }
    fputs(reference_container(reference, buffer), out);
    if (reference->destination && *reference->destination)
        fprintf(out, ":%s", reference->destination);
    if (reference->running)
        fputs(" (running)", out);
}

static void describe_references(FILE *out, const struct references *references)
{
    for (size_t i = 0; i < references->count && i < NAMED_IN_TEXT; i++) {
        fputs(i ? ", " : "", out);
        describe_reference(out, &references->items[i]);
    }
    if (references->count > NAMED_IN_TEXT)
        fprintf(out, " and %zu more", references->count - NAMED_IN_TEXT);
}

/* To be removed where its engine has it. */
static bool is_engines(const struct reference *item)
{
    return item->engine[0] && !item->away;
}

/* The first of its container in a sorted list, of that engine. */
static bool is_first_of_engine(const struct references *references, size_t i, const char *engine)
{
    const struct reference *item = &references->items[i];

    return is_engines(item) && strcmp(item->engine, engine) == 0 &&
           (i == 0 || strcmp(references->items[i - 1].container_id, item->container_id) != 0);
}

/* "docker rm -f web db" */
static void advise_engine(FILE *out, const struct references *references, const char *engine)
{
    bool running = false;
    size_t named = 0;
    char buffer[13];

    for (size_t i = 0; i < references->count; i++)
        running |= references->items[i].running && is_engines(&references->items[i]) &&
                   !strcmp(references->items[i].engine, engine);
    fprintf(out, "%s rm%s", engine, running ? " -f" : "");
    for (size_t i = 0; i < references->count && named < NAMED_IN_TEXT; i++) {
        if (!is_first_of_engine(references, i, engine))
            continue;
        fprintf(out, " %s", reference_container(&references->items[i], buffer));
        named++;
    }
}

static bool is_first_engine(const struct references *references, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (is_engines(&references->items[k]) &&
            strcmp(references->items[k].engine, references->items[i].engine) == 0)
            return false;
    return is_engines(&references->items[i]);
}

/* What is to be done about them, by whom each is known. */
static void advise(FILE *out, const struct references *references)
{
    const struct reference *recorded = NULL, *away = NULL;
    bool others = false, engines = false;
    char buffer[13];

    for (size_t i = 0; i < references->count; i++) {
        const struct reference *item = &references->items[i];

        if (is_first_engine(references, i)) {
            fputs(engines ? ", " : "remove them: ", out);
            advise_engine(out, references, item->engine);
            engines = true;
        }
        others |= !item->engine[0];
        if (!recorded && !item->engine[0] && !item->running && item->sources & REFERENCE_RECORDED)
            recorded = item; /* one that runs has it mounted */
        if (!away && item->away)
            away = item;
    }
    if (others)
        fprintf(out, "%sstop and remove %s", engines ? "; " : "", engines ? "the others" : "them");
    if (recorded)
        fprintf(out, ", or detach with: volctl detach %s", reference_container(recorded, buffer));
    if (away)
        fprintf(out,
                "%sthe %s of %s is away: start it, or if it is gone for good: volctl container rm "
                "-f %s",
                others || engines ? "; " : "", away->engine, reference_container(away, buffer),
                reference_container(away, buffer));
}

int volume_refuse_references(const struct volume *volume, const struct references *references,
                             struct error *e)
{
    char text[ERROR_TEXT_MAX] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    if (!out)
        return -ENOMEM;
    fprintf(out, "volume \"%s\" is in use by ", volume->name);
    describe_references(out, references);
    fputs("; ", out);
    advise(out, references);
    fclose(out);
    return error_set(e, ERROR_IN_USE, "%s", text);
}

int volume_refuse_if_used(struct volumes *volumes, const struct volume *volume,
                          const struct live_mounts *live, struct error *e)
{
    _cleanup_(references_deinit) struct references references = {0};
    int r = references_collect(volumes->catalog, volume, live, &references, e);

    if (r)
        return r;
    volumes_mark_away(volumes, &references);
    return references.count ? volume_refuse_references(volume, &references, e) : 0;
}

/* ---- one ---------------------------------------------------------------- */

int volume_take_away(struct volumes *volumes, const char *id, struct volume_ref ref,
                     struct error *e)
{
    struct error failure = {0};
    int r = catalog_volume_tombstone(volumes->catalog, id, e);

    if (r)
        return r;
    usage_forget(volumes->usage, ref);
    (void)!volume_table_remove(volumes->table, ref);
    if (store_discard(volumes->store, id, &failure) != 0)
        volumes_problem_set(volumes, id, failure.text,
                            "the volume is removed; its data goes at the next start of volumefs");
    volumes_wake_trash(volumes);
    return 0;
}

static int refuse_not_empty(struct volumes *volumes, const struct volume *volume, struct error *e)
{
    int r = store_data_is_empty(volumes->store, volume->id);

    if (r == 0)
        return error_set(e, ERROR_NOT_EMPTY, "volume \"%s\" is not empty", volume->name);
    if (r < 0 && r != -ENOENT) /* no data at all is empty */
        return error_set_errno(e, r, "volume \"%s\"", volume->name);
    return 0;
}

/*
 * An empty volume, if it stays so: no operation begins in it any more while it is looked at the
 * second time.
 */
static int take_away_if_empty(struct volumes *volumes, const struct volume *volume,
                              struct volume_ref ref, struct error *e)
{
    int r = refuse_not_empty(volumes, volume, e);

    if (r)
        return r;
    volume_table_set_flags(volumes->table, ref, VOLUME_FLAG_REMOVED, 0);
    r = refuse_not_empty(volumes, volume, e);
    if (r == 0)
        r = volume_take_away(volumes, volume->id, ref, e);
    if (r)
        volume_table_set_flags(volumes->table, ref, 0, VOLUME_FLAG_REMOVED);
    return r;
}

static int remove_locked(struct volumes *volumes, const char *name, unsigned flags,
                         const struct live_mounts *live, struct volume_ref *ref, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volume_entry entry;
    int r;

    if (!volume_table_find(volumes->table, name, &entry))
        return volume_not_found(name, e);
    *ref = entry.ref;
    r = catalog_volume_get_by_id(volumes->catalog, entry.id, &volume, e);
    if (r == 0)
        r = volume_refuse_if_used(volumes, &volume, live, e);
    if (r)
        return r;
    r = flags & REMOVE_IF_EMPTY ? take_away_if_empty(volumes, &volume, entry.ref, e)
                                : volume_take_away(volumes, volume.id, entry.ref, e);
    if (r == 0) {
        volumes_problem_clear(volumes, volume.name);
        volume_event_removed(volumes, &volume);
    }
    return r;
}

int volume_remove_asked(struct volumes *volumes, const char *name, unsigned flags,
                        enum change_origin origin, struct error *e)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    struct volume_ref ref = {0};
    int r;

    volumes_review_uses(volumes);
    stripes_lock(volumes, stripe_of(name));
    r = volume_may_be_mounted(volumes, name) ? volumes_scan_live(volumes, &live, e) : 0;
    if (r == 0)
        r = remove_locked(volumes, name, flags, &live, &ref, e);
    stripes_unlock(volumes, stripe_of(name));
    if (r == ERROR_NOT_FOUND && flags & REMOVE_FORCE)
        return 0;
    if (r == 0 && origin == ORIGIN_API)
        volumes_tell_removed(volumes, name, ref);
    return r;
}

int volumes_remove(struct volumes *volumes, const char *name, unsigned flags,
                   enum change_origin origin, struct error *e)
{
    int r = volumes_refresh_engines(volumes, e);

    return r ? r : volume_remove_asked(volumes, name, flags, origin, e);
}

/* ---- all that dangle ---------------------------------------------------- */

struct prune {
    struct volumes *volumes;
    const struct prune_request *request;
    char (*names)[NAME_MAX_LENGTH + 1];
    size_t count;
    size_t size;
    struct live_mounts live;
    int64_t scanned_at;
};

static int prune_consider(void *context, const struct volume *volume, uint32_t references)
{
    struct prune *prune = context;
    size_t size = prune->size ? prune->size * 2 : 64;
    void *grown;

    if (references || !(prune->request->all || volume->kind == VOLUME_ANONYMOUS))
        return 0;
    if (prune->count == prune->size) {
        grown = reallocarray(prune->names, size, sizeof(*prune->names));
        if (!grown)
            return -ENOMEM;
        prune->names = grown;
        prune->size = size;
    }
    memcpy(prune->names[prune->count++], volume->name, NAME_MAX_LENGTH + 1);
    return 0;
}

static bool prune_is_fresh(const struct prune *prune)
{
    return prune->scanned_at && time_monotonic() - prune->scanned_at < SCAN_FRESH_NS;
}

/* With a stripe held. A scan costs a look at every container; many removals share one. */
static int prune_scan(struct prune *prune, struct error *e)
{
    int r;

    if (prune_is_fresh(prune))
        return 0;
    live_mounts_deinit(&prune->live);
    prune->scanned_at = 0;
    r = volumes_scan_live(prune->volumes, &prune->live, e);
    if (r == 0)
        prune->scanned_at = time_monotonic();
    return r;
}

static int prune_remove(struct prune *prune, const char *name, struct error *e)
{
    struct volumes *volumes = prune->volumes;
    struct volume_ref ref = {0};
    int r = prune_is_fresh(prune) ? 0 : volumes_refresh_engines(volumes, e);

    if (r)
        return r;
    stripes_lock(volumes, stripe_of(name));
    r = prune_scan(prune, e);
    if (r == 0)
        r = remove_locked(volumes, name, 0, &prune->live, &ref, e);
    stripes_unlock(volumes, stripe_of(name));
    if (r == 0)
        volumes_tell_removed(volumes, name, ref);
    return r;
}

/* What came into use meanwhile, or went, is no candidate any more. */
static void prune_one(struct prune *prune, const char *name, const struct prune_visitor *visitor)
{
    struct error e = {0};
    struct error whole;
    uint64_t bytes = 0;
    uint64_t inodes = 0;
    int r;

    r = volumes_usage(prune->volumes, name, &bytes, &inodes, NULL);
    if (r == ERROR_NOT_FOUND)
        return;
    if (r) /* data that is damaged or gone: the volume is removed all the same */
        bytes = 0;
    r = prune->request->dry_run ? 0 : prune_remove(prune, name, &e);
    if (r == ERROR_NOT_FOUND || r == ERROR_IN_USE)
        return;
    if (r == 0) {
        visitor->removed(visitor->context, name, bytes);
        return;
    }
    error_set(&whole, r, "volume \"%s\" cannot be removed: %s", name,
              e.text[0] ? e.text
              : r < 0   ? strerror(-r)
                        : error_code_name(r));
    visitor->failed(visitor->context, whole.text);
}

int volumes_prune(struct volumes *volumes, const struct prune_request *request,
                  const struct prune_visitor *visitor, struct error *e)
{
    struct prune prune = {.volumes = volumes, .request = request};
    int r;

    if (atomic_exchange(&volumes->pruning, true))
        return error_set(e, ERROR_IN_USE, "a prune operation is already running");
    r = volumes_refresh_engines(volumes, e);
    if (r == 0)
        r = volumes_each(volumes, request->filter, prune_consider, &prune, e);
    for (size_t i = 0; r == 0 && i < prune.count; i++)
        prune_one(&prune, prune.names[i], visitor);
    live_mounts_deinit(&prune.live);
    free(prune.names);
    atomic_store(&volumes->pruning, false);
    return r;
}
