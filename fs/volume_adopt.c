/*
 * Taking volumes of other engines over. Measuring and copying hold no lock: the name is asked for
 * before, and again under its stripe, when the volume becomes one. From there on as with any new
 * volume: store, catalog, table. A crash after the store leaves a directory without a row, which
 * the next start takes in, as its data is nowhere else (volumes_recover_adoptions).
 */
#include "fs/volume_adopt.h"

#include "catalog/cleanup.h"
#include "fs/origin.h"
#include "fs/store_adopt.h"
#include "fs/transfer.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#define ADOPTING_SUBJECT "taking over" /* no volume has such a name */

/* One that is going on. */
struct taking {
    struct volumes *volumes;
    const struct adopt_request *request;
    struct origin origin;
    struct adoption adoption;
    struct volume volume;
    struct volume_ref ref;
    struct transfer transfer;
    bool had_before; /* nothing is left to be done */
};

static void taking_deinit(struct taking *taking)
{
    origin_deinit(&taking->origin);
    volume_deinit(&taking->volume);
}

/* ---- may it be ------------------------------------------------------------------- */

static int describe(struct taking *taking, struct error *e)
{
    const struct adopt_request *request = taking->request;
    struct adoption *adoption = &taking->adoption;
    struct volume *volume = &taking->volume;
    int r;

    if (snprintf(adoption->source, sizeof(adoption->source), "%s", request->source) >=
            (int)sizeof(adoption->source) ||
        snprintf(adoption->engine, sizeof(adoption->engine), "%s", request->engine) >=
            (int)sizeof(adoption->engine))
        return error_set(e, ERROR_REQUEST_INVALID, "the source or the engine is too long");
    r = name_check_volume(request->name, e);
    if (r)
        return r;
    snprintf(adoption->name, sizeof(adoption->name), "%s", request->name);
    adoption->moved = request->move;
    adoption->adopted_at = time_now();
    r = adoption_check(adoption, e);
    if (r)
        return r;
    snprintf(volume->name, sizeof(volume->name), "%s", request->name);
    snprintf(volume->driver, sizeof(volume->driver), "local");
    volume->kind = request->anonymous ? VOLUME_ANONYMOUS : VOLUME_NAMED;
    volume->created_at = request->created_at > 0 ? request->created_at : adoption->adopted_at;
    r = pairs_copy(&volume->labels, &request->labels);
    return r ? r : name_make_random(volume->id, VOLUME_ID_LENGTH);
}

/* Whether what has the name is what was to be taken over, moved here before. */
static bool is_the_same(const struct taking *taking, const struct volume_entry *entry)
{
    struct adoption before;
    struct origin origin;
    bool same = store_read_adoption(taking->volumes->store, entry->id, &before, NULL) == 0 &&
                before.moved && taking->request->move &&
                strcmp(before.engine, taking->adoption.engine) == 0 &&
                strcmp(before.source, taking->adoption.source) == 0;

    if (!same)
        return false;
    same = origin_open_parent(&origin, before.source, NULL) != 0 ||
           origin_check_free(&origin, NULL) == 0;
    origin_deinit(&origin);
    return same;
}

static int check_name(struct taking *taking, struct error *e)
{
    const char *name = taking->request->name;
    struct volume_entry entry;

    if (!volume_table_find(taking->volumes->table, name, &entry))
        return 0;
    if (!is_the_same(taking, &entry))
        return error_set(e, ERROR_EXISTS,
                         "a volume of the name \"%s\" exists; rename that (volctl rename) or "
                         "remove it, see: volctl inspect %s",
                         name, name);
    taking->had_before = true;
    volume_deinit(&taking->volume);
    return volumes_adoption_get(taking->volumes, name, &taking->volume, &taking->adoption, e);
}

static int check_origin(struct taking *taking, struct error *e)
{
    struct store *store = taking->volumes->store;
    int r = origin_open(&taking->origin, taking->adoption.source, e);

    if (r == 0)
        origin_reach(&taking->origin, store_fd(store));
    if (r == 0)
        r = origin_check_place(&taking->origin, store_fd(store), store_path(store), e);
    return r ? r : origin_check_unused(&taking->origin, e);
}

