/* A new catalog from the store and from what the old one still tells. */
#include "catalog/catalog.h"
#include "catalog/cleanup.h"
#include "catalog/record.h"
#include "catalog/sqlite.h"
#include "tests/unit/catalog_fixture.h"
#include "tests/unit/cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- a store with volumes --------------------------------------------- */

static int setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    assert_int_equal(mkdirat(f->fd, "volumes", 0700), 0);
    return 0;
}

static void make_directory(struct fixture *f, const char *id, const char *json, size_t size)
{
    char name[128];

    snprintf(name, sizeof(name), "volumes/%s", id);
    assert_int_equal(mkdirat(f->fd, name, 0700), 0);
    snprintf(name, sizeof(name), "volumes/%s/data", id);
    assert_int_equal(mkdirat(f->fd, name, 0700), 0);
    snprintf(name, sizeof(name), "volumes/%s/volume.json", id);
    if (json)
        fixture_write(f, name, json, size);
}

static void make_stored(struct fixture *f, const struct volume *volume)
{
    _cleanup_(free_p) char *json = record_encode(volume);

    make_directory(f, volume->id, json, strlen(json));
}

/* Volume `n` in the store and the catalog, as the daemon has it. */
static void make_volume(struct fixture *f, int n)
{
    _cleanup_(volume_deinit) struct volume volume = fixture_volume(n);

    make_stored(f, &volume);
    fixture_insert(f, n);
}

/* ---- what happened ---------------------------------------------------- */

enum { REPORT_MAX = 65536 };

static void collect_line(void *context, const char *line)
{
    char *text = context;
    size_t length = strlen(text);

    snprintf(text + length, REPORT_MAX - length, "%s\n", line);
}

static char report[REPORT_MAX];
static struct rebuild_summary summary;

static void rebuild(struct fixture *f)
{
    struct error e = {0};
    int r;

    fixture_close(f);
    report[0] = 0;
    r = catalog_rebuild(f->fd, f->path, collect_line, report, &summary, &e);
    if (r)
        fail_msg("catalog_rebuild: %d %s", r, e.text);
    fixture_open(f);
    assert_int_equal(catalog_check(f->catalog, NULL), 0);
}

static void assert_reported(const char *text)
{
    if (!strstr(report, text))
        fail_msg("no '%s' in:\n%s", text, report);
}

static int count_volume(void *context, const struct volume *volume)
{
    (void)volume;
    ++*(int *)context;
    return 0;
}

static int volumes_count(struct fixture *f)
{
    int count = 0;

    assert_int_equal(catalog_volume_each(f->catalog, count_volume, &count, NULL), 0);
    return count;
}

static int count_attachment(void *context, const struct attachment *attachment,
                            const struct container *container)
{
    (void)attachment;
    (void)container;
    ++*(int *)context;
    return 0;
}

static int attachments_count(struct fixture *f)
{
    int count = 0;

    assert_int_equal(catalog_attachment_each(f->catalog, count_attachment, &count, NULL), 0);
    return count;
}

static int sum_use(void *context, const struct use *use)
{
    *(uint32_t *)context += use->count;
    return 0;
}

/* Files of the store's directory whose name begins so. */
static int files_count(struct fixture *f, const char *prefix)
{
    _cleanup_(closedir_p) DIR *directory = opendir(f->path);
    const struct dirent *entry;
    int count = 0;

    while ((entry = readdir(directory)))
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    return count;
}

static void assert_volume(struct fixture *f, int n)
{
    _cleanup_(volume_deinit) struct volume volume = fixture_volume(n), back = {0};

    assert_int_equal(catalog_volume_get(f->catalog, volume.name, &back, NULL), 0);
    assert_string_equal(back.id, volume.id);
    assert_int_equal(back.size_limit, volume.size_limit);
    assert_true(pairs_equal(&back.labels, &volume.labels));
    assert_true(pairs_equal(&back.options, &volume.options));
}

/* ---- tests ------------------------------------------------------------ */

