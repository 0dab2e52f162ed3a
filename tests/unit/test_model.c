/* Pairs, copies, words of enums, times. */
#include "catalog/cleanup.h"
#include "catalog/error.h"
#include "catalog/model.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static void test_pairs_are_sorted_and_replaced(void **state)
{
    _cleanup_(pairs_deinit) struct pairs pairs = {0};
    static const char *const keys[] = {"m", "z", "a", "q", "b", "m", "aa"};

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_int_equal(pairs_set(&pairs, keys[i], i == 5 ? "again" : "first"), 0);
    assert_int_equal(pairs.count, 6);
    for (size_t i = 1; i < pairs.count; i++)
        assert_true(strcmp(pairs.items[i - 1].key, pairs.items[i].key) < 0);
    assert_string_equal(pairs_get(&pairs, "m"), "again");
    assert_string_equal(pairs_get(&pairs, "aa"), "first");
    assert_null(pairs_get(&pairs, "none"));
}

static void test_pairs_are_bounded(void **state)
{
    _cleanup_(pairs_deinit) struct pairs pairs = {0}, full = {0};
    _cleanup_(free_p) char *big = calloc(1, PAIR_VALUE_MAX + 2);
    char key[PAIR_KEY_MAX + 2] = "";

    (void)state;
    memset(big, 'x', PAIR_VALUE_MAX + 1);
    assert_int_equal(pairs_set(&pairs, "k", big), ERROR_LIMIT);
    big[PAIR_VALUE_MAX] = 0;
    assert_int_equal(pairs_set(&pairs, "k", big), 0);
    memset(key, 'k', PAIR_KEY_MAX + 1);
    assert_int_equal(pairs_set(&pairs, key, ""), ERROR_LIMIT);
    key[PAIR_KEY_MAX] = 0;
    assert_int_equal(pairs_set(&pairs, key, ""), 0);
    for (int i = 0; i < 14; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(pairs_set(&pairs, key, big), 0);
    }
    assert_int_equal(pairs_set(&pairs, "last", big), ERROR_LIMIT); /* PAIRS_SIZE_MAX */
    assert_int_equal(pairs_set(&pairs, "k", big), 0);              /* replacing does not add */
    for (int i = 0; i < PAIRS_MAX; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(pairs_set(&full, key, ""), 0);
    }
    assert_int_equal(pairs_set(&full, "more", ""), ERROR_LIMIT);
    assert_int_equal(pairs_set(&full, "k1", "new"), 0);
}

