/* Comparison of two trees in everything but times and inode numbers. */
#pragma once

#include <stddef.h>

/*
 * 0: equal; 1: not, and `what` says where and how. Compared: names, types,
 * modes, owners, link counts, which names are links of one file, sizes,
 * content, devices, link targets, extended attributes (ACLs are among them).
 * Reads as root.
 */
int tree_compare(int a, int b, char *what, size_t size);
