/*
 * Where a directory lies, told by fdinfo and mountinfo alone: nothing here asks a file system
 * anything, so that one whose daemon hangs does not hang this one.
 */
#include "fs/place.h"

#include "catalog/cleanup.h"
#include "catalog/mountinfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool place_path_is_within(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    if (length == 1)
        return true; /* "/" */
    return strncmp(path, directory, length) == 0 && (!path[length] || path[length] == '/');
}

static int fd_path(int fd, char out[PATH_MAX])
{
    char link[64];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, out, PATH_MAX);
    if (n < 0)
        return -errno;
    if (n == PATH_MAX)
        return -ENAMETOOLONG;
    out[n] = 0;
    return 0;
}

/* The id of the mount that `fd` is on; from fdinfo, which asks the file system nothing. */
static int fd_mount_id(int fd, int *out)
{
    _cleanup_(fclose_p) FILE *file = NULL;
    _cleanup_(free_p) char *line = NULL;
    size_t size = 0;
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    file = fopen(path, "re");
    if (!file)
        return -errno;
    while (getline(&line, &size, file) > 0) {
        if (strncmp(line, "mnt_id:", 7) != 0)
            continue;
        *out = (int)strtol(line + 7, NULL, 10);
        return 0;
    }
    return -ENODATA;
}

static int place_from_mount(struct place *place, const struct mountinfo *mount)
{
    const char *rest = place->path;
    int n;

    if (strcmp(mount->mount_point, "/") != 0)
        rest += strlen(mount->mount_point);
    if (strcmp(rest, "/") == 0)
        rest = "";
    n = snprintf(place->inner, sizeof(place->inner), "%s%s",
                 strcmp(mount->root, "/") == 0 && *rest ? "" : mount->root, rest);
    place->device = mount->device;
    place->is_tree = strcmp(mount->type, TREE_TYPE) == 0;
    return n < (int)sizeof(place->inner) ? 0 : -ENAMETOOLONG;
}

int place_of_fd(int fd, struct place *out)
{
    _cleanup_(fclose_p) FILE *file = NULL;
    _cleanup_(free_p) char *line = NULL;
    struct mountinfo mount;
    size_t size = 0;
    int id = 0;
    int r;

    r = fd_path(fd, out->path);
    if (r == 0)
        r = fd_mount_id(fd, &id);
    if (r)
        return r;
    file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return -errno;
    while (getline(&line, &size, file) > 0) {
        if (strtol(line, NULL, 10) != id || !mountinfo_parse_line(line, &mount))
            continue;
        if (!place_path_is_within(out->path, mount.mount_point))
            break;
        return place_from_mount(out, &mount);
    }
    return -ENODATA;
}
