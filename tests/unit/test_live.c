/*
 * The search for live mounts, with real mount namespaces. A tmpfs stands for
 * the tree: the search only knows a device number.
 */
#include "fs/caller.h"
#include "fs/refs.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Everything happens in a child, whose own mount namespace stands for the
 * host's, so that no mount is left behind on this machine whatever fails.
 */
static char base[] = "/tmp/volumefs-live-XXXXXX";
static char tree[PATH_MAX];
static char root[PATH_MAX];
static dev_t device;

static void run(bool ok, const char *what)
{
    if (!ok)
        fail_msg("%s: %s", what, strerror(errno));
}

static const char *under(const char *directory, const char *path)
{
    static char buffers[4][PATH_MAX];
    static unsigned next;
    char *buffer = buffers[next++ % 4];

    snprintf(buffer, PATH_MAX, "%.2000s%s", directory, path);
    return buffer;
}

enum child_kind { CHILD_COPY, CHILD_CHROOT, CHILD_PIVOT };

static void child_mounts(void)
{
    run(mount(under(tree, "/data"), under(root, "/web app"), "none", MS_BIND, NULL) == 0, "bind");
    run(mount(under(tree, "/data/sub"), under(root, "/sub"), "none", MS_BIND, NULL) == 0,
        "bind sub");
    run(mount("none", under(root, "/sub"), "none", MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0,
        "ro");
    run(mount(tree, under(root, "/whole"), "none", MS_BIND, NULL) == 0, "bind of the tree");
}

static void child_enter(enum child_kind kind)
{
    run(unshare(CLONE_NEWNS) == 0, "unshare");
    run(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0, "private");
    if (kind == CHILD_PIVOT)
        run(mount(root, root, "none", MS_BIND | MS_REC, NULL) == 0, "bind of the root");
    child_mounts();
    if (kind == CHILD_CHROOT)
        run(chroot(root) == 0 && chdir("/") == 0, "chroot");
    if (kind == CHILD_PIVOT) {
        run(chdir(root) == 0 && syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
        run(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0, "umount of the old root");
    }
}

static pid_t start_child(enum child_kind kind)
{
    int ready[2];
    char byte;
    pid_t pid;

    run(pipe(ready) == 0, "pipe");
    pid = fork();
    run(pid >= 0, "fork");
    if (pid == 0) {
        child_enter(kind);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    close(ready[1]);
    run(read(ready[0], &byte, 1) == 1, "child");
    close(ready[0]);
    return pid;
}

static void stop_child(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void check_mounts(enum child_kind kind)
{
    struct live_mounts mounts;
    pid_t pid = start_child(kind);

    assert_int_equal(live_mounts_scan(&(struct live_trees){.device = device}, &mounts), 0);
    stop_child(pid);
    assert_int_equal(mounts.count, 2); /* the whole tree is no volume's mount */
    assert_string_equal(mounts.items[0].volume, "data");
    assert_string_equal(mounts.items[0].subpath, "sub");
    assert_string_equal(mounts.items[0].destination, "/sub");
    assert_true(mounts.items[0].readonly);
    assert_string_equal(mounts.items[1].volume, "data");
    assert_string_equal(mounts.items[1].subpath, "");
    assert_string_equal(mounts.items[1].destination, "/web app");
    assert_false(mounts.items[1].readonly);
    assert_int_equal(mounts.items[1].pid, pid);
    assert_memory_equal(mounts.items[1].container_id, "mnt-", 4);
    live_mounts_deinit(&mounts);
}

static void test_chroot(void **state)
{
    (void)state;
    check_mounts(CHILD_CHROOT);
}

static void test_pivot_root(void **state)
{
    (void)state;
    check_mounts(CHILD_PIVOT);
}

static void test_copied_namespace_is_the_host(void **state)
{
    struct live_mounts mounts;
    pid_t pid = start_child(CHILD_COPY);

    (void)state;
    assert_int_equal(live_mounts_scan(&(struct live_trees){.device = device}, &mounts), 0);
    stop_child(pid);
    assert_int_equal(mounts.count, 0);
    live_mounts_deinit(&mounts);
}

static void test_namespaces_are_read_once_each(void **state)
{
    struct live_mounts mounts;
    pid_t one = start_child(CHILD_CHROOT);
    pid_t two = start_child(CHILD_PIVOT);
    char path[64];
    pid_t joined;
    int fd;

    (void)state;
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)one);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    run(fd >= 0, "open of the namespace");
    joined = fork();
    if (joined == 0) {
        if (setns(fd, CLONE_NEWNS) == 0 && chroot(root) == 0)
            pause();
        _exit(1);
    }
    close(fd);
    usleep(50000);
    assert_int_equal(live_mounts_scan(&(struct live_trees){.device = device}, &mounts), 0);
    stop_child(joined);
    stop_child(one);
    stop_child(two);
    assert_int_equal(mounts.count, 4);
    assert_string_not_equal(mounts.items[0].container_id, mounts.items[2].container_id);
    live_mounts_deinit(&mounts);
}

static void test_deleted_directory_counts(void **state)
{
    struct live_mounts mounts;
    pid_t pid = start_child(CHILD_CHROOT);

    (void)state;
    run(rmdir(under(tree, "/data/sub")) == 0, "rmdir");
    assert_int_equal(live_mounts_scan(&(struct live_trees){.device = device}, &mounts), 0);
    stop_child(pid);
    run(mkdir(under(tree, "/data/sub"), 0755) == 0, "mkdir");
    assert_int_equal(mounts.count, 2);
    assert_string_equal(mounts.items[0].subpath, "sub");
    live_mounts_deinit(&mounts);
}

static void test_processes_that_come_and_go(void **state)
{
    pid_t churn = fork();

    (void)state;
    if (churn == 0) {
        for (;;) {
            pid_t pid = fork();

            if (pid == 0) {
                if (unshare(CLONE_NEWNS) != 0 || chroot(root) != 0)
                    _exit(1);
                _exit(0);
            }
            waitpid(pid, NULL, 0);
        }
    }
    for (int i = 0; i < 200; i++) {
        struct live_mounts mounts;

        assert_int_equal(live_mounts_scan(&(struct live_trees){.device = device}, &mounts), 0);
        live_mounts_deinit(&mounts);
    }
    stop_child(churn);
}

static void test_another_device_has_none(void **state)
{
    struct live_mounts mounts;
    pid_t pid = start_child(CHILD_CHROOT);
    /* a number that was a tree's before, and is another file system's now */
    struct live_trees trees = {.device = device + 4096, .former = &device, .former_count = 1};

    (void)state;
    assert_int_equal(live_mounts_scan(&trees, &mounts), 0);
    stop_child(pid);
    assert_int_equal(mounts.count, 0);
    assert_null(mounts.items);
}

/* A number that a dead tree had is given to the next file system, which may be another store's
 * tree. */
static void test_which_trees_are_the_stores(void **state)
{
    static struct {
        unsigned device;
        char type[16], source[16];
        bool ours;
    } cases[] = {
        {5, "fuse.volumefs", "/srv/store", true},
        {5, "fuse.volumefs", "anything", true}, /* today's number is ours alone */
        {4, "fuse.volumefs", "/srv/store", true},
        {3, "fuse.volumefs", "/srv/store", true},
        {4, "fuse.volumefs", "volumefs", true}, /* as a line of fstab may have it: nobody knows */
        {4, "fuse.volumefs", "", true},
        {4, "fuse.volumefs", "/srv/store2", false},
        {4, "fuse.sshfs", "/srv/store", false},
        {6, "fuse.volumefs", "/srv/store", false},
    };
    static const dev_t former[] = {3, 4};
    const struct live_trees trees = {
        .device = 5, .former = former, .former_count = 2, .store = "/srv/store"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct mountinfo info = {
            .device = cases[i].device, .type = cases[i].type, .source = cases[i].source};

        assert_int_equal(live_trees_have(&trees, &info), cases[i].ours);
    }
}

/* The stand-in for the host: a tmpfs as the tree, a bare directory as a container's root. */
static int setup(void **state)
{
    static const char *const directories[] = {"/web app", "/sub", "/whole"};
    struct stat st;

    (void)state;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        !mkdtemp(base) || mount("test", base, "tmpfs", 0, NULL) != 0)
        return -1;
    snprintf(tree, sizeof(tree), "%s/tree", base);
    snprintf(root, sizeof(root), "%s/root", base);
    if (mkdir(tree, 0755) != 0 || mkdir(root, 0755) != 0 ||
        mount("test", tree, "tmpfs", 0, NULL) != 0 || mkdir(under(tree, "/data"), 0755) != 0 ||
        mkdir(under(tree, "/data/sub"), 0755) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
        if (mkdir(under(root, directories[i]), 0755) != 0)
            return -1;
    if (stat(tree, &st) != 0)
        return -1;
    device = st.st_dev;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    umount2(tree, MNT_DETACH);
    umount2(base, MNT_DETACH);
    return rmdir(base);
}

static void test_without_root(void **state)
{
    (void)state;
    print_message("# skip: needs root for mount namespaces\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest unprivileged[] = {cmocka_unit_test(test_without_root)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chroot),
        cmocka_unit_test(test_pivot_root),
        cmocka_unit_test(test_copied_namespace_is_the_host),
        cmocka_unit_test(test_namespaces_are_read_once_each),
        cmocka_unit_test(test_deleted_directory_counts),
        cmocka_unit_test(test_processes_that_come_and_go),
        cmocka_unit_test(test_another_device_has_none),
        cmocka_unit_test(test_which_trees_are_the_stores),
    };

    if (geteuid() != 0)
        return cmocka_run_group_tests_name("live", unprivileged, NULL, NULL);
    return cmocka_run_group_tests_name("live", tests, setup, teardown);
}
