/*
 * Mounting the tree. With root by the kernel's own mount calls, so that
 * options reach it unparsed by others and the mount is put in its place only
 * when somebody answers behind it; otherwise by the set-uid helper of libfuse.
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct mount; /* opaque */

/*
 * Checks the place: a directory, empty (or `nonempty` in options), no live
 * volumefs on it; a dead one (ENOTCONN) is cleared away.
 */
int mount_check_place(const char *mountpoint, bool nonempty, struct error *e);

/*
 * What /proc/mounts has as the source of a tree, up to MOUNT_SOURCE_MAX bytes: `given` (which may
 * be NULL) if it is a word and no path, as in a line of fstab, which mount(8) looks for there; else
 * the store's path, by which trees can be told apart; or "volumefs" if that is too long for the
 * kernel, or has what fusermount3(1) would misunderstand.
 */
enum { MOUNT_SOURCE_MAX = 255 }; /* fsconfig(2) */
const char *mount_source(const char *given, const char *store);

/*
 * Opens /dev/fuse and makes a file system instance that is not attached
 * anywhere yet. `*device` is the descriptor to serve. ERROR_DENIED: not
 * permitted to this user (use mount_by_helper's way: libfuse).
 * `source`: see mount_source. `options`: comma-separated, backslash or double quotes protect a
 * comma. `context`: SELinux's label of all that is in it; "" that of the policy.
 */
int mount_prepare(struct mount **out, const char *source, const char *options, const char *context,
                  int *device, struct error *e);
/* The device number of the instance (st_dev of everything in it); asks nobody. 0 or −errno. */
int mount_device(const struct mount *mount, dev_t *device);
/* Attaches it at the mount point: now it can be seen. */
int mount_attach(struct mount *mount, const char *mountpoint, struct error *e);
struct mount *mount_free(struct mount *mount);

/* Takes the mount point off: 0 done, 1 busy and detached lazily, −errno. */
int mount_detach(const char *mountpoint);
