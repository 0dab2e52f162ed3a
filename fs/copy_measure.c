/* What there is to copy: a walk that looks only. */
#include "fs/copy.h"

#include "fs/links.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct measure {
    uint64_t bytes;
    uint64_t entries;
    const atomic_bool *stop;
    struct links links;
    bool below; /* the root, which is not counted, has been entered */
};

static int measure_stopped(const struct measure *measure)
{
    return measure->stop && atomic_load_explicit(measure->stop, memory_order_relaxed) ? -ECANCELED
                                                                                      : 0;
}

static int measure_enter(void *context, const char *name, int fd, const struct stat *st)
{
    struct measure *measure = context;

    (void)name;
    (void)fd;
    (void)st;
    if (measure->below)
        measure->entries++;
    measure->below = true;
    return measure_stopped(measure);
}

static int measure_leave(void *context, int parent_fd, const char *name, int fd)
{
    (void)context;
    (void)parent_fd;
    (void)name;
    (void)fd;
    return 0;
}

/* What is mounted on a file is not copied, nor is a second name of one. */
static int measure_file(struct measure *measure, const struct statx *stx)
{
    int first = 1;

    measure->entries++;
    if (!S_ISREG(stx->stx_mode) || (stx->stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return 0;
    if (stx->stx_nlink > 1)
        first = links_add(&measure->links, makedev(stx->stx_dev_major, stx->stx_dev_minor),
                          stx->stx_ino);
    if (first > 0)
        measure->bytes += stx->stx_size;
    return first < 0 ? first : 0;
}

static int measure_entry(void *context, int parent_fd, const char *name)
{
    struct measure *measure = context;
    struct statx stx;

    if (measure_stopped(measure))
        return -ECANCELED;
    if (statx(parent_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_INO | STATX_SIZE, &stx) < 0)
        return errno == ENOENT ? 0 : -errno;
    return measure_file(measure, &stx);
}

/* A mount point counts by itself; what was a directory counts as what it is now. */
static int measure_refused(void *context, int parent_fd, const char *name, int r)
{
    if (r == -EXDEV || r == -ENOTDIR || r == -ELOOP)
        return measure_entry(context, parent_fd, name);
    return r == -ENOENT ? 0 : r;
}

static const struct walk_operations measure_operations = {
    .enter = measure_enter,
    .entry = measure_entry,
    .leave = measure_leave,
    .refused = measure_refused,
};

int copy_measure(int from_fd, uint64_t *bytes, uint64_t *entries, const atomic_bool *stop)
{
    struct measure measure = {.stop = stop};
    int r = walk_tree(from_fd, ".", &measure_operations, &measure);

    links_deinit(&measure.links);
    *bytes = measure.bytes;
    *entries = measure.entries;
    return r;
}
