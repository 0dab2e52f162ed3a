/* adopted.json: what is written can be read, and what was damaged is refused. */
#include "catalog/cleanup.h"
#include "catalog/record_adoption.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

#define FIELDS                                                                                     \
    "\"Engine\":\"docker\",\"Name\":\"web\",\"Source\":\"/d/web/_data\",\"Moved\":true,"           \
    "\"Copied\":false,\"AdoptedAt\":\"2026-01-02T03:04:05Z\""

static void test_round_trip(void **state)
{
    struct adoption adoption = {.engine = "podman",
                                .name = "web",
                                .source = "/a b/\xc3\xbc/_data",
                                .copied = true,
                                .adopted_at = INT64_C(1790000000123456789)};
    _cleanup_(free_p) char *text = adoption_encode(&adoption);
    struct adoption back;

    (void)state;
    assert_non_null(text);
    assert_int_equal(adoption_decode(text, strlen(text), &back, NULL), 0);
    assert_string_equal(back.engine, adoption.engine);
    assert_string_equal(back.name, adoption.name);
    assert_string_equal(back.source, adoption.source);
    assert_false(back.moved);
    assert_true(back.copied);
    assert_int_equal(back.adopted_at, adoption.adopted_at);
}

static void test_the_longest_source_has_a_record(void **state)
{
    struct adoption adoption = {.engine = "docker", .name = "web", .adopted_at = 1};
    _cleanup_(free_p) char *text = NULL;
    struct adoption back;

    (void)state;
    memset(adoption.source, 1, PATH_TEXT_MAX); /* each byte becomes \u0001 */
    adoption.source[0] = '/';
    text = adoption_encode(&adoption);
    assert_non_null(text);
    assert_true(strlen(text) <= ADOPTION_RECORD_MAX);
    assert_int_equal(adoption_decode(text, strlen(text), &back, NULL), 0);
    assert_string_equal(back.source, adoption.source);
}

static const struct {
    const char *text;
    int code;
} texts[] = {
    {"{\"Format\":1," FIELDS "}", 0},
    {"{\"Format\":1," FIELDS ",\"Later\":1}", 0},
    {"{\"Format\":2," FIELDS "}", ERROR_NEWER},
    {"{\"Format\":0," FIELDS "}", ERROR_CORRUPT},
    {"{" FIELDS "}", ERROR_CORRUPT},
    {"{\"Format\":1," FIELDS ",\"Name\":\"web\"}", ERROR_CORRUPT},
    {"{\"Format\":1}", ERROR_CORRUPT},
    {"[]", ERROR_CORRUPT},
    {"{", ERROR_CORRUPT},
    {"", ERROR_CORRUPT},
};

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct adoption out;
        struct error e = {0};
        int r = adoption_decode(texts[i].text, strlen(texts[i].text), &out, &e);

        if (r != texts[i].code || (r && !e.text[0]) || (r && out.source[0]))
            fail_msg("%s: %d %s", texts[i].text, r, e.text);
    }
}

static const struct {
    const char *engine, *name, *source;
    int code;
} checks[] = {
    {"docker", "web", "/d/web/_data", 0},
    {"", "web", "/d/web/_data", ERROR_REQUEST_INVALID},
    {"Docker", "web", "/d/web/_data", ERROR_REQUEST_INVALID},
    {"a/b", "web", "/d/web/_data", ERROR_REQUEST_INVALID},
    {"docker", "../web", "/d/web/_data", ERROR_NAME_INVALID},
    {"docker", "", "/d/web/_data", ERROR_NAME_INVALID},
    {"docker", "web", "", ERROR_REQUEST_INVALID},
    {"docker", "web", "d/web", ERROR_REQUEST_INVALID},
    {"docker", "web", "/", ERROR_REQUEST_INVALID},
    {"docker", "web", "/d/", ERROR_REQUEST_INVALID},
    {"docker", "web", "/d//web", ERROR_REQUEST_INVALID},
    {"docker", "web", "/d/../web", ERROR_REQUEST_INVALID},
    {"docker", "web", "/d/./web", ERROR_REQUEST_INVALID},
};

static void test_checks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        struct adoption adoption = {0};
        struct error e = {0};
        int r;

        strcpy(adoption.engine, checks[i].engine);
        strcpy(adoption.name, checks[i].name);
        strcpy(adoption.source, checks[i].source);
        r = adoption_check(&adoption, &e);
        if (r != checks[i].code || (r && !e.text[0]))
            fail_msg("%s %s %s: %d %s", checks[i].engine, checks[i].name, checks[i].source, r,
                     e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_the_longest_source_has_a_record),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_checks),
    };

    return cmocka_run_group_tests_name("record_adoption", tests, NULL, NULL);
}
