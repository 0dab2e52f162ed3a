/*
 * Who is asking: the look at /proc that a request's thread id needs.
 *
 * Hides the order of the looks. The first is one readlink of ns/mnt, which settles every
 * caller on the host; only another mount namespace costs more.
 *
 * The daemon's own mount namespace and root are read once, at first use, and
 * never change after (no lock beyond pthread_once).
 */
#include "fs/caller.h"

#include "catalog/cleanup.h"
#include "fs/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CGROUP_TEXT_MAX = 16 << 10 };

/* ---- /proc ---------------------------------------------------------------- */

/* What makes a process one of the host's. */
static struct {
    pthread_once_t once;
    bool known;
    ino_t mount_namespace;
    dev_t root_device;
    ino_t root_inode;
} host = {.once = PTHREAD_ONCE_INIT};

/* Read as a link ("mnt:[4026531840]"), as that asks for less than opening it. */
bool caller_read_namespace(pid_t tid, ino_t *out)
{
    char path[64];
    char text[64];
    uintmax_t inode;
    ssize_t length;

    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)tid);
    length = readlink(path, text, sizeof(text) - 1);
    if (length < 0)
        return false;
    text[length] = 0;
    if (sscanf(text, "mnt:[%" SCNuMAX "]", &inode) != 1) // NOLINT(cert-err34-c): the kernel's own
        return false;
    *out = (ino_t)inode;
    return true;
}

/*
 * A process whose root lies in the tree would send us a request of our own
 * from inside a handler: DONT_SYNC answers from the kernel's cache.
 */
static bool read_root(const char *path, dev_t *device, ino_t *inode)
{
    struct statx st;

    if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &st) < 0)
        return false;
    *device = ((dev_t)st.stx_dev_major << 32) | st.stx_dev_minor; /* compared with itself only */
    *inode = st.stx_ino;
    return true;
}

/* A /proc of another pid namespace would tell of other processes by the same numbers. */
static bool proc_is_ours(void)
{
    char text[16];
    ssize_t length = readlink("/proc/self", text, sizeof(text) - 1);

    if (length <= 0)
        return false;
    text[length] = 0;
    return strtol(text, NULL, 10) == getpid();
}

static void host_read(void)
{
    host.known = proc_is_ours() && caller_read_namespace(getpid(), &host.mount_namespace) &&
                 read_root("/proc/self/root", &host.root_device, &host.root_inode);
}

static bool read_cgroup(pid_t tid, char text[CGROUP_TEXT_MAX])
{
    _cleanup_(close_p) int fd = -1;
    char path[64];
    size_t length = 0;

    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)tid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (length < CGROUP_TEXT_MAX - 1) {
        ssize_t n = read(fd, text + length, CGROUP_TEXT_MAX - 1 - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    text[length] = 0;
    return true;
}

/* A process in another mount namespace. */
static void identify_foreign(pid_t tid, ino_t mount_namespace, struct caller *out)
{
    char text[CGROUP_TEXT_MAX];
    char path[64];
    dev_t device;
    ino_t inode;

    if (!read_cgroup(tid, text))
        return;
    if (cgroup_find_container(text, out->container_id)) {
        out->kind = CALLER_CONTAINER;
        return;
    }
    snprintf(path, sizeof(path), "/proc/%d/root", (int)tid);
    if (!read_root(path, &device, &inode))
        return;
    if (device == host.root_device && inode == host.root_inode) {
        out->kind = CALLER_HOST;
        return;
    }
    out->kind = CALLER_CONTAINER;
    caller_name_namespace(mount_namespace, out->container_id);
}

void caller_identify(pid_t tid, struct caller *out)
{
    ino_t mount_namespace;

    *out = (struct caller){.kind = CALLER_UNKNOWN};
    if (tid <= 0)
        return;
    pthread_once(&host.once, host_read);
    if (!host.known || !caller_read_namespace(tid, &mount_namespace))
        return;
    if (mount_namespace == host.mount_namespace)
        out->kind = CALLER_HOST;
    else
        identify_foreign(tid, mount_namespace, out);
}

void caller_name_namespace(ino_t mount_namespace, char id[CONTAINER_ID_MAX + 1])
{
    snprintf(id, CONTAINER_ID_MAX + 1, "mnt-%ju", (uintmax_t)mount_namespace);
}

/* ---- recorded containers ---------------------------------------------------- */

/* Only ids that an engine made are shortened; "web" is not the beginning of "web-2". */
static bool is_beginning_of_id(const char *text, const char *id)
{
    size_t length = strlen(text);

    return length >= CONTAINER_ID_SHORT && name_is_anonymous(id) && strncmp(text, id, length) == 0;
}

bool container_is_same(const char *id, const char *name, const char *seen)
{
    return strcmp(id, seen) == 0 || strcmp(name, seen) == 0 || is_beginning_of_id(name, seen) ||
           is_beginning_of_id(id, seen);
}
