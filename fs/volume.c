/*
 * The use cases of volumes: opening, locks, events and plain access. Each
 * change is in a file of its own (volume_create.c, volume_change.c,
 * volume_remove.c, volume_attach.c), lists in volume_list.c.
 *
 * The catalog is the truth; the table is what it says, in memory; volume.json in
 * the store is what it said, for a rebuild. A change goes to the catalog first.
 * A crash before it loses the change, a crash after it leaves at worst a record
 * one step behind, never one ahead. Only a new volume's directory comes before
 * its row: a row must never promise data that is not there.
 *
 * Locks: a stripe for each volume name, held over a whole change including its
 * system calls; several are taken in order. Under a stripe the locks of access, catalog,
 * table, usage, copies, the watch, problems, the audit, the ring of events and what leaves are
 * taken and dropped again. No path that comes from outside is resolved under one (volume_copy.c
 * says why). Events are told with no stripe held, as they may wait for the kernel, and that for the
 * tree.
 */
#include "fs/volume.h"

#include "catalog/cleanup.h"
#include "fs/leaving.h"
#include "fs/process.h"
#include "fs/transfer.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>

#define TREES_SUBJECT "mounts of the tree" /* no volume has such a name */

uint64_t stripe_of(const char *name)
{
    uint32_t hash = 2166136261U; /* FNV-1a */

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619U;
    return UINT64_C(1) << (hash % STRIPES);
}

void stripes_lock(struct volumes *volumes, uint64_t mask)
{
    for (unsigned i = 0; i < STRIPES; i++)
        if (mask & UINT64_C(1) << i)
            pthread_mutex_lock(&volumes->stripes[i]);
}

void stripes_unlock(struct volumes *volumes, uint64_t mask)
{
    for (unsigned i = 0; i < STRIPES; i++)
        if (mask & UINT64_C(1) << i)
            pthread_mutex_unlock(&volumes->stripes[i]);
}

static struct volumes *volumes_new(const char *mountpoint)
{
    struct volumes *volumes = calloc(1, sizeof(*volumes));

    if (!volumes)
        return NULL;
    for (unsigned i = 0; i < STRIPES; i++)
        pthread_mutex_init(&volumes->stripes[i], NULL);
    pthread_mutex_init(&volumes->access_mutex, NULL);
    pthread_mutex_init(&volumes->trash_mutex, NULL);
    pthread_cond_init(&volumes->trash_wake, NULL);
    pthread_mutex_init(&volumes->spare_mutex, NULL);
    pthread_cond_init(&volumes->spare_wake, NULL);
    pthread_mutex_init(&volumes->problems_mutex, NULL);
    pthread_mutex_init(&volumes->lately_mutex, NULL);
    pthread_mutex_init(&volumes->engine_mutex, NULL);
    pthread_rwlock_init(&volumes->refresh_lock, NULL);
    volumes->mountpoint = strdup(mountpoint);
    volumes->table = volume_table_new();
    volumes->copies = copies_new();
    volumes->engines = engines_new();
    volumes->transfers = transfers_new();
    volumes->leaving = leaving_new();
    volumes->ring = event_ring_new(EVENT_RING_DEFAULT);
    volumes->audit = volumes->ring ? audit_new(volumes->ring) : NULL;
    if (volumes->mountpoint && volumes->table && volumes->copies && volumes->engines &&
        volumes->transfers && volumes->leaving && volumes->audit)
        return volumes;
    return volumes_free(volumes);
}

struct volumes *volumes_free(struct volumes *volumes)
{
    if (!volumes)
        return NULL;
    volumes_stop_background(volumes);
    copies_free(volumes->copies);
    engines_free(volumes->engines);
    transfers_free(volumes->transfers);
    leaving_free(volumes->leaving);
    audit_free(volumes->audit);
    event_ring_free(volumes->ring);
    usage_free(volumes->usage);
    catalog_free(volumes->catalog);
    store_free(volumes->store);
    volume_table_free(volumes->table);
    volumes_problems_deinit(volumes);
    free(volumes->mountpoint);
    for (unsigned i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&volumes->stripes[i]);
    pthread_mutex_destroy(&volumes->access_mutex);
    pthread_cond_destroy(&volumes->trash_wake);
    pthread_mutex_destroy(&volumes->trash_mutex);
    pthread_cond_destroy(&volumes->spare_wake);
    pthread_mutex_destroy(&volumes->spare_mutex);
    pthread_mutex_destroy(&volumes->problems_mutex);
    pthread_mutex_destroy(&volumes->lately_mutex);
    pthread_mutex_destroy(&volumes->engine_mutex);
    pthread_rwlock_destroy(&volumes->refresh_lock);
    live_mounts_deinit(&volumes->lately);
    free(volumes);
    return NULL;
}

int volumes_open(struct volumes **out, const char *store_path, const char *mountpoint,
                 struct error *e)
{
    struct volumes *volumes = volumes_new(mountpoint);
    int r;

    if (!volumes)
        return -ENOMEM;
    r = store_open(&volumes->store, store_path, mountpoint, e);
    if (r == 0) {
        volumes->usage = usage_new(volumes->store);
        r = volumes->usage ? volumes_recover(volumes, e) : -ENOMEM;
        if (r == 0)
            r = volumes_recover_uses(volumes, e);
    }
    if (r)
        volumes_free(volumes);
    else
        *out = volumes;
    return r;
}

