/*
 * Copy-up: what the rootfs of a container has where an empty volume is to be mounted becomes the
 * volume's, as Docker does it (moby daemon/create_unix.go, container/container_unix.go), but that
 * of two containers started at once on one volume one copies and the other waits for it.
 *
 * What goes on, and what waits for another, stands in a list, an entry for each thread, on its
 * stack. Its mutex is held for a moment only: copying holds no lock.
 *
 * Paths of a rootfs are resolved with no stripe held: they may lead anywhere, into the tree too,
 * where a look-up may wait for a handler that waits for a stripe.
 */
#include "catalog/cleanup.h"
#include "fs/copy.h"
#include "fs/transfer.h"
#include "fs/volume_private.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPEN_TRIES = 1000 };

struct copy {
    struct copy *next;
    const struct attachment *attachment;
    const struct volume *volume;
    const char *container_id;
    struct copy_progress progress;
    atomic_bool stop;
    bool active; /* it copies; else it waits for another to end */
    int from_fd;
    bool measured;
    uint64_t total_bytes;
};

struct copies {
    pthread_mutex_t mutex; /* guards the list */
    pthread_cond_t ended;  /* an entry has left the list */
    struct copy *going_on;
    atomic_bool cancelled; /* all, from now on */
};

struct copies *copies_new(void)
{
    struct copies *copies = calloc(1, sizeof(*copies));

    if (!copies)
        return NULL;
    pthread_mutex_init(&copies->mutex, NULL);
    pthread_cond_init(&copies->ended, NULL);
    return copies;
}

struct copies *copies_free(struct copies *copies)
{
    if (!copies)
        return NULL;
    pthread_cond_destroy(&copies->ended);
    pthread_mutex_destroy(&copies->mutex);
    free(copies);
    return NULL;
}

/* ---- the list -------------------------------------------------------------------- */

static bool copies_has_active(struct copies *copies, const char *volume_id)
{
    for (struct copy *copy = copies->going_on; copy; copy = copy->next)
        if (copy->active && strcmp(copy->volume->id, volume_id) == 0)
            return true;
    return false;
}

static bool copy_is_stopped(struct copies *copies, struct copy *copy)
{
    return atomic_load(&copies->cancelled) || atomic_load(&copy->stop);
}

/* Waits until nobody copies into the volume, and then is the one who does. False: it is not to be,
 * any more. It is in the list in any case. */
static bool copies_enter(struct copies *copies, struct copy *copy)
{
    pthread_mutex_lock(&copies->mutex);
    copy->next = copies->going_on;
    copies->going_on = copy;
    while (!copy_is_stopped(copies, copy) && copies_has_active(copies, copy->volume->id))
        pthread_cond_wait(&copies->ended, &copies->mutex);
    copy->active = !copy_is_stopped(copies, copy);
    pthread_mutex_unlock(&copies->mutex);
    return copy->active;
}

static void copies_leave(struct copies *copies, struct copy *copy)
{
    struct copy **place = &copies->going_on;

    pthread_mutex_lock(&copies->mutex);
    while (*place != copy)
        place = &(*place)->next;
    *place = copy->next;
    pthread_cond_broadcast(&copies->ended);
    pthread_mutex_unlock(&copies->mutex);
}

/* container_id NULL: all. */
static void copies_stop(struct copies *copies, const char *container_id)
{
    pthread_mutex_lock(&copies->mutex);
    for (struct copy *copy = copies->going_on; copy; copy = copy->next)
        if (!container_id || strcmp(copy->container_id, container_id) == 0)
            atomic_store(&copy->stop, true);
    if (!container_id)
        atomic_store(&copies->cancelled, true);
    pthread_cond_broadcast(&copies->ended);
    pthread_mutex_unlock(&copies->mutex);
}

void volumes_cancel_copy(struct volumes *volumes, const char *container_id)
{
    copies_stop(volumes->copies, container_id);
}

void volumes_cancel_copies(struct volumes *volumes)
{
    copies_stop(volumes->copies, NULL);
    transfers_cancel(volumes->transfers);
}

/* ---- one volume ------------------------------------------------------------------ */

/* openat2 gives EAGAIN when anything on the host is renamed or mounted while it meets "..". */
static int open_in_root(int root, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int fd;

    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return fd < 0 ? -errno : fd;
}

/*
 * The directory that the container would see at `destination` without the volume: links lead
 * where they do inside the rootfs. *out −1: it has none there.
 */
static int source_open(const char *rootfs, const char *destination, int *out, struct error *e)
{
    _cleanup_(close_p) int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd;

    *out = -1;
    if (root < 0)
        return error_set(e, ERROR_REQUEST_INVALID, "rootfs %s: %s; name the directory of a system",
                         rootfs, strerror(errno));
    fd = open_in_root(root, destination);
    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0;
    if (fd < 0)
        return error_set_errno(e, fd, "%s in the rootfs %s cannot be read", destination, rootfs);
    *out = fd;
    return 0;
}

