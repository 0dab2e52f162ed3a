/*
 * Ways by control groups that the container may reach, in each hierarchy that there is, of version
 * 2 or 1: below its own, named after another container; and, where its namespace of groups is the
 * host's, at the top and in those of others.
 */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char spot[] = "/tmp/groups";

static const struct {
    const char *type, *options;
} hierarchies[] = {
    {"cgroup2", NULL},     {"cgroup", "pids"},
    {"cgroup", "memory"},  {"cgroup", "freezer"},
    {"cgroup", "devices"}, {"cgroup", "blkio"},
    {"cgroup", "cpu"},     {"cgroup", "cpuacct"},
    {"cgroup", "cpuset"},  {"cgroup", "none,name=systemd"},
};
enum { HIERARCHIES = sizeof(hierarchies) / sizeof(*hierarchies) };

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return r;
}

static int begin(int namespaces)
{
    if (unshare(CLONE_NEWNS | namespaces) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    mkdir("/tmp", 0777);
    return mkdir(spot, 0777) < 0 && errno != EEXIST ? -errno : 0;
}

/* Moves into a group of the hierarchy, below the one that it shows as its top. */
static int enter(int hierarchy, const char *name)
{
    char path[PROC_PATH_MAX];
    int r = outcome(
        mount("escape", spot, hierarchies[hierarchy].type, 0, hierarchies[hierarchy].options));

    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "%s/%s", spot, name);
    mkdir(path, 0755); /* or it is there */
    strncat(path, "/cgroup.procs", sizeof(path) - strlen(path) - 1);
    if (r == 0)
        r = write_text(path, "0");
    umount2(spot, MNT_DETACH);
    return r;
}

/* Ends what was made, which is empty once the child has ended. */
static void remove_below(const char *name)
{
    char path[PROC_PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", spot, name);
    for (int i = 0; i < HIERARCHIES; i++) {
        if (mount("escape", spot, hierarchies[i].type, 0, hierarchies[i].options) < 0)
            continue;
        rmdir(path);
        umount2(spot, MNT_DETACH);
    }
}

static int go_in_groups(struct place *place, go_fn go, const char *name)
{
    int entered = 0;

    for (int i = 0; i < HIERARCHIES; i++)
        entered += enter(i, name) == 0;
    if (!entered)
        return NOT_HERE;
    mount_writable(place->volume);
    place->dir = open(place->volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place->dir < 0)
        return -errno;
    go(place);
    return 0;
}

static int take_named(struct place *place, go_fn go, const char *name)
{
    int status = 0, r = begin(CLONE_NEWCGROUP); /* its own group is the top */
    pid_t pid;

    if (r < 0)
        return r;
    pid = fork();
    if (pid == 0)
        _exit(-go_in_groups(place, go, name) & 0xff);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    remove_below(name);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
    return status == (-NOT_HERE & 0xff) ? NOT_HERE : -status;
}

static int take_below(struct place *place, go_fn go)
{
    return take_named(place, go, "below");
}

static int take_other(struct place *place, go_fn go)
{
    return place->group ? take_named(place, go, place->group) : NOT_HERE;
}

static int take_other_scope(struct place *place, go_fn go)
{
    char name[PROC_PATH_MAX];

    if (!place->group)
        return NOT_HERE;
    snprintf(name, sizeof(name), "docker-%s.scope", place->group);
    return take_named(place, go, name);
}

static int take_odd(struct place *place, go_fn go)
{
    return take_named(place, go, "0::\\x2f (deleted)");
}

/* Out of its own groups, if their namespace is the host's. */
static int take_top(struct place *place, go_fn go)
{
    int r = place->joins ? begin(0) : NOT_HERE;

    return r ? r : go_in_groups(place, go, ".");
}

/* And with a pid namespace in its own. */
static int take_top_nested(struct place *place, go_fn go)
{
    int status = 0, r = place->joins ? begin(CLONE_NEWPID) : NOT_HERE;
    pid_t pid;

    if (r)
        return r;
    pid = fork();
    if (pid == 0)
        _exit(-go_in_groups(place, go, ".") & 0xff);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

/* Into the groups of a container that may do what this one may not. */
static int take_joined(struct place *place, go_fn go)
{
    int r = place->joins ? begin(0) : NOT_HERE;

    return r ? r : go_in_groups(place, go, place->joins);
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        "groups", #name, take_##name, 0                                                            \
    }
const struct route routes_group[] = {ROW(below), ROW(other),      ROW(other_scope), ROW(odd),
                                     ROW(top),   ROW(top_nested), ROW(joined)};
const size_t routes_group_count = sizeof(routes_group) / sizeof(*routes_group);
