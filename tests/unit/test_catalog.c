/* The catalog's calls: what each answers, and what it refuses. */
#include "catalog/catalog.h"
#include "catalog/cleanup.h"
#include "tests/unit/catalog_fixture.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- volumes ---------------------------------------------------------- */

static void test_volume_comes_back_as_it_was(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume volume = fixture_volume(7), back = {0}, by_id = {0};

    volume.kind = VOLUME_ANONYMOUS;
    volume.readonly = true;
    volume.label = LABEL_PRIVATE;
    snprintf(volume.owner, sizeof(volume.owner), "c0ffee");
    snprintf(volume.context, sizeof(volume.context), "s0:c1,c2");
    pairs_set(&volume.labels, "caf\xc3\xa9", "");
    assert_int_equal(catalog_volume_insert(f->catalog, &volume, NULL), 0);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(catalog_volume_get(f->catalog, volume.name, &back, NULL), 0);
    assert_int_equal(catalog_volume_get_by_id(f->catalog, volume.id, &by_id, NULL), 0);
    assert_string_equal(by_id.name, volume.name);
    assert_string_equal(back.id, volume.id);
    assert_string_equal(back.driver, volume.driver);
    assert_string_equal(back.owner, "c0ffee");
    assert_string_equal(back.context, "s0:c1,c2");
    assert_int_equal(back.kind, VOLUME_ANONYMOUS);
    assert_int_equal(back.label, LABEL_PRIVATE);
    assert_true(back.readonly);
    assert_int_equal(back.size_limit, volume.size_limit);
    assert_int_equal(back.created_at, volume.created_at);
    assert_int_equal(back.last_used_at, 0);
    assert_true(pairs_equal(&back.labels, &volume.labels));
    assert_true(pairs_equal(&back.options, &volume.options));
}

static void test_names_and_ids_are_unique(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume same_name = fixture_volume(2);
    _cleanup_(volume_deinit) struct volume same_id = fixture_volume(1);
    struct error e = {0};

    fixture_insert(f, 1);
    snprintf(same_name.name, sizeof(same_name.name), "volume-00001");
    assert_int_equal(catalog_volume_insert(f->catalog, &same_name, &e), ERROR_EXISTS);
    assert_non_null(strstr(e.text, "volume-00001"));
    snprintf(same_id.name, sizeof(same_id.name), "other");
    assert_int_equal(catalog_volume_insert(f->catalog, &same_id, &e), ERROR_EXISTS);
    /* Nothing of what was refused is left: labels neither. */
    fixture_insert(f, 2);
}

static void test_insert_refuses_what_is_not_a_volume(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume volume = fixture_volume(1);

    snprintf(volume.name, sizeof(volume.name), "../x");
    assert_int_equal(catalog_volume_insert(f->catalog, &volume, NULL), ERROR_NAME_INVALID);
    snprintf(volume.name, sizeof(volume.name), "x");
    volume.size_limit = UINT64_MAX;
    assert_int_equal(catalog_volume_insert(f->catalog, &volume, NULL), ERROR_OPTION_INVALID);
    volume.size_limit = 0;
    volume.id[0] = 'G';
    assert_int_equal(catalog_volume_insert(f->catalog, &volume, NULL), ERROR_NAME_INVALID);
    volume.id[0] = '0';
    volume.driver[0] = 0;
    assert_int_equal(catalog_volume_insert(f->catalog, &volume, NULL), -EINVAL);
}

struct names {
    char text[512];
    int stop_after;
    int count;
};

static int collect_name(void *context, const struct volume *volume)
{
    struct names *names = context;
    size_t length = strlen(names->text);

    snprintf(names->text + length, sizeof(names->text) - length, "%s/%zu ", volume->name,
             volume->labels.count);
    return ++names->count == names->stop_after ? 77 : 0;
}

static void test_each_is_by_name_and_stops_when_told(void **state)
{
    struct fixture *f = *state;
    struct volume bare = {.id = "00000000000000000000000000000000", .name = "Z", .driver = "local"};
    struct names names = {0}, one = {.stop_after = 1}, none = {0};

    assert_int_equal(catalog_volume_each(f->catalog, collect_name, &none, NULL), 0);
    assert_int_equal(none.count, 0);
    fixture_insert(f, 3);
    fixture_insert(f, 1);
    fixture_insert(f, 2);
    assert_int_equal(catalog_volume_insert(f->catalog, &bare, NULL), 0);
    assert_int_equal(catalog_volume_each(f->catalog, collect_name, &names, NULL), 0);
    assert_string_equal(names.text, "Z/0 volume-00001/2 volume-00002/2 volume-00003/2 ");
    assert_int_equal(catalog_volume_each(f->catalog, collect_name, &one, NULL), 77);
    assert_string_equal(one.text, "Z/0 ");
}

