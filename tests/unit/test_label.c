/* SELinux's texts and tables, as far as they need no SELinux: contexts, levels, permissions. */
#include "fs/label_context.h"
#include "fs/label_permission.h"
#include "fs/table.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define TYPE "system_u:object_r:container_file_t"

static void test_contexts_are_told_from_other_texts(void **state)
{
    static const struct {
        const char *text;
        bool good;
        const char *level;
    } rows[] = {
        {TYPE ":s0", true, "s0"},
        {TYPE ":s0:c1,c2", true, "s0:c1,c2"},
        {TYPE ":s0-s0:c0.c1023", true, "s0-s0:c0.c1023"},
        {TYPE, true, ""},
        {"", false, ""},
        {"s0", false, ""},
        {"system_u:object_r", false, ""},
        {TYPE ":", false, ""},
        {":object_r:container_file_t:s0", false, "s0"},
        {"system_u::container_file_t:s0", false, "s0"},
        {"system_u:object_r:container file_t:s0", false, "s0"},
        {"system_u:object_r:container_file_t\n:s0", false, "s0"},
        {"system_u:object_r:\"t\":s0", false, "s0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(context_is_well_formed(rows[i].text), rows[i].good);
        assert_string_equal(context_level(rows[i].text), rows[i].level);
    }
}

static void test_long_contexts_are_refused(void **state)
{
    char context[CONTEXT_MAX + 3] = TYPE ":s0:";
    size_t length = strlen(context);

    (void)state;
    memset(context + length, 'c', CONTEXT_MAX - length);
    assert_true(context_is_well_formed(context));
    strcat(context, "c");
    assert_false(context_is_well_formed(context));
}

static void test_levels_are_exchanged(void **state)
{
    char level[LEVEL_MAX + 1], context[CONTEXT_MAX + 1] = TYPE ":s0:c1,c2";

    (void)state;
    assert_true(context_set_level(context, "s0"));
    assert_string_equal(context, TYPE ":s0");
    assert_true(context_set_level(context, "s0:c3,c4"));
    assert_string_equal(context, TYPE ":s0:c3,c4");
    memcpy(context, TYPE, sizeof(TYPE));
    assert_true(context_set_level(context, "s0"));
    assert_string_equal(context, TYPE ":s0");

    /* one that fits to the last byte, and one that does not */
    memset(context, 'u', sizeof(context));
    memcpy(context + CONTEXT_MAX - strlen(":r:t:s0"), ":r:t:s0", sizeof(":r:t:s0"));
    assert_true(context_set_level(context, "s1"));
    snprintf(level, sizeof(level), "s10");
    assert_false(context_set_level(context, level));
    assert_string_equal(context_level(context), "s1");
    memcpy(context, "nonsense", sizeof("nonsense"));
    assert_false(context_set_level(context, "s0"));
    assert_string_equal(context, "nonsense");
}

static void test_what_separates(void **state)
{
    (void)state;
    assert_true(level_separates("s0:c1,c2"));
    assert_true(level_separates("s0:c5"));
    assert_false(level_separates("s0"));
    assert_false(level_separates(""));
    assert_false(level_separates("s0-s0:c0.c1023"));
    assert_false(level_separates("s0:c1-s0:c1,c2"));
}

/* Every pair comes once, of two categories that differ and are in order. */
static void test_every_level_can_be_picked(void **state)
{
    struct levels *levels = levels_new();
    char level[LEVEL_MAX + 1], context[CONTEXT_MAX + 1];
    uint32_t a, b;

    (void)state;
    assert_non_null(levels);
    for (uint32_t i = 0; i < LEVEL_PAIRS; i += i < LEVEL_PAIRS - 600 ? 499 : 1) {
        assert_true(levels_pick(levels, i, level));
        assert_int_equal(sscanf(level, "s0:c%u,c%u", &a, &b), 2);
        assert_true(a < b && b < LEVEL_CATEGORIES);
        snprintf(context, sizeof(context), TYPE ":%s", level);
        levels_note(levels, context);
        /* what was picked is not picked again */
        assert_true(levels_pick(levels, i, level));
        assert_null(strstr(context, level));
    }
    levels_free(levels);
}

static void test_taken_levels_are_passed_over(void **state)
{
    static const char *const others[] = {
        TYPE,
        TYPE ":s0",
        TYPE ":s0:c0",
        TYPE ":s0:c3,c3",
        TYPE ":s1:c0,c1",
        TYPE ":s0:c0,c1,c2",
        TYPE ":s0:c0.c1",
        TYPE ":s0:c0,c1024",
    };
    struct levels *levels = levels_new();
    char level[LEVEL_MAX + 1], context[CONTEXT_MAX + 1];

    (void)state;
    assert_non_null(levels);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        levels_note(levels, others[i]);
    assert_true(levels_pick(levels, 0, level));
    assert_string_equal(level, "s0:c0,c1");
    levels_note(levels, TYPE ":s0:c1,c0"); /* the same pair */
    assert_true(levels_pick(levels, 0, level));
    assert_string_equal(level, "s0:c0,c2");
    assert_true(levels_pick(levels, LEVEL_PAIRS - 1, level));
    assert_string_equal(level, "s0:c1022,c1023");
    levels_note(levels, TYPE ":s0:c1022,c1023");
    assert_true(levels_pick(levels, LEVEL_PAIRS - 1, level)); /* on from the beginning */
    assert_string_equal(level, "s0:c0,c2");
    for (uint32_t low = 0; low < LEVEL_CATEGORIES; low++)
        for (uint32_t high = low + 1; high < LEVEL_CATEGORIES; high++) {
            snprintf(context, sizeof(context), TYPE ":s0:c%u,c%u", low, high);
            levels_note(levels, context);
        }
    assert_false(levels_pick(levels, 12345, level));
    levels_free(levels);
}

static bool is_asked(enum label_class class, enum operation operation, const char *permission)
{
    for (const char *const *name = label_permissions(class, operation); *name; name++)
        if (strcmp(*name, permission) == 0)
            return true;
    return false;
}

static void test_permissions(void **state)
{
    static const struct {
        enum label_class class;
        enum operation operation;
        const char *permission;
        bool asked;
    } rows[] = {
        {LABEL_FILE, OPERATION_LOOK, "getattr", true},
        {LABEL_FILE, OPERATION_LOOK, "read", false},
        {LABEL_FILE, OPERATION_READ, "read", true},
        {LABEL_FILE, OPERATION_READ, "open", true},
        {LABEL_FILE, OPERATION_READ, "write", false},
        {LABEL_FILE, OPERATION_CHANGE, "write", true},
        {LABEL_FILE, OPERATION_CHANGE, "append", true},
        {LABEL_FILE, OPERATION_CHANGE, "setattr", true},
        {LABEL_DIRECTORY, OPERATION_LOOK, "search", true},
        {LABEL_DIRECTORY, OPERATION_LOOK, "read", false},
        {LABEL_DIRECTORY, OPERATION_READ, "read", true},
        {LABEL_DIRECTORY, OPERATION_READ, "add_name", false},
        {LABEL_DIRECTORY, OPERATION_CHANGE, "add_name", true},
        {LABEL_DIRECTORY, OPERATION_CHANGE, "remove_name", true},
        {LABEL_DIRECTORY, OPERATION_CHANGE, "setattr", true},
        {LABEL_SYMLINK, OPERATION_LOOK, "read", true},
        {LABEL_SYMLINK, OPERATION_CHANGE, "setattr", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(is_asked(rows[i].class, rows[i].operation, rows[i].permission),
                         rows[i].asked);
    assert_string_equal(label_class_name(LABEL_FILE), "file");
    assert_string_equal(label_class_name(LABEL_DIRECTORY), "dir");
    assert_string_equal(label_class_name(LABEL_SYMLINK), "lnk_file");
    for (int i = 0; i < LABEL_CLASSES; i++) {
        assert_null(*label_permissions((enum label_class)i, OPERATION_FETCH));
        assert_null(*label_permissions((enum label_class)i, OPERATION_STORE));
    }
}

/* A ref of a volume that is gone has no context, whatever its slot holds by then. */
static void test_table_keeps_contexts(void **state)
{
    struct volume volume = {
        .id = "a", .name = "web", .label = LABEL_PRIVATE, .context = TYPE ":s0:c1,c2"};
    struct volume_table *table = volume_table_new();
    uint32_t own = VOLUME_FLAG_CONTEXT | VOLUME_FLAG_FOLLOWS;
    char context[CONTEXT_MAX + 1];
    struct volume_ref ref, next;

    (void)state;
    assert_int_equal(volume_table_insert(table, &volume, &ref), 0);
    assert_int_equal(volume_table_flags(table, ref), VOLUME_FLAG_PRIVATE | own);
    assert_true(volume_table_context(table, ref, context));
    assert_string_equal(context, volume.context);
    assert_int_equal(volume_table_set_context(table, ref, ""), 0);
    assert_int_equal(volume_table_flags(table, ref), VOLUME_FLAG_PRIVATE);
    assert_false(volume_table_context(table, ref, context));
    assert_int_equal(volume_table_set_flags(table, ref, VOLUME_FLAG_SHARED, VOLUME_FLAG_PRIVATE),
                     0);
    assert_int_equal(volume_table_set_context(table, ref, TYPE ":s0"), 0);
    assert_int_equal(volume_table_flags(table, ref), VOLUME_FLAG_SHARED | VOLUME_FLAG_CONTEXT);
    assert_int_equal(volume_table_remove(table, ref), 0);
    assert_false(volume_table_context(table, ref, context));
    assert_int_equal(volume_table_set_context(table, ref, TYPE), ERROR_NOT_FOUND);

    memset(volume.context, 0, sizeof(volume.context));
    assert_int_equal(volume_table_insert(table, &volume, &next), 0);
    assert_int_equal(next.index, ref.index);
    assert_false(volume_table_context(table, next, context));
    assert_int_equal(volume_table_set_context(table, next, TYPE ":s0:c3,c4"), 0);
    assert_false(volume_table_context(table, ref, context));
    volume_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contexts_are_told_from_other_texts),
        cmocka_unit_test(test_long_contexts_are_refused),
        cmocka_unit_test(test_levels_are_exchanged),
        cmocka_unit_test(test_what_separates),
        cmocka_unit_test(test_every_level_can_be_picked),
        cmocka_unit_test(test_taken_levels_are_passed_over),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_table_keeps_contexts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
