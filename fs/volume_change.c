/*
 * Changes of a volume that is there: its name, its read-only flag.
 *
 * Catalog, record, table, in that order. The catalog decides. A crash before the
 * record leaves that one step behind, which matters to a rebuild only. If the
 * record cannot be written the catalog is put back and the change refused.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <assert.h>
#include <string.h>

static int volume_load(struct volumes *volumes, const char *name, struct volume_entry *entry,
                       struct volume *out, struct error *e)
{
    if (!volume_table_find(volumes->table, name, entry))
        return volume_not_found(name, e);
    return catalog_volume_get_by_id(volumes->catalog, entry->id, out, e);
}

enum { SUBJECT_SIZE = NAME_MAX_LENGTH + 32 };

/* Apart from the volume's own name, under which its data is reported. */
static void record_subject(const struct volume *volume, char out[SUBJECT_SIZE])
{
    snprintf(out, SUBJECT_SIZE, "the record of %s", volume->id);
}

/* The catalog could not be put back: it says what the record does not. */
static void report_record_behind(struct volumes *volumes, const struct volume *volume)
{
    char subject[SUBJECT_SIZE];
    char text[SUBJECT_SIZE + 64];

    record_subject(volume, subject);
    snprintf(text, sizeof(text), "volume.json of \"%s\" is older than the catalog", volume->name);
    volumes_problem_set(volumes, subject, text,
                        "free space in the store, then change the volume once more");
}

static int record_write(struct volumes *volumes, const struct volume *volume, struct error *e)
{
    char subject[SUBJECT_SIZE];
    int r = store_write_record(volumes->store, volume, e);

    record_subject(volume, subject);
    if (r == 0)
        volumes_problem_clear(volumes, subject);
    return r;
}

/* ---- rename ------------------------------------------------------------- */

static int rename_commit(struct volumes *volumes, struct volume *volume, const char *to,
                         struct error *e)
{
    char from[NAME_MAX_LENGTH + 1];
    int r = catalog_volume_rename(volumes->catalog, volume->id, to, e);

    if (r)
        return r;
    memcpy(from, volume->name, sizeof(from));
    snprintf(volume->name, sizeof(volume->name), "%s", to);
    r = record_write(volumes, volume, e);
    if (r == 0)
        return 0;
    if (catalog_volume_rename(volumes->catalog, volume->id, from, NULL) == 0)
        return r;
    report_record_behind(volumes, volume);
    return 0; /* the catalog has it: done */
}

static int rename_locked(struct volumes *volumes, const char *from, const char *to,
                         struct volume_ref *ref, struct error *e)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volume_entry entry;
    struct volume_entry other;
    int r;

    r = volume_load(volumes, from, &entry, &volume, e);
    if (r)
        return r;
    *ref = entry.ref;
    if (volume_table_find(volumes->table, to, &other))
        return error_set(e, ERROR_EXISTS,
                         "rename %s: volume \"%s\" exists, and a rename never replaces one", from,
                         to);
    r = volumes_scan_live(volumes, &live, e);
    if (r == 0)
        r = volume_refuse_if_used(volumes, &volume, &live, e);
    if (r == 0)
        r = rename_commit(volumes, &volume, to, e);
    if (r)
        return r;
    r = volume_table_rename(volumes->table, entry.ref, to);
    assert(r == 0); /* either name's stripe is held */
    volume_event_renamed(volumes, &volume, from);
    return r;
}

int volumes_rename(struct volumes *volumes, const char *from, const char *to,
                   enum change_origin origin, struct error *e)
{
    uint64_t mask = stripe_of(from) | stripe_of(to);
    struct volume_entry entry;
    struct volume_ref ref;
    int r = name_check_volume(to, e);

    if (r)
        return r;
    if (strcmp(from, to) == 0)
        return volume_table_find(volumes->table, from, &entry) ? 0 : volume_not_found(from, e);
    r = volumes_refresh_engines(volumes, e);
    if (r)
        return r;
    volumes_review_uses(volumes);
    stripes_lock(volumes, mask);
    r = rename_locked(volumes, from, to, &ref, e);
    stripes_unlock(volumes, mask);
    if (r == 0 && origin == ORIGIN_API && volumes->events.renamed)
        volumes->events.renamed(volumes->events.context, from, to, ref);
    return r;
}

/* ---- read-only ---------------------------------------------------------- */

static int readonly_commit(struct volumes *volumes, struct volume *volume, bool readonly,
                           struct error *e)
{
    int r = catalog_volume_set_readonly(volumes->catalog, volume->id, readonly, e);

    if (r)
        return r;
    volume->readonly = readonly;
    r = record_write(volumes, volume, e);
    if (r == 0)
        return 0;
    if (catalog_volume_set_readonly(volumes->catalog, volume->id, !readonly, NULL) == 0)
        return r;
    report_record_behind(volumes, volume);
    return 0;
}

static int readonly_locked(struct volumes *volumes, const char *name, bool readonly,
                           struct volume_ref *ref, bool *changed, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volume_entry entry;
    int r;

    r = volume_load(volumes, name, &entry, &volume, e);
    if (r)
        return r;
    *ref = entry.ref;
    *changed = volume.readonly != readonly;
    if (!*changed)
        return 0;
    if (!readonly) {
        r = store_unseal(volumes->store, &volume, e);
        if (r)
            return r;
    }
    r = readonly_commit(volumes, &volume, readonly, e);
    if (r)
        return r;
    volume_event_readonly(volumes, &volume);
    return volume_table_set_flags(volumes->table, entry.ref, readonly ? VOLUME_FLAG_READONLY : 0,
                                  readonly ? 0 : VOLUME_FLAG_READONLY);
}

/* The tree does not know by itself either: a handler that sets the flag tells it as the API does.
 */
int volumes_set_readonly(struct volumes *volumes, const char *name, bool readonly,
                         enum change_origin origin, struct error *e)
{
    struct volume_ref ref = {0};
    bool changed = false;
    int r;

    (void)origin;
    stripes_lock(volumes, stripe_of(name));
    r = readonly_locked(volumes, name, readonly, &ref, &changed, e);
    stripes_unlock(volumes, stripe_of(name));
    if (r == 0 && changed)
        volumes_tell_rules(volumes, name, ref);
    return r;
}

/* ---- sealing ---------------------------------------------------------------- */

/* Takes the stripe of a volume's name, which may change until it is held. False: it is gone. */
static bool lock_by_ref(struct volumes *volumes, struct volume_ref ref, struct volume_entry *entry)
{
    struct volume_entry before;

    while (volume_table_get(volumes->table, ref, &before)) {
        stripes_lock(volumes, stripe_of(before.name));
        if (volume_table_get(volumes->table, ref, entry) && strcmp(entry->name, before.name) == 0)
            return true;
        stripes_unlock(volumes, stripe_of(before.name));
    }
    return false;
}

int volumes_seal(struct volumes *volumes, struct volume_ref ref, int fd)
{
    struct volume_entry entry;
    int r = 0;

    if (!lock_by_ref(volumes, ref, &entry))
        return 0;
    if (volume_table_flags(volumes->table, ref) & VOLUME_FLAG_READONLY)
        r = store_seal(volumes->store, entry.id, fd);
    stripes_unlock(volumes, stripe_of(entry.name));
    return r;
}
