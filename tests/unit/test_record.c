/* volume.json: what is written can be read, and hostile texts are refused by name. */
#include "catalog/cleanup.h"
#include "catalog/record.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define ID "0123456789abcdef0123456789abcdef"
#define REQUIRED                                                                                   \
    "\"Format\":1,\"Id\":\"" ID "\",\"Name\":\"web\",\"Kind\":\"named\",\"Driver\":\"local\""

static void assert_same(const struct volume *a, const struct volume *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->driver, b->driver);
    assert_string_equal(a->owner, b->owner);
    assert_string_equal(a->context, b->context);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->label, b->label);
    assert_int_equal(a->readonly, b->readonly);
    assert_int_equal(a->size_limit, b->size_limit);
    assert_int_equal(a->created_at, b->created_at);
    assert_int_equal(a->last_used_at, b->last_used_at);
    assert_true(pairs_equal(&a->options, &b->options));
    assert_true(pairs_equal(&a->labels, &b->labels));
}

static void check_round_trip(const struct volume *volume)
{
    _cleanup_(free_p) char *text = record_encode(volume);
    _cleanup_(volume_deinit) struct volume back = {0};
    struct error e = {0};

    assert_non_null(text);
    assert_true(strlen(text) <= RECORD_SIZE_MAX);
    assert_int_equal(record_decode(text, strlen(text), &back, &e), 0);
    assert_same(&back, volume);
}

static void test_round_trip(void **state)
{
    _cleanup_(volume_deinit) struct volume volume = {
        .id = ID,
        .name = "web",
        .kind = VOLUME_ANONYMOUS,
        .driver = "registry/vendor:latest",
        .readonly = true,
        .label = LABEL_PRIVATE,
        .owner = "c0ffee",
        .context = "system_u:object_r:container_file_t:s0:c1,c2",
        .size_limit = INT64_MAX,
        .created_at = INT64_C(1790000000123456789),
        .last_used_at = INT64_C(1790000001000000000),
    };
    struct volume plain = {.id = ID, .name = "x", .driver = "local"};

    (void)state;
    check_round_trip(&plain);
    pairs_set(&volume.labels, "caf\xc3\xa9", "line\n\"quote\" \xf0\x9f\x90\xb3 \x01");
    pairs_set(&volume.options, "o", "size=10m");
    check_round_trip(&volume);
}

static void test_the_largest_volume_has_a_record(void **state)
{
    _cleanup_(volume_deinit) struct volume volume = {.id = ID, .name = "x", .driver = "local"};
    _cleanup_(free_p) char *value = calloc(1, PAIR_VALUE_MAX);
    char key[16];

    (void)state;
    memset(value, 1, PAIR_VALUE_MAX - 16); /* each byte becomes \u0001 */
    for (int i = 0; i < 16; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(pairs_set(&volume.labels, key, value), 0);
        assert_int_equal(pairs_set(&volume.options, key, value), 0);
    }
    check_round_trip(&volume);
}

/* The text of the refusal, which names what is wrong. */
static void assert_refused(int code, const char *text, size_t length, const char *named)
{
    struct volume out = {.name = "rest"};
    struct error e = {0};

    assert_int_equal(record_decode(text, length, &out, &e), code);
    if (!strstr(e.text, named))
        fail_msg("%s: no '%s' in '%s'", text, named, e.text);
    assert_int_equal(out.name[0], 0);
    assert_null(out.labels.items);
}

