/*
 * Making files: each in the name of the caller, so that owners, inherited
 * groups and default ACLs come out as on the file system behind.
 */
#include "fs/backing.h"
#include "fs/cred.h"
#include "fs/ops.h"
#include "fs/root.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A directory in which something is made, and in whose name. */
static int creation_enter(struct target *dir, fuse_req_t req, fuse_ino_t parent)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    int err = target_enter(dir, req, parent, OPERATION_CHANGE);

    if (err)
        return err;
    err = -cred_assume(ctx->uid, ctx->gid, ctx->umask);
    if (err)
        target_leave(dir);
    return err;
}

/*
 * Set-group-id on a file: the kernel has taken it from callers who may not set
 * it, and would take it again from us, who are in none of the caller's groups.
 */
static bool set_gid_begin(mode_t mode)
{
    bool keep = (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);

    if (keep)
        cred_raise_fsetid();
    return keep;
}

static void set_gid_end(bool keep)
{
    if (keep)
        cred_lower_fsetid();
}

static void reply_made(fuse_req_t req, int err, const struct fuse_entry_param *e)
{
    if (err)
        fuse_reply_err(req, err);
    else if (fuse_reply_entry(req, e) == -ENOENT)
        entry_drop(session_of(req), e->ino);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    struct fuse_entry_param e = {0};
    struct target dir;
    bool keep;
    int err = creation_enter(&dir, req, parent);

    if (!err) {
        keep = set_gid_begin(mode);
        err = -backing_mknod(dir.fd, name, mode, rdev);
        set_gid_end(keep);
        if (!err)
            err = entry_lookup(dir.session, dir.node->volume, dir.fd, name, &e);
        target_leave(&dir);
    }
    reply_made(req, err, &e);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct fuse_entry_param e = {0};
    struct target dir;
    int err;

    if (parent == FUSE_ROOT_ID) {
        err = root_mkdir(session_of(req), req, name, mode, &e);
        reply_made(req, err, &e);
        return;
    }
    err = creation_enter(&dir, req, parent);
    if (!err) {
        err = -backing_mkdir(dir.fd, name, mode);
        if (!err)
            err = entry_lookup(dir.session, dir.node->volume, dir.fd, name, &e);
        target_leave(&dir);
    }
    reply_made(req, err, &e);
}

void op_symlink(fuse_req_t req, const char *text, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param e = {0};
    struct target dir;
    int err = creation_enter(&dir, req, parent);

    if (!err) {
        err = -backing_symlink(text, dir.fd, name);
        if (!err)
            err = entry_lookup(dir.session, dir.node->volume, dir.fd, name, &e);
        target_leave(&dir);
    }
    reply_made(req, err, &e);
}

static int link_into(const struct target *file, const struct target *dir, const char *name,
                     struct fuse_entry_param *e)
{
    int err = -backing_link(file->fd, dir->fd, name);

    return err ? err : entry_lookup(dir->session, dir->node->volume, dir->fd, name, e);
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
    struct fuse_entry_param e = {0};
    struct target file, dir;
    int err = target_enter(&file, req, ino, OPERATION_CHANGE);

    if (!err) {
        err = target_enter_beside(&dir, &file, req, new_parent);
        if (!err) {
            err = link_into(&file, &dir, new_name, &e);
            target_leave(&dir);
        }
        target_leave(&file);
    }
    reply_made(req, err, &e);
}

/* Takes over `fd` of a file just made: its entry, and it is open. */
static int creation_open(const struct target *dir, fuse_req_t req, int fd, const struct stat *st,
                         uint32_t flags, struct fuse_entry_param *e, struct fuse_file_info *fi)
{
    struct session *session = dir->session;
    int err = entry_make(session, dir->node->volume, fd, st, flags, e);
    struct node *node;

    if (err)
        return err;
    node = node_get(session->nodes, e->ino);
    fd = node_acquire_fd(session->nodes, node);
    if (fd < 0) {
        entry_drop(session, e->ino);
        return -fd;
    }
    open_file(session, req, node, fd, fi);
    node_release_fd(node);
    e->attr_timeout = attributes_timeout(session, node);
    return 0;
}

static void reply_created(fuse_req_t req, int err, const struct fuse_entry_param *e,
                          struct fuse_file_info *fi)
{
    if (err) {
        fuse_reply_err(req, err);
    } else if (fuse_reply_create(req, e, fi) == -ENOENT) {
        close_file(session_of(req), node_get(session_of(req)->nodes, e->ino), fi->flags);
        entry_drop(session_of(req), e->ino);
    }
}

static int create_in(const struct target *dir, fuse_req_t req, const char *name, mode_t mode,
                     struct fuse_entry_param *e, struct fuse_file_info *fi)
{
    bool keep = set_gid_begin(mode);
    struct stat st;
    int fd = backing_create(dir->fd, name, mode, !dir->session->passthrough, &st);

    set_gid_end(keep);
    /* the kernel believed the name absent: it shall look again, and check who may open that */
    if (fd == -EEXIST && !(fi->flags & O_EXCL))
        return ESTALE;
    return fd < 0 ? -fd : creation_open(dir, req, fd, &st, NODE_FD_REAL, e, fi);
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
               struct fuse_file_info *fi)
{
    struct fuse_entry_param e = {0};
    struct target dir;
    int err = creation_enter(&dir, req, parent);

    if (!err) {
        err = create_in(&dir, req, name, mode, &e, fi);
        target_leave(&dir);
    }
    reply_created(req, err, &e, fi);
}

/* A file without a name, as a descriptor that the node may keep (see struct data). */
static int tmpfile_make(const struct target *dir, mode_t mode, int exclusive, uint32_t *flags,
                        struct stat *st)
{
    bool keep = set_gid_begin(mode);
    int path, fd = backing_tmpfile(dir->fd, exclusive, mode, st);

    set_gid_end(keep);
    *flags = NODE_FD_REAL;
    if (fd < 0 || !dir->session->passthrough)
        return fd;
    *flags = 0;
    path = backing_reopen(fd, O_PATH);
    close(fd);
    return path;
}

void op_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi)
{
    struct fuse_entry_param e = {0};
    struct target dir;
    struct stat st;
    uint32_t flags;
    int fd, err = creation_enter(&dir, req, parent);

    if (!err) {
        fd = tmpfile_make(&dir, mode, fi->flags & O_EXCL, &flags, &st);
        err = fd < 0 ? -fd : creation_open(&dir, req, fd, &st, flags, &e, fi);
        target_leave(&dir);
    }
    reply_created(req, err, &e, fi);
}
