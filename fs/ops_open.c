/*
 * Opening and closing files. Data goes by passthrough: the backing file is
 * registered with the kernel once per inode, and each later open is answered
 * with the known id, without a system call.
 *
 * Invariants: `backing_id` leaves NODE_BACKING_UNKNOWN once, by
 * compare-and-swap, and stays until the node ends. All opens of an inode at a time
 * go the same way (the kernel answers EIO to a mixture): the first decides,
 * in `opened`, and the choice ends with the last close.
 *
 * A file with set-id bits goes without passthrough: only then does the kernel
 * say with each write whether the writer may leave them.
 */
#include "fs/backing.h"
#include "fs/cred.h"
#include "fs/ops.h"
#include "fs/rules.h"
#include "fs/view.h"

#include <errno.h>
#include <fcntl.h>

static bool open_writes(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY;
}

/* The node's backing id, registered at need: > 0, or NODE_BACKING_OFF where that cannot be. */
static int backing_id(fuse_req_t req, struct node *node, int fd)
{
    int known = atomic_load(&node->backing_id);
    struct stat st;
    int id;

    if (known != NODE_BACKING_UNKNOWN)
        return known;
    /* The kernel keeps the credentials of this moment for the data path: the owner's, for quotas.
     */
    if (backing_stat(fd, &st) < 0 || cred_assume(st.st_uid, st.st_gid, 0) < 0)
        id = NODE_BACKING_OFF;
    else
        id = fuse_passthrough_open(req, fd);
    if (id <= 0)
        id = NODE_BACKING_OFF;
    if (atomic_compare_exchange_strong(&node->backing_id, &known, id))
        return id;
    if (id > 0)
        fuse_passthrough_close(req, id); /* another thread was faster */
    return known;
}

/* Counts an open. True if it goes by passthrough: as asked for by the first, as that was for the
 * rest. */
static bool open_join(struct node *node, bool passthrough)
{
    uint64_t opened = atomic_load(&node->opened), joined;

    do {
        joined = opened + 1;
        if (!(opened & NODE_OPENS))
            joined = 1 | (passthrough ? NODE_OPENED_PASSTHROUGH : 0);
    } while (!atomic_compare_exchange_weak(&node->opened, &opened, joined));
    return joined & NODE_OPENED_PASSTHROUGH;
}

void open_file(struct session *session, fuse_req_t req, struct node *node, int fd,
               struct fuse_file_info *fi)
{
    int id = session->passthrough && !atomic_load(&node->set_id) ? backing_id(req, node, fd)
                                                                 : NODE_BACKING_OFF;

    atomic_fetch_add(&session->open_files, 1);
    if (open_writes(fi->flags))
        atomic_fetch_add(&node->writers, 1);
    fi->fh = 0;
    fi->noflush = 1;
    fi->parallel_direct_writes = 1;
    if (open_join(node, id > 0)) {
        fi->backing_id = atomic_load(&node->backing_id);
        if (open_writes(fi->flags))
            atomic_fetch_add(&node->written, 1);
    } else {
        fi->keep_cache = !session->passthrough; /* else what the page cache has may be older */
    }
    if (open_writes(fi->flags))
        rules_check_writer(session, node);
}

void close_file(struct session *session, struct node *node, int flags)
{
    if (open_writes(flags))
        atomic_fetch_sub(&node->writers, 1);
    atomic_fetch_sub(&node->opened, 1);
    atomic_fetch_sub(&session->open_files, 1);
}

int open_truncate(fuse_req_t req, struct node *node, int fd, const struct fuse_file_info *fi)
{
    bool kept;
    int r;

    if (!(fi->flags & O_TRUNC))
        return 0;
    kept = data_change_begin(req, node, kills_set_id(fi));
    r = backing_truncate(fd, node_fd_is_real(node), 0);
    data_change_end(kept);
    return -r;
}

/*
 * Attributes that the kernel has from before this open would hide stores
 * through a shared mapping: it is told to ask again. By attributes only (offset −1), which takes no
 * lock that a waiting request could hold.
 */
static void open_expire_attributes(struct session *session, fuse_ino_t ino)
{
    fuse_lowlevel_notify_inval_inode(session->fuse, ino, -1, 0);
}

static int open_node(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    bool change = open_writes(fi->flags) || (fi->flags & O_TRUNC);
    struct target file;
    int err = target_enter(&file, req, ino, change ? OPERATION_CHANGE : OPERATION_READ);

    if (err)
        return err;
    err = open_truncate(req, file.node, file.fd, fi);
    if (!err)
        open_file(file.session, req, file.node, file.fd, fi);
    target_leave(&file);
    if (!err && open_writes(fi->flags))
        open_expire_attributes(file.session, ino);
    return err;
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct session *session = session_of(req);
    int err = 0;

    if (view_is(ino)) {
        fi->direct_io = 1;
        err = open_writes(fi->flags) ? EPERM : 0;
    } else {
        err = open_node(req, ino, fi);
    }
    if (err)
        fuse_reply_err(req, err);
    else if (fuse_reply_open(req, fi) == -ENOENT && !view_is(ino))
        close_file(session, node_get(session->nodes, ino), fi->flags);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct session *session = session_of(req);
    struct node *node = view_is(ino) ? NULL : node_get(session->nodes, ino);

    if (node) {
        close_file(session, node, fi->flags);
        if (open_writes(fi->flags)) {
            usage_mark_changed(session->usage, node->volume);
            if (atomic_load(&node->writers) == 0)
                open_expire_attributes(session, ino);
        }
    }
    fuse_reply_err(req, 0);
}
