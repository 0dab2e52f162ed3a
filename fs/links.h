/*
 * The files with several names that a walk has met: a hash table by device and
 * inode. What is kept of each is a number that is the walk's.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct link {
    dev_t dev;
    ino_t ino; /* 0: free */
    nlink_t left;
};

/* Zero is a valid empty value. */
struct links {
    struct link *items;
    size_t count;
    size_t size; /* of `items`: a power of two, or 0 */
};

/*
 * The record of a file, valid until the next call; a new one has `left` 0. NULL:
 * out of memory.
 */
struct link *links_get(struct links *links, dev_t dev, ino_t ino);

/* For a walk that only wants to know: 1 the file is new, 0 it was met before, negative errno. */
int links_add(struct links *links, dev_t dev, ino_t ino);

void links_deinit(struct links *links);
