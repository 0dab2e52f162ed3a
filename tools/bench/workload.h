/*
 * The benchmark's workload program: one operation, run in the current directory in timed batches.
 *
 * An operation is a row of a table (ops_*.c). `prepare` leaves what the operation needs and keeps
 * it for the next run; `before` and `after` surround every batch and are not timed; `run` is.
 * All of them return 0 or -errno, and name what failed with workload_fail().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SMALL_FILES = 1000, /* files of one batch of a metadata operation */
    LIST_FILES = 2000,  /* files of the directory that is listed */
    TREE_FILES = 3000,  /* files of the archive and of the git repository */
    TRANSACTIONS = 200, /* of one batch of the SQLite operations */
    NAME_SIZE = 512,
};

struct workload {
    const char *scratch;    /* directory outside the measured system: archive, SQL */
    uint64_t data_size;     /* bytes of the file that is read and written */
    uint64_t first, number; /* of the volumes, for the scale operations */
    int fd;                 /* the batch's open file, -1 when none */
    char *buffer;           /* one block, BLOCK_SIZE */
    uint64_t random;        /* state of the generator of offsets */
    unsigned batch;         /* how many batches went before */
    uint64_t clock_ns;      /* what reading the clock costs */
    uint64_t self_ns;       /* a self-timed operation adds its time here */
    char failed[NAME_SIZE]; /* the call and the name that failed */
};

enum { BLOCK_SIZE = 1 << 20 };

struct operation {
    const char *name;
    const char *unit; /* what one operation is: "file", "4 KiB", ... */
    int (*prepare)(struct workload *w);
    int (*before)(struct workload *w);
    int (*run)(struct workload *w, uint64_t *done);
    int (*after)(struct workload *w);
    bool self_timed; /* run() measures the part that counts */
    bool once;       /* one batch only */
    bool scale;      /* a step of the scale test, not a row of the comparison */
};

/* Each ends with a row whose name is NULL. */
extern const struct operation operations_data[];
extern const struct operation operations_names[];
extern const struct operation operations_files[];
extern const struct operation operations_programs[];
extern const struct operation operations_volumes[];

uint64_t workload_clock(void); /* ns */

/*
 * Writes `prefix` and six digits to `path` (NAME_SIZE). By hand, because printf would be a tenth of
 * a stat() and hide that much of a difference.
 */
void workload_name(char *path, const char *prefix, unsigned i);

/* Remembers what failed; returns -errno (-EIO where the call set none). */
int workload_fail(struct workload *w, const char *call, const char *name);

/* Creates the directory unless it is there. */
int workload_ensure_directory(struct workload *w, const char *name);

/* Creates DIR and in it files "f000000" .. with `bytes` bytes each, unless the last one is there.
 */
int workload_ensure_files(struct workload *w, const char *dir, unsigned files, size_t bytes);

int workload_create_file(struct workload *w, const char *path, size_t bytes);

/* Removes a directory and all below it; no error when it is absent. */
int workload_remove_tree(struct workload *w, const char *path);

/* The shared `after` of operations that fill the directory "new". */
int workload_remove_new(struct workload *w);

/* Closes w->fd if it is open. */
int workload_close(struct workload *w);
