/* Mapped files: shared writing coherent with read and write, times, SIGBUS behind the end. */
#include <sys/mman.h>

#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <signal.h>
#include <time.h>

#define PAGE ((size_t)4096)

static void store(char *p, const char *text)
{
    while (*text)
        *p++ = *text++;
}

static int make_pages(const char *name, int pages)
{
    int fd = (int)OK(open(name, O_RDWR | O_CREAT, 0600));

    OK(ftruncate(fd, pages * (off_t)PAGE));
    return fd;
}

static char *map(int fd, int pages, int protection, int flags)
{
    void *p = mmap(NULL, (size_t)pages * PAGE, protection, flags, fd, 0);

    MUST(p != MAP_FAILED);
    return p;
}

static void test_shared_writes(void **state)
{
    char *p, *q;
    int fd, other;

    (void)state;
    fd = make_pages("f", 4);
    other = (int)OK(open("f", O_RDWR));
    p = map(fd, 4, PROT_READ | PROT_WRITE, MAP_SHARED);
    q = map(other, 4, PROT_READ, MAP_SHARED);
    store(p + PAGE - 2, "mapped");
    MUST(!memcmp(q + PAGE - 2, "mapped", 6));
    OK(msync(p, 4 * PAGE, MS_SYNC));
    MUST(fd_holds(other, PAGE - 2, "mapped", 6));
    SAME(pwrite(other, "written", 7, 2 * PAGE), 7);
    MUST(!memcmp(p + 2 * PAGE, "written", 7));
    OK(close(fd));
    store(p, "still"); /* a mapping outlives its descriptor */
    OK(munmap(p, 4 * PAGE));
    MUST(fd_holds(other, 0, "still", 5));
    OK(munmap(q, 4 * PAGE));
    OK(close(other));
}

