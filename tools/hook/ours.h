/*
 * The mounts of a container that lie in volumes.
 */
#pragma once

#include "catalog/error.h"
#include "tools/hook/bundle.h"
#include "tools/hook/tree.h"

/* {0} is empty and safe to release. */
struct ours {
    struct our_mount {
        char *path;        /* of the volume, or in it, on the host */
        char *destination; /* absolute, clean */
        char *spec;        /* as --mount has it */
    } * items;
    size_t count;
};

/*
 * Collects them, in the order of mounting; of two at one destination only the later one, which is
 * what is seen. `directory` is the bundle's. 0 or -ENOMEM.
 */
int ours_collect(const struct bundle *bundle, const char *directory, const struct trees *trees,
                 struct ours *out);
void ours_deinit(struct ours *ours);
