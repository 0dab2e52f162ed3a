/*
 * Copy-up: what the rootfs of a container has where an empty volume is to be mounted becomes the
 * volume's, as Docker does it (moby daemon/create_unix.go, container/container_unix.go), but that
 * of two containers started at once on one volume one copies and the other waits for it.
 *
 * What goes on stands in a list, one entry a volume. Its mutex is held for a moment only: copying
 * holds no lock. Those who wait for an entry count themselves, and the last one frees it.
 */
#include "catalog/cleanup.h"
#include "fs/copy.h"
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

struct copy {
    struct copy *next;
    const struct attachment *attachment;
    const struct volume *volume;
    const char *container_id;
    struct copy_progress progress;
    atomic_bool stop;
    int from_fd;
    bool measured;
    uint64_t total_bytes;
};

struct copies {
    pthread_mutex_t mutex; /* guards the list and `cancelled` */
    pthread_cond_t ended;  /* an entry has left the list */
    struct copy *going_on; /* each lives on its thread's stack */
    bool cancelled;
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

static struct copy *copies_find(struct copies *copies, const char *volume_id)
{
    for (struct copy *copy = copies->going_on; copy; copy = copy->next)
        if (strcmp(copy->volume->id, volume_id) == 0)
            return copy;
    return NULL;
}

/* Waits until nobody copies into the volume, and then is the one who does. False: cancelled. */
static bool copies_enter(struct copies *copies, struct copy *copy)
{
    bool entered;

    pthread_mutex_lock(&copies->mutex);
    while (!copies->cancelled && copies_find(copies, copy->volume->id))
        pthread_cond_wait(&copies->ended, &copies->mutex);
    entered = !copies->cancelled;
    if (entered) {
        copy->next = copies->going_on;
        copies->going_on = copy;
    }
    pthread_mutex_unlock(&copies->mutex);
    return entered;
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
    copies->cancelled |= !container_id;
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
}

/* ---- one volume ------------------------------------------------------------------ */

/*
 * The directory that the container would see at `destination` without the volume: links lead
 * where they do inside the rootfs. −1: it has none there.
 */
static int source_open(const char *rootfs, const char *destination)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    _cleanup_(close_p) int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return root < 0 ? -1 : (int)syscall(SYS_openat2, root, destination, &how, sizeof(how));
}

/* Whether an empty volume looks like the empty directory already: it did get what that has. */
static bool is_like(struct volumes *volumes, const char *volume_id, int source)
{
    _cleanup_(close_p) int data = store_open_data(volumes->store, volume_id);
    struct stat has, wanted;

    return data >= 0 && walk_is_empty(source) == 1 && fstat(data, &has) == 0 &&
           fstat(source, &wanted) == 0 && has.st_uid == wanted.st_uid &&
           has.st_gid == wanted.st_gid && has.st_mode == wanted.st_mode &&
           has.st_mtim.tv_sec == wanted.st_mtim.tv_sec &&
           has.st_mtim.tv_nsec == wanted.st_mtim.tv_nsec;
}

bool volume_copy_is_due(struct volumes *volumes, const char *volume_id, const char *rootfs,
                        const char *destination)
{
    _cleanup_(close_p) int fd = source_open(rootfs, destination);

    return fd >= 0 && store_data_is_empty(volumes->store, volume_id) == 1 &&
           !is_like(volumes, volume_id, fd);
}

/* Copies into what is staged and makes it the volume's. */
static int copy_staged(struct volumes *volumes, struct copy *copy, int files_fd, int like_fd,
                       struct error *e)
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
    return store_fill_commit(volumes->store, id, e);
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
    r = copy_staged(volumes, copy, files_fd, like_fd, e);
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
                         "is left as it was: the container was removed, or volumefs is stopping",
                         copy->attachment->destination, copy->volume->name);
    return error_set(e, r, "cannot copy %s of the rootfs into volume \"%s\": %s",
                     copy->attachment->destination, copy->volume->name,
                     why->text[0] ? why->text : strerror(r < 0 ? -r : EIO));
}

static int copy_one(struct volumes *volumes, const char *rootfs, struct copy *copy, struct error *e)
{
    struct error why = {0};
    int r;

    copy->from_fd = source_open(rootfs, copy->attachment->destination);
    if (copy->from_fd < 0)
        return 0;
    r = copies_enter(volumes->copies, copy) ? 0 : -ECANCELED;
    if (r == 0) {
        r = copy_fill(volumes, copy, &why);
        copies_leave(volumes->copies, copy);
    }
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

    while (copy && strcmp(copy->container_id, container_id) != 0)
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

static void status_note_total(struct copies *copies, const struct copy_status *status)
{
    pthread_mutex_lock(&copies->mutex);
    for (struct copy *copy = copies->going_on; copy; copy = copy->next)
        if (strcmp(copy->volume->name, status->volume) == 0)
            copy->total_bytes = status->total_bytes;
    pthread_mutex_unlock(&copies->mutex);
}

int volumes_copy_status(struct volumes *volumes, const char *key, struct copy_status *out,
                        struct error *e)
{
    static const atomic_bool go_on = false;
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
    if (measured || copy_measure(fd, &out->total_bytes, &entries, &go_on) < 0)
        return 0;
    status_note_total(volumes->copies, out);
    return 0;
}
