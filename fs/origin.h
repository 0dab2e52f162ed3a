/*
 * A directory of an engine's that is taken over as a volume's data, or that gets data back.
 *
 * What is in it was made by containers; the parts of its path are the engine's own. It is opened
 * once, following no link, and reached by descriptors and single names from there on.
 */
#pragma once

#include "catalog/error.h"
#include "fs/place.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct origin {
    char *path;
    const char *name; /* the last part of `path` */
    int parent_fd;    /* open for reading */
    int fd;           /* the directory itself, open for reading; −1 with origin_open_parent */
    struct place place;
};

#define ORIGIN_INIT                                                                                \
    {                                                                                              \
        .parent_fd = -1, .fd = -1                                                                  \
    }

/*
 * `path` is absolute and clean. ERROR_NOT_FOUND: it is not there; ERROR_REQUEST_INVALID: it is no
 * directory, has a link on its way, or is a mount of its own.
 */
int origin_open(struct origin *out, const char *path, struct error *e);
/* Its parent only. */
int origin_open_parent(struct origin *out, const char *path, struct error *e);
void origin_deinit(struct origin *origin);

/*
 * Engines mount their directory upon itself (dockerd does, where / is a private mount), and nothing
 * is renamed from one mount to another. If it is on the file system of `fd`, reaches for the parent
 * anew, on the mount of that. What cannot be reached so stays as it is.
 */
void origin_reach(struct origin *origin, int fd);

/* ERROR_REQUEST_INVALID: it is in the store, around it, or in a tree of volumes. */
int origin_check_place(const struct origin *origin, int store_fd, const char *store_path,
                       struct error *e);
/*
 * ERROR_IN_USE: it, or something in it, is mounted somewhere, in any mount namespace (a container
 * that has it runs), or something is mounted in it.
 */
int origin_check_unused(const struct origin *origin, struct error *e);
/* It has been moved, and is what `fd` is: who has it mounted has that. 0 or −errno. */
int origin_follow(struct origin *origin, int fd);
/* ERROR_NOT_EMPTY: there is something already, other than an empty directory. */
int origin_check_free(const struct origin *origin, struct error *e);

/* Whether it could be renamed into `fd`, as far as can be told before. */
bool origin_is_near(const struct origin *origin, int fd);

/* The time that a file changed from now on has, at least. */
void origin_clock(struct timespec *now);
/*
 * Whether any file of the tree below the directory `fd` has been changed since: 1, 0, −ECANCELED or
 * another −errno. By the times of change (ctime), which nobody can set.
 */
int origin_changed_since(int fd, const struct timespec *since, const atomic_bool *stop);

/* Removes what is called `name` with all below it, if it is there. 0 or −errno. */
int origin_remove(int parent_fd, const char *name);
