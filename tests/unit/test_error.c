/* Error texts and the mapping of codes to errno. */
#include "catalog/error.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <string.h>

static void test_text_is_bounded_and_clean(void **state)
{
    struct error e = {0};
    char big[2 * ERROR_TEXT_MAX];

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    assert_int_equal(error_set(&e, ERROR_EXISTS, "%s", big), ERROR_EXISTS);
    assert_int_equal(strlen(e.text), ERROR_TEXT_MAX - 1);
    error_set(&e, ERROR_EXISTS, "a\033[31m%c", '\n');
    assert_string_equal(e.text, "a?[31m?");
    assert_int_equal(error_set(NULL, ERROR_EXISTS, "nobody listens"), ERROR_EXISTS);
}

static void test_errno_is_named(void **state)
{
    struct error e = {0};

    (void)state;
    assert_int_equal(error_set_errno(&e, -ENOENT, "open %s", "x"), -ENOENT);
    assert_string_equal(e.text, "open x: No such file or directory");
}

static void test_every_code_has_a_name_and_an_errno(void **state)
{
    (void)state;
    for (int code = 1; code < ERROR_CODE_COUNT; code++) {
        assert_non_null(error_code_name(code));
        assert_true(error_to_errno(code) > 0);
    }
    assert_int_equal(error_to_errno(0), 0);
    assert_int_equal(error_to_errno(-EIO), EIO);
    assert_string_equal(error_code_name(-EIO), "system");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_bounded_and_clean),
        cmocka_unit_test(test_errno_is_named),
        cmocka_unit_test(test_every_code_has_a_name_and_an_errno),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
