/*
 * Two things of the kernel's own stand in the way of a rule: what it has cached of a volume that
 * becomes private, and what is open of one that becomes read-only.
 *
 * Of a private volume it keeps no attributes of directories (attributes_timeout); those it has from
 * before are told to have expired. VOLUME_FLAG_GATED says that this was done, and
 * goes with the label: it is set before, so that a label that comes meanwhile is seen to.
 *
 * A read-only flag is asked of the table with every request, and the kernel caches nothing of it.
 * But reads and writes of files that are open by passthrough make no requests, nor do stores
 * through mappings, which outlive the close. An open for writing counts itself first and asks the
 * table then (open_file); here the table is set and the writers are counted then: one of the two
 * sees the other.
 */
#include "fs/rules.h"

#include "fs/backing.h"
#include "fs/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int seal_node(struct session *session, struct node *node)
{
    int real, r, fd;

    if (atomic_load(&node->written) == 0)
        return 0; /* writes come to us */
    fd = node_acquire_fd(session->nodes, node);
    if (fd < 0)
        return fd;
    real = node_may_be_written(node, fd) ? backing_reopen(fd, O_RDONLY) : -ENOENT;
    node_release_fd(node);
    if (real == -ENOENT)
        return 0; /* closed, and not mapped */
    if (real < 0)
        return real;
    r = volumes_seal(session->volumes, node->volume, real);
    close(real);
    return r;
}

static void report_unsealed(const char *name, unsigned files, int r)
{
    log_message(LOG_LEVEL_WARNING,
                "volume %s is read-only, but %u files open for writing stay so until they are "
                "closed: %s",
                name, files, strerror(-r));
}

struct sealing {
    struct session *session;
    unsigned unsealed; /* files that could not be */
    int reason;        /* −errno, of one of them */
};

static void visit_writer(void *context, struct node *node)
{
    struct sealing *sealing = context;
    int r = seal_node(sealing->session, node);

    if (r < 0) {
        sealing->unsealed++;
        sealing->reason = r;
    }
}

static bool is_readonly(struct session *session, struct volume_ref volume)
{
    return volume_table_flags(session->table, volume) & VOLUME_FLAG_READONLY;
}

/* By attributes only (offset −1), which takes no lock that a waiting request could hold. */
static void visit_gate(void *context, struct node *node)
{
    struct session *session = context;

    fuse_lowlevel_notify_inval_inode(session->fuse, node_id(session->nodes, node), -1, 0);
}

static void close_gates(struct session *session, struct volume_ref volume)
{
    uint32_t flags = volume_table_flags(session->table, volume);

    if (!(flags & VOLUME_FLAG_PRIVATE) || (flags & VOLUME_FLAG_GATED))
        return;
    (void)volume_table_set_flags(session->table, volume, VOLUME_FLAG_GATED, 0);
    node_each_without(session->nodes, volume, NODE_ASKS, visit_gate, session);
}

void rules_apply(struct session *session, const char *name, struct volume_ref volume)
{
    struct sealing sealing = {.session = session};

    close_gates(session, volume);
    if (!is_readonly(session, volume))
        return;
    node_each_writer(session->nodes, volume, visit_writer, &sealing);
    if (sealing.unsealed)
        report_unsealed(name, sealing.unsealed, sealing.reason);
}

void rules_check_writer(struct session *session, struct node *node)
{
    struct volume_entry volume;
    int r;

    atomic_thread_fence(memory_order_seq_cst);
    if (!is_readonly(session, node->volume))
        return;
    r = seal_node(session, node);
    if (r < 0 && volume_table_get(session->table, node->volume, &volume))
        report_unsealed(volume.name, 1, r);
}
