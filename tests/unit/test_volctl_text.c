/* What people read and write: sizes, ages, safe texts, tables, arguments. */
#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tools/volctl/arguments.h"
#include "tools/volctl/table.h"
#include "tools/volctl/text.h"

#include <locale.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SECOND       1000000000LL
#define NOW          (1800000000 * SECOND)

static void test_sizes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *want;
    } rows[] = {
        {0, "0 B"},
        {1, "1 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {10188, "9.9 KiB"},
        {10240, "10 KiB"},
        {1022 << 10, "1.0 MiB"},
        {999 << 10, "999 KiB"},
        {1 << 30, "1.0 GiB"},
        {150ULL << 40, "150 TiB"},
        {UINT64_MAX, "16 EiB"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char got[TEXT_SHORT];

        text_format_size(rows[i].bytes, got);
        assert_string_equal(got, rows[i].want);
    }
}

static void test_percents(void **state)
{
    static const struct {
        uint64_t part, total;
        const char *want;
    } rows[] = {{0, 0, "-"},        {5, 0, "-"},         {0, 10, "0%"}, {1, 1000, "1%"},
                {500, 1000, "50%"}, {999, 1000, "100%"}, {2, 1, "200%"}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char got[TEXT_SHORT];

        text_format_percent(rows[i].part, rows[i].total, got);
        assert_string_equal(got, rows[i].want);
    }
}

static void test_ages(void **state)
{
    static const struct {
        int64_t seconds;
        const char *want;
    } rows[] = {
        {0, "just now"},
        {1, "1 second ago"},
        {59, "59 seconds ago"},
        {60, "1 minute ago"},
        {180, "3 minutes ago"},
        {3599, "59 minutes ago"},
        {3600, "1 hour ago"},
        {86399, "23 hours ago"},
        {86400, "1 day ago"},
        {6 * 86400LL, "6 days ago"},
        {7 * 86400LL, "1 week ago"},
        {29 * 86400LL, "4 weeks ago"},
        {30 * 86400LL, "1 month ago"},
        {364 * 86400LL, "12 months ago"},
        {800 * 86400LL, "2 years ago"},
        {-7200, "in 2 hours"},
    };
    char got[TEXT_SHORT];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        text_format_age(NOW - rows[i].seconds * SECOND, NOW, got);
        assert_string_equal(got, rows[i].want);
    }
    text_format_age(0, NOW, got);
    assert_string_equal(got, "never");
}

static void test_escape(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ""},
        {"web", "web"},
        {"grün €𝄞", "grün €𝄞"},
        {"\033[31mred\n", "\\x1b[31mred\\x0a"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m"},                   /* CSI in one byte */
        {"\xc2\xa0", "\xc2\xa0"},            /* the first that is none */
        {"\xff", "\\xff"},                   /* never UTF-8 */
        {"\xc3", "\\xc3"},                   /* cut short */
        {"\xc0\xaf", "\\xc0\\xaf"},          /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* a surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(free_p) char *got = text_escape(rows[i].text);

        assert_string_equal(got, rows[i].want);
    }
}

static void test_table(void **state)
{
    static const struct column columns[] = {
        {"NAME"}, {"REFS", .right = true}, {"USED BY", .trunc = true}};
    _cleanup_(table_free_p) struct table *table = table_new(columns, COUNT(columns));
    _cleanup_(free_p) char *wide = NULL, *narrow = NULL;

    (void)state;
    assert_int_equal(table_add(table, (const char *const[]){"web", "12", "a container, another"}),
                     0);
    assert_int_equal(table_add(table, (const char *const[]){"d\033[1mb", "0", NULL}), 0);
    assert_int_equal(table_to_string(table, 0, &wide), 0);
    assert_string_equal(wide, "NAME      REFS USED BY\n"
                              "web         12 a container, another\n"
                              "d\\x1b[1mb    0 -");
    assert_int_equal(table_to_string(table, 29, &narrow), 0);
    assert_string_equal(narrow, "NAME      REFS USED BY\n"
                                "web         12 a container, …\n"
                                "d\\x1b[1mb    0 -");
}

#define ANONYMOUS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check_fit(const char *name, const char *users, size_t width, const char *want)
{
    static const struct column columns[] = {
        {"NAME", .name_of_volume = true}, {"REFS", .right = true}, {"USED BY", .trunc = true}};
    _cleanup_(table_free_p) struct table *table = table_new(columns, COUNT(columns));
    _cleanup_(free_p) char *got = NULL;

    assert_int_equal(table_add(table, (const char *const[]){name, "1", users}), 0);
    assert_int_equal(table_to_string(table, width, &got), 0);
    assert_string_equal(strrchr(got, '\n') + 1, want);
}

