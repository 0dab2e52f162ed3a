/*
 * Which paths lie in volumes, by tables of mounts that are made up and links that are real. "@" in
 * a text is the test's directory.
 */
#include "catalog/cleanup.h"
#include "catalog/spec.h"
#include "tests/unit/cmocka_all.h"
#include "tools/hook/ours.h"
#include "tools/hook/tree.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/hook-XXXXXX";

/* A copy with "@" replaced. */
static char *expand(const char *text)
{
    char *out = NULL;
    size_t size;
    FILE *stream = open_memstream(&out, &size);

    assert_non_null(stream);
    for (; *text; text++) {
        if (*text == '@')
            fputs(directory, stream);
        else
            fputc(*text, stream);
    }
    fclose(stream);
    return out;
}

/*
 * A tree at @/tree, another at @/other; a volume of the first is bound to @/bound, and all of it to
 * @/whole. @/nfs and @/ssh may hang; @/covered could, had nothing else been mounted over it, and
 * @/nfs/tree is a tree again.
 */
static const char table[] =
    "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
    "2 1 0:5 / /proc rw - proc proc rw\n"
    "3 1 0:50 / @/tree rw - fuse.volumefs volumefs rw\n"
    "4 1 0:50 /web @/bound rw - fuse.volumefs volumefs rw\n"
    "5 1 0:50 / @/whole rw - fuse.volumefs volumefs rw\n"
    "6 1 0:51 / @/other rw - fuse.volumefs volumefs rw\n"
    "7 1 0:51 /x @/other-bound rw - fuse.volumefs volumefs rw\n"
    "8 1 0:60 / @/nfs rw - nfs4 host:/x rw\n"
    "9 8 0:52 / @/nfs/tree rw - fuse.volumefs volumefs rw\n"
    "10 1 0:61 / @/ssh rw - fuse.sshfs x rw\n"
    "11 1 0:62 / @/covered rw - autofs systemd-1 rw\n"
    "12 11 8:2 / @/covered rw - ext4 /dev/sdb rw\n"
    "13 1 0:63 / @/lazy rw - autofs systemd-1 rw\n"
    "14 13 0:50 / @/lazy rw - fuse.volumefs volumefs rw\n"
    "15 3 0:60 / @/tree/web/deep rw - nfs4 host:/x rw\n"
    "16 1 0:50 / @/a\\040b rw - fuse.volumefs volumefs rw\n"
    "17 18 0:50 / @/mirror/tree rw - fuse.volumefs volumefs rw\n"
    "18 1 0:64 / @/mirror rw - nfs host:/x rw\n" /* listed behind what is on it */
    "not a line\n";

static void read_table(char *const *dirs, size_t count, struct trees *out)
{
    _cleanup_(free_p) char *text = expand(table);
    FILE *stream = fmemopen(text, strlen(text), "r");

    assert_non_null(stream);
    assert_int_equal(trees_read(stream, dirs, count, out), 0);
    fclose(stream);
}

struct path_row {
    const char *path, *want; /* NULL: in no volume */
};

static void check_paths(const struct trees *trees, const struct path_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_(free_p) char *path = expand(rows[i].path), *got = NULL;
        _cleanup_(free_p) char *want = rows[i].want ? expand(rows[i].want) : NULL;

        assert_int_equal(trees_find(trees, path, &got), 0);
        if ((got != NULL) != (want != NULL) || (got && strcmp(got, want) != 0))
            fail_msg("%s: %s, not %s", path, got ? got : "none", want ? want : "none");
    }
}

#define CHECK_PATHS(trees, rows) check_paths(trees, rows, sizeof(rows) / sizeof((rows)[0]))

