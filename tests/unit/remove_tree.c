/* See remove_tree.h. */
#include "tests/unit/remove_tree.h"

#include <ftw.h>
#include <stdio.h>

enum { DESCRIPTORS = 16 };

static int entry_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int remove_tree(const char *path)
{
    return nftw(path, entry_remove, DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
