/* Names of volumes and containers, and ids. */
#include "catalog/name.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static void test_names_that_engines_make_are_accepted(void **state)
{
    static const char *const good[] = {"a",       "7",           "web",     "A.b_c-d", "a..b",
                                       "data--1", "x.volumefs_", "0123456", "a-",      "a."};
    char longest[NAME_MAX_LENGTH + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(name_check_volume(good[i], NULL), 0);
        assert_int_equal(name_check_container(good[i], NULL), 0);
    }
    memset(longest, 'x', NAME_MAX_LENGTH);
    longest[NAME_MAX_LENGTH] = 0;
    assert_int_equal(name_check_volume(longest, NULL), 0);
    assert_int_equal(name_check_container(longest, NULL), 0);
}

static void test_everything_else_is_refused(void **state)
{
    static const char *const bad[] = {
        "",    ".",         "..",  "../x", "/x",        "a/b",         "-x",        "_x", ".x",
        "a b", ".volumefs", "a\n", "a:b",  "a\033[31m", "caf\xc3\xa9", "\xff",      "a*", "$(x)",
        "a\\", "a\"",       "@",   "[",    "`",         "{",           "\xc3\xa9z", "a,b"};
    char long_name[NAME_MAX_LENGTH + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error e = {0};

        assert_int_equal(name_check_volume(bad[i], &e), ERROR_NAME_INVALID);
        assert_true(e.text[0]);
        assert_int_equal(name_check_container(bad[i], &e), ERROR_NAME_INVALID);
    }
    assert_int_equal(name_check_volume(NULL, NULL), ERROR_NAME_INVALID);
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = 0;
    assert_int_equal(name_check_volume(long_name, NULL), ERROR_NAME_INVALID);
    assert_int_equal(name_check_container(long_name, NULL), ERROR_NAME_INVALID);
}

static void test_every_single_byte(void **state)
{
    static const char alphabet[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

    (void)state;
    for (int c = 1; c < 256; c++) {
        char first[] = {(char)c, 'a', 0}, later[] = {'a', (char)c, 0};
        bool allowed = strchr(alphabet, c) != NULL;
        bool may_begin = allowed && !strchr("_.-", c);

        assert_int_equal(name_check_volume(first, NULL) == 0, may_begin);
        assert_int_equal(name_check_volume(later, NULL) == 0, allowed);
    }
}

static void test_text_is_dockers(void **state)
{
    struct error e = {0};

    (void)state;
    name_check_volume("a b", &e);
    assert_string_equal(e.text,
                        "\"a b\" includes invalid characters for a local volume name, only "
                        "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host "
                        "directory, use absolute path");
    name_check_container("a b", &e);
    assert_string_equal(e.text,
                        "Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
}

static void test_ids(void **state)
{
    (void)state;
    assert_true(name_is_volume_id("0123456789abcdef0123456789abcdef"));
    assert_false(name_is_volume_id("0123456789ABCDEF0123456789abcdef"));
    assert_false(name_is_volume_id("0123456789abcdef0123456789abcde"));
    assert_false(name_is_volume_id("0123456789abcdef0123456789abcdef0"));
    assert_false(name_is_volume_id("../3456789abcdef0123456789abcdef"));
    assert_false(name_is_volume_id(""));
    assert_false(name_is_volume_id(NULL));
    assert_true(
        name_is_anonymous("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
    assert_false(name_is_anonymous("0123456789abcdef0123456789abcdef"));
    assert_false(
        name_is_anonymous("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg"));
}

static void test_random_names_differ_and_use_every_digit(void **state)
{
    char a[ANONYMOUS_NAME_LENGTH + 1], b[ANONYMOUS_NAME_LENGTH + 1], big[1001];

    (void)state;
    assert_int_equal(name_make_random(a, ANONYMOUS_NAME_LENGTH), 0);
    assert_int_equal(name_make_random(b, ANONYMOUS_NAME_LENGTH), 0);
    assert_true(name_is_anonymous(a));
    assert_true(name_is_anonymous(b));
    assert_string_not_equal(a, b);
    assert_int_equal(name_make_random(big, 1000), 0);
    assert_int_equal(strlen(big), 1000);
    for (const char *digit = "0123456789abcdef"; *digit; digit++)
        assert_non_null(strchr(big, *digit));
    assert_int_equal(name_make_random(a, 0), 0);
    assert_string_equal(a, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_engines_make_are_accepted),
        cmocka_unit_test(test_everything_else_is_refused),
        cmocka_unit_test(test_every_single_byte),
        cmocka_unit_test(test_text_is_dockers),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_random_names_differ_and_use_every_digit),
    };

    return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
