/* Who may only read a volume, and who owns it: the lists, and how the table keeps them while others
 * ask. */
#include "fs/access.h"
#include "fs/table.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_A "3f4b1c0d9e8a7f6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b"
#define ID_B "b0c1d2e3f4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f"
#define ID_C                                                                                       \
    "b0c1d2e3f4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e00" /* B's to the 62nd */

struct row {
    const char *id;
    const char *name;
    bool readonly;
};

static void add(struct access_list **list, const char *id, const char *name, bool readonly)
{
    struct container container = {.state = CONTAINER_CREATED};

    snprintf(container.id, sizeof(container.id), "%s", id);
    snprintf(container.name, sizeof(container.name), "%s", name);
    assert_int_equal(access_list_add(list, &container, readonly), 0);
}

static bool table_restricts(struct volume_table *table, struct volume_ref ref, const char *seen)
{
    struct standing standing;

    volume_table_ask(table, ref, seen, &standing);
    return standing.reader;
}

static struct access_list *list_of(const struct row *rows, size_t count)
{
    struct access_list *list = NULL;

    for (size_t i = 0; i < count; i++)
        add(&list, rows[i].id, rows[i].name, rows[i].readonly);
    assert_int_equal(access_list_finish(&list), 0);
    return list;
}

static void test_who_is_restricted(void **state)
{
    static const struct row rows[] = {
        {ID_A, "web", true},     {ID_B, "", true},           {"00aa", "both", true},
        {"00bb", "db", false},   {"00aa", "both", false},    {"00cc", "twice", true},
        {"00cc", "twice", true}, {"00dd", "3f4b1c0d", true}, /* too short to mean A */
    };
    static const struct {
        const char *seen;
        bool restricted;
    } cases[] = {
        {ID_A, true},       {"web", true},           {"web-2", false},          {"we", false},
        {ID_B, true},       {ID_C, false},           {"both", false},           {"00aa", false},
        {"db", false},      {"00bb", false},         {"twice", true},           {"00cc", true},
        {"3f4b1c0d", true}, {"nobody", false},       {"mnt-4026531840", false}, {"zzzzzzzz", false},
        {"0", false},       {"b0c1d2e3f4a5", false},
    };
    struct access_list *list = list_of(rows, sizeof(rows) / sizeof(*rows));

    (void)state;
    assert_non_null(list);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (access_list_restricts(list, cases[i].seen) != cases[i].restricted)
            fail_msg("%s: expected %d", cases[i].seen, cases[i].restricted);
    assert_true(access_list_knows(list, "web"));
    assert_true(access_list_knows(list, "db"));
    assert_true(access_list_knows(list, ID_B));
    assert_false(access_list_knows(list, "nobody"));
    assert_null(access_list_free(list));
}

/* Somebody recorded what an engine shows of an id, and somebody else all of it. */
static void test_a_container_recorded_twice(void **state)
{
    static const struct row reads[] = {{"00aa", "3f4b1c0d9e8a", true}, {"00bb", "web", false}};
    static const struct row both[] = {{"00aa", "3f4b1c0d9e8a", true}, {ID_A, "", false}};
    static const struct row none[] = {{"00aa", "3f4b1c0d9e8a7f6b", true}, {ID_A, "web", true}};
    struct access_list *list;

    (void)state;
    list = list_of(reads, 2);
    assert_true(access_list_restricts(list, ID_A));
    assert_false(access_list_restricts(list, ID_B));
    access_list_free(list);
    list = list_of(both, 2);
    assert_false(access_list_restricts(list, ID_A));
    access_list_free(list);
    list = list_of(none, 2);
    assert_true(access_list_restricts(list, ID_A));
    access_list_free(list);
}

static void test_a_list_that_restricts_nobody_is_none(void **state)
{
    static const struct row writers[] = {
        {ID_A, "web", false}, {ID_B, "db", true}, {ID_B, "db", false}};
    struct access_list *list = NULL;

    (void)state;
    assert_int_equal(access_list_finish(&list), 0);
    assert_null(list);
    assert_null(list_of(writers, 3));
    assert_false(access_list_restricts(NULL, ID_A));
    assert_false(access_list_knows(NULL, ID_A));
}

static void test_a_closed_list_restricts_every_container(void **state)
{
    struct access_list *list = access_list_closed();

    (void)state;
    assert_true(access_list_restricts(list, ID_A));
    assert_true(access_list_restricts(list, "mnt-4026531840"));
    assert_false(access_list_knows(list, ID_A));
    assert_null(access_list_free(list));
    assert_true(access_list_restricts(access_list_closed(), ID_A));
}

static struct access_list *owned(struct access_list *list, const char *id, const char *name)
{
    struct container owner = {.state = CONTAINER_RUNNING};

    snprintf(owner.id, sizeof(owner.id), "%s", id);
    snprintf(owner.name, sizeof(owner.name), "%s", name);
    assert_int_equal(access_list_set_owner(&list, &owner), 0);
    return list;
}