static void test_lost_catalog(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    for (int i = 0; i < 5; i++)
        make_volume(f, i);
    fixture_close(f);
    unlinkat(f->fd, "catalog.db", 0);
    rebuild(f);
    assert_int_equal(volumes_count(f), 5);
    for (int i = 0; i < 5; i++)
        assert_volume(f, i);
    assert_reported("volume volume-00003");
    assert_int_equal(files_count(f, "catalog.db.broken"), 0);
    assert_int_equal(files_count(f, "catalog.db.new"), 0);
    assert_int_equal(fstatat(f->fd, "catalog.db", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void change_file(struct fixture *f, const char *sql)
{
    _cleanup_(db_free_p) struct db *db = NULL;

    fixture_close(f);
    assert_int_equal(db_open(&db, f->fd, "catalog.db", f->path, DB_WRITE, NULL), 0);
    assert_int_equal(db_exec(db, sql, NULL), 0);
}

static void test_whole_catalog_is_salvaged_and_kept(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1), back = {0};
    struct container container = fixture_container(2), found;
    struct run run = {.auto_remove = true, .pid = 7};
    uint32_t uses = 0;

    snprintf(container.engine, sizeof(container.engine), "docker");
    snprintf(container.engine_id, sizeof(container.engine_id), "7TJZ /var/lib/docker");
    for (int i = 0; i < 3; i++)
        make_volume(f, i);
    fixture_attach(f, 1, 1, "/a");
    fixture_attach(f, 2, 1, "/b");
    assert_int_equal(catalog_container_put(f->catalog, &container, &run, NULL), 0);
    catalog_use_add(f->catalog, one.id, "m", 3, NULL, NULL);
    rebuild(f);
    assert_int_equal(volumes_count(f), 3);
    assert_int_equal(attachments_count(f), 2);
    catalog_use_each(f->catalog, NULL, sum_use, &uses, NULL);
    assert_int_equal(uses, 3);
    assert_int_equal(catalog_volume_get(f->catalog, one.name, &back, NULL), 0);
    assert_int_equal(back.last_used_at, FIXTURE_USED_AT);
    assert_int_equal(files_count(f, "catalog.db.broken-"), 1);
    assert_reported("the old catalog is kept as");
    assert_false(summary.lost);
    assert_int_equal(summary.containers, 2);
    assert_int_equal(catalog_run_get(f->catalog, container.id, &run, NULL), 0);
    assert_true(run.auto_remove);
    assert_int_equal(run.pid, 7);
    assert_int_equal(catalog_container_get(f->catalog, container.id, &found, NULL), 0);
    assert_string_equal(found.engine, "docker");
    assert_string_equal(found.engine_id, "7TJZ /var/lib/docker");
}

static void test_catalog_of_an_older_version_is_salvaged(void **state)
{
    struct fixture *f = *state;

    make_volume(f, 1);
    fixture_attach(f, 1, 1, "/a");
    change_file(f, "DROP TABLE runs; DROP TABLE trees; DROP VIEW container_list;"
                   "ALTER TABLE containers DROP COLUMN engine_id;"
                   "ALTER TABLE containers DROP COLUMN engine; PRAGMA user_version = 2");
    rebuild(f);
    assert_int_equal(attachments_count(f), 1);
    assert_false(summary.lost);
}

static void test_engines_of_a_version_without_their_ids_are_salvaged(void **state)
{
    struct fixture *f = *state;
    struct container container = fixture_container(2), found;

    snprintf(container.engine, sizeof(container.engine), "docker");
    assert_int_equal(catalog_container_put(f->catalog, &container, NULL, NULL), 0);
    change_file(f, "ALTER TABLE containers DROP COLUMN engine_id; PRAGMA user_version = 5");
    rebuild(f);
    assert_false(summary.lost);
    assert_int_equal(catalog_container_get(f->catalog, container.id, &found, NULL), 0);
    assert_string_equal(found.engine, "docker");
    assert_string_equal(found.engine_id, "");
}

static void work_attach(struct fixture *f)
{
    for (int i = 0; i < 3; i++)
        make_volume(f, i);
    fixture_attach(f, 1, 1, "/a");
}

static void test_wal_of_a_crash_is_read_and_kept(void **state)
{
    struct fixture *f = *state;

    fixture_crash_after(f, work_attach);
    assert_int_equal(files_count(f, "catalog.db-wal"), 1);
    rebuild(f);
    assert_int_equal(volumes_count(f), 3);
    assert_int_equal(attachments_count(f), 1);
    assert_int_equal(files_count(f, "catalog.db.broken-"), 3); /* with -wal and -shm */
}

static void work_sixty(struct fixture *f)
{
    for (int i = 0; i < 60; i++) {
        make_volume(f, i);
        fixture_attach(f, i, i, "/d");
    }
    fixture_close(f);
}

/* What a rebuild found of 60 attachments: all, or it says that some are lost. */
static int assert_all_or_reported(struct fixture *f)
{
    int salvaged = attachments_count(f);

    assert_int_equal(summary.volumes, volumes_count(f));
    assert_int_equal(summary.attachments, salvaged);
    if (salvaged < 60) {
        assert_true(summary.lost);
        assert_reported("attach containers again before you prune");
    }
    return salvaged;
}

/*
 * Wherever a page is lost, every volume comes back, the daemon can open it again, and every
 * attachment is there, by its row or by its entry in the index, unless the schema is what is lost.
 */
static void test_any_page_lost(void **state)
{
    struct fixture *f = *state;
    _cleanup_(free_p) char *bytes = NULL;
    size_t size;
    int all = 0, whole = 0;

    work_sixty(f);
    bytes = fixture_read(f, "catalog.db", &size);
    for (size_t page = 0; page < size; page += 4096) {
        char kept[4096];

        memcpy(kept, bytes + page, sizeof(kept));
        memset(bytes + page, 0x5a, sizeof(kept));
        fixture_write(f, "catalog.db", bytes, size);
        memcpy(bytes + page, kept, sizeof(kept));
        assert_int_equal(catalog_open(&f->catalog, f->fd, f->path, true, NULL), ERROR_CORRUPT);
        rebuild(f);
        assert_int_equal(volumes_count(f), 60);
        all += assert_all_or_reported(f) == 60;
        whole += !summary.lost;
        fixture_close(f);
    }
    assert_int_equal(all, size / 4096 - 3); /* the schema has three pages */
    assert_in_range(whole, 1,
                    all - 1); /* a page of labels costs nothing, one of a table something */
}

/* Damage at both ends of tables and indices: what lies between is read, and the loss is told. */
static void test_many_pages_lost(void **state)
{
    struct fixture *f = *state;
    _cleanup_(free_p) char *bytes = NULL;
    size_t size;
    int leaf = 0, salvaged;

    work_sixty(f);
    bytes = fixture_read(f, "catalog.db", &size);
    for (size_t page = 4096; page < size; page += 4096)
        if (bytes[page] == 0x0a && leaf++ % 3 != 1) /* a leaf of a table or an index */
            memset(bytes + page, 0x5a, 4096);
    fixture_write(f, "catalog.db", bytes, size);
    rebuild(f);
    assert_int_equal(volumes_count(f), 60);
    salvaged = assert_all_or_reported(f);
    assert_in_range(salvaged, 1, 59);
    assert_true(summary.lost);
    assert_reported("attachments: the old catalog is damaged there: ");
    assert_reported("containers: the old catalog is damaged there: ");
}

/* Known by the index alone, it still is a reference, and gives no right to write. */
static void test_attachment_known_by_index_alone(void **state)
{
    struct fixture *f = *state;
    _cleanup_(free_p) char *bytes = NULL;
    int64_t root = 0;
    size_t size;

    work_sixty(f);
    {
        _cleanup_(db_free_p) struct db *db = NULL;

        assert_int_equal(db_open(&db, f->fd, "catalog.db", f->path, DB_INSPECT, NULL), 0);
        db_get_int(db, "SELECT rootpage FROM sqlite_master WHERE name = 'attachments'", &root,
                   NULL);
    }
    bytes = fixture_read(f, "catalog.db", &size);
    memset(bytes + (root - 1) * 4096, 0x5a, 4096);
    fixture_write(f, "catalog.db", bytes, size);
    rebuild(f);
    assert_int_equal(attachments_count(f), 60);
    assert_true(summary.lost);
    assert_reported("it is read-only until you detach it and attach it again");
    assert_reported("those to volumes are complete");
    fixture_close(f);
    change_file(f, "UPDATE attachments SET readonly = 1 / readonly"); /* 0 would be refused */
}

/* As a rebuild leaves it that is killed before the new catalog has its name. */
static void interrupt_rebuild(struct fixture *f)
{
    fixture_crash_after(f, work_attach);
    assert_int_equal(linkat(f->fd, "catalog.db", f->fd, "catalog.db.broken-T", 0), 0);
    assert_int_equal(renameat(f->fd, "catalog.db-wal", f->fd, "catalog.db.broken-T-wal"), 0);
    assert_int_equal(renameat(f->fd, "catalog.db-shm", f->fd, "catalog.db.broken-T-shm"), 0);
    assert_int_equal(linkat(f->fd, "catalog.db", f->fd, "catalog.db.mine", 0), 0);
}

static void test_interrupted_rebuild_run_again(void **state)
{
    struct fixture *f = *state;

    interrupt_rebuild(f);
    rebuild(f);
    assert_int_equal(volumes_count(f), 3);
    assert_int_equal(attachments_count(f), 1); /* it was in the WAL alone */
    assert_false(summary.lost);
    assert_int_equal(files_count(f, "catalog.db.broken-T"), 0);
    assert_int_equal(files_count(f, "catalog.db.broken-"), 3);
    assert_int_equal(files_count(f, "catalog.db.mine"), 1);
}

static void test_interrupted_rebuild_then_started(void **state)
{
    struct fixture *f = *state;

    interrupt_rebuild(f);
    fixture_open(f);
    assert_int_equal(attachments_count(f), 1);
    assert_int_equal(files_count(f, "catalog.db.broken-"), 0);
}

/* Two WALs for one catalog: nobody but a person can choose. */
static void test_interrupted_rebuild_with_another_wal(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};

    interrupt_rebuild(f);
    fixture_write(f, "catalog.db-wal", "other", 5);
    assert_true(catalog_rebuild(f->fd, f->path, NULL, NULL, NULL, &e) < 0);
    assert_non_null(strstr(e.text, "catalog.db.broken-T-wal cannot get its name"));
    assert_int_equal(files_count(f, "catalog.db.broken-T"), 3);
}

static void test_files_that_are_no_catalog(void **state)
{
    struct fixture *f = *state;

    make_volume(f, 1);
    fixture_close(f);
    fixture_write(f, "catalog.db", "", 0);
    rebuild(f);
    assert_volume(f, 1);
    assert_reported("containers and attachments cannot be recovered");
    assert_true(summary.lost);
    fixture_close(f);
    fixture_write(f, "catalog.db", "not a database at all, but long enough to be looked at", 54);
    rebuild(f);
    assert_volume(f, 1);
    assert_int_equal(files_count(f, "catalog.db.broken-"), 2);
}

static void test_two_volumes_of_one_name(void **state)
{
    struct fixture *f = *state;
    struct volume elder = {.id = "ffffffff000000000000000000000001",
                           .name = "web",
                           .driver = "local",
                           .created_at = 5};
    struct volume younger = {.id = "aaaaaaaa000000000000000000000002",
                             .name = "web",
                             .driver = "local",
                             .created_at = 6};
    struct volume third = {.id = "aaaaaaaa000000000000000000000003",
                           .name = "web",
                           .driver = "local",
                           .created_at = 7};
    struct volume back = {0};

    make_stored(f, &third);
    make_stored(f, &elder);
    make_stored(f, &younger);
    for (int round = 0; round < 2; round++) { /* the same names every time */
        rebuild(f);
        assert_int_equal(volumes_count(f), 3);
        assert_int_equal(catalog_volume_get(f->catalog, "web", &back, NULL), 0);
        assert_string_equal(back.id, elder.id);
        assert_int_equal(catalog_volume_get(f->catalog, "web-aaaaaaaa", &back, NULL), 0);
        assert_string_equal(back.id, third.id);
        assert_int_equal(
            catalog_volume_get(f->catalog, "web-aaaaaaaa000000000000000000000002", &back, NULL), 0);
        assert_string_equal(back.id, younger.id);
        assert_reported("recovered as web-aaaaaaaa: an older volume has the name");
    }
}

static void test_two_volumes_of_one_longest_name(void **state)
{
    struct fixture *f = *state;
    struct volume one = {.id = "aaaaaaaa000000000000000000000001", .driver = "local"};
    struct volume two = {.id = "bbbbbbbb000000000000000000000002", .driver = "local"};

    memset(one.name, 'x', NAME_MAX_LENGTH);
    memset(two.name, 'x', NAME_MAX_LENGTH);
    make_stored(f, &one);
    make_stored(f, &two);
    rebuild(f);
    assert_int_equal(volumes_count(f), 2);
    assert_reported("x-bbbbbbbb: an older");
}

/* What volume.json cannot tell any more, the old catalog may. */
static void test_unreadable_record(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume known = fixture_volume(1);

    make_directory(f, known.id, "{\"Format\":1,", 12);
    fixture_insert(f, 1);
    make_directory(f, "cccccccccccccccccccccccccccccccc", "garbage", 7);
    make_directory(f, "dddddddddddddddddddddddddddddddd", NULL, 0);
    rebuild(f);
    assert_int_equal(volumes_count(f), 1);
    assert_volume(f, 1);
    assert_reported("taken from the old catalog: volume.json");
    assert_reported("volume cccccccccccccccccccccccccccccccc left out, its data stays");
    assert_reported("volume dddddddddddddddddddddddddddddddd left out, its data stays");
}

static void test_entries_that_are_no_volumes(void **state)
{
    struct fixture *f = *state;
    struct volume other = {.id = "00000000000000000000000000000001", .name = "o", .driver = "d"};
    _cleanup_(free_p) char *json = record_encode(&other);

    fixture_write(f, "volumes/stray", "", 0);
    assert_int_equal(mkdirat(f->fd, "volumes/22222222222222222222222222222222", 0700), 0);
    assert_int_equal(symlinkat("/etc", f->fd, "volumes/33333333333333333333333333333333"), 0);
    make_directory(f, "44444444444444444444444444444444", json, strlen(json));
    make_directory(f, "55555555555555555555555555555555", NULL, 0);
    assert_int_equal(mkfifoat(f->fd, "volumes/55555555555555555555555555555555/volume.json", 0600),
                     0);
    rebuild(f);
    assert_int_equal(volumes_count(f), 0);
    assert_reported("volumes/stray left out: not a volume id");
    assert_reported("22222222222222222222222222222222 left out: it has no data directory");
    assert_reported("33333333333333333333333333333333 left out: it has no data directory");
    assert_reported("volume.json is of another volume, 00000000000000000000000000000001");
    assert_reported("55555555555555555555555555555555 left out");
}

/* Its data is there, so it is a volume again; what is in trash/ needs no row. */
static void test_removed_but_not_moved_comes_back(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1), two = fixture_volume(2);

    make_volume(f, 1);
    fixture_insert(f, 2);
    assert_int_equal(catalog_volume_tombstone(f->catalog, one.id, NULL), 0);
    assert_int_equal(catalog_volume_tombstone(f->catalog, two.id, NULL), 0);
    rebuild(f);
    assert_int_equal(volumes_count(f), 1);
    assert_volume(f, 1);
    assert_int_equal(catalog_tombstone_forget(f->catalog, two.id, NULL), 0);
}

