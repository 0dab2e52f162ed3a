/*
 * The rules, in one pure function: may this caller do this to this volume?
 * Every handler of a file operation asks it before it acts.
 */
#pragma once

#include "fs/caller.h"
#include "fs/table.h"

enum operation {
    OPERATION_LOOK,   /* names and attributes */
    OPERATION_READ,   /* data, entries, attribute values */
    OPERATION_CHANGE, /* anything that would alter data, names or attributes */
};

/*
 * 0: allowed; else the errno to answer (positive). `flags` are the volume's
 * (volume_table_flags). `caller` may be NULL while no rule of the volume asks
 * who it is (policy_needs_caller).
 */
int policy_decide(uint32_t flags, const struct caller *caller, enum operation operation);

/* True if a volume with these flags has rules that depend on the caller. */
bool policy_needs_caller(uint32_t flags);

/*
 * Whether the caller may manage volumes (set rules, see hidden attributes): 0 or EPERM. Root may,
 * and who runs the daemon (`owner`), on the host.
 */
int policy_administer(const struct caller *caller, uid_t uid, uid_t owner);