static void test_the_owner(void **state)
{
    static const struct row readers[] = {{"00aa", "db", true}};
    struct access_list *list = owned(NULL, ID_A, "web");

    (void)state;
    assert_int_equal(access_list_finish(&list), 0);
    assert_non_null(list);
    assert_true(access_list_is_owner(list, ID_A));
    assert_true(access_list_is_owner(list, "web"));
    assert_false(access_list_is_owner(list, "web-2"));
    assert_false(access_list_is_owner(list, ID_B));
    assert_true(access_list_knows(list, "web"));
    assert_false(access_list_knows(list, "db"));
    assert_false(access_list_restricts(list, ID_A));
    assert_false(access_list_has_readers(list));
    access_list_free(list);
    list = owned(NULL, "00bb", "3f4b1c0d9e8a"); /* what an engine shows of A's id */
    add(&list, readers[0].id, readers[0].name, readers[0].readonly);
    add(&list, "00bb", "3f4b1c0d9e8a", true);
    assert_int_equal(access_list_finish(&list), 0);
    assert_true(access_list_is_owner(list, ID_A));
    assert_false(access_list_is_owner(list, ID_B));
    assert_false(access_list_is_owner(list, "db"));
    assert_true(access_list_restricts(list, ID_A));
    assert_true(access_list_has_readers(list));
    access_list_free(list);
    assert_false(access_list_is_owner(NULL, ID_A));
    assert_false(access_list_is_owner(access_list_closed(), ID_A));
    assert_true(access_list_has_readers(access_list_closed()));
}

static void test_each_of_many_is_found(void **state)
{
    struct access_list *list = NULL;
    char id[CONTAINER_ID_MAX + 1];
    char name[32];

    (void)state;
    for (int i = 0; i < 3000; i++) {
        snprintf(id, sizeof(id), "%060d%04x", 0, (unsigned)i); /* one stem */
        snprintf(name, sizeof(name), "c%d", i * 7 % 3000);
        add(&list, id, name, i % 3 != 0);
    }
    assert_int_equal(access_list_finish(&list), 0);
    for (int i = 0; i < 3100; i++) {
        snprintf(id, sizeof(id), "%060d%04x", 0, (unsigned)i);
        snprintf(name, sizeof(name), "c%d", i * 7 % 3000);
        assert_int_equal(access_list_restricts(list, id), i < 3000 && i % 3 != 0);
        if (i < 3000)
            assert_int_equal(access_list_restricts(list, name), i % 3 != 0);
    }
    access_list_free(list);
}

/* ---- in the table ------------------------------------------------------------ */

static struct volume_ref insert(struct volume_table *table, unsigned n)
{
    struct volume volume = {.kind = VOLUME_NAMED};
    struct volume_ref ref;

    snprintf(volume.id, sizeof(volume.id), "%032x", n);
    snprintf(volume.name, sizeof(volume.name), "v%u", n);
    assert_int_equal(volume_table_insert(table, &volume, &ref), 0);
    return ref;
}

static const struct row only_a[] = {{ID_A, "web", true}};
static const struct row a_and_b[] = {{ID_A, "web", true}, {ID_B, "db", true}, {"00", "x", false}};

static void test_the_flag_follows_the_list(void **state)
{
    struct volume_table *table = volume_table_new();
    struct volume_ref ref = insert(table, 1);
    struct volume_ref other = insert(table, 2);

    (void)state;
    assert_int_equal(volume_table_flags(table, ref), 0);
    assert_false(table_restricts(table, ref, ID_A));
    volume_table_set_flags(table, ref, VOLUME_FLAG_SHARED, 0);
    assert_int_equal(volume_table_set_access(table, ref, list_of(only_a, 1)), 0);
    assert_int_equal(volume_table_flags(table, ref), VOLUME_FLAG_SHARED | VOLUME_FLAG_READERS);
    assert_true(table_restricts(table, ref, ID_A));
    assert_false(table_restricts(table, ref, ID_B));
    assert_false(table_restricts(table, other, ID_A));
    assert_true(volume_table_knows(table, ref, "web"));
    assert_false(volume_table_knows(table, ref, "db"));
    assert_false(volume_table_knows(table, other, "web"));
    assert_int_equal(volume_table_set_access(table, ref, list_of(a_and_b, 3)), 0);
    assert_true(table_restricts(table, ref, ID_B));
    volume_table_set_flags(table, ref, VOLUME_FLAG_READONLY, VOLUME_FLAG_SHARED);
    assert_int_equal(volume_table_flags(table, ref), VOLUME_FLAG_READONLY | VOLUME_FLAG_READERS);
    assert_int_equal(volume_table_set_access(table, ref, access_list_closed()), 0);
    assert_true(table_restricts(table, ref, ID_C));
    assert_int_equal(volume_table_set_access(table, ref, NULL), 0);
    assert_int_equal(volume_table_flags(table, ref), VOLUME_FLAG_READONLY);
    assert_false(table_restricts(table, ref, ID_A));
    volume_table_free(table);
}

