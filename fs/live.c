/*
 * Live references: bind mounts of parts of the tree, found in the mount
 * namespaces of containers.
 *
 * Two passes over what /proc shows: first every process outside the daemon's
 * mount namespace, with who it is; then, per namespace, one mountinfo. The
 * processes of a namespace are tried in turn, best known first, so that one
 * that ends in the middle does not hide the others: a container whose control
 * group names it beats a stranger who only joined its namespace.
 *
 * A mount whose directory the kernel calls deleted counts like any other: an
 * invalidated entry looks the same, and a volume that is referred to is not
 * removed, so the name still means the same volume.
 *
 * A daemon that was killed leaves its mount dead in the containers that have it: they refer to
 * their volumes all the same, and get them back when they are started again.
 *
 * No state, no locks.
 */
#include "fs/refs.h"

#include "catalog/cleanup.h"
#include "fs/caller.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A process in a container. */
struct process {
    ino_t mount_namespace;
    pid_t pid;
    bool named; /* by its control group */
    char container_id[CONTAINER_ID_MAX + 1];
};

struct processes {
    struct process *items;
    size_t count;
    size_t capacity;
    ino_t own; /* our mount namespace, whose processes are the host's; 0: not known */
};

static void processes_deinit(struct processes *processes)
{
    free(processes->items);
}

/* Makes room for one more of `size` bytes. */
static int array_grow(void *items, size_t count, size_t *capacity, size_t size)
{
    void **pointer = items;
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *grown;

    if (count < *capacity)
        return 0;
    grown = reallocarray(*pointer, wanted, size);
    if (!grown)
        return -ENOMEM;
    *pointer = grown;
    *capacity = wanted;
    return 0;
}

static bool parse_pid(const char *text, pid_t *out)
{
    char *end;
    long value;

    if (*text < '1' || *text > '9')
        return false;
    value = strtol(text, &end, 10);
    if (*end || value > INT32_MAX)
        return false;
    *out = (pid_t)value;
    return true;
}

/* A thread of the process whose namespaces can be read: a leader that has ended shows none, while
 * the others go on. 0: there is none. */
static pid_t living_thread(pid_t pid)
{
    _cleanup_(closedir_p) DIR *tasks = NULL;
    const struct dirent *entry;
    char path[64];
    ino_t unused;
    pid_t tid;

    if (caller_read_namespace(pid, &unused))
        return pid;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    while (tasks && (entry = readdir(tasks))) // NOLINT(concurrency-mt-unsafe): a stream of our own
        if (parse_pid(entry->d_name, &tid) && caller_read_namespace(tid, &unused))
            return tid;
    return 0;
}

/* Adds the process if it is a container's. One that is gone, or not ours to see, is skipped. */
static int processes_add(struct processes *processes, pid_t pid)
{
    char by_namespace[CONTAINER_ID_MAX + 1];
    struct process process = {0};
    struct caller caller;
    ino_t mount_namespace;
    int r;

    if (caller_read_namespace(pid, &mount_namespace) && mount_namespace == processes->own)
        return 0; /* most, and so the cheapest look */
    process.pid = living_thread(pid);
    caller_identify(process.pid, &caller);
    if (caller.kind != CALLER_CONTAINER ||
        !caller_read_namespace(process.pid, &process.mount_namespace))
        return 0;
    caller_name_namespace(process.mount_namespace, by_namespace);
    process.named = strcmp(by_namespace, caller.container_id) != 0;
    memcpy(process.container_id, caller.container_id, sizeof(process.container_id));
    r = array_grow(&processes->items, processes->count, &processes->capacity,
                   sizeof(*processes->items));
    if (r == 0)
        processes->items[processes->count++] = process;
    return r;
}

/* By namespace; in one, those named first, and then the oldest. */
static int process_compare(const void *left, const void *right)
{
    const struct process *a = left;
    const struct process *b = right;

    if (a->mount_namespace != b->mount_namespace)
        return a->mount_namespace < b->mount_namespace ? -1 : 1;
    if (a->named != b->named)
        return a->named ? -1 : 1;
    return a->pid < b->pid ? -1 : a->pid > b->pid;
}

static int processes_collect(struct processes *processes)
{
    _cleanup_(closedir_p) DIR *proc = opendir("/proc");

    if (!proc)
        return -errno;
    (void)caller_read_namespace(getpid(), &processes->own);
    for (;;) {
        struct dirent *entry;
        pid_t pid;
        int r;

        errno = 0;
        entry = readdir(proc); // NOLINT(concurrency-mt-unsafe): a stream of our own
        if (!entry && errno)
            return -errno;
        if (!entry)
            break;
        if (!parse_pid(entry->d_name, &pid))
            continue;
        r = processes_add(processes, pid);
        if (r < 0)
            return r;
    }
    if (processes->count)
        qsort(processes->items, processes->count, sizeof(*processes->items), process_compare);
    return 0;
}

