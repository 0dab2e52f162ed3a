/*
 * Operations on the contents of one open file: sequential and random reads and writes, appends,
 * fsync. The file stays from run to run, and every read pass is preceded by an untimed one, so
 * that what is measured is the path to the page cache and not the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/bench/workload.h"

enum { PAGE = 4096, RANDOM_OPS = 16384, APPENDS = 4000, APPEND_BYTES = 100, FSYNCS = 100 };

/* xorshift64: the same offsets in every system. */
static off_t random_offset(struct workload *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (off_t)(w->random % (w->data_size / PAGE) * PAGE);
}

static int write_all(struct workload *w, uint64_t *done)
{
    for (uint64_t at = 0; at < w->data_size; at += BLOCK_SIZE) {
        errno = 0;
        if (pwrite(w->fd, w->buffer, BLOCK_SIZE, (off_t)at) != BLOCK_SIZE)
            return workload_fail(w, "write", "data");
        ++*done;
    }
    return 0;
}

static int read_all(struct workload *w, uint64_t *done)
{
    for (uint64_t at = 0; at < w->data_size; at += BLOCK_SIZE) {
        errno = 0;
        if (pread(w->fd, w->buffer, BLOCK_SIZE, (off_t)at) != BLOCK_SIZE)
            return workload_fail(w, "read", "data");
        ++*done;
    }
    return 0;
}

static int open_data(struct workload *w)
{
    uint64_t done = 0;
    struct stat st;

    w->fd = open("data", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (w->fd < 0 || fstat(w->fd, &st) < 0)
        return workload_fail(w, "open", "data");
    return (uint64_t)st.st_size == w->data_size ? 0 : write_all(w, &done);
}

static int open_data_warm(struct workload *w)
{
    uint64_t done = 0;
    int r = open_data(w);

    return r < 0 ? r : read_all(w, &done);
}

static int random_read(struct workload *w, uint64_t *done)
{
    for (int i = 0; i < RANDOM_OPS; i++, ++*done) {
        errno = 0;
        if (pread(w->fd, w->buffer, PAGE, random_offset(w)) != PAGE)
            return workload_fail(w, "read", "data");
    }
    return 0;
}

static int random_write(struct workload *w, uint64_t *done)
{
    for (int i = 0; i < RANDOM_OPS; i++, ++*done) {
        errno = 0;
        if (pwrite(w->fd, w->buffer, PAGE, random_offset(w)) != PAGE)
            return workload_fail(w, "write", "data");
    }
    return 0;
}

static int open_log(struct workload *w)
{
    w->fd = open("log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    return w->fd < 0 ? workload_fail(w, "open", "log") : 0;
}

static int append(struct workload *w, uint64_t *done)
{
    for (int i = 0; i < APPENDS; i++, ++*done) {
        errno = 0;
        if (write(w->fd, w->buffer, APPEND_BYTES) != APPEND_BYTES)
            return workload_fail(w, "append to", "log");
    }
    return 0;
}

static int write_fsync(struct workload *w, uint64_t *done)
{
    for (int i = 0; i < FSYNCS; i++, ++*done) {
        errno = 0;
        if (pwrite(w->fd, w->buffer, PAGE, (off_t)i * PAGE) != PAGE || fsync(w->fd) < 0)
            return workload_fail(w, "write and fsync", "log");
    }
    return 0;
}

static int open_log_random(struct workload *w)
{
    w->fd = open("log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return w->fd < 0 ? workload_fail(w, "open", "log") : 0;
}

const struct operation operations_data[] = {
    {"seq-read", "1 MiB", .prepare = open_data_warm, .run = read_all},
    {"seq-write", "1 MiB", .prepare = open_data, .run = write_all},
    {"rand-read", "4 KiB", .prepare = open_data_warm, .run = random_read},
    {"rand-write", "4 KiB", .prepare = open_data_warm, .run = random_write},
    {"append", "100 bytes", .before = open_log, .run = append, .after = workload_close},
    {"fsync", "write+fsync", .before = open_log_random, .run = write_fsync,
     .after = workload_close},
    {0},
};