static void test_rename(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1), back = {0};
    struct error e = {0};

    fixture_insert(f, 1);
    fixture_insert(f, 2);
    assert_int_equal(catalog_volume_rename(f->catalog, one.id, "volume-00002", &e), ERROR_EXISTS);
    assert_string_equal(e.text, "a volume with the name volume-00002 exists already");
    assert_int_equal(catalog_volume_rename(f->catalog, one.id, "a b", NULL), ERROR_NAME_INVALID);
    assert_int_equal(catalog_volume_rename(f->catalog, "none", "new", NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_volume_rename(f->catalog, one.id, "new", NULL), 0);
    assert_int_equal(catalog_volume_get(f->catalog, "volume-00001", &back, &e), ERROR_NOT_FOUND);
    assert_string_equal(e.text, "get volume-00001: no such volume");
    assert_int_equal(catalog_volume_get(f->catalog, "new", &back, NULL), 0);
    assert_string_equal(back.id, one.id);
    assert_int_equal(back.labels.count, 2);
}

static void test_rules(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1), back = {0};
    char big[CONTEXT_MAX + 2] = "";

    fixture_insert(f, 1);
    assert_int_equal(catalog_volume_set_readonly(f->catalog, one.id, true, NULL), 0);
    assert_int_equal(
        catalog_volume_set_label(f->catalog, one.id, LABEL_PRIVATE, "c1", "s0:c1", NULL), 0);
    assert_int_equal(catalog_volume_get_by_id(f->catalog, one.id, &back, NULL), 0);
    assert_true(back.readonly);
    assert_int_equal(back.label, LABEL_PRIVATE);
    assert_string_equal(back.owner, "c1");
    assert_string_equal(back.context, "s0:c1");
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(catalog_volume_set_label(f->catalog, one.id, LABEL_NONE, NULL, big, NULL),
                     ERROR_LIMIT);
    assert_int_equal(catalog_volume_set_label(f->catalog, one.id, LABEL_NONE, NULL, NULL, NULL), 0);
    assert_int_equal(catalog_volume_set_readonly(f->catalog, "x", true, NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_volume_set_label(f->catalog, "x", LABEL_NONE, "", "", NULL),
                     ERROR_NOT_FOUND);
}

static int collect_id(void *context, const char *id)
{
    struct names *names = context;

    snprintf(names->text, sizeof(names->text), "%s", id);
    names->count++;
    return 0;
}

static void test_removal_frees_the_name_at_once_and_the_id_later(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1), two = fixture_volume(2);
    _cleanup_(volume_deinit) struct volume back = {0};
    struct names names = {0}, after = {0}, live = {0};

    fixture_insert(f, 1);
    assert_int_equal(catalog_volume_tombstone(f->catalog, one.id, NULL), 0);
    assert_int_equal(catalog_volume_tombstone(f->catalog, one.id, NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_volume_get(f->catalog, one.name, &back, NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_volume_get_by_id(f->catalog, one.id, &back, NULL), ERROR_NOT_FOUND);
    catalog_volume_each(f->catalog, collect_name, &live, NULL);
    assert_int_equal(live.count, 0);
    assert_int_equal(catalog_volume_insert(f->catalog, &one, NULL), ERROR_EXISTS);
    snprintf(two.name, sizeof(two.name), "%s", one.name);
    assert_int_equal(catalog_volume_insert(f->catalog, &two, NULL), 0);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(catalog_tombstone_each(f->catalog, collect_id, &names, NULL), 0);
    assert_int_equal(names.count, 1);
    assert_string_equal(names.text, one.id);
    assert_int_equal(catalog_tombstone_forget(f->catalog, one.id, NULL), 0);
    assert_int_equal(catalog_tombstone_forget(f->catalog, one.id, NULL), 0);
    assert_int_equal(catalog_tombstone_each(f->catalog, collect_id, &after, NULL), 0);
    assert_int_equal(after.count, 0);
}

static void test_removal_of_a_used_volume_names_who_uses_it(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1);
    struct container container = fixture_container(9);
    char text[200];
    struct error e = {0};

    fixture_insert(f, 1);
    assert_int_equal(fixture_attach(f, 9, 1, "/d"), 0);
    assert_int_equal(catalog_volume_tombstone(f->catalog, one.id, &e), ERROR_IN_USE);
    snprintf(text, sizeof(text), "remove volume-00001: volume is in use - [%s]", container.id);
    assert_string_equal(e.text, text);
    assert_int_equal(catalog_detach(f->catalog, container.id, NULL, NULL), 0);
    assert_int_equal(catalog_use_add(f->catalog, one.id, "mount", 1, NULL, NULL), 0);
    assert_int_equal(catalog_volume_tombstone(f->catalog, one.id, &e), ERROR_IN_USE);
    assert_string_equal(e.text, "remove volume-00001: volume is in use - [mount]");
    assert_int_equal(catalog_use_add(f->catalog, one.id, "mount", -1, NULL, NULL), 0);
    assert_int_equal(catalog_volume_tombstone(f->catalog, one.id, &e), 0);
}