static void test_paths_as_written(void **state)
{
    static const struct path_row rows[] = {
        {"@/tree/web", "@/tree/web"},
        {"@/tree/web/", "@/tree/web"},
        {"@//tree/./web/a/..", "@/tree/web"},
        {"@/tree/web/a/b", "@/tree/web/a/b"},
        {"@/tree/db/../web", "@/tree/web"},
        {"@/x/../tree/web", "@/tree/web"},
        {"@/tree", NULL}, /* all of it is nothing to count */
        {"@/tree/", NULL},
        {"@/tree/web/..", NULL},
        {"@/tree/../elsewhere", NULL},
        {"@/treehouse/web", NULL},
        {"@", NULL}, /* has the tree below it */
        {"/", NULL},
        {"/etc", NULL},
        {"@/bound", "@/bound"},
        {"@/bound/a", "@/bound/a"},
        {"@/boundary", NULL},
        {"@/whole", NULL},
        {"@/whole/web", "@/whole/web"},
        {"@/other/x", "@/other/x"},
        {"@/other-bound", "@/other-bound"},
        {"@/lazy/web", "@/lazy/web"},
        {"@/lazy", NULL},
        {"@/a b/web", "@/a b/web"},
        {"@/nfs/x", NULL},
        {"@/nfs/tree/web", "@/nfs/tree/web"},
        {"@/mirror/x", NULL},
        {"@/mirror/tree/web", "@/mirror/tree/web"},
        {"@/tree/web/deep/x", NULL},
        {"@/tree/.volumefs", NULL},
        {"@/tree/.volumefs/status", NULL},
        {"@/tree/.volumefs/by-id", NULL},
        {"@/tree/.volumefs/by-id/0123", "@/tree/.volumefs/by-id/0123"},
        {"@/tree/.volumefsx", "@/tree/.volumefsx"}, /* the daemon's to refuse */
        {"/mnt/volumes/web", "/mnt/volumes/web"},   /* although it is not mounted */
        {"/mnt/volumes", NULL},
    };
    _cleanup_(trees_deinit) struct trees trees;

    (void)state;
    read_table(NULL, 0, &trees);
    CHECK_PATHS(&trees, rows);
}

static void test_trees_that_are_given(void **state)
{
    static const struct path_row rows[] = {
        {"@/tree/web", "@/tree/web"}, {"@/bound", "@/bound"},   {"@/whole/web", "@/whole/web"},
        {"@/away/web", "@/away/web"}, {"@/away", NULL},         {"@/other/x", NULL},
        {"@/other-bound", NULL},      {"@/nfs/tree/web", NULL}, {"@/links/to-other", NULL},
        {"/mnt/volumes/web", NULL},
    };
    _cleanup_(free_p) char *tree = expand("@/tree"), *away = expand("@/away");
    char *const dirs[] = {tree, away};
    _cleanup_(trees_deinit) struct trees trees;

    (void)state;
    read_table(dirs, 2, &trees);
    CHECK_PATHS(&trees, rows);
}

static void test_no_table(void **state)
{
    static const struct path_row rows[] = {{"/mnt/volumes/web", "/mnt/volumes/web"},
                                           {"@/tree/web", NULL}};
    _cleanup_(trees_deinit) struct trees trees;

    (void)state;
    assert_int_equal(trees_read(NULL, NULL, 0, &trees), 0);
    CHECK_PATHS(&trees, rows);
}

/* The directories are there, and have links in them that would be followed if they were seen. */
static void test_paths_through_links(void **state)
{
    static const struct path_row rows[] = {
        {"@/links/to-volume", "@/tree/web"},
        {"@/links/to-volume/a/b", "@/tree/web/a/b"},
        {"@/links/to-tree", NULL},
        {"@/links/to-tree/web", "@/tree/web"},
        {"@/links/to-tree/web/..", NULL},
        {"@/links/to-tree/../real", NULL},
        {"@/links/relative", "@/tree/web"},
        {"@/links/./up/tree/web", "@/tree/web"},
        {"@/links/chain", "@/tree/web"},
        {"@/links/to-bound", "@/bound"},
        {"@/links/to-other", "@/other/x"},
        {"@/real/../links/to-volume", "@/tree/web"},
        {"@/links/deep-dir/../tree/web", "@/tree/web"}, /* .. is of where the link leads */
        {"@/links/to-lead-out", NULL},
        {"@/links/to-lead-out/web", "@/tree/web"}, /* out of the tree, and in by another link */
        {"@/links/to-inner-link", "@/tree/link"},  /* what is in a tree is not looked at */
        {"@/covered/link", "@/tree/web"},
        {"@/links/nothing", NULL},
        {"@/links/absent/x", NULL},
        {"@/links/loop", NULL},
        {"@/links/to-file/x", NULL},
        {"@/real", NULL},
        {"@/real/plain", NULL},
        {"@/nfs/link", NULL}, /* nor what may hang */
        {"@/ssh/link", NULL},
        {"@/links/to-nfs/link", NULL},
        {"/proc/self/cwd", NULL},
    };
    _cleanup_(trees_deinit) struct trees trees;

    (void)state;
    read_table(NULL, 0, &trees);
    CHECK_PATHS(&trees, rows);
}

