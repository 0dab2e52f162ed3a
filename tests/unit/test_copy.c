/*
 * What a copy of a tree has, against its source. What needs other file systems, or somebody who
 * interferes, is in test_copy_places.c.
 */
#include "catalog/cleanup.h"
#include "tests/unit/copy_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, DEPTH = 5000 };

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
}

static void make_symlink(const char *target, const char *path)
{
    must(symlink(target, path) == 0, path);
}

static void make_link(const char *old, const char *path)
{
    must(link(old, path) == 0, path);
}

static void test_empty(void **state)
{
    (void)state;
    set_times(FROM, 1);
    copy_whole(TO);
    assert_same_trees(FROM, TO);
}

static void test_kinds(void **state)
{
    static char large[3 * MIB / 2 + 17];
    static const char long_target[] = "0123456789/0123456789/0123456789/0123456789/0123456789/"
                                      "../not/there/0123456789/0123456789/0123456789/0123456789";

    (void)state;
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 7 + i / 4096);
    make_directory(FROM "/dir");
    make_directory(FROM "/dir/empty");
    make_file(FROM "/dir/nothing", "", 0);
    make_text(FROM "/dir/small", "small\n");
    make_file(FROM "/large", large, sizeof(large));
    make_symlink("small", FROM "/dir/link");
    make_symlink(long_target, FROM "/dangling");
    make_symlink("/", FROM "/outside");
    must(mkfifo(FROM "/fifo", 0622) == 0, "mkfifo");
    make_socket(FROM "/socket");
    copy_whole(TO);
    assert_same_trees(FROM, TO);
}

static void test_names_of_any_bytes(void **state)
{
    char name[NAME_MAX + 1] = "";
    char path[PATH_MAX];

    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        snprintf(path, sizeof(path), FROM "/%c%c%c", byte, byte, byte);
        if (byte != '/' && byte != '.')
            make_text(path, "x");
    }
    make_directory(FROM "/\x01\xff\n");
    make_text(FROM "/\x01\xff\n/\xc3", "y");
    memset(name, 'n', NAME_MAX);
    snprintf(path, sizeof(path), FROM "/%s", name);
    make_text(path, "z");
    copy_whole(TO);
    assert_same_trees(FROM, TO);
}

static void test_many_files(void **state)
{
    char path[PATH_MAX];

    (void)state;
    for (int i = 0; i < 600; i++) {
        snprintf(path, sizeof(path), FROM "/%d", i % 40);
        if (i < 40)
            make_directory(path);
        snprintf(path, sizeof(path), FROM "/%d/%d", i % 40, i);
        make_text(path, path);
    }
    copy_whole(TO);
    assert_same_trees(FROM, TO);
}

/* Directories closed to everyone are left last, and files are written whatever their mode. */
static void test_modes(void **state)
{
    static const mode_t modes[] = {0,     0444,  0222,  0111,  0777,  0666,
                                   04755, 02755, 02644, 06711, 01777, 07777};
    char path[PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        snprintf(path, sizeof(path), FROM "/file%zu", i);
        make_text(path, "data");
        must(chmod(path, modes[i]) == 0, path);
        if (geteuid() != 0 && (modes[i] & 0500) != 0500) {
            must(unlink(path) == 0, path);
            continue;
        }
        snprintf(path, sizeof(path), FROM "/dir%zu", i);
        make_directory(path);
        snprintf(path, sizeof(path), FROM "/dir%zu/file", i);
        make_text(path, "data");
        snprintf(path, sizeof(path), FROM "/dir%zu", i);
        must(chmod(path, modes[i]) == 0, path);
    }
    must(chmod(FROM, 02751) == 0, FROM);
    copy_whole(TO);
    assert_same_trees(FROM, TO);
    assert_int_equal(look(TO).st_mode & 07777, 02751);
}

