/*
 * The node table: what the daemon remembers of every inode the kernel knows.
 *
 * A node lives in a fixed-size slot without pointers, addressed by index and
 * generation, which together are the FUSE nodeid: a stale nodeid never reaches
 * another file's slot. The kernel's lookup count keeps a slot alive, so a
 * handler may use the slot of the nodeid it was called with without a lock.
 *
 * A slot's descriptor may be given up under pressure and found again by file
 * handle; node_acquire_fd pins it for the time of a call.
 *
 * Pure but for close(2) and the handle calls given to node_table_new.
 */
#pragma once

#include "fs/table.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { NODE_HANDLE_MAX = 40, NODE_TABLE_SLOTS_DEFAULT = 16 << 20 };

enum node_flag {
    NODE_VOLUME_ROOT = 1 << 0,
    NODE_DIRECTORY = 1 << 1,
    NODE_REGULAR = 1 << 2,
    NODE_SYMLINK = 1 << 3,
    NODE_FD_REAL = 1 << 4, /* for node_intern: the descriptor is open for data */
};

/* What makes two lookups mean the same file. */
struct node_key {
    uint32_t volume; /* index in the volume table */
    uint64_t dev;
    uint64_t ino;
};

/* A file handle of the backing file system (open_by_handle_at(2)); size 0: none. */
struct node_handle {
    int32_t type;
    uint8_t size;
    uint8_t bytes[NODE_HANDLE_MAX];
};

#define NODE_OPENS              UINT64_C(0xffffffff)
#define NODE_OPENED_PASSTHROUGH (UINT64_C(1) << 32)

enum node_backing { NODE_BACKING_UNKNOWN = 0, NODE_BACKING_OFF = -1 };

/*
 * Fields marked (lock) belong to the shard's lock inside node.c; the others
 * are atomic or do not change while the node lives.
 */
struct node {
    struct node_key key;
    struct volume_ref volume;
    uint32_t generation;       /* (lock) grows with each life of the slot */
    uint32_t next;             /* (lock) next slot in the hash chain or free list */
    uint64_t lookups;          /* (lock) what the kernel counts */
    uint32_t flags;            /* node_flag */
    _Atomic uint64_t pinned;   /* descriptor and its pins, see node.c */
    _Atomic int backing_id;    /* passthrough id > 0, or node_backing */
    _Atomic uint64_t opened;   /* files open (NODE_OPENS), and how: see ops_open.c */
    _Atomic uint32_t writers;  /* of them for writing */
    _Atomic bool set_id;       /* its mode may have set-id bits */
    _Atomic int list_fd;       /* directory being listed, parked between calls, or −1 */
    _Atomic uint32_t written;  /* opens for writing since its data was last known to rest */
    struct node_handle handle; /* once the descriptor was given up */
};

/* What a freed slot held, to be released without a lock: descriptors (−1: none) and a backing id
 * (≤ 0: none). */
struct node_remains {
    int fd;
    int list_fd;
    int backing_id;
};

/* How descriptors become file handles and back, for a table that gives descriptors up. */
struct node_handles {
    /* False: none to be had, or the file has no name left and would be lost. */
    bool (*from_fd)(void *context, int fd, struct node_handle *out);
    int (*to_fd)(void *context, const struct node *node); /* new O_PATH fd or −errno */
    /* A node ended while it was looked at; called with no lock held. */
    void (*release)(void *context, const struct node_remains *remains);
    void *context;
};

struct node_table; /* opaque */

/* `fd_limit`: above it descriptors of idle nodes are given up (0: never, and `handles` may be
 * NULL). NULL: no memory. */
struct node_table *node_table_new(uint32_t slots, uint32_t fd_limit,
                                  const struct node_handles *handles);
/* Closes what the nodes hold. */
struct node_table *node_table_free(struct node_table *table);

/*
 * Finds or makes the node of `key` and counts one lookup. Takes ownership of
 * `fd` (an O_PATH or real descriptor of the file; a node that has one closes
 * it). `*id` gets the nodeid. 0, -ENFILE when the table is full.
 */
int node_intern(struct node_table *table, const struct node_key *key, struct volume_ref volume,
                uint32_t flags, int fd, uint64_t *id);

/*
 * The slot of a nodeid the kernel holds. NULL for one it cannot hold (a bug or
 * a forged request).
 */
struct node *node_get(struct node_table *table, uint64_t id);
uint64_t node_id(const struct node_table *table, const struct node *node);

/* Takes back `count` lookups; at zero the slot is free and *remains is what it held. */
void node_forget(struct node_table *table, uint64_t id, uint64_t count,
                 struct node_remains *remains);

/* The nodeid of a key if the kernel knows it, 0 otherwise. */
uint64_t node_find(struct node_table *table, const struct node_key *key);

/*
 * The node's descriptor, pinned until node_release_fd: O_PATH, or real where
 * data was asked for. Reopened by handle if it was given up. −errno.
 */
int node_acquire_fd(struct node_table *table, struct node *node);
void node_release_fd(struct node *node);
/* True if the descriptor (pinned by the caller) is open for data; false: O_PATH. */
bool node_fd_is_real(struct node *node);
/* Says so, when the caller has put a real description in the (pinned) descriptor's place by
 * dup3(2). */
void node_set_fd_real(struct node *node);

/*
 * Keeps a descriptor of a directory that is being listed, for the next call: takes `fd` over. Only
 * one is kept; it is given up like the node's own.
 */
void node_park_list(struct node_table *table, struct node *node, int fd);
/* The kept one, the caller's now, wherever it stands; −1: none. */
int node_take_list(struct node_table *table, struct node *node);

/* Whether descriptors were ever given up, so that a known file may have none. */
bool node_table_gave_up(struct node_table *table);

/*
 * Visits the nodes of a volume that are open for writing or were (`written`), each held, with no
 * lock. For rare changes: it looks at every slot in use.
 */
void node_each_writer(struct node_table *table, struct volume_ref volume,
                      void (*visit)(void *context, struct node *node), void *context);

/* The same of those that have none of the flags (node_flag). */
void node_each_without(struct node_table *table, struct volume_ref volume, uint32_t without,
                       void (*visit)(void *context, struct node *node), void *context);

struct node_counts {
    uint64_t nodes;
    uint64_t descriptors;
};
void node_table_count(struct node_table *table, struct node_counts *out);
