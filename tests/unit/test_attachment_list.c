/* A container's attachments, kept and compared. */
#include "catalog/attachment_list.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

#define WEB "00000000000000000000000000000001"
#define DB  "00000000000000000000000000000002"

/* Literals are only read: the list copies. */
static struct attachment at(const char *destination, const char *volume_id)
{
    struct attachment attachment = {.destination = (char *)(uintptr_t)destination};

    snprintf(attachment.volume_id, sizeof(attachment.volume_id), "%s", volume_id);
    return attachment;
}

static void add(struct attachments *list, struct attachment attachment)
{
    assert_int_equal(attachments_add(list, &attachment), 0);
}

static void test_the_first_at_a_destination_stays(void **state)
{
    struct attachments list = {0}, more = {0};

    (void)state;
    assert_null(attachments_find(&list, "/a"));
    add(&list, at("/a", WEB));
    add(&more, at("/a", DB));
    add(&more, at("/b", DB));
    assert_false(attachments_share_volume(&list, &more));
    assert_int_equal(attachments_join(&list, &more), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(attachments_find(&list, "/a")->volume_id, WEB);
    assert_string_equal(attachments_find(&list, "/b")->volume_id, DB);
    assert_true(attachments_share_volume(&list, &more));
    attachments_deinit(&list);
    attachments_deinit(&more);
}

static void test_what_makes_a_difference(void **state)
{
    struct attachment changed[] = {at("/a", DB), at("/b", WEB), at("/a", WEB), at("/a", WEB),
                                   at("/a", WEB)};
    struct attachments list = {0};

    (void)state;
    changed[2].readonly = true;
    changed[3].label = LABEL_PRIVATE;
    changed[4].subpath = (char[]){"sub"};
    add(&list, at("/a", WEB));
    for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
        struct attachments other = {0};

        assert_false(attachments_equal(&list, &other));
        add(&other, changed[i]);
        assert_false(attachments_equal(&list, &other));
        attachments_deinit(&other);
    }
    attachments_deinit(&list);
}

static void test_order_makes_none(void **state)
{
    struct attachments list = {0}, other = {0};

    (void)state;
    add(&list, at("/a", WEB));
    add(&list, at("/b", DB));
    add(&other, at("/b", DB));
    add(&other, at("/a", WEB));
    assert_true(attachments_equal(&list, &other));
    attachments_deinit(&list);
    attachments_deinit(&other);
}

/* A host path has no volume, and so none in common. */
static void test_host_paths_share_nothing(void **state)
{
    struct attachments list = {0}, other = {0};

    (void)state;
    add(&list, at("/a", ""));
    add(&other, at("/b", ""));
    assert_false(attachments_share_volume(&list, &other));
    attachments_deinit(&list);
    attachments_deinit(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_at_a_destination_stays),
        cmocka_unit_test(test_what_makes_a_difference),
        cmocka_unit_test(test_order_makes_none),
        cmocka_unit_test(test_host_paths_share_nothing),
    };

    return cmocka_run_group_tests_name("attachment_list", tests, NULL, NULL);
}