static int check_space(const struct taking *taking, uint64_t bytes, struct error *e)
{
    const struct store *store = taking->volumes->store;
    struct statvfs st;

    if (fstatvfs(store_fd(store), &st) < 0 || bytes <= (uint64_t)st.f_bavail * st.f_frsize)
        return 0;
    return error_set(e, ERROR_NO_SPACE,
                     "%s is to be copied to another file system, the store %s, and does not fit: "
                     "it has %llu MiB; free some space there",
                     taking->adoption.source, store_path(store), (unsigned long long)bytes >> 20);
}

static int measure(struct taking *taking, struct adopt_plan *plan, struct error *e)
{
    int r = copy_measure(taking->origin.fd, &plan->bytes, &plan->entries, &taking->transfer.stop);

    return r ? error_set_errno(e, r, "%s cannot be measured", taking->adoption.source) : 0;
}

static bool must_copy(const struct taking *taking)
{
    return !taking->request->move ||
           !origin_is_near(&taking->origin, store_fd(taking->volumes->store));
}

int volumes_adopt_plan(struct volumes *volumes, const struct adopt_request *request,
                       struct adopt_plan *out, struct error *e)
{
    _cleanup_(taking_deinit) struct taking taking = {
        .volumes = volumes, .request = request, .origin = ORIGIN_INIT};
    int r = describe(&taking, e);

    *out = (struct adopt_plan){0};
    if (r == 0)
        r = check_name(&taking, e);
    if (r || taking.had_before)
        return r;
    r = check_origin(&taking, e);
    if (r == 0)
        r = measure(&taking, out, e);
    out->copied = must_copy(&taking);
    return r || !out->copied ? r : check_space(&taking, out->bytes, e);
}

/* ---- it becomes a volume ------------------------------------------------------------ */

/*
 * A container may have been started between the look at who has it and the rename. From here on
 * none can: there is nothing any more where the engine looks.
 */
static int check_still_unused(struct taking *taking, struct error *e)
{
    _cleanup_(close_p) int fd = store_open_data(taking->volumes->store, taking->volume.id);
    int r = fd < 0 ? fd : origin_follow(&taking->origin, fd);

    return r ? r : origin_check_unused(&taking->origin, e);
}

/* With the directory in its place: the row and the table. What fails gives it back. */
static int enter(struct taking *taking, struct error *e)
{
    struct volumes *volumes = taking->volumes;
    struct volume *volume = &taking->volume;
    int r = taking->adoption.copied ? 0 : check_still_unused(taking, e);
    bool row;

    if (r == 0)
        r = catalog_volume_insert(volumes->catalog, volume, e);
    row = r == 0;
    if (r == 0)
        r = volume_table_insert(volumes->table, volume, &taking->ref);
    if (r == 0) {
        volume_event_created(volumes, volume);
        return 0;
    }
    if (taking->adoption.copied)
        (void)!store_discard(volumes->store, volume->id, NULL);
    else if (store_leave(volumes->store, volume->id, taking->origin.parent_fd,
                         taking->origin.name) == 0)
        store_leave_end(volumes->store, volume->id);
    else
        return r; /* it is here and whole; the next start takes it in */
    if (row)
        (void)!catalog_volume_tombstone(volumes->catalog, volume->id, NULL);
    volumes_wake_trash(volumes);
    return r;
}

/* By rename. −EXDEV: it has to be copied. */
static int take_directory(struct taking *taking, struct error *e)
{
    struct volumes *volumes = taking->volumes;
    uint64_t stripe = stripe_of(taking->volume.name);
    int r;

    stripes_lock(volumes, stripe);
    r = check_name(taking, e);
    if (r == 0 && !taking->had_before)
        r = store_adopt_begin(volumes->store, &taking->volume, &taking->adoption, e);
    if (r == 0 && !taking->had_before) {
        r = store_adopt_move(volumes->store, taking->volume.id, taking->origin.parent_fd,
                             taking->origin.name);
        if (r)
            store_adopt_abort(volumes->store, taking->volume.id);
        else
            r = enter(taking, e);
    }
    stripes_unlock(volumes, stripe);
    if (r)
        volumes_wake_trash(volumes);
    return r;
}

/* ---- by a copy ------------------------------------------------------------------------ */

