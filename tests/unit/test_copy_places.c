/* Copies between places: mounts, file systems that can more or less, full ones; and stopping. */
#include "catalog/cleanup.h"
#include "tests/unit/copy_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, STOPS = 100, EXTENTS_MAX = 64 };

static void make_large(const char *path, size_t size)
{
    _cleanup_(free_p) char *data = malloc(size);

    must(data != NULL, "malloc");
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i * 31 + i / 4096);
    make_file(path, data, size);
}

/* A bit of everything that every file system keeps. */
static void fill_source(void)
{
    make_large(FROM "/large", 3 * MIB + 100);
    make_text(FROM "/small", "small");
    make_directory(FROM "/dir");
    must(link(FROM "/large", FROM "/dir/large") == 0, "link");
    must(symlink("../small", FROM "/dir/link") == 0, "symlink");
    must(mkfifo(FROM "/dir/fifo", 0600) == 0, "mkfifo");
    set_attribute(FROM "/small", "user.one", "1");
    set_acl(FROM "/dir", "system.posix_acl_default", 1000, 6);
    must(chown(FROM "/small", 5, 6) == 0 && chmod(FROM "/small", 06751) == 0, "chmod");
    must(truncate(FROM "/small", 40 * MIB) == 0, "truncate");
    set_times(FROM "/small", 1);
    set_times(FROM "/dir", 2);
}

/* ---- file systems ----------------------------------------------------------------- */

