/*
 * What SELinux's policy says of a request, beside the rules: of volumes that have a context which
 * is not the tree's. What is in the tree's own context the kernel has decided before we hear of it.
 */
#include "fs/label_context.h"
#include "fs/ops.h"

#include "fs/cred.h"
#include "fs/label.h"
#include "fs/workers.h"

#include <errno.h>
#include <string.h>

/*
 * A level was set aside for the owner of a private volume, and its engine has given it another: the
 * volume takes that, the first time that the owner comes with it. True: it has.
 */
static bool owner_is_followed(fuse_req_t req, struct volume_ref volume, const char *volume_context)
{
    char context[CONTEXT_MAX + 1];
    struct asker asker = {0};

    if (label_read_process(fuse_req_ctx(req)->pid, context) < 0 ||
        !level_separates(context_level(context)) ||
        strcmp(context_level(context), context_level(volume_context)) == 0)
        return false;
    asker_identify(req, volume, &asker);
    if (!asker.owner)
        return false;
    /* catalog and record are written in the daemon's name, and another thread serves meanwhile */
    cred_assume_own();
    workers_expect_delay(session_of(req)->workers);
    return volumes_follow_owner(session_of(req)->volumes, volume, asker.caller.container_id,
                                context_level(context)) == 0;
}

static enum label_class node_class(const struct node *node)
{
    if (node->flags & NODE_DIRECTORY)
        return LABEL_DIRECTORY;
    return node->flags & NODE_SYMLINK ? LABEL_SYMLINK : LABEL_FILE;
}

/* And in which context it is. */
static bool context_differs(struct session *session, struct volume_ref volume, uint32_t flags,
                            char context[CONTEXT_MAX + 1])
{
    return (flags & VOLUME_FLAG_CONTEXT) && label_is_on() &&
           volume_table_context(session->table, volume, context) &&
           strcmp(context, label_tree_context()) != 0;
}

bool label_is_asked(struct session *session, struct volume_ref volume, uint32_t flags)
{
    char context[CONTEXT_MAX + 1];

    return context_differs(session, volume, flags, context);
}

int label_ask(fuse_req_t req, const struct node *node, uint32_t flags, enum operation operation)
{
    struct session *session = session_of(req);
    char context[CONTEXT_MAX + 1];
    struct volume_entry volume;
    struct label_question question = {.tid = fuse_req_ctx(req)->pid,
                                      .context = context,
                                      .class = node_class(node),
                                      .operation = operation};

    if (!*label_permissions(question.class, operation) ||
        !context_differs(session, node->volume, flags, context))
        return 0;
    if ((flags & VOLUME_FLAG_FOLLOWS) && owner_is_followed(req, node->volume, context))
        volume_table_context(session->table, node->volume, context);
    if (!volume_table_get(session->table, node->volume, &volume))
        return 0; /* it has been removed: what is open of it stays readable */
    question.volume = volume.name;
    return label_decide(&question);
}
