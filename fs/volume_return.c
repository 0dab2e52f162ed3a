/*
 * Giving volumes back to the engine they came from.
 *
 * On one file system it is one rename under the stripe. Else it is copied beside its place with no
 * lock held; when that is whole, and nothing was changed in the volume since, the copy takes its
 * place and the volume goes. Whatever dies, the volume stays until the engine's directory is whole.
 *
 * From volumes_leave on, and while it goes, engines do not find it through the plugin.
 */
#include "catalog/cleanup.h"
#include "fs/leaving.h"
#include "fs/origin.h"
#include "fs/store_adopt.h"
#include "fs/transfer.h"
#include "fs/volume_adopt.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define BESIDE_PREFIX ".volumefs-"

enum { NS_PER_S = 1000 * 1000 * 1000 };
enum { BESIDE_SIZE = sizeof(BESIDE_PREFIX) + VOLUME_ID_LENGTH };

struct giving {
    struct volumes *volumes;
    const char *name;
    struct volume volume;
    struct volume_ref ref;
    struct adoption adoption;
    char held[VOLUME_ID_LENGTH + 1]; /* "": not yet; engines do not find it */
    struct origin origin;
    struct transfer transfer;
    struct timespec since;
    char beside[BESIDE_SIZE]; /* the name of the copy, in the engine's directory */
};

static void giving_deinit(struct giving *giving)
{
    origin_deinit(&giving->origin);
    volume_deinit(&giving->volume);
}

/* ---- may it go ---------------------------------------------------------------------- */

static int look_up(struct giving *giving, struct error *e)
{
    struct volumes *volumes = giving->volumes;
    struct volume_entry entry;
    int r;

    volume_deinit(&giving->volume);
    giving->volume = (struct volume){0};
    r = volumes_adoption_get(volumes, giving->name, &giving->volume, &giving->adoption, e);
    if (r)
        return r;
    if (!giving->adoption.moved)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "volume \"%s\" was copied, and %s has its own still; to do without this "
                         "one: volctl rm %s",
                         giving->name, giving->adoption.engine, giving->name);
    if (!volume_table_find_by_id(volumes->table, giving->volume.id, &entry))
        return volume_not_found(giving->name, e);
    giving->ref = entry.ref;
    return 0;
}

/* With the stripe held. */
static int check_unused(struct giving *giving, struct error *e)
{
    _cleanup_(live_mounts_deinit) struct live_mounts live = {0};
    int r;

    volumes_review_uses(giving->volumes);
    r = volumes_scan_live(giving->volumes, &live, e);
    return r ? r : volume_refuse_if_used(giving->volumes, &giving->volume, &live, e);
}

/* With the stripe held: whoever mounted it before was seen. */
static int hide(struct giving *giving, int (*how)(struct leaving *, const char *, int64_t),
                struct error *e)
{
    int r = how(giving->volumes->leaving, giving->volume.id, time_monotonic());

    return r ? error_set(e, r, "%d volumes are being given back already; wait for one of them",
                         LEAVING_MAX)
             : 0;
}

static int hold(struct giving *giving, struct error *e)
{
    int r = hide(giving, leaving_hold, e);

    if (r == 0)
        memcpy(giving->held, giving->volume.id, sizeof(giving->held));
    return r;
}

static int check_place(struct giving *giving, struct error *e)
{
    int r = origin_open_parent(&giving->origin, giving->adoption.source, e);

    if (r == ERROR_NOT_FOUND)
        return error_set(e, r, "%s has no volume \"%s\" any more that could get the data back",
                         giving->adoption.engine, giving->adoption.name);
    if (r)
        return r;
    origin_reach(&giving->origin, store_fd(giving->volumes->store));
    return origin_check_free(&giving->origin, e);
}

/* ---- it goes ------------------------------------------------------------------------- */

/* The data is the engine's again: nothing of the volume is left. */
static void forget(struct giving *giving, struct error *e)
{
    struct volumes *volumes = giving->volumes;
    int r = catalog_volume_tombstone(volumes->catalog, giving->volume.id, e);

    usage_forget(volumes->usage, giving->ref);
    (void)!volume_table_remove(volumes->table, giving->ref);
    if (r == 0)
        store_leave_end(volumes->store, giving->volume.id);
    volumes_wake_trash(volumes);
    volumes_problem_clear(volumes, giving->volume.name);
    volume_event_removed(volumes, &giving->volume);
    if (r)
        volumes_problem_set(volumes, giving->volume.id, e ? e->text : "",
                            "its data went back to its engine; the next start of volumefs takes it "
                            "off the list");
}

