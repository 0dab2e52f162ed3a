/* The rules, as a table. */
#include "fs/policy.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>

static void test_rules(void **state)
{
    static const struct {
        uint32_t flags;
        enum operation operation;
        int err;
    } rows[] = {
        {0, OPERATION_LOOK, 0},
        {0, OPERATION_READ, 0},
        {0, OPERATION_CHANGE, 0},
        {VOLUME_FLAG_READONLY, OPERATION_LOOK, 0},
        {VOLUME_FLAG_READONLY, OPERATION_READ, 0},
        {VOLUME_FLAG_READONLY, OPERATION_CHANGE, EROFS},
        {VOLUME_FLAG_REMOVED, OPERATION_LOOK, 0},
        {VOLUME_FLAG_REMOVED, OPERATION_READ, 0},
        {VOLUME_FLAG_REMOVED, OPERATION_CHANGE, ENOENT},
        {VOLUME_FLAG_REMOVED | VOLUME_FLAG_READONLY, OPERATION_CHANGE, ENOENT},
        {0, OPERATION_STORE, 0},
        {VOLUME_FLAG_READONLY, OPERATION_STORE, EROFS},
        {VOLUME_FLAG_REMOVED, OPERATION_STORE, ENOENT},
        /* of what depends on who asks, what does not */
        {VOLUME_FLAG_READERS, OPERATION_LOOK, 0},
        {VOLUME_FLAG_READERS, OPERATION_READ, 0},
        {VOLUME_FLAG_READERS, OPERATION_STORE, 0},
        {VOLUME_FLAG_READERS | VOLUME_FLAG_READONLY, OPERATION_CHANGE, EROFS},
        {VOLUME_FLAG_READERS | VOLUME_FLAG_REMOVED, OPERATION_CHANGE, ENOENT},
        {VOLUME_FLAG_SHARED, OPERATION_LOOK, 0},
        {VOLUME_FLAG_SHARED, OPERATION_CHANGE, 0},
        /* who opened a file was asked */
        {VOLUME_FLAG_PRIVATE, OPERATION_FETCH, 0},
        {VOLUME_FLAG_PRIVATE, OPERATION_STORE, 0},
        {VOLUME_FLAG_PRIVATE | VOLUME_FLAG_READONLY, OPERATION_STORE, EROFS},
        {VOLUME_FLAG_PRIVATE | VOLUME_FLAG_REMOVED, OPERATION_LOOK, 0},
        {VOLUME_FLAG_PRIVATE | VOLUME_FLAG_REMOVED, OPERATION_CHANGE, ENOENT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_false(policy_needs_caller(rows[i].flags, rows[i].operation));
        assert_int_equal(policy_decide(rows[i].flags, NULL, rows[i].operation), rows[i].err);
    }
}

static void test_readers_and_strangers_change_nothing(void **state)
{
    static const struct {
        enum caller_kind kind;
        bool reader;
        int err;
    } rows[] = {
        {CALLER_HOST, false, 0},
        {CALLER_CONTAINER, false, 0},
        {CALLER_CONTAINER, true, EROFS},
        {CALLER_UNKNOWN, false, EROFS},
    };
    static const uint32_t flags[] = {
        VOLUME_FLAG_READERS,
        VOLUME_FLAG_READERS | VOLUME_FLAG_SHARED,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        for (size_t j = 0; j < sizeof(flags) / sizeof(*flags); j++) {
            struct asker asker = {.caller.kind = rows[i].kind, .reader = rows[i].reader};

            assert_true(policy_needs_caller(flags[j], OPERATION_CHANGE));
            assert_int_equal(policy_decide(flags[j], &asker, OPERATION_CHANGE), rows[i].err);
        }
}

static void test_the_rule_is_told(void **state)
{
    static const struct {
        uint32_t flags;
        struct asker asker;
        enum policy_rule rule;
    } rows[] = {
        {0, {{.kind = CALLER_UNKNOWN}, false}, RULE_NONE},
        {VOLUME_FLAG_REMOVED, {{.kind = CALLER_HOST}, false}, RULE_REMOVED_VOLUME},
        {VOLUME_FLAG_READONLY, {{.kind = CALLER_HOST}, false}, RULE_READONLY_VOLUME},
        {VOLUME_FLAG_READERS, {{.kind = CALLER_CONTAINER}, true}, RULE_READONLY_ATTACHMENT},
        {VOLUME_FLAG_READERS, {{.kind = CALLER_CONTAINER}, false}, RULE_NONE},
        {VOLUME_FLAG_READERS, {{.kind = CALLER_UNKNOWN}, false}, RULE_UNKNOWN_CALLER},
        {VOLUME_FLAG_PRIVATE, {{.kind = CALLER_UNKNOWN}, false}, RULE_PRIVATE_VOLUME},
        {VOLUME_FLAG_PRIVATE, {{.kind = CALLER_CONTAINER}, true}, RULE_PRIVATE_VOLUME},
        {VOLUME_FLAG_PRIVATE, {{.kind = CALLER_HOST}, false}, RULE_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(policy_find_rule(rows[i].flags, &rows[i].asker, OPERATION_CHANGE),
                         rows[i].rule);
    for (int rule = RULE_NONE; rule < RULE_COUNT; rule++) {
        assert_non_null(policy_rule_name((enum policy_rule)rule));
        assert_int_equal(policy_rule_errno((enum policy_rule)rule) == 0, rule == RULE_NONE);
    }
}

static void test_a_private_volume_is_its_owners(void **state)
{
    static const struct {
        enum caller_kind kind;
        bool owner, reader;
        int look, change; /* errnos */
    } rows[] = {
        {CALLER_HOST, false, false, 0, 0},
        {CALLER_CONTAINER, true, false, 0, 0},
        {CALLER_CONTAINER, true, true, 0, EROFS},
        {CALLER_CONTAINER, false, false, EACCES, EACCES},
        {CALLER_CONTAINER, false, true, EACCES, EACCES},
        {CALLER_UNKNOWN, false, false, EACCES, EACCES},
        {CALLER_UNKNOWN, true, false, EACCES, EACCES}, /* not something that can be told */
    };
    const uint32_t flags = VOLUME_FLAG_PRIVATE | VOLUME_FLAG_READERS;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct asker asker = {
            .caller.kind = rows[i].kind, .reader = rows[i].reader, .owner = rows[i].owner};

        assert_true(policy_needs_caller(flags, OPERATION_LOOK));
        assert_true(policy_needs_caller(flags | VOLUME_FLAG_READONLY, OPERATION_CHANGE));
        assert_int_equal(policy_decide(flags, &asker, OPERATION_LOOK), rows[i].look);
        assert_int_equal(policy_decide(flags, &asker, OPERATION_READ), rows[i].look);
        assert_int_equal(policy_decide(flags, &asker, OPERATION_CHANGE), rows[i].change);
        assert_int_equal(policy_decide(flags | VOLUME_FLAG_READONLY, &asker, OPERATION_CHANGE),
                         rows[i].look ? EACCES : EROFS);
    }
}

static void test_a_runtime_looks_at_what_it_mounts(void **state)
{
    struct asker asker = {.caller.kind = CALLER_CONTAINER};

    (void)state;
    assert_true(policy_needs_outside(&asker, OPERATION_LOOK, RULE_PRIVATE_VOLUME));
    assert_false(policy_needs_outside(&asker, OPERATION_LOOK, RULE_NONE));
    assert_false(policy_needs_outside(&asker, OPERATION_READ, RULE_PRIVATE_VOLUME));
    asker.outside = true;
    assert_false(policy_needs_outside(&asker, OPERATION_LOOK, RULE_PRIVATE_VOLUME));
    assert_int_equal(policy_decide(VOLUME_FLAG_PRIVATE, &asker, OPERATION_LOOK), 0);
    assert_int_equal(policy_decide(VOLUME_FLAG_PRIVATE, &asker, OPERATION_READ), EACCES);
    assert_int_equal(policy_decide(VOLUME_FLAG_PRIVATE, &asker, OPERATION_CHANGE), EACCES);
    asker.caller.kind = CALLER_UNKNOWN;
    assert_false(policy_needs_outside(&asker, OPERATION_LOOK, RULE_PRIVATE_VOLUME));
    assert_int_equal(policy_decide(VOLUME_FLAG_PRIVATE, &asker, OPERATION_LOOK), EACCES);
}

static void test_only_the_hosts_root_administers(void **state)
{
    struct caller caller = {.kind = CALLER_HOST};

    (void)state;
    assert_int_equal(policy_administer(&caller, 0, 0), 0);
    assert_int_equal(policy_administer(&caller, 1000, 0), EPERM);
    assert_int_equal(policy_administer(&caller, 1000, 1000), 0); /* whose daemon it is */
    caller.kind = CALLER_CONTAINER;
    assert_int_equal(policy_administer(&caller, 0, 0), EPERM);
    caller.kind = CALLER_UNKNOWN;
    assert_int_equal(policy_administer(&caller, 0, 0), EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_readers_and_strangers_change_nothing),
        cmocka_unit_test(test_the_rule_is_told),
        cmocka_unit_test(test_a_private_volume_is_its_owners),
        cmocka_unit_test(test_a_runtime_looks_at_what_it_mounts),
        cmocka_unit_test(test_only_the_hosts_root_administers),
    };

    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
