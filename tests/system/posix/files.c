/* Files: the flags of open, what is read and written, files without a name. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

static void test_open_flags(void **state)
{
    int fd;

    (void)state;
    FAILS(open("none", O_RDONLY), ENOENT);
    fd = (int)OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0640));
    SAME(mode_of("f"), 0640);
    FAILS(open("f", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
    FAILS(open("f/x", O_RDONLY), ENOTDIR);
    FAILS(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    FAILS(open(".", O_WRONLY), EISDIR);
    FAILS(open("none/f", O_WRONLY | O_CREAT, 0600), ENOENT);
    OK(symlink("f", "l"));
    FAILS(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
    FAILS(open("l", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    SAME(write(fd, "abc", 3), 3);
    OK(close(fd));
    fd = (int)OK(open("f", O_RDONLY));
    FAILS(write(fd, "x", 1), EBADF);
    OK(close(fd));
    fd = (int)OK(open("f", O_WRONLY));
    FAILS(read(fd, (char[1]){0}, 1), EBADF);
    OK(close(fd));
}

static void test_create_mode_and_umask(void **state)
{
    (void)state;
    umask(027);
    OK(close((int)OK(open("f", O_WRONLY | O_CREAT, 0666))));
    SAME(mode_of("f"), 0640);
    OK(mkdir("d", 0777));
    SAME(mode_of("d"), 0750);
    umask(0);
    OK(close((int)OK(open("g", O_WRONLY | O_CREAT, 0666))));
    SAME(mode_of("g"), 0666);
    /* The mode of a file that is made does not bind the descriptor that made it. */
    int fd = (int)OK(open("r", O_RDWR | O_CREAT, 0));
    SAME(write(fd, "x", 1), 1);
    OK(close(fd));
}

static void test_truncate(void **state)
{
    int fd, other;

    (void)state;
    file_write("f", "0123456789");
    other = (int)OK(open("f", O_RDONLY));
    fd = (int)OK(open("f", O_RDWR | O_TRUNC));
    SAME(lseek(other, 0, SEEK_END), 0);
    SAME(write(fd, "abcdef", 6), 6);
    OK(ftruncate(fd, 3));
    MUST(file_holds("f", "abc"));
    OK(truncate("f", 6));
    MUST(fd_holds(other, 0, "abc\0\0\0", 6));
    SAME(size_of("f"), 6);
    FAILS(truncate("f", -1), EINVAL);
    FAILS(truncate(".", 0), EISDIR);
    FAILS(truncate("none", 0), ENOENT);
    FAILS(ftruncate(other, 0), EINVAL);
    OK(close(fd));
    OK(close(other));
}

static void append_records(void *context)
{
    const char *letter = context;
    char record[16];
    int fd = (int)OK(open("log", O_WRONLY | O_APPEND));

    memset(record, *letter, sizeof(record));
    for (int i = 0; i < 500; i++)
        SAME(write(fd, record, sizeof(record)), sizeof(record));
    OK(close(fd));
}

/* No record of two appending writers is lost or torn. */
static void test_append_from_two_writers(void **state)
{
    char record[16];
    unsigned count[2] = {0};
    pid_t a, b;
    int fd;

    (void)state;
    file_write("log", "");
    a = child_start(NULL, append_records, (char[]){"a"});
    b = child_start(NULL, append_records, (char[]){"b"});
    child_finish(a);
    child_finish(b);
    fd = (int)OK(open("log", O_RDONLY));
    while (read(fd, record, sizeof(record)) == sizeof(record)) {
        for (size_t i = 1; i < sizeof(record); i++)
            SAME(record[i], record[0]);
        count[record[0] == 'b']++;
    }
    SAME(count[0], 500);
    SAME(count[1], 500);
    /* pwrite on an appending descriptor appends, as Linux has it. */
    OK(close(fd));
    fd = (int)OK(open("log", O_WRONLY | O_APPEND));
    SAME(pwrite(fd, "end", 3, 0), 3);
    SAME(size_of("log"), 16003);
    OK(close(fd));
}

