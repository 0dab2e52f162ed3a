/*
 * Who is asking: the host, a container, or nobody we can tell.
 *
 * A request's pid is the caller's thread id in the daemon's pid namespace; it
 * stays valid while a synchronous request waits (the task cannot exit), so
 * /proc/TID is free of races for LOOKUP, OPEN, CREATE, SETATTR, GETXATTR, …; it
 * means nothing for READ, WRITE and RELEASE.
 *
 * A process is in a container when its mount namespace is not the daemon's and
 * either it is of one that is recorded with a process of it (caller_known.h), or its cgroup names
 * a container (Docker, Podman, containerd, CRI-O, runc/crun, nspawn, LXC), or its root directory is
 * not the host's.
 */
#pragma once

#include "catalog/name.h"
#include "fs/cgroup.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CONTAINER_ID_SHORT = 12, /* digits that engines show of an id */
    CGROUP_TEXT_MAX = 16 << 10,
    PID_NAMESPACES_MAX = 32, /* MAX_PID_NS_LEVEL in the kernel */
};

enum caller_kind { CALLER_UNKNOWN, CALLER_HOST, CALLER_CONTAINER };

struct caller {
    enum caller_kind kind;
    char container_id[CONTAINER_ID_MAX + 1]; /* "" unless a container */
};

/* Never fails: what cannot be told is CALLER_UNKNOWN (pid 0, gone, /proc unreadable or of another
 * pid namespace). */
void caller_identify(pid_t tid, struct caller *out);

/*
 * The same, for one whose request waits and who is likely to come again: cheaper then, and as new.
 * Keeps a few descriptors of such callers until this thread ends. `recorded` (may be NULL): by
 * which names containers were recorded, beside those of caller_known.h.
 */
void caller_identify_again(pid_t tid, const struct cgroup_names *recorded, struct caller *out);

/*
 * True if the thread's root directory is the host's. Of one in a container that is a runtime, which
 * sets the container up and has not entered it yet: what a container runs has another root. (One
 * that has the host's root directory to change to has all that is on the host.)
 */
bool caller_has_host_root(pid_t tid);

/* The inode of the thread's mount namespace. False: gone, or not ours to see. */
bool caller_read_namespace(pid_t tid, ino_t *out);
/* The link to it, that caller_read_link reads for as long as the task is there, whatever namespace
 * it moves to; holds neither. To be closed; −errno. */
int caller_open_namespace(pid_t tid);
bool caller_read_link(int fd, ino_t *out);

/*
 * The inodes of the thread's pid namespaces, its own first, below the daemon's. A task never leaves
 * them, and its children are in them too, whatever it may do.
 */
struct pid_namespaces {
    uint32_t count;
    ino_t items[PID_NAMESPACES_MAX];
};

/* None if it is in the daemon's own. False: gone, or not ours to see. */
bool caller_read_pid_namespaces(pid_t tid, struct pid_namespaces *out);

/* The text of /proc/TID/cgroup. False as above. */
bool caller_read_cgroup(pid_t tid, char text[CGROUP_TEXT_MAX]);

/* The id to use for a container whose cgroup does not name one: "mnt-INODE" of its namespace. */
void caller_name_namespace(ino_t mount_namespace, char id[CONTAINER_ID_MAX + 1]);
/* Whether it is such an id: another's, by and by, as the kernel gives the numbers again. */
bool caller_is_namespace(const char *id);

/*
 * Pure: whether the container seen as `seen` (struct caller, a live mount) is the one recorded with
 * this id and name ("": none): by id; by name, as engines without ids (LXC) are found; or because
 * what was recorded is the beginning of its id (somebody attached "3f4b1c0d9e8a").
 */
bool container_is_same(const char *id, const char *name, const char *seen);
