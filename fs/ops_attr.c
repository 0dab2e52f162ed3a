/*
 * Attributes: reading them, and changing mode, owner, size and times.
 */
#include "fs/backing.h"
#include "fs/cred.h"
#include "fs/ops.h"
#include "fs/root.h"
#include "fs/view.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Attributes of whatever a nodeid stands for, and how long they hold. 0 or errno. */
static int any_attributes(fuse_req_t req, fuse_ino_t ino, struct stat *st, double *timeout)
{
    struct session *session = session_of(req);
    struct target target;
    int err;

    *timeout = 0;
    if (ino == FUSE_ROOT_ID) {
        root_attributes(session, st);
        *timeout = TIMEOUT_FOREVER;
        return 0;
    }
    if (view_is(ino))
        return view_attributes(session, ino, st);
    err = target_enter(&target, req, ino, OPERATION_LOOK);
    if (err)
        return err;
    *timeout = attributes_timeout(target.session, target.node);
    err = -backing_stat(target.fd, st);
    target_leave(&target);
    attributes_present(session, st);
    return err;
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct stat st;
    double timeout;
    int err = any_attributes(req, ino, &st, &timeout);

    (void)fi;
    if (err)
        fuse_reply_err(req, err);
    else
        fuse_reply_attr(req, &st, timeout);
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
static void statx_from_stat(const struct stat *st, struct statx *stx)
{
    *stx = (struct statx){
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = (uint32_t)st->st_blksize,
        .stx_nlink = (uint32_t)st->st_nlink,
        .stx_uid = st->st_uid,
        .stx_gid = st->st_gid,
        .stx_mode = (uint16_t)st->st_mode,
        .stx_ino = st->st_ino,
        .stx_size = (uint64_t)st->st_size,
        .stx_blocks = (uint64_t)st->st_blocks,
        .stx_atime = {.tv_sec = st->st_atim.tv_sec, .tv_nsec = (uint32_t)st->st_atim.tv_nsec},
        .stx_mtime = {.tv_sec = st->st_mtim.tv_sec, .tv_nsec = (uint32_t)st->st_mtim.tv_nsec},
        .stx_ctime = {.tv_sec = st->st_ctim.tv_sec, .tv_nsec = (uint32_t)st->st_ctim.tv_nsec},
    };
}

static int node_statx(fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct statx *stx,
                      double *timeout)
{
    struct target target;
    int err = target_enter(&target, req, ino, OPERATION_LOOK);

    if (err)
        return err;
    *timeout = attributes_timeout(target.session, target.node);
    if (statx(target.fd, "", AT_EMPTY_PATH | (flags & AT_STATX_SYNC_TYPE), (unsigned)mask, stx) < 0)
        err = errno;
    target_leave(&target);
    stx->stx_ino = inode_number_map(target.session->numbers,
                                    makedev(stx->stx_dev_major, stx->stx_dev_minor), stx->stx_ino);
    return err;
}

/* Asked only for what stat(2) does not have: the time of birth. */
void op_statx(fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *fi)
{
    struct statx stx = {0};
    struct stat st;
    double timeout;
    int err;

    (void)fi;
    if (ino == FUSE_ROOT_ID || view_is(ino)) {
        err = any_attributes(req, ino, &st, &timeout);
        statx_from_stat(&st, &stx);
    } else {
        err = node_statx(req, ino, flags, mask, &stx, &timeout);
    }
    if (err)
        fuse_reply_err(req, err);
    else
        fuse_reply_statx(req, 0, &stx, timeout);
}
#endif

/* The kernel has cleared set-id bits that the caller may not set; what is left is to be kept. */
static int set_mode(const struct target *target, mode_t mode)
{
    int r;

    if (!(mode & S_ISGID))
        return backing_chmod(target->fd, mode);
    cred_raise_fsetid();
    r = backing_chmod(target->fd, mode);
    cred_lower_fsetid();
    return r;
}

/* A change of owner takes set-id bits off as a change of data does, for the kernel's own reasons.
 */
static int set_owner(fuse_req_t req, const struct target *target, const struct stat *attr,
                     int valid)
{
    bool kept = data_change_begin(req, target->node, false);
    int r = backing_chown(target->fd, valid & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1,
                          valid & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1);

    data_change_end(kept);
    return r;
}

static int set_size(fuse_req_t req, const struct target *target, off_t size, int valid)
{
    bool kept = data_change_begin(req, target->node, valid & FUSE_SET_ATTR_KILL_SUID);
    int r = backing_truncate(target->fd, node_fd_is_real(target->node), size);

    data_change_end(kept);
    return r;
}

static int set_times(const struct target *target, const struct stat *attr, int valid)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

    if (valid & FUSE_SET_ATTR_ATIME_NOW)
        times[0].tv_nsec = UTIME_NOW;
    else if (valid & FUSE_SET_ATTR_ATIME)
        times[0] = attr->st_atim;
    if (valid & FUSE_SET_ATTR_MTIME_NOW)
        times[1].tv_nsec = UTIME_NOW;
    else if (valid & FUSE_SET_ATTR_MTIME)
        times[1] = attr->st_mtim;
    return backing_utimens(target->fd, times);
}

enum {
    SET_OWNER = FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID,
    SET_TIMES = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                FUSE_SET_ATTR_MTIME_NOW,
};

static int set_attributes(fuse_req_t req, const struct target *target, const struct stat *attr,
                          int valid)
{
    int r = 0;

    if (valid & SET_OWNER)
        r = set_owner(req, target, attr, valid);
    if (r == 0 && (valid & FUSE_SET_ATTR_MODE))
        r = set_mode(target, attr->st_mode & 07777);
    if (r == 0 && (valid & FUSE_SET_ATTR_SIZE))
        r = set_size(req, target, attr->st_size, valid);
    if (r == 0 && (valid & SET_TIMES))
        r = set_times(target, attr, valid);
    return r;
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int valid,
                struct fuse_file_info *fi)
{
    struct target target;
    struct stat st;
    double timeout;
    int err = target_enter(&target, req, ino, OPERATION_CHANGE);

    (void)fi;
    if (err) {
        fuse_reply_err(req, err);
        return;
    }
    err = -set_attributes(req, &target, attr, valid);
    if (!err)
        err = -backing_stat(target.fd, &st);
    if (!err)
        node_note_mode(target.node, st.st_mode);
    /* a kernel does not see that a directory's have expired meanwhile, if this answer is older */
    timeout =
        target.node->flags & NODE_DIRECTORY ? 0 : attributes_timeout(target.session, target.node);
    target_leave(&target);
    if (err) {
        fuse_reply_err(req, err);
        return;
    }
    attributes_present(session_of(req), &st);
    fuse_reply_attr(req, &st, timeout);
}