/* What programs say is the tests' output only when they fail. */
static int run_program(char *const arguments[])
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    must(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Makes a new file system and goes there; skips the test where there is no program for it. */
static void enter_file_system(const char *type, off_t size)
{
    char program[32], file_type[32];
    char image[] = "image", disk[] = "disk", mount_name[] = "mount", loop[] = "loop", o[] = "-o";
    char t[] = "-t";
    char *const make[] = {program, image, NULL};
    char *const attach[] = {mount_name, t, file_type, o, loop, image, disk, NULL};
    int r;

    need_root();
    snprintf(program, sizeof(program), "mkfs.%s", type);
    snprintf(file_type, sizeof(file_type), "%s", type);
    make_file(image, "", 0);
    must(truncate(image, size) == 0, "truncate");
    r = run_program(make);
    if (r == 127) {
        print_message("# skip: no mkfs.%s\n", type);
        skip();
    }
    assert_int_equal(r, 0);
    make_directory(disk);
    assert_int_equal(run_program(attach), 0);
    must(chdir(disk) == 0, "chdir");
    make_directory(FROM);
    make_directory(TO);
}

/* All of the file's data, which there must be, shared with another file. */
static bool is_shared(const char *path)
{
    _cleanup_(free_p) struct fiemap *map =
        calloc(1, sizeof(*map) + EXTENTS_MAX * sizeof(*map->fm_extents));
    _cleanup_(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);

    must(map != NULL && fd >= 0, path);
    map->fm_length = FIEMAP_MAX_OFFSET;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = EXTENTS_MAX;
    must(ioctl(fd, FS_IOC_FIEMAP, map) == 0, "fiemap");
    assert_true(map->fm_mapped_extents > 0);
    for (unsigned i = 0; i < map->fm_mapped_extents; i++)
        if (!(map->fm_extents[i].fe_flags & FIEMAP_EXTENT_SHARED))
            return false;
    return true;
}

static void check_file_system(const char *type, off_t size, bool shares)
{
    enter_file_system(type, size);
    fill_source();
    copy_whole(TO);
    assert_same_trees(FROM, TO);
    assert_true(look(TO "/small").st_blocks <= 128);
    assert_int_equal(is_shared(TO "/large"), shares);
}

static void test_ext4(void **state)
{
    (void)state;
    check_file_system("ext4", 64 * MIB, false);
}

static void test_xfs(void **state)
{
    (void)state;
    check_file_system("xfs", 320 * MIB, true);
}

static void test_btrfs(void **state)
{
    (void)state;
    check_file_system("btrfs", 200 * MIB, true);
}

/* From one file system to another nothing can be shared, nor copied in the kernel. */
static void test_between_file_systems(void **state)
{
    (void)state;
    need_root();
    fill_source();
    enter_file_system("ext4", 64 * MIB);
    must(rmdir(FROM) == 0 && symlink("../" FROM, FROM) == 0, "symlink");
    copy_whole(TO);
    assert_same_trees("../" FROM, TO);
    assert_true(look(TO "/small").st_blocks <= 128);
}

/* A container's root directory as engines make it. */
static void test_overlay(void **state)
{
    char value[64];

    (void)state;
    need_root();
    fill_source();
    make_directory(FROM "/gone");
    make_text(FROM "/gone/below", "below");
    make_text(FROM "/removed", "below");
    must(rename(FROM, "lower") == 0, "rename");
    make_directory("upper");
    make_directory("work");
    make_directory(FROM);
    mount_on(FROM, "overlay", "lowerdir=lower,upperdir=upper,workdir=work");
    must(unlink(FROM "/removed") == 0 && unlink(FROM "/gone/below") == 0, "unlink");
    must(rmdir(FROM "/gone") == 0, "rmdir");
    make_directory(FROM "/gone"); /* opaque */
    make_text(FROM "/gone/above", "above");
    make_text(FROM "/dir/above", "above");
    must(chmod(FROM "/small", 04711) == 0, "chmod");
    copy_whole(TO);
    assert_same_trees(FROM, TO);
    assert_int_equal(get_attribute("upper/gone", "trusted.overlay.opaque", value, 64), 1);
    assert_int_equal(get_attribute(TO "/gone", "trusted.overlay.opaque", value, 64), -1);
}

/* ---- mounts ------------------------------------------------------------------------- */

static void test_mount_points(void **state)
{
    (void)state;
    need_root();
    make_directory(FROM "/mounted");
    make_text(FROM "/mounted/below", "not seen");
    mount_on(FROM "/mounted", "tmpfs", "mode=1751,uid=5,gid=6");
    make_text(FROM "/mounted/inside", "not copied");
    set_acl(FROM "/mounted", "system.posix_acl_default", 1000, 6);
    set_times(FROM "/mounted", 1);
    make_directory("elsewhere");
    make_text("elsewhere/file", "not copied");
    must(chmod("elsewhere/file", 0604) == 0 && chmod("elsewhere", 0710) == 0, "chmod");
    set_times("elsewhere/file", 2);
    make_directory(FROM "/bound");
    make_text(FROM "/file", "not seen");
    must(mount("elsewhere", FROM "/bound", "none", MS_BIND, NULL) == 0, "bind");
    must(mount("elsewhere/file", FROM "/file", "none", MS_BIND, NULL) == 0, "bind");
    copy_whole(TO);
    must(umount(FROM "/bound") == 0 && umount(FROM "/file") == 0, "umount");
    must(unlink(FROM "/mounted/inside") == 0, "unlink");
    set_times(FROM "/mounted", 1);
    must(truncate("elsewhere/file", 0) == 0 && rename("elsewhere/file", FROM "/file") == 0, "file");
    set_times(FROM "/file", 2);
    must(chmod(FROM "/bound", 0710) == 0, "chmod");
    set_times(FROM "/bound", 3);
    set_times(TO "/bound", 3); /* had those of "elsewhere" */
    set_times(FROM, 4);
    set_times(TO, 4);
    assert_same_trees(FROM, TO);
    assert_int_equal(look(TO "/mounted").st_mode & 07777, 01751);
}

/* ---- what the target refuses ---------------------------------------------------------- */

static void test_attributes_that_are_refused(void **state)
{
    struct copied copied;

    (void)state;
    need_root();
    mount_on(TO, "ramfs", "mode=755");
    make_directory(FROM "/dir");
    make_text(FROM "/dir/file", "data");
    set_attribute(FROM "/dir/file", "security.selinux", "x");
    set_attribute(FROM "/dir/file", "trusted.overlay.origin", "x");
    set_attribute(FROM "/dir/file", "user.volume.name", "x");
    assert_int_equal(copy_to(TO, NULL).r, 0);
    set_attribute(FROM "/dir/file", "user.mine", "x");
    must(unlink(TO "/dir/file") == 0 && rmdir(TO "/dir") == 0, "rmdir");
    copied = copy_to(TO, NULL);
    assert_int_equal(copied.r, -EOPNOTSUPP);
    assert_string_equal(copied.e.text,
                        "cannot copy \"dir/file\": the file system it goes to does not take its "
                        "attribute user.mine: Operation not supported");
}

static void test_full(void **state)
{
    struct copied copied;

    (void)state;
    need_root();
    mount_on(TO, "tmpfs", "size=256k");
    make_text(FROM "/first", "fits");
    make_directory(FROM "/dir");
    make_large(FROM "/dir/large", MIB);
    copied = copy_to(TO, NULL);
    assert_int_equal(copied.r, ERROR_NO_SPACE);
    assert_string_equal(copied.e.text,
                        "cannot copy \"dir/large\": no space left where it goes; free some");
}

static void test_full_of_names(void **state)
{
    struct copied copied;
    char path[64];

    (void)state;
    need_root();
    mount_on(TO, "tmpfs", "nr_inodes=8");
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof(path), FROM "/dir%d", i);
        make_directory(path);
    }
    copied = copy_to(TO, NULL);
    assert_int_equal(copied.r, ERROR_NO_SPACE);
    assert_memory_equal(copied.e.text, "cannot copy \"dir", 16);
}

/* What a child without rights answers: 0 if the copy failed as it is told here. */
static int copy_as_nobody(int from_fd, int to_fd, int r, const char *text)
{
    struct copied copied;

    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0 ||
        prctl(PR_SET_DUMPABLE, 1) != 0) /* or its own /proc were closed to it */
        return 1;
    copied = copy_opened(from_fd, to_fd, NULL);
    if (copied.r == r && strcmp(copied.e.text, text) == 0)
        return 0;
    fprintf(stderr, "%d: %s\n", copied.r, copied.e.text);
    return 2;
}