static void test_owners_and_devices(void **state)
{
    char path[PATH_MAX];

    (void)state;
    need_root();
    must(mknod(FROM "/null", S_IFCHR | 0666, makedev(1, 3)) == 0, "mknod");
    must(mknod(FROM "/disk", S_IFBLK | 0640, makedev(259, 70000)) == 0, "mknod");
    must(mkfifo(FROM "/fifo", 0600) == 0, "mkfifo");
    make_text(FROM "/file", "data");
    make_symlink("file", FROM "/link");
    make_directory(FROM "/dir");
    must(lchown(FROM "/null", 0, 5) == 0 && lchown(FROM "/disk", 0, 6) == 0 &&
             lchown(FROM "/fifo", 33, 34) == 0 && lchown(FROM "/file", 1000, 4000000) == 0 &&
             lchown(FROM "/link", 1001, 1002) == 0 && lchown(FROM "/dir", 70000, 7) == 0 &&
             lchown(FROM, 12, 13) == 0,
         "chown");
    must(chmod(FROM "/file", 06755) == 0 && chmod(FROM "/dir", 03770) == 0, "chmod");
    must(chmod(TO, 02755) == 0 && chown(TO, 0, 99) == 0, "chmod"); /* not to be inherited */
    copy_whole(TO);
    assert_same_trees(FROM, TO);
    snprintf(path, sizeof(path), TO "/file");
    assert_int_equal(look(path).st_mode & 07777, 06755);
}

static void test_times(void **state)
{
    (void)state;
    make_directory(FROM "/dir");
    make_directory(FROM "/dir/sub");
    make_text(FROM "/dir/sub/file", "data");
    make_symlink("file", FROM "/dir/link");
    must(mkfifo(FROM "/dir/fifo", 0600) == 0, "mkfifo");
    make_text(FROM "/first", "two names");
    make_link(FROM "/first", FROM "/dir/second");
    set_times(FROM "/first", 7);
    set_times(FROM "/dir/sub/file", 1);
    set_times(FROM "/dir/link", 2);
    set_times(FROM "/dir/fifo", 3);
    set_times(FROM "/dir/sub", 4);
    set_times(FROM "/dir", 5);
    set_times(FROM, 6);
    copy_whole(TO);
    assert_int_equal(look(TO "/dir/link").st_atim.tv_nsec, 123456791);
    assert_int_equal(look(TO "/dir").st_mtim.tv_nsec, 987654316);
    assert_same_trees(FROM, TO);
}

/* A time of access older than that of change is the one that reading would make new. */
static void test_source_keeps_its_times(void **state)
{
    struct stat file, directory, root;

    (void)state;
    make_directory(FROM "/dir");
    make_text(FROM "/dir/file", "data");
    set_times(FROM "/dir/file", 1);
    set_times(FROM "/dir", 2);
    set_times(FROM, 3);
    copy_whole(TO);
    file = look(FROM "/dir/file");
    directory = look(FROM "/dir");
    root = look(FROM);
    assert_int_equal(file.st_atim.tv_nsec, 123456790);
    assert_int_equal(directory.st_atim.tv_nsec, 123456791);
    assert_int_equal(root.st_atim.tv_nsec, 123456792);
}

static void test_attributes(void **state)
{
    char value[3000] = ""; /* ext4 takes one block of them */

    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    make_directory(FROM "/dir");
    make_text(FROM "/dir/file", "data");
    set_attribute(FROM "/dir", "user.one", "1");
    set_attribute(FROM "/dir/file", "user.empty", "");
    set_attribute(FROM "/dir/file", "user.long", value);
    set_attribute(FROM "/dir/file", "user.volumes", "not ours");
    set_attribute(FROM, "user.root", "of the root");
    copy_whole(TO);
    assert_same_trees(FROM, TO);
    assert_int_equal(get_attribute(TO "/dir/file", "user.long", value, sizeof(value)), 2999);
    assert_int_equal(get_attribute(TO, "user.root", value, sizeof(value)), 11);
}

/* Those that only root may set; a change of owner, and of data, takes a capability away. */
static void test_attributes_of_root(void **state)
{
    const struct vfs_cap_data capability = {
        VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
        {{1 << CAP_NET_BIND_SERVICE | 1 << CAP_NET_RAW, 1 << CAP_KILL}, {0}}};
    char value[64];

    (void)state;
    need_root();
    make_text(FROM "/ping", "data");
    must(chown(FROM "/ping", 1000, 1000) == 0 && chmod(FROM "/ping", 04755) == 0, "chmod");
    must(lsetxattr(FROM "/ping", "security.capability", &capability, sizeof(capability), 0) == 0,
         "capability");
    set_attribute(FROM "/ping", "trusted.one", "1");
    make_symlink("ping", FROM "/link");
    set_attribute(FROM "/link", "trusted.link", "2");
    must(mkfifo(FROM "/fifo", 0600) == 0, "mkfifo");
    set_attribute(FROM "/fifo", "trusted.fifo", "3");
    copy_whole(TO);
    assert_same_trees(FROM, TO);
    assert_int_equal(get_attribute(TO "/ping", "security.capability", value, sizeof(value)),
                     sizeof(capability));
    assert_int_equal(get_attribute(TO "/link", "trusted.link", value, sizeof(value)), 1);
}

