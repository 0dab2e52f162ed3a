/*
 * Operations that ask about names and change nothing: stat, open, lookup of missing names, listing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/cleanup.h"
#include "tools/bench/workload.h"

enum { SMALL_BYTES = 4096, SAME_OPS = 20000, WRITE_BYTES = 100, SETTLE_US = 20000 };

static int stat_files(struct workload *w, uint64_t *done)
{
    char path[NAME_SIZE];
    struct stat st;

    for (unsigned i = 0; i < SMALL_FILES; i++, ++*done) {
        workload_name(path, "files/f", i);
        if (stat(path, &st) < 0)
            return workload_fail(w, "stat", path);
    }
    return 0;
}

static int ensure_small_files(struct workload *w)
{
    uint64_t done = 0;
    int r = workload_ensure_files(w, "files", SMALL_FILES, SMALL_BYTES);

    return r < 0 ? r : stat_files(w, &done);
}

static int stat_same(struct workload *w, uint64_t *done)
{
    struct stat st;

    for (int i = 0; i < SAME_OPS; i++, ++*done)
        if (stat("files/f000000", &st) < 0)
            return workload_fail(w, "stat", "files/f000000");
    return 0;
}

static int open_log_file(struct workload *w)
{
    int r = workload_ensure_directory(w, "files");

    if (r < 0)
        return r;
    w->fd = open("files/log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return w->fd < 0 ? workload_fail(w, "open", "files/log") : 0;
}

/* A program that follows a file it or another writes: only the stat is timed. */
static int stat_after_write(struct workload *w, uint64_t *done)
{
    uint64_t start, ns;
    struct stat st;

    for (unsigned i = 1; i <= SMALL_FILES; i++, ++*done) {
        errno = 0;
        if (write(w->fd, w->buffer, WRITE_BYTES) != WRITE_BYTES)
            return workload_fail(w, "write", "files/log");
        start = workload_clock();
        if (stat("files/log", &st) < 0)
            return workload_fail(w, "stat", "files/log");
        ns = workload_clock() - start;
        w->self_ns += ns > w->clock_ns ? ns - w->clock_ns : 0;
        errno = 0;
        if (st.st_size != (off_t)i * WRITE_BYTES)
            return workload_fail(w, "a wrong size from stat", "files/log");
    }
    return 0;
}

static int open_read_close(struct workload *w, uint64_t *done)
{
    char path[NAME_SIZE];

    for (unsigned i = 0; i < SMALL_FILES; i++, ++*done) {
        int fd;
        ssize_t n;

        workload_name(path, "files/f", i);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return workload_fail(w, "open", path);
        errno = 0;
        n = read(fd, w->buffer, SMALL_BYTES);
        if (close(fd) < 0 || n != SMALL_BYTES)
            return workload_fail(w, "read", path);
    }
    return 0;
}

static int expect_missing(struct workload *w, const char *path)
{
    struct stat st;

    errno = 0;
    if (stat(path, &st) == 0 || errno != ENOENT)
        return workload_fail(w, "stat of a missing name", path);
    return 0;
}

static int missing_same(struct workload *w, uint64_t *done)
{
    int r = 0;

    for (int i = 0; i < SMALL_FILES && r == 0; i++, ++*done)
        r = expect_missing(w, "files/missing");
    return r;
}

/* Names that nobody has asked for: no cache can know them. */
static int missing_new(struct workload *w, uint64_t *done)
{
    char path[NAME_SIZE], prefix[NAME_SIZE / 2];
    int r = 0;

    snprintf(prefix, sizeof(prefix), "files/missing-%d-%u-", getpid(), w->batch);
    for (unsigned i = 0; i < SMALL_FILES && r == 0; i++, ++*done) {
        workload_name(path, prefix, i);
        r = expect_missing(w, path);
    }
    return r;
}

static int list_stat(struct workload *w, uint64_t *done)
{
    _cleanup_(closedir_p) DIR *dir = opendir("ls");
    unsigned files = 0;
    struct dirent *entry;
    struct stat st;

    if (!dir)
        return workload_fail(w, "opendir", "ls");
    while ((errno = 0, entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return workload_fail(w, "stat ls/", entry->d_name);
        files++;
    }
    if (errno || files != LIST_FILES)
        return workload_fail(w, "listing all of", "ls");
    *done += files;
    return 0;
}

static int ensure_list(struct workload *w)
{
    uint64_t done = 0;
    int r = workload_ensure_files(w, "ls", LIST_FILES, 0);

    if (r == 0)
        r = list_stat(w, &done);
    return r < 0 ? r : list_stat(w, &done);
}

/*
 * Forget all names and inodes, in every file system alike. Twice, because a daemon lets go of the
 * inodes below only after it has been told to forget those above.
 */
static int forget_names(struct workload *w)
{
    for (int i = 0; i < 2; i++) {
        _cleanup_(close_p) int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, "2", 1) != 1)
            return workload_fail(w, "write (it takes root)", "/proc/sys/vm/drop_caches");
        usleep(SETTLE_US);
    }
    return 0;
}

const struct operation operations_names[] = {
    {"stat-warm", "stat", .prepare = ensure_small_files, .run = stat_files},
    {"stat-same", "stat", .prepare = ensure_small_files, .run = stat_same},
    {"stat-after-write", "stat", .before = open_log_file, .run = stat_after_write,
     .after = workload_close, .self_timed = true},
    {"open-read-close", "file", .prepare = ensure_small_files, .run = open_read_close},
    {"missing-same", "lookup", .prepare = ensure_small_files, .run = missing_same},
    {"missing-new", "lookup", .prepare = ensure_small_files, .run = missing_new},
    {"list-cold", "file", .prepare = ensure_list, .before = forget_names, .run = list_stat},
    {"list-warm", "file", .prepare = ensure_list, .run = list_stat},
    {0},
};
