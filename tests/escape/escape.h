/*
 * What a container may try against a volume, as tables.
 *
 * A route is a way to come to a directory of the volume: by other paths, descriptors, mounts,
 * namespaces, tasks, control groups. An attempt is one thing done there. Every attempt is made by
 * every route.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kind {
    KIND_CHANGE, /* alters the volume's data, names or attributes */
    KIND_LOOK,   /* learns of them */
    KIND_REACH,  /* comes to something outside the volume */
    KIND_RULE,   /* alters what the daemon keeps of the volume */
    KIND_COUNT,
};

/* What the attempts work on. Descriptors are O_PATH. */
struct place {
    const char *volume;       /* where the volume is mounted */
    const char *outside;      /* a name that no directory of the container has */
    const char *outside_tree; /* nor the whole tree */
    const char *device;       /* MAJOR:MINOR of the store's disk; NULL: unknown */
    const char *group;        /* the name of another container's control group */
    const char *joins; /* the groups of a container that may more; NULL: its own are not left */
    int own;           /* a volume that the container may write; −1: none */
    int tree;          /* the directory that both volumes lie in; −1: not given */
    const char *tree_volume, *tree_own; /* their names there */
    int held;                           /* the volume's root, from the program's start */
    int held_inner;                     /* the directory inner, likewise; −1: there is none */
    int dir;                            /* set by the route: the directory for the attempts */
    bool below;                         /* likewise: it is not the volume's root */
};

/* Answers 0 for done, −errno for refused. */
typedef int (*attempt_fn)(const struct place *place);

enum { NOT_HERE = 1 }; /* in place of that: what it needs is not there */

struct attempt {
    const char *family;
    const char *name;
    enum kind kind;
    bool racy; /* what it looks for may be missing just now */
    attempt_fn make;
};

typedef void (*go_fn)(struct place *place);

struct route {
    const char *family;
    const char *name;
    /* In a process of its own. Sets place->dir, calls `go` once, in whichever task, and answers 0
     * when that is over; −errno if there is no such way for this caller, NOT_HERE for anybody. */
    int (*take)(struct place *place, go_fn go);
    int also; /* an errno for which attempts may fail there too; ANY: as who is less than root */
};

enum { ANY = -1 };

#define TABLE(name)                                                                                \
    extern const struct attempt name[];                                                            \
    extern const size_t name##_count
TABLE(attempts_names);
TABLE(attempts_attributes);
TABLE(attempts_look);
TABLE(attempts_reach);
TABLE(attempts_rule);
TABLE(attempts_ring);
#undef TABLE

extern const struct route routes_path[], routes_mount[], routes_space[], routes_task[],
    routes_group[];
extern const size_t routes_path_count, routes_mount_count, routes_space_count, routes_task_count,
    routes_group_count;

/* A call's result as an attempt's. */
static inline int outcome(long result)
{
    return result < 0 ? -errno : 0;
}

/* The same of a descriptor, which is closed. */
int outcome_fd(int fd);
/* "/proc/thread-self/fd/N" and a name below it. */
enum { PROC_PATH_MAX = 256 };
const char *proc_path(char path[PROC_PATH_MAX], int fd, const char *name);
/* Mounts the mount at `path` writable, as far as it can be. */
int mount_writable(const char *path);

/* Makes in `dir`, and in its directory inner, what the attempts work on. −errno. */
int fixture_make(int dir);
/* Makes what is missing or altered in `dir` alone (AT_FDCWD too). */
int fixture_restore(int dir);
/* Swaps, renames and makes names of the fixture that the attempts follow, until it is killed. */
void fixture_race(int dir, const char *outside);