static void check_as_nobody(int r, const char *text)
{
    _cleanup_(close_p) int from_fd = open(FROM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_p) int to_fd = open(TO, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pid_t pid;
    int status = 0;

    must(chown(TO, 65534, 65534) == 0 && chmod(FROM, 0755) == 0, "chmod");
    must(from_fd >= 0 && to_fd >= 0, "open");
    pid = fork();
    if (pid == 0)
        _exit(copy_as_nobody(from_fd, to_fd, r, text));
    must(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
    assert_int_equal(status, 0);
}

static void test_unreadable(void **state)
{
    (void)state;
    need_root();
    make_text(FROM "/closed", "data");
    must(chmod(FROM "/closed", 0600) == 0, "chmod");
    check_as_nobody(-EACCES, "cannot copy \"closed\": it cannot be opened: Permission denied");
}

static void test_unreadable_directory(void **state)
{
    (void)state;
    need_root();
    make_directory(FROM "/closed");
    must(chmod(FROM "/closed", 0700) == 0, "chmod");
    check_as_nobody(-EACCES, "cannot copy \"closed\": it cannot be opened: Permission denied");
}

static void test_owner_refused(void **state)
{
    (void)state;
    need_root();
    make_text(FROM "/theirs", "data");
    must(chmod(FROM "/theirs", 0644) == 0 && chown(FROM "/theirs", 5, 6) == 0, "chown");
    check_as_nobody(-EPERM,
                    "cannot copy \"theirs\": it cannot be given to 5:6: Operation not permitted");
}

/* ---- stopping ----------------------------------------------------------------------------- */

struct job {
    pthread_t thread;
    int from_fd, to_fd;
    struct copy_progress progress;
    atomic_bool stop;
    atomic_bool done;
    int r;
};

enum counter { BYTES, ENTRIES };

static void *job_run(void *argument)
{
    struct job *job = argument;

    job->r = copy_tree(job->from_fd, job->to_fd, &job->progress, &job->stop, NULL);
    atomic_store(&job->done, true);
    return NULL;
}

/* Stops a copy as soon as it has counted `what`, if it is not over by then; its result. */
static int copy_and_stop(const char *to, enum counter what, uint64_t *entries)
{
    struct job job = {.r = 1};
    _Atomic uint64_t *counter = what == BYTES ? &job.progress.bytes : &job.progress.entries;

    make_directory(to);
    job.from_fd = open(FROM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    job.to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(job.from_fd >= 0 && job.to_fd >= 0, "open");
    must(pthread_create(&job.thread, NULL, job_run, &job) == 0, "thread");
    while (atomic_load(counter) == 0 && !atomic_load(&job.done))
        sched_yield();
    atomic_store(&job.stop, true);
    must(pthread_join(job.thread, NULL) == 0, "join");
    close(job.from_fd);
    close(job.to_fd);
    *entries = atomic_load(&job.progress.entries);
    assert_true(job.r == 0 || job.r == -ECANCELED);
    return job.r;
}

/* By a thread that sees how far it has got. It may be late; hardly a hundred times. */
static void test_stopped_half_way(void **state)
{
    char path[64];
    bool stopped = false;
    uint64_t entries;

    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(path, sizeof(path), FROM "/%d", i);
        make_text(path, "data");
    }
    for (int i = 0; i < STOPS && !stopped; i++) {
        snprintf(path, sizeof(path), "to%d", i);
        stopped = copy_and_stop(path, ENTRIES, &entries) == -ECANCELED && entries < 500;
        assert_true(entries > 0);
    }
    assert_true(stopped);
}

/* From another file system it goes by small pieces. */
static void test_stopped_in_a_file(void **state)
{
    char to[32], path[64];
    bool stopped = false;
    uint64_t entries;

    (void)state;
    if (geteuid() == 0)
        mount_on(FROM, "tmpfs", "");
    make_large(FROM "/large", 64 * MIB);
    for (int i = 0; i < STOPS && !stopped; i++) {
        snprintf(to, sizeof(to), "to%d", i);
        stopped = copy_and_stop(to, BYTES, &entries) == -ECANCELED;
        snprintf(path, sizeof(path), "%s/large", to);
        stopped = stopped && entries == 0 && look(path).st_size < 64 * MIB;
        must(unlink(path) == 0, path);
    }
    assert_true(stopped);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_enter, fixture_leave)
    const struct CMUnitTest tests[] = {
        TEST(test_ext4),
        TEST(test_xfs),
        TEST(test_btrfs),
        TEST(test_between_file_systems),
        TEST(test_overlay),
        TEST(test_mount_points),
        TEST(test_attributes_that_are_refused),
        TEST(test_full),
        TEST(test_full_of_names),
        TEST(test_unreadable),
        TEST(test_unreadable_directory),
        TEST(test_owner_refused),
        TEST(test_stopped_half_way),
        TEST(test_stopped_in_a_file),
    };

    return cmocka_run_group_tests_name("copy_places", tests, NULL, NULL);
}
