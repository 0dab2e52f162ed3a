/* Lists that are wanted, made and waited for. */
#include "fs/engine/demand.h"
#include "tests/unit/cmocka_all.h"

#include <time.h>

static struct demand demand;

static int setup(void **state)
{
    (void)state;
    demand_init(&demand);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    demand_deinit(&demand);
    return 0;
}

static struct timespec in_ms(long ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return until;
}

static enum demand_result wait_for(uint64_t number, long ms)
{
    struct timespec until = in_ms(ms);

    return demand_wait(&demand, number, &until);
}

/* A list that was asked for before somebody came says nothing of what happened since. */
static void test_only_a_later_list_meets(void **state)
{
    uint64_t began = demand_number(&demand);
    uint64_t first = demand_add(&demand);

    (void)state;
    assert_true(demand_is_open(&demand));
    demand_meet(&demand, began, true, false);
    assert_true(demand_is_open(&demand));
    assert_int_equal(wait_for(first, 20), DEMAND_SILENT);
    began = demand_number(&demand);
    demand_meet(&demand, began, true, false);
    assert_false(demand_is_open(&demand));
    assert_int_equal(wait_for(first, 0), DEMAND_MET);
}

static void test_what_was_not_recorded_is_told(void **state)
{
    uint64_t number = demand_add(&demand);

    (void)state;
    demand_meet(&demand, number, true, true);
    assert_int_equal(wait_for(number, 0), DEMAND_INCOMPLETE);
    number = demand_add(&demand);
    demand_meet(&demand, number, true, false);
    assert_int_equal(wait_for(number, 0), DEMAND_MET);
}

/* An attempt that began long ago and fails takes nothing back. */
static void test_numbers_never_go_back(void **state)
{
    uint64_t first = demand_add(&demand);
    uint64_t second = demand_add(&demand);

    (void)state;
    demand_meet(&demand, second, true, false);
    assert_true(demand_engine_was_there(&demand));
    demand_meet(&demand, first, false, false);
    assert_false(demand_engine_was_there(&demand));
    assert_int_equal(wait_for(second, 0), DEMAND_MET);
}

static void *want(void *argument)
{
    uint64_t *number = argument;

    *number = demand_add(&demand);
    return (void *)(intptr_t)wait_for(*number, 20000);
}

static void test_threads_wait_for_each_other(void **state)
{
    uint64_t numbers[4] = {0};
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, want, &numbers[i]), 0);
    for (uint64_t number = 0; number < 4;) {
        demand_await(&demand, 20000);
        number = demand_number(&demand);
        demand_meet(&demand, number, true, false);
    }
    for (size_t i = 0; i < 4; i++) {
        void *result;

        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_int_equal((intptr_t)result, DEMAND_MET);
    }
}

static void test_the_end_keeps_nobody(void **state)
{
    struct timespec before = in_ms(0), after;
    uint64_t number;

    (void)state;
    demand_await(&demand, 10); /* for a while */
    number = demand_add(&demand);
    demand_end(&demand);
    demand_await(&demand, 60000);
    assert_int_equal(wait_for(number, 60000), DEMAND_SILENT);
    after = in_ms(0);
    assert_true(after.tv_sec - before.tv_sec < 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_a_later_list_meets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_not_recorded_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_never_go_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads_wait_for_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end_keeps_nobody, setup, teardown),
    };

    return cmocka_run_group_tests_name("demand", tests, NULL, NULL);
}