static void test_attachments_of_volumes_that_are_gone_are_reported(void **state)
{
    struct fixture *f = *state;

    make_volume(f, 1);
    fixture_insert(f, 2); /* in the catalog alone */
    fixture_attach(f, 1, 1, "/a");
    fixture_attach(f, 1, 2, "/b");
    rebuild(f);
    assert_int_equal(volumes_count(f), 1);
    assert_int_equal(attachments_count(f), 1);
    assert_reported("attachment of container");
}

static void test_edited_rows_are_left_out(void **state)
{
    struct fixture *f = *state;
    struct container found;

    make_volume(f, 1);
    fixture_attach(f, 1, 1, "/a");
    fixture_attach(f, 2, 1, "/a");
    change_file(f, "UPDATE containers SET name = 'a b' WHERE name = 'container-1'");
    rebuild(f);
    assert_int_equal(catalog_container_get(f->catalog, "container-2", &found, NULL), 0);
    assert_int_equal(attachments_count(f), 1);
    assert_reported("left out");
}

static void test_newer_catalog_is_not_replaced(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    unsigned long before;

    make_volume(f, 1);
    change_file(f, "PRAGMA user_version = 77");
    before = fixture_fingerprint(f);
    assert_int_equal(catalog_rebuild(f->fd, f->path, NULL, NULL, NULL, &e), ERROR_NEWER);
    assert_non_null(strstr(e.text, "away first"));
    assert_true(fixture_fingerprint(f) == before);
}

