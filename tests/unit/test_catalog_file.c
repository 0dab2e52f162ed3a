/* The catalog as a file: crashes, damage, other versions, a full disk. */
#include "catalog/catalog.h"
#include "catalog/cleanup.h"
#include "catalog/schema.h"
#include "catalog/sqlite.h"
#include "tests/unit/catalog_fixture.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static int open_only(struct fixture *f, struct error *e)
{
    struct catalog *catalog;
    int r = catalog_open(&catalog, f->fd, f->path, true, e);

    catalog_free(catalog);
    return r;
}

/* Refused with `code` and a text that has `named`, and not a byte of the store changed. */
static void assert_refused_untouched(struct fixture *f, int code, const char *named)
{
    unsigned long before = fixture_fingerprint(f);
    struct error e = {0};
    int r = open_only(f, &e);

    if (r != code || !strstr(e.text, named))
        fail_msg("%d '%s' instead of %d '%s'", r, e.text, code, named);
    assert_true(fixture_fingerprint(f) == before);
}

static void change_file(struct fixture *f, const char *sql)
{
    _cleanup_(db_free_p) struct db *db = NULL;

    assert_int_equal(db_open(&db, f->fd, "catalog.db", f->path, DB_WRITE, NULL), 0);
    assert_int_equal(db_exec(db, sql, NULL), 0);
}

/* ---- a sound file ----------------------------------------------------- */

