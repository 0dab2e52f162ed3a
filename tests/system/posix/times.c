/* Times: which operation changes which, utimensat, and the time of birth. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <sys/xattr.h>
#include <time.h>

enum { A = 1, M = 2, C = 4 };

static long long ns(struct timespec t)
{
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Longer than the kernel's tick, by which times are told. */
static void let_time_pass(void)
{
    nanosleep(&(struct timespec){0, 12000000}, NULL);
}

static struct stat before;

static void remember(const char *name)
{
    OK(lstat(name, &before));
    let_time_pass();
}

/* Which times of the file have changed since remember(). */
static int changed(const char *name)
{
    struct stat now;

    OK(lstat(name, &now));
    MUST(ns(now.st_ctim) >= ns(before.st_ctim));
    return (ns(now.st_atim) != ns(before.st_atim) ? A : 0) |
           (ns(now.st_mtim) != ns(before.st_mtim) ? M : 0) |
           (ns(now.st_ctim) != ns(before.st_ctim) ? C : 0);
}

/* Does it and expects these times of the file to change, and no other but A. */
#define CHANGES(name, which, call) MOVES(name, name, which, call)
/* The same of a call that gives the file another name. */
#define MOVES(name, then, which, call)                                                             \
    do {                                                                                           \
        remember(name);                                                                            \
        OK(call);                                                                                  \
        SAME(changed(then) & (M | C), which);                                                      \
    } while (0)

static void test_of_files(void **state)
{
    int fd;

    (void)state;
    file_write("f", "abc");
    fd = (int)OK(open("f", O_RDWR));
    CHANGES("f", M | C, write(fd, "x", 1));
    CHANGES("f", M | C, pwrite(fd, "x", 1, 100));
    CHANGES("f", M | C, ftruncate(fd, 50));
    CHANGES("f", M | C, truncate("f", 60));
    CHANGES("f", M | C, fallocate(fd, 0, 0, 200));
    CHANGES("f", M | C, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10));
    CHANGES("f", C, fchmod(fd, 0640));
    CHANGES("f", C, chmod("f", 0600));
    CHANGES("f", C, chown("f", (uid_t)-1, getegid()));
    CHANGES("f", C, link("f", "g"));
    CHANGES("f", C, unlink("g"));
    MOVES("f", "h", C, rename("f", "h"));
    CHANGES("h", C, setxattr("h", "user.x", "1", 1, 0));
    CHANGES("h", C, removexattr("h", "user.x"));
    CHANGES("h", 0, fsync(fd));
    CHANGES("h", 0, pread(fd, (char[4]){0}, 4, 0));
    CHANGES("h", M | C, close((int)OK(open("h", O_WRONLY | O_TRUNC))));
    CHANGES("h", 0, close((int)OK(open("h", O_WRONLY))));
    OK(close(fd));
}

static void test_copies(void **state)
{
    int in, out;

    (void)state;
    file_write("in", "0123456789");
    file_write("out", "");
    in = (int)OK(open("in", O_RDONLY));
    out = (int)OK(open("out", O_WRONLY));
    CHANGES("out", M | C, copy_file_range(in, NULL, out, NULL, 10, 0));
    OK(close(in));
    OK(close(out));
}

static void test_of_directories(void **state)
{
    (void)state;
    OK(mkdir("d", 0755));
    OK(mkdir("e", 0755));
    CHANGES("d", M | C, close((int)OK(open("d/f", O_WRONLY | O_CREAT, 0600))));
    CHANGES("d", 0, close((int)OK(open("d/f", O_WRONLY | O_CREAT, 0600))));
    CHANGES("d", M | C, mkdir("d/sub", 0700));
    CHANGES("d", M | C, symlink("x", "d/l"));
    CHANGES("d", M | C, mkfifo("d/p", 0600));
    CHANGES("d", M | C, link("d/f", "d/g"));
    CHANGES("d", M | C, unlink("d/g"));
    CHANGES("d", M | C, rename("d/f", "d/h"));
    CHANGES("d", M | C, rename("d/h", "e/h"));
    CHANGES("d", M | C, rename("e/h", "d/h"));
    CHANGES("e", M | C, rename("d/h", "e/h"));
    CHANGES("d", M | C, rmdir("d/sub"));
    CHANGES("d", 0, close((int)OK(open("e/h", O_WRONLY | O_TRUNC))));
    CHANGES("d", C, chmod("d", 0711));
    MOVES("d", "e/d", C, rename("d", "e/d"));
}

