/*
 * Extended attributes: those of files go to the files behind; a volume's root
 * has, besides, the told ones of vxattr.h.
 */
#include "fs/backing.h"
#include "fs/caller.h"
#include "fs/cred.h"
#include "fs/ops.h"
#include "fs/view.h"
#include "fs/vxattr.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void identify(fuse_req_t req, struct caller *caller)
{
    caller_identify(fuse_req_ctx(req)->pid, caller);
}

/*
 * SELinux's label of a file is its volume's, and no file has another: what the file system behind
 * has is of another place. Where SELinux is on the kernel answers by itself, of the mount, and asks
 * nobody; where it is off, the context is shown that was asked for or will be enforced.
 */
static bool is_context(const char *name)
{
    return strcmp(name, "security.selinux") == 0;
}

/* With its NUL, as the kernel tells it. 0 or ENODATA. */
static int context_tell(const struct target *target, char *out, size_t size, size_t *length)
{
    char context[CONTEXT_MAX + 1];

    if (!volume_table_context(target->session->table, target->node->volume, context))
        return ENODATA;
    *length = strlen(context) + 1;
    if (*length <= size)
        memcpy(out, context, *length);
    return 0;
}

/* trusted.* is for the host's administrator, whatever capabilities a container has. */
static bool xattr_is_hidden(fuse_req_t req, const char *name, struct caller *caller)
{
    if (!has_prefix(name, "trusted."))
        return false;
    identify(req, caller);
    return caller->kind != CALLER_HOST;
}

/*
 * Of a change. A file has no SELinux label of its own here: ENOTSUP is what engines that relabel a
 * tree take for a file system without labels. They end with the first file, and without an error.
 */
static int xattr_decide(fuse_req_t req, const struct target *target, const char *name)
{
    struct asker asker = {0};

    if (is_context(name))
        return ENOTSUP;
    if (!xattr_is_hidden(req, name, &asker.caller))
        return 0;
    denial_note(req, target->node->volume, &asker, OPERATION_CHANGE, RULE_ADMINISTRATION);
    return EPERM;
}

static enum operation change_of(const char *name)
{
    return is_context(name) ? OPERATION_LOOK : OPERATION_CHANGE;
}

/* True if the target is a volume's root and `name` one of the told attributes. */
static bool is_told(const struct target *target, const char *name)
{
    return (target->node->flags & NODE_VOLUME_ROOT) && vxattr_is(name);
}

/* Answers a value, or its length when `size` is 0. */
static void reply_value(fuse_req_t req, int err, const char *value, size_t length, size_t size)
{
    if (!err && size && length > size)
        err = ERANGE;
    if (err)
        fuse_reply_err(req, err);
    else if (size == 0)
        fuse_reply_xattr(req, length);
    else
        fuse_reply_buf(req, value, length);
}

static bool caller_in_group(fuse_req_t req, gid_t gid)
{
    gid_t groups[NGROUPS_MAX / 64];
    int count;

    if (fuse_req_ctx(req)->uid == 0 || fuse_req_ctx(req)->gid == gid)
        return true;
    count = fuse_req_getgroups(req, (int)(sizeof(groups) / sizeof(*groups)), groups);
    for (int i = 0; i < count && i < (int)(sizeof(groups) / sizeof(*groups)); i++)
        if (groups[i] == gid)
            return true;
    return false;
}

/*
 * An access ACL sets mode bits, and the file system behind clears
 * set-group-id if the setter is not in the file's group: the caller, not us.
 */
static int set_acl(fuse_req_t req, const struct target *target, const char *name, const char *value,
                   size_t size, int flags)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    bool real = node_fd_is_real(target->node);
    struct stat st;
    bool keep;
    int r = backing_stat(target->fd, &st);

    if (r == 0)
        r = cred_assume(ctx->uid, ctx->gid, 0);
    if (r < 0)
        return -r;
    keep = (st.st_mode & S_ISGID) && caller_in_group(req, st.st_gid);
    if (keep)
        cred_raise_fsetid();
    r = backing_setxattr(target->fd, real, name, value, size, flags);
    if (keep)
        cred_lower_fsetid();
    return -r;
}

