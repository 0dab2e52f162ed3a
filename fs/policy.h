/*
 * The rules, in one pure function: may this caller do this to this volume?
 * Every handler of a file operation asks it before it acts.
 */
#pragma once

#include "fs/caller.h"
#include "fs/table.h"

enum operation {
    OPERATION_LOOK,   /* names and attributes */
    OPERATION_READ,   /* opening, entries, attribute values */
    OPERATION_FETCH,  /* data of a file that is open: who opened it was asked */
    OPERATION_STORE,  /* data into such a file */
    OPERATION_CHANGE, /* anything else that would alter data, names or attributes */
};

static inline bool operation_alters(enum operation operation)
{
    return operation == OPERATION_STORE || operation == OPERATION_CHANGE;
}

static inline bool operation_is_of_open_file(enum operation operation)
{
    return operation == OPERATION_FETCH || operation == OPERATION_STORE;
}

/* Who asks, and what it is to the volume. */
struct asker {
    struct caller caller;
    bool reader;  /* a container all of whose attachments to the volume are read-only */
    bool owner;   /* the container to which the volume is private */
    bool outside; /* of a container, and has not entered it: caller_has_host_root */
};

/* What refuses. */
enum policy_rule {
    RULE_NONE, /* nothing does: it is allowed */
    RULE_REMOVED_VOLUME,
    RULE_READONLY_VOLUME,
    RULE_READONLY_ATTACHMENT,
    RULE_UNKNOWN_CALLER,
    RULE_PRIVATE_VOLUME, /* it is not the asker's */
    RULE_ADMINISTRATION, /* for the host's administrator only: policy_administer */
    RULE_SELINUX,        /* SELinux's policy: not for policy_find_rule to say, see label.h */
    RULE_COUNT,
};

/*
 * The rule that refuses, or RULE_NONE. `flags` are the volume's (volume_table_flags). `asker` may
 * be NULL where no rule asks who it is (policy_needs_caller).
 */
enum policy_rule policy_find_rule(uint32_t flags, const struct asker *asker,
                                  enum operation operation);
/* The errno that it answers (positive), 0 for RULE_NONE; and its name in logs and counters, as
 * "read-only-volume". */
int policy_rule_errno(enum policy_rule rule);
const char *policy_rule_name(enum policy_rule rule);

/* "look", "read", "fetch", "store", "change". */
const char *operation_name(enum operation operation);

/* The errno of the rule that refuses; 0: allowed. */
int policy_decide(uint32_t flags, const struct asker *asker, enum operation operation);

/* Whether it matters to what refuses that the asker may be `outside`. */
bool policy_needs_outside(const struct asker *asker, enum operation operation,
                          enum policy_rule rule);

/* True if what a volume with these flags says to the operation depends on who asks. */
bool policy_needs_caller(uint32_t flags, enum operation operation);

/*
 * Whether the caller may manage volumes (set rules, see hidden attributes): 0 or EPERM. Root may,
 * and who runs the daemon (`owner`), on the host.
 */
int policy_administer(const struct caller *caller, uid_t uid, uid_t owner);
