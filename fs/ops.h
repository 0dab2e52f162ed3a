/*
 * What the request handlers share. A handler resolves its node, asks the
 * policy, acts and replies: the reply is last, once, with nothing held, because
 * the kernel may forget the node the moment it has the answer.
 */
#pragma once

#define FUSE_USE_VERSION 318

#include "catalog/error.h"
#include "fs/inode_number.h"
#include "fs/node.h"
#include "fs/policy.h"
#include "fs/status.h"
#include "fs/table.h"
#include "fs/usage.h"
#include "fs/volume.h"

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

struct audit;
struct mount;
struct views;
struct workers;

/* The state of a session that handlers use; made by session.c, alive while any handler runs. */
struct session {
    struct fuse_session *fuse;
    struct volumes *volumes;
    struct volume_table *table;
    struct usage *usage;
    struct audit *audit;
    struct node_table *nodes;
    struct inode_numbers *numbers;
    struct views *views;
    const char *mountpoint;
    bool privileged;
    bool passthrough;
    char passthrough_reason[STATUS_TEXT_MAX];
    int handle_mount; /* a descriptor on the store's file system, for open_by_handle_at */
    uint64_t store_device;
    _Atomic int64_t root_changed; /* ns: mtime of the root, when volumes came or went */
    _Atomic uint64_t open_files;
    struct mount *mount; /* NULL: mounted by libfuse's helper */
    bool by_helper;
    struct workers *workers;
    bool greeted; /* FUSE_INIT was answered */
    int64_t started_at;
};

/* Names and attributes change only through us, so the kernel may keep them. */
#define TIMEOUT_FOREVER (365.0 * 24 * 3600)

/* The inode number of "..": of a volume's root, and of the root itself. */
enum { ROOT_INODE = FUSE_ROOT_ID };

static inline struct session *session_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

/* The object of a request: a node of some volume, with its descriptor pinned. */
struct target {
    struct session *session;
    struct node *node;
    int fd;
};

/*
 * Resolves a nodeid, asks the policy and pins the descriptor. 0, or a positive errno to
 * answer. The root and the views are not nodes: EPERM for changes, else EINVAL.
 */
int target_enter(struct target *target, fuse_req_t req, fuse_ino_t ino, enum operation operation);
/*
 * The other object of a change that has entered `first`, which is decided for both: EXDEV in
 * another volume.
 */
int target_enter_beside(struct target *target, const struct target *first, fuse_req_t req,
                        fuse_ino_t ino);
/* Ends it, before the reply. A change is noted for the volume's usage. */
void target_leave(struct target *target);

/* Who sends the request, and what it is to the volume. Answers the volume's flags as of the moment
 * in which it was that. */
uint32_t asker_identify(fuse_req_t req, struct volume_ref volume, struct asker *asker);
/* Tells the audit that a rule has refused the request. `asker`: as far as it was identified. */
void denial_note(fuse_req_t req, struct volume_ref volume, const struct asker *asker,
                 enum operation operation, enum policy_rule rule);

/* What the kernel tells with an open or a write: the writer has not CAP_FSETID; libfuse hands it on
 * from 3.18 on. */
static inline bool kills_set_id(const struct fuse_file_info *fi)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
    return fi->kill_suidgid;
#else
    (void)fi;
    return false;
#endif
}

/*
 * Around a change of a file's data, which takes its set-id bits off unless the caller has
 * CAP_FSETID: the kernel leaves that to the file system (HANDLE_KILLPRIV_V2). `kill`: it has told
 * that the caller has not; otherwise we believe it of root. What begin answers is for end.
 */
bool data_change_begin(fuse_req_t req, const struct node *node, bool kill);
void data_change_end(bool kept);

/* Remembers of a mode, each time one is seen or set, what data_change_begin asks. */
void node_note_mode(struct node *node, mode_t mode);

/*
 * A descriptor for a file's data, for the time of a call. The one that is kept with the node only
 * reads where there is passthrough: one that writes would look like another writer (see
 * attributes_timeout), and would outlive a change of the rules. Changes open one of their own.
 */
struct data {
    int fd;
    bool own; /* to be closed by data_close */
};
/* `fd`: the node's, pinned. 0 or errno. */
int data_open(struct session *session, struct node *node, int fd, bool write, struct data *out);
void data_close(const struct data *data);