static void test_removal_of_a_volume_with_very_many_users(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1);
    struct error e = {0};

    fixture_insert(f, 1);
    for (int i = 0; i < 30; i++)
        assert_int_equal(fixture_attach(f, i, 1, "/d"), 0);
    assert_int_equal(catalog_volume_tombstone(f->catalog, one.id, &e), ERROR_IN_USE);
    assert_non_null(strstr(e.text, ", ...]"));
}

/* ---- containers ------------------------------------------------------- */

static void test_container_is_found_by_id_name_and_prefix(void **state)
{
    struct fixture *f = *state;
    struct container a = {.id = "abcd1111", .name = "web", .runtime = "oci", .created_at = 5};
    struct container b = {.id = "abcd2222", .name = "abcd1111", .state = CONTAINER_RUNNING};
    struct container back;
    struct error e = {0};

    assert_int_equal(catalog_container_put(f->catalog, &a, NULL, NULL), 0);
    assert_int_equal(catalog_container_put(f->catalog, &b, NULL, NULL), 0);
    assert_int_equal(catalog_container_get(f->catalog, "abcd1111", &back, NULL), 0);
    assert_string_equal(back.name, "web"); /* the id before the name */
    assert_int_equal(catalog_container_get(f->catalog, "web", &back, NULL), 0);
    assert_string_equal(back.id, "abcd1111");
    assert_string_equal(back.runtime, "oci");
    assert_int_equal(back.created_at, 5);
    assert_int_equal(catalog_container_get(f->catalog, "abcd2", &back, NULL), 0);
    assert_int_equal(back.state, CONTAINER_RUNNING);
    assert_int_equal(catalog_container_get(f->catalog, "abcd", &back, &e), ERROR_LIMIT);
    assert_non_null(strstr(e.text, "ambiguous"));
    assert_int_equal(catalog_container_get(f->catalog, "abc", &back, &e), ERROR_NOT_FOUND);
    assert_string_equal(e.text, "No such container: abc");
    assert_int_equal(catalog_container_get(f->catalog, "abcd3", &back, NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_container_get(f->catalog, "", &back, NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_container_get(f->catalog, "%", &back, NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_container_get(f->catalog, "we", &back, NULL), ERROR_NOT_FOUND);
}

static void test_containers_are_identified_in_one_look(void **state)
{
    struct fixture *f = *state;
    struct container a = {.id = "abcd1111", .name = "web", .runtime = "oci", .created_at = 5};
    struct container b = {.id = "abcd2222", .name = "abcd1111", .state = CONTAINER_RUNNING};
    struct container c = {.id = "abcd3333"};
    struct container of_id, of_name;

    assert_int_equal(catalog_container_put(f->catalog, &a, NULL, NULL), 0);
    assert_int_equal(catalog_container_put(f->catalog, &b, NULL, NULL), 0);
    assert_int_equal(catalog_container_put(f->catalog, &c, NULL, NULL), 0);
    assert_int_equal(
        catalog_container_identify(f->catalog, "abcd2222", "web", &of_id, &of_name, NULL), 0);
    assert_string_equal(of_id.id, "abcd2222");
    assert_int_equal(of_id.state, CONTAINER_RUNNING);
    assert_string_equal(of_name.id, "abcd1111");
    assert_int_equal(of_name.created_at, 5);
    assert_int_equal(
        catalog_container_identify(f->catalog, "abcd2222", "abcd1111", &of_id, &of_name, NULL), 0);
    assert_string_equal(of_id.id, "abcd2222");
    assert_string_equal(of_name.id, "abcd1111"); /* the id before the name */
    assert_int_equal(
        catalog_container_identify(f->catalog, "abcd1111", "web", &of_id, &of_name, NULL), 0);
    assert_string_equal(of_id.id, "abcd1111");
    assert_string_equal(of_name.id, "abcd1111");
    assert_int_equal(catalog_container_identify(f->catalog, "abcd3333", "", &of_id, &of_name, NULL),
                     0);
    assert_string_equal(of_id.id, "abcd3333");
    assert_string_equal(of_name.id, ""); /* not one without a name */
    assert_int_equal(catalog_container_identify(f->catalog, "abcd", "we", &of_id, &of_name, NULL),
                     0);
    assert_string_equal(of_id.id, ""); /* no beginnings */
    assert_string_equal(of_name.id, "");
}

static int keep_run(void *context, const struct container *container, const struct run *run)
{
    assert_string_equal(container->id, "aaaa");
    return run_copy(context, run);
}

static void test_how_a_container_is_run_is_kept(void **state)
{
    struct fixture *f = *state;
    struct container a = {.id = "aaaa", .name = "web"};
    char rootfs[] = "/srv/rootfs", process[] = "{\"Args\":[\"true\"]}";
    struct run given = {.rootfs = rootfs,
                        .process = process,
                        .auto_remove = true,
                        .copy_due = true,
                        .pid = 42,
                        .pid_started_at = UINT64_C(1) << 40,
                        .boot_id = "01234567-89ab-cdef-0123-456789abcdef",
                        .has_exit_code = true,
                        .exit_code = 137};
    _cleanup_(run_deinit) struct run back = {0}, again = {0};

    assert_int_equal(catalog_container_put(f->catalog, &a, &given, NULL), 0);
    assert_int_equal(catalog_container_put(f->catalog, &a, NULL, NULL), 0); /* it stays */
    assert_int_equal(catalog_run_get(f->catalog, "aaaa", &back, NULL), 0);
    assert_string_equal(back.rootfs, given.rootfs);
    assert_string_equal(back.process, given.process);
    assert_null(back.state_dir);
    assert_true(back.auto_remove && back.copy_due && back.has_exit_code);
    assert_int_equal(back.pid, 42);
    assert_true(back.pid_started_at == given.pid_started_at);
    assert_string_equal(back.boot_id, given.boot_id);
    assert_int_equal(back.exit_code, 137);
    assert_int_equal(catalog_run_each(f->catalog, keep_run, &again, NULL), 0);
    assert_string_equal(again.boot_id, given.boot_id);
    assert_int_equal(catalog_container_delete(f->catalog, "aaaa", CATALOG_SYNC_NOW, NULL), 0);
    run_deinit(&back);
    assert_int_equal(catalog_run_get(f->catalog, "aaaa", &back, NULL), 0);
    assert_null(back.rootfs);
    assert_int_equal(back.pid, 0);
}

static void test_what_cannot_be_run_is_refused(void **state)
{
    struct fixture *f = *state;
    struct container a = {.id = "aaaa"}, back;
    char rootfs[] = "rootfs";
    struct run relative = {.rootfs = rootfs};
    struct run code = {.auto_remove = true, .has_exit_code = true, .exit_code = 256};
    _cleanup_(free_p) char *text = calloc(1, PROCESS_TEXT_MAX + 2);
    struct run large = {.process = text};
    struct error e = {0};

    memset(text, 'x', PROCESS_TEXT_MAX + 1);
    assert_int_equal(catalog_container_put(f->catalog, &a, &relative, &e), ERROR_REQUEST_INVALID);
    assert_non_null(strstr(e.text, "rootfs 'rootfs' must be an absolute path"));
    assert_int_equal(catalog_container_put(f->catalog, &a, &large, &e), ERROR_LIMIT);
    assert_int_equal(catalog_container_put(f->catalog, &a, &code, NULL), -EINVAL);
    assert_int_equal(catalog_container_get(f->catalog, "aaaa", &back, NULL), ERROR_NOT_FOUND);
}

static int count_container(void *context, const struct container *container)
{
    (void)container;
    ++*(int *)context;
    return 0;
}

static void test_container_put_updates(void **state)
{
    struct fixture *f = *state;
    struct container a = {.id = "aaaa", .name = "web", .created_at = 5}, back;
    struct container b = {.id = "bbbb", .name = "web"}, c = {.id = "cccc"}, d = {.id = "dddd"};
    struct container bad = {.id = "../x"};
    struct error e = {0};
    int count = 0;

    assert_int_equal(catalog_container_put(f->catalog, &a, NULL, NULL), 0);
    assert_int_equal(catalog_container_put(f->catalog, &b, NULL, &e), ERROR_EXISTS);
    assert_string_equal(e.text, "container name web is in use by another container");
    a.state = CONTAINER_EXITED;
    a.created_at = 99;
    snprintf(a.name, sizeof(a.name), "renamed");
    assert_int_equal(catalog_container_put(f->catalog, &a, NULL, NULL), 0);
    assert_int_equal(catalog_container_get(f->catalog, "renamed", &back, NULL), 0);
    assert_int_equal(back.state, CONTAINER_EXITED);
    assert_int_equal(back.created_at, 5);
    assert_int_equal(catalog_container_put(f->catalog, &b, NULL, NULL), 0);
    /* Names not known do not collide. */
    assert_int_equal(catalog_container_put(f->catalog, &c, NULL, NULL), 0);
    assert_int_equal(catalog_container_put(f->catalog, &d, NULL, NULL), 0);
    assert_int_equal(catalog_container_put(f->catalog, &bad, NULL, NULL), ERROR_NAME_INVALID);
    assert_int_equal(catalog_container_each(f->catalog, count_container, &count, NULL), 0);
    assert_int_equal(count, 4);
    assert_int_equal(catalog_container_delete(f->catalog, "cccc", CATALOG_SYNC_NOW, NULL), 0);
    assert_int_equal(catalog_container_delete(f->catalog, "cccc", CATALOG_SYNC_NOW, NULL),
                     ERROR_NOT_FOUND);
}

/* ---- attachments ------------------------------------------------------ */

struct seen {
    int count;
    char text[512];
};

static int see_container(void *context, const struct attachment *attachment,
                         const struct container *container)
{
    struct seen *seen = context;
    size_t length = strlen(seen->text);

    seen->count++;
    snprintf(seen->text + length, sizeof(seen->text) - length, "%s:%s:%s ", container->name,
             attachment->destination, attachment->readonly ? "ro" : "rw");
    return 0;
}

static int see_volume(void *context, const struct attachment *attachment,
                      const struct volume *volume)
{
    struct seen *seen = context;
    size_t length = strlen(seen->text);

    seen->count++;
    snprintf(seen->text + length, sizeof(seen->text) - length, "%s=%s/%zu ",
             attachment->destination, volume ? volume->name : attachment->source,
             volume ? volume->labels.count : 0);
    return 0;
}

static void test_attachments_are_listed_both_ways(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1);
    struct container container = fixture_container(1);
    char host[] = "/srv", destination[] = "/host";
    struct attachment bind = {.source = host, .destination = destination};
    struct seen of_volume = {0}, of_container = {0}, all = {0};

    fixture_insert(f, 1);
    fixture_insert(f, 2);
    assert_int_equal(fixture_attach(f, 1, 1, "/b"), 0);
    assert_int_equal(fixture_attach(f, 1, 1, "/a"), 0);
    assert_int_equal(fixture_attach(f, 1, 2, "/c"), 0);
    assert_int_equal(fixture_attach(f, 2, 1, "/a"), 0);
    assert_int_equal(
        catalog_attach(f->catalog, &container, NULL, &bind, 1, 0, CATALOG_SYNC_NOW, NULL), 0);
    catalog_attachment_each_of_volume(f->catalog, one.id, see_container, &of_volume, NULL);
    assert_string_equal(of_volume.text, "container-1:/a:ro container-1:/b:ro container-2:/a:ro ");
    catalog_attachment_each_of_container(f->catalog, container.id, see_volume, &of_container, NULL);
    assert_string_equal(of_container.text, "/a=volume-00001/2 /b=volume-00001/2 "
                                           "/c=volume-00002/2 /host=/srv/0 ");
    catalog_attachment_each(f->catalog, see_container, &all, NULL);
    assert_int_equal(all.count, 4);
}

static int see_whole(void *context, const struct attachment *attachment,
                     const struct volume *volume)
{
    (void)volume;
    return attachment_copy(context, attachment);
}

static void test_attachment_comes_back_as_it_was(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1);
    struct container container = fixture_container(1);
    char destination[] = "/d\xff", subpath[] = "a/b";
    struct attachment given = {.destination = destination,
                               .subpath = subpath,
                               .nocopy = true,
                               .unnamed = true,
                               .label = LABEL_PRIVATE,
                               .propagation = "rslave",
                               .from = "other"};
    _cleanup_(attachment_deinit) struct attachment back = {0};

    fixture_insert(f, 1);
    memcpy(given.volume_id, one.id, sizeof(given.volume_id));
    assert_int_equal(
        catalog_attach(f->catalog, &container, NULL, &given, 1, 0, CATALOG_SYNC_NOW, NULL), 0);
    assert_int_equal(
        catalog_attachment_each_of_container(f->catalog, container.id, see_whole, &back, NULL), 0);
    assert_string_equal(back.container_id, container.id);
    assert_string_equal(back.volume_id, one.id);
    assert_string_equal(back.destination, "/d\xff");
    assert_string_equal(back.subpath, "a/b");
    assert_null(back.source);
    assert_true(back.nocopy && back.unnamed && !back.readonly);
    assert_int_equal(back.label, LABEL_PRIVATE);
    assert_string_equal(back.propagation, "rslave");
    assert_string_equal(back.from, "other");
}

static void test_attach_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1), missing = fixture_volume(5);
    struct container container = fixture_container(1), back;
    char a[] = "/a", b[] = "/b", relative[] = "x";
    struct attachment pair[2] = {{.destination = a}, {.destination = a}};
    struct error e = {0};

    fixture_insert(f, 1);
    memcpy(pair[0].volume_id, one.id, sizeof(one.id));
    memcpy(pair[1].volume_id, one.id, sizeof(one.id));
    assert_int_equal(catalog_attach(f->catalog, &container, NULL, pair, 2, 0, CATALOG_SYNC_NOW, &e),
                     ERROR_EXISTS);
    assert_string_equal(e.text, "Duplicate mount point: /a");
    assert_int_equal(catalog_container_get(f->catalog, container.id, &back, NULL), ERROR_NOT_FOUND);
    pair[1].destination = b;
    memcpy(pair[1].volume_id, missing.id, sizeof(missing.id));
    assert_int_equal(catalog_attach(f->catalog, &container, NULL, pair, 2, 0, CATALOG_SYNC_NOW, &e),
                     ERROR_NOT_FOUND);
    pair[1].destination = relative;
    assert_int_equal(catalog_attach(f->catalog, &container, NULL, pair, 2, 0, CATALOG_SYNC_NOW, &e),
                     ERROR_SPEC_INVALID);
    pair[1].destination = b;
    pair[1].volume_id[0] = 0;
    assert_int_equal(catalog_attach(f->catalog, &container, NULL, pair, 2, 0, CATALOG_SYNC_NOW, &e),
                     ERROR_SPEC_INVALID);
    assert_int_equal(catalog_container_get(f->catalog, container.id, &back, NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_attach(f->catalog, &container, NULL, NULL, 0, 0, CATALOG_SYNC_NOW, &e),
                     0);
    assert_int_equal(catalog_container_get(f->catalog, container.id, &back, NULL), 0);
}

