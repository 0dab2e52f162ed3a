/* The list of what is being copied in or out: one of a name, seen and ended by others. */
#include "fs/transfer.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>

static void test_one_of_a_name(void **state)
{
    struct transfers *transfers = transfers_new();
    struct transfer a = {.name = "a"}, b = {.name = "b", .leaving = true}, again = {.name = "a"};

    (void)state;
    assert_int_equal(transfer_begin(transfers, &a), 0);
    assert_int_equal(transfer_begin(transfers, &b), 0);
    assert_int_equal(transfer_begin(transfers, &again), -EBUSY);
    transfer_end(transfers, &a);
    assert_int_equal(transfer_begin(transfers, &again), 0);
    transfer_end(transfers, &b);
    transfer_end(transfers, &again);
    transfers_free(transfers);
}

static void test_looks(void **state)
{
    struct transfers *transfers = transfers_new();
    struct transfer a = {.name = "a"}, b = {.name = "b", .leaving = true};
    uint64_t bytes, total, entries;

    (void)state;
    assert_int_equal(transfer_look(transfers, "a", true, NULL, NULL, NULL), TRANSFER_NONE);
    transfer_begin(transfers, &a);
    transfer_begin(transfers, &b);
    atomic_store(&a.progress.bytes, 1);
    atomic_store(&a.progress.entries, 2);
    atomic_store(&a.total_bytes, 3);
    assert_int_equal(transfer_look(transfers, "a", false, &bytes, &total, &entries),
                     TRANSFER_COMING);
    assert_true(bytes == 1 && entries == 2 && total == 3);
    assert_false(atomic_load(&a.stop));
    assert_int_equal(transfer_look(transfers, "b", true, NULL, NULL, NULL), TRANSFER_LEAVING);
    assert_true(atomic_load(&b.stop));
    assert_false(atomic_load(&a.stop));
    transfer_end(transfers, &a);
    transfer_end(transfers, &b);
    transfers_free(transfers);
}

static void test_cancelled_for_good(void **state)
{
    struct transfers *transfers = transfers_new();
    struct transfer a = {.name = "a"}, b = {.name = "b"};

    (void)state;
    transfer_begin(transfers, &a);
    transfers_cancel(transfers);
    assert_true(atomic_load(&a.stop));
    assert_int_equal(transfer_begin(transfers, &b), -ECANCELED);
    transfer_end(transfers, &a);
    transfers_free(transfers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_a_name),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_cancelled_for_good),
    };

    return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
