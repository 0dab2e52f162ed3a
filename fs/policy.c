/*
 * The rules of DESIGN: a removed volume has nothing; a read-only one refuses
 * every change from anyone; any volume refuses those of a container that is attached
 * to it for reading only. Pure.
 *
 * Who cannot be told is refused with those containers. That is nobody who means well: threads of
 * the kernel (of loop devices, of io_uring) have an id and count as the host or as their process;
 * what the kernel writes back of open files is OPERATION_STORE. Only callers outside the daemon's
 * pid namespace have none, and a container must not become one of them to be free of a rule.
 */
#include "fs/policy.h"

#include <errno.h>

bool policy_needs_caller(uint32_t flags, enum operation operation)
{
    if (operation != OPERATION_CHANGE || (flags & (VOLUME_FLAG_REMOVED | VOLUME_FLAG_READONLY)))
        return false; /* the same for everybody */
    return flags & VOLUME_FLAG_READERS;
}

static bool asker_only_reads(const struct asker *asker)
{
    switch (asker->caller.kind) {
    case CALLER_HOST:
        return false;
    case CALLER_CONTAINER:
        return asker->reader;
    case CALLER_UNKNOWN:
        break;
    }
    return true;
}

int policy_decide(uint32_t flags, const struct asker *asker, enum operation operation)
{
    if (!operation_alters(operation))
        return 0; /* open files of a removed volume stay readable, as on unlink */
    if (flags & VOLUME_FLAG_REMOVED)
        return ENOENT;
    if (flags & VOLUME_FLAG_READONLY)
        return EROFS;
    if (policy_needs_caller(flags, operation) && asker_only_reads(asker))
        return EROFS;
    return 0;
}

int policy_administer(const struct caller *caller, uid_t uid, uid_t owner)
{
    return caller->kind == CALLER_HOST && (uid == 0 || uid == owner) ? 0 : EPERM;
}