static void live_mount_deinit(struct live_mount *mount)
{
    free(mount->volume);
    free(mount->subpath);
    free(mount->destination);
}

void live_mounts_deinit(struct live_mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++)
        live_mount_deinit(&mounts->items[i]);
    free(mounts->items);
    *mounts = (struct live_mounts){0};
}

/* What a scan carries along. */
struct scan {
    const struct live_trees *trees;
    struct live_mounts mounts;
    size_t capacity;
};

/* "/NAME" or "/NAME/sub/path"; not the tree itself, nor its own .volumefs. */
static bool root_is_volume(const char *root)
{
    return root[0] == '/' && root[1] && root[1] != '/' && root[1] != '.';
}

/* A number of old may be another file system's by now, or the tree of another store. */
static bool may_be_former(const struct live_trees *trees, const struct mountinfo *info)
{
    return strcmp(info->type, TREE_TYPE) == 0 &&
           (info->source[0] != '/' || strcmp(info->source, trees->store) == 0);
}

bool live_trees_have(const struct live_trees *trees, const struct mountinfo *info)
{
    if (info->device == trees->device)
        return true;
    for (size_t i = 0; i < trees->former_count; i++)
        if (info->device == trees->former[i])
            return may_be_former(trees, info);
    return false;
}

static int scan_add(struct scan *scan, const struct process *process, const struct mountinfo *info)
{
    const char *name = info->root + 1;
    size_t length = strcspn(name, "/");
    struct live_mount mount = {.readonly = info->readonly,
                               .dead = info->device != scan->trees->device,
                               .pid = process->pid};
    int r;

    r = array_grow(&scan->mounts.items, scan->mounts.count, &scan->capacity,
                   sizeof(*scan->mounts.items));
    if (r < 0)
        return r;
    memcpy(mount.container_id, process->container_id, sizeof(mount.container_id));
    mount.volume = strndup(name, length);
    mount.subpath = strdup(name + length + (name[length] == '/'));
    mount.destination = strdup(info->mount_point);
    if (!mount.volume || !mount.subpath || !mount.destination) {
        live_mount_deinit(&mount);
        return -ENOMEM;
    }
    scan->mounts.items[scan->mounts.count++] = mount;
    return 0;
}

/* Reads one process's mounts. 1: read to the end; 0: it went away, nothing kept; negative errno. */
static int scan_process(struct scan *scan, const struct process *process)
{
    _cleanup_(fclose_p) FILE *file = NULL;
    _cleanup_(free_p) char *line = NULL;
    size_t start = scan->mounts.count;
    size_t size = 0;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)process->pid);
    file = fopen(path, "re");
    if (!file)
        return errno == ENOMEM || errno == EMFILE || errno == ENFILE ? -errno : 0;
    errno = 0;
    while (getline(&line, &size, file) > 0) {
        struct mountinfo info;
        int r;

        if (!mountinfo_parse_line(line, &info) || !live_trees_have(scan->trees, &info) ||
            !root_is_volume(info.root))
            continue;
        r = scan_add(scan, process, &info);
        if (r < 0)
            return r;
    }
    if (!ferror(file))
        return 1;
    while (scan->mounts.count > start)
        live_mount_deinit(&scan->mounts.items[--scan->mounts.count]);
    return 0;
}

static int scan_namespaces(struct scan *scan, const struct processes *processes)
{
    size_t i = 0;

    while (i < processes->count) {
        ino_t mount_namespace = processes->items[i].mount_namespace;
        int r = 0;

        for (; i < processes->count && processes->items[i].mount_namespace == mount_namespace; i++)
            if (r == 0)
                r = scan_process(scan, &processes->items[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int live_mount_compare(const void *left, const void *right)
{
    const struct live_mount *a = left;
    const struct live_mount *b = right;
    int r = strcmp(a->volume, b->volume);

    if (r == 0)
        r = strcmp(a->container_id, b->container_id);
    return r ? r : strcmp(a->destination, b->destination);
}

int live_mounts_scan(const struct live_trees *trees, struct live_mounts *out)
{
    _cleanup_(processes_deinit) struct processes processes = {0};
    struct scan scan = {.trees = trees};
    int r = processes_collect(&processes);

    *out = (struct live_mounts){0};
    if (r == 0)
        r = scan_namespaces(&scan, &processes);
    if (r < 0) {
        live_mounts_deinit(&scan.mounts);
        return r;
    }
    if (scan.mounts.count)
        qsort(scan.mounts.items, scan.mounts.count, sizeof(*scan.mounts.items), live_mount_compare);
    *out = scan.mounts;
    return 0;
}
