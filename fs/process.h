/*
 * Processes that outlive what is remembered of them. A pid alone is given to others later; with the
 * time its process started and the boot it did so in, it means one process for ever.
 */
#pragma once

#include "catalog/model.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* /proc/sys/kernel/random/boot_id; "" where it cannot be read. */
void process_boot_id(char out[BOOT_ID_LENGTH + 1]);

/* Whether the process that has this pid now has this name (of its main thread's, 15 bytes). */
bool process_has_name(pid_t pid, const char *name);

/*
 * A pidfd of the process that has this pid now, to be closed, and when it started: clock ticks
 * since boot. −ESRCH: none, or it has ended; or another −errno.
 */
int process_open(pid_t pid, uint64_t *started_at);

/* A pidfd of the very process of `run`, or −ESRCH: it has ended. */
int process_reopen(const struct run *run);

/* True once the process has ended; waits up to `timeout_ms` for that. */
bool process_has_ended(int pidfd, int timeout_ms);

/* Pure: the field starttime of a text of /proc/PID/stat, whatever the name in it. */
bool process_stat_start(const char *text, uint64_t *started_at);
