/* Ways by namespaces: of users, processes, control groups, all of them, and one in another. */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static int go_at(struct place *place, go_fn go)
{
    int fd = open(place->volume, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    place->dir = fd;
    go(place);
    close(fd);
    return 0;
}

/* The first process in a pid namespace that was just made. */
static int go_in_child(struct place *place, go_fn go)
{
    pid_t pid = fork();
    int status = 0, r;

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        r = go_at(place, go);
        _exit(-r);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

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

/* Root of a user namespace, which is `uid` outside of it. */
static int become_mapped(int flags)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int r = outcome(unshare(CLONE_NEWUSER | flags));

    if (r < 0)
        return errno == ENOSPC || errno == ENOSYS ? NOT_HERE : r;
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1", uid);
    r = write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof(map), "0 %u 1", gid);
    return r < 0 ? r : write_text("/proc/self/gid_map", map);
}

static int take_user(struct place *place, go_fn go)
{
    int r = become_mapped(0);

    return r ? r : go_at(place, go);
}

static int take_user_and_mount(struct place *place, go_fn go)
{
    int r = become_mapped(CLONE_NEWNS);

    if (r)
        return r;
    mount_writable(place->volume); /* locked, where it was not writable before */
    return go_at(place, go);
}

static int take_user_twice(struct place *place, go_fn go)
{
    int r = become_mapped(CLONE_NEWNS);

    if (r == 0)
        r = become_mapped(CLONE_NEWNS | CLONE_NEWPID);
    return r ? r : go_in_child(place, go);
}

static int take_processes(struct place *place, go_fn go)
{
    return unshare(CLONE_NEWPID) < 0 ? -errno : go_in_child(place, go);
}

static int take_processes_and_mount(struct place *place, go_fn go)
{
    int r = outcome(unshare(CLONE_NEWPID | CLONE_NEWNS));

    if (r == 0)
        r = outcome(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    if (r == 0)
        r = mount_writable(place->volume);
    return r < 0 ? r : go_in_child(place, go);
}

static int take_all(struct place *place, go_fn go)
{
    int flags =
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;

    if (unshare(flags) < 0)
        return -errno;
    return go_in_child(place, go);
}

/* A namespace is left for the one before, and entered again. */
static int take_to_and_fro(struct place *place, go_fn go)
{
    int before = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    int r = before < 0 ? -errno : outcome(unshare(CLONE_NEWNS));

    if (r == 0)
        r = outcome(setns(before, CLONE_NEWNS));
    if (before >= 0)
        close(before);
    return r < 0 ? r : go_at(place, go);
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        "namespaces", #name, take_##name, 0                                                        \
    }
#define WEAK(name)                                                                                 \
    {                                                                                              \
        "namespaces", #name, take_##name, ANY                                                      \
    }
const struct route routes_space[] = {
    WEAK(user), WEAK(user_and_mount), WEAK(user_twice), ROW(processes), ROW(processes_and_mount),
    ROW(all),   ROW(to_and_fro),
};
const size_t routes_space_count = sizeof(routes_space) / sizeof(*routes_space);