static void test_table_on_a_narrow_terminal(void **state)
{
    (void)state;
    check_fit(ANONYMOUS, "box", 0, ANONYMOUS "    1 box");
    check_fit(ANONYMOUS, "box", 77, ANONYMOUS "    1 box"); /* it fits */
    check_fit(ANONYMOUS, "box", 76, "0123456789ab…    1 box");
    check_fit(ANONYMOUS, "one, two, three, four", 33, "0123456789ab…    1 one, two, thr…");
    check_fit("a-name-of-30-letters-----------", "one, two, three", 49,
              "a-name-of-30-letters-----------    1 one, two, t…");
    /* the others are too wide already: cutting would lose the rest and not help */
    check_fit("a-name-of-30-letters-----------", "one, two, three", 48,
              "a-name-of-30-letters-----------    1 one, two, three");
    check_fit("a-name-of-30-letters-----------", "one, two, three", 10,
              "a-name-of-30-letters-----------    1 one, two, three");
}

static void test_cut(void **state)
{
    static const struct {
        const char *text;
        size_t width;
        const char *want;
    } rows[] = {{"", 0, ""},
                {"abc", 3, "abc"},
                {"abcd", 3, "ab…"},
                {"grün€", 5, "grün€"},
                {"grün€s", 5, "grün…"},
                {"日本語", 6, "日本語"},
                {"日本語", 5, "日本…"},
                {"日本語", 4, "日…"},
                {"abc", 1, "…"}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(free_p) char *got = text_cut(rows[i].text, rows[i].width);

        assert_string_equal(got, rows[i].want);
    }
}

static void test_pairs(void **state)
{
    json_t *object = json_object();
    struct error e = {0};

    (void)state;
    assert_int_equal(arguments_add_pair(object, "a=1", &e), 0);
    assert_int_equal(arguments_add_pair(object, "a=2=3", &e), 0);
    assert_int_equal(arguments_add_pair(object, "b", &e), 0);
    assert_int_equal(arguments_add_pair(object, "c=", &e), 0);
    assert_int_equal(json_object_size(object), 3);
    assert_string_equal(json_string_value(json_object_get(object, "a")), "2=3");
    assert_string_equal(json_string_value(json_object_get(object, "b")), "");
    assert_int_equal(arguments_add_pair(object, "=x", &e), ERROR_REQUEST_INVALID);
    assert_string_equal(e.text, "'=x' has no key; write KEY=VALUE");
    assert_int_equal(arguments_add_pair(object, "", &e), ERROR_REQUEST_INVALID);
    assert_int_equal(arguments_add_pair(object, "x=\xff", &e), ERROR_REQUEST_INVALID);
    assert_int_equal(arguments_add_pair(object, "\xff=x", &e), ERROR_REQUEST_INVALID);
    assert_int_equal(json_object_size(object), 3);
    json_decref(object);
}

static void test_filters(void **state)
{
    json_t *filters = json_object();
    struct error e = {0};
    char *text;

    (void)state;
    assert_int_equal(arguments_add_filter(filters, "name=a", &e), 0);
    assert_int_equal(arguments_add_filter(filters, "label=k=v", &e), 0);
    assert_int_equal(arguments_add_filter(filters, "name=b", &e), 0);
    assert_int_equal(arguments_add_filter(filters, "label!=x", &e), 0);
    assert_int_equal(arguments_add_filter(filters, "dangling", &e), ERROR_REQUEST_INVALID);
    assert_string_equal(e.text, "bad format of filter 'dangling' (expected name=value)");
    assert_int_equal(arguments_add_filter(filters, "=x", &e), ERROR_REQUEST_INVALID);
    text = json_dumps(filters, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"label\":[\"k=v\"],\"label!\":[\"x\"],\"name\":[\"a\",\"b\"]}");
    free(text);
    json_decref(filters);
}

static void test_settings(void **state)
{
    static const char *const bad[] = {"readonly", "readonly=", "readonly=maybe", "label=z",
                                      "",         "=on",       "readonlyx=on"};
    json_t *object = json_object();
    struct error e = {0};

    (void)state;
    assert_int_equal(arguments_add_setting(object, "readonly=on", &e), 0);
    assert_true(json_is_true(json_object_get(object, "ReadOnly")));
    assert_int_equal(arguments_add_setting(object, "readonly=FALSE", &e), 0);
    assert_true(json_is_false(json_object_get(object, "ReadOnly")));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(arguments_add_setting(object, bad[i], &e), ERROR_REQUEST_INVALID);
    json_decref(object);
}

