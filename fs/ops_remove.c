/*
 * Taking names away and moving them. No file is deleted here: the file system
 * behind does that when the last name and the last open file are gone.
 */
#include "fs/backing.h"
#include "fs/cred.h"
#include "fs/ops.h"
#include "fs/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

/* A name that is about to go, held until that is done. */
struct victim {
    struct node *node; /* NULL: nothing to hold */
};

/*
 * Where descriptors were short, a known file may have none, and is found again by its handle only
 * as long as it has a name: whoever holds it open or is in it would get ESTALE. It is opened before
 * its name goes, and a descriptor of a file without a name is never given up.
 */
static struct victim victim_hold(const struct target *dir, const char *name)
{
    struct node_table *nodes = dir->session->nodes;
    struct victim victim = {NULL};
    struct node_key key = {.volume = dir->node->volume.index};
    struct stat st;
    uint64_t id;

    if (!node_table_gave_up(nodes) || fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return victim;
    key.dev = st.st_dev;
    key.ino = st.st_ino;
    id = node_find(nodes, &key);
    victim.node = id ? node_get(nodes, id) : NULL; /* the kernel holds what it is asked to remove */
    if (victim.node && node_acquire_fd(nodes, victim.node) < 0)
        victim.node = NULL;
    return victim;
}

static void victim_release(const struct victim *victim)
{
    if (victim->node)
        node_release_fd(victim->node);
}

static void reply_removed(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
    struct victim victim;
    struct target dir;
    int err = target_enter(&dir, req, parent, OPERATION_CHANGE);

    if (!err) {
        victim = victim_hold(&dir, name);
        err = -backing_unlink(dir.fd, name, flags);
        victim_release(&victim);
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
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    struct target from, to;
    struct victim victim;
    int err = target_enter(&from, req, parent, OPERATION_CHANGE);

    if (err)
        return err;
    err = target_enter_beside(&to, &from, req, new_parent);
    if (!err) {
        if (flags & RENAME_WHITEOUT) /* makes a file, in the caller's name */
            err = -cred_assume(ctx->uid, ctx->gid, 0);
        if (!err) {
            victim = victim_hold(&to, new_name);
            err = -backing_rename(from.fd, name, to.fd, new_name, flags);
            victim_release(&victim);
        }
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