static int64_t used_at(struct fixture *f, const struct volume *volume)
{
    _cleanup_(volume_deinit) struct volume back = {0};

    assert_int_equal(catalog_volume_get_by_id(f->catalog, volume->id, &back, NULL), 0);
    return back.last_used_at;
}

/* With the attachment, or not at all; and never back, as the clock may be. */
static void test_attach_notes_the_time(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1), two = fixture_volume(2);
    struct container container = fixture_container(1);
    char a[] = "/a", b[] = "/b", c[] = "/c", host[] = "/srv";
    struct attachment pair[2] = {{.destination = a}, {.destination = b, .source = host}};

    fixture_insert(f, 1);
    fixture_insert(f, 2);
    memcpy(pair[0].volume_id, one.id, sizeof(one.id));
    assert_int_equal(
        catalog_attach(f->catalog, &container, NULL, pair, 2, 50, CATALOG_SYNC_NOW, NULL), 0);
    assert_int_equal(used_at(f, &one), 50);
    assert_int_equal(used_at(f, &two), 0);
    pair[0].destination = c;
    assert_int_equal(
        catalog_attach(f->catalog, &container, NULL, pair, 2, 60, CATALOG_SYNC_NOW, NULL),
        ERROR_EXISTS);
    assert_int_equal(used_at(f, &one), 50);
    assert_int_equal(
        catalog_attach(f->catalog, &container, NULL, pair, 1, 40, CATALOG_SYNC_NOW, NULL), 0);
    assert_int_equal(used_at(f, &one), 50);
}

