/*
 * Ways by control groups that the container may reach: below its own, named after another
 * container, in each hierarchy that there is. That of version 2, or the ones of version 1.
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
    {"cgroup2", NULL},     {"cgroup", "pids"},    {"cgroup", "memory"},
    {"cgroup", "freezer"}, {"cgroup", "devices"}, {"cgroup", "none,name=systemd"},
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

/* In namespaces of mounts and of groups, of which its own group is the root. */
static int begin(void)
{
    if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    mkdir("/tmp", 0777);
    return mkdir(spot, 0777) < 0 && errno != EEXIST ? -errno : 0;
}

/* Moves into a group below the own one, in the hierarchy. */
static int enter_below(int hierarchy, const char *name)
{
    char path[PROC_PATH_MAX];
    int r = outcome(
        mount("escape", spot, hierarchies[hierarchy].type, 0, hierarchies[hierarchy].options));

    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "%s/%s", spot, name);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        r = -errno;
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
        entered += enter_below(i, name) == 0;
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
    int status = 0, r = begin();
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

#define ROW(name)                                                                                  \
    {                                                                                              \
        "groups", #name, take_##name, 0                                                            \
    }
const struct route routes_group[] = {ROW(below), ROW(other), ROW(other_scope), ROW(odd)};
const size_t routes_group_count = sizeof(routes_group) / sizeof(*routes_group);