/* What is stored is read at once, without msync. */
static void test_coherent_without_sync(void **state)
{
    char *p;
    int fd;

    (void)state;
    fd = make_pages("f", 1);
    p = map(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
    for (int i = 0; i < 100; i++) {
        char byte = (char)i;

        p[i] = byte;
        MUST(fd_holds(fd, i, &byte, 1));
        byte = (char)(200 - i);
        SAME(pwrite(fd, &byte, 1, 1000 + i), 1);
        SAME(p[1000 + i], byte);
    }
    OK(munmap(p, PAGE));
    OK(close(fd));
}

static void store_in_child(void *context)
{
    char *p = map((int)OK(open("f", O_RDWR)), 1, PROT_READ | PROT_WRITE, MAP_SHARED);

    (void)context;
    while (p[0] != 'p')
        usleep(100);
    store(p + 10, "child");
    p[0] = 'c';
}

static void test_between_processes(void **state)
{
    char *p;
    pid_t pid;
    int fd;

    (void)state;
    fd = make_pages("f", 1);
    p = map(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
    pid = child_start(NULL, store_in_child, NULL);
    p[0] = 'p';
    child_finish(pid);
    SAME(p[0], 'c');
    MUST(!memcmp(p + 10, "child", 5));
    MUST(fd_holds(fd, 10, "child", 5));
    OK(munmap(p, PAGE));
    OK(close(fd));
}

static void test_private_writes_stay_private(void **state)
{
    char *p;
    int fd;

    (void)state;
    file_write("f", "original");
    fd = (int)OK(open("f", O_RDONLY));
    p = map(fd, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    store(p, "changed!");
    MUST(file_holds("f", "original"));
    OK(munmap(p, PAGE));
    MUST(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
    OK(close(fd));
}

static void test_mtime_after_store(void **state)
{
    struct stat before, after;
    char *p;
    int fd;

    (void)state;
    for (int with_sync = 0; with_sync < 2; with_sync++) {
        fd = make_pages("f", 1);
        OK(fsync(fd));
        OK(stat("f", &before));
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        p = map(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
        p[0]++;
        if (with_sync)
            OK(msync(p, PAGE, MS_SYNC));
        OK(munmap(p, PAGE));
        OK(close(fd));
        OK(stat("f", &after));
        MUST(after.st_mtim.tv_sec > before.st_mtim.tv_sec ||
             after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
        SAME(after.st_size, PAGE);
    }
}

static void touch_behind_end(void *context)
{
    char *p = map((int)OK(open("f", O_RDWR)), 2, PROT_READ | PROT_WRITE, MAP_SHARED);

    signal(SIGBUS, SIG_DFL);
    SAME(p[PAGE - 1], 0); /* the rest of the last page is there, as zeros */
    p[PAGE + (*(int *)context)]++;
}

static void test_sigbus_behind_end(void **state)
{
    int status = 0, at = 0;
    pid_t pid;

    (void)state;
    file_write("f", "x");
    pid = child_start(NULL, touch_behind_end, &at);
    OK(waitpid(pid, &status, 0));
    MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    SAME(size_of("f"), 1);
}

/* A file cut short under a mapping takes the pages with it; grown again, they are zeros. */
static void test_truncate_under_mapping(void **state)
{
    char *p;
    int fd;

    (void)state;
    fd = make_pages("f", 2);
    p = map(fd, 2, PROT_READ | PROT_WRITE, MAP_SHARED);
    memset(p, 'x', 2 * PAGE);
    OK(ftruncate(fd, 100));
    SAME(p[99], 'x');
    SAME(p[100], 0);
    OK(ftruncate(fd, 2 * PAGE));
    SAME(p[PAGE], 0);
    SAME(p[100], 0);
    p[PAGE] = 'y';
    MUST(fd_holds(fd, PAGE, "y", 1));
    OK(munmap(p, 2 * PAGE));
    OK(close(fd));
}

static void test_punch_under_mapping(void **state)
{
    char *p;
    int fd;

    (void)state;
    fd = make_pages("f", 3);
    p = map(fd, 3, PROT_READ | PROT_WRITE, MAP_SHARED);
    memset(p, 'x', 3 * PAGE);
    OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE));
    SAME(p[PAGE - 1], 'x');
    SAME(p[PAGE], 0);
    SAME(p[2 * PAGE - 1], 0);
    SAME(p[2 * PAGE], 'x');
    OK(munmap(p, 3 * PAGE));
    OK(close(fd));
}

static void test_unlinked_mapping(void **state)
{
    char *p;
    int fd;

    (void)state;
    fd = make_pages("f", 1);
    p = map(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
    OK(close(fd));
    OK(unlink("f"));
    store(p, "alive");
    OK(msync(p, PAGE, MS_SYNC));
    MUST(!memcmp(p, "alive", 5));
    OK(munmap(p, PAGE));
}

/* Copies and direct reads see what lies in mapped pages. */
static void test_copied_from_mapping(void **state)
{
    char *p;
    int fd, out;

    (void)state;
    fd = make_pages("f", 1);
    p = map(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
    store(p, "dirty page");
    out = (int)OK(open("out", O_RDWR | O_CREAT, 0600));
    SAME(copy_file_range(fd, NULL, out, NULL, PAGE, 0), PAGE);
    MUST(fd_holds(out, 0, "dirty page", 10));
    OK(munmap(p, PAGE));
    OK(close(out));
    OK(close(fd));
}

/* A mapping outlives its descriptor, and what is stored through it is seen in the times, too. */
static void test_mtime_after_close(void **state)
{
    struct stat before, after;
    char *p;
    int fd;

    (void)state;
    fd = make_pages("f", 1);
    p = map(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
    OK(close(fd));
    for (int i = 0; i < 2; i++) {
        OK(msync(p, PAGE, MS_SYNC));
        usleep(20000);
        OK(stat("f", &before));
        usleep(20000);
        store(p, i ? "once more" : "once");
        OK(msync(p, PAGE, MS_SYNC));
        OK(stat("f", &after));
        MUST(before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
             before.st_mtim.tv_nsec != after.st_mtim.tv_nsec);
    }
    OK(munmap(p, PAGE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_shared_writes),          SANDBOX_TEST(test_coherent_without_sync),
        SANDBOX_TEST(test_between_processes),      SANDBOX_TEST(test_private_writes_stay_private),
        SANDBOX_TEST(test_mtime_after_store),      SANDBOX_TEST(test_sigbus_behind_end),
        SANDBOX_TEST(test_truncate_under_mapping), SANDBOX_TEST(test_punch_under_mapping),
        SANDBOX_TEST(test_unlinked_mapping),       SANDBOX_TEST(test_copied_from_mapping),
        SANDBOX_TEST(test_mtime_after_close),
    };

    return cmocka_run_group_tests_name("mmap", tests, NULL, NULL);
}
