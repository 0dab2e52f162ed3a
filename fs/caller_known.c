/* The list of containers that are known by a process; see caller_known.h. One lock for it, held for
 * the look alone, in the list and in /proc, which waits for nobody. */
#include "fs/caller_known.h"

#include "catalog/cleanup.h"
#include "fs/caller.h"
#include "fs/cgroup.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct known {
    ino_t mount_namespace; /* a number that is another's once the process is gone */
    int link;              /* its ns/mnt by O_PATH: tells whether it still is; holds no namespace */
    ino_t pid_namespace; /* 0: the daemon's. It lasts as long as the process: so does its number */
    pid_t pid;
    bool by_cgroup; /* its control group's path has the id as a component */
    char id[CONTAINER_ID_MAX + 1];
};

static struct {
    pthread_rwlock_t lock; /* guards the rest */
    struct known *items;
    size_t count, size;
    atomic_uint processes; /* items with a pid namespace; read without the lock */
} list = {.lock = PTHREAD_RWLOCK_INITIALIZER};

static bool is_same_name(const void *context, const char *name)
{
    return strcmp(context, name) == 0;
}

static bool known_read(const char *id, pid_t pid, struct known *out)
{
    char found[CONTAINER_ID_MAX + 1];
    struct cgroup_names names = {is_same_name, out->id};
    struct pid_namespaces namespaces;
    char text[CGROUP_TEXT_MAX];
    ino_t own;

    *out = (struct known){.pid = pid, .link = -1};
    memcpy(out->id, id, strnlen(id, CONTAINER_ID_MAX));
    out->link = caller_open_namespace(pid);
    if (out->link < 0 || !caller_read_link(out->link, &out->mount_namespace) ||
        !caller_read_namespace(getpid(), &own) || out->mount_namespace == own)
        return false;
    if (caller_read_pid_namespaces(pid, &namespaces) && namespaces.count)
        out->pid_namespace = namespaces.items[0];
    out->by_cgroup = caller_read_cgroup(pid, text) && cgroup_find_known(text, &names, found);
    return true;
}

static int list_grow(void)
{
    size_t size = list.size ? list.size * 2 : 16;
    struct known *grown;

    if (list.count < list.size)
        return 0;
    grown = reallocarray(list.items, size, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    list.items = grown;
    list.size = size;
    return 0;
}

int caller_known_add(const char *id, pid_t pid)
{
    struct known known;
    int r;

    if (!known_read(id, pid, &known)) {
        close_p(&known.link);
        return 0;
    }
    pthread_rwlock_wrlock(&list.lock);
    r = list_grow();
    if (r == 0) {
        list.items[list.count++] = known;
        atomic_fetch_add(&list.processes, known.pid_namespace != 0);
    }
    pthread_rwlock_unlock(&list.lock);
    if (r)
        close_p(&known.link);
    return r;
}

void caller_known_remove(const char *id, pid_t pid)
{
    int link = -1;

    pthread_rwlock_wrlock(&list.lock);
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].pid == pid && strcmp(list.items[i].id, id) == 0) {
            atomic_fetch_sub(&list.processes, list.items[i].pid_namespace != 0);
            link = list.items[i].link;
            list.items[i] = list.items[--list.count];
            break;
        }
    pthread_rwlock_unlock(&list.lock);
    close_p(&link);
}

/* With the lock held. `context`: the names that are known besides. */
static bool is_known_group(const void *context, const char *name)
{
    const struct cgroup_names *recorded = context;

    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].by_cgroup && strcmp(list.items[i].id, name) == 0)
            return true;
    return recorded && recorded->is_known(recorded->context, name);
}

static bool find_namespace(ino_t mount_namespace, char id[CONTAINER_ID_MAX + 1])
{
    for (size_t i = 0; i < list.count; i++) {
        ino_t now;

        if (list.items[i].mount_namespace != mount_namespace ||
            !caller_read_link(list.items[i].link, &now) || now != mount_namespace)
            continue;
        memcpy(id, list.items[i].id, sizeof(list.items[i].id));
        return true;
    }
    return false;
}

/* With the lock held. NULL: nobody's, or that of several, as in a pod. */
static const struct known *find_pid_namespace(ino_t pid_namespace)
{
    const struct known *found = NULL;

    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].pid_namespace != pid_namespace)
            continue;
        if (found && strcmp(found->id, list.items[i].id) != 0)
            return NULL;
        found = &list.items[i];
    }
    return found;
}

bool caller_known_has_processes(void)
{
    return atomic_load(&list.processes) > 0;
}

bool caller_known_find_process(const struct pid_namespaces *namespaces,
                               char id[CONTAINER_ID_MAX + 1])
{
    const struct known *found = NULL;

    pthread_rwlock_rdlock(&list.lock);
    for (uint32_t i = namespaces->count; !found && i > 0; i--)
        found = find_pid_namespace(namespaces->items[i - 1]);
    if (found)
        memcpy(id, found->id, sizeof(found->id));
    pthread_rwlock_unlock(&list.lock);
    return found;
}

bool caller_known_find(ino_t mount_namespace, const char *text, const struct cgroup_names *recorded,
                       char id[CONTAINER_ID_MAX + 1])
{
    struct cgroup_names names = {is_known_group, recorded};
    bool found;

    pthread_rwlock_rdlock(&list.lock);
    found = cgroup_find_known(text, &names, id) || find_namespace(mount_namespace, id);
    pthread_rwlock_unlock(&list.lock);
    return found;
}
