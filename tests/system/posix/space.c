/* Space: holes, fallocate and its modes, files beyond 4 GiB. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <linux/falloc.h>
#include <signal.h>
#include <sys/resource.h>

/* a multiple of every block size in use */
#define BLOCK ((off_t)65536)

/* `count` blocks, the n-th filled with 'a' + n. */
static int make_blocks(const char *name, int count)
{
    static char block[BLOCK];
    int fd = (int)OK(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));

    for (int i = 0; i < count; i++) {
        memset(block, 'a' + i, BLOCK);
        SAME(pwrite(fd, block, BLOCK, i * BLOCK), BLOCK);
    }
    return fd;
}

/* The blocks of the file, as letters; '.' is one of zeros. */
static void expect_blocks(int fd, const char *letters)
{
    static char block[BLOCK], want[BLOCK];

    SAME(lseek(fd, 0, SEEK_END), strlen(letters) * BLOCK);
    for (size_t i = 0; letters[i]; i++) {
        memset(want, letters[i] == '.' ? 0 : letters[i], BLOCK);
        SAME(pread(fd, block, BLOCK, (off_t)i * BLOCK), BLOCK);
        MUST(!memcmp(block, want, BLOCK));
    }
}

static blkcnt_t blocks_of(int fd)
{
    struct stat st;

    OK(fsync(fd));
    OK(fstat(fd, &st));
    return st.st_blocks;
}

static void test_allocate(void **state)
{
    int fd;

    (void)state;
    fd = make_blocks("f", 1);
    OK(fallocate(fd, 0, 0, 4 * BLOCK));
    expect_blocks(fd, "a...");
    MUST(blocks_of(fd) >= 4 * BLOCK / 512);
    OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 8 * BLOCK));
    expect_blocks(fd, "a...");
    MUST(blocks_of(fd) >= 8 * BLOCK / 512);
    FAILS(fallocate(fd, 0, 0, 0), EINVAL);
    FAILS(fallocate(fd, 0, -1, 1), EINVAL);
    FAILS(fallocate((int)OK(open("f", O_RDONLY)), 0, 0, 1), EBADF);
    OK(posix_fallocate(fd, 0, 9 * BLOCK) ? -1 : 0);
    expect_blocks(fd, "a........");
    OK(close(fd));
}

static void test_punch(void **state)
{
    blkcnt_t full;
    int fd;

    (void)state;
    fd = make_blocks("f", 4);
    full = blocks_of(fd);
    OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK, 2 * BLOCK));
    expect_blocks(fd, "a..d");
    MUST(blocks_of(fd) <= full - 2 * BLOCK / 512);
    FAILS(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, BLOCK), EOPNOTSUPP);
    OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 1));
    MUST(fd_holds(fd, 9, "a\0a", 3));
    OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * BLOCK, 100 * BLOCK));
    SAME(pwrite(fd, "a", 1, 10), 1);
    expect_blocks(fd, "a...");
    OK(close(fd));
}

static void test_zero_range(void **state)
{
    int fd;

    (void)state;
    fd = make_blocks("f", 3);
    OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, BLOCK, BLOCK));
    expect_blocks(fd, "a.c");
    OK(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 2 * BLOCK, 5 * BLOCK));
    expect_blocks(fd, "a..");
    OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 2 * BLOCK, 2 * BLOCK));
    expect_blocks(fd, "a...");
    OK(close(fd));
}

/*
 * These two Linux does not pass on to a FUSE file system (fuse_file_fallocate in its fs/fuse):
 * there they must say so and leave the file alone.
 */
static void test_collapse_and_insert(void **state)
{
    int fd;

    (void)state;
    fd = make_blocks("f", 4);
    if (sandbox_is_fuse()) {
        FAILS(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, BLOCK, BLOCK), EOPNOTSUPP);
        FAILS(fallocate(fd, FALLOC_FL_INSERT_RANGE, BLOCK, BLOCK), EOPNOTSUPP);
        expect_blocks(fd, "abcd");
    } else if (fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, BLOCK, BLOCK) == 0) {
        expect_blocks(fd, "acd");
        OK(fallocate(fd, FALLOC_FL_INSERT_RANGE, 2 * BLOCK, BLOCK));
        expect_blocks(fd, "ac.d");
    } else {
        SAME(errno, EOPNOTSUPP);
        expect_blocks(fd, "abcd");
    }
    OK(close(fd));
}