static void test_unlinked_open_file(void **state)
{
    struct stat st;
    int fd, again;
    char path[64];

    (void)state;
    fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    SAME(write(fd, "before", 6), 6);
    OK(unlink("f"));
    FAILS(stat("f", &st), ENOENT);
    OK(fstat(fd, &st));
    SAME(st.st_nlink, 0);
    SAME(pwrite(fd, "behind", 6, 6), 6);
    MUST(fd_holds(fd, 0, "beforebehind", 12));
    OK(ftruncate(fd, 6));
    OK(fchmod(fd, 0640));
    OK(fstat(fd, &st));
    SAME(st.st_size, 6);
    SAME(st.st_mode & 07777, 0640);
    file_write("f", "another");
    MUST(fd_holds(fd, 0, "before", 6));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    again = (int)OK(open(path, O_RDWR));
    MUST(fd_holds(again, 0, "before", 6));
    OK(close(again));
    OK(close(fd));
    MUST(file_holds("f", "another"));
}

static void test_tmpfile(void **state)
{
    struct stat st;
    char path[64];
    int fd, fixed;

    (void)state;
    fd = (int)OK(open(".", O_TMPFILE | O_RDWR, 0640));
    SAME(write(fd, "secret", 6), 6);
    OK(fstat(fd, &st));
    SAME(st.st_nlink, 0);
    SAME(st.st_mode & 07777, 0640);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    MUST(file_holds("named", "secret"));
    SAME(links_of("named"), 1);
    SAME(inode_of("named"), st.st_ino);
    SAME(pwrite(fd, "S", 1, 0), 1);
    MUST(file_holds("named", "Secret"));
    FAILS(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), EEXIST);
    OK(close(fd));
    fixed = (int)OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fixed);
    FAILS(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW), ENOENT);
    OK(close(fixed));
    FAILS(open("none", O_TMPFILE | O_RDWR, 0600), ENOENT);
    FAILS(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
}

static void test_vectors_and_positions(void **state)
{
    char a[4] = "", b[4] = "";
    struct iovec out[] = {{(char[]){"abc"}, 3}, {(char[]){"def"}, 3}};
    struct iovec in[] = {{a, 2}, {b, 4}};
    int fd;

    (void)state;
    fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    SAME(writev(fd, out, 2), 6);
    SAME(lseek(fd, 0, SEEK_CUR), 6);
    SAME(preadv(fd, in, 2, 0), 6);
    MUST(!memcmp(a, "ab", 2) && !memcmp(b, "cdef", 4));
    SAME(pwrite(fd, "x", 1, 100), 1);
    SAME(lseek(fd, 0, SEEK_CUR), 6);
    SAME(lseek(fd, 0, SEEK_END), 101);
    SAME(read(fd, a, 1), 0);
    SAME(pread(fd, a, 4, 98), 3);
    MUST(!memcmp(a, "\0\0x", 3));
    FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
    FAILS(pread(fd, a, 1, -1), EINVAL);
    OK(close(fd));
}

static void test_sendfile_and_splice(void **state)
{
    static char block[100000];
    int in, out, pipes[2];
    off_t offset = 0;
    ssize_t n;

    (void)state;
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)(i * 7 + i / 256);
    in = (int)OK(open("in", O_RDWR | O_CREAT, 0600));
    SAME(write(in, block, sizeof(block)), sizeof(block));
    out = (int)OK(open("out", O_RDWR | O_CREAT, 0600));
    while (offset < (off_t)sizeof(block))
        MUST(sendfile(out, in, &offset, sizeof(block)) > 0);
    MUST(fd_holds(out, 0, block, sizeof(block)));
    OK(ftruncate(out, 0));
    OK(lseek(out, 0, SEEK_SET));
    OK(lseek(in, 0, SEEK_SET));
    OK(pipe(pipes));
    while ((n = OK(splice(in, NULL, pipes[1], NULL, 65536, 0))) > 0)
        while (n > 0)
            n -= OK(splice(pipes[0], NULL, out, NULL, (size_t)n, 0));
    MUST(fd_holds(out, 0, block, sizeof(block)));
    SAME(size_of("out"), sizeof(block));
    OK(close(pipes[0]));
    OK(close(pipes[1]));
    OK(close(in));
    OK(close(out));
}

