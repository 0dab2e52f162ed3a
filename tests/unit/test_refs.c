/* Who refers to a volume: the merge of what is recorded, used and seen. */
#include "fs/refs.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/fake_catalog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_WEB "3f4b1c0d9e8a7f6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b"
#define ID_DB  "b0c1d2e3f4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f"
#define VOLUME "00000000000000000000000000000001"
#define OTHER  "00000000000000000000000000000002"

static const struct volume volume = {.id = VOLUME, .name = "data"};

static int setup(void **state)
{
    (void)state;
    fake_catalog_reset();
    fake_catalog.volumes[0].id = OTHER; /* by name, not by id */
    fake_catalog.volumes[0].name = "cache";
    fake_catalog.volumes[1].id = VOLUME;
    fake_catalog.volumes[1].name = "data";
    return 0;
}

static void add_container(const char *id, const char *name, enum container_state container_state)
{
    int i = 0;

    while (fake_catalog.containers[i].id[0])
        i++;
    snprintf(fake_catalog.containers[i].id, CONTAINER_ID_MAX + 1, "%s", id);
    snprintf(fake_catalog.containers[i].name, NAME_MAX_LENGTH + 1, "%s", name);
    fake_catalog.containers[i].state = container_state;
}

static void add_attachment(const char *container, const char *volume_id, const char *destination,
                           bool readonly)
{
    int i = 0;

    while (fake_catalog.attachments[i].container)
        i++;
    fake_catalog.attachments[i] = (struct fake_attachment){.container = container,
                                                           .volume = volume_id,
                                                           .destination = destination,
                                                           .readonly = readonly};
}

static void add_use(const char *volume_id, const char *mount_id)
{
    int i = 0;

    while (fake_catalog.uses[i].count)
        i++;
    snprintf(fake_catalog.uses[i].volume_id, sizeof(fake_catalog.uses[i].volume_id), "%s",
             volume_id);
    snprintf(fake_catalog.uses[i].mount_id, sizeof(fake_catalog.uses[i].mount_id), "%s", mount_id);
    fake_catalog.uses[i].count = 1;
}

/* The text of the references with what is not in it: "web:/data:rw [rl]". */
static void check(const struct live_mounts *live, uint32_t containers, const char *expected)
{
    struct references references;
    struct error e = {0};
    uint32_t count = 99;
    char got[2048] = "";

    assert_int_equal(references_collect(NULL, &volume, live, &references, &e), 0);
    for (size_t i = 0; i < references.count; i++) {
        const struct reference *r = &references.items[i];
        char buffer[13];

        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s:%s:%s[%s%s%s]", i ? " " : "",
                 reference_container(r, buffer), r->destination, r->readonly ? "ro" : "rw",
                 r->sources & REFERENCE_RECORDED ? "r" : "", r->sources & REFERENCE_USE ? "u" : "",
                 r->sources & REFERENCE_LIVE ? "l" : "");
    }
    assert_string_equal(got, expected);
    assert_int_equal(references.containers, containers);
    assert_int_equal(references_count_one(NULL, &volume, live, &count, NULL), 0);
    assert_int_equal(count, containers);
    references_deinit(&references);
    assert_null(references.items);
}

static struct live_mount live_items[8];
static struct live_mounts live_list = {live_items, 0};

/* Literals are never written nor freed by what is tested. */
static char *literal(const char *text)
{
    static char texts[64][64];
    static unsigned next;
    char *copy = texts[next++ % 64];

    snprintf(copy, sizeof(texts[0]), "%s", text);
    return copy;
}

static const struct live_mounts *live_of(size_t count, const char *rows[][3])
{
    for (size_t i = 0; i < count; i++) {
        live_items[i] = (struct live_mount){.volume = literal(rows[i][0]),
                                            .subpath = literal(""),
                                            .destination = literal(rows[i][2]),
                                            .pid = 77};
        snprintf(live_items[i].container_id, CONTAINER_ID_MAX + 1, "%s", rows[i][1]);
    }
    live_list.count = count;
    return &live_list;
}

static void test_nobody(void **state)
{
    (void)state;
    check(NULL, 0, "");
}

static void test_recorded_are_sorted(void **state)
{
    (void)state;
    add_container("aaaa", "web", CONTAINER_EXITED);
    add_container("bbbb", "db", CONTAINER_CREATED);
    add_attachment("aaaa", VOLUME, "/z", true);
    add_attachment("aaaa", VOLUME, "/a", false);
    add_attachment("aaaa", OTHER, "/cache", false);
    add_attachment("bbbb", VOLUME, "/data", false);
    check(NULL, 2, "db:/data:rw[r] web:/a:rw[r] web:/z:ro[r]");
}

static void test_live_only_shows_short_id(void **state)
{
    const char *rows[][3] = {
        {"cache", ID_DB, "/c"}, {"data", ID_WEB, "/d"}, {"data", ID_WEB, "/e"}};

    (void)state;
    check(live_of(3, rows), 1, "3f4b1c0d9e8a:/d:rw[l] 3f4b1c0d9e8a:/e:rw[l]");
}