static void test_fields_of_wrong_type_or_value(void **state)
{
    static const char *const bad[][2] = {
        {"\"Format\":\"1\"", "Format"},
        {"\"Format\":0", "Format"},
        {"\"Format\":-1", "Format"},
        {"\"Format\":1.5", "Format"},
        {"\"Format\":null", "Format"},
        {"\"Id\":\"../../etc\"", "Id"},
        {"\"Id\":7", "Id"},
        {"\"Id\":\"0123456789ABCDEF0123456789abcdef\"", "Id"},
        {"\"Name\":\"../x\"", "Name"},
        {"\"Name\":\"\"", "Name"},
        {"\"Name\":[]", "Name"},
        {"\"Kind\":\"other\"", "Kind"},
        {"\"Kind\":\"a kind with a long, long name\"", "Kind"},
        {"\"Driver\":\"\"", "Driver"},
        {"\"Driver\":{}", "Driver"},
        {"\"ReadOnly\":1", "ReadOnly"},
        {"\"ReadOnly\":\"true\"", "ReadOnly"},
        {"\"Label\":\"z\"", "Label"},
        {"\"Label\":null", "Label"},
        {"\"Owner\":\"a b\"", "Owner"},
        {"\"Context\":5", "Context"},
        {"\"SizeLimit\":-1", "SizeLimit"},
        {"\"SizeLimit\":1.5", "SizeLimit"},
        {"\"SizeLimit\":\"5\"", "SizeLimit"},
        {"\"SizeLimit\":99999999999999999999", "volume.json"},
        {"\"CreatedAt\":\"yesterday\"", "CreatedAt"},
        {"\"CreatedAt\":5", "CreatedAt"},
        {"\"LastUsedAt\":\"1969-01-01T00:00:00Z\"", "LastUsedAt"},
        {"\"Labels\":[]", "Labels"},
        {"\"Labels\":{\"a\":1}", "Labels"},
        {"\"Labels\":{\"\":\"v\"}", "Labels"},
        {"\"Options\":{\"a\":null}", "Options"},
        {"\"Options\":\"\"", "Options"},
    };
    static const char *const required[] = {"Format", "Id", "Name", "Kind", "Driver"};
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *values[] = {"1", ("\"" ID "\""), "\"web\"", "\"named\"", "\"local\""};
        int n = snprintf(text, sizeof(text), "{%s", bad[i][0]);

        /* The required fields that the case does not give itself. */
        for (size_t j = 0; j < 5; j++)
            if (strncmp(bad[i][0] + 1, required[j], strlen(required[j])) != 0)
                n += snprintf(text + n, sizeof(text) - (size_t)n, ",\"%s\":%s", required[j],
                              values[j]);
        snprintf(text + n, sizeof(text) - (size_t)n, "}");
        assert_refused(ERROR_CORRUPT, text, strlen(text), bad[i][1]);
    }
}

static void test_missing_fields(void **state)
{
    static const char *const texts[] = {
        "{\"Id\":\"" ID "\",\"Name\":\"w\",\"Kind\":\"named\",\"Driver\":\"local\"}",
        "{\"Format\":1,\"Name\":\"w\",\"Kind\":\"named\",\"Driver\":\"local\"}",
        "{\"Format\":1,\"Id\":\"" ID "\",\"Kind\":\"named\",\"Driver\":\"local\"}",
        "{\"Format\":1,\"Id\":\"" ID "\",\"Name\":\"w\",\"Driver\":\"local\"}",
        "{\"Format\":1,\"Id\":\"" ID "\",\"Name\":\"w\",\"Kind\":\"named\"}",
    };
    static const char *const named[] = {"Format", "Id", "Name", "Kind", "Driver"};
    _cleanup_(volume_deinit) struct volume out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_refused(ERROR_CORRUPT, texts[i], strlen(texts[i]), named[i]);
    assert_int_equal(record_decode("{" REQUIRED "}", strlen("{" REQUIRED "}"), &out, NULL), 0);
    assert_string_equal(out.name, "web");
}

static void test_newer_format(void **state)
{
    static const char text[] = "{\"Format\":2,\"Something\":\"else\"}";

    (void)state;
    assert_refused(ERROR_NEWER, text, strlen(text), "upgrade");
}

static void test_unknown_fields_are_passed_over(void **state)
{
    static const char text[] = "{" REQUIRED ",\"Future\":{\"a\":[1,2]},\"Labels\":null}";
    _cleanup_(volume_deinit) struct volume out = {0};

    (void)state;
    assert_int_equal(record_decode(text, strlen(text), &out, NULL), 0);
}

