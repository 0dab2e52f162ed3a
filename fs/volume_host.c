/*
 * Sources of bind mounts on the host: there or made, as Docker does. The path is
 * an administrator's and is followed as such; nothing in it is opened.
 */
#include "fs/volume_host.h"

#include "catalog/cleanup.h"
#include "catalog/model.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int volume_check_host_path(const char *path, bool create, struct error *e)
{
    _cleanup_(free_p) char *copy = NULL;
    struct stat st;
    int r;

    if (path[0] != '/' || strlen(path) > PATH_TEXT_MAX)
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid mount config for type \"bind\": invalid mount path: '%.256s' "
                         "mount path must be absolute",
                         path);
    if (stat(path, &st) == 0)
        return 0;
    if (errno != ENOENT || !create)
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid mount config for type \"bind\": bind source path does not "
                         "exist: %s",
                         path);
    copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    r = make_directories(copy);
    return r ? error_set_errno(e, r, "cannot make bind source path %s", path) : 0;
}
