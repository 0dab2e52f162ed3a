/*
 * Who is asking: the look at /proc that a request's thread id needs.
 *
 * Hides the order of the looks. The first is one readlink of ns/mnt, which settles every
 * caller on the host; only another mount namespace costs more.
 *
 * The daemon's own mount namespace and root are read once, at first use, and
 * never change after (no lock beyond pthread_once). What is kept open of callers is
 * their thread's.
 */
#include "fs/caller.h"

#include "catalog/cleanup.h"
#include "fs/caller_known.h"
#include "fs/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What makes a process one of the host's. */
static struct {
    pthread_once_t once;
    bool known;
    ino_t mount_namespace, pid_namespace;
    dev_t root_device;
    ino_t root_inode;
} host = {.once = PTHREAD_ONCE_INIT};

/* Read as a link ("mnt:[4026531840]"), as that asks for less than opening it. */
static bool read_namespace(int fd, const char *path, ino_t *out)
{
    char text[64];
    uintmax_t inode;
    ssize_t length = readlinkat(fd, path, text, sizeof(text) - 1);

    if (length <= 0)
        return false;
    text[length] = 0;
    if (sscanf(text, "mnt:[%" SCNuMAX "]", &inode) != 1) // NOLINT(cert-err34-c): the kernel's own
        return false;
    *out = (ino_t)inode;
    return true;
}

bool caller_read_namespace(pid_t tid, ino_t *out)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)tid);
    return read_namespace(AT_FDCWD, path, out);
}

int caller_open_namespace(pid_t tid)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)tid);
    fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

bool caller_read_link(int fd, ino_t *out)
{
    return read_namespace(fd, "", out);
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
    struct stat st;

    host.known = proc_is_ours() && caller_read_namespace(getpid(), &host.mount_namespace) &&
                 read_root("/proc/self/root", &host.root_device, &host.root_inode) &&
                 stat("/proc/self/ns/pid", &st) == 0;
    host.pid_namespace = host.known ? st.st_ino : 0;
}

bool caller_read_pid_namespaces(pid_t tid, struct pid_namespaces *out)
{
    _cleanup_(close_p) int fd = -1;
    char path[64];
    struct stat st;

    out->count = 0;
    pthread_once(&host.once, host_read);
    snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)tid);
    fd = host.known ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    while (fd >= 0 && fstat(fd, &st) == 0 && out->count < PID_NAMESPACES_MAX) {
        int parent;

        if (st.st_ino == host.pid_namespace)
            return true;
        out->items[out->count++] = st.st_ino;
        parent = ioctl(fd, NS_GET_PARENT);
        close(fd);
        fd = parent;
    }
    return false;
}

