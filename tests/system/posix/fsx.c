/*
 * Random input and output on one file, held against a model in memory: reads
 * and writes, direct ones, mapped ones, truncation, holes, copies, reopening.
 * After each operation the size, and what was read, must be the model's.
 */
#include <sys/mman.h>

#include "tests/system/posix/check.h"
#include "tests/system/posix/random.h"
#include "tests/system/posix/sandbox.h"

#include <linux/falloc.h>

enum { SIZE_MAX_ = 300000, PAGE = 4096, ROUNDS = 6000 };

static struct {
    int fd, direct; /* two descriptions of one file */
    off_t size;
    unsigned char model[SIZE_MAX_];
    unsigned char *buffer; /* aligned */
    unsigned round;
    char last[128]; /* the operation, for the report */
} fsx;

#define FSX_SAY(...) snprintf(fsx.last, sizeof(fsx.last), __VA_ARGS__)

static void fsx_compare(const unsigned char *got, off_t offset, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (got[i] != fsx.model[offset + (off_t)i]) {
            print_error("round %u: %s: byte %lld is %02x, not %02x\n", fsx.round, fsx.last,
                        (long long)offset + (long long)i, got[i], fsx.model[offset + (off_t)i]);
            fail();
        }
}

/* A range within the largest size; within the file if `inside`. */
static void fsx_range(bool inside, off_t *offset, size_t *length)
{
    off_t limit = inside ? fsx.size : SIZE_MAX_;

    *offset = (off_t)random_below((uint64_t)limit);
    *length = 1 + random_below(random_below(4) ? 5000 : 100000);
    if (*offset + (off_t)*length > limit)
        *length = (size_t)(limit - *offset);
}

static void fsx_grow(off_t end)
{
    if (end > fsx.size)
        fsx.size = end; /* what lies behind the size is zeros in the model */
}

static void fsx_shrink(off_t end)
{
    if (end < fsx.size)
        memset(fsx.model + end, 0, (size_t)(fsx.size - end));
    fsx.size = end;
}

static void fsx_fill(unsigned char *p, size_t length)
{
    unsigned char seed = (unsigned char)random_below(255);

    for (size_t i = 0; i < length; i++)
        p[i] = (unsigned char)(seed + i * 7 + i / 251 + 1);
}

static void fsx_write(void)
{
    off_t offset;
    size_t length;

    fsx_range(false, &offset, &length);
    FSX_SAY("write %lld+%zu", (long long)offset, length);
    fsx_fill(fsx.buffer, length);
    SAME(pwrite(fsx.fd, fsx.buffer, length, offset), length);
    memcpy(fsx.model + offset, fsx.buffer, length);
    fsx_grow(offset + (off_t)length);
}

static void fsx_read(void)
{
    off_t offset;
    size_t length, want;

    fsx_range(false, &offset, &length);
    FSX_SAY("read %lld+%zu", (long long)offset, length);
    want = offset >= fsx.size                  ? 0
           : offset + (off_t)length > fsx.size ? (size_t)(fsx.size - offset)
                                               : length;
    SAME(pread(fsx.fd, fsx.buffer, length, offset), want);
    fsx_compare(fsx.buffer, offset, want);
}

static void fsx_write_direct(void)
{
    off_t offset = (off_t)random_below(SIZE_MAX_ / PAGE - 8) * PAGE;
    size_t length = (1 + random_below(8)) * (size_t)PAGE;

    if (fsx.direct < 0)
        return;
    FSX_SAY("direct write %lld+%zu", (long long)offset, length);
    fsx_fill(fsx.buffer, length);
    SAME(pwrite(fsx.direct, fsx.buffer, length, offset), length);
    memcpy(fsx.model + offset, fsx.buffer, length);
    fsx_grow(offset + (off_t)length);
}

static void fsx_read_direct(void)
{
    off_t offset = (off_t)random_below((uint64_t)(fsx.size / PAGE + 1)) * PAGE;
    ssize_t n;

    if (fsx.direct < 0)
        return;
    FSX_SAY("direct read %lld", (long long)offset);
    n = OK(pread(fsx.direct, fsx.buffer, 8 * (size_t)PAGE, offset));
    MUST(n == 8 * (ssize_t)PAGE || offset + n == fsx.size);
    fsx_compare(fsx.buffer, offset, (size_t)n);
}

static void fsx_truncate(void)
{
    off_t size = (off_t)random_below(SIZE_MAX_);

    FSX_SAY("truncate %lld to %lld", (long long)fsx.size, (long long)size);
    OK(ftruncate(fsx.fd, size));
    fsx_shrink(size);
}

