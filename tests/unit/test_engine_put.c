/*
 * What engines tell of their containers, made into records of a real catalog; and how many
 * statements that takes, as a list of all is recorded before each removal.
 */
#include "catalog/cleanup.h"
#include "catalog/spec.h"
#include "catalog/sqlite.h"
#include "fs/volume_engine.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/volumes_fixture.h"

#include <stdio.h>
#include <string.h>

#define WEB "aa00000000000000000000000000000000000000000000000000000000000000"
#define DB  "bb00000000000000000000000000000000000000000000000000000000000000"

static const struct engine docker = {"docker", "volumefs"};
static const struct engine podman = {"podman", "volumefs"};

/* ---- statements -------------------------------------------------------------------- */

static unsigned statements;

struct query *__real_db_query(struct db *db, const char *sql);
struct query *__wrap_db_query(struct db *db, const char *sql);

struct query *__wrap_db_query(struct db *db, const char *sql)
{
    statements++;
    return __real_db_query(db, sql);
}

/* ---- what an engine tells ------------------------------------------------------------- */

static char of_web[] = "web", ours[] = "volumefs", data[] = "/data", root[] = "/";
static char away[] = "/no/such/path";

static struct engine_mount volume_mount = {.volume = of_web, .driver = ours, .destination = data};
static struct engine_mount host_mount = {.source = root, .destination = data};
static struct engine_mount unsure_mount = {.source = away, .destination = data};

static struct engine_container told(const char *id, const char *name, struct engine_mount *mount)
{
    struct engine_container container = {.mounts = mount, .mount_count = mount ? 1 : 0};

    snprintf(container.id, sizeof(container.id), "%s", id);
    snprintf(container.name, sizeof(container.name), "%s", name);
    return container;
}

static bool put_of(const struct engine *engine, struct engine_container container,
                   const struct engine_recorded *recorded)
{
    struct error e = {0};
    bool wants_process = true;

    statements = 0;
    if (volumes_engine_put(volumes, engine, &container, recorded, &wants_process, &e) != 0)
        fail_msg("%s", e.text);
    return wants_process;
}

static bool put(struct engine_container container)
{
    return put_of(&docker, container, NULL);
}

static void attach(const char *key, const char *text)
{
    _cleanup_(mount_spec_deinit) struct mount_spec spec = {0};
    const struct attach_request request = {.specs = &spec, .count = 1};
    struct container container;
    struct error e = {0};

    assert_int_equal(spec_parse_volume(text, &spec, &e), 0);
    if (volumes_attach(volumes, key, &request, &container, &e) != 0)
        fail_msg("%s", e.text);
}

/* ---- what is recorded ------------------------------------------------------------------ */

static struct container find(const char *key)
{
    struct container container;

    assert_int_equal(catalog_container_get(volumes_catalog(volumes), key, &container, NULL), 0);
    return container;
}

static bool is_recorded(const char *id)
{
    struct container container;

    return catalog_container_get(volumes_catalog(volumes), id, &container, NULL) == 0;
}

static uint32_t references(const char *name)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    uint32_t containers, uses;

    assert_int_equal(volumes_get(volumes, name, &volume, NULL), 0);
    assert_int_equal(
        catalog_reference_count(volumes_catalog(volumes), volume.id, &containers, &uses, NULL), 0);
    return containers;
}

static void test_what_is_not_ours_takes_no_statement(void **state)
{
    _cleanup_(engine_recorded_deinit) struct engine_recorded recorded;

    (void)state;
    put(told(WEB, "web", &volume_mount));
    assert_int_equal(volumes_engine_look(volumes, &docker, &recorded, NULL), 0);
    assert_false(put_of(&docker, told(DB, "db", NULL), &recorded));
    assert_int_equal(statements, 0);
    put_of(&docker, told(DB, "db", &host_mount), &recorded);
    assert_int_equal(statements, 0);
    assert_false(is_recorded(DB));
    put_of(&docker, told(DB, "db", &unsure_mount), &recorded); /* may be ours */
    assert_int_not_equal(statements, 0);
    put_of(&docker, told(DB, "db", &volume_mount), &recorded);
    assert_true(is_recorded(DB));
}

static void test_what_is_recorded_is_never_passed_over(void **state)
{
    _cleanup_(engine_recorded_deinit) struct engine_recorded recorded;

    (void)state;
    attach(DB, "db:/var/lib/db");
    assert_int_equal(volumes_engine_look(volumes, &docker, &recorded, NULL), 0);
    put_of(&docker, told(DB, "db", NULL), &recorded);
    assert_string_equal(find(DB).engine, "docker");
    assert_string_equal(find(DB).name, "db");
    assert_int_equal(references("db"), 1);
}

/* As if it had come after the list: the next one has it. */
static void test_what_comes_after_the_look_waits(void **state)
{
    _cleanup_(engine_recorded_deinit) struct engine_recorded recorded;

    (void)state;
    assert_int_equal(volumes_engine_look(volumes, &docker, &recorded, NULL), 0);
    attach(DB, "db:/var/lib/db");
    put_of(&docker, told(DB, "db", NULL), &recorded);
    assert_string_equal(find(DB).engine, "");
    assert_int_equal(references("db"), 1);
    put(told(DB, "db", NULL));
    assert_string_equal(find(DB).engine, "docker");
    assert_int_equal(references("db"), 1);
}

