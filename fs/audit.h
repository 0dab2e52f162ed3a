/*
 * Denials, so that each can be seen: counted by rule, published as events, and logged.
 *
 * A container may be refused a hundred thousand times a second. So denials of one kind (container,
 * volume, operation, rule) are told together: the first at once, then their number after a second,
 * after two more, four more, … and each minute while they go on. Lines of the log are bounded in
 * all. Safe from any thread.
 */
#pragma once

#include "catalog/name.h"
#include "fs/event_ring.h"
#include "fs/policy.h"

#include <sys/types.h>

struct audit; /* opaque */

struct denial {
    const char *container_id; /* as the caller was identified; "" the host, or not known */
    const char *volume_id;
    const char *volume;    /* its name */
    const char *operation; /* constant: operation_name, or "attach", … */
    enum policy_rule rule;
    pid_t pid; /* a thread that waits for the answer; 0: not known */
    uid_t uid; /* of that */
};

struct audit *audit_new(struct event_ring *ring); /* NULL: out of memory. It counts from here on. */
struct audit *audit_free(struct audit *audit);

/* Finds the name of a container as it was identified; "" if it is not known. May wait. */
typedef void (*audit_namer)(void *context, const char *container_id,
                            char name[NAME_MAX_LENGTH + 1]);
/* Starts the thread that tells. 0 or negative errno. */
int audit_start(struct audit *audit, audit_namer namer, void *context);
/* Tells what is left to tell. Harmless if it was not started. */
void audit_stop(struct audit *audit);

/* Notes a denial. Neither waits nor writes anything. */
void audit_deny(struct audit *audit, const struct denial *denial);

/* Denials since the start, by rule. */
void audit_count(struct audit *audit, uint64_t by_rule[RULE_COUNT]);
