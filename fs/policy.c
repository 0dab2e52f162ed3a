/*
 * The rules of DESIGN: a removed volume has nothing; a read-only one refuses
 * every change from anyone. Pure.
 */
#include "fs/policy.h"

#include <errno.h>

bool policy_needs_caller(uint32_t flags)
{
    (void)flags; /* shared and private labels will ask; a read-only volume refuses everybody */
    return false;
}

int policy_decide(uint32_t flags, const struct caller *caller, enum operation operation)
{
    (void)caller;
    if (flags & VOLUME_FLAG_REMOVED)
        return operation == OPERATION_CHANGE ? ENOENT
                                             : 0; /* open files stay readable, as on unlink */
    if ((flags & VOLUME_FLAG_READONLY) && operation == OPERATION_CHANGE)
        return EROFS;
    return 0;
}

int policy_administer(const struct caller *caller, uid_t uid, uid_t owner)
{
    return caller->kind == CALLER_HOST && (uid == 0 || uid == owner) ? 0 : EPERM;
}