static void test_one_that_has_not_changed_takes_few_statements(void **state)
{
    struct engine_container container = told(WEB, "web", &volume_mount);

    (void)state;
    put(container);
    assert_int_equal(references("web"), 1);
    put(container);
    assert_in_range(statements, 1, 3); /* it, what it has, and its process */
    container.state = CONTAINER_RUNNING;
    put(container);
    assert_true(put(container));
    assert_in_range(statements, 1, 3);
    assert_int_equal(find(WEB).state, CONTAINER_RUNNING);
    assert_int_equal(references("web"), 1);
}

static void test_only_those_that_run_and_are_recorded_want_a_process(void **state)
{
    struct engine_container container = told(WEB, "web", NULL);

    (void)state;
    container.state = CONTAINER_RUNNING;
    assert_false(put(container)); /* not recorded */
    container = told(WEB, "web", &volume_mount);
    assert_false(put(container));
    container.state = CONTAINER_RUNNING;
    assert_true(put(container));
    container.state = CONTAINER_EXITED;
    assert_false(put(container));
}

static void test_names(void **state)
{
    (void)state;
    put(told(WEB, "web", &volume_mount));
    put(told(WEB, "front", &volume_mount));
    assert_string_equal(find(WEB).name, "front");
    put(told(DB, "front", &volume_mount)); /* another has it still */
    assert_string_equal(find(DB).name, "");
    put(told(WEB, "back", &volume_mount));
    put(told(DB, "front", &volume_mount));
    assert_string_equal(find(DB).name, "front");
    put(told(WEB, DB, &volume_mount)); /* what it is called, another is known by */
    assert_string_equal(find(WEB).name, "");
    assert_string_equal(find("front").id, DB);
    assert_int_equal(references("web"), 2);
}

static void test_one_recorded_by_hand_is_taken_over(void **state)
{
    char by_hand[CONTAINER_ID_MAX + 1];

    (void)state;
    attach("web", "web:/data");
    attach("web", "db:/var/lib/db");
    memcpy(by_hand, find("web").id, sizeof(by_hand));
    put(told(WEB, "web", &volume_mount));
    assert_string_equal(find("web").id, WEB);
    assert_false(is_recorded(by_hand));
    assert_int_equal(references("web"), 1);
    assert_int_equal(references("db"), 1);
}

static void test_one_by_hand_with_other_volumes_stays(void **state)
{
    (void)state;
    attach("web", "db:/data");
    put(told(WEB, "web", &volume_mount));
    assert_string_not_equal(find("web").id, WEB);
    assert_string_equal(find(WEB).name, "");
    assert_int_equal(references("web"), 1);
    assert_int_equal(references("db"), 1);
}

static bool is_web(void *context, const char *id)
{
    (void)context;
    return strcmp(id, WEB) == 0;
}

static void test_what_an_engine_lists_no_more_is_forgotten(void **state)
{
    _cleanup_(engine_recorded_deinit) struct engine_recorded recorded;
    char id[CONTAINER_ID_MAX + 1];

    (void)state;
    put(told(WEB, "web", &volume_mount));
    for (unsigned i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "%02u%s", 99 - i, &DB[2]);
        put(told(id, "", &volume_mount));
    }
    snprintf(id, sizeof(id), "cc%s", &DB[2]);
    put_of(&podman, told(id, "of-podman", &volume_mount), NULL);
    attach("by-hand", "web:/data");
    assert_int_equal(references("web"), 43);
    assert_int_equal(volumes_engine_look(volumes, &docker, &recorded, NULL), 0);
    assert_int_equal(recorded.count, 43);
    assert_true(engine_recorded_has(&recorded, WEB));
    assert_false(engine_recorded_has(&recorded, DB));
    assert_false(engine_recorded_has(&recorded, "aa"));
    assert_int_equal(volumes_engine_forget_others(volumes, &docker, &recorded, is_web, NULL, NULL),
                     0);
    assert_int_equal(references("web"), 3);
    assert_true(is_recorded(WEB) && is_recorded(id) && is_recorded("by-hand"));
    assert_int_equal(volumes_engine_forget_others(volumes, &docker, &recorded, is_web, NULL, NULL),
                     0); /* they are gone already */
    assert_int_equal(references("web"), 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, volumes_setup, volumes_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_not_ours_takes_no_statement),
        TEST(test_what_is_recorded_is_never_passed_over),
        TEST(test_what_comes_after_the_look_waits),
        TEST(test_one_that_has_not_changed_takes_few_statements),
        TEST(test_only_those_that_run_and_are_recorded_want_a_process),
        TEST(test_names),
        TEST(test_one_recorded_by_hand_is_taken_over),
        TEST(test_one_by_hand_with_other_volumes_stays),
        TEST(test_what_an_engine_lists_no_more_is_forgotten),
    };

    return cmocka_run_group_tests_name("engine_put", tests, NULL, NULL);
}
