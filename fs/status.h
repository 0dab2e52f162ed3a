/*
 * What the daemon says of itself: .volumefs/status, GET /volumefs/status and
 * `volctl version` show the same fields.
 */
#pragma once

#include "fs/policy.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { STATUS_TEXT_MAX = 128, STATUS_ENGINES_MAX = 4 };

/* An engine whose API is followed, or would be if it were there. */
struct status_engine {
    const char *name, *socket;
    bool followed;
    char why[STATUS_TEXT_MAX]; /* not */
};

struct daemon_status {
    const char *version;         /* ours */
    const char *libfuse_version; /* "3.18" */
    char kernel[STATUS_TEXT_MAX];
    const char *mountpoint;
    const char *store;
    pid_t pid;
    int64_t started_at; /* ns since the epoch */
    bool privileged;    /* root: passthrough, owners as the caller, file handles */
    bool passthrough;
    char passthrough_reason[STATUS_TEXT_MAX]; /* why not; "" when it is on */
    const char *selinux;                      /* "not built", "off", "permissive", "enforcing" */
    unsigned threads;
    uint64_t volumes;
    uint64_t nodes;      /* inodes the kernel knows */
    uint64_t open_nodes; /* with a descriptor held by the daemon */
    uint64_t open_files;
    uint64_t denials[RULE_COUNT]; /* operations refused since the start, by rule */
    unsigned engine_count;
    struct status_engine engines[STATUS_ENGINES_MAX];
};

uint64_t status_denials(const struct daemon_status *status); /* by any rule */