static void test_live_folds_into_recorded(void **state)
{
    const char *rows[][3] = {{"data", ID_WEB, "/d"}, {"data", ID_WEB, "/other"}};

    (void)state;
    add_container(ID_WEB, "web", CONTAINER_CREATED);
    add_attachment(ID_WEB, VOLUME, "/d", true);
    check(live_of(2, rows), 1, "web:/d:ro[rl] web:/other:rw[l]");
}

static void test_live_is_known_by_name(void **state)
{
    const char *rows[][3] = {{"data", "web", "/d"}, {"data", "web", "/e"}};

    (void)state;
    add_container("0123456789abcdef0123456789abcdef", "web", CONTAINER_CREATED);
    add_attachment("0123456789abcdef0123456789abcdef", VOLUME, "/d", false);
    check(live_of(2, rows), 1, "web:/d:rw[rl] web:/e:rw[l]");
}

static void test_live_is_known_by_short_id(void **state)
{
    const char *rows[][3] = {{"data", ID_WEB, "/d"}};

    (void)state;
    add_container("0123456789abcdef0123456789abcdef", "3f4b1c0d9e8a", CONTAINER_CREATED);
    add_attachment("0123456789abcdef0123456789abcdef", VOLUME, "/d", false);
    check(live_of(1, rows), 1, "3f4b1c0d9e8a:/d:rw[rl]");
}

static void test_a_name_is_no_short_id(void **state)
{
    const char *rows[][3] = {{"data", "web-server-prod-2", "/d"}};

    (void)state;
    add_container("aaaa", "web-server-prod", CONTAINER_CREATED);
    add_attachment("aaaa", VOLUME, "/d", false);
    check(live_of(1, rows), 2, "web-server-prod:/d:rw[r] web-server-prod-2:/d:rw[l]");
}

static void test_two_containers_at_one_destination(void **state)
{
    const char *rows[][3] = {{"data", ID_WEB, "/d"}, {"data", ID_DB, "/d"}};

    (void)state;
    add_container(ID_WEB, "web", CONTAINER_RUNNING);
    add_attachment(ID_WEB, VOLUME, "/d", false);
    check(live_of(2, rows), 2, "b0c1d2e3f4a5:/d:rw[l] web:/d:rw[rl]");
}

static void test_live_gets_its_name_from_the_catalog(void **state)
{
    const char *rows[][3] = {{"data", ID_WEB, "/d"}};

    (void)state;
    add_container(ID_WEB, "web", CONTAINER_RUNNING);
    check(live_of(1, rows), 1, "web:/d:rw[l]");
}

static void test_use_alone_counts(void **state)
{
    (void)state;
    add_use(VOLUME, ID_DB);
    add_use(OTHER, ID_WEB);
    check(NULL, 1, "b0c1d2e3f4a5::rw[u]");
}

static void test_use_belongs_to_a_known_container(void **state)
{
    const char *rows[][3] = {{"data", ID_WEB, "/d"}};

    (void)state;
    add_use(VOLUME, ID_DB);
    check(live_of(1, rows), 1, "3f4b1c0d9e8a:/d:rw[ul]");
    add_use(VOLUME, "m2");
    check(live_of(1, rows), 2, "3f4b1c0d9e8a:/d:rw[ul] m2::rw[u]");
}

/* Docker mounts it once for each. */
static void test_uses_belong_to_each_place_of_a_container(void **state)
{
    const char *rows[][3] = {{"data", ID_WEB, "/a"}, {"data", ID_WEB, "/b"}};

    (void)state;
    add_use(VOLUME, "m1");
    check(live_of(2, rows), 1, "3f4b1c0d9e8a:/a:rw[ul] 3f4b1c0d9e8a:/b:rw[l]");
    add_use(VOLUME, "m2");
    check(live_of(2, rows), 1, "3f4b1c0d9e8a:/a:rw[ul] 3f4b1c0d9e8a:/b:rw[ul]");
    add_use(VOLUME, "m3");
    check(live_of(2, rows), 2, "3f4b1c0d9e8a:/a:rw[ul] 3f4b1c0d9e8a:/b:rw[ul] m3::rw[u]");
}

static void test_use_is_not_that_of_a_stopped_container(void **state)
{
    (void)state;
    add_container("aaaa", "old", CONTAINER_EXITED);
    add_attachment("aaaa", VOLUME, "/d", false);
    add_use(VOLUME, "m1");
    check(NULL, 2, "m1::rw[u] old:/d:rw[r]");
}

/* Engines mount before they say that it runs, and unmount after they say that it does not. */
static void test_use_may_be_that_of_an_engines_container(void **state)
{
    (void)state;
    add_container(ID_WEB, "web", CONTAINER_CREATED);
    snprintf(fake_catalog.containers[0].engine, sizeof(fake_catalog.containers[0].engine),
             "docker");
    add_attachment(ID_WEB, VOLUME, "/x", false);
    add_use(VOLUME, "m1");
    check(NULL, 1, "web:/x:rw[ru]");
}