static int node_setxattr(fuse_req_t req, struct target *target, const char *name, const char *value,
                         size_t size, int flags)
{
    int err = xattr_decide(req, target, name);

    if (err)
        return err;
    if (strcmp(name, "system.posix_acl_access") == 0)
        return set_acl(req, target, name, value, size, flags);
    return -backing_setxattr(target->fd, node_fd_is_real(target->node), name, value, size, flags);
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
                 int flags)
{
    struct session *session = session_of(req);
    struct node *node = node_get(session->nodes, ino);
    bool rule = node && (node->flags & NODE_VOLUME_ROOT) && vxattr_is(name);
    struct target target;
    int err;

    if (!node) {
        fuse_reply_err(req, ENOTSUP);
        return;
    }
    /* rules can be changed on a read-only volume: that is how it becomes writable again */
    err = target_enter(&target, req, ino, rule ? OPERATION_LOOK : change_of(name));
    if (!err && rule) {
        target_leave(&target);
        err = vxattr_set(session, req, node->volume, name, value, size);
    } else if (!err) {
        err = node_setxattr(req, &target, name, value, size, flags);
        target_leave(&target);
    }
    fuse_reply_err(req, err);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    struct session *session = session_of(req);
    char *told = NULL, *buffer = thread_buffer(size ? size : 1);
    struct target target;
    struct caller caller;
    size_t length = 0;
    ssize_t n;
    int err;

    if (ino == FUSE_ROOT_ID || view_is(ino)) {
        fuse_reply_err(req, ENODATA);
        return;
    }
    err = buffer ? target_enter(&target, req, ino, OPERATION_READ) : ENOMEM;
    if (!err) {
        if (xattr_is_hidden(req, name, &caller)) {
            err = ENODATA; /* as the kernel answers who may not see it */
        } else if (is_context(name)) {
            err = context_tell(&target, buffer, size, &length);
        } else if (is_told(&target, name)) {
            err = vxattr_get(session, target.node->volume, name, &told, &length);
        } else {
            n = backing_getxattr(target.fd, node_fd_is_real(target.node), name, buffer, size);
            err = n < 0 ? (int)-n : 0;
            length = n < 0 ? 0 : (size_t)n;
        }
        target_leave(&target);
    }
    reply_value(req, err, told ? told : buffer, length, size);
    free(told);
}

/*
 * Takes out the trusted.* names, which only the host's administrator sees, and SELinux's, which the
 * kernel adds where it is on. Answers the new length.
 */
static size_t hide_names(fuse_req_t req, char *names, size_t length)
{
    struct caller caller;
    size_t kept = 0, size;
    bool asked = false, shown = false;

    for (size_t at = 0; at < length; at += size) {
        size = strlen(names + at) + 1;
        if (is_context(names + at))
            continue;
        if (has_prefix(names + at, "trusted.")) {
            if (!asked)
                identify(req, &caller);
            shown =
                asked ? shown : policy_administer(&caller, fuse_req_ctx(req)->uid, geteuid()) == 0;
            asked = true;
            if (!shown)
                continue;
        }
        memmove(names + kept, names + at, size);
        kept += size;
    }
    return kept;
}

/*
 * The names of a volume's root as the caller is to see them: the told ones
 * first, unless he sits in a container (a backup made there carries none).
 */
static int list_names(fuse_req_t req, const struct target *target, char **out, size_t *length)
{
    bool real = node_fd_is_real(target->node);
    struct caller caller;
    char *names = NULL, *grown;
    size_t told = 0;
    ssize_t n;
    int err = 0;

    if (target->node->flags & NODE_VOLUME_ROOT) {
        identify(req, &caller);
        if (caller.kind == CALLER_HOST)
            err = vxattr_list(target->session, target->node->volume, &names, &told);
    }
    if (err)
        return err;
    grown = realloc(names, told + XATTR_LIST_MAX);
    if (!grown) {
        free(names);
        return ENOMEM;
    }
    n = backing_listxattr(target->fd, real, grown + told, XATTR_LIST_MAX);
    if (n < 0) {
        free(grown);
        return (int)-n;
    }
    *out = grown;
    *length = told + hide_names(req, grown + told, (size_t)n);
    return 0;
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    struct target target;
    char *names = NULL;
    size_t length = 0;
    int err;

    if (ino == FUSE_ROOT_ID || view_is(ino)) {
        reply_value(req, 0, "", 0, size);
        return;
    }
    err = target_enter(&target, req, ino, OPERATION_READ);
    if (!err) {
        err = list_names(req, &target, &names, &length);
        target_leave(&target);
    }
    reply_value(req, err, names, length, size);
    free(names);
}

/*
 * A told attribute cannot be removed. The attempt is answered as done: tools that mirror attributes
 * (rsync -X) remove at the target what the source has not, and would call a refusal a failure.
 */
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    struct target target;
    int err = target_enter(&target, req, ino, change_of(name));

    if (!err) {
        if (!is_told(&target, name)) {
            err = xattr_decide(req, &target, name);
            if (!err)
                err = -backing_removexattr(target.fd, node_fd_is_real(target.node), name);
        }
        target_leave(&target);
    }
    fuse_reply_err(req, err);
}
