/*
 * Names: looking them up, forgetting them, reading links; and what df asks.
 */
#include "fs/backing.h"
#include "fs/ops.h"
#include "fs/root.h"
#include "fs/view.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

static int node_lookup(fuse_req_t req, fuse_ino_t parent, const char *name,
                       struct fuse_entry_param *out)
{
    struct target dir;
    int err = target_enter(&dir, req, parent, OPERATION_LOOK);

    if (err)
        return err;
    if (strcmp(name, "..") == 0 && (dir.node->flags & NODE_VOLUME_ROOT))
        err = ESTALE; /* never above a volume, whatever the kernel was told to ask */
    else
        err = entry_lookup(dir.session, dir.node->volume, dir.fd, name, out);
    target_leave(&dir);
    if (err == ENOENT) { /* remembered as absent: what comes, comes through us */
        *out = (struct fuse_entry_param){.entry_timeout = TIMEOUT_FOREVER};
        err = 0;
    }
    return err;
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct session *session = session_of(req);
    struct fuse_entry_param e;
    int err;

    if (parent == FUSE_ROOT_ID)
        err = root_lookup(session, name, &e);
    else if (view_is(parent))
        err = view_lookup(session, parent, name, &e);
    else
        err = node_lookup(req, parent, name, &e);
    if (err)
        fuse_reply_err(req, err);
    else if (fuse_reply_entry(req, &e) == -ENOENT && e.ino)
        entry_drop(session, e.ino); /* the caller was killed: nobody counts the lookup */
}

static void forget_one(struct session *session, fuse_ino_t ino, uint64_t count)
{
    struct node_remains remains;

    if (ino == FUSE_ROOT_ID)
        return;
    if (view_is(ino)) {
        view_forget(session, ino, count);
        return;
    }
    node_forget(session->nodes, ino, count, &remains);
    remains_release(session, &remains);
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
    forget_one(session_of(req), ino, count);
    fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++)
        forget_one(session_of(req), forgets[i].ino, forgets[i].nlookup);
    fuse_reply_none(req);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
    char text[PATH_MAX + 1];
    struct target link;
    char *view = NULL;
    int err, n;

    if (view_is(ino)) {
        err = view_readlink(session_of(req), ino, &view);
        if (err)
            fuse_reply_err(req, err);
        else
            fuse_reply_readlink(req, view);
        free(view);
        return;
    }
    err = target_enter(&link, req, ino, OPERATION_LOOK);
    if (err) {
        fuse_reply_err(req, err);
        return;
    }
    n = backing_readlink(link.fd, text, sizeof(text) - 1);
    target_leave(&link);
    if (n < 0) {
        fuse_reply_err(req, -n);
        return;
    }
    text[n] = 0;
    fuse_reply_readlink(req, text);
}

/* A volume's size is what it uses and what it could still take; its use is its own. */
static void statfs_for_volume(struct session *session, struct volume_ref volume, struct statvfs *st)
{
    struct volume_entry entry;
    uint64_t bytes, inodes, blocks;

    if (!volume_table_get(session->table, volume, &entry) ||
        usage_get(session->usage, volume, entry.id, false, &bytes, &inodes) < 0)
        return;
    blocks = (bytes + st->f_frsize - 1) / st->f_frsize;
    st->f_blocks = st->f_bavail + blocks;
    st->f_bfree = st->f_bavail;
    st->f_files = st->f_ffree + inodes;
}

void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct session *session = session_of(req);
    struct statvfs st;
    struct target target;
    int err;

    if (ino == FUSE_ROOT_ID || view_is(ino)) {
        err = fstatvfs(store_fd(volumes_store(session->volumes)), &st) < 0 ? errno : 0;
    } else {
        err = target_enter(&target, req, ino, OPERATION_LOOK);
        if (!err) {
            err = fstatvfs(target.fd, &st) < 0 ? errno : 0;
            if (!err)
                statfs_for_volume(session, target.node->volume, &st);
            target_leave(&target);
        }
    }
    if (err)
        fuse_reply_err(req, err);
    else
        fuse_reply_statfs(req, &st);
}