static int copy_unchanged(struct taking *taking, const struct timespec *since, struct error *e)
{
    int r = origin_changed_since(taking->origin.fd, since, &taking->transfer.stop);

    if (r == 0)
        return origin_check_unused(&taking->origin, e);
    if (r == 1)
        return error_set(e, ERROR_IN_USE,
                         "%s was changed while it was copied, so nothing is taken over; stop what "
                         "uses it",
                         taking->adoption.source);
    return error_set_errno(e, r, "%s", taking->adoption.source);
}

static int copy_into(struct taking *taking, int data_fd, struct error *e)
{
    struct transfer *transfer = &taking->transfer;
    struct timespec since;
    int r;

    origin_clock(&since);
    r = copy_tree(taking->origin.fd, data_fd, &transfer->progress, &transfer->stop, e);
    if (r == 0)
        r = copy_directory_attributes(taking->origin.fd, data_fd, e);
    if (r == 0 && fsync(data_fd) < 0)
        r = error_set_errno(e, -errno, "what was copied cannot be synced");
    return r ? r : copy_unchanged(taking, &since, e);
}

static int publish(struct taking *taking, struct error *e)
{
    struct volumes *volumes = taking->volumes;
    uint64_t stripe = stripe_of(taking->volume.name);
    struct volume_entry entry;
    int r = 0;

    stripes_lock(volumes, stripe);
    if (volume_table_find(volumes->table, taking->volume.name, &entry))
        r = error_set(e, ERROR_EXISTS,
                      "a volume of the name \"%s\" was made meanwhile; rename or remove it",
                      taking->volume.name);
    if (r == 0)
        r = store_adopt_publish(volumes->store, taking->volume.id);
    if (r)
        store_adopt_abort(volumes->store, taking->volume.id);
    else
        r = enter(taking, e);
    stripes_unlock(volumes, stripe);
    return r;
}

static int take_copy(struct taking *taking, struct error *e)
{
    struct store *store = taking->volumes->store;
    _cleanup_(close_p) int data_fd = -1;
    struct adopt_plan plan;
    int r;

    r = check_name(taking, e);
    if (r || taking->had_before)
        return r;
    r = measure(taking, &plan, e);
    if (r == 0)
        r = check_space(taking, plan.bytes, e);
    if (r)
        return r;
    atomic_store(&taking->transfer.total_bytes, plan.bytes);
    taking->adoption.copied = true;
    r = store_adopt_begin(store, &taking->volume, &taking->adoption, e);
    if (r)
        return r;
    data_fd = store_adopt_make_data(store, taking->volume.id);
    r = data_fd < 0 ? data_fd : copy_into(taking, data_fd, e);
    if (r == 0)
        return publish(taking, e);
    store_adopt_abort(store, taking->volume.id);
    volumes_wake_trash(taking->volumes);
    return r;
}

/* ---- the whole --------------------------------------------------------------------------- */

static int take_failed(const struct taking *taking, int r, const struct error *why, struct error *e)
{
    const char *text = why->text;

    if (r == -ECANCELED)
        return error_set(e, ERROR_UNAVAILABLE,
                         "taking over %s was given up, and all is as it was: somebody asked to, or "
                         "volumefs is stopping",
                         taking->adoption.source);
    if (*text)
        return error_set(e, r, "%s", text);
    return error_set(e, r, "volume \"%s\" is not taken over: %s", taking->request->name,
                     r < 0 ? strerror(-r) : error_code_name(r));
}

static int take(struct taking *taking, struct error *e)
{
    int r = transfer_begin(taking->volumes->transfers, &taking->transfer);

    if (r == -EBUSY)
        return error_set(e, ERROR_IN_USE, "that is going on already");
    if (r)
        return r;
    r = check_name(taking, e);
    if (r == 0 && !taking->had_before)
        r = check_origin(taking, e);
    if (r == 0 && !taking->had_before)
        r = must_copy(taking) ? -EXDEV : take_directory(taking, e);
    if (r == -EXDEV)
        r = take_copy(taking, e);
    transfer_end(taking->volumes->transfers, &taking->transfer);
    return r;
}

void adopted_deinit(struct adopted *adopted)
{
    volume_deinit(&adopted->volume);
}

int volumes_adopt(struct volumes *volumes, const struct adopt_request *request, struct adopted *out,
                  struct error *e)
{
    _cleanup_(taking_deinit) struct taking taking = {
        .volumes = volumes, .request = request, .origin = ORIGIN_INIT};
    struct error why = {0};
    int r = describe(&taking, e);