static void test_live_details(void **state)
{
    const char *rows[][3] = {{"data", ID_WEB, "/d"}};
    struct references references;

    (void)state;
    add_container(ID_WEB, "web", CONTAINER_CREATED);
    add_attachment(ID_WEB, VOLUME, "/d", false);
    fake_catalog.attachments[0].label = LABEL_PRIVATE;
    assert_int_equal(references_collect(NULL, &volume, live_of(1, rows), &references, NULL), 0);
    assert_true(references.items[0].running);
    assert_int_equal(references.items[0].pid, 77);
    assert_int_equal(references.items[0].label, LABEL_PRIVATE);
    assert_string_equal(references.items[0].container_id, ID_WEB);
    references_deinit(&references);
}

static void test_text(void **state)
{
    struct references none = {0};
    struct references references;
    char *text;

    (void)state;
    add_container("aaaa", "web", CONTAINER_EXITED);
    add_container("bbbb", "db", CONTAINER_CREATED);
    add_attachment("aaaa", VOLUME, "/webapp", true);
    add_attachment("bbbb", VOLUME, "/data", false);
    assert_int_equal(references_collect(NULL, &volume, NULL, &references, NULL), 0);
    text = references_format(&references);
    assert_string_equal(text, "db:/data:rw\nweb:/webapp:ro");
    free(text);
    references_deinit(&references);
    text = references_format(&none);
    assert_string_equal(text, "");
    free(text);
}

static void test_broken_catalog_is_passed_on(void **state)
{
    struct references references;
    struct error e = {0};

    (void)state;
    fake_catalog.broken = ERROR_CORRUPT;
    assert_int_equal(references_collect(NULL, &volume, NULL, &references, &e), ERROR_CORRUPT);
    assert_non_null(strstr(e.text, "data"));
    assert_null(references.items);
}

struct counts {
    char text[512];
};

static void visit_count(void *context, const char *volume_id, uint32_t containers)
{
    struct counts *counts = context;
    size_t length = strlen(counts->text);

    snprintf(counts->text + length, sizeof(counts->text) - length, "%c=%u ", volume_id[31],
             containers);
}

static void test_counts_of_all(void **state)
{
    const char *rows[][3] = {
        {"cache", ID_DB, "/c"}, {"data", ID_WEB, "/d"}, {"gone", ID_WEB, "/x"}};
    struct counts counts = {""};
    struct error e = {0};

    (void)state;
    assert_int_equal(references_count_all(NULL, NULL, visit_count, &counts, &e), 0);
    assert_string_equal(counts.text, "");
    add_container(ID_WEB, "web", CONTAINER_RUNNING);
    add_container("aaaa", "other", CONTAINER_CREATED);
    add_attachment(ID_WEB, VOLUME, "/d", false);
    add_attachment("aaaa", VOLUME, "/d", false);
    add_attachment("aaaa", VOLUME, "/e", false);
    add_attachment("aaaa", "", "/host", false);
    add_use(OTHER, "m1");
    add_use(OTHER, "m2");
    add_use("00000000000000000000000000000009", "m2");
    assert_int_equal(references_count_all(NULL, live_of(3, rows), visit_count, &counts, &e), 0);
    assert_string_equal(counts.text, "1=2 2=2 ");
    fake_catalog.broken = -EIO;
    assert_int_equal(references_count_all(NULL, NULL, visit_count, &counts, &e), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nobody, setup),
        cmocka_unit_test_setup(test_recorded_are_sorted, setup),
        cmocka_unit_test_setup(test_live_only_shows_short_id, setup),
        cmocka_unit_test_setup(test_live_folds_into_recorded, setup),
        cmocka_unit_test_setup(test_live_is_known_by_name, setup),
        cmocka_unit_test_setup(test_live_is_known_by_short_id, setup),
        cmocka_unit_test_setup(test_a_name_is_no_short_id, setup),
        cmocka_unit_test_setup(test_two_containers_at_one_destination, setup),
        cmocka_unit_test_setup(test_live_gets_its_name_from_the_catalog, setup),
        cmocka_unit_test_setup(test_use_alone_counts, setup),
        cmocka_unit_test_setup(test_use_belongs_to_a_known_container, setup),
        cmocka_unit_test_setup(test_uses_belong_to_each_place_of_a_container, setup),
        cmocka_unit_test_setup(test_use_is_not_that_of_a_stopped_container, setup),
        cmocka_unit_test_setup(test_use_may_be_that_of_an_engines_container, setup),
        cmocka_unit_test_setup(test_live_details, setup),
        cmocka_unit_test_setup(test_text, setup),
        cmocka_unit_test_setup(test_broken_catalog_is_passed_on, setup),
        cmocka_unit_test_setup(test_counts_of_all, setup),
    };

    return cmocka_run_group_tests_name("refs", tests, NULL, NULL);
}
