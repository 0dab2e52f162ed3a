#include "tests/unit/copy_fixture.h"

#include "catalog/cleanup.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { PAIRS_MAX = 256, LIST_MAX = 65536 };

static char base[PATH_MAX];

void must(bool ok, const char *what)
{
    if (!ok)
        fail_msg("%s: %s", what, strerror(errno));
}

static void remove_tree(const char *path)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", path, (char *)NULL);
        _exit(127);
    }
    must(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "rm");
}

/*
 * A tmpfs where that has attributes (Linux 6.6), so that a test waits for no disk; in any case a
 * mount, with which all goes that a test mounts below.
 */
static int mount_base(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", base, "tmpfs", 0, NULL) != 0)
        return -1;
    if (setxattr(base, "user.probe", "", 0, 0) == 0)
        return 0;
    return umount(base) != 0 || mount(base, base, "none", MS_BIND, NULL) != 0 ? -1 : 0;
}

int fixture_enter(void **state)
{
    const char *parent = getenv("TMPDIR");

    (void)state;
    snprintf(base, sizeof(base), "%s/volumefs-copy-XXXXXX", parent ? parent : "/var/tmp");
    if (!mkdtemp(base) || (geteuid() == 0 && mount_base() != 0) || chdir(base) != 0 ||
        chmod(base, 0755) != 0)
        return -1;
    umask(0027); /* which nothing that is copied may show */
    return mkdir(FROM, 0755) != 0 || mkdir(TO, 0755) != 0;
}

void mount_on(const char *path, const char *type, const char *options)
{
    must(mount("none", path, type, 0, options) == 0, path);
}

int fixture_leave(void **state)
{
    (void)state;
    if (chdir("/") != 0)
        return -1;
    if (geteuid() == 0 && umount2(base, MNT_DETACH) != 0)
        return -1;
    remove_tree(base);
    return 0;
}

void need_root(void)
{
    if (geteuid() == 0)
        return;
    print_message("# skip: needs root\n");
    skip();
}

/* ---- making ------------------------------------------------------------------- */

void make_file(const char *path, const void *data, size_t size)
{
    _cleanup_(close_p) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    must(fd >= 0, path);
    must(write(fd, data, size) == (ssize_t)size, path);
}

void make_text(const char *path, const char *text)
{
    make_file(path, text, strlen(text));
}

void make_directory(const char *path)
{
    must(mkdir(path, 0755) == 0, path);
}

void set_times(const char *path, long seed)
{
    const struct timespec times[] = {{1000000000 + seed, 123456789 + seed},
                                     {1100000000 + seed, 987654321 - seed}};

    must(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0, path);
}

void set_attribute(const char *path, const char *attribute, const char *value)
{
    must(lsetxattr(path, attribute, value, strlen(value), 0) == 0, attribute);
}

ssize_t get_attribute(const char *path, const char *attribute, char *value, size_t size)
{
    return lgetxattr(path, attribute, value, size);
}

void set_acl(const char *path, const char *attribute, uid_t uid, unsigned rights)
{
    const struct {
        uint16_t tag;
        uint16_t rights;
        uint32_t id;
    } entries[] = {{ACL_USER_OBJ, 7, ACL_UNDEFINED_ID},
                   {ACL_USER, (uint16_t)rights, uid},
                   {ACL_GROUP_OBJ, 5, ACL_UNDEFINED_ID},
                   {ACL_MASK, 7, ACL_UNDEFINED_ID},
                   {ACL_OTHER, 0, ACL_UNDEFINED_ID}};
    struct {
        uint32_t version;
        struct posix_acl_xattr_entry entries[5];
    } acl = {htole32(POSIX_ACL_XATTR_VERSION), {{0}}};

    for (size_t i = 0; i < 5; i++) {
        acl.entries[i].e_tag = htole16(entries[i].tag);
        acl.entries[i].e_perm = htole16(entries[i].rights);
        acl.entries[i].e_id = htole32(entries[i].id);
    }
    must(lsetxattr(path, attribute, &acl, sizeof(acl), 0) == 0, attribute);
}

struct stat look(const char *path)
{
    struct stat st;

    must(lstat(path, &st) == 0, path);
    return st;
}

/* ---- copying -------------------------------------------------------------------- */

struct copied copy_opened(int from_fd, int to_fd, const atomic_bool *stop)
{
    struct copy_progress progress = {0};
    struct copied copied = {0};

    copied.r = copy_tree(from_fd, to_fd, &progress, stop, &copied.e);
    copied.bytes = atomic_load(&progress.bytes);
    copied.entries = atomic_load(&progress.entries);
    return copied;
}

struct copied copy_to(const char *to, const atomic_bool *stop)
{
    _cleanup_(close_p) int from_fd = open(FROM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_p) int to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    must(from_fd >= 0 && to_fd >= 0, "open");
    return copy_opened(from_fd, to_fd, stop);
}

void copy_whole(const char *to)
{
    _cleanup_(close_p) int from_fd = open(FROM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_p) int to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct copied copied = copy_to(to, NULL);
    uint64_t bytes, entries;

    if (copied.r || copied.e.text[0])
        fail_msg("%d: %s", copied.r, copied.e.text);
    assert_int_equal(copy_measure(from_fd, &bytes, &entries, NULL), 0);
    assert_int_equal(copied.bytes, bytes);
    assert_int_equal(copied.entries, entries);
    if (copy_directory_attributes(from_fd, to_fd, &copied.e) != 0)
        fail_msg("%s", copied.e.text);
}

/* ---- comparing -------------------------------------------------------------------- */

/* Files with several names: which of the one tree is which of the other. */
static struct {
    ino_t a, b;
} pairs[PAIRS_MAX];
static size_t pair_count;