/* From its beginning, which makes the kernel tell it anew. */
static bool read_cgroup(int fd, char text[CGROUP_TEXT_MAX])
{
    size_t length = 0;

    while (length < CGROUP_TEXT_MAX - 1) {
        ssize_t n = pread(fd, text + length, CGROUP_TEXT_MAX - 1 - length, (off_t)length);

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

static int open_cgroup(pid_t tid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)tid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool caller_read_cgroup(pid_t tid, char text[CGROUP_TEXT_MAX])
{
    _cleanup_(close_p) int fd = open_cgroup(tid);

    return fd >= 0 && read_cgroup(fd, text);
}

static bool is_host_root(dev_t device, ino_t inode)
{
    return device == host.root_device && inode == host.root_inode;
}

/* A process in another mount namespace. `cgroup`: open_cgroup, or −1. */
static void identify_foreign(pid_t tid, ino_t mount_namespace, int cgroup,
                             const struct pid_namespaces *processes,
                             const struct cgroup_names *recorded, struct caller *out)
{
    char text[CGROUP_TEXT_MAX];
    char path[64];
    dev_t device;
    ino_t inode;

    if (cgroup < 0 || !read_cgroup(cgroup, text))
        return;
    if (caller_known_find_process(processes, out->container_id) ||
        caller_known_find(mount_namespace, text, recorded, out->container_id)) {
        out->kind = CALLER_CONTAINER;
        return;
    }
    snprintf(path, sizeof(path), "/proc/%d/root", (int)tid);
    if (!read_root(path, &device, &inode))
        return;
    if (is_host_root(device, inode)) {
        out->kind = CALLER_HOST;
        return;
    }
    out->kind = CALLER_CONTAINER;
    caller_name_namespace(mount_namespace, out->container_id);
}

bool caller_has_host_root(pid_t tid)
{
    char path[64];
    dev_t device;
    ino_t inode;

    pthread_once(&host.once, host_read);
    snprintf(path, sizeof(path), "/proc/%d/root", (int)tid);
    return tid > 0 && host.known && read_root(path, &device, &inode) && is_host_root(device, inode);
}

/* False: nothing can be told of it. */
static bool identify_begin(pid_t tid, struct caller *out)
{
    *out = (struct caller){.kind = CALLER_UNKNOWN};
    pthread_once(&host.once, host_read);
    return tid > 0 && host.known;
}

void caller_identify(pid_t tid, struct caller *out)
{
    _cleanup_(close_p) int cgroup = -1;
    struct pid_namespaces processes = {0};
    ino_t mount_namespace;

    if (!identify_begin(tid, out) || !caller_read_namespace(tid, &mount_namespace))
        return;
    if (mount_namespace == host.mount_namespace) {
        out->kind = CALLER_HOST;
        return;
    }
    cgroup = open_cgroup(tid);
    if (!caller_known_has_processes() || caller_read_pid_namespaces(tid, &processes))
        identify_foreign(tid, mount_namespace, cgroup, &processes, NULL, out);
}

/* ---- callers that come again -------------------------------------------------- */

enum { KEPT = 8 };

/*
 * What was opened of a caller, to be read again with its next request. Such a descriptor is bound
 * to the task and not to its number: while it can be read, that task is there, and has the number
 * still, which so belongs to nobody else. And it is read each time: nothing of what is answered is
 * old.
 */
struct kept {
    pid_t tid;     /* 0: empty */
    int namespace; /* the link ns/mnt itself, by O_PATH: it holds no namespace */
    int cgroup;    /* −1: not needed yet */
    bool processes_read;
    struct pid_namespaces processes; /* a task has the same ones all its life */
};

/* A worker's own, so that it needs no lock. */
static _Thread_local struct kept kept_by_thread[KEPT];
static pthread_key_t kept_key;
static pthread_once_t kept_once = PTHREAD_ONCE_INIT;

static void kept_close(struct kept *kept)
{
    if (!kept->tid)
        return;
    close(kept->namespace);
    if (kept->cgroup >= 0)
        close(kept->cgroup);
    kept->tid = 0;
}

static void kept_close_all(void *all)
{
    for (struct kept *kept = all; kept < (struct kept *)all + KEPT; kept++)
        kept_close(kept);
}

static void kept_key_make(void)
{
    if (pthread_key_create(&kept_key, kept_close_all) != 0)
        abort(); /* a process may have many keys, and has few */
}

/* Opens anew. False: it is gone, or descriptors are short. */
static bool kept_open(struct kept *kept, pid_t tid)
{
    pthread_once(&kept_once, kept_key_make);
    if (pthread_setspecific(kept_key, kept_by_thread) != 0)
        return false;
    kept_close(kept);
    kept->namespace = caller_open_namespace(tid);
    if (kept->namespace < 0)
        return false;
    kept->cgroup = -1;
    kept->processes_read = false;
    kept->processes.count = 0;
    kept->tid = tid;
    return true;
}

/* Where they tell anything. False: they cannot be read. */
static bool kept_read_processes(struct kept *kept)
{
    if (!kept->processes_read && caller_known_has_processes())
        kept->processes_read = caller_read_pid_namespaces(kept->tid, &kept->processes);
    return kept->processes_read || !caller_known_has_processes();
}

void caller_identify_again(pid_t tid, const struct cgroup_names *recorded, struct caller *out)
{
    ino_t mount_namespace;
    struct kept *kept;

    if (!identify_begin(tid, out))
        return;
    kept = &kept_by_thread[tid % KEPT];
    if (kept->tid != tid || !caller_read_link(kept->namespace, &mount_namespace)) {
        if (!kept_open(kept, tid)) {
            caller_identify(tid, out);
            return;
        }
        if (!caller_read_link(kept->namespace, &mount_namespace))
            return;
    }
    if (mount_namespace == host.mount_namespace) {
        out->kind = CALLER_HOST;
        return;
    }
    if (!kept_read_processes(kept))
        return;
    if (kept->cgroup < 0)
        kept->cgroup = open_cgroup(tid);
    identify_foreign(tid, mount_namespace, kept->cgroup, &kept->processes, recorded, out);
}

void caller_name_namespace(ino_t mount_namespace, char id[CONTAINER_ID_MAX + 1])
{
    snprintf(id, CONTAINER_ID_MAX + 1, "mnt-%ju", (uintmax_t)mount_namespace);
}

bool caller_is_namespace(const char *id)
{
    static const char prefix[] = "mnt-";
    size_t length = sizeof(prefix) - 1;

    return strncmp(id, prefix, length) == 0 && id[length] &&
           strspn(id + length, "0123456789") == strlen(id + length);
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
