/* Which changes wait for the disk: SQLite's calls of fdatasync, or fsync, come here. */
#include "catalog/catalog.h"
#include "tests/unit/catalog_fixture.h"
#include "tests/unit/cmocka_all.h"

#include <sys/syscall.h>
#include <unistd.h>

static int syncs;

int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fsync, fd);
}

/* Since it was asked last. */
static int syncs_made(void)
{
    int made = syncs;

    syncs = 0;
    return made;
}

static void test_a_change_waits_unless_it_says_later(void **state)
{
    struct fixture *f = *state;
    struct container first = fixture_container(1), second = fixture_container(2);

    fixture_insert(f, 1); /* the log is there */
    syncs_made();
    assert_int_equal(catalog_attach(f->catalog, &first, NULL, NULL, 0, 0, CATALOG_SYNC_LATER, NULL),
                     0);
    assert_int_equal(syncs_made(), 0);
    assert_int_equal(catalog_container_put(f->catalog, &first, NULL, NULL), 0);
    assert_int_equal(syncs_made(), 1);
    assert_int_equal(catalog_attach(f->catalog, &second, NULL, NULL, 0, 0, CATALOG_SYNC_NOW, NULL),
                     0);
    assert_int_equal(syncs_made(), 1);
    assert_int_equal(catalog_container_delete(f->catalog, first.id, CATALOG_SYNC_LATER, NULL), 0);
    assert_int_equal(syncs_made(), 0);
    assert_int_equal(catalog_container_delete(f->catalog, second.id, CATALOG_SYNC_NOW, NULL), 0);
    assert_int_equal(syncs_made(), 1);
}

static void test_a_change_that_fails_leaves_the_next_as_it_asks(void **state)
{
    struct fixture *f = *state;
    struct container container = fixture_container(1);

    fixture_insert(f, 1);
    syncs_made();
    assert_int_equal(catalog_container_delete(f->catalog, container.id, CATALOG_SYNC_LATER, NULL),
                     ERROR_NOT_FOUND);
    assert_int_equal(catalog_container_put(f->catalog, &container, NULL, NULL), 0);
    assert_int_equal(syncs_made(), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_change_waits_unless_it_says_later),
        TEST(test_a_change_that_fails_leaves_the_next_as_it_asks),
    };

    return cmocka_run_group_tests_name("catalog_sync", tests, NULL, NULL);
}