static void fsx_map(bool store)
{
    off_t offset, base;
    size_t length;
    unsigned char *p;

    if (!fsx.size)
        return;
    fsx_range(true, &offset, &length);
    FSX_SAY("map %s %lld+%zu of %lld", store ? "write" : "read", (long long)offset, length,
            (long long)fsx.size);
    base = offset / PAGE * PAGE;
    p = mmap(NULL, (size_t)(offset - base) + length, PROT_READ | PROT_WRITE, MAP_SHARED, fsx.fd,
             base);
    MUST(p != MAP_FAILED);
    fsx_compare(p + (offset - base), offset, length);
    if (store) {
        fsx_fill(p + (offset - base), length);
        memcpy(fsx.model + offset, p + (offset - base), length);
        if (random_below(2))
            OK(msync(p, (size_t)(offset - base) + length, MS_SYNC));
    }
    OK(munmap(p, (size_t)(offset - base) + length));
}

static void fsx_map_read(void)
{
    fsx_map(false);
}

static void fsx_map_write(void)
{
    fsx_map(true);
}

static void fsx_punch(void)
{
    off_t offset, end;
    size_t length;

    fsx_range(false, &offset, &length);
    end = offset + (off_t)length;
    FSX_SAY("punch %lld+%zu", (long long)offset, length);
    OK(fallocate(fsx.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, (off_t)length));
    end = end < fsx.size ? end : fsx.size;
    if (end > offset)
        memset(fsx.model + offset, 0, (size_t)(end - offset));
}

static void fsx_zero(void)
{
    off_t offset;
    size_t length;
    bool keep = random_below(2);

    fsx_range(false, &offset, &length);
    FSX_SAY("zero %lld+%zu keep %d", (long long)offset, length, keep);
    OK(fallocate(fsx.fd, FALLOC_FL_ZERO_RANGE | (keep ? FALLOC_FL_KEEP_SIZE : 0), offset,
                 (off_t)length));
    memset(fsx.model + offset, 0, length);
    if (!keep)
        fsx_grow(offset + (off_t)length);
}

static void fsx_allocate(void)
{
    off_t offset;
    size_t length;
    bool keep = random_below(2);

    fsx_range(false, &offset, &length);
    FSX_SAY("allocate %lld+%zu keep %d", (long long)offset, length, keep);
    OK(fallocate(fsx.fd, keep ? FALLOC_FL_KEEP_SIZE : 0, offset, (off_t)length));
    if (!keep)
        fsx_grow(offset + (off_t)length);
}

static void fsx_copy(void)
{
    off_t from, to, in, out;
    size_t length;
    ssize_t n;

    if (!fsx.size)
        return;
    fsx_range(true, &from, &length);
    to = (off_t)random_below(SIZE_MAX_ - length);
    if (to < from + (off_t)length && from < to + (off_t)length)
        return; /* overlapping: EINVAL by contract */
    FSX_SAY("copy %lld+%zu to %lld", (long long)from, length, (long long)to);
    in = from;
    out = to;
    while (length > 0) {
        n = OK(copy_file_range(fsx.fd, &in, fsx.fd, &out, length, 0));
        MUST(n > 0);
        length -= (size_t)n;
    }
    memcpy(fsx.model + to, fsx.model + from, (size_t)(in - from));
    fsx_grow(out);
}

static void fsx_open(void)
{
    fsx.fd = (int)OK(open("fsx", O_RDWR | O_CREAT, 0600));
    fsx.direct = open("fsx", O_RDWR | O_DIRECT);
}

static void fsx_reopen(void)
{
    FSX_SAY("reopen");
    if (random_below(2))
        OK(fsync(fsx.fd));
    OK(close(fsx.fd));
    if (fsx.direct >= 0)
        OK(close(fsx.direct));
    fsx_open();
}

static void fsx_check_all(void)
{
    static unsigned char all[SIZE_MAX_ + 1];

    SAME(pread(fsx.fd, all, sizeof(all), 0), fsx.size);
    fsx_compare(all, 0, (size_t)fsx.size);
}

static void test_random_io(void **state)
{
    static void (*const operations[])(void) = {
        fsx_write,       fsx_write,    fsx_read,      fsx_read,   fsx_write_direct,
        fsx_read_direct, fsx_map_read, fsx_map_write, fsx_punch,  fsx_zero,
        fsx_allocate,    fsx_copy,     fsx_truncate,  fsx_reopen,
    };
    unsigned rounds = random_rounds(ROUNDS);
    struct stat st;

    (void)state;
    MUST(posix_memalign((void **)&fsx.buffer, PAGE, SIZE_MAX_) == 0);
    fsx_open();
    for (fsx.round = 0; fsx.round < rounds; fsx.round++) {
        operations[random_below(sizeof(operations) / sizeof(*operations))]();
        OK(fstat(fsx.fd, &st));
        if (st.st_size != fsx.size)
            print_error("round %u: %s\n", fsx.round, fsx.last);
        SAME(st.st_size, fsx.size);
        if (fsx.round % 100 == 99)
            fsx_check_all();
    }
    fsx_reopen();
    fsx_check_all();
    OK(close(fsx.fd));
    if (fsx.direct >= 0)
        OK(close(fsx.direct));
    free(fsx.buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SANDBOX_TEST(test_random_io)};

    random_start("fsx");
    return cmocka_run_group_tests_name("fsx", tests, NULL, NULL);
}