static void test_absent_is_made_only_when_asked(void **state)
{
    struct fixture *f = *state;
    struct catalog *catalog;
    struct stat st;

    assert_int_equal(fstatat(f->fd, "catalog.db", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    fixture_insert(f, 1);
    assert_int_equal(fstatat(f->fd, "catalog.db-wal", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    fixture_close(f);
    unlinkat(f->fd, "catalog.db", 0);
    assert_int_equal(catalog_open(&catalog, f->fd, f->path, false, NULL), ERROR_NOT_FOUND);
    assert_null(catalog);
    assert_int_equal(fstatat(f->fd, "catalog.db", &st, 0), -1);
}

static void test_half_made_file_is_made_again(void **state)
{
    struct fixture *f = *state;

    fixture_close(f);
    unlinkat(f->fd, "catalog.db", 0);
    fixture_write(f, "catalog.db.new", "half", 4);
    fixture_write(f, "catalog.db.new-wal", "half", 4);
    fixture_open(f);
    assert_int_equal(catalog_check(f->catalog, NULL), 0);
    assert_int_equal(faccessat(f->fd, "catalog.db.new", F_OK, 0), -1);
    assert_int_equal(faccessat(f->fd, "catalog.db.new-wal", F_OK, 0), -1);
}

static void test_wal_without_its_catalog_is_not_replayed(void **state)
{
    struct fixture *f = *state;

    fixture_close(f);
    unlinkat(f->fd, "catalog.db", 0);
    fixture_write(f, "catalog.db-wal", "left", 4);
    assert_refused_untouched(f, ERROR_CORRUPT, "volctl doctor --rebuild");
}

static void test_wide_mode_is_narrowed(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    fixture_close(f);
    fchmodat(f->fd, "catalog.db", 0644, 0);
    fixture_open(f);
    assert_int_equal(fstatat(f->fd, "catalog.db", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void work_some(struct fixture *f)
{
    for (int i = 0; i < 20; i++)
        fixture_insert(f, i);
    fixture_attach(f, 1, 1, "/d");
}

static int count_volume(void *context, const struct volume *volume)
{
    (void)volume;
    ++*(int *)context;
    return 0;
}

static void test_wal_of_a_crash_is_recovered(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    int count = 0;

    fixture_crash_after(f, work_some);
    assert_int_equal(fstatat(f->fd, "catalog.db-wal", &st, 0), 0);
    assert_true(st.st_size > 0);
    fixture_open(f);
    catalog_volume_each(f->catalog, count_volume, &count, NULL);
    assert_int_equal(count, 20);
    assert_int_equal(catalog_check(f->catalog, NULL), 0);
}

/* The child says on `fd` what the catalog has acknowledged, until it is killed. */
static void work_until_killed(struct fixture *f, int fd)
{
    for (int i = 0;; i++) {
        _cleanup_(volume_deinit) struct volume volume = fixture_volume(i);

        if (catalog_volume_insert(f->catalog, &volume, NULL) ||
            (i % 3 == 0 && catalog_volume_tombstone(f->catalog, volume.id, NULL)) ||
            (i % 3 == 1 && fixture_attach(f, i, i, "/d")))
            _exit(1);
        if (write(fd, &i, sizeof(i)) != sizeof(i))
            _exit(1);
    }
}

/* `after_first`: the time runs from the first acknowledgement, else from the start. */
static int work_and_kill(struct fixture *f, long microseconds, bool after_first)
{
    struct timespec wait = {.tv_nsec = microseconds * 1000};
    int pipes[2], last = -1, status;
    pid_t child;

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (catalog_open(&f->catalog, f->fd, f->path, true, NULL) == 0)
            work_until_killed(f, pipes[1]);
        _exit(1);
    }
    close(pipes[1]);
    if (after_first)
        assert_int_equal(read(pipes[0], &last, sizeof(last)), sizeof(last));
    nanosleep(&wait, NULL);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    for (int i; read(pipes[0], &i, sizeof(i)) == sizeof(i);)
        last = i;
    close(pipes[0]);
    return last;
}

static void assert_acknowledged(struct fixture *f, int last)
{
    for (int i = 0; i <= last; i++) {
        _cleanup_(volume_deinit) struct volume volume = fixture_volume(i), back = {0};
        struct container container = fixture_container(i), found;
        int r = catalog_volume_get(f->catalog, volume.name, &back, NULL);

        assert_int_equal(r, i % 3 == 0 ? ERROR_NOT_FOUND : 0);
        if (i % 3 == 0)
            continue;
        assert_true(pairs_equal(&back.labels, &volume.labels));
        if (i % 3 == 1)
            assert_int_equal(catalog_container_get(f->catalog, container.id, &found, NULL), 0);
    }
}

static void test_killed_at_random_it_keeps_what_it_acknowledged(void **state)
{
    struct fixture *f = *state;
    int acknowledged = 0;

    srandom((unsigned)time(NULL));
    for (int round = 0; round < 20; round++) {
        int last;

        fixture_close(f);
        unlinkat(f->fd, "catalog.db", 0);
        unlinkat(f->fd, "catalog.db-wal", 0);
        unlinkat(f->fd, "catalog.db-shm", 0);
        last = work_and_kill(f, 500 + random() % 80000, round % 2);
        fixture_open(f);
        assert_acknowledged(f, last);
        assert_int_equal(catalog_check(f->catalog, NULL), 0);
        acknowledged += last + 1;
    }
    assert_true(acknowledged > 0);
}

/* ---- versions --------------------------------------------------------- */

static void test_version_one_is_migrated(void **state)
{
    struct fixture *f = *state;
    int count = 0;

    fixture_insert(f, 1);
    fixture_close(f);
    unlinkat(f->fd, "catalog.db", 0);
    fixture_write(f, "catalog.db", "", 0);
    {
        _cleanup_(db_free_p) struct db *db = NULL;

        assert_int_equal(db_open(&db, f->fd, "catalog.db", f->path, DB_WRITE, NULL), 0);
        assert_int_equal(schema_migrate(db, 0, 1, NULL), 0);
        assert_int_equal(db_exec(db,
                                 "INSERT INTO volumes VALUES ('0123456789abcdef0123456789abcdef',"
                                 "'old','named','local',0,'none','','',0,1,0);"
                                 "INSERT INTO volume_pairs VALUES "
                                 "('0123456789abcdef0123456789abcdef','label','k','v')",
                                 NULL),
                         0);
    }
    fixture_open(f);
    catalog_volume_each(f->catalog, count_volume, &count, NULL);
    assert_int_equal(count, 1);
    fixture_close(f);
    {
        _cleanup_(db_free_p) struct db *db = NULL;
        int64_t version = 0, rows = 0;

        assert_int_equal(db_open(&db, f->fd, "catalog.db", f->path, DB_WRITE, NULL), 0);
        assert_int_equal(db_get_int(db, "PRAGMA user_version", &version, NULL), 0);
        assert_int_equal(version, SCHEMA_VERSION);
        assert_int_equal(
            db_get_int(db, "SELECT count(*) FROM dangling WHERE name = 'old'", &rows, NULL), 0);
        assert_int_equal(rows, 1);
    }
}

/* A migration that fails half way leaves the old version whole. */
static void test_failed_migration_changes_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t views = -1;

    change_file(
        f, "DROP TABLE runs; DROP TABLE trees; DROP VIEW container_list; DROP VIEW volume_list;"
           "DROP VIEW reference_list; PRAGMA user_version = 1");
    fixture_close(f);
    assert_int_equal(open_only(f, NULL), -EIO); /* the last view of the step is there already */
    {
        _cleanup_(db_free_p) struct db *db = NULL;

        assert_int_equal(db_open(&db, f->fd, "catalog.db", f->path, DB_INSPECT, NULL), 0);
        db_get_int(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'view'", &views, NULL);
    }
    assert_int_equal(views, 1);
}

static void test_views_say_what_an_administrator_asks(void **state)
{
    struct fixture *f = *state;
    _cleanup_(db_free_p) struct db *db = NULL;
    int64_t n = 0;

    fixture_insert(f, 1);
    fixture_insert(f, 2);
    fixture_attach(f, 1, 1, "/d");
    fixture_close(f);
    assert_int_equal(db_open(&db, f->fd, "catalog.db", f->path, DB_INSPECT, NULL), 0);
    db_get_int(db,
               "SELECT count(*) FROM volume_list WHERE name = 'volume-00001' AND containers = 1 "
               "AND created = '2023-11-14T22:13:20Z' AND labels LIKE '%env=test%' AND mode = 'rw'",
               &n, NULL);
    assert_int_equal(n, 1);
    db_get_int(db,
               "SELECT count(*) FROM reference_list WHERE volume = 'volume-00001' AND "
               "container = 'container-1' AND destination = '/d' AND mode = 'ro'",
               &n, NULL);
    assert_int_equal(n, 1);
    db_get_int(db, "SELECT count(*) FROM dangling WHERE name = 'volume-00002'", &n, NULL);
    assert_int_equal(n, 1);
}

static void work_newer(struct fixture *f)
{
    change_file(f, "PRAGMA user_version = 77");
    /* The child is killed with a WAL that holds a change beside the version. */
    fixture_insert(f, 5);
}

static void test_newer_version_is_refused(void **state)
{
    struct fixture *f = *state;
    char todays[64];

    snprintf(todays, sizeof(todays), "PRAGMA user_version = %d", SCHEMA_VERSION);
    fixture_insert(f, 1);
    change_file(f, "PRAGMA user_version = 77");
    fixture_close(f);
    assert_refused_untouched(f, ERROR_NEWER, "version 77");
    change_file(f, todays);
    fixture_open(f);
    fixture_crash_after(f, work_newer);
    assert_refused_untouched(f, ERROR_NEWER, "version 77"); /* read from the WAL */
}

static void test_foreign_application_is_refused(void **state)
{
    struct fixture *f = *state;

    change_file(f, "PRAGMA application_id = 5");
    fixture_close(f);
    assert_refused_untouched(f, ERROR_CORRUPT, "application id");
}

static void test_missing_table_is_refused(void **state)
{
    struct fixture *f = *state;

    change_file(f, "DROP TABLE uses");
    fixture_close(f);
    assert_refused_untouched(f, ERROR_CORRUPT, "a table is missing");
}

/* ---- damage ----------------------------------------------------------- */

static void test_files_that_are_no_catalog(void **state)
{
    struct fixture *f = *state;
    char page[8192];

    fixture_close(f);
    fixture_write(f, "catalog.db", "", 0);
    assert_refused_untouched(f, ERROR_CORRUPT, "volctl doctor --rebuild --store /tmp/");
    fixture_write(f, "catalog.db", "short", 5);
    assert_refused_untouched(f, ERROR_CORRUPT, "volctl doctor --rebuild --store /tmp/");
    memset(page, 'x', sizeof(page));
    fixture_write(f, "catalog.db", page, sizeof(page));
    assert_refused_untouched(f, ERROR_CORRUPT, "volctl doctor --rebuild --store /tmp/");
    unlinkat(f->fd, "catalog.db", 0);
    mkdirat(f->fd, "catalog.db", 0700);
    assert_refused_untouched(f, ERROR_CORRUPT, "not a regular file");
    unlinkat(f->fd, "catalog.db", AT_REMOVEDIR);
    assert_int_equal(symlinkat("/etc/passwd", f->fd, "catalog.db"), 0);
    assert_refused_untouched(f, ERROR_CORRUPT, "not a regular file");
}

static void test_truncated_file_is_refused(void **state)
{
    struct fixture *f = *state;
    _cleanup_(free_p) char *bytes = NULL;
    size_t size;

    for (int i = 0; i < 200; i++)
        fixture_insert(f, i);
    fixture_close(f);
    bytes = fixture_read(f, "catalog.db", &size);
    for (size_t kept = 100; kept < size; kept += size / 17) {
        fixture_write(f, "catalog.db", bytes, kept);
        assert_refused_untouched(f, ERROR_CORRUPT, "volctl doctor --rebuild");
    }
}

static void test_zeroed_page_is_refused(void **state)
{
    struct fixture *f = *state;
    _cleanup_(free_p) char *bytes = NULL;
    size_t size;

    for (int i = 0; i < 200; i++)
        fixture_insert(f, i);
    fixture_close(f);
    bytes = fixture_read(f, "catalog.db", &size);
    for (size_t page = 0; page < size; page += 4096) {
        char kept[4096];

        memcpy(kept, bytes + page, sizeof(kept));
        memset(bytes + page, 0, sizeof(kept));
        fixture_write(f, "catalog.db", bytes, size);
        assert_refused_untouched(f, ERROR_CORRUPT, "volctl doctor --rebuild");
        memcpy(bytes + page, kept, sizeof(kept));
    }
}

/* A flip may hit a label's text and pass; it may never crash us, nor may a refusal write. */
static void test_flipped_bytes(void **state)
{
    struct fixture *f = *state;
    _cleanup_(free_p) char *bytes = NULL;
    int refused = 0;
    size_t size;

    for (int i = 0; i < 50; i++)
        fixture_insert(f, i);
    fixture_close(f);
    bytes = fixture_read(f, "catalog.db", &size);
    for (size_t at = 0; at < size; at += 97) {
        unsigned long before;
        int r;

        bytes[at] ^= 0x55;
        fixture_write(f, "catalog.db", bytes, size);
        bytes[at] ^= 0x55;
        before = fixture_fingerprint(f);
        r = open_only(f, NULL);
        if (r) {
            assert_true(fixture_fingerprint(f) == before);
            refused++;
        }
    }
    assert_true(refused > 20);
}

/* Damage found while it is open: the call says so instead of answering wrongly. */
static void test_row_that_no_call_wrote(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    struct volume back;
    int count = 0;

    fixture_insert(f, 1);
    change_file(f, "UPDATE volumes SET name = 'a b'");
    assert_int_equal(catalog_volume_get(f->catalog, "a b", &back, &e), ERROR_CORRUPT);
    assert_non_null(strstr(e.text, "volctl doctor --rebuild"));
    assert_int_equal(catalog_volume_each(f->catalog, count_volume, &count, NULL), ERROR_CORRUPT);
    change_file(f, "UPDATE volumes SET name = 'ok', owner = hex(zeroblob(1000))");
    assert_int_equal(catalog_volume_get(f->catalog, "ok", &back, NULL), ERROR_CORRUPT);
}

static int fail_use(void *context, const struct use *use)
{
    (void)context;
    (void)use;
    return -1;
}

static int pass_container(void *context, const struct container *container)
{
    (void)context;
    (void)container;
    return 0;
}

static void assert_says(const struct error *e, const char *row)
{
    if (!strstr(e->text, row) || !strstr(e->text, "volctl doctor --rebuild"))
        fail_msg("no '%s' and no next step in: %s", row, e->text);
}

/* A list that ends at such a row names it and the next step, and the check finds it first. */
static void test_lists_name_the_row_they_end_at(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    int count = 0;

    fixture_insert(f, 1);
    fixture_attach(f, 1, 1, "/a");
    change_file(f, "UPDATE volumes SET owner = printf('%070d', 0)");
    assert_int_equal(catalog_volume_each(f->catalog, count_volume, &count, &e), ERROR_CORRUPT);
    assert_says(&e, "row of volumes with the key '9e3779b1000000000000000000000001'");
    e = (struct error){0};
    assert_int_equal(catalog_check(f->catalog, &e), ERROR_CORRUPT);
    assert_says(&e, "row of volumes with the key '9e3779b1");

    change_file(f, "UPDATE volumes SET owner = ''; UPDATE containers SET name = 'a b'");
    assert_int_equal(catalog_container_each(f->catalog, pass_container, NULL, &e), ERROR_CORRUPT);
    assert_says(&e, "row of containers with the key '00");
    assert_int_equal(catalog_check(f->catalog, &e), ERROR_CORRUPT);

    change_file(f, "UPDATE containers SET name = ''; UPDATE attachments SET volume_id = NULL, "
                   "source = '/x', from_container = printf('%070d', 0)");
    assert_int_equal(catalog_check(f->catalog, &e), ERROR_CORRUPT);
    assert_says(&e, "row of attachments with the key '00");

    change_file(f, "DELETE FROM attachments; INSERT INTO uses (volume_id, mount_id, count) "
                   "SELECT id, printf('%0200d', 0), 1 "
                   "FROM volumes");
    assert_int_equal(catalog_use_each(f->catalog, NULL, fail_use, NULL, &e), ERROR_CORRUPT);
    assert_says(&e, "row of uses with the key '9e3779b1");
    assert_int_equal(catalog_check(f->catalog, &e), ERROR_CORRUPT);
}

static void test_check_finds_broken_references(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};

    assert_int_equal(catalog_check(f->catalog, NULL), 0);
    change_file(f, "PRAGMA foreign_keys = OFF; INSERT INTO uses (volume_id, mount_id, count) "
                   "VALUES ('x', 'm', 1)");
    assert_int_equal(catalog_check(f->catalog, &e), ERROR_CORRUPT);
    assert_non_null(strstr(e.text, "a row of uses refers to a missing row of volumes"));
}

/* ---- another process's lock ------------------------------------------- */

struct insertion {
    struct fixture *f;
    int n, r;
    struct error e;
};

static void *insert_in_thread(void *argument)
{
    struct insertion *insertion = argument;
    _cleanup_(volume_deinit) struct volume volume = fixture_volume(insertion->n);

    insertion->r = catalog_volume_insert(insertion->f->catalog, &volume, &insertion->e);
    return NULL;
}

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads for `ms`; the longest that one took. */
static int64_t read_for(struct fixture *f, int64_t ms)
{
    int64_t begin = clock_ms(), longest = 0, last = begin;

    while (last - begin < ms) {
        struct volume back;
        int64_t now;

        assert_int_equal(catalog_volume_get(f->catalog, "volume-00001", &back, NULL), 0);
        volume_deinit(&back);
        now = clock_ms();
        if (now - last > longest)
            longest = now - last;
        last = now;
    }
    return longest;
}

/* An administrator's open transaction: changes wait for it, readers do not wait for changes. */
static void test_lock_of_another_process(void **state)
{
    struct fixture *f = *state;
    _cleanup_(db_free_p) struct db *admin = NULL;
    struct insertion insertion = {.f = f, .n = 2};
    pthread_t thread;

    fixture_insert(f, 1);
    assert_int_equal(db_open(&admin, f->fd, "catalog.db", f->path, DB_WRITE, NULL), 0);
    assert_int_equal(db_exec(admin, "BEGIN IMMEDIATE", NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, insert_in_thread, &insertion), 0);
    assert_in_range(read_for(f, 1000), 0, 500);
    assert_int_equal(db_exec(admin, "COMMIT; BEGIN IMMEDIATE", NULL), 0);
    pthread_join(thread, NULL);
    if (insertion.r == 0) { /* it came in between */
        insertion.n = 3;
        insert_in_thread(&insertion);
    }
    assert_int_equal(insertion.r, ERROR_UNAVAILABLE);
    assert_non_null(strstr(insertion.e.text, "another process holds its lock: end its"));
    assert_int_equal(db_exec(admin, "COMMIT", NULL), 0);
    insert_in_thread(&insertion);
    assert_int_equal(insertion.r, 0);
}

/* A file system without shared memory, as the lock files of unix-dotfile stand for. */
static void test_no_write_ahead_log_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    struct db *db;

    fixture_close(f);
    change_file(f, "PRAGMA journal_mode = DELETE");
    assert_int_equal(db_open(&db, f->fd, "catalog.db?vfs=unix-dotfile", f->path, DB_WRITE, &e),
                     ERROR_UNUSABLE_STORE);
    assert_null(db);
    assert_non_null(strstr(e.text, "journal mode stays \"delete\""));
    assert_non_null(strstr(e.text, "local file system"));
    fixture_open(f); /* and made WAL again where it can be */
}

/* ---- a full disk ------------------------------------------------------ */

static const char ballast[256 << 10]; /* removed to make space again */

/* To the last page of the file system. */
static void fill_disk(struct fixture *f)
{
    _cleanup_(close_p) int fd =
        openat(f->fd, "filler", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ssize_t n;

    do
        n = write(fd, ballast, 4096);
    while (n > 0);
}

static const char *try_removal_on_full_disk(struct fixture *f)
{
    struct error e = {0};

    if (catalog_open(&f->catalog, f->fd, f->path, true, &e))
        return "it cannot be made";
    for (int i = 0; i < 60; i++) {
        fixture_insert(f, i);
        fixture_attach(f, i, i, "/d");
    }
    for (int i = 0; i < 60; i += 6) {
        _cleanup_(volume_deinit) struct volume volume = fixture_volume(i);
        struct container container = fixture_container(i);
        int r;

        /* in all states a log can be in: fresh after a start, and used */
        if (i % 12 == 0) {
            fixture_close(f);
            fill_disk(f);
            r = catalog_open(&f->catalog, f->fd, f->path, true, &e);
            if (r) {
                print_message("# round %d: %d %s\n", i, r, e.text);
                return "it cannot be opened";
            }
        }
        fill_disk(f);
        r = catalog_detach(f->catalog, container.id, "/d", &e);
        if (!r)
            r = catalog_container_delete(f->catalog, container.id, CATALOG_SYNC_NOW, &e);
        fill_disk(f);
        if (!r)
            r = catalog_volume_tombstone(f->catalog, volume.id, &e);
        if (!r)
            r = catalog_tombstone_forget(f->catalog, volume.id, &e);
        if (r) {
            print_message("# round %d: %d %s\n", i, r, e.text);
            return "something cannot be removed";
        }
    }
    unlinkat(f->fd, "filler", 0);
    return catalog_check(f->catalog, &e) ? "the check fails afterwards" : NULL;
}

static int fill_catalog(struct fixture *f, int *last, struct error *e)
{
    for (int i = 0; i < 10000; i++) {
        _cleanup_(volume_deinit) struct volume volume = fixture_volume(i);
        int r = catalog_volume_insert(f->catalog, &volume, e);

        if (r)
            return r;
        *last = i;
    }
    return 0;
}

/* What goes wrong as the disk fills; NULL: nothing. Asserts nothing, so that it is unmounted. */
static const char *try_full_disk(struct fixture *f)
{
    struct error e = {0};
    struct volume volume;
    int last = -1, count = 0, r;

    if (catalog_open(&f->catalog, f->fd, f->path, true, &e))
        return "it cannot be made";
    if (fill_catalog(f, &last, &e) != ERROR_NO_SPACE)
        return "no ERROR_NO_SPACE";
    if (!strstr(e.text, "no space") && !strstr(e.text, "full"))
        return "the text does not say that the disk is full";
    if (catalog_volume_each(f->catalog, count_volume, &count, NULL) || count != last + 1)
        return "it does not hold exactly what it acknowledged";
    fixture_close(f);
    if (catalog_open(&f->catalog, f->fd, f->path, true, &e))
        return "it cannot be opened on the full disk";
    unlinkat(f->fd, "ballast", 0);
    volume = fixture_volume(last + 100);
    r = catalog_volume_insert(f->catalog, &volume, &e);
    volume_deinit(&volume);
    if (r)
        return "it does not go on when there is space again";
    return catalog_check(f->catalog, &e) ? "the check fails afterwards" : NULL;
}

static void on_small_disk(struct fixture *f, const char *options,
                          const char *(*try)(struct fixture *f))
{
    struct fixture small = {.fd = -1};
    const char *problem;

    fixture_close(f);
    snprintf(small.path, sizeof(small.path), "%.40s/small", f->path);
    assert_int_equal(mkdirat(f->fd, "small", 0700), 0);
    if (mount("tmpfs", small.path, "tmpfs", 0, options)) {
        print_message("# skipped: no right to mount a small file system: %s\n", strerror(errno));
        skip();
    }
    small.fd = open(small.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fixture_write(&small, "ballast", ballast, sizeof(ballast));
    problem = try(&small);
    fixture_close(&small);
    close(small.fd);
    umount(small.path);
    if (problem)
        fail_msg("%s", problem);
}

static void test_full_disk(void **state)
{
    on_small_disk(*state, "size=1m", try_full_disk);
}

static void test_removal_on_full_disk(void **state)
{
    on_small_disk(*state, "size=3m", try_removal_on_full_disk);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_absent_is_made_only_when_asked),
        TEST(test_half_made_file_is_made_again),
        TEST(test_wal_without_its_catalog_is_not_replayed),
        TEST(test_wide_mode_is_narrowed),
        TEST(test_wal_of_a_crash_is_recovered),
        TEST(test_killed_at_random_it_keeps_what_it_acknowledged),
        TEST(test_version_one_is_migrated),
        TEST(test_failed_migration_changes_nothing),
        TEST(test_views_say_what_an_administrator_asks),
        TEST(test_newer_version_is_refused),
        TEST(test_foreign_application_is_refused),
        TEST(test_missing_table_is_refused),
        TEST(test_files_that_are_no_catalog),
        TEST(test_truncated_file_is_refused),
        TEST(test_zeroed_page_is_refused),
        TEST(test_flipped_bytes),
        TEST(test_row_that_no_call_wrote),
        TEST(test_lists_name_the_row_they_end_at),
        TEST(test_check_finds_broken_references),
        TEST(test_lock_of_another_process),
        TEST(test_no_write_ahead_log_is_refused),
        TEST(test_full_disk),
        TEST(test_removal_on_full_disk),
    };

    return cmocka_run_group_tests_name("catalog_file", tests, NULL, NULL);
}
