/* What a request that was refused tells the audit: who asked, and of which volume. */
#include "fs/ops.h"

#include "fs/audit.h"

/*
 * No rule may have asked who it is; the audit does. Of a store there is nobody to be asked
 * (policy.h), and the request's pid means nothing.
 */
void denial_note(fuse_req_t req, struct volume_ref volume, const struct asker *asker,
                 enum operation operation, enum policy_rule rule)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    struct session *session = session_of(req);
    struct asker who = *asker;
    struct volume_entry entry = {0};
    struct denial denial = {.operation = operation_name(operation), .rule = rule};

    if (operation != OPERATION_STORE) {
        denial.pid = ctx->pid;
        denial.uid = ctx->uid;
        if (who.caller.kind == CALLER_UNKNOWN)
            asker_identify(req, volume, &who);
    }
    (void)volume_table_get(session->table, volume, &entry); /* gone: without a name */
    denial.volume_id = entry.id;
    denial.volume = entry.name;
    denial.container_id = who.caller.container_id;
    audit_deny(session->audit, &denial);
}
