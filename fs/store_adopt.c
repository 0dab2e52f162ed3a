/* Directories that come to the store and leave it, each by one rename; see store_adopt.h. */
#include "fs/store_adopt.h"

#include "catalog/cleanup.h"
#include "catalog/record.h"
#include "fs/store_private.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define ADOPTION_NAME "adopted.json"

static int sync_both(int a, int b)
{
    return fsync(a) < 0 || fsync(b) < 0 ? -errno : 0;
}

/* From one of our directories to another, on disk; or it stays. */
static int part_move(int from_fd, int to_fd, const char *id)
{
    int r;

    if (renameat2(from_fd, id, to_fd, id, RENAME_NOREPLACE) < 0)
        return -errno;
    r = sync_both(to_fd, from_fd);
    if (r)
        (void)!renameat2(to_fd, id, from_fd, id, RENAME_NOREPLACE);
    return r;
}

/* ---- records ----------------------------------------------------------------- */

static int records_write(int dir_fd, const struct volume *volume, const struct adoption *adoption)
{
    _cleanup_(free_p) char *text = adoption_encode(adoption);
    int r = text ? store_write_volume(dir_fd, volume) : -ENOMEM;

    if (r == 0)
        r = store_write_file(dir_fd, ADOPTION_NAME, text);
    return r || fsync(dir_fd) == 0 ? r : -errno;
}

/* A whole file of volumes/ID, NUL-terminated. −ENOENT, −EFBIG or another −errno. */
static int file_read(const struct store *store, const char *id, const char *name, size_t most,
                     char **out, size_t *length)
{
    _cleanup_(close_p) int dir_fd = walk_open_directory(store->volumes_fd, id);
    _cleanup_(close_p) int fd =
        dir_fd < 0 ? dir_fd : walk_open(dir_fd, name, O_RDONLY | O_NONBLOCK);
    _cleanup_(free_p) char *text = NULL;
    struct stat st;
    ssize_t n;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)most)
        return -EFBIG;
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        return -ENOMEM;
    *length = 0;
    while (*length < (size_t)st.st_size &&
           (n = pread(fd, text + *length, (size_t)st.st_size - *length, (off_t)*length)) != 0) {
        if (n < 0)
            return -errno;
        *length += (size_t)n;
    }
    text[*length] = 0;
    *out = steal_pointer(&text);
    return 0;
}

int store_read_adoption(struct store *store, const char *id, struct adoption *out, struct error *e)
{
    _cleanup_(free_p) char *text = NULL;
    size_t length = 0;
    int r = file_read(store, id, ADOPTION_NAME, ADOPTION_RECORD_MAX, &text, &length);

    *out = (struct adoption){0};
    if (r == -ENOENT)
        return error_set(e, ERROR_NOT_FOUND, "volume %s was not taken over from an engine", id);
    if (r)
        return error_set_errno(e, r, "%s/volumes/%s/" ADOPTION_NAME, store->path, id);
    return adoption_decode(text, length, out, e);
}

int store_read_volume(struct store *store, const char *id, struct volume *out, struct error *e)
{
    _cleanup_(free_p) char *text = NULL;
    size_t length = 0;
    int r = file_read(store, id, RECORD_NAME, RECORD_SIZE_MAX, &text, &length);

    *out = (struct volume){0};
    if (r)
        return error_set_errno(e, r, "%s/volumes/%s/" RECORD_NAME, store->path, id);
    return record_decode(text, length, out, e);
}

/* ---- coming ------------------------------------------------------------------ */

int store_adopt_begin(struct store *store, const struct volume *volume,
                      const struct adoption *adoption, struct error *e)
{
    _cleanup_(close_p) int fd = -1;
    int r = 0;

    if (!name_is_volume_id(volume->id))
        return -EINVAL;
    if (mkdirat(store->staging_fd, volume->id, 0700) < 0)
        return store_fail(store, -errno, "cannot make volume", volume->name, e);
    fd = walk_open_directory(store->staging_fd, volume->id);
    r = fd < 0 ? fd : records_write(fd, volume, adoption);
    if (r == 0)
        return 0;
    store_adopt_abort(store, volume->id);
    return store_fail(store, r, "cannot make volume", volume->name, e);
}

void store_adopt_abort(struct store *store, const char *id)
{
    (void)!store_move_to_trash(store, store->staging_fd, id); /* else the next start does */
}