static void test_detach(void **state)
{
    struct fixture *f = *state;
    struct container container = fixture_container(1), back;
    struct seen seen = {0};

    fixture_insert(f, 1);
    fixture_attach(f, 1, 1, "/a");
    fixture_attach(f, 1, 1, "/b");
    fixture_attach(f, 1, 1, "/c");
    assert_int_equal(catalog_detach(f->catalog, container.id, "/x", NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_detach(f->catalog, container.id, "/a", NULL), 0);
    catalog_attachment_each_of_container(f->catalog, container.id, see_volume, &seen, NULL);
    assert_int_equal(seen.count, 2);
    assert_int_equal(catalog_detach(f->catalog, container.id, NULL, NULL), 0);
    assert_int_equal(catalog_detach(f->catalog, container.id, NULL, NULL), ERROR_NOT_FOUND);
    assert_int_equal(catalog_container_get(f->catalog, container.id, &back, NULL), 0);
}

static void test_container_takes_its_attachments_along(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1);
    struct container container = fixture_container(1);

    fixture_insert(f, 1);
    fixture_attach(f, 1, 1, "/a");
    assert_int_equal(catalog_container_delete(f->catalog, container.id, CATALOG_SYNC_NOW, NULL), 0);
    assert_int_equal(catalog_volume_tombstone(f->catalog, one.id, NULL), 0);
}