int volume_copy_look(const char *rootfs, const char *destination, struct copy_source *out,
                     struct error *e)
{
    _cleanup_(close_p) int fd = -1;
    int r = source_open(rootfs, destination, &fd, e);

    *out = (struct copy_source){.is_there = r == 0 && fd >= 0};
    if (!out->is_there)
        return r;
    r = walk_is_empty(fd);
    out->is_empty = r == 1;
    if (r < 0 || fstat(fd, &out->st) < 0)
        return error_set_errno(e, r < 0 ? r : -errno, "%s in the rootfs %s cannot be read",
                               destination, rootfs);
    return 0;
}

/* Whether an empty volume looks like the empty directory already: it did get what that has. */
static bool is_like(struct volumes *volumes, const char *volume_id,
                    const struct copy_source *source)
{
    _cleanup_(close_p) int data = store_open_data(volumes->store, volume_id);
    const struct stat *wanted = &source->st;
    struct stat has;

    return data >= 0 && source->is_empty && fstat(data, &has) == 0 &&
           has.st_uid == wanted->st_uid && has.st_gid == wanted->st_gid &&
           has.st_mode == wanted->st_mode && has.st_mtim.tv_sec == wanted->st_mtim.tv_sec &&
           has.st_mtim.tv_nsec == wanted->st_mtim.tv_nsec;
}

bool volume_copy_is_due(struct volumes *volumes, const char *volume_id,
                        const struct copy_source *source)
{
    return source->is_there && store_data_is_empty(volumes->store, volume_id) == 1 &&
           !is_like(volumes, volume_id, source);
}

/*
 * Makes what is staged the volume's: with the stripe of its name held, so that it is not made
 * read-only, nor removed, in between.
 */
static int copy_commit(struct volumes *volumes, struct copy *copy, struct volume_ref ref,
                       struct error *e)
{
    uint64_t mask = stripe_of(copy->volume->name);
    int r = -ECANCELED;

    stripes_lock(volumes, mask);
    if (copy_is_stopped(volumes->copies, copy) ||
        (volume_table_flags(volumes->table, ref) & (VOLUME_FLAG_READONLY | VOLUME_FLAG_REMOVED)))
        store_fill_abort(volumes->store, copy->volume->id);
    else
        r = store_fill_commit(volumes->store, copy->volume->id, e);
    stripes_unlock(volumes, mask);
    return r;
}

/* Copies into what is staged and makes it the volume's. */
static int copy_staged(struct volumes *volumes, struct copy *copy, struct volume_ref ref,
                       int files_fd, int like_fd, struct error *e)
{
    const char *id = copy->volume->id;
    int r = copy_tree(copy->from_fd, files_fd, &copy->progress, &copy->stop, e);

    if (r == 0)
        r = copy_directory_attributes(copy->from_fd, like_fd, e);
    if (r == 0 && fsync(like_fd) < 0)
        r = error_set_errno(e, -errno, "what was copied cannot be synced");
    if (r) {
        store_fill_abort(volumes->store, id);
        return r;
    }
    return copy_commit(volumes, copy, ref, e);
}

static int copy_fill(struct volumes *volumes, struct copy *copy, struct error *e)
{
    _cleanup_(close_p) int files_fd = -1, like_fd = -1;
    struct volume_entry entry;
    int r;

    if (!volume_table_find_by_id(volumes->table, copy->volume->id, &entry) ||
        (volume_table_flags(volumes->table, entry.ref) & VOLUME_FLAG_READONLY))
        return 0; /* gone meanwhile, or it takes nothing */
    r = store_fill_resume(volumes->store, copy->volume->id, e);
    if (r)
        return r;
    r = store_data_is_empty(volumes->store, copy->volume->id);
    if (r <= 0)
        return r == 0 ? 0 : error_set_errno(e, r, "volume \"%s\"", copy->volume->name);
    r = store_fill_begin(volumes->store, copy->volume->id, &files_fd, &like_fd, e);
    if (r)
        return r;
    r = copy_staged(volumes, copy, entry.ref, files_fd, like_fd, e);
    if (r == ERROR_NOT_EMPTY)
        return 0; /* somebody put something into it meanwhile: that stays, and nothing comes */
    volumes_wake_trash(volumes);
    usage_mark_changed(volumes->usage, entry.ref);
    volumes_tell_filled(volumes, entry.ref);
    return r;
}

static int copy_failed(const struct copy *copy, int r, const struct error *why, struct error *e)
{
    if (r == -ECANCELED)
        return error_set(e, ERROR_UNAVAILABLE,
                         "copying %s of the rootfs into volume \"%s\" was given up, and the volume "
                         "is left as it was: the container was removed, the volume made read-only, "
                         "or volumefs is stopping",
                         copy->attachment->destination, copy->volume->name);
    return error_set(e, r, "cannot copy %s of the rootfs into volume \"%s\": %s",
                     copy->attachment->destination, copy->volume->name,
                     why->text[0] ? why->text : strerror(r < 0 ? -r : EIO));
}

