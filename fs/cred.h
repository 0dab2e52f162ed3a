/*
 * On whose behalf a worker thread acts. New files must belong to the caller,
 * so the thread's file system ids are set before a create; everything else is done with
 * the daemon's capabilities, the kernel having checked permissions
 * (`default_permissions`).
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Once, before threads: drops supplementary groups and every capability but the
 * few that are needed, keeps capabilities over changes of ids, umask 0. Without root it
 * does nothing and the ids below stay the daemon's own.
 */
int cred_init(bool privileged, struct error *e);

/*
 * Once in each worker thread, whoever started it: the daemon's ids, a umask of its own (unshare
 * CLONE_FS) that masks nothing, CAP_FSETID out of effect. −errno.
 */
int cred_init_thread(void);

/*
 * The ids and umask of what this thread creates next. Remembered, so that a
 * run of creates by one caller costs no syscall. −EPERM if the kernel refuses.
 */
int cred_assume(uid_t uid, gid_t gid, mode_t umask);
/* Back to the daemon's own, for what it writes itself: the store's records and the catalog. */
void cred_assume_own(void);

/*
 * CAP_FSETID is out of effect in workers, so that the kernel clears set-id bits
 * of files written through passthrough. While it is raised the bits survive,
 * as the caller's own right demands.
 */
void cred_raise_fsetid(void);
void cred_lower_fsetid(void);