static void test_references_are_counted(void **state)
{
    struct fixture *f = *state;
    _cleanup_(volume_deinit) struct volume one = fixture_volume(1), two = fixture_volume(2);
    uint32_t containers = 99, uses = 99;

    fixture_insert(f, 1);
    fixture_insert(f, 2);
    assert_int_equal(catalog_reference_count(f->catalog, one.id, &containers, &uses, NULL), 0);
    assert_int_equal(containers + uses, 0);
    fixture_attach(f, 1, 1, "/a");
    fixture_attach(f, 1, 1, "/b");
    fixture_attach(f, 2, 1, "/a");
    fixture_attach(f, 3, 2, "/a");
    catalog_use_add(f->catalog, one.id, "m", 5, NULL, NULL);
    assert_int_equal(catalog_reference_count(f->catalog, one.id, &containers, &uses, NULL), 0);
    assert_int_equal(containers, 2);
    assert_int_equal(uses, 1);
    assert_int_equal(catalog_reference_count(f->catalog, two.id, &containers, &uses, NULL), 0);
    assert_int_equal(containers, 1);
    assert_int_equal(uses, 0);
}

/* ---- trees ------------------------------------------------------------ */

struct devices {
    dev_t first, last;
    int count;
};

static int see_tree(void *context, dev_t device)
{
    struct devices *devices = context;

    devices->first = devices->count++ ? devices->first : device;
    devices->last = device;
    return 0;
}

