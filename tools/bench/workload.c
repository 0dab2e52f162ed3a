/*
 * bench-workload: runs one operation in the current directory in timed batches until enough time
 * was measured, and prints "NAME<tab>UNIT<tab>NS PER OPERATION<tab>OPERATIONS".
 *
 * It hides the timing from the operations. Batches repeat until --min-ms of timed work is done;
 * a wall-clock limit of a few times that ends an operation whose untimed part dominates.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "catalog/cleanup.h"
#include "tools/bench/number.h"
#include "tools/bench/workload.h"

enum { DIGITS = 6, WALL_FACTOR = 6, CLOCK_SAMPLES = 1000, WALK_FDS = 32 };

static const struct operation *const tables[] = {
    operations_data, operations_names, operations_files, operations_programs, operations_volumes,
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

struct arguments {
    const char *operation;
    const char *directory;
    uint64_t min_ns;
    bool list;
    struct workload workload;
};

uint64_t workload_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void workload_name(char *path, const char *prefix, unsigned i)
{
    size_t length = strlen(prefix);

    memcpy(path, prefix, length);
    path[length + DIGITS] = '\0';
    for (size_t at = length + DIGITS; at > length; i /= 10)
        path[--at] = (char)('0' + i % 10);
}

int workload_fail(struct workload *w, const char *call, const char *name)
{
    int r = errno > 0 ? -errno : -EIO;

    snprintf(w->failed, sizeof(w->failed), "%s %s", call, name);
    return r;
}

int workload_ensure_directory(struct workload *w, const char *name)
{
    if (mkdir(name, 0755) < 0 && errno != EEXIST)
        return workload_fail(w, "mkdir", name);
    return 0;
}

int workload_create_file(struct workload *w, const char *path, size_t bytes)
{
    _cleanup_(close_p) int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

    if (fd < 0)
        return workload_fail(w, "create", path);
    errno = 0;
    if (bytes > 0 && write(fd, w->buffer, bytes) != (ssize_t)bytes)
        return workload_fail(w, "write", path);
    return 0;
}

int workload_ensure_files(struct workload *w, const char *dir, unsigned files, size_t bytes)
{
    char path[NAME_SIZE];
    struct stat st;
    int r;

    snprintf(path, sizeof(path), "%s/f%06u", dir, files - 1);
    if (stat(path, &st) == 0)
        return 0;
    r = workload_ensure_directory(w, dir);
    for (unsigned i = 0; i < files && r == 0; i++) {
        snprintf(path, sizeof(path), "%s/f%06u", dir, i);
        r = workload_create_file(w, path, bytes);
    }
    return r;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path) < 0 ? -1 : 0;
}

int workload_remove_tree(struct workload *w, const char *path)
{
    if (nftw(path, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
        return workload_fail(w, "remove", path);
    return 0;
}

int workload_remove_new(struct workload *w)
{
    return workload_remove_tree(w, "new");
}

int workload_close(struct workload *w)
{
    int fd = w->fd;

    w->fd = -1;
    if (fd >= 0 && close(fd) < 0)
        return workload_fail(w, "close", "the batch's file");
    return 0;
}

/* The cost of one pair of clock readings, which a self-timed operation subtracts. */
static uint64_t measure_clock(void)
{
    uint64_t start = workload_clock();

    for (int i = 0; i < CLOCK_SAMPLES; i++)
        workload_clock();
    return (workload_clock() - start) / CLOCK_SAMPLES;
}

static int run_batch(const struct operation *op, struct workload *w, uint64_t *ns, uint64_t *done)
{
    uint64_t start;
    int r = op->before ? op->before(w) : 0;

    if (r < 0)
        return r;
    w->self_ns = 0;
    start = workload_clock();
    r = op->run(w, done);
    *ns += op->self_timed ? w->self_ns : workload_clock() - start;
    if (r == 0 && op->after)
        r = op->after(w);
    w->batch++;
    return r;
}