static void test_label_and_owner_change_at_once(void **state)
{
    struct volume_table *table = volume_table_new();
    struct volume_ref ref = insert(table, 1);
    struct standing standing;

    (void)state;
    assert_int_equal(volume_table_set_label(table, ref, LABEL_PRIVATE, owned(NULL, ID_A, "web")),
                     0);
    volume_table_ask(table, ref, ID_A, &standing);
    assert_int_equal(standing.flags, VOLUME_FLAG_PRIVATE);
    assert_true(standing.owner);
    assert_false(standing.reader);
    volume_table_ask(table, ref, ID_B, &standing);
    assert_false(standing.owner);
    /* what was told of the label is told again when it changes, and only then */
    volume_table_set_flags(table, ref, VOLUME_FLAG_GATED, 0);
    volume_table_set_label(table, ref, LABEL_PRIVATE, owned(NULL, ID_B, ""));
    assert_int_equal(volume_table_flags(table, ref), VOLUME_FLAG_PRIVATE | VOLUME_FLAG_GATED);
    volume_table_set_label(table, ref, LABEL_SHARED, list_of(only_a, 1));
    volume_table_ask(table, ref, ID_A, &standing);
    assert_int_equal(standing.flags, VOLUME_FLAG_SHARED | VOLUME_FLAG_READERS);
    assert_true(standing.reader);
    assert_false(standing.owner);
    volume_table_set_label(table, ref, LABEL_NONE, NULL);
    assert_int_equal(volume_table_flags(table, ref), 0);
    assert_int_equal(volume_table_remove(table, ref), 0);
    volume_table_ask(table, ref, ID_A, &standing);
    assert_int_equal(standing.flags, VOLUME_FLAG_REMOVED);
    volume_table_free(table);
}

static void test_a_list_goes_with_its_volume(void **state)
{
    struct volume_table *table = volume_table_new();
    struct volume_ref first = insert(table, 1);
    struct volume_ref next, never = {7777777, 1};

    (void)state;
    assert_int_equal(volume_table_set_access(table, first, list_of(only_a, 1)), 0);
    assert_int_equal(volume_table_remove(table, first), 0);
    assert_false(table_restricts(table, first, ID_A));
    next = insert(table, 2);
    assert_int_equal(next.index, first.index);
    assert_int_equal(volume_table_flags(table, next), 0);
    assert_false(table_restricts(table, next, ID_A));
    assert_int_equal(volume_table_set_access(table, first, list_of(only_a, 1)), ERROR_NOT_FOUND);
    assert_false(table_restricts(table, next, ID_A));
    assert_int_equal(volume_table_set_access(table, next, list_of(only_a, 1)), 0);
    assert_false(table_restricts(table, first, ID_A));
    assert_false(table_restricts(table, never, ID_A));
    volume_table_free(table); /* with the list of `next` */
}

enum { READERS = 3, ROUNDS = 3000 };

struct race {
    struct volume_table *table;
    struct volume_ref ref;
    atomic_bool end;
};

static void *ask(void *context)
{
    struct race *race = context;

    while (!atomic_load(&race->end)) {
        if (!(volume_table_flags(race->table, race->ref) & VOLUME_FLAG_READERS) ||
            !table_restricts(race->table, race->ref, ID_A) ||
            table_restricts(race->table, race->ref, ID_C))
            return context; /* A reads only in every list, and C is in none */
        (void)table_restricts(race->table, race->ref, ID_B);
    }
    return NULL;
}

/* Volumes come and go beside it, and with them slots and lists. */
static void test_lists_change_while_others_ask(void **state)
{
    struct race race = {.table = volume_table_new()};
    pthread_t threads[READERS];
    struct volume_ref beside;
    void *failed;

    (void)state;
    race.ref = insert(race.table, 1);
    assert_int_equal(volume_table_set_access(race.table, race.ref, list_of(only_a, 1)), 0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &race), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct access_list *list = i % 2 ? list_of(only_a, 1) : list_of(a_and_b, 3);

        assert_int_equal(volume_table_set_access(race.table, race.ref, list), 0);
        beside = insert(race.table, 2 + i);
        assert_int_equal(volume_table_set_access(race.table, beside, list_of(only_a, 1)), 0);
        assert_int_equal(volume_table_remove(race.table, beside), 0);
    }
    atomic_store(&race.end, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    volume_table_free(race.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_restricted),
        cmocka_unit_test(test_a_container_recorded_twice),
        cmocka_unit_test(test_a_list_that_restricts_nobody_is_none),
        cmocka_unit_test(test_a_closed_list_restricts_every_container),
        cmocka_unit_test(test_the_owner),
        cmocka_unit_test(test_each_of_many_is_found),
        cmocka_unit_test(test_label_and_owner_change_at_once),
        cmocka_unit_test(test_the_flag_follows_the_list),
        cmocka_unit_test(test_a_list_goes_with_its_volume),
        cmocka_unit_test(test_lists_change_while_others_ask),
    };

    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
