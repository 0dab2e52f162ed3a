/*
 * Copying a directory tree with all that files have beside their data, as copy-up wants it: from a
 * container's root directory, whose processes may change it meanwhile, to where nobody else comes.
 *
 * Runs in any thread that has the daemon's ids and its capabilities, CAP_FSETID too (without it
 * the kernel drops set-group-id bits silently), and changes nothing of the process.
 */
#pragma once

#include "catalog/error.h"

#include <stdatomic.h>
#include <stdint.h>

/* What a copy has done so far; read by another thread while it goes on. */
struct copy_progress {
    _Atomic uint64_t bytes;
    _Atomic uint64_t entries;
};

/*
 * Copies all that is below the directory `from_fd` into the empty directory `to_fd` (both open for
 * reading), and has it on disk when it returns 0:
 *
 * - owners, modes, times of access and of change, extended attributes, ACLs, capabilities;
 * - data, with its holes; shared with the source where the file system can (FICLONE);
 * - hard links among what is copied, symbolic links, devices, fifos, sockets.
 *
 * No mount of the source is entered: a mount point comes as an empty directory or file that looks
 * like it. What vanishes meanwhile is left out; what changes meanwhile comes as it was at some
 * moment; a file is not followed beyond the size that it had when it was opened.
 *
 * Not copied, as it would be wrong on another file or in another place: security.selinux (the place
 * gives it), security.evm (a seal of the file it is on), trusted.overlay.* and user.overlay.* (of
 * overlayfs itself), user.volume.* (of our tree).
 *
 * The source is left as it is, but for the times of access of symbolic links, and of what is not
 * the daemon's where that is not root.
 *
 * `to_fd` itself is left as it is, but for a default ACL, which what is made in it would inherit;
 * copy_directory_attributes is for afterwards. Nobody else may change anything in it meanwhile.
 *
 * ERROR_NO_SPACE; -ECANCELED once *stop (may be NULL) is true; -EINVAL: the target lies in what is
 * copied; another negative errno. The text names the file, from the root of the copy on. What was
 * copied until then stays, for the caller to throw away.
 */
int copy_tree(int from_fd, int to_fd, struct copy_progress *progress, const atomic_bool *stop,
              struct error *e);

/*
 * Owner, mode, times, extended attributes and ACLs of the directory `from_fd` onto `to_fd`, by the
 * same rules. An ACL that only the latter has goes. Errors as above.
 */
int copy_directory_attributes(int from_fd, int to_fd, struct error *e);

/*
 * What copy_tree would count for the tree as it is now: bytes of regular files by their size, a
 * file with several names once; entries, each name one. 0; negative errno, -ECANCELED as above.
 */
int copy_measure(int from_fd, uint64_t *bytes, uint64_t *entries, const atomic_bool *stop);
