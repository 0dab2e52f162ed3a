/*
 * Spares: directories that have no volume yet, so that making a volume waits for the disk once and
 * briefly.
 *
 *   spare/ID/data/        as most volumes want it: the daemon's, 0755
 *   spare/ID/volume.json  ROOM blanks, on disk: a record is written over them in place
 *
 * All of a spare is on disk before it is one. A volume that takes it has its record written and
 * synced, in the blocks and the size that are there, and is renamed to volumes/ID. That rename is
 * not waited for: after a crash what is in spare/ and not blank may be a volume that was promised
 * to somebody. store_recover_spares renames it again, and where the catalog is known it is found
 * out.
 *
 * `mutex` guards the list alone; no system call under it.
 */
#include "catalog/cleanup.h"
#include "catalog/record.h"
#include "fs/store_private.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    SPARES_MAX = 32,
    ROOM = 1024, /* of a record; a longer one takes no spare */
};

struct spares {
    pthread_mutex_t mutex;
    unsigned count;
    char ids[SPARES_MAX][VOLUME_ID_LENGTH + 1];
};

struct spares *spares_new(void)
{
    struct spares *spares = calloc(1, sizeof(*spares));

    if (spares)
        pthread_mutex_init(&spares->mutex, NULL);
    return spares;
}

struct spares *spares_free(struct spares *spares)
{
    if (!spares)
        return NULL;
    pthread_mutex_destroy(&spares->mutex);
    free(spares);
    return NULL;
}

static bool spare_pop(struct spares *spares, char id[VOLUME_ID_LENGTH + 1])
{
    bool found;

    pthread_mutex_lock(&spares->mutex);
    found = spares->count > 0;
    if (found)
        memcpy(id, spares->ids[--spares->count], VOLUME_ID_LENGTH + 1);
    pthread_mutex_unlock(&spares->mutex);
    return found;
}

/* False: there are enough. */
static bool spare_push(struct spares *spares, const char id[VOLUME_ID_LENGTH + 1])
{
    bool room;

    pthread_mutex_lock(&spares->mutex);
    room = spares->count < SPARES_MAX;
    if (room)
        memcpy(spares->ids[spares->count++], id, VOLUME_ID_LENGTH + 1);
    pthread_mutex_unlock(&spares->mutex);
    return room;
}

static bool spares_wanted(struct spares *spares)
{
    bool wanted;

    pthread_mutex_lock(&spares->mutex);
    wanted = spares->count < SPARES_MAX;
    pthread_mutex_unlock(&spares->mutex);
    return wanted;
}

/* ---- making ------------------------------------------------------------------- */

static void blank(char text[ROOM + 1])
{
    memset(text, ' ', ROOM - 1);
    text[ROOM - 1] = '\n';
    text[ROOM] = 0;
}

static int spare_make(struct store *store)
{
    const struct store_root root = {.uid = geteuid(), .gid = getegid(), .mode = 0755};
    _cleanup_(store_stage_deinit) struct stage stage = {-1, -1, -1};
    char id[VOLUME_ID_LENGTH + 1];
    char record[ROOM + 1];
    int r = name_make_random(id, VOLUME_ID_LENGTH);

    if (r)
        return r;
    blank(record);
    r = store_stage(store->spare_fd, id, &root, record, &stage);
    if (r == 0)
        r = store_stage_sync(&stage);
    if (r == 0 && fsync(store->spare_fd) < 0)
        r = -errno;
    if (r || !spare_push(store->spares, id))
        store_stage_undo(store->spare_fd, id);
    return r;
}

int store_make_spares(struct store *store, const atomic_bool *stop)
{
    int r = 0;

    while (r == 0 && !atomic_load(stop) && spares_wanted(store->spares))
        r = spare_make(store);
    return r;
}

void store_drop_spares(struct store *store)
{
    char id[VOLUME_ID_LENGTH + 1];

    while (spare_pop(store->spares, id))
        store_stage_undo(store->spare_fd, id);
}

/* ---- use ---------------------------------------------------------------------- */

/* Its root is as new as the volume, which nobody has to wait for. */
static int spare_set_root(int dir_fd, const struct store_root *root)
{
    _cleanup_(close_p) int data_fd = walk_open_directory(dir_fd, DATA_NAME);
    bool changed = false;
    int r = data_fd < 0 ? data_fd : store_set_root(data_fd, root, &changed);

    if (r)
        return r;
    if (futimens(data_fd, NULL) < 0 || (changed && fsync(data_fd) < 0))
        return -errno;
    return 0;
}

/* The rest of the blanks stays: a shorter file may be on disk with what was cut off as zeros. */
static int spare_write(int dir_fd, const char *record)
{
    _cleanup_(close_p) int fd = openat(dir_fd, RECORD_NAME, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    size_t length = strlen(record);
    ssize_t written;

    if (fd < 0)
        return -errno;
    written = pwrite(fd, record, length, 0);
    if (written != (ssize_t)length)
        return written < 0 ? -errno : -EIO;
    return fdatasync(fd) < 0 ? -errno : 0;
}

static int spare_become(struct store *store, const char *id, const char *record,
                        const struct store_root *root)
{
    _cleanup_(close_p) int dir_fd = walk_open_directory(store->spare_fd, id);
    int r = dir_fd < 0 ? dir_fd : spare_set_root(dir_fd, root);

    if (r == 0)
        r = spare_write(dir_fd, record);
    if (r == 0 && renameat2(store->spare_fd, id, store->volumes_fd, id, RENAME_NOREPLACE) < 0)
        r = -errno;
    return r;
}

bool store_use_spare(struct store *store, struct volume *volume, const struct store_root *root)
{
    _cleanup_(free_p) char *record = NULL;

    if (!spare_pop(store->spares, volume->id))
        return false;
    record = record_encode(volume);
    if (record && strlen(record) >= ROOM && spare_push(store->spares, volume->id))
        return false;
    if (record && strlen(record) < ROOM && spare_become(store, volume->id, record, root) == 0)
        return true;
    store_stage_undo(store->spare_fd, volume->id);
    (void)!fsync(store->spare_fd); /* lest its record comes back */
    return false;
}

/* ---- after a crash -------------------------------------------------------------- */

/* Nobody can have it: no record was begun, and nothing is in it. What cannot be read is not blank.
 */
static bool is_blank(const struct store *store, const char *id)
{
    _cleanup_(close_p) int dir_fd = walk_open_directory(store->spare_fd, id);
    _cleanup_(close_p) int fd =
        dir_fd < 0 ? -1
                   : openat(dir_fd, RECORD_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char first = ' ';

    if (dir_fd < 0 || (fd < 0 && errno != ENOENT) || (fd >= 0 && pread(fd, &first, 1, 0) < 0))
        return false;
    return first == ' ' && store_has_data(dir_fd) == 0;
}

/* What is not blank and yet no volume is found out where the catalog is known. A blank one that
 * cannot be removed is left to the next start. */
static int visit_spare(void *context, const char *name)
{
    struct store *store = context;

    if (!name_is_volume_id(name))
        return 0;
    if (is_blank(store, name)) {
        store_stage_undo(store->spare_fd, name);
        return 0;
    }
    if (renameat2(store->spare_fd, name, store->volumes_fd, name, RENAME_NOREPLACE) == 0)
        return 0;
    return errno == EEXIST ? 0 : -errno; /* store_each_twice */
}

int store_recover_spares(struct store *store)
{
    return walk_each(store->spare_fd, visit_spare, store);
}