static int run_operation(const struct operation *op, struct workload *w, uint64_t min_ns)
{
    uint64_t ns = 0, done = 0, start;
    int r = op->prepare ? op->prepare(w) : 0;

    start = workload_clock();
    while (r == 0) {
        r = run_batch(op, w, &ns, &done);
        if (op->once || ns >= min_ns || workload_clock() - start >= min_ns * WALL_FACTOR)
            break;
    }
    if (w->fd >= 0)
        close(w->fd);
    if (r == 0 && done == 0)
        r = -EIO;
    if (r == 0)
        printf("%s\t%s\t%.1f\t%" PRIu64 "\n", op->name, op->unit, (double)ns / (double)done, done);
    return r;
}

static void list_operations(void)
{
    for (int t = 0; t < TABLES; t++)
        for (const struct operation *op = tables[t]; op->name; op++)
            if (!op->scale)
                printf("%s\t%s\n", op->name, op->unit);
}

static const struct operation *find_operation(const char *name)
{
    for (int t = 0; t < TABLES; t++)
        for (const struct operation *op = tables[t]; op->name; op++)
            if (strcmp(op->name, name) == 0)
                return op;
    return NULL;
}

enum { KEY_LIST = 256, KEY_FIRST, KEY_NUMBER };

static const struct argp_option options[] = {
    {"directory", 'C', "DIR", 0, "work in DIR", 0},
    {"scratch", 's', "DIR", 0, "keep the archive and the SQL in DIR, which is not measured", 0},
    {"size", 'z', "MIB", 0, "size of the data file (256)", 0},
    {"min-ms", 'm', "MS", 0, "measure for at least MS milliseconds (300)", 0},
    {"first", KEY_FIRST, "N", 0, "first volume of a scale step", 0},
    {"number", KEY_NUMBER, "N", 0, "volumes of a scale step", 0},
    {"list", KEY_LIST, NULL, 0, "print the operations and their units", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case 'C':
        a->directory = arg;
        return 0;
    case 's':
        a->workload.scratch = arg;
        return 0;
    case 'z':
        a->workload.data_size = parse_number(state, arg, 1, 65536) << 20;
        return 0;
    case 'm':
        a->min_ns = parse_number(state, arg, 1, 600000) * 1000000U;
        return 0;
    case KEY_FIRST:
        a->workload.first = parse_number(state, arg, 0, 1000000);
        return 0;
    case KEY_NUMBER:
        a->workload.number = parse_number(state, arg, 1, 1000000);
        return 0;
    case KEY_LIST:
        a->list = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->operation)
            argp_error(state, "one operation at a time");
        a->operation = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse_option,
    .args_doc = "OPERATION",
    .doc = "Time one operation of the benchmark in the current directory.",
};

int main(int argc, char **argv)
{
    struct arguments a = {
        .min_ns = 300000000U,
        .workload = {.data_size = 256U << 20, .number = 1, .fd = -1, .random = 88172645463325252U},
    };
    const struct operation *op;
    _cleanup_(free_p) char *buffer = NULL;
    int r;

    argp_parse(&parser, argc, argv, 0, NULL, &a);
    if (a.list) {
        list_operations();
        return 0;
    }
    op = a.operation ? find_operation(a.operation) : NULL;
    if (!op) {
        fprintf(stderr, "no operation '%s'; --list shows them\n", a.operation ? a.operation : "");
        return 2;
    }
    if (a.directory && chdir(a.directory) < 0) {
        fprintf(stderr, "%s: %s\n", a.directory, strerror(errno));
        return 1;
    }
    buffer = malloc(BLOCK_SIZE);
    if (!buffer) {
        fprintf(stderr, "no memory for a block of %d bytes\n", BLOCK_SIZE);
        return 1;
    }
    memset(buffer, 'v', BLOCK_SIZE);
    a.workload.buffer = buffer;
    a.workload.clock_ns = measure_clock();
    r = run_operation(op, &a.workload, a.min_ns);
    if (r < 0)
        fprintf(stderr, "%s: %s: %s\n", op->name, a.workload.failed, strerror(-r));
    return r < 0 ? 1 : 0;
}
