/*
 * Inode numbers of the tree: one space for files of several backing file
 * systems, so that (st_dev, st_ino) is unique and find, tar, du and rsync tell
 * hard links from strangers. Pure; safe from any thread.
 *
 * The backing file system first seen (the store's) keeps its numbers; others
 * get theirs with a prefix. A number too large for a prefix is mapped to a
 * fresh one that is remembered.
 */
#pragma once

#include <stdint.h>

enum { INODE_NUMBER_BITS = 48, INODE_DEVICES_MAX = 0x7fff };

#define INODE_NUMBER_SYNTHETIC (UINT64_C(0xffff) << INODE_NUMBER_BITS)

struct inode_numbers; /* opaque */

struct inode_numbers *inode_numbers_new(uint64_t first_device); /* NULL: out of memory */
struct inode_numbers *inode_numbers_free(struct inode_numbers *numbers);

/* The number to show for inode `ino` of device `dev`; 0 when there are too many devices. */
uint64_t inode_number_map(struct inode_numbers *numbers, uint64_t dev, uint64_t ino);