static void test_pairs_are_utf8(void **state)
{
    _cleanup_(pairs_deinit) struct pairs pairs = {0};
    static const char *const good[] = {
        "",       "caf\xc3\xa9",      "\xe2\x82\xac", "\xf0\x9f\x90\xb3",
        "a\nb\t", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"};
    static const char *const bad[] = {"\xff",
                                      "\x80",
                                      "\xc3",
                                      "\xc3(",
                                      "\xc0\xaf",
                                      "\xe0\x80\xaf",
                                      "\xe2\x82",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "ok\xfe"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(pairs_set(&pairs, "k", good[i]), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(pairs_set(&pairs, "k", bad[i]), ERROR_REQUEST_INVALID);
        assert_int_equal(pairs_set(&pairs, bad[i], "v"), ERROR_REQUEST_INVALID);
    }
    assert_int_equal(pairs_set(&pairs, "", "v"), ERROR_REQUEST_INVALID);
    assert_int_equal(pairs.count, 1);
}

static void test_pairs_copy_and_equal(void **state)
{
    _cleanup_(pairs_deinit) struct pairs a = {0}, b = {0};

    (void)state;
    assert_true(pairs_equal(&a, &b));
    pairs_set(&a, "x", "1");
    pairs_set(&a, "y", "2");
    assert_false(pairs_equal(&a, &b));
    assert_int_equal(pairs_copy(&b, &a), 0);
    assert_true(pairs_equal(&a, &b));
    pairs_set(&b, "y", "3");
    assert_false(pairs_equal(&a, &b));
    assert_string_equal(pairs_get(&a, "y"), "2");
}

static void test_copies_are_deep(void **state)
{
    struct volume volume = {.name = "web", .size_limit = 7}, volume_two;
    struct attachment attachment = {.destination = strdup("/d"), .subpath = strdup("s")}, other;

    (void)state;
    pairs_set(&volume.labels, "k", "v");
    pairs_set(&volume.options, "o", "p");
    assert_int_equal(volume_copy(&volume_two, &volume), 0);
    volume_deinit(&volume);
    volume_deinit(&volume); /* twice is safe */
    assert_string_equal(volume_two.name, "web");
    assert_string_equal(pairs_get(&volume_two.labels, "k"), "v");
    assert_string_equal(pairs_get(&volume_two.options, "o"), "p");
    volume_deinit(&volume_two);
    assert_int_equal(attachment_copy(&other, &attachment), 0);
    attachment_deinit(&attachment);
    assert_string_equal(other.destination, "/d");
    assert_string_equal(other.subpath, "s");
    assert_null(other.source);
    attachment_deinit(&other);
}

static void test_words(void **state)
{
    enum volume_kind kind = VOLUME_NAMED;
    enum access_label label = LABEL_NONE;
    enum container_state container = CONTAINER_CREATED;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(access_label_parse(access_label_name((enum access_label)i), &label));
        assert_int_equal(label, i);
        assert_true(
            container_state_parse(container_state_name((enum container_state)i), &container));
        assert_int_equal(container, i);
    }
    assert_true(volume_kind_parse("anonymous", &kind));
    assert_int_equal(kind, VOLUME_ANONYMOUS);
    assert_string_equal(volume_kind_name(VOLUME_NAMED), "named");
    assert_false(volume_kind_parse("Named", &kind));
    assert_false(access_label_parse("", &label));
    assert_false(container_state_parse(NULL, &container));
    assert_int_equal(kind, VOLUME_ANONYMOUS);
}

static void test_time_round_trip(void **state)
{
    static const int64_t times[] = {
        0, 1, INT64_C(999999999), INT64_C(1790000000123456789), INT64_MAX, INT64_MIN, -1};
    char text[TIME_TEXT_SIZE];
    int64_t back;

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        time_format(times[i], text);
        if (times[i] == INT64_MIN) /* its second alone is below the range */
            continue;
        assert_true(time_parse(text, &back));
        assert_int_equal(back, times[i]);
    }
    time_format(INT64_C(1700000000000000001), text);
    assert_string_equal(text, "2023-11-14T22:13:20.000000001Z");
    time_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999999Z");
    assert_true(time_now() > INT64_C(1700000000000000000));
}

static void test_time_parse(void **state)
{
    static const char *const bad[] = {
        "",
        "2023",
        "2023-11-14",
        "2023-11-14T22:13:20",
        "2023-11-14 22:13:20Z",
        "2023-13-14T22:13:20Z",
        "2023-00-14T22:13:20Z",
        "2023-11-00T22:13:20Z",
        "2023-02-30T22:13:20Z",
        "2023-11-31T22:13:20Z",
        "2023-11-14T24:13:20Z",
        "2023-11-14T22:60:20Z",
        "2023-11-14T22:13:60Z",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20.1234567890Z",
        "2023-11-14T22:13:20Zx",
        "2023-11-14T22:13:20+01",
        "+023-11-14T22:13:20Z",
        "9999-11-14T22:13:20Z",
        "1500-11-14T22:13:20Z",
    };
    int64_t ns = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(time_parse(bad[i], &ns));
    assert_int_equal(ns, 42);
    assert_true(time_parse("2023-11-14T23:13:20.5+01:00", &ns));
    assert_int_equal(ns, INT64_C(1700000000500000000));
    assert_true(time_parse("2023-11-14t17:43:20-04:30", &ns));
    assert_int_equal(ns, INT64_C(1700000000000000000));
    assert_true(time_parse("2024-02-29T00:00:00Z", &ns));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_are_sorted_and_replaced),
        cmocka_unit_test(test_pairs_are_bounded),
        cmocka_unit_test(test_pairs_are_utf8),
        cmocka_unit_test(test_pairs_copy_and_equal),
        cmocka_unit_test(test_copies_are_deep),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_time_round_trip),
        cmocka_unit_test(test_time_parse),
    };

    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