static int give_directory(struct giving *giving, struct error *e)
{
    struct volumes *volumes = giving->volumes;
    int r = store_unseal(volumes->store, &giving->volume, e);

    if (r)
        return r;
    /* no operation begins in it any more */
    volume_table_set_flags(volumes->table, giving->ref, VOLUME_FLAG_REMOVED, 0);
    r = store_leave(volumes->store, giving->volume.id, giving->origin.parent_fd,
                    giving->origin.name);
    if (r == 0)
        forget(giving, e);
    else
        volume_table_set_flags(volumes->table, giving->ref, 0, VOLUME_FLAG_REMOVED);
    return r;
}

/* ---- by a copy ------------------------------------------------------------------------- */

static int copy_beside(struct giving *giving, int data_fd, struct error *e)
{
    struct transfer *transfer = &giving->transfer;
    int parent_fd = giving->origin.parent_fd;
    _cleanup_(close_p) int fd = -1;
    uint64_t bytes, entries;
    int r = origin_remove(parent_fd, giving->beside); /* of one that was killed */

    if (r == 0 && mkdirat(parent_fd, giving->beside, 0700) < 0)
        r = -errno;
    if (r)
        return error_set_errno(e, r, "no directory can be made beside %s", giving->origin.path);
    fd = openat(parent_fd, giving->beside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (copy_measure(data_fd, &bytes, &entries, &transfer->stop) == 0)
        atomic_store(&transfer->total_bytes, bytes);
    r = copy_tree(data_fd, fd, &transfer->progress, &transfer->stop, e);
    if (r == 0)
        r = copy_directory_attributes(data_fd, fd, e);
    if (r == 0 && fsync(fd) < 0)
        r = error_set_errno(e, -errno, "what was copied cannot be synced");
    return r;
}

/* The copy is whole: it takes its place, if it still says what the volume does. */
static int replace(struct giving *giving, int data_fd, struct error *e)
{
    struct volumes *volumes = giving->volumes;
    const struct origin *origin = &giving->origin;
    int r = check_unused(giving, e);

    if (r)
        return r;
    volume_table_set_flags(volumes->table, giving->ref, VOLUME_FLAG_REMOVED, 0);
    r = origin_changed_since(data_fd, &giving->since, &giving->transfer.stop);
    if (r == 1)
        r = error_set(e, ERROR_IN_USE, "it was changed while it was copied; stop what uses it");
    if (r == 0 && renameat(origin->parent_fd, giving->beside, origin->parent_fd, origin->name) < 0)
        r = error_set_errno(e, -errno, "%s", origin->path);
    if (r == 0 && fsync(origin->parent_fd) < 0)
        r = error_set_errno(e, -errno, "%s has the data, but cannot be synced", origin->path);
    if (r == 0)
        r = volume_take_away(volumes, giving->volume.id, giving->ref, e);
    if (r == 0)
        volume_event_removed(volumes, &giving->volume);
    else
        volume_table_set_flags(volumes->table, giving->ref, 0, VOLUME_FLAG_REMOVED);
    return r;
}

static int open_data(const struct giving *giving)
{
    _cleanup_(close_p) int fd = store_open_data(giving->volumes->store, giving->volume.id);
    int data_fd;

    if (fd < 0)
        return fd;
    data_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return data_fd < 0 ? -errno : data_fd;
}

/* Its name may be another volume's when the copy is done: that of the id counts. */
static int finish_copy(struct giving *giving, int data_fd, struct error *e)
{
    struct volumes *volumes = giving->volumes;
    uint64_t stripe = stripe_of(giving->name);
    char id[VOLUME_ID_LENGTH + 1];
    int r;

    memcpy(id, giving->volume.id, sizeof(id));
    stripes_lock(volumes, stripe);
    r = look_up(giving, e);
    if (r == 0 && strcmp(id, giving->volume.id) != 0)
        r = volume_not_found(giving->name, e);
    if (r == 0)
        r = replace(giving, data_fd, e);
    stripes_unlock(volumes, stripe);
    return r;
}

static int give_copy(struct giving *giving, struct error *e)
{
    _cleanup_(close_p) int data_fd = open_data(giving);
    int r;

    if (data_fd < 0)
        return data_fd;
    snprintf(giving->beside, sizeof(giving->beside), BESIDE_PREFIX "%s", giving->volume.id);
    origin_clock(&giving->since);
    r = copy_beside(giving, data_fd, e);
    if (r == 0)
        r = finish_copy(giving, data_fd, e);
    if (r)
        (void)!origin_remove(giving->origin.parent_fd, giving->beside);
    return r;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int give(struct giving *giving, struct error *e)
{
    uint64_t stripe = stripe_of(giving->name);
    int r;

    stripes_lock(giving->volumes, stripe);
    r = look_up(giving, e);
    if (r == 0)
        r = check_unused(giving, e);
    if (r == 0)
        r = check_place(giving, e);
    if (r == 0)
        r = hold(giving, e);
    if (r == 0)
        r = give_directory(giving, e);
    stripes_unlock(giving->volumes, stripe);
    return r == -EXDEV ? give_copy(giving, e) : r;
}

static int give_failed(const struct giving *giving, int r, const struct error *why, struct error *e)
{
    const char *text = why->text;

    if (r == -ECANCELED)
        return error_set(e, ERROR_UNAVAILABLE,
                         "giving volume \"%s\" back was given up, and it is here as before: "
                         "volumefs is stopping",
                         giving->name);
    if (*text)
        return error_set(e, r, "%s", text);
    return error_set(e, r, "volume \"%s\" is not given back: %s", giving->name,
                     r < 0 ? strerror(-r) : error_code_name(r));
}

/* What was to be given back and is here all the same is found again at once. */
static int give_and_tell(struct giving *giving, struct error *e)
{
    struct volumes *volumes = giving->volumes;
    struct error why = {0};
    int r = transfer_begin(volumes->transfers, &giving->transfer);

    if (r == 0) {
        r = give(giving, &why);
        if (giving->held[0])
            leaving_end(volumes->leaving, giving->held);
        else
            volumes_stay(volumes, giving->name);
        transfer_end(volumes->transfers, &giving->transfer);
    } else if (r == -EBUSY) {
        r = error_set(&why, ERROR_IN_USE, "that is going on already");
    }
    if (r)
        return give_failed(giving, r, &why, e);
    volumes_tell_removed(volumes, giving->name, giving->ref);
    return 0;
}

int volumes_give_back(struct volumes *volumes, const char *name, struct error *e)
{
    _cleanup_(giving_deinit) struct giving giving = {.volumes = volumes,
                                                     .name = name,
                                                     .origin = ORIGIN_INIT,
                                                     .transfer = {.name = name, .leaving = true}};
    int r;

    if (transfer_look(volumes->transfers, name, true, NULL, NULL, NULL) == TRANSFER_COMING)
        return 0;
    r = volumes_refresh_engines(volumes, e);
    if (r == 0)
        return give_and_tell(&giving, e);
    volumes_stay(volumes, name);
    return r;
}

/* ---- before: engines do not find it ------------------------------------------------------- */

/* The engine would take it for its own, and remove it with the volume if that has to go again. */
static int check_nothing_there(struct giving *giving, struct error *e)
{
    struct error why = {0};
    int r = check_place(giving, &why);

    return r == ERROR_NOT_EMPTY ? error_set(e, r, "%s", why.text) : 0;
}

int volumes_leave(struct volumes *volumes, const char *name, struct error *e)
{
    _cleanup_(giving_deinit) struct giving giving = {
        .volumes = volumes, .name = name, .origin = ORIGIN_INIT};
    uint64_t stripe = stripe_of(name);
    int r = volumes_refresh_engines(volumes, e);

    if (r)
        return r;
    stripes_lock(volumes, stripe);
    r = look_up(&giving, e);
    if (r == 0)
        r = check_unused(&giving, e);
    if (r == 0)
        r = check_nothing_there(&giving, e);
    if (r == 0)
        r = hide(&giving, leaving_begin, e);
    stripes_unlock(volumes, stripe);
    return r;
}

void volumes_stay(struct volumes *volumes, const char *name)
{
    struct volume_entry entry;

    if (volume_table_find(volumes->table, name, &entry))
        leaving_withdraw(volumes->leaving, entry.id);
}

bool volumes_is_leaving(struct volumes *volumes, const char *name)
{
    struct volume_entry entry;

    return volume_table_find(volumes->table, name, &entry) &&
           leaving_has(volumes->leaving, entry.id, time_monotonic());
}
