#include "fs/links.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

enum { MANY = 10000 };

static void test_files_are_told_apart(void **state)
{
    struct links links = {0};

    (void)state;
    assert_int_equal(links_add(&links, 1, 5), 1);
    assert_int_equal(links_add(&links, 2, 5), 1);
    assert_int_equal(links_add(&links, 1, 6), 1);
    assert_int_equal(links_add(&links, 1, 5), 0);
    assert_int_equal(links_add(&links, 2, 5), 0);
    assert_int_equal(links.count, 3);
    links_deinit(&links);
}

/* Growing moves them all. */
static void test_numbers_are_kept(void **state)
{
    struct links links = {0};

    (void)state;
    for (ino_t ino = 1; ino <= MANY; ino++) {
        struct link *link = links_get(&links, ino % 3, ino);

        assert_non_null(link);
        assert_int_equal(link->left, 0);
        link->left = ino + 1;
    }
    for (ino_t ino = 1; ino <= MANY; ino++)
        assert_int_equal(links_get(&links, ino % 3, ino)->left, ino + 1);
    assert_int_equal(links.count, MANY);
    links_deinit(&links);
}

static void test_empty_can_be_released(void **state)
{
    struct links links = {0};

    (void)state;
    links_deinit(&links);
    assert_int_equal(links_add(&links, 1, 1), 1);
    links_deinit(&links);
    links_deinit(&links);
    assert_null(links.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_told_apart),
        cmocka_unit_test(test_numbers_are_kept),
        cmocka_unit_test(test_empty_can_be_released),
    };

    return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
