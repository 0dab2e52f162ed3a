/*
 * A host path is a volume's if it leads into the tree. It is looked up in the kernel's cache alone
 * (RESOLVE_CACHED), as a path of a dead server would hold up whoever follows the engine; where the
 * cache does not say, the text decides.
 */
#include "fs/volume_engine_mount.h"

#include "catalog/cleanup.h"
#include "fs/place.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "NAME/sub", as seen from the root of the tree. */
static int sorted_set_inner(struct sorted_mount *sorted, const char *inner)
{
    size_t length = strcspn(inner, "/");

    if (length == 0 || inner[0] == '.' || length > NAME_MAX_LENGTH)
        return 0; /* the tree as a whole, or a view */
    memcpy(sorted->name, inner, length);
    sorted->name[length] = 0;
    sorted->sort = SORT_OURS;
    if (!inner[length] || !inner[length + 1])
        return 0;
    sorted->subpath = strdup(inner + length + 1);
    return sorted->subpath ? 0 : -ENOMEM;
}

static int sorted_look(const struct volumes *volumes, struct sorted_mount *sorted)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED};
    const char *source = sorted->mount->source;
    _cleanup_(close_p) int fd = -1;
    struct place place;

    if (!source || source[0] != '/')
        return 0;
    if (place_path_is_within(source, volumes->mountpoint))
        return sorted_set_inner(sorted, source + strlen(volumes->mountpoint) +
                                            (source[strlen(volumes->mountpoint)] == '/'));
    fd = (int)syscall(SYS_openat2, AT_FDCWD, source, &how, sizeof(how));
    if (fd < 0)
        sorted->sort = SORT_UNKNOWN;
    else if (place_of_fd(fd, &place) == 0 && place.is_tree &&
             place.device == atomic_load(&volumes->tree_device))
        return sorted_set_inner(sorted, place.inner + 1);
    return 0;
}

int engine_mount_sort(const struct volumes *volumes, const struct engine *engine,
                      const struct engine_mount *mount, struct sorted_mount *out)
{
    *out = (struct sorted_mount){.mount = mount};
    if (!mount->volume || !mount->driver || strcmp(mount->driver, engine->driver) != 0 ||
        name_check_volume(mount->volume, NULL) != 0)
        return sorted_look(volumes, out); /* engines may know this driver by another name */
    snprintf(out->name, sizeof(out->name), "%s", mount->volume);
    out->sort = SORT_OURS;
    return 0;
}