static void test_without_volumes_directory(void **state)
{
    struct fixture *f = *state;
    unsigned long before;

    fixture_close(f);
    assert_int_equal(unlinkat(f->fd, "volumes", AT_REMOVEDIR), 0);
    before = fixture_fingerprint(f);
    assert_true(catalog_rebuild(f->fd, f->path, NULL, NULL, NULL, NULL) < 0);
    assert_true(fixture_fingerprint(f) == before);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lost_catalog),
        TEST(test_whole_catalog_is_salvaged_and_kept),
        TEST(test_catalog_of_an_older_version_is_salvaged),
        TEST(test_engines_of_a_version_without_their_ids_are_salvaged),
        TEST(test_wal_of_a_crash_is_read_and_kept),
        TEST(test_any_page_lost),
        TEST(test_many_pages_lost),
        TEST(test_attachment_known_by_index_alone),
        TEST(test_interrupted_rebuild_run_again),
        TEST(test_interrupted_rebuild_then_started),
        TEST(test_interrupted_rebuild_with_another_wal),
        TEST(test_files_that_are_no_catalog),
        TEST(test_two_volumes_of_one_name),
        TEST(test_two_volumes_of_one_longest_name),
        TEST(test_unreadable_record),
        TEST(test_entries_that_are_no_volumes),
        TEST(test_removed_but_not_moved_comes_back),
        TEST(test_attachments_of_volumes_that_are_gone_are_reported),
        TEST(test_edited_rows_are_left_out),
        TEST(test_newer_catalog_is_not_replaced),
        TEST(test_without_volumes_directory),
    };

    return cmocka_run_group_tests_name("rebuild", tests, NULL, NULL);
}