static void test_seek_hole_and_data(void **state)
{
    static char block[BLOCK];
    int fd;

    (void)state;
    fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    memset(block, 'd', BLOCK);
    SAME(pwrite(fd, block, BLOCK, 2 * BLOCK), BLOCK);
    SAME(pwrite(fd, block, BLOCK, 6 * BLOCK), BLOCK);
    OK(ftruncate(fd, 10 * BLOCK));
    SAME(lseek(fd, 0, SEEK_DATA), 2 * BLOCK);
    SAME(lseek(fd, 0, SEEK_HOLE), 0);
    SAME(lseek(fd, 2 * BLOCK + 5, SEEK_DATA), 2 * BLOCK + 5);
    SAME(lseek(fd, 2 * BLOCK, SEEK_HOLE), 3 * BLOCK);
    SAME(lseek(fd, 3 * BLOCK, SEEK_DATA), 6 * BLOCK);
    SAME(lseek(fd, 6 * BLOCK, SEEK_HOLE), 7 * BLOCK);
    SAME(lseek(fd, 0, SEEK_CUR), 7 * BLOCK);
    FAILS(lseek(fd, 7 * BLOCK, SEEK_DATA), ENXIO);
    FAILS(lseek(fd, 10 * BLOCK, SEEK_HOLE), ENXIO);
    FAILS(lseek(fd, 11 * BLOCK, SEEK_DATA), ENXIO);
    OK(close(fd));
}

static void test_sparse_beyond_4_gib(void **state)
{
    const off_t far = (5LL << 30) + 12345;
    struct stat st;
    char zero[4];
    int fd;

    (void)state;
    fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    SAME(pwrite(fd, "far", 3, far), 3);
    SAME(pwrite(fd, "edge", 4, (4LL << 30) - 2), 4);
    OK(fstat(fd, &st));
    SAME(st.st_size, far + 3);
    MUST(st.st_blocks < 4096);
    MUST(fd_holds(fd, far, "far", 3));
    MUST(fd_holds(fd, (4LL << 30) - 3, "\0edge", 5));
    SAME(pread(fd, zero, 4, 3LL << 30), 4);
    MUST(!memcmp(zero, "\0\0\0\0", 4));
    SAME(lseek(fd, 0, SEEK_END), far + 3);
    OK(ftruncate(fd, (off_t)1 << 40));
    SAME(size_of("f"), (off_t)1 << 40);
    MUST(fd_holds(fd, far, "far\0", 4));
    SAME(lseek(fd, far + 100000, SEEK_DATA) == -1 && errno == ENXIO, 1);
    OK(ftruncate(fd, far + 1));
    MUST(fd_holds(fd, far, "f", 1));
    FAILS(ftruncate(fd, 0x7fffffffffffffffLL), EFBIG);
    OK(close(fd));
}

static void test_copy_of_big_range(void **state)
{
    ssize_t n, done = 0;
    int in, out;

    (void)state;
    in = make_blocks("in", 20);
    out = (int)OK(open("out", O_RDWR | O_CREAT, 0600));
    while ((n = OK(copy_file_range(in, NULL, out, NULL, 20 * (size_t)BLOCK, 0))) > 0)
        done += n;
    SAME(done, 20 * BLOCK);
    expect_blocks(out, "abcdefghijklmnopqrst");
    OK(close(in));
    OK(close(out));
}

static void grow_beyond_limit(void *context)
{
    const struct rlimit limit = {BLOCK, BLOCK};
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));

    (void)context;
    signal(SIGXFSZ, SIG_IGN);
    OK(setrlimit(RLIMIT_FSIZE, &limit));
    SAME(pwrite(fd, "0123456789", 10, BLOCK - 4), 4);
    FAILS(pwrite(fd, "x", 1, BLOCK), EFBIG);
    FAILS(ftruncate(fd, BLOCK + 1), EFBIG);
    FAILS(fallocate(fd, 0, 0, BLOCK + 1), EFBIG);
}

static void test_size_limit_of_process(void **state)
{
    (void)state;
    child_run(NULL, grow_beyond_limit, NULL);
    SAME(size_of("f"), BLOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_allocate),           SANDBOX_TEST(test_punch),
        SANDBOX_TEST(test_zero_range),         SANDBOX_TEST(test_collapse_and_insert),
        SANDBOX_TEST(test_seek_hole_and_data), SANDBOX_TEST(test_sparse_beyond_4_gib),
        SANDBOX_TEST(test_copy_of_big_range),  SANDBOX_TEST(test_size_limit_of_process),
    };

    return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
