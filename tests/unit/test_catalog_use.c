/* Uses in the catalog: engines' mounts, counted, and what they end with. */
#include "catalog/catalog.h"
#include "catalog/cleanup.h"
#include "tests/unit/catalog_fixture.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static int see_use(void *context, const struct use *use)
{
    *(uint32_t *)context += use->count;
    return 0;
}

static void test_uses_are_counted(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1), two = fixture_volume(2);
    uint32_t count = 99, total = 0, of_one = 0;
    char big[200] = "";

    fixture_insert(f, 1);
    fixture_insert(f, 2);
    assert_int_equal(catalog_use_add(f->catalog, one.id, "m", 1, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(catalog_use_add(f->catalog, one.id, "m", 2, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(catalog_use_add(f->catalog, one.id, "m", -4, &count, NULL), ERROR_NOT_FOUND);
    assert_int_equal(count, 3);
    assert_int_equal(catalog_use_add(f->catalog, two.id, "m", 5, &count, NULL), 0);
    catalog_use_each(f->catalog, NULL, see_use, &total, NULL);
    assert_int_equal(total, 8);
    catalog_use_each(f->catalog, one.id, see_use, &of_one, NULL);
    assert_int_equal(of_one, 3);
    assert_int_equal(catalog_use_add(f->catalog, one.id, "m", -3, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(catalog_use_add(f->catalog, one.id, "m", -1, &count, NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_use_add(f->catalog, fixture_container(1).id, "m", 1, NULL, NULL),
                     ERROR_NOT_FOUND);
    assert_int_equal(catalog_use_add(f->catalog, one.id, "", 1, NULL, NULL), ERROR_REQUEST_INVALID);
    memset(big, 'm', sizeof(big) - 1);
    assert_int_equal(catalog_use_add(f->catalog, one.id, big, 1, NULL, NULL),
                     ERROR_REQUEST_INVALID);
    for (int i = 0; i < 2; i++)
        assert_int_equal(catalog_use_add(f->catalog, one.id, "n", INT32_MAX, &count, NULL), 0);
    assert_int_equal(catalog_use_add(f->catalog, one.id, "n", 2, &count, NULL), ERROR_LIMIT);
}

static int see_engine(void *context, const struct use *use)
{
    struct use *seen = context;

    *seen = *use;
    return 0;
}

static struct use use_of(struct fixture *f, const char *volume_id)
{
    struct use use = {0};

    assert_int_equal(catalog_use_each(f->catalog, volume_id, see_engine, &use, NULL), 0);
    return use;
}

static void test_uses_end_with_their_engine_and_boot(void **state)
{
    static const struct engine_process first = {100, 7}, second = {100, 8}, none = {0};
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1), two = fixture_volume(2), got;

    fixture_insert(f, 1);
    fixture_insert(f, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(catalog_use_mount(f->catalog, one.id, "m", "boot", &first, NULL), 0);
    assert_int_equal(use_of(f, one.id).count, 2);
    assert_int_equal(use_of(f, one.id).engine.pid, 100);
    assert_true(use_of(f, one.id).since > 0);
    assert_int_equal(catalog_volume_get_by_id(f->catalog, one.id, &got, NULL), 0);
    assert_true(got.last_used_at >= use_of(f, one.id).since);
    assert_int_equal(catalog_use_mount(f->catalog, one.id, "m", "boot", &second, NULL), 0);
    assert_int_equal(use_of(f, one.id).count, 1); /* the first one's went with it */
    assert_int_equal(catalog_use_void_engine(f->catalog, &first, NULL), 0);
    assert_int_equal(use_of(f, one.id).count, 1);
    assert_int_equal(catalog_use_void_engine(f->catalog, &second, NULL), 0);
    assert_int_equal(use_of(f, one.id).count, 0);

    assert_int_equal(catalog_use_add(f->catalog, one.id, "m", 2, NULL, NULL), 0); /* whose? */
    assert_int_equal(catalog_use_mount(f->catalog, one.id, "m", "boot", &first, NULL), 0);
    assert_int_equal(use_of(f, one.id).count, 3);
    assert_int_equal(catalog_use_mount(f->catalog, one.id, "m", "next", &first, NULL), 0);
    assert_int_equal(use_of(f, one.id).count, 1);
    assert_int_equal(catalog_use_add(f->catalog, two.id, "m", 2, NULL, NULL), 0);
    assert_int_equal(catalog_use_void_boots(f->catalog, "last", NULL), 0);
    assert_int_equal(use_of(f, one.id).count, 0);
    assert_int_equal(use_of(f, two.id).count, 2); /* of a boot that was not known: this one */
    assert_int_equal(catalog_use_void_boots(f->catalog, "other", NULL), 0);
    assert_int_equal(use_of(f, two.id).count, 0);

    assert_int_equal(catalog_use_mount(f->catalog, one.id, "m", "boot", &none, NULL), 0);
    assert_int_equal(catalog_use_mount(f->catalog, one.id, "n", "boot", &none, NULL), 0);
    assert_int_equal(catalog_use_void_volume(f->catalog, one.id, NULL), 0);
    assert_int_equal(use_of(f, one.id).count, 0);
    assert_int_equal(
        catalog_use_mount(f->catalog, fixture_container(1).id, "m", "boot", &none, NULL),
        ERROR_NOT_FOUND);
    assert_int_equal(catalog_use_mount(f->catalog, one.id, "", "boot", &none, NULL),
                     ERROR_REQUEST_INVALID);
    volume_deinit(&got);
    got = (struct volume){0};
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_uses_are_counted),
        TEST(test_uses_end_with_their_engine_and_boot),
    };

    return cmocka_run_group_tests_name("catalog_use", tests, NULL, NULL);
}
