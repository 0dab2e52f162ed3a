/* Sources of mounts that must stay what they are; see pin.h. */
#include "tools/volctl/pin.h"

#include "tools/volctl/call.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PINS_MAX = 1024 };

/*
 * The source of a volume's mount is TREE/NAME or TREE/NAME/PART. Where NAME is met first, and last
 * in the path, it is the former; else the daemon is asked, as TREE may have a NAME in it too.
 */
static bool source_is_whole(const char *source, const char *name)
{
    size_t length = strlen(name);

    while (*source == '/') {
        size_t part = strcspn(source + 1, "/");

        if (part == length && strncmp(source + 1, name, length) == 0)
            return !source[1 + part];
        source += 1 + part;
    }
    return false;
}

/* Opens the volume, or PART of it; links in it may lead about in the volume. */
static int source_open(const char *mountpoint, const char *source)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
    size_t length = strlen(mountpoint);
    _cleanup_(close_p) int volume = -1;
    int fd;

    if (!length || strncmp(source, mountpoint, length) != 0)
        return -EINVAL;
    source += length;
    if (*source && *source++ != '/')
        return -EINVAL;
    volume = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (volume < 0)
        return -errno;
    fd = (int)syscall(SYS_openat2, volume, *source ? source : ".", &how, sizeof(how));
    return fd < 0 ? -errno : fd;
}

/* Makes a place of the same kind for it, and mounts it there. */
static int source_mount(int fd, int mounts, const char *place)
{
    _cleanup_(close_p) int tree = -1;
    _cleanup_(close_p) int file = -1;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode)) {
        if (mkdirat(mounts, place, 0700) < 0)
            return -errno;
    } else {
        file = openat(mounts, place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0)
            return -errno;
    }
    tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 || move_mount(tree, "", mounts, place, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return -errno;
    return 0;
}

static int ask_mountpoint(struct volctl *volctl, const char *volume, json_t **out, struct error *e)
{
    struct call call = {.method = "GET", .segments = {"volumes", volume}};

    return call_daemon(volctl, &call, out, e);
}

static int pin_one(struct volctl *volctl, int mounts, const json_t *mount, const char *place,
                   struct error *e)
{
    _cleanup_(json_decref_p) json_t *volume = NULL;
    const char *name = field_text(mount, "Name"), *source = field_text(mount, "Source");
    _cleanup_(close_p) int fd = -1;
    int r = ask_mountpoint(volctl, name, &volume, e);

    if (r)
        return r;
    fd = source_open(field_text(volume, "Mountpoint"), source);
    r = fd < 0 ? fd : source_mount(fd, mounts, place);
    return r ? error_set_errno(e, r, "cannot mount %s, of volume %s, on %s in the container",
                               source, name, field_text(mount, "Destination"))
             : 0;
}

/* mounts/ is made for the first that needs it. */
static int mounts_open(const struct bundle_dir *dir, int *fd)
{
    if (*fd >= 0)
        return 0;
    if (mkdirat(dir->fd, "mounts", 0700) < 0 && errno != EEXIST)
        return -errno;
    *fd = openat(dir->fd, "mounts", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *fd < 0 ? -errno : 0;
}

int pins_make(struct volctl *volctl, const struct bundle_dir *dir, const json_t *container,
              json_t **out, struct error *e)
{
    _cleanup_(json_decref_p) json_t *sources = json_array();
    _cleanup_(close_p) int mounts_fd = -1;
    json_t *mounts = json_object_get(container, "Mounts"), *mount;
    unsigned pins = 0;
    size_t i;

    json_array_foreach(mounts, i, mount)
    {
        const char *name = field_text(mount, "Name");
        char place[16];
        int r;

        if (!*name || source_is_whole(field_text(mount, "Source"), name)) {
            if (json_array_append_new(sources, json_null()) < 0)
                return -ENOMEM;
            continue;
        }
        if (pins == PINS_MAX)
            return error_set(e, ERROR_LIMIT, "a container can have at most %d parts of volumes",
                             PINS_MAX);
        snprintf(place, sizeof(place), "%u", pins++);
        r = mounts_open(dir, &mounts_fd);
        r = r ? error_set_errno(e, r, "cannot make %s/mounts", dir->path)
              : pin_one(volctl, mounts_fd, mount, place, e);
        if (r)
            return r;
        if (json_array_append_new(sources, json_sprintf("%s/mounts/%s", dir->path, place)) < 0)
            return -ENOMEM;
    }
    *out = steal_pointer(&sources);
    return 0;
}

/* From the last to the first, so that a removal that is stopped half way is found again. */
void pins_remove(int bundle_fd)
{
    _cleanup_(close_p) int fd =
        openat(bundle_fd, "mounts", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char path[64], place[16];
    unsigned count = 0;

    if (fd < 0)
        return;
    do
        snprintf(place, sizeof(place), "%u", count);
    while (faccessat(fd, place, F_OK, AT_SYMLINK_NOFOLLOW) == 0 && count++ < PINS_MAX);
    while (count-- > 0) {
        snprintf(place, sizeof(place), "%u", count);
        snprintf(path, sizeof(path), "/proc/self/fd/%d/%u", fd, count);
        umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
        if (unlinkat(fd, place, AT_REMOVEDIR) < 0 && errno == ENOTDIR)
            unlinkat(fd, place, 0);
    }
    unlinkat(bundle_fd, "mounts", AT_REMOVEDIR);
}
