/*
 * Taking names away and moving them. No file is deleted here: the file system
 * behind does that when the last name and the last open file are gone.
 */
#include "fs/backing.h"
#include "fs/ops.h"
#include "fs/root.h"

#include <errno.h>
#include <fcntl.h>

static void reply_removed(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
    struct target dir;
    int err = target_enter(&dir, req, parent, OPERATION_CHANGE);

    if (!err) {
        err = -backing_unlink(dir.fd, name, flags);
        target_leave(&dir);
    }
    fuse_reply_err(req, err);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    reply_removed(req, parent, name, 0);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    if (parent == FUSE_ROOT_ID)
        fuse_reply_err(req, root_rmdir(session_of(req), name));
    else
        reply_removed(req, parent, name, AT_REMOVEDIR);
}

static int rename_between(fuse_req_t req, fuse_ino_t parent, const char *name,
                          fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
    struct target from, to;
    int err = target_enter(&from, req, parent, OPERATION_CHANGE);

    if (err)
        return err;
    err = target_enter(&to, req, new_parent, OPERATION_CHANGE);
    if (!err) {
        if (from.node->volume.index != to.node->volume.index)
            err = EXDEV;
        else
            err = -backing_rename(from.fd, name, to.fd, new_name, flags);
        target_leave(&to);
    }
    target_leave(&from);
    return err;
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
               const char *new_name, unsigned flags)
{
    int err;

    if (parent == FUSE_ROOT_ID && new_parent == FUSE_ROOT_ID)
        err = root_rename(session_of(req), name, new_name, flags);
    else if (parent == FUSE_ROOT_ID || new_parent == FUSE_ROOT_ID)
        err = EXDEV; /* a volume is not a directory of another, nor the other way round */
    else
        err = rename_between(req, parent, name, new_parent, new_name, flags);
    fuse_reply_err(req, err);
}