static void test_ids_and_modes(void **state)
{
    (void)state;
    assert_true(arguments_check_id("0"));
    assert_true(arguments_check_id("4294967294"));
    assert_false(arguments_check_id("4294967295"));
    assert_false(arguments_check_id("99999999999"));
    assert_false(arguments_check_id(""));
    assert_false(arguments_check_id("-1"));
    assert_false(arguments_check_id("1 "));
    assert_false(arguments_check_id("root"));
    assert_true(arguments_check_mode("0"));
    assert_true(arguments_check_mode("07777"));
    assert_false(arguments_check_mode("10000"));
    assert_false(arguments_check_mode("8"));
    assert_false(arguments_check_mode("0x7"));
    assert_false(arguments_check_mode(""));
}

static void test_times(void **state)
{
    static const int64_t now = INT64_C(200000) * 1000000000 + 5;
    static const struct {
        const char *text, *time;
    } rows[] = {
        {"0s", "1970-01-03T07:33:20.000000005Z"},
        {"90s", "1970-01-03T07:31:50.000000005Z"},
        {"10m", "1970-01-03T07:23:20.000000005Z"},
        {"1h30m1s", "1970-01-03T06:03:19.000000005Z"},
        {"1d", "1970-01-02T07:33:20.000000005Z"},
        {"9d", "1970-01-01T00:00:00.000000000Z"},
        {"99999999d", "99999999d"},
        {"999999999s", "999999999s"},
        {"10", "10"},
        {"", ""},
        {"1w", "1w"},
        {"m", "m"},
        {"-1m", "-1m"},
        {"1m ", "1m "},
        {"2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(free_p) char *time = arguments_time(rows[i].text, now);

        assert_string_equal(time, rows[i].time);
    }
}

static void test_absolute_volume(void **state)
{
    static const struct {
        const char *spec, *want;
    } rows[] = {
        {"web:/d", "web:/d"},
        {"/h:/d:ro", "/h:/d:ro"},
        {"./x:/d:ro", "/cwd/x:/d:ro"},
        {".:/d", "/cwd:/d"},
        {"../x/:/d", "/x:/d"},
        {"../../../x:/d", "/x:/d"},
        {".hidden:/d", "/cwd/.hidden:/d"},
        {"./x", "./x"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(free_p) char *got = arguments_absolute_volume(rows[i].spec, "/cwd");

        assert_string_equal(got, rows[i].want);
    }
}

static void test_absolute_mount(void **state)
{
    static const struct {
        const char *spec, *cwd, *want;
    } rows[] = {
        {"type=bind,src=./x,dst=/d", "/cwd", "type=bind,src=/cwd/x,dst=/d"},
        {"src=.,dst=/d,TYPE=BIND", "/cwd", "src=/cwd,dst=/d,TYPE=BIND"},
        {"type=bind,SOURCE=../x/,dst=/d,ro", "/cwd", "type=bind,SOURCE=/x,dst=/d,ro"},
        {"type=bind,source=..,dst=/d", "/a/b", "type=bind,source=/a,dst=/d"},
        {"type=bind,\"src=./a,b\",dst=/d", "/cwd", "type=bind,\"src=/cwd/a,b\",dst=/d"},
        {"type=bind,src=./x,dst=/d", "/c\"w,d", "type=bind,\"src=/c\"\"w,d/x\",dst=/d"},
        {"type=bind,src=/h,dst=/d", "/cwd", "type=bind,src=/h,dst=/d"},
        {"type=bind,src=.x,dst=/d", "/cwd", "type=bind,src=.x,dst=/d"}, /* as Docker has it */
        {"type=volume,src=./x,dst=/d", "/cwd", "type=volume,src=./x,dst=/d"},
        {"src=.,dst=/d", "/cwd", "src=.,dst=/d"},
        {"type=bind,\"src=./x", "/cwd", "type=bind,\"src=./x"},
        {"", "/cwd", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(free_p) char *got = arguments_absolute_mount(rows[i].spec, rows[i].cwd);

        assert_string_equal(got, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_percents),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_ids_and_modes),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_absolute_volume),
        cmocka_unit_test(test_absolute_mount),
        cmocka_unit_test(test_table_on_a_narrow_terminal),
        cmocka_unit_test(test_cut),
    };

    setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests_name("volctl_text", tests, NULL, NULL);
}