static void test_acls(void **state)
{
    char value[64];

    (void)state;
    make_directory(FROM "/dir");
    make_directory(FROM "/dir/sub");
    make_text(FROM "/dir/plain", "data");
    make_text(FROM "/dir/file", "data");
    must(mkfifo(FROM "/dir/fifo", 0600) == 0, "mkfifo");
    set_acl(FROM "/dir", "system.posix_acl_default", 1000, 6);
    set_acl(FROM "/dir", "system.posix_acl_access", 1001, 5);
    set_acl(FROM "/dir/file", "system.posix_acl_access", 1002, 4);
    set_acl(FROM "/dir/fifo", "system.posix_acl_access", 1003, 2);
    set_acl(FROM, "system.posix_acl_default", 1004, 7);
    copy_whole(TO);
    assert_same_trees(FROM, TO);
    assert_int_equal(get_attribute(TO "/dir", "system.posix_acl_default", value, sizeof(value)),
                     44);
    assert_int_equal(get_attribute(TO "/dir/sub", "system.posix_acl_access", value, sizeof(value)),
                     -1);
}

/* As where a directory of the store's has a default ACL. */
static void test_acls_of_the_target_are_not_inherited(void **state)
{
    (void)state;
    set_acl(TO, "system.posix_acl_default", 1000, 7);
    set_acl(TO, "system.posix_acl_access", 1000, 7);
    make_directory(FROM "/dir");
    make_text(FROM "/dir/file", "data");
    must(chmod(FROM "/dir/file", 0640) == 0, "chmod");
    copy_whole(TO);
    assert_same_trees(FROM, TO);
}

static void test_attributes_that_stay_behind(void **state)
{
    static const char *const names[] = {"user.volume.name",    "user.volume.x",
                                        "user.overlay.opaque", "trusted.overlay.redirect",
                                        "security.selinux",    "security.evm"};
    char value[64];

    (void)state;
    make_directory(FROM "/dir");
    make_text(FROM "/dir/file", "data");
    for (size_t i = 0; i < (geteuid() == 0 ? 6 : 3); i++) {
        set_attribute(FROM "/dir/file", names[i], "x");
        set_attribute(FROM "/dir", names[i], "x");
        set_attribute(FROM, names[i], "x");
    }
    set_attribute(FROM "/dir/file", "user.volume", "kept");
    copy_whole(TO);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_int_equal(get_attribute(TO "/dir/file", names[i], value, sizeof(value)), -1);
        assert_int_equal(get_attribute(TO "/dir", names[i], value, sizeof(value)), -1);
        assert_int_equal(get_attribute(TO, names[i], value, sizeof(value)), -1);
    }
    assert_int_equal(get_attribute(TO "/dir/file", "user.volume", value, sizeof(value)), 4);
}

static void test_hard_links(void **state)
{
    char old[PATH_MAX], path[PATH_MAX];

    (void)state;
    make_directory(FROM "/a");
    make_directory(FROM "/b");
    make_directory(FROM "/b/c");
    make_text(FROM "/one", "once");
    make_link(FROM "/one", FROM "/a/one");
    make_link(FROM "/one", FROM "/b/c/uno");
    make_text(FROM "/b/two", "twice");
    make_link(FROM "/b/two", FROM "/b/deux");
    make_symlink("one", FROM "/link");
    make_link(FROM "/link", FROM "/a/link");
    must(mkfifo(FROM "/fifo", 0600) == 0, "mkfifo");
    make_link(FROM "/fifo", FROM "/b/fifo");
    for (int i = 0; i < 100; i++) { /* more than the table holds at first */
        snprintf(old, sizeof(old), FROM "/a/%d", i);
        snprintf(path, sizeof(path), FROM "/b/%d", i);
        make_text(old, old);
        make_link(old, path);
    }
    copy_whole(TO);
    assert_same_trees(FROM, TO);
    assert_int_equal(look(TO "/one").st_nlink, 3);
    assert_int_equal(look(TO "/one").st_ino, look(TO "/b/c/uno").st_ino);
}

