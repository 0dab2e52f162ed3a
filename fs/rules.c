/*
 * A read-only flag is asked of the table with every request, and the kernel caches nothing of it.
 * But reads and writes of files that are open by passthrough make no requests. An open for writing
 * counts itself first and asks the table then (open_file); here the table is set and the writers
 * are counted then: one of the two sees the other.
 */
#include "fs/rules.h"

#include "fs/backing.h"
#include "fs/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct sealing {
    struct session *session;
    struct volume_entry volume;
    unsigned unsealed; /* files that could not be */
    int reason;        /* −errno, of one of them */
};

static int seal_node(struct session *session, const char *id, struct node *node)
{
    int real, r, fd = node_acquire_fd(session->nodes, node);

    if (fd < 0)
        return fd;
    real = backing_reopen(fd, O_RDONLY);
    node_release_fd(node);
    if (real < 0)
        return real;
    r = store_seal(volumes_store(session->volumes), id, real);
    close(real);
    return r;
}

static void visit_writer(void *context, struct node *node)
{
    struct sealing *sealing = context;
    int r = 0;

    if (atomic_load(&node->opened) & NODE_OPENED_PASSTHROUGH)
        r = seal_node(sealing->session, sealing->volume.id, node);
    if (r < 0) {
        sealing->unsealed++;
        sealing->reason = r;
    }
}

void rules_apply(struct session *session, const char *name, struct volume_ref volume)
{
    struct sealing sealing = {.session = session};

    if (!(volume_table_flags(session->table, volume) & VOLUME_FLAG_READONLY) ||
        !volume_table_get(session->table, volume, &sealing.volume))
        return;
    node_each_writer(session->nodes, volume, visit_writer, &sealing);
    if (sealing.unsealed)
        log_message(LOG_LEVEL_WARNING,
                    "volume %s is read-only, but %u files open for writing stay so until they are "
                    "closed: %s",
                    name, sealing.unsealed, strerror(-sealing.reason));
}