/* Turns backing attributes into the tree's (inode number). */
void attributes_present(struct session *session, struct stat *st);
/* The flags of what can be read or changed by nobody without an open or a look-up, which ask us: of
 * all else (directories, sockets, …) the kernel itself decides, by what it knows of attributes. */
enum { NODE_ASKS = NODE_REGULAR | NODE_SYMLINK };
/*
 * How long the kernel may keep a node's attributes: not while stores through mmap may change them,
 * of which nobody is told. A mapping outlives the close of its file, so after the last close for
 * writing the file system behind is asked, once, whether anybody still may write.
 *
 * And not those of a private volume's directories: for each walk through one whose attributes have
 * expired the kernel asks in the name of who walks, and an error ends the walk (fuse_permission in
 * fs/fuse/dir.c). So names stay cached and yet lead nobody further who may not. It is of all
 * directories and not of the volume's root alone, as a walk may begin at any: the root of a bind
 * mount of a part.
 */
double attributes_timeout(struct session *session, struct node *node);
/* True while a file is open for writing through passthrough, or mapped so. `fd`: pinned. */
bool node_may_be_written(struct node *node, int fd);

/*
 * Makes the entry for a file just looked up or made: takes `fd` over, counts
 * a lookup. `flags` of node_flag beyond those the type gives. 0 or errno.
 */
int entry_make(struct session *session, struct volume_ref volume, int fd, const struct stat *st,
               uint32_t flags, struct fuse_entry_param *out);
/* Opens `name` in the directory `fd` of a volume and makes its entry. ENOENT … */
int entry_lookup(struct session *session, struct volume_ref volume, int fd, const char *name,
                 struct fuse_entry_param *out);
/* The entry of a volume's root directory. */
int entry_volume(struct session *session, const struct volume_entry *volume,
                 struct fuse_entry_param *out);
/* Takes back the lookup of an entry that could not be delivered. */
void entry_drop(struct session *session, fuse_ino_t ino);

/* Releases what a forgotten node held. */
void remains_release(struct session *session, const struct node_remains *remains);

/* Whether SELinux's policy is asked of the volume, whose flags these are. In ops_label.c. */
bool label_is_asked(struct session *session, struct volume_ref volume, uint32_t flags);
/* What it says to the operation: 0 or EACCES. */
int label_ask(fuse_req_t req, const struct node *node, uint32_t flags, enum operation operation);

/* A buffer of this thread's own, at least `size` bytes, valid until the next call. NULL: no memory.
 */
char *thread_buffer(size_t size);

/* ---- handlers, one file a family ---------------------------------------- */

/* ops_entry.c */
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void op_readlink(fuse_req_t req, fuse_ino_t ino);
void op_statfs(fuse_req_t req, fuse_ino_t ino);

/* ops_attr.c */
void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int valid,
                struct fuse_file_info *fi);
/* Only called by libfuse from 3.18 on; before, the kernel asks op_getattr and tells no birth. */
void op_statx(fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *fi);

/* ops_create.c */
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name);
void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
               struct fuse_file_info *fi);
void op_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi);

/* ops_remove.c */
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
               const char *new_name, unsigned flags);

/* ops_open.c */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
/*
 * Counts an open and chooses passthrough or not for a node; fills fi. For open and the creates. If
 * the volume has become read-only since that was decided, the file is sealed: it was opened before.
 */
void open_file(struct session *session, fuse_req_t req, struct node *node, int fd,
               struct fuse_file_info *fi);
/* Ends what open_file began, for a file opened with `flags`. */
void close_file(struct session *session, struct node *node, int flags);
/* Does what O_TRUNC asks. 0 or errno. */
int open_truncate(fuse_req_t req, struct node *node, int fd, const struct fuse_file_info *fi);

/* ops_data.c */
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
              struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                  struct fuse_file_info *fi);
void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi);
void op_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t in_offset, struct fuse_file_info *fi,
                        fuse_ino_t out, off_t out_offset, struct fuse_file_info *out_fi,
                        size_t length, int flags);

/* ops_list.c */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                    struct fuse_file_info *fi);

/* ops_xattr.c */
void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
                 int flags);
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/* Collects a directory listing into one reply. */
struct listing {
    fuse_req_t req;
    char *buffer;
    size_t size;
    size_t used;
    bool plus;
};
/* False: full. `e` has attr.st_ino and attr.st_mode at least; with `plus` the whole entry (ino 0:
 * no lookup counted). */
bool listing_add(struct listing *listing, const char *name, const struct fuse_entry_param *e,
                 off_t next);