/* Else a host that has its root on a network file system would never find a volume by a link. */
static void test_root_that_may_hang(void **state)
{
    static const char text[] = "1 0 0:9 / / rw - nfs host:/root rw\n";
    static const struct path_row rows[] = {{"@/links/to-default", "/mnt/volumes/web"},
                                           {"@/links/to-file", NULL}};
    _cleanup_(trees_deinit) struct trees trees;
    FILE *stream = fmemopen((char *)(uintptr_t)text, sizeof(text) - 1, "r");

    (void)state;
    assert_non_null(stream);
    assert_int_equal(trees_read(stream, NULL, 0, &trees), 0);
    fclose(stream);
    CHECK_PATHS(&trees, rows);
}

static void test_longest_paths(void **state)
{
    _cleanup_(trees_deinit) struct trees trees;
    static char path[3 * PATH_MAX];
    char *got;

    (void)state;
    read_table(NULL, 0, &trees);
    for (size_t i = 0; i < sizeof(path) - 1; i++)
        path[i] = i % 200 ? 'x' : '/';
    assert_int_equal(trees_find(&trees, path, &got), 0);
    assert_null(got);
    memset(path, '/', sizeof(path) - 1);
    assert_int_equal(trees_find(&trees, path, &got), 0);
    assert_null(got);
}

static void test_names_in_a_text(void **state)
{
    static const struct {
        const char *text;
        bool want;
    } rows[] = {{"{\"source\":\"@/tree/web\"", true},
                {"x@/bound", true},
                {"/mnt/volumes", true},
                {"@/nfs", false},
                {"@/covered", false},
                {"/mnt/volume", false},
                {"", false}};
    _cleanup_(trees_deinit) struct trees trees;

    (void)state;
    read_table(NULL, 0, &trees);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(free_p) char *text = expand(rows[i].text);

        assert_int_equal(trees_are_named(&trees, text, strlen(text)), rows[i].want);
    }
    assert_false(trees_are_named(&trees, NULL, 0));
}

/* ---- mounts ------------------------------------------------------------------ */

#define BIND(source, destination, more)                                                            \
    "{\"type\":\"bind\",\"source\":\"" source "\",\"destination\":\"" destination                  \
    "\",\"options\":[\"rbind\"" more "]}"

