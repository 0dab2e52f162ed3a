/* Filters of volume lists, with the Engine's texts. */
#include "catalog/cleanup.h"
#include "catalog/filter.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static struct volume sample;

static int setup(void **state)
{
    (void)state;
    sample = (struct volume){.name = "web-data", .driver = "local", .kind = VOLUME_NAMED};
    pairs_set(&sample.labels, "env", "prod");
    pairs_set(&sample.labels, "empty", "");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    volume_deinit(&sample);
    return 0;
}

/* Terms as key, value, ..., NULL. */
static bool matches(bool dangling, const char *const *terms)
{
    _cleanup_(filter_free_p) struct filter *filter = filter_new();

    for (; *terms; terms += 2)
        assert_int_equal(filter_add(filter, terms[0], terms[1], NULL), 0);
    return filter_match(filter, &sample, dangling);
}

#define MATCHES(dangling, ...) matches(dangling, (const char *const[]){__VA_ARGS__, NULL})

static void test_keys(void **state)
{
    (void)state;
    assert_true(matches(false, (const char *const[]){NULL}));
    assert_true(MATCHES(false, "name", "web-data"));
    assert_true(MATCHES(false, "name", "eb"));
    assert_false(MATCHES(false, "name", "^eb"));
    assert_true(MATCHES(false, "name", "^web-(data|x)$"));
    assert_true(MATCHES(false, "name", "^[a-z]{3}-"));
    assert_true(MATCHES(false, "label", "env"));
    assert_true(MATCHES(false, "label", "env=prod"));
    assert_false(MATCHES(false, "label", "env=test"));
    assert_false(MATCHES(false, "label", "env="));
    assert_true(MATCHES(false, "label", "empty="));
    assert_false(MATCHES(false, "label", "none"));
    assert_false(MATCHES(false, "label!", "env"));
    assert_true(MATCHES(false, "label!", "env=test"));
    assert_true(MATCHES(false, "driver", "local"));
    assert_true(MATCHES(false, "driver", "volumefs"));
    assert_false(MATCHES(false, "driver", "loc"));
    assert_true(MATCHES(false, "kind", "named"));
    assert_false(MATCHES(false, "kind", "anonymous"));
    assert_true(MATCHES(false, "readonly", "0"));
    assert_false(MATCHES(false, "readonly", "true"));
    assert_true(MATCHES(true, "dangling", "1"));
    assert_false(MATCHES(false, "dangling", "true"));
    assert_true(MATCHES(false, "dangling", "false"));
}

static void test_any_of_a_key_all_of_labels_all_keys(void **state)
{
    (void)state;
    assert_true(MATCHES(false, "name", "nothing", "name", "web"));
    assert_true(MATCHES(false, "driver", "x", "driver", "local"));
    assert_true(MATCHES(true, "dangling", "true", "dangling", "false"));
    assert_false(MATCHES(false, "label", "env", "label", "none"));
    assert_true(MATCHES(false, "label", "env", "label", "empty"));
    assert_false(MATCHES(false, "label!", "env", "label!", "none"));
    assert_false(MATCHES(false, "name", "web", "driver", "x"));
}

static void test_only_dangling_needs_references(void **state)
{
    _cleanup_(filter_free_p) struct filter *filter = filter_new();

    (void)state;
    assert_false(filter_needs_references(filter));
    filter_add(filter, "name", "x", NULL);
    assert_false(filter_needs_references(filter));
    filter_add(filter, "dangling", "0", NULL);
    assert_true(filter_needs_references(filter));
}

static void assert_refused(const char *key, const char *value, const char *text)
{
    _cleanup_(filter_free_p) struct filter *filter = filter_new();
    struct error e = {0};

    assert_int_equal(filter_add(filter, key, value, &e), ERROR_REQUEST_INVALID);
    assert_string_equal(e.text, text);
    /* What was refused has left nothing behind. */
    assert_true(filter_match(filter, &sample, false));
}

