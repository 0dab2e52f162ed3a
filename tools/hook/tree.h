/*
 * Which paths of the host lie in volumes. Nothing here looks into a tree of volumes, or into any
 * other file system that may hang.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define TREE_DEFAULT "/mnt/volumes"

enum tree_kind {
    TREE_WHOLE,   /* all of a tree: the volumes are below it */
    TREE_PART,    /* a path of a tree, bound to another place */
    TREE_FOREIGN, /* another file system that may hang */
    TREE_LOCAL,   /* no such thing any more: covered by a local one */
};

/* {0} is empty and safe to release. */
struct trees {
    struct tree_mount {
        char *point; /* absolute, clean */
        dev_t device;
        enum tree_kind kind;
    } * mounts;
    size_t count;
};

/*
 * Reads a mountinfo (NULL: there is none). With `dirs` (absolute, not "/"), only these trees count,
 * mounted or not; without (count 0), all that are mounted, and TREE_DEFAULT. 0 or negative errno.
 */
int trees_read(FILE *mountinfo, char *const *dirs, size_t count, struct trees *out);
void trees_deinit(struct trees *trees);

/*
 * *out: `path` (absolute), clean and through symbolic links as far as the tree, if it lies in a
 * volume; else NULL, also for the whole of a tree. 0 or -ENOMEM.
 */
int trees_find(const struct trees *trees, const char *path, char **out);

/* Whether a text that could not be read has the path of a tree in it. */
bool trees_are_named(const struct trees *trees, const char *text, size_t length);