static void test_copy_file_range(void **state)
{
    int in, out;
    off_t from = 2, to = 1;

    (void)state;
    file_write("in", "0123456789");
    in = (int)OK(open("in", O_RDONLY));
    out = (int)OK(open("out", O_RDWR | O_CREAT, 0600));
    SAME(copy_file_range(in, &from, out, &to, 4, 0), 4);
    SAME(from, 6);
    MUST(fd_holds(out, 0,
                  "\0"
                  "2345",
                  5));
    SAME(size_of("out"), 5);
    SAME(copy_file_range(in, NULL, out, NULL, 100, 0), 10);
    MUST(file_holds("out", "0123456789"));
    from = 10;
    SAME(copy_file_range(in, &from, out, NULL, 5, 0), 0);
    FAILS(copy_file_range(out, NULL, in, NULL, 5, 0), EBADF);
    OK(close(in));
    OK(close(out));
}

static void test_direct_io(void **state)
{
    enum { SIZE = 65536 };
    void *block = NULL;
    int fd, cached;

    (void)state;
    MUST(posix_memalign(&block, 4096, SIZE) == 0);
    memset(block, 'd', SIZE);
    fd = open("f", O_RDWR | O_CREAT | O_DIRECT, 0600);
    if (fd < 0 && errno == EINVAL && !sandbox_is_fuse()) {
        free(block);
        skip(); /* tmpfs of old has none */
        return;
    }
    OK(fd);
    SAME(pwrite(fd, block, SIZE, 0), SIZE);
    cached = (int)OK(open("f", O_RDWR));
    MUST(fd_holds(cached, 0, block, SIZE));
    SAME(pwrite(cached, "cached", 6, 4096), 6);
    SAME(pread(fd, block, SIZE, 0), SIZE);
    MUST(!memcmp((char *)block + 4096, "cachedd", 7));
    memset(block, 'e', SIZE);
    SAME(pwrite(fd, block, 4096, 4096), 4096);
    MUST(fd_holds(cached, 4096, block, 4096));
    OK(close(cached));
    OK(close(fd));
    free(block);
}

static void test_sync_calls(void **state)
{
    int fd, dir;

    (void)state;
    fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    SAME(write(fd, "x", 1), 1);
    OK(fsync(fd));
    OK(fdatasync(fd));
    OK(syncfs(fd));
    OK(sync_file_range(fd, 0, 1, SYNC_FILE_RANGE_WRITE));
    dir = (int)OK(open(".", O_RDONLY | O_DIRECTORY));
    OK(fsync(dir));
    OK(fdatasync(dir));
    OK(close(dir));
    OK(close(fd));
    fd = (int)OK(open("f", O_WRONLY | O_SYNC));
    SAME(write(fd, "yz", 2), 2);
    OK(close(fd));
    MUST(file_holds("f", "yz"));
}

static void test_descriptor_by_path_only(void **state)
{
    char path[64];
    struct stat st;
    int fd, real;

    (void)state;
    file_write("f", "data");
    fd = (int)OK(open("f", O_PATH));
    FAILS(read(fd, path, 1), EBADF);
    OK(fstat(fd, &st));
    SAME(st.st_size, 4);
    OK(rename("f", "g"));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    real = (int)OK(open(path, O_RDONLY));
    MUST(fd_holds(real, 0, "data", 4));
    OK(close(real));
    OK(close(fd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_open_flags),
        SANDBOX_TEST(test_create_mode_and_umask),
        SANDBOX_TEST(test_truncate),
        SANDBOX_TEST(test_append_from_two_writers),
        SANDBOX_TEST(test_unlinked_open_file),
        SANDBOX_TEST(test_tmpfile),
        SANDBOX_TEST(test_vectors_and_positions),
        SANDBOX_TEST(test_sendfile_and_splice),
        SANDBOX_TEST(test_copy_file_range),
        SANDBOX_TEST(test_direct_io),
        SANDBOX_TEST(test_sync_calls),
        SANDBOX_TEST(test_descriptor_by_path_only),
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
