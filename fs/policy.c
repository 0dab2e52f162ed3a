/*
 * The rules of DESIGN: a removed volume has nothing; a private one is there for its owner and the
 * host; a read-only one refuses every change from anyone; any volume refuses those of a container
 * that is attached to it for reading only. Pure.
 *
 * Who cannot be told is refused with those containers. That is nobody who means well: threads of
 * the kernel (of loop devices, of io_uring) have an id and count as the host or as their process;
 * what the kernel reads ahead and writes back of open files is OPERATION_FETCH and OPERATION_STORE.
 * Only callers outside the daemon's pid namespace have none, and a container must not become one of
 * them to be free of a rule.
 */
#include "fs/policy.h"

#include <errno.h>

bool policy_needs_caller(uint32_t flags, enum operation operation)
{
    if (operation_is_of_open_file(operation) || (flags & VOLUME_FLAG_REMOVED))
        return false; /* the same for everybody */
    if (flags & VOLUME_FLAG_PRIVATE)
        return true;
    return operation == OPERATION_CHANGE && !(flags & VOLUME_FLAG_READONLY) &&
           (flags & VOLUME_FLAG_READERS);
}

/*
 * Runtimes look at what they mount in the name of the container that they set up, before anybody
 * can be told of that. They may, to be refused by a hook that says why, or to find that it is the
 * container's from then on; who opens is refused.
 */
static bool asker_may_enter(const struct asker *asker, enum operation operation)
{
    switch (asker->caller.kind) {
    case CALLER_HOST:
        return true;
    case CALLER_CONTAINER:
        return asker->owner || (asker->outside && operation == OPERATION_LOOK);
    case CALLER_UNKNOWN:
        break;
    }
    return false;
}

static enum policy_rule asker_rule(const struct asker *asker)
{
    switch (asker->caller.kind) {
    case CALLER_HOST:
        return RULE_NONE;
    case CALLER_CONTAINER:
        return asker->reader ? RULE_READONLY_ATTACHMENT : RULE_NONE;
    case CALLER_UNKNOWN:
        break;
    }
    return RULE_UNKNOWN_CALLER;
}

enum policy_rule policy_find_rule(uint32_t flags, const struct asker *asker,
                                  enum operation operation)
{
    bool asked = policy_needs_caller(flags, operation);

    if (asked && (flags & VOLUME_FLAG_PRIVATE) && !asker_may_enter(asker, operation))
        return RULE_PRIVATE_VOLUME;
    if (!operation_alters(operation))
        return RULE_NONE; /* open files of a removed volume stay readable, as on unlink */
    if (flags & VOLUME_FLAG_REMOVED)
        return RULE_REMOVED_VOLUME;
    if (flags & VOLUME_FLAG_READONLY)
        return RULE_READONLY_VOLUME;
    return asked && (flags & VOLUME_FLAG_READERS) ? asker_rule(asker) : RULE_NONE;
}

static const struct {
    const char *name;
    int err;
} rules[RULE_COUNT] = {
    [RULE_NONE] = {"none", 0},
    [RULE_REMOVED_VOLUME] = {"removed-volume", ENOENT},
    [RULE_READONLY_VOLUME] = {"read-only-volume", EROFS},
    [RULE_READONLY_ATTACHMENT] = {"read-only-attachment", EROFS},
    [RULE_UNKNOWN_CALLER] = {"unknown-caller", EROFS},
    [RULE_PRIVATE_VOLUME] = {"private-volume", EACCES},
    [RULE_ADMINISTRATION] = {"administration", EPERM},
    [RULE_SELINUX] = {"selinux", EACCES},
};

int policy_rule_errno(enum policy_rule rule)
{
    return rules[rule].err;
}

const char *policy_rule_name(enum policy_rule rule)
{
    return rules[rule].name;
}

const char *operation_name(enum operation operation)
{
    static const char *const names[] = {
        [OPERATION_LOOK] = "look",   [OPERATION_READ] = "read",     [OPERATION_FETCH] = "fetch",
        [OPERATION_STORE] = "store", [OPERATION_CHANGE] = "change",
    };

    return names[operation];
}

int policy_decide(uint32_t flags, const struct asker *asker, enum operation operation)
{
    return policy_rule_errno(policy_find_rule(flags, asker, operation));
}

bool policy_needs_outside(const struct asker *asker, enum operation operation,
                          enum policy_rule rule)
{
    return rule == RULE_PRIVATE_VOLUME && operation == OPERATION_LOOK &&
           asker->caller.kind == CALLER_CONTAINER && !asker->outside;
}

int policy_administer(const struct caller *caller, uid_t uid, uid_t owner)
{
    return caller->kind == CALLER_HOST && (uid == 0 || uid == owner) ? 0 : EPERM;
}
