/*
 * Opening, checking and making the catalog file.
 *
 * What is there is looked at through a connection that cannot write, and only
 * when it is found to be ours, not newer and whole is it opened for writing. A
 * new catalog is built under another name and renamed when complete, so that a
 * crash leaves either none or a good one and an empty file is always damage.
 *
 * One connection, one mutex: every call is short but for the sync at its end,
 * and SQLite would let only one writer in anyhow.
 */
#include "catalog/catalog_private.h"
#include "catalog/schema.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- the lock --------------------------------------------------------- */

struct catalog *catalog_lock(struct catalog *catalog)
{
    int r = pthread_mutex_lock(&catalog->lock);

    /* EDEADLK: a visitor called the catalog. */
    assert(r == 0);
    (void)r;
    return catalog;
}

void catalog_unlock(struct catalog **catalog)
{
    pthread_mutex_unlock(&(*catalog)->lock);
}

/* ---- changes ---------------------------------------------------------- */

enum {
    READ_PATIENCE_MS = 10,     /* for other processes, with the lock held */
    CHANGE_PATIENCE_MS = 5000, /* without */
    CHANGE_PAUSE_MS = 20,
};

static int64_t monotonic_ms(void)
{
    return time_monotonic() / 1000000;
}

int change_begin_sync(struct change *change, struct catalog *catalog, enum catalog_sync sync,
                      struct error *e)
{
    const struct timespec pause = {.tv_nsec = CHANGE_PAUSE_MS * 1000000L};
    int64_t end = monotonic_ms() + CHANGE_PATIENCE_MS;
    int r;

    for (;;) {
        change->locked = catalog_lock(catalog);
        r = db_sync_commits(catalog->db, sync == CATALOG_SYNC_NOW, e);
        if (r == 0)
            r = transaction_begin(&change->transaction, catalog->db, e);
        if (r != ERROR_UNAVAILABLE || monotonic_ms() >= end)
            return r;
        change_release(change);
        nanosleep(&pause, NULL);
    }
}

int change_begin(struct change *change, struct catalog *catalog, struct error *e)
{
    return change_begin_sync(change, catalog, CATALOG_SYNC_NOW, e);
}

int change_commit(struct change *change, struct error *e)
{
    return transaction_commit(&change->transaction, e);
}

void change_release(struct change *change)
{
    transaction_release(&change->transaction);
    if (change->locked)
        catalog_unlock(&change->locked);
    change->locked = NULL;
}

/* ---- a new file ------------------------------------------------------- */