int volumes_start_background(struct volumes *volumes, struct error *e)
{
    int r = volumes_start_trash(volumes, e);

    if (r == 0)
        r = volumes_start_spares(volumes, e);
    if (r == 0)
        r = volumes_start_audit(volumes, e);
    return r ? r : volumes_start_watch(volumes, e);
}

void volumes_stop_background(struct volumes *volumes)
{
    volumes_stop_watch(volumes);
    volumes_stop_trash(volumes);
    volumes_stop_spares(volumes);
    if (volumes->audit)
        audit_stop(volumes->audit);
}

void volumes_set_events(struct volumes *volumes, const struct volumes_events *events)
{
    volumes->events = *events;
}

static int former_add(void *context, dev_t device)
{
    struct volumes *volumes = context;

    if (volumes->former_count < CATALOG_TREES_MAX)
        volumes->former_trees[volumes->former_count++] = device;
    return 0;
}

/* What cannot be read or noted costs references of containers that outlive a daemon: told, and no
 * reason to serve nobody. */
void volumes_set_tree_device(struct volumes *volumes, dev_t device)
{
    char boot_id[BOOT_ID_LENGTH + 1];
    struct error e = {0};
    int r;

    process_boot_id(boot_id);
    r = catalog_tree_each(volumes->catalog, boot_id, former_add, volumes, &e);
    if (r == 0)
        r = catalog_tree_put(volumes->catalog, boot_id, device, &e);
    if (r)
        volumes_problem_set(
            volumes, TREES_SUBJECT, e.text,
            "check containers before you prune: those that keep a mount of a daemon "
            "that died are not seen");
    atomic_store(&volumes->tree_device, device);
}

struct volume_table *volumes_table(struct volumes *volumes)
{
    return volumes->table;
}

struct store *volumes_store(struct volumes *volumes)
{
    return volumes->store;
}

struct catalog *volumes_catalog(struct volumes *volumes)
{
    return volumes->catalog;
}

struct usage *volumes_meter(struct volumes *volumes)
{
    return volumes->usage;
}

struct event_ring *volumes_event_ring(struct volumes *volumes)
{
    return volumes->ring;
}

struct audit *volumes_audit(struct volumes *volumes)
{
    return volumes->audit;
}

const char *volumes_mountpoint(const struct volumes *volumes)
{
    return volumes->mountpoint;
}

void volumes_tell_created(struct volumes *volumes, const char *name)
{
    if (volumes->events.created)
        volumes->events.created(volumes->events.context, name);
}

void volumes_tell_removed(struct volumes *volumes, const char *name, struct volume_ref ref)
{
    if (volumes->events.removed)
        volumes->events.removed(volumes->events.context, name, ref);
}

void volumes_tell_rules(struct volumes *volumes, const char *name, struct volume_ref ref)
{
    if (volumes->events.rules_changed)
        volumes->events.rules_changed(volumes->events.context, name, ref);
}

void volumes_tell_filled(struct volumes *volumes, struct volume_ref ref)
{
    if (volumes->events.filled)
        volumes->events.filled(volumes->events.context, ref);
}

int volume_not_found(const char *name, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, "get %s: no such volume", name);
}

bool volume_may_be_mounted(struct volumes *volumes, const char *name)
{
    struct volume_entry entry;

    if (!volume_table_find(volumes->table, name, &entry))
        return false;
    return volumes->former_count ||
           (volume_table_flags(volumes->table, entry.ref) & VOLUME_FLAG_SEEN);
}

int volumes_scan_live(struct volumes *volumes, struct live_mounts *out, struct error *e)
{
    struct live_trees trees = {.device = atomic_load(&volumes->tree_device),
                               .former = volumes->former_trees,
                               .former_count = volumes->former_count,
                               .store = store_path(volumes->store)};
    int r;

    *out = (struct live_mounts){0};
    if (!trees.device)
        return 0;
    r = live_mounts_scan(&trees, out);
    return r ? error_set_errno(e, r, "cannot look for containers that have volumes mounted") : 0;
}

int volumes_get(struct volumes *volumes, const char *name, struct volume *out, struct error *e)
{
    int r = catalog_volume_get(volumes->catalog, name, out, e);

    return r == ERROR_NOT_FOUND ? volume_not_found(name, e) : r;
}

int volumes_usage(struct volumes *volumes, const char *name, uint64_t *bytes, uint64_t *inodes,
                  struct error *e)
{
    struct volume_entry entry;
    int r;

    if (!volume_table_find(volumes->table, name, &entry))
        return volume_not_found(name, e);
    r = usage_get(volumes->usage, entry.ref, entry.id, true, bytes, inodes);
    return r ? error_set_errno(e, r, "cannot add up what volume \"%s\" uses", name) : 0;
}

bool volumes_usage_known(struct volumes *volumes, const char *name, uint64_t *bytes,
                         uint64_t *inodes)
{
    struct volume_entry entry;

    return volume_table_find(volumes->table, name, &entry) &&
           usage_get_known(volumes->usage, entry.ref, entry.id, bytes, inodes);
}