static void test_newest_trees_of_the_boot_are_kept(void **state)
{
    struct fixture *f = *state;
    struct devices devices = {0}, none = {0};

    for (dev_t device = 1; device <= CATALOG_TREES_MAX + 2; device++)
        assert_int_equal(catalog_tree_put(f->catalog, "boot", device, NULL), 0);
    assert_int_equal(catalog_tree_put(f->catalog, "boot", 5, NULL), 0); /* the newest again */
    assert_int_equal(catalog_tree_each(f->catalog, "boot", see_tree, &devices, NULL), 0);
    assert_int_equal(devices.count, CATALOG_TREES_MAX);
    assert_int_equal(devices.first, 3);
    assert_int_equal(devices.last, 5);
    assert_int_equal(catalog_tree_put(f->catalog, "next", 7, NULL), 0);
    assert_int_equal(catalog_tree_each(f->catalog, "boot", see_tree, &none, NULL), 0);
    assert_int_equal(none.count, 0);
}

/* ---- threads, size ---------------------------------------------------- */

struct hammer {
    struct fixture *fixture;
    int first;
    int failures;
};

static void *hammer_run(void *context)
{
    struct hammer *hammer = context;
    struct catalog *catalog = hammer->fixture->catalog;

    for (int i = hammer->first; i < hammer->first + 100; i++) {
        _cleanup_(volume_deinit) struct volume volume = fixture_volume(i), back = {0};
        struct names names = {0};

        hammer->failures += catalog_volume_insert(catalog, &volume, NULL) != 0;
        hammer->failures += catalog_use_add(catalog, volume.id, "m", 1, NULL, NULL) != 0;
        hammer->failures += catalog_volume_get(catalog, volume.name, &back, NULL) != 0;
        hammer->failures += catalog_volume_each(catalog, collect_name, &names, NULL) != 0;
        hammer->failures += catalog_use_add(catalog, volume.id, "m", -1, NULL, NULL) != 0;
        if (i % 2)
            hammer->failures += catalog_volume_tombstone(catalog, volume.id, NULL) != 0;
    }
    return NULL;
}

