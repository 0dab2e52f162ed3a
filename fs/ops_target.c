/*
 * Resolving, deciding and presenting: the steps that every handler shares.
 */
#include "fs/ops.h"

#include "fs/backing.h"
#include "fs/caller.h"
#include "fs/cred.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef FUSE_DEV_IOC_BACKING_CLOSE
#define FUSE_DEV_IOC_BACKING_CLOSE _IOW(229, 2, uint32_t) /* <linux/fuse.h>, Linux 6.9 */
#endif

/* Those of one volume, of which names of containers are asked. */
struct attachments {
    struct volume_table *table;
    struct volume_ref volume;
};

static bool is_attached(const void *context, const char *name)
{
    const struct attachments *attachments = context;

    return volume_table_knows(attachments->table, attachments->volume, name);
}

uint32_t asker_identify(fuse_req_t req, struct volume_ref volume, struct asker *asker)
{
    struct attachments attachments = {session_of(req)->table, volume};
    struct cgroup_names names = {is_attached, &attachments};
    struct standing standing;

    caller_identify_again(fuse_req_ctx(req)->pid, &names, &asker->caller);
    if (asker->caller.kind != CALLER_CONTAINER)
        return volume_table_flags(attachments.table, volume);
    volume_table_ask(attachments.table, volume, asker->caller.container_id, &standing);
    asker->reader = standing.reader;
    asker->owner = standing.owner;
    return standing.flags;
}

/* The rules, asked of the table with every request. 0 or errno. */
static int node_decide(fuse_req_t req, const struct node *node, enum operation operation)
{
    struct session *session = session_of(req);
    uint32_t flags = volume_table_flags(session->table, node->volume);
    struct asker asker = {.caller.kind = CALLER_UNKNOWN};
    enum policy_rule rule;

    if (policy_needs_caller(flags, operation))
        flags = asker_identify(req, node->volume, &asker);
    rule = policy_find_rule(flags, &asker, operation);
    if (policy_needs_outside(&asker, operation, rule)) {
        asker.outside = caller_has_host_root(fuse_req_ctx(req)->pid);
        rule = policy_find_rule(flags, &asker, operation);
    }
    if (!rule && label_ask(req, node, flags, operation))
        rule = RULE_SELINUX;
    if (rule)
        denial_note(req, node->volume, &asker, operation, rule);
    else if (operation_alters(operation))
        usage_mark_changed(session->usage, node->volume);
    return policy_rule_errno(rule);
}

static int target_pin(struct target *target)
{
    target->fd = node_acquire_fd(target->session->nodes, target->node);
    return target->fd < 0 ? -target->fd : 0;
}

static int target_find(struct target *target, fuse_req_t req, fuse_ino_t ino,
                       enum operation operation)
{
    target->session = session_of(req);
    target->node = node_get(target->session->nodes, ino);
    if (!target->node)
        return operation_alters(operation) ? EPERM : EINVAL;
    return 0;
}

int target_enter(struct target *target, fuse_req_t req, fuse_ino_t ino, enum operation operation)
{
    int err = target_find(target, req, ino, operation);

    if (!err)
        err = node_decide(req, target->node, operation);
    return err ? err : target_pin(target);
}

static bool volume_is_same(struct volume_ref a, struct volume_ref b)
{
    return a.index == b.index && a.generation == b.generation;
}

int target_enter_beside(struct target *target, const struct target *first, fuse_req_t req,
                        fuse_ino_t ino)
{
    int err = target_find(target, req, ino, OPERATION_CHANGE);

    if (!err && !volume_is_same(target->node->volume, first->node->volume))
        err = EXDEV;
    return err ? err : target_pin(target);
}

void target_leave(struct target *target)
{
    node_release_fd(target->node);
}

/*
 * Set-group-id without group execute stays for members of the file's group
 * (setattr_should_drop_sgid in the kernel), so the change is made in the caller's name. Of his
 * groups only the first is known: for the others the bit goes where it could stay, which is the
 * safe side.
 */
bool data_change_begin(fuse_req_t req, const struct node *node, bool kill)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(req);

    /* also for what the file system behind reserves for root */
    if (cred_assume(ctx->uid, ctx->gid, 0) < 0 || !atomic_load(&node->set_id) || kill ||
        ctx->uid != 0)
        return false;
    cred_raise_fsetid();
    return true;
}

void data_change_end(bool kept)
{
    if (kept)
        cred_lower_fsetid();
}

/* In the same place: others that use the number meanwhile mean the same file. */
static int data_keep(struct node *node, int fd, int real)
{
    int r = dup3(real, fd, O_CLOEXEC) < 0 ? errno : 0;

    close(real);
    if (r == 0)
        node_set_fd_real(node);
    return r;
}

int data_open(struct session *session, struct node *node, int fd, bool write, struct data *out)
{
    int real;

    *out = (struct data){.fd = fd};
    if (!(node->flags & NODE_REGULAR))
        return EINVAL;
    if (node_fd_is_real(node) && !(write && session->passthrough))
        return 0;
    real = backing_reopen(fd, write || !session->passthrough ? O_RDWR : O_RDONLY);
    if (real >= 0 && !(write && session->passthrough))
        return data_keep(node, fd, real);
    /* a file on a read-only backing, or one being executed, is read and synced all the same */
    if (real < 0 && !write)
        real = backing_reopen(fd, O_RDONLY);
    if (real < 0)
        return -real;
    *out = (struct data){.fd = real, .own = true};
    return 0;
}

void data_close(const struct data *data)
{
    if (data->own)
        close(data->fd);
}