/* The directory is ours, and has to be a volume; or goes back to where it was. */
static int arrive(const struct store *store, const char *id, int dir_fd, int parent_fd,
                  const char *name)
{
    int r = sync_both(dir_fd, parent_fd);

    if (r == 0)
        r = part_move(store->adopting_fd, store->volumes_fd, id);
    if (r == 0)
        return 0;
    (void)!renameat2(dir_fd, DATA_NAME, parent_fd, name, RENAME_NOREPLACE);
    return r;
}

int store_adopt_move(struct store *store, const char *id, int parent_fd, const char *name)
{
    _cleanup_(close_p) int dir_fd = walk_open_directory(store->staging_fd, id);
    int r = dir_fd < 0 ? dir_fd : part_move(store->staging_fd, store->adopting_fd, id);

    if (r)
        return r;
    if (renameat2(parent_fd, name, dir_fd, DATA_NAME, RENAME_NOREPLACE) < 0)
        r = -errno;
    else
        r = arrive(store, id, dir_fd, parent_fd, name);
    if (r == 0 || faccessat(dir_fd, DATA_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return r; /* a directory that could not be put back stays for the next start */
    (void)!renameat2(store->adopting_fd, id, store->staging_fd, id, RENAME_NOREPLACE);
    return r;
}

int store_adopt_make_data(struct store *store, const char *id)
{
    _cleanup_(close_p) int dir_fd = walk_open_directory(store->staging_fd, id);

    if (dir_fd < 0)
        return dir_fd;
    if (mkdirat(dir_fd, DATA_NAME, 0700) < 0)
        return -errno;
    return walk_open_directory(dir_fd, DATA_NAME);
}

int store_adopt_publish(struct store *store, const char *id)
{
    _cleanup_(close_p) int dir_fd = walk_open_directory(store->staging_fd, id);

    if (dir_fd < 0)
        return dir_fd;
    if (fsync(dir_fd) < 0)
        return -errno;
    return part_move(store->staging_fd, store->volumes_fd, id);
}

/* ---- leaving ------------------------------------------------------------------ */

int store_leave(struct store *store, const char *id, int parent_fd, const char *name)
{
    _cleanup_(close_p) int dir_fd = walk_open_directory(store->volumes_fd, id);
    int r = dir_fd < 0 ? dir_fd : part_move(store->volumes_fd, store->adopting_fd, id);

    if (r)
        return r;
    if (renameat(dir_fd, DATA_NAME, parent_fd, name) < 0)
        r = -errno;
    else
        r = sync_both(parent_fd, dir_fd);
    if (r == 0)
        return 0;
    (void)!renameat2(parent_fd, name, dir_fd, DATA_NAME, RENAME_NOREPLACE); /* if it did go */
    (void)!part_move(store->adopting_fd, store->volumes_fd, id);
    return r;
}

void store_leave_end(struct store *store, const char *id)
{
    (void)!store_move_to_trash(store, store->adopting_fd, id); /* else the next start does */
}

/* ---- after a crash ------------------------------------------------------------- */

static int recover_one(struct store *store, const char *id,
                       int (*gone)(void *context, const char *id, struct error *e), void *context,
                       struct error *e)
{
    _cleanup_(close_p) int dir_fd = walk_open_directory(store->adopting_fd, id);
    int r = dir_fd < 0 ? dir_fd : 0;

    if (r == 0 && faccessat(dir_fd, DATA_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        r = fsync(dir_fd) < 0 ? -errno : part_move(store->adopting_fd, store->volumes_fd, id);
    } else if (r == 0 && errno != ENOENT) {
        r = -errno;
    } else if (r == 0) {
        r = gone(context, id, e);
        if (r)
            return r;
        r = store_move_to_trash(store, store->adopting_fd, id);
    }
    return r ? store_fail(store, r, "cannot finish taking over volume", id, e) : 0;
}

struct recovery {
    struct store *store;
    int (*gone)(void *context, const char *id, struct error *e);
    void *context;
    struct error *e; /* set if `r` is */
    int r;
};

static int visit_adopting(void *context, const char *name)
{
    struct recovery *recovery = context;

    if (name_is_volume_id(name))
        recovery->r =
            recover_one(recovery->store, name, recovery->gone, recovery->context, recovery->e);
    return recovery->r;
}

int store_adopt_recover(struct store *store,
                        int (*gone)(void *context, const char *id, struct error *e), void *context,
                        struct error *e)
{
    struct recovery recovery = {.store = store, .gone = gone, .context = context, .e = e};
    int r = walk_each(store->adopting_fd, visit_adopting, &recovery);

    if (recovery.r)
        return recovery.r;
    return r ? error_set_errno(e, r, "%s/adopting", store->path) : 0;
}
