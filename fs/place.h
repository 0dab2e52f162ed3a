/*
 * The place of a file: which mount it is on, and where it is in that file system, whatever bind
 * mounts and links led to it.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct place {
    char path[PATH_MAX];  /* canonical, in our mount namespace */
    char inner[PATH_MAX]; /* from the root of its file system */
    dev_t device;         /* of that file system */
    bool is_tree;         /* a tree of volumes */
};

/* `fd` may be O_PATH. 0 or −errno: −ENODATA if its mount is not in our namespace. */
int place_of_fd(int fd, struct place *out);

/* Whether a clean path is the directory or below it. */
bool place_path_is_within(const char *path, const char *directory);