void attributes_present(struct session *session, struct stat *st)
{
    st->st_ino = inode_number_map(session->numbers, st->st_dev, st->st_ino);
}

bool node_may_be_written(struct node *node, int fd)
{
    uint32_t written = atomic_load(&node->written);

    if (atomic_load(&node->writers) > 0)
        return true;
    if (written == 0)
        return false;
    /* an open in between counts itself, and the question is left for the next time */
    return backing_has_writer(fd) || !atomic_compare_exchange_strong(&node->written, &written, 0);
}

/* Whether callers differ in what they may see of the volume. */
static bool asks_each_time(struct session *session, struct volume_ref volume)
{
    uint32_t flags = volume_table_flags(session->table, volume);

    return (flags & VOLUME_FLAG_PRIVATE) || label_is_asked(session, volume, flags);
}

double attributes_timeout(struct session *session, struct node *node)
{
    bool may;
    int fd;

    if (!(node->flags & NODE_ASKS) && asks_each_time(session, node->volume))
        return 0;
    if (atomic_load(&node->writers) > 0)
        return 0;
    if (atomic_load(&node->written) == 0)
        return TIMEOUT_FOREVER;
    fd = node_acquire_fd(session->nodes, node);
    may = fd < 0 || node_may_be_written(node, fd);
    if (fd >= 0)
        node_release_fd(node);
    return may ? 0 : TIMEOUT_FOREVER;
}

void node_note_mode(struct node *node, mode_t mode)
{
    bool set_id = S_ISREG(mode) && (mode & (S_ISUID | S_ISGID));

    if (atomic_load(&node->set_id) != set_id)
        atomic_store(&node->set_id, set_id);
}

static uint32_t type_flags(mode_t mode)
{
    if (S_ISDIR(mode))
        return NODE_DIRECTORY;
    if (S_ISREG(mode))
        return NODE_REGULAR;
    return S_ISLNK(mode) ? NODE_SYMLINK : 0;
}

/*
 * The attributes of a volume's root that the kernel meets for the first time are not kept: should
 * the volume become private before it has them, there is nothing yet that could be told to expire.
 */
static bool is_new_root(struct session *session, const struct node_key *key, uint32_t flags)
{
    return (flags & NODE_VOLUME_ROOT) && !node_find(session->nodes, key);
}

int entry_make(struct session *session, struct volume_ref volume, int fd, const struct stat *st,
               uint32_t flags, struct fuse_entry_param *out)
{
    struct node_key key = {volume.index, st->st_dev, st->st_ino};
    bool unknown = is_new_root(session, &key, flags);
    struct node *node;
    uint64_t id;
    int r = node_intern(session->nodes, &key, volume, flags | type_flags(st->st_mode), fd, &id);

    if (r < 0)
        return -r;
    node = node_get(session->nodes, id);
    node_note_mode(node, st->st_mode);
    *out = (struct fuse_entry_param){.ino = id, .attr = *st, .entry_timeout = TIMEOUT_FOREVER};
    out->attr_timeout = unknown ? 0 : attributes_timeout(session, node);
    attributes_present(session, &out->attr);
    return 0;
}

int entry_lookup(struct session *session, struct volume_ref volume, int fd, const char *name,
                 struct fuse_entry_param *out)
{
    struct stat st;
    int child = backing_lookup(fd, name, &st);

    if (child < 0)
        return -child;
    return entry_make(session, volume, child, &st, 0, out);
}

int entry_volume(struct session *session, const struct volume_entry *volume,
                 struct fuse_entry_param *out)
{
    struct stat st;
    int fd = store_open_data(volumes_store(session->volumes), volume->id);
    int r;

    if (fd < 0)
        return -fd;
    if (!(volume_table_flags(session->table, volume->ref) & VOLUME_FLAG_SEEN))
        (void)volume_table_set_flags(session->table, volume->ref, VOLUME_FLAG_SEEN, 0);
    r = backing_stat(fd, &st);
    if (r < 0) {
        close(fd);
        return -r;
    }
    return entry_make(session, volume->ref, fd, &st, NODE_VOLUME_ROOT, out);
}

void remains_release(struct session *session, const struct node_remains *remains)
{
    uint32_t backing = (uint32_t)remains->backing_id;

    /* as fuse_passthrough_close, which takes a request: there is none when a sweep ends a node */
    if (remains->backing_id > 0)
        ioctl(fuse_session_fd(session->fuse), FUSE_DEV_IOC_BACKING_CLOSE, &backing);
    if (remains->fd >= 0)
        close(remains->fd);
    if (remains->list_fd >= 0)
        close(remains->list_fd);
}

void entry_drop(struct session *session, fuse_ino_t ino)
{
    struct node_remains remains;

    node_forget(session->nodes, ino, 1, &remains);
    remains_release(session, &remains);
}

/* Frees a thread's buffer when the thread ends. */
static pthread_key_t buffer_key;
static pthread_once_t buffer_once = PTHREAD_ONCE_INIT;

static void buffer_key_make(void)
{
    if (pthread_key_create(&buffer_key, free) != 0)
        abort(); /* a process may have many keys, and has few */
}

char *thread_buffer(size_t size)
{
    static _Thread_local struct {
        char *memory;
        size_t size;
    } own;
    char *memory;

    if (own.size >= size)
        return own.memory;
    pthread_once(&buffer_once, buffer_key_make);
    memory = realloc(own.memory, size);
    if (!memory)
        return NULL;
    pthread_setspecific(buffer_key, memory);
    own.memory = memory;
    own.size = size;
    return memory;
}
