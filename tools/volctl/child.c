/* Other programs as children; see child.h. */
#include "tools/volctl/child.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Those of a service or a cron job may lack the directories that runtimes are in. */
#define PATH_MORE "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* In one list of directories. */
static bool find_in(const char *directories, const char *name, char out[PATH_MAX])
{
    while (*directories) {
        size_t length = strcspn(directories, ":");

        if (*directories == '/' &&
            snprintf(out, PATH_MAX, "%.*s/%s", (int)length, directories, name) < PATH_MAX &&
            access(out, X_OK) == 0)
            return true;
        directories += length + (directories[length] == ':');
    }
    return false;
}

bool child_find(const char *name, char out[PATH_MAX])
{
    const char *path = getenv("PATH");

    return (path && find_in(path, name, out)) || find_in(PATH_MORE, name, out);
}

static int spawn_streams(posix_spawn_file_actions_t *actions, const struct child *child)
{
    const int from[] = {child->in, child->out, child->err};
    int r = 0;

    for (int to = STDIN_FILENO; r == 0 && to <= STDERR_FILENO; to++)
        r = from[to] < 0 ? posix_spawn_file_actions_addopen(actions, to, "/dev/null", O_RDWR, 0)
                         : posix_spawn_file_actions_adddup2(actions, from[to], to);
    return r ? r : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

static int spawn_attributes(posix_spawnattr_t *attributes, const struct child *child)
{
    sigset_t signals;
    int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                (child->own_group ? POSIX_SPAWN_SETPGROUP : 0);
    int r;

    sigemptyset(&signals);
    r = posix_spawnattr_setsigmask(attributes, &signals);
    sigfillset(&signals);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(attributes, &signals);
    if (r == 0)
        r = posix_spawnattr_setpgroup(attributes, 0);
    return r ? r : posix_spawnattr_setflags(attributes, (short)flags);
}

pid_t child_start(const struct child *child)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid;
    int r;

    if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0)
        return -ENOMEM;
    r = spawn_streams(&actions, child);
    if (r == 0)
        r = spawn_attributes(&attributes, child);
    if (r == 0)
        r = posix_spawn(&pid, child->arguments[0], &actions, &attributes,
                        (char *const *)(uintptr_t)child->arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return r ? -r : pid;
}

void child_run_quietly(const char *const *arguments)
{
    struct child child = {.arguments = arguments, .in = -1, .out = -1, .err = -1};
    pid_t pid = child_start(&child);

    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

void child_fill_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR); // NOLINT(android-cloexec-open): it is a standard stream
    while (fd >= 0 && fd <= STDERR_FILENO);
    close_p(&fd);
}