/* A name that is not below the source is not waited for. */
static void test_hard_links_from_outside(void **state)
{
    struct copied copied;

    (void)state;
    make_text("outside", "data");
    make_link("outside", FROM "/one");
    make_text("outside2", "data");
    make_link("outside2", FROM "/two");
    make_link("outside2", FROM "/three");
    copied = copy_to(TO, NULL);
    assert_int_equal(copied.r, 0);
    assert_int_equal(copied.bytes, 8);
    assert_int_equal(copied.entries, 3);
    assert_int_equal(look(TO "/one").st_nlink, 1);
    assert_int_equal(look(TO "/two").st_nlink, 2);
    assert_int_equal(look(TO "/two").st_ino, look(TO "/three").st_ino);
    assert_int_equal(look(TO).st_nlink, look(FROM).st_nlink); /* nothing of ours is left */
}

static void write_at(int fd, off_t at, size_t size)
{
    static char data[65536];

    memset(data, 'd', sizeof(data));
    must(pwrite(fd, data, size, at) == (ssize_t)size, "pwrite");
}

static void test_holes(void **state)
{
    int fd = open(FROM "/sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int small = open(FROM "/small", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int hole = open(FROM "/hole", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    must(fd >= 0 && small >= 0 && hole >= 0, "open");
    must(ftruncate(fd, 1024 * MIB) == 0, "ftruncate");
    write_at(fd, 3 * MIB + 100, 10);
    write_at(fd, 6 * MIB, 65536);
    write_at(fd, 6 * MIB + 131072, 65536);
    must(ftruncate(small, 200000) == 0 && ftruncate(hole, 70 * MIB) == 0, "ftruncate");
    write_at(small, 100000, 1);
    must(close(fd) == 0 && close(small) == 0 && close(hole) == 0, "close");
    copy_whole(TO);
    assert_true(look(TO "/sparse").st_blocks <= 1024); /* 512 KiB */
    assert_true(look(TO "/small").st_blocks <= 128);
    assert_int_equal(look(TO "/hole").st_blocks, 0);
    assert_int_equal(look(TO "/sparse").st_size, 1024 * MIB);
    must(truncate(FROM "/sparse", 8 * MIB) == 0 && truncate(TO "/sparse", 8 * MIB) == 0,
         "truncate"); /* comparing reads it all */
    set_times(FROM "/sparse", 1);
    set_times(TO "/sparse", 1);
    assert_same_trees(FROM, TO);
}

/* A hole that is made of allocated blocks, and what lies beyond the end of the file. */
static void test_preallocated(void **state)
{
    int fd = open(FROM "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    must(fd >= 0, "open");
    write_at(fd, 0, 5000);
    must(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4 * MIB) == 0, "fallocate");
    must(ftruncate(fd, 2 * MIB) == 0, "ftruncate");
    write_at(fd, 2 * MIB, 100);
    must(close(fd) == 0, "close");
    copy_whole(TO);
    assert_same_trees(FROM, TO);
}

/* ---- depth ------------------------------------------------------------------------- */

/* Goes down `depth` directories, each "d", from where the process is; makes them if told so. */
static void go_down(const char *top, int depth, bool make)
{
    must(chdir(top) == 0, top);
    for (int i = 0; i < depth; i++) {
        if (make)
            must(mkdir("d", 0700) == 0 && chmod("d", 0700 + (mode_t)(i & 7)) == 0, "mkdir");
        must(chdir("d") == 0, "chdir");
    }
}

static void test_depth(void **state)
{
    _cleanup_(close_p) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    (void)state;
    must(here >= 0, "open");
    make_text(FROM "/top", "links");
    go_down(FROM, DEPTH, true);
    make_text("bottom", "the bottom");
    must(linkat(here, FROM "/top", AT_FDCWD, "top", 0) == 0, "link");
    for (int i = 0; i < DEPTH; i++) {
        must(chdir("..") == 0, "chdir");
        make_text("beside", "what is visited before or after the directory");
        set_times("d", i);
    }
    must(fchdir(here) == 0, "chdir");
    copy_whole(TO);
    must(fstatat(here, TO "/top", &st, 0) == 0, "top");
    go_down(TO, DEPTH, false);
    assert_int_equal(look("bottom").st_size, 10);
    assert_int_equal(look("top").st_nlink, 2);
    assert_int_equal(look("top").st_ino, st.st_ino);
    for (int i = 0; i < DEPTH; i++) {
        must(chdir("..") == 0, "chdir");
        st = look("d");
        assert_int_equal(st.st_mtim.tv_nsec, 987654321 - i);
        assert_int_equal(st.st_mode & 07777, 0700 + ((DEPTH - 1 - i) & 7));
        assert_int_equal(look("beside").st_size, 45);
    }
    must(fchdir(here) == 0, "chdir");
}

/* ---- refusals ------------------------------------------------------------------------ */

static void test_target_in_the_source(void **state)
{
    struct copied copied;

    (void)state;
    make_text(FROM "/file", "data");
    make_directory(FROM "/dir");
    make_directory(FROM "/dir/target");
    copied = copy_to(FROM "/dir/target", NULL);
    assert_int_equal(copied.r, -EINVAL);
    assert_string_equal(copied.e.text,
                        "cannot copy \"dir/target\": it is where the copy goes: Invalid argument");
    assert_int_equal(copy_to(FROM, NULL).r, -EINVAL);
}

/* A path too long for a text is named by its end. */
static void test_long_path_in_a_text(void **state)
{
    char path[PATH_MAX] = FROM;
    struct copied copied;

    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%c", 'a' + i % 26);
        make_directory(path);
    }
    copied = copy_to(path, NULL);
    assert_int_equal(copied.r, -EINVAL);
    assert_memory_equal(copied.e.text, "cannot copy \"...", 16);
    assert_non_null(strstr(copied.e.text, "/c/d/e/f\": it is where the copy goes"));
}

