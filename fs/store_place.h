/*
 * Where a store may lie: never in a tree of ours, never around one. Private to
 * the store.
 */
#pragma once

#include "catalog/error.h"

/*
 * Checks that the directory held as `fd` (O_PATH will do) is neither on a tree of volumes nor
 * inside or around `mountpoint` (NULL: only the first). `path` is for texts.
 * ERROR_UNUSABLE_STORE or negative errno.
 */
int store_place_check(int fd, const char *path, const char *mountpoint, struct error *e);

/* The same for the directory that the store is to be made in: that one may be around the tree. */
int store_place_check_parent(int fd, const char *path, const char *mountpoint, struct error *e);