static int catalog_sync_file(int store_fd, const char *name)
{
    _cleanup_(close_p) int fd = openat(store_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

void catalog_build_discard(int store_fd)
{
    static const char *const names[] = {
        CATALOG_BUILD_FILE,
        CATALOG_BUILD_FILE "-wal",
        CATALOG_BUILD_FILE "-shm",
        CATALOG_BUILD_FILE "-journal",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlinkat(store_fd, names[i], 0);
}

static int catalog_map_errno(int r, const char *path, struct error *e)
{
    if (r == -ENOSPC || r == -EDQUOT)
        r = ERROR_NO_SPACE;
    return r > 0 ? error_set(e, r, "catalog %s/" CATALOG_FILE ": no space left on the device", path)
                 : error_set_errno(e, r, "catalog %s/" CATALOG_FILE, path);
}

int catalog_build_begin(struct db **out, int store_fd, const char *path, struct error *e)
{
    _cleanup_(db_free_p) struct db *db = NULL;
    int fd, r;

    *out = NULL;
    catalog_build_discard(store_fd);
    fd = openat(store_fd, CATALOG_BUILD_FILE, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW,
                0600);
    if (fd < 0)
        return catalog_map_errno(-errno, path, e);
    close(fd);
    r = db_open(&db, store_fd, CATALOG_BUILD_FILE, path, DB_BUILD, e);
    if (!r)
        r = schema_migrate(db, 0, SCHEMA_VERSION, e);
    if (r) {
        catalog_build_discard(store_fd);
        return r;
    }
    *out = steal_pointer(&db);
    return 0;
}

int catalog_build_publish(struct db **db, int store_fd, const char *path, struct error *e)
{
    int r = db_make_publishable(*db, e);

    *db = db_free(*db);
    if (r)
        return r;
    r = catalog_sync_file(store_fd, CATALOG_BUILD_FILE);
    if (r)
        return catalog_map_errno(r, path, e);
    if (renameat(store_fd, CATALOG_BUILD_FILE, store_fd, CATALOG_FILE) < 0)
        return catalog_map_errno(-errno, path, e);
    r = catalog_sync_file(store_fd, ".");
    return r ? catalog_map_errno(r, path, e) : 0;
}

/* A WAL without its catalog (someone removed catalog.db alone) would be replayed into the new one.
 */
static int catalog_check_no_leftover(int store_fd, const char *path, struct error *e)
{
    struct stat st;

    if (fstatat(store_fd, CATALOG_FILE "-wal", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : catalog_map_errno(-errno, path, e);
    return error_set(e, ERROR_CORRUPT,
                     "catalog %.400s/" CATALOG_FILE " is missing but its -wal file is there: "
                     "nothing was written. Run: volctl doctor --rebuild --store %.400s",
                     path, path);
}

static int catalog_make(int store_fd, const char *path, struct error *e)
{
    _cleanup_(db_free_p) struct db *db = NULL;
    int r;

    r = catalog_check_no_leftover(store_fd, path, e);
    if (r)
        return r;
    r = catalog_build_begin(&db, store_fd, path, e);
    if (r)
        return r;
    r = catalog_build_publish(&db, store_fd, path, e);
    if (r)
        catalog_build_discard(store_fd);
    return r;
}

/* ---- opening ---------------------------------------------------------- */

int catalog_inspect_open(struct db **out, int store_fd, const char *path, struct error *e)
{
    struct stat st;

    *out = NULL;
    if (fstatat(store_fd, CATALOG_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return catalog_map_errno(-errno, path, e);
        return error_set(e, ERROR_NOT_FOUND, "there is no catalog %s/" CATALOG_FILE, path);
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return error_set(e, ERROR_CORRUPT,
                         "catalog %.400s/" CATALOG_FILE " is %s: nothing was written. Run: volctl "
                         "doctor --rebuild --store %.400s",
                         path, S_ISREG(st.st_mode) ? "empty" : "not a regular file", path);
    return db_open(out, store_fd, CATALOG_FILE, path, DB_INSPECT, e);
}

static int catalog_inspect(int store_fd, const char *path, int *version, struct error *e)
{
    _cleanup_(db_free_p) struct db *db = NULL;
    int r;

    r = catalog_inspect_open(&db, store_fd, path, e);
    if (!r)
        r = schema_inspect(db, version, e);
    return r ? r : db_check(db, false, e);
}

/* NULL with errno. */
static struct catalog *catalog_new(int store_fd)
{
    struct catalog *catalog = calloc(1, sizeof(*catalog));
    pthread_mutexattr_t attributes;

    if (!catalog)
        return NULL;
    catalog->store_fd = fcntl(store_fd, F_DUPFD_CLOEXEC, 3);
    if (catalog->store_fd < 0) {
        free(catalog);
        return NULL;
    }
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&catalog->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return catalog;
}

struct catalog *catalog_free(struct catalog *catalog)
{
    if (!catalog)
        return NULL;
    if (catalog->db) {
        db_free(catalog->db);
        reserve_make(catalog->store_fd);
    }
    close(catalog->store_fd);
    pthread_mutex_destroy(&catalog->lock);
    free(catalog);
    return NULL;
}

static void catalog_free_p(struct catalog **catalog)
{
    catalog_free(*catalog);
}

static int catalog_open_write(struct catalog *catalog, const char *path, int version,
                              struct error *e)
{
    int r;

    catalog->db = db_free(catalog->db);
    shared_memory_prepare(catalog->store_fd);
    r = db_open(&catalog->db, catalog->store_fd, CATALOG_FILE, path, DB_WRITE, e);
    if (!r && version < SCHEMA_VERSION)
        r = schema_migrate(catalog->db, version, SCHEMA_VERSION, e);
    return r;
}

int catalog_open(struct catalog **out, int store_fd, const char *path, bool create, struct error *e)
{
    _cleanup_(catalog_free_p) struct catalog *catalog = NULL;
    int version, r;

    *out = NULL;
    r = keep_undo(store_fd, path, e);
    if (!r)
        r = catalog_inspect(store_fd, path, &version, e);
    if (r == ERROR_NOT_FOUND && create) {
        version = SCHEMA_VERSION;
        r = catalog_make(store_fd, path, e);
    }
    if (r)
        return r;
    catalog = catalog_new(store_fd);
    if (!catalog)
        return catalog_map_errno(-errno, path, e);
    /* -wal and -shm take their mode from it. */
    if (fchmodat(catalog->store_fd, CATALOG_FILE, 0600, 0) < 0)
        return catalog_map_errno(-errno, path, e);
    r = catalog_open_write(catalog, path, version, e);
    /* SQLite may say of a full disk that it cannot open a file: what it tried last was another. */
    if ((r < 0 || r == ERROR_NO_SPACE) && reserve_give_up(catalog->store_fd))
        r = catalog_open_write(catalog, path, version, e);
    if (r)
        return r;
    reserve_make(catalog->store_fd);
    db_set_patience(catalog->db, READ_PATIENCE_MS);
    *out = steal_pointer(&catalog);
    return 0;
}

/* ---- checking --------------------------------------------------------- */

static int visit_volume(void *context, const struct volume *volume)
{
    (void)context;
    (void)volume;
    return 0;
}

static int visit_container(void *context, const struct container *container)
{
    (void)context;
    (void)container;
    return 0;
}

static int visit_run(void *context, const struct container *container, const struct run *run)
{
    (void)context;
    (void)container;
    (void)run;
    return 0;
}

static int visit_use(void *context, const struct use *use)
{
    (void)context;
    (void)use;
    return 0;
}

static int visit_tombstone(void *context, const char *id)
{
    (void)context;
    (void)id;
    return 0;
}

static int catalog_check_file(struct catalog *catalog, struct error *e)
{
    _locked_ struct catalog *locked = catalog_lock(catalog);
    int r = db_check(catalog->db, true, e);

    return r ? r : attachment_rows_check(catalog->db, e);
}

int catalog_check(struct catalog *catalog, struct error *e)
{
    int r = catalog_check_file(catalog, e);

    if (!r)
        r = catalog_volume_each(catalog, visit_volume, NULL, e);
    if (!r)
        r = catalog_container_each(catalog, visit_container, NULL, e);
    if (!r)
        r = catalog_run_each(catalog, visit_run, NULL, e);
    if (!r)
        r = catalog_use_each(catalog, NULL, visit_use, NULL, e);
    return r ? r : catalog_tombstone_each(catalog, visit_tombstone, NULL, e);
}