static void test_utimensat(void **state)
{
    struct timespec set[2] = {{1000000000, 123456789}, {1500000000, 987654321}};
    struct stat st;

    (void)state;
    file_write("f", "");
    remember("f");
    OK(utimensat(AT_FDCWD, "f", set, 0));
    SAME(changed("f"), A | M | C);
    OK(stat("f", &st));
    SAME(ns(st.st_atim), ns(set[0]));
    SAME(ns(st.st_mtim), ns(set[1]));
    set[0].tv_nsec = UTIME_OMIT;
    set[1].tv_sec = 1600000000;
    OK(utimensat(AT_FDCWD, "f", set, 0));
    OK(stat("f", &st));
    SAME(st.st_atim.tv_sec, 1000000000);
    SAME(st.st_mtim.tv_sec, 1600000000);
    set[0].tv_nsec = UTIME_NOW;
    set[1].tv_nsec = UTIME_OMIT;
    OK(utimensat(AT_FDCWD, "f", set, 0));
    OK(stat("f", &st));
    MUST(llabs(st.st_atim.tv_sec - time(NULL)) < 5);
    SAME(st.st_mtim.tv_sec, 1600000000);
    remember("f");
    set[0].tv_nsec = set[1].tv_nsec = UTIME_OMIT;
    OK(utimensat(AT_FDCWD, "f", set, 0));
    SAME(changed("f"), 0);
    OK(utimensat(AT_FDCWD, "f", NULL, 0));
    SAME(changed("f"), A | M | C);
    set[0] = (struct timespec){-1000, 5};
    set[1] = (struct timespec){5000000000, 6}; /* beyond 2038 and before 1970 */
    OK(utimensat(AT_FDCWD, "f", set, 0));
    OK(stat("f", &st));
    SAME(ns(st.st_atim), ns(set[0]));
    SAME(ns(st.st_mtim), ns(set[1]));
    set[0].tv_nsec = 1000000000;
    FAILS(utimensat(AT_FDCWD, "f", set, 0), EINVAL);
}

static void test_utimensat_of_links_and_descriptors(void **state)
{
    const struct timespec set[2] = {{1000, 0}, {2000, 0}};
    struct stat st;
    int fd;

    (void)state;
    file_write("f", "");
    OK(symlink("f", "l"));
    OK(utimensat(AT_FDCWD, "l", set, AT_SYMLINK_NOFOLLOW));
    OK(lstat("l", &st));
    SAME(st.st_mtim.tv_sec, 2000);
    OK(stat("f", &st));
    MUST(st.st_mtim.tv_sec != 2000);
    fd = (int)OK(open("f", O_WRONLY));
    OK(futimens(fd, set));
    OK(close(fd)); /* nothing is written back over it */
    OK(stat("f", &st));
    SAME(st.st_mtim.tv_sec, 2000);
    fd = (int)OK(open("f", O_WRONLY));
    SAME(write(fd, "data", 4), 4);
    OK(futimens(fd, set));
    OK(close(fd));
    OK(stat("f", &st));
    SAME(st.st_mtim.tv_sec, 2000);
    SAME(st.st_size, 4);
}

static void test_birth(void **state)
{
    struct statx first, later;
    time_t start = time(NULL);

    (void)state;
    file_write("f", "");
    OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &first));
    if (!(first.stx_mask & STATX_BTIME) && getenv("POSIX_NO_BIRTH"))
        return; /* what serves it cannot tell, and that is known */
    if (!(first.stx_mask & STATX_BTIME) && !sandbox_is_fuse())
        skip(); /* the file system below has none */
    MUST(first.stx_mask & STATX_BTIME);
    MUST(llabs(first.stx_btime.tv_sec - start) < 5);
    let_time_pass();
    file_write("f", "more");
    OK(rename("f", "g"));
    OK(statx(AT_FDCWD, "g", 0, STATX_ALL, &later));
    SAME(later.stx_btime.tv_sec, first.stx_btime.tv_sec);
    SAME(later.stx_btime.tv_nsec, first.stx_btime.tv_nsec);
    SAME(later.stx_size, 4);
    SAME(later.stx_ino, first.stx_ino);
    SAME(later.stx_nlink, 1);
}

/* Sizes and times are right for every observer right after each write. */
static void test_stat_after_write(void **state)
{
    struct stat st;
    int fd, other;

    (void)state;
    fd = (int)OK(open("f", O_WRONLY | O_CREAT, 0600));
    other = (int)OK(open("f", O_RDONLY));
    for (int i = 1; i <= 200; i++) {
        SAME(write(fd, "0123456789", 10), 10);
        OK(stat("f", &st));
        SAME(st.st_size, i * 10);
        OK(fstat(other, &st));
        SAME(st.st_size, i * 10);
        SAME(lseek(other, 0, SEEK_END), i * 10);
    }
    OK(close(fd));
    OK(close(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_of_files),
        SANDBOX_TEST(test_copies),
        SANDBOX_TEST(test_of_directories),
        SANDBOX_TEST(test_utimensat),
        SANDBOX_TEST(test_utimensat_of_links_and_descriptors),
        SANDBOX_TEST(test_birth),
        SANDBOX_TEST(test_stat_after_write),
    };

    return cmocka_run_group_tests_name("times", tests, NULL, NULL);
}