static void test_two_threads(void **state)
{
    struct fixture *f = *state;
    struct hammer hammers[2] = {{f, 0, 0}, {f, 1000, 0}};
    struct names names = {0};
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer_run, &hammers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(hammers[0].failures + hammers[1].failures, 0);
    catalog_volume_each(f->catalog, collect_name, &names, NULL);
    assert_int_equal(names.count, 100);
    assert_int_equal(catalog_check(f->catalog, NULL), 0);
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Inserts, gets, renames and removes one volume beside those that are there. */
static void change_one(struct fixture *f, int n)
{
    _cleanup_(volume_deinit) struct volume volume = fixture_volume(n), back = {0};
    char name[32];

    fixture_insert(f, n);
    snprintf(name, sizeof(name), "renamed-%d", n);
    assert_int_equal(catalog_volume_get(f->catalog, volume.name, &back, NULL), 0);
    assert_int_equal(catalog_volume_rename(f->catalog, volume.id, name, NULL), 0);
    assert_int_equal(catalog_volume_tombstone(f->catalog, volume.id, NULL), 0);
    assert_int_equal(catalog_tombstone_forget(f->catalog, volume.id, NULL), 0);
}

/* Seconds of the fastest of 50 rounds: a busy disk slows some, a scan slows all. */
static double measure_changes(struct fixture *f)
{
    double fastest = 1e9;

    for (int i = 20000; i < 20050; i++) {
        double start = seconds_now();

        change_one(f, i);
        start = seconds_now() - start;
        fastest = start < fastest ? start : fastest;
    }
    return fastest;
}

static int count_volume(void *context, const struct volume *volume)
{
    (void)volume;
    ++*(int *)context;
    return 0;
}

/* Wide bounds, so that a busy machine passes: what they catch is a scan or a query a volume. */
static void test_ten_thousand_volumes(void **state)
{
    struct fixture *f = *state;
    double few, many, each, open;
    int count = 0;

    for (int i = 0; i < 10; i++)
        fixture_insert(f, i);
    few = measure_changes(f);
    for (int i = 10; i < 10000; i++)
        fixture_insert(f, i);
    many = measure_changes(f);
    each = seconds_now();
    assert_int_equal(catalog_volume_each(f->catalog, count_volume, &count, NULL), 0);
    each = seconds_now() - each;
    assert_int_equal(count, 10000);
    fixture_close(f);
    open = seconds_now();
    fixture_open(f);
    open = seconds_now() - open;
    print_message("# a round: %.2f ms with 10 volumes, %.2f ms with 10000; each %.1f ms; open "
                  "%.1f ms\n",
                  few * 1e3, many * 1e3, each * 1e3, open * 1e3);
    if (getenv("VOLUMEFS_UNTIMED")) /* under valgrind times say nothing */
        return;
    assert_true(many < 3 * few + 0.001);
    assert_true(each < 1);
    assert_true(open < 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_volume_comes_back_as_it_was),
        TEST(test_names_and_ids_are_unique),
        TEST(test_insert_refuses_what_is_not_a_volume),
        TEST(test_each_is_by_name_and_stops_when_told),
        TEST(test_rename),
        TEST(test_rules),
        TEST(test_removal_frees_the_name_at_once_and_the_id_later),
        TEST(test_removal_of_a_used_volume_names_who_uses_it),
        TEST(test_removal_of_a_volume_with_very_many_users),
        TEST(test_container_is_found_by_id_name_and_prefix),
        TEST(test_containers_are_identified_in_one_look),
        TEST(test_container_put_updates),
        TEST(test_how_a_container_is_run_is_kept),
        TEST(test_what_cannot_be_run_is_refused),
        TEST(test_attachments_are_listed_both_ways),
        TEST(test_attachment_comes_back_as_it_was),
        TEST(test_attach_is_all_or_nothing),
        TEST(test_attach_notes_the_time),
        TEST(test_detach),
        TEST(test_container_takes_its_attachments_along),
        TEST(test_references_are_counted),
        TEST(test_newest_trees_of_the_boot_are_kept),
        TEST(test_two_threads),
        TEST(test_ten_thousand_volumes),
    };

    return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
