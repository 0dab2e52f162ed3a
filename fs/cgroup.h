/*
 * Which container a control group is of.
 */
#pragma once

#include "catalog/name.h"

#include <stdbool.h>

/*
 * Pure: the container's id in the text of /proc/PID/cgroup (v1, v2, hybrid), by
 * the known forms: /docker/ID, docker-ID.scope, /libpod_parent/libpod-ID, libpod-ID.scope,
 * libpod-conmon excluded, cri-containerd-ID.scope, crio-ID.scope, /lxc/NAME, lxc.payload.NAME,
 * machine-NAME.scope, /kubepods/…/ID, runc's and crun's own. Nested ones give the outermost. False:
 * none.
 */
bool cgroup_find_container(const char *text, char id[CONTAINER_ID_MAX + 1]);

/* Which names are containers'. */
struct cgroup_names {
    bool (*is_known)(const void *context, const char *name);
    const void *context;
};

/*
 * Pure: the same, where a control group may also have one of those names (NULL: none), for runtimes
 * that call it as their user called the container (runc and crun by themselves: /web). The
 * outermost of both kinds: what is in a container, and calls itself what it likes, stays of that
 * container.
 */
bool cgroup_find_known(const char *text, const struct cgroup_names *names,
                       char id[CONTAINER_ID_MAX + 1]);