/* A container that was removed between two of its volumes gets no more. */
static bool is_gone(struct volumes *volumes, const char *container_id)
{
    struct container container;

    return volume_container_find_exact(volumes, container_id, &container, NULL) == ERROR_NOT_FOUND;
}

static int copy_one(struct volumes *volumes, const char *rootfs, struct copy *copy, struct error *e)
{
    struct error why = {0};
    int r = source_open(rootfs, copy->attachment->destination, &copy->from_fd, e);

    if (r || copy->from_fd < 0)
        return r;
    r = -ECANCELED;
    if (copies_enter(volumes->copies, copy) && !is_gone(volumes, copy->container_id))
        r = copy_fill(volumes, copy, &why);
    copies_leave(volumes->copies, copy);
    close(copy->from_fd);
    return r ? copy_failed(copy, r, &why, e) : 0;
}

/* ---- all of a container ------------------------------------------------------------ */

struct wanted {
    struct attachment attachment;
    struct volume volume;
};

struct wanted_list {
    struct wanted *items;
    size_t count;
};

static void wanted_list_deinit(struct wanted_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        attachment_deinit(&list->items[i].attachment);
        volume_deinit(&list->items[i].volume);
    }
    free(list->items);
}

static int wanted_add(void *context, const struct attachment *attachment,
                      const struct volume *volume)
{
    struct wanted_list *list = context;
    struct wanted *grown;
    int r;

    if (!volume || attachment->nocopy || attachment->subpath || attachment->from[0])
        return 0;
    grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    list->items = grown;
    grown[list->count] = (struct wanted){0};
    r = attachment_copy(&grown[list->count].attachment, attachment);
    if (r == 0)
        r = volume_copy(&grown[list->count].volume, volume);
    if (r)
        attachment_deinit(&grown[list->count].attachment);
    else
        list->count++;
    return r;
}

int volume_copy_up(struct volumes *volumes, const char *container_id, const char *rootfs,
                   struct error *e)
{
    _cleanup_(wanted_list_deinit) struct wanted_list list = {0};
    int r =
        catalog_attachment_each_of_container(volumes->catalog, container_id, wanted_add, &list, e);

    for (size_t i = 0; r == 0 && i < list.count; i++) {
        struct copy copy = {.attachment = &list.items[i].attachment,
                            .volume = &list.items[i].volume,
                            .container_id = container_id};

        r = copy_one(volumes, rootfs, &copy, e);
    }
    return r;
}

/* ---- how far it is ------------------------------------------------------------------ */

/* A descriptor of its own of what is copied, as long as that goes on; −1: nothing is. */
static int status_take(struct copies *copies, const char *container_id, struct copy_status *out,
                       bool *measured)
{
    struct copy *copy = copies->going_on;
    int fd = -1;

    while (copy && (!copy->active || strcmp(copy->container_id, container_id) != 0))
        copy = copy->next;
    if (!copy)
        return -1;
    fd = fcntl(copy->from_fd, F_DUPFD_CLOEXEC, 0);
    memcpy(out->volume, copy->volume->name, sizeof(out->volume));
    out->destination = strdup(copy->attachment->destination);
    out->bytes = atomic_load(&copy->progress.bytes);
    out->entries = atomic_load(&copy->progress.entries);
    out->total_bytes = copy->total_bytes;
    *measured = copy->measured;
    copy->measured = true; /* by the first who asks */
    return fd;
}

static void status_note_total(struct copies *copies, const char *container_id,
                              const struct copy_status *status)
{
    pthread_mutex_lock(&copies->mutex);
    for (struct copy *copy = copies->going_on; copy; copy = copy->next)
        if (copy->active && strcmp(copy->container_id, container_id) == 0 &&
            strcmp(copy->volume->name, status->volume) == 0)
            copy->total_bytes = status->total_bytes;
    pthread_mutex_unlock(&copies->mutex);
}

int volumes_copy_status(struct volumes *volumes, const char *key, struct copy_status *out,
                        struct error *e)
{
    _cleanup_(close_p) int fd = -1;
    struct container container;
    uint64_t entries;
    bool measured = true;
    int r = volume_container_find(volumes, key, &container, e);

    *out = (struct copy_status){0};
    if (r)
        return r;
    pthread_mutex_lock(&volumes->copies->mutex);
    fd = status_take(volumes->copies, container.id, out, &measured);
    pthread_mutex_unlock(&volumes->copies->mutex);
    if (fd < 0)
        return error_set(e, ERROR_NOT_FOUND, "nothing is being copied for container %s", key);
    if (measured || copy_measure(fd, &out->total_bytes, &entries, &volumes->copies->cancelled) < 0)
        return 0;
    status_note_total(volumes->copies, container.id, out);
    return 0;
}