static void test_texts_are_dockers(void **state)
{
    (void)state;
    assert_refused("x", "y", "invalid filter 'x'");
    assert_refused("Name", "y", "invalid filter 'Name'");
    assert_refused("", "y", "invalid filter ''");
    assert_refused("dangling", "x", "invalid filter 'dangling=[x]'");
    assert_refused("dangling", "TRUE", "invalid filter 'dangling=[TRUE]'");
    assert_refused("dangling", "", "invalid filter 'dangling=[]'");
    assert_refused("readonly", "yes", "invalid filter 'readonly=[yes]'");
    assert_refused("kind", "x", "invalid filter 'kind=[x]'");
    assert_refused("name", "(", "invalid filter 'name=[(]'");
}

/* Found by the fuzzer: affordable by its doublings, and not with as many levels. */
static const char many_levels[] =
    "nudfe1a+++++++z+++********************************************************************"
    "*******++++++++0g";

static void test_explosive_expressions_are_refused(void **state)
{
    static const char *const bad[] = {
        "((a{1,255}){1,255}){1,255}",
        "a{32767}b{32767}",
        "(abcdefghijklmnopqrstuvwxyz){30000}",
        "(a*)*\\1",
        "x{99999999999999999999}",
        "a++++++++++++++++++++", /* each doubles it */
        "((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+",
        "a{60}{60}",
        "a{60}*{60}",
        "a+{40}?{30}",
        "a{50}+{+}{50}",
        "(a?){18000}", /* the square of it in memory */
        "[\\+]++++++++++++",
        many_levels,
        "a**",
        "a+?",
        "x{2}*",
        "[ab]+*",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        _cleanup_(filter_free_p) struct filter *filter = filter_new();

        assert_int_equal(filter_add(filter, "name", bad[i], NULL), ERROR_REQUEST_INVALID);
    }
}

static void test_expressions_people_write_are_not_refused(void **state)
{
    static const char *const good[] = {
        "^[a-z]{1,20}-[0-9]{1,10}$",
        "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        "^[a-z]+-[0-9]+-[a-z]+$",
        "^[0-9a-f]{64}$",
        "^(web|db|cache)[-_.][a-z0-9]*$",
        "^app-[0-9]{1,5}(-data)?$",
        ".*",
        "\\.bak$",
        "^[+*]+x$", /* of themselves */
        "^[]*+]*x$",
        "^a\\++$",
        "^a\\**$",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        _cleanup_(filter_free_p) struct filter *filter = filter_new();

        assert_int_equal(filter_add(filter, "name", good[i], NULL), 0);
    }
}

/* Many that are affordable are together not. */
static void test_expressions_are_bounded_together(void **state)
{
    _cleanup_(filter_free_p) struct filter *filter = filter_new();
    int count = 0;

    (void)state;
    while (count < 100 && filter_add(filter, "name", "((((((a?)+)+)+)+)+)+", NULL) == 0)
        count++;
    assert_in_range(count, 1, 20);
    assert_int_equal(filter_add(filter, "driver", "local", NULL), 0);
}

static void test_number_and_size_are_bounded(void **state)
{
    _cleanup_(filter_free_p) struct filter *filter = filter_new();
    _cleanup_(free_p) char *big = calloc(1, (64 << 10) + 1024);
    int r = 0, n;

    (void)state;
    memset(big, 'a', (64 << 10) + 1023);
    assert_int_equal(filter_add(filter, "label", big, NULL), ERROR_REQUEST_INVALID);
    big[1025] = 0;
    assert_int_equal(filter_add(filter, "name", big, NULL), ERROR_REQUEST_INVALID);
    for (n = 0; !r && n < 5000; n++)
        r = filter_add(filter, "driver", "x", NULL);
    assert_int_equal(r, ERROR_REQUEST_INVALID);
    assert_int_equal(n, 1025);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_any_of_a_key_all_of_labels_all_keys),
        cmocka_unit_test(test_only_dangling_needs_references),
        cmocka_unit_test(test_texts_are_dockers),
        cmocka_unit_test(test_explosive_expressions_are_refused),
        cmocka_unit_test(test_expressions_people_write_are_not_refused),
        cmocka_unit_test(test_expressions_are_bounded_together),
        cmocka_unit_test(test_number_and_size_are_bounded),
    };

    return cmocka_run_group_tests_name("filter", tests, setup, teardown);
}