static void test_texts_that_are_not_json(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{" REQUIRED "} x",
        "{" REQUIRED ",\"Name\":\"twice\"}",
        "{" REQUIRED ",\"Labels\":{\"a\":\"1\",\"a\":\"2\"}}",
        "{" REQUIRED ",\"Labels\":{\"a\":\"\\u0000\"}}",
        "{" REQUIRED ",\"Labels\":{\"a\\u0000b\":\"\"}}",
        "{" REQUIRED ",\"Labels\":{\"a\":\"\xff\"}}",
        "{" REQUIRED ",\"Labels\":{\"a\":\"\\ud800\"}}",
        "{" REQUIRED ",\"Labels\":{\"a\":\"\xed\xa0\x80\"}}",
    };
    static const char nul[] = "{" REQUIRED ",\"Owner\":\"a\0b\"}";

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(ERROR_CORRUPT, bad[i], strlen(bad[i]), "volume.json");
    assert_refused(ERROR_CORRUPT, nul, sizeof(nul) - 1, "volume.json");
}

static void test_huge_and_deep_texts(void **state)
{
    size_t size = RECORD_SIZE_MAX + 1;
    _cleanup_(free_p) char *text = malloc(size + 1);

    (void)state;
    memset(text, ' ', size);
    text[size] = 0;
    assert_refused(ERROR_CORRUPT, text, size, "larger");
    memset(text, '[', 4 << 20);
    assert_refused(ERROR_CORRUPT, text, 4 << 20, "volume.json");
}

static void test_pairs_past_the_bounds(void **state)
{
    _cleanup_(free_p) char *text = malloc(1 << 20);
    int n = snprintf(text, 1 << 20, "{" REQUIRED ",\"Labels\":{\"first\":\"\"");

    (void)state;
    for (int i = 0; i < PAIRS_MAX; i++)
        n += snprintf(text + n, 32, ",\"k%d\":\"v\"", i);
    snprintf(text + n, 8, "}}");
    assert_refused(ERROR_CORRUPT, text, strlen(text), "Labels");
    n = snprintf(text, 1 << 20, "{" REQUIRED ",\"Labels\":{\"k\":\"");
    memset(text + n, 'x', PAIR_VALUE_MAX + 1);
    snprintf(text + n + PAIR_VALUE_MAX + 1, 8, "\"}}");
    assert_refused(ERROR_CORRUPT, text, strlen(text), "Labels");
}

/* Every prefix, and every byte replaced: an answer, never a crash, and only of valid names. */
static void test_every_truncation_and_flip(void **state)
{
    struct volume volume = {.id = ID, .name = "web", .driver = "local", .created_at = 5};
    _cleanup_(free_p) char *text = record_encode(&volume);
    size_t length = strlen(text);

    (void)state;
    for (size_t i = 0; i < length; i++) {
        char kept = text[i];
        struct volume out;

        assert_int_equal(record_decode(text, i, &out, NULL), ERROR_CORRUPT);
        for (int bit = 0; bit < 8; bit++) {
            text[i] = (char)(kept ^ (1 << bit));
            if (record_decode(text, length, &out, NULL) == 0)
                assert_int_equal(name_check_volume(out.name, NULL), 0);
            volume_deinit(&out);
        }
        text[i] = kept;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_the_largest_volume_has_a_record),
        cmocka_unit_test(test_fields_of_wrong_type_or_value),
        cmocka_unit_test(test_missing_fields),
        cmocka_unit_test(test_newer_format),
        cmocka_unit_test(test_unknown_fields_are_passed_over),
        cmocka_unit_test(test_texts_that_are_not_json),
        cmocka_unit_test(test_huge_and_deep_texts),
        cmocka_unit_test(test_pairs_past_the_bounds),
        cmocka_unit_test(test_every_truncation_and_flip),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
