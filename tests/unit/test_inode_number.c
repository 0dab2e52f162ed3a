/* Inode numbers: the store's own stay, others never collide. */
#include "fs/inode_number.h"
#include "tests/unit/cmocka_all.h"

enum { STORE = 0x801, OTHER = 0x802, THIRD = 0x803 };

static void test_the_store_keeps_its_numbers(void **state)
{
    struct inode_numbers *numbers = inode_numbers_new(STORE);

    (void)state;
    assert_int_equal(inode_number_map(numbers, STORE, 2), 2);
    assert_int_equal(inode_number_map(numbers, STORE, (UINT64_C(1) << 48) - 1),
                     (UINT64_C(1) << 48) - 1);
    inode_numbers_free(numbers);
}

static void test_devices_do_not_collide(void **state)
{
    struct inode_numbers *numbers = inode_numbers_new(STORE);
    uint64_t a = inode_number_map(numbers, OTHER, 2);
    uint64_t b = inode_number_map(numbers, THIRD, 2);

    (void)state;
    assert_int_not_equal(a, 2);
    assert_int_not_equal(b, 2);
    assert_int_not_equal(a, b);
    assert_int_equal(inode_number_map(numbers, OTHER, 2), a);
    inode_numbers_free(numbers);
}

static void test_large_numbers_are_remembered(void **state)
{
    struct inode_numbers *numbers = inode_numbers_new(STORE);
    const uint64_t large = UINT64_C(1) << 60;
    uint64_t seen[1000];

    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        seen[i] = inode_number_map(numbers, i % 2 ? STORE : OTHER, large + i);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(inode_number_map(numbers, i % 2 ? STORE : OTHER, large + i), seen[i]);
        assert_true(seen[i] < INODE_NUMBER_SYNTHETIC);
        for (uint64_t j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
    }
    inode_numbers_free(numbers);
}

static void test_too_many_devices_is_said(void **state)
{
    struct inode_numbers *numbers = inode_numbers_new(0);
    uint64_t dev = 1;

    (void)state;
    while (dev < INODE_DEVICES_MAX + 10 && inode_number_map(numbers, dev, 5) != 0)
        dev++;
    assert_int_equal(dev, INODE_DEVICES_MAX);
    assert_int_not_equal(inode_number_map(numbers, 1, 5), 0);
    inode_numbers_free(numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_store_keeps_its_numbers),
        cmocka_unit_test(test_devices_do_not_collide),
        cmocka_unit_test(test_large_numbers_are_remembered),
        cmocka_unit_test(test_too_many_devices_is_said),
    };

    return cmocka_run_group_tests_name("inode_number", tests, NULL, NULL);
}