static void test_stopped_before_it_begins(void **state)
{
    const atomic_bool stop = true;
    _cleanup_(close_p) int fd = open(FROM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct copied copied;
    uint64_t bytes, entries;

    (void)state;
    make_text(FROM "/file", "data");
    copied = copy_to(TO, &stop);
    assert_int_equal(copied.r, -ECANCELED);
    assert_non_null(strstr(copied.e.text, "stopped"));
    assert_int_equal(copied.entries, 0);
    assert_int_equal(access(TO "/file", F_OK), -1);
    assert_int_equal(copy_measure(fd, &bytes, &entries, &stop), -ECANCELED);
}

/* A directory that has been removed is empty. */
static void test_removed_source(void **state)
{
    _cleanup_(close_p) int from_fd = open(FROM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_p) int to_fd = open(TO, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct copy_progress progress = {0};
    uint64_t bytes, entries;

    (void)state;
    must(rmdir(FROM) == 0, "rmdir");
    assert_int_equal(copy_tree(from_fd, to_fd, &progress, NULL, NULL), 0);
    assert_int_equal(copy_measure(from_fd, &bytes, &entries, NULL), 0);
    assert_int_equal(entries, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_enter, fixture_leave)
    const struct CMUnitTest tests[] = {
        TEST(test_empty),
        TEST(test_kinds),
        TEST(test_names_of_any_bytes),
        TEST(test_many_files),
        TEST(test_modes),
        TEST(test_owners_and_devices),
        TEST(test_times),
        TEST(test_source_keeps_its_times),
        TEST(test_attributes),
        TEST(test_attributes_of_root),
        TEST(test_acls),
        TEST(test_acls_of_the_target_are_not_inherited),
        TEST(test_attributes_that_stay_behind),
        TEST(test_hard_links),
        TEST(test_hard_links_from_outside),
        TEST(test_holes),
        TEST(test_preallocated),
        TEST(test_depth),
        TEST(test_target_in_the_source),
        TEST(test_long_path_in_a_text),
        TEST(test_stopped_before_it_begins),
        TEST(test_removed_source),
    };

    return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