static void compare_links(const struct stat *a, const struct stat *b, const char *path)
{
    if (a->st_nlink != b->st_nlink)
        fail_msg("%s: %d and %d links", path, (int)a->st_nlink, (int)b->st_nlink);
    if (a->st_nlink == 1)
        return;
    for (size_t i = 0; i < pair_count; i++)
        if ((pairs[i].a == a->st_ino) != (pairs[i].b == b->st_ino))
            fail_msg("%s: a hard link on one side only", path);
    assert_true(pair_count < PAIRS_MAX);
    pairs[pair_count].a = a->st_ino;
    pairs[pair_count++].b = b->st_ino;
}

static void compare_time(struct timespec a, struct timespec b, const char *which, const char *path)
{
    if (a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec)
        fail_msg("%s: %s %ld.%09ld and %ld.%09ld", path, which, (long)a.tv_sec, a.tv_nsec,
                 (long)b.tv_sec, b.tv_nsec);
}

static void compare_stat(const struct stat *a, const struct stat *b, const char *path)
{
    if (a->st_mode != b->st_mode)
        fail_msg("%s: mode %o and %o", path, a->st_mode, b->st_mode);
    if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
        fail_msg("%s: owner %u:%u and %u:%u", path, a->st_uid, a->st_gid, b->st_uid, b->st_gid);
    if (a->st_rdev != b->st_rdev)
        fail_msg("%s: device %lx and %lx", path, (long)a->st_rdev, (long)b->st_rdev);
    if (!S_ISLNK(a->st_mode)) /* which reading a link makes new, and nothing prevents */
        compare_time(a->st_atim, b->st_atim, "atime", path);
    compare_time(a->st_mtim, b->st_mtim, "mtime", path);
    if (S_ISDIR(a->st_mode))
        return;
    if (a->st_size != b->st_size)
        fail_msg("%s: size %ld and %ld", path, (long)a->st_size, (long)b->st_size);
    compare_links(a, b, path);
}

static size_t count_names(const char *list, ssize_t size)
{
    size_t count = 0;

    for (const char *p = list; p < list + size; p += strlen(p) + 1)
        count++;
    return count;
}

static void compare_attributes(const char *a, const char *b)
{
    static char list_a[LIST_MAX], list_b[LIST_MAX], value_a[LIST_MAX], value_b[LIST_MAX];
    ssize_t n = llistxattr(a, list_a, LIST_MAX);
    ssize_t m = llistxattr(b, list_b, LIST_MAX);

    must(n >= 0 && m >= 0, "listxattr");
    if (count_names(list_a, n) != count_names(list_b, m))
        fail_msg("%s: %zu and %zu attributes", a, count_names(list_a, n), count_names(list_b, m));
    for (const char *p = list_a; p < list_a + n; p += strlen(p) + 1) {
        ssize_t size_a = lgetxattr(a, p, value_a, LIST_MAX);
        ssize_t size_b = lgetxattr(b, p, value_b, LIST_MAX);

        if (size_a != size_b || size_a < 0 || memcmp(value_a, value_b, (size_t)size_a) != 0)
            fail_msg("%s: attribute %s differs", a, p);
    }
}

static void compare_data(const char *a, const char *b)
{
    static char block_a[65536], block_b[65536];
    _cleanup_(close_p) int in_a = open(a, O_RDONLY | O_CLOEXEC | O_NOATIME);
    _cleanup_(close_p) int in_b = open(b, O_RDONLY | O_CLOEXEC | O_NOATIME);
    ssize_t n, m;

    must(in_a >= 0 && in_b >= 0, a);
    do {
        n = read(in_a, block_a, sizeof(block_a));
        m = read(in_b, block_b, sizeof(block_b));
        if (n != m || n < 0 || memcmp(block_a, block_b, (size_t)n) != 0)
            fail_msg("%s: the data differ", a);
    } while (n > 0);
}

static void compare_targets(const char *a, const char *b)
{
    char target_a[PATH_MAX] = "", target_b[PATH_MAX] = "";

    must(readlink(a, target_a, PATH_MAX - 1) >= 0 && readlink(b, target_b, PATH_MAX - 1) >= 0, a);
    assert_string_equal(target_a, target_b);
}

static int count_entries(const char *path)
{
    _cleanup_(closedir_p) DIR *dir = opendir(path);
    int count = 0;

    must(dir != NULL, path);
    while (readdir(dir))
        count++;
    return count;
}

static void compare(const char *a, const char *b);

static void compare_directories(const char *a, const char *b)
{
    _cleanup_(closedir_p) DIR *dir = opendir(a);
    const struct dirent *entry;
    char path_a[PATH_MAX], path_b[PATH_MAX];

    must(dir != NULL, a);
    if (count_entries(a) != count_entries(b))
        fail_msg("%s: %d and %d entries", a, count_entries(a), count_entries(b));
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path_a, sizeof(path_a), "%.3000s/%s", a, entry->d_name);
        snprintf(path_b, sizeof(path_b), "%.3000s/%s", b, entry->d_name);
        compare(path_a, path_b);
    }
}

/* Times first, as reading may change them. */
static void compare(const char *a, const char *b)
{
    struct stat st_a = look(a), st_b = look(b);

    compare_stat(&st_a, &st_b, a);
    compare_attributes(a, b);
    if (S_ISREG(st_a.st_mode))
        compare_data(a, b);
    else if (S_ISLNK(st_a.st_mode))
        compare_targets(a, b);
    else if (S_ISDIR(st_a.st_mode))
        compare_directories(a, b);
}

void assert_same_trees(const char *from, const char *to)
{
    pair_count = 0;
    compare(from, to);
}
