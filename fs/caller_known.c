/* The list of containers that are known by a process; see caller_known.h. One lock for it, held for
 * the look alone. */
#include "fs/caller_known.h"

#include "fs/caller.h"
#include "fs/cgroup.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct known {
    ino_t mount_namespace;
    pid_t pid;
    bool by_cgroup; /* its control group's path has the id as a component */
    char id[CONTAINER_ID_MAX + 1];
};

static struct {
    pthread_rwlock_t lock; /* guards the rest */
    struct known *items;
    size_t count, size;
} list = {.lock = PTHREAD_RWLOCK_INITIALIZER};

static bool known_read(const char *id, pid_t pid, struct known *out)
{
    char text[CGROUP_TEXT_MAX];
    ino_t own;

    *out = (struct known){.pid = pid};
    memcpy(out->id, id, strnlen(id, CONTAINER_ID_MAX));
    if (!caller_read_namespace(pid, &out->mount_namespace) ||
        !caller_read_namespace(getpid(), &own) || out->mount_namespace == own)
        return false;
    out->by_cgroup = caller_read_cgroup(pid, text) && cgroup_has_component(text, id);
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

    if (!known_read(id, pid, &known))
        return 0;
    pthread_rwlock_wrlock(&list.lock);
    r = list_grow();
    if (r == 0)
        list.items[list.count++] = known;
    pthread_rwlock_unlock(&list.lock);
    return r;
}

void caller_known_remove(const char *id, pid_t pid)
{
    pthread_rwlock_wrlock(&list.lock);
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].pid == pid && strcmp(list.items[i].id, id) == 0) {
            list.items[i] = list.items[--list.count];
            break;
        }
    pthread_rwlock_unlock(&list.lock);
}

bool caller_known_find(ino_t mount_namespace, const char *text, char id[CONTAINER_ID_MAX + 1])
{
    const struct known *found = NULL;

    pthread_rwlock_rdlock(&list.lock);
    for (size_t i = 0; !found && i < list.count; i++)
        if (list.items[i].by_cgroup && cgroup_has_component(text, list.items[i].id))
            found = &list.items[i];
    for (size_t i = 0; !found && i < list.count; i++)
        if (list.items[i].mount_namespace == mount_namespace)
            found = &list.items[i];
    if (found)
        memcpy(id, found->id, sizeof(found->id));
    pthread_rwlock_unlock(&list.lock);
    return found;
}
