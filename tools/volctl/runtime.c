/*
 * Which OCI runtime to use; see runtime.h.
 *
 * crun starts faster, but refuses a host on which both versions of control groups are in use
 * ("hybrid", as systemd had it once). That is seen by the types of the file systems, which costs
 * two calls; to try it would cost a start.
 */
#include "tools/volctl/runtime.h"

#include "tools/volctl/child.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

static bool is_of_type(const char *path, long type)
{
    struct statfs st;

    return statfs(path, &st) == 0 && (long)st.f_type == type;
}

static bool cgroups_are_hybrid(void)
{
    return is_of_type(CGROUP_ROOT, TMPFS_MAGIC) &&
           is_of_type(CGROUP_ROOT "/unified", CGROUP2_SUPER_MAGIC);
}

static int find_wanted(const char *wanted, struct runtime *out, struct error *e)
{
    _cleanup_(free_p) char *absolute = NULL;

    if (!strchr(wanted, '/'))
        return child_find(wanted, out->path)
                   ? 0
                   : error_set(e, ERROR_NOT_FOUND,
                               "there is no runtime '%s' here; install the package of it, or give "
                               "its path with --runtime",
                               wanted);
    absolute = realpath(wanted, NULL);
    if (!absolute || access(absolute, X_OK) < 0)
        return error_set(e, ERROR_NOT_FOUND, "cannot use the runtime %s: %s", wanted,
                         strerror(errno));
    snprintf(out->path, sizeof(out->path), "%s", absolute);
    return 0;
}

int runtime_find(const char *wanted, struct runtime *out, struct error *e)
{
    const char *environment = getenv("VOLUMEFS_RUNTIME");
    bool hybrid;

    if (wanted && *wanted)
        return find_wanted(wanted, out, e);
    if (environment && *environment)
        return find_wanted(environment, out, e);
    hybrid = cgroups_are_hybrid();
    if ((!hybrid && child_find("crun", out->path)) || child_find("runc", out->path))
        return 0;
    if (hybrid && child_find("crun", out->path))
        return error_set(e, ERROR_NOT_FOUND,
                         "crun is here, but cannot work with this host's control groups, which are "
                         "of both versions (hybrid); install runc: apt-get install runc");
    return error_set(e, ERROR_NOT_FOUND,
                     "there is no OCI runtime here to run containers with; install one: apt-get "
                     "install crun, or runc; or give its path with --runtime");
}

const char *runtime_name(const struct runtime *runtime)
{
    const char *slash = strrchr(runtime->path, '/');

    return slash ? slash + 1 : runtime->path;
}

static bool has_mqueue(void)
{
    _cleanup_(fclose_p) FILE *file = fopen("/proc/filesystems", "re");
    char line[128];

    while (file && fgets(line, sizeof(line), file))
        if (strcmp(line, "nodev\tmqueue\n") == 0)
            return true;
    return false;
}

void runtime_look_at_host(struct bundle_host *out)
{
    struct winsize size = {0};

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && ioctl(fd, TIOCGWINSZ, &size) < 0; fd++)
        size = (struct winsize){0};
    *out = (struct bundle_host){
        .cgroup_mount =
            is_of_type(CGROUP_ROOT, CGROUP2_SUPER_MAGIC) || is_of_type(CGROUP_ROOT, TMPFS_MAGIC),
        .cgroup_namespace = access("/proc/self/ns/cgroup", F_OK) == 0,
        .mqueue = has_mqueue(),
        .rows = size.ws_row,
        .columns = size.ws_col,
    };
}