static void test_mounts(void **state)
{
    static const struct {
        const char *mounts, *specs;
    } rows[] = {
        {"", ""},
        {BIND("/etc/hosts", "/etc/hosts", "") "," BIND("@/tree", "/all", ""), ""},
        {BIND("@/tree/web", "/data", ""), "type=bind,source=@/tree/web,target=/data\n"},
        {BIND("@/tree/web/sub/", "/data//x/", ",\"ro\""),
         "type=bind,source=@/tree/web/sub,target=/data/x,readonly\n"},
        {BIND("@/links/to-volume", "/d", ",\"rslave\",\"ro\""),
         "type=bind,source=@/tree/web,target=/d,bind-propagation=rslave,readonly\n"},
        {BIND("@/tree/web", "data", ""), "type=bind,source=@/tree/web,target=/data\n"},
        {BIND("tree/web", "/d", ""), "type=bind,source=@/tree/web,target=/d\n"},
        {BIND("links/../links/to-volume", "/d", ""), "type=bind,source=@/tree/web,target=/d\n"},
        {BIND("@/tree/web/a,b", "/say \\\"x\\\"", ""),
         "type=bind,\"source=@/tree/web/a,b\",\"target=/say \"\"x\"\"\"\n"},
        {BIND("@/tree/a", "/d", "") "," BIND("@/tree/b", "/e", "") "," BIND("@/tree/c", "/d/", ""),
         "type=bind,source=@/tree/c,target=/d\ntype=bind,source=@/tree/b,target=/e\n"},
    };
    _cleanup_(trees_deinit) struct trees trees;

    (void)state;
    read_table(NULL, 0, &trees);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(free_p) char *mounts = expand(rows[i].mounts), *want = expand(rows[i].specs);
        _cleanup_(free_p) char *text = NULL, *got = NULL;
        _cleanup_(ours_deinit) struct ours ours;
        struct bundle *bundle;
        size_t size;
        FILE *stream = open_memstream(&got, &size);

        assert_non_null(stream);
        assert_true(asprintf(&text, "{\"mounts\":[%s]}", mounts) > 0);
        assert_int_equal(bundle_parse(text, strlen(text), &bundle, NULL), 0);
        assert_int_equal(ours_collect(bundle, directory, &trees, &ours), 0);
        for (size_t k = 0; k < ours.count; k++) {
            struct mount_spec spec;

            fprintf(stream, "%s\n", ours.items[k].spec);
            assert_int_equal(spec_parse_mount(ours.items[k].spec, &spec, NULL), 0);
            assert_string_equal(spec.source, ours.items[k].path);
            assert_string_equal(spec.destination, ours.items[k].destination);
            mount_spec_deinit(&spec);
        }
        fclose(stream);
        assert_string_equal(got, want);
        bundle_free(bundle);
    }
}

/* ---- the directory ------------------------------------------------------------ */

static const char *const directories[] = {"tree",  "tree/deep", "other", "nfs",     "ssh",
                                          "links", "real",      "bound", "covered", "lead"};

static const struct {
    const char *name, *target;
} links[] = {
    {"links/to-volume", "@/tree/web"},
    {"links/to-tree", "@/tree"},
    {"links/relative", "../tree/web"},
    {"links/up", ".."},
    {"links/chain", "chain2"},
    {"links/chain2", "@/links/chain3/web"},
    {"links/chain3", "to-tree"},
    {"links/to-bound", "@/bound"},
    {"links/to-other", "@/other/x"},
    {"links/deep-dir", "@/real"},
    {"links/to-lead-out", "@/tree/x/../../lead"},
    {"lead/web", "@/tree/web"},
    {"links/to-inner-link", "@/tree/link"},
    {"tree/link", "/etc"},
    {"tree/web", "/etc"},
    {"bound/link", "/etc"},
    {"covered/link", "@/tree/web"},
    {"links/nothing", "@/absent"},
    {"links/loop", "loop"},
    {"links/to-file", "/etc/passwd"},
    {"real/plain", "/etc/passwd"},
    {"nfs/link", "@/tree/web"},
    {"ssh/link", "@/tree/web"},
    {"links/to-nfs", "@/nfs"},
    {"links/to-default", "/mnt/volumes/web"},
};

static void path_of(const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", directory, name);
}

static int group_setup(void **state)
{
    char path[256];

    (void)state;
    if (!mkdtemp(directory))
        return -1;
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        path_of(directories[i], path);
        if (mkdir(path, 0700) < 0)
            return -1;
    }
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        _cleanup_(free_p) char *target = expand(links[i].target);

        path_of(links[i].name, path);
        if (symlink(target, path) < 0)
            return -1;
    }
    return 0;
}

static int group_teardown(void **state)
{
    char path[256];

    (void)state;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        path_of(links[i].name, path);
        unlink(path);
    }
    for (size_t i = sizeof(directories) / sizeof(directories[0]); i-- > 0;) {
        path_of(directories[i], path);
        rmdir(path);
    }
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_as_written),   cmocka_unit_test(test_trees_that_are_given),
        cmocka_unit_test(test_no_table),           cmocka_unit_test(test_paths_through_links),
        cmocka_unit_test(test_root_that_may_hang), cmocka_unit_test(test_longest_paths),
        cmocka_unit_test(test_names_in_a_text),    cmocka_unit_test(test_mounts),
    };

    return cmocka_run_group_tests_name("hook_tree", tests, group_setup, group_teardown);
}
