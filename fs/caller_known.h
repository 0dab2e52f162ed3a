/*
 * Containers that are recorded with a process of theirs: so that one whose control group has no
 * known form (runc's, of an id that somebody chose: /web) is known by that, and by its namespaces
 * of processes and of mounts. Safe from any thread.
 */
#pragma once

#include "catalog/name.h"
#include "fs/caller.h"
#include "fs/cgroup.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Notes that process `pid` is of the container `id`; forgotten as often as noted. Nothing is noted
 * of a process of the host's mount namespace, or one that is gone. −ENOMEM.
 */
int caller_known_add(const char *id, pid_t pid);
void caller_known_remove(const char *id, pid_t pid);

/* False: no container is known so that caller_known_find_process could find it. */
bool caller_known_has_processes(void);
/*
 * The container whose pid namespace is among these, if it is one's alone; the outermost of several.
 * A control group can be left, by who may mount them all. False: none.
 */
bool caller_known_find_process(const struct pid_namespaces *namespaces,
                               char id[CONTAINER_ID_MAX + 1]);

/*
 * The container of the control group in `text` (/proc/PID/cgroup): by the known forms
 * (cgroup_find_container), or that a component is named after, as it was of the process noted, or
 * that `recorded` (may be NULL) knows; the outermost of several. Or else that of this mount
 * namespace. False: none.
 */
bool caller_known_find(ino_t mount_namespace, const char *text, const struct cgroup_names *recorded,
                       char id[CONTAINER_ID_MAX + 1]);