    if (r)
        return r;
    taking.transfer.name = request->name;
    r = take(&taking, &why);
    if (r)
        return take_failed(&taking, r, &why, e);
    if (!taking.had_before)
        volumes_tell_created(volumes, taking.volume.name);
    *out = (struct adopted){.volume = taking.volume,
                            .from = taking.adoption,
                            .made = !taking.had_before,
                            .bytes = atomic_load(&taking.transfer.progress.bytes)};
    taking.volume = (struct volume){0};
    return 0;
}

/* ---- what was taken over --------------------------------------------------------------- */

int volumes_adoption_get(struct volumes *volumes, const char *name, struct volume *out,
                         struct adoption *from, struct error *e)
{
    int r = volumes_get(volumes, name, out, e);

    if (r)
        return r;
    r = store_read_adoption(volumes->store, out->id, from, e);
    if (r == 0)
        return 0;
    volume_deinit(out);
    *out = (struct volume){0};
    if (r != ERROR_NOT_FOUND)
        return r;
    return error_set(e, r, "volume \"%s\" was not taken over from an engine", name);
}

/* One whose record is damaged is left out, and reported by whoever asks for it by name. */
int volumes_adoption_each(struct volumes *volumes,
                          int (*visit)(void *context, const struct volume *volume,
                                       const struct adoption *from),
                          void *context, struct error *e)
{
    struct volume_entry entry;
    int r = 0;

    for (uint32_t i = 0; r == 0 && volume_table_next(volumes->table, i, &entry);
         i = entry.ref.index + 1) {
        _cleanup_(volume_deinit) struct volume volume = {0};
        struct adoption from;

        if (store_read_adoption(volumes->store, entry.id, &from, NULL) != 0)
            continue;
        r = catalog_volume_get_by_id(volumes->catalog, entry.id, &volume, e);
        if (r == 0)
            r = visit(context, &volume, &from);
        else if (r == ERROR_NOT_FOUND)
            r = 0; /* removed meanwhile */
    }
    return r;
}

bool volumes_adoption_progress(struct volumes *volumes, const char *name, struct copy_status *out)
{
    *out = (struct copy_status){0};
    snprintf(out->volume, sizeof(out->volume), "%s", name);
    return transfer_look(volumes->transfers, name, false, &out->bytes, &out->total_bytes,
                         &out->entries) != TRANSFER_NONE;
}

/* ---- after a crash ------------------------------------------------------------------------ */

/* It went back to its engine, or never came: there is no data that a row could stand for. */
static int forget_gone(void *context, const char *id, struct error *e)
{
    struct volumes *volumes = context;
    int r = catalog_volume_tombstone(volumes->catalog, id, e);

    return r == ERROR_NOT_FOUND ? 0 : r;
}

/* Nobody was told of it, but it is the one place where its data is. */
static int take_in(void *context, const char *id)
{
    struct volumes *volumes = context;
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volume_entry entry;
    struct volume_ref ref;
    struct adoption from;

    if (volume_table_find_by_id(volumes->table, id, &entry) ||
        store_read_adoption(volumes->store, id, &from, NULL) != 0 ||
        store_read_volume(volumes->store, id, &volume, NULL) != 0 || strcmp(volume.id, id) != 0 ||
        volume_table_find(volumes->table, volume.name, &entry) ||
        catalog_volume_insert(volumes->catalog, &volume, NULL) != 0)
        return 0; /* reported with all that the catalog does not know */
    return volume_table_insert(volumes->table, &volume, &ref);
}

int volumes_recover_adopting(struct volumes *volumes, struct error *e)
{
    int r = store_adopt_recover(volumes->store, forget_gone, volumes, e);

    if (r == 0 || r == -ENOMEM)
        return r;
    /* what a full disk stops must not keep all the others from being served */
    volumes_problem_set(volumes, ADOPTING_SUBJECT, e->text,
                        "its data is in adopting/ of the store; see what is wrong there and start "
                        "volumefs again: it goes on by itself");
    return 0;
}

int volumes_recover_adopted(struct volumes *volumes, struct error *e)
{
    int r = store_each(volumes->store, take_in, volumes);

    return r ? error_set_errno(e, r, "%s/volumes", store_path(volumes->store)) : 0;
}
