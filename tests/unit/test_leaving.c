/* What is about to go back: for how long, and how many. */
#include "fs/leaving.h"

#include "catalog/error.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define A "0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210"

enum { START = 1000 };

static const int64_t end = START + (int64_t)LEAVING_SECONDS * 1000 * 1000 * 1000;

static int setup(void **state)
{
    *state = leaving_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    *state = leaving_free(*state);
    return 0;
}

static void test_it_is_for_a_time(void **state)
{
    assert_false(leaving_has(*state, A, START));
    assert_int_equal(leaving_begin(*state, A, START), 0);
    assert_true(leaving_has(*state, A, end - 1));
    assert_false(leaving_has(*state, A, end));
    assert_false(leaving_has(*state, B, START));
    assert_int_equal(leaving_begin(*state, A, START + 5), 0); /* once more is from then */
    assert_true(leaving_has(*state, A, end + 4));
}

static void test_it_is_withdrawn(void **state)
{
    assert_int_equal(leaving_begin(*state, A, START), 0);
    assert_int_equal(leaving_begin(*state, B, START), 0);
    leaving_withdraw(*state, A);
    leaving_withdraw(*state, A); /* there is none, and no other goes */
    assert_false(leaving_has(*state, A, START));
    assert_true(leaving_has(*state, B, START));
}

static void test_what_is_held_goes_when_it_ends(void **state)
{
    assert_int_equal(leaving_begin(*state, A, START), 0);
    assert_int_equal(leaving_hold(*state, A, START), 0);
    assert_true(leaving_has(*state, A, end * 1000));
    assert_int_equal(leaving_begin(*state, A, START), 0);
    leaving_withdraw(*state, A);
    assert_true(leaving_has(*state, A, end * 1000));
    leaving_end(*state, A);
    assert_false(leaving_has(*state, A, START));
}

static void test_they_are_bounded(void **state)
{
    char id[sizeof(A)];

    assert_int_equal(leaving_hold(*state, A, START), 0);
    for (int i = 1; i < LEAVING_MAX; i++) {
        snprintf(id, sizeof(id), "%032d", i);
        assert_int_equal(leaving_begin(*state, id, START), 0);
    }
    assert_int_equal(leaving_begin(*state, B, end - 1), ERROR_LIMIT);
    assert_int_equal(leaving_hold(*state, B, end - 1), ERROR_LIMIT);
    assert_false(leaving_has(*state, B, end - 1));
    assert_int_equal(leaving_begin(*state, id, end - 1), 0); /* it has a place */
    assert_int_equal(leaving_begin(*state, B, end), 0);      /* in that of one that is over */
    assert_true(leaving_has(*state, B, end));
    assert_true(leaving_has(*state, A, end));
    assert_true(leaving_has(*state, id, end));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_is_for_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_is_withdrawn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_held_goes_when_it_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_they_are_bounded, setup, teardown),
    };

    return cmocka_run_group_tests_name("leaving", tests, NULL, NULL);
}
