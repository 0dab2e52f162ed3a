/*
 * Containers that attach and detach know: by which keys they are found, and how two who change one
 * wait for each other.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REMOVE_TRIES = 3,    /* of one that is started meanwhile */
    ID_PREFIX_SURE = 12, /* as engines show ids: shorter ones may be meant as a name */
};

static bool container_is_meant(const struct container *container, const char *key)
{
    return strcmp(container->id, key) == 0 || strcmp(container->name, key) == 0 ||
           strlen(key) >= ID_PREFIX_SURE;
}

int volume_container_find(struct volumes *volumes, const char *key, struct container *out,
                          struct error *e)
{
    int r = catalog_container_get(volumes->catalog, key, out, e);

    if (r == 0 && !container_is_meant(out, key))
        r = ERROR_NOT_FOUND;
    if (r == ERROR_LIMIT && strlen(key) < ID_PREFIX_SURE)
        r = ERROR_NOT_FOUND;
    return r == ERROR_NOT_FOUND ? error_set(e, r, "No such container: %s", key) : r;
}

int volume_container_find_exact(struct volumes *volumes, const char *key, struct container *out,
                                struct error *e)
{
    int r = catalog_container_get(volumes->catalog, key, out, e);

    if (r == ERROR_LIMIT || (r == 0 && strcmp(out->id, key) != 0 && strcmp(out->name, key) != 0))
        r = ERROR_NOT_FOUND;
    return r == ERROR_NOT_FOUND ? error_set(e, r, "No such container: %s", key) : r;
}

static int container_describe(const char *key, const char *runtime, struct container *out)
{
    *out = (struct container){.state = CONTAINER_CREATED, .created_at = time_now()};
    snprintf(out->runtime, sizeof(out->runtime), "%s", runtime);
    if (name_is_anonymous(key)) { /* 64 hex digits: the form of containers' ids too */
        snprintf(out->id, sizeof(out->id), "%s", key);
        return 0;
    }
    snprintf(out->name, sizeof(out->name), "%s", key);
    return name_make_random(out->id, CONTAINER_ID_MAX);
}

int volume_container_resolve(struct volumes *volumes, const char *key, struct container *out,
                             struct error *e)
{
    int r = name_check_container(key, e);

    if (r == 0)
        r = volume_container_find(volumes, key, out, e);
    if (r != ERROR_NOT_FOUND)
        return r;
    return container_describe(key, RUNTIME_ATTACH, out);
}

/* Docker's text for a name that is taken. */
int volume_container_describe_new(struct volumes *volumes, const char *key, struct container *out,
                                  struct error *e)
{
    struct container taken;
    int r = name_check_container(key, e);

    if (r == 0 && volume_container_find(volumes, key, &taken, NULL) == 0)
        return error_set(e, ERROR_EXISTS,
                         "Conflict. The container name \"%s\" is already in use by container "
                         "\"%.12s\". You have to remove (or rename) that container to be able to "
                         "reuse that name.",
                         key, taken.id);
    return r ? r : container_describe(key, RUNTIME_VOLCTL, out);
}

int volume_container_lock(struct volumes *volumes, const char *key, container_resolver resolve,
                          uint64_t *mask, struct container *out, struct error *e)
{
    uint64_t wanted, others = *mask;
    int r;

    for (;;) {
        r = resolve(volumes, key, out, e);
        if (r)
            return r;
        wanted = others | stripe_of(out->name[0] ? out->name : out->id);
        stripes_lock(volumes, wanted);
        r = resolve(volumes, key, out, e); /* it may have come or gone meanwhile */
        *mask = others | stripe_of(out->name[0] ? out->name : out->id);
        if (r == 0 && *mask == wanted)
            return 0;
        stripes_unlock(volumes, wanted);
        if (r)
            return r;
    }
}

/* ---- removing ----------------------------------------------------------------- */

/* Volumes that `rm -v` may take with the container. */
struct unnamed {
    char (*names)[NAME_MAX_LENGTH + 1];
    size_t count;
};

static void unnamed_deinit(struct unnamed *unnamed)
{
    free(unnamed->names);
}

static int unnamed_add(void *context, const struct attachment *attachment,
                       const struct volume *volume)
{
    struct unnamed *unnamed = context;
    void *grown;

    if (!volume || !attachment->unnamed)
        return 0;
    grown = reallocarray(unnamed->names, unnamed->count + 1, sizeof(*unnamed->names));
    if (!grown)
        return -ENOMEM;
    unnamed->names = grown;
    memcpy(unnamed->names[unnamed->count++], volume->name, sizeof(*unnamed->names));
    return 0;
}

static int container_forget(struct volumes *volumes, const struct container *container,
                            unsigned flags, struct unnamed *unnamed, struct error *e)
{
    _cleanup_(departures_deinit) struct departures departures = {0};
    int r;

    if (!(flags & CONTAINER_REMOVE_FORCE) && volume_container_runs(volumes, container))
        return error_set(e, ERROR_IN_USE,
                         "You cannot remove a running container %s. Stop the container before "
                         "attempting removal or force remove",
                         container->id);
    r = volume_container_refuse_engines(volumes, container, e);
    if (r)
        return r;
    volumes_cancel_copy(volumes, container->id);
    r = catalog_attachment_each_of_container(volumes->catalog, container->id, unnamed_add, unnamed,
                                             e);
    if (r == 0)
        r = volume_event_note_departures(volumes, container->id, NULL, &departures, e);
    if (r == 0)
        r = volume_access_drop_container(
            volumes, container->id,
            flags & CONTAINER_REMOVE_LAZILY ? CATALOG_SYNC_LATER : CATALOG_SYNC_NOW, e);
    if (r == 0)
        volume_event_departed(volumes, container, &departures);
    return r;
}

/* Whether it is the one that was judged: neither made nor started anew. With its stripe held. */
static int container_check_same(struct volumes *volumes, const struct container *container,
                                const struct container *judged, const struct run *run, bool *same,
                                struct error *e)
{
    _cleanup_(run_deinit) struct run now = {0};
    int r;

    *same = container->created_at == judged->created_at;
    if (!run || !*same)
        return 0;
    r = catalog_run_get(volumes->catalog, container->id, &now, e);
    *same = now.pid == run->pid && now.pid_started_at == run->pid_started_at &&
            strcmp(now.boot_id, run->boot_id) == 0;
    return r;
}

static int remove_unnamed(struct volumes *volumes, const struct unnamed *unnamed,
                          void (*removed)(void *context, const char *volume), void *context,
                          struct error *e)
{
    for (size_t i = 0; i < unnamed->count; i++) {
        int r = volume_remove_asked(volumes, unnamed->names[i], 0, ORIGIN_API, e);

        if (r == 0 && removed)
            removed(context, unnamed->names[i]);
        if (r && r != ERROR_IN_USE && r != ERROR_NOT_FOUND)
            return r;
    }
    return 0;
}

/* Before the container is forgotten: after that nobody would come back for its volumes. */
static int ask_engines(struct volumes *volumes, const char *container_id, struct error *e)
{
    _cleanup_(unnamed_deinit) struct unnamed unnamed = {0};
    int r = catalog_attachment_each_of_container(volumes->catalog, container_id, unnamed_add,
                                                 &unnamed, e);

    return r || !unnamed.count ? r : volumes_refresh_engines(volumes, e);
}

int volume_container_remove_judged(struct volumes *volumes, const struct container *judged,
                                   const struct run *run, unsigned flags,
                                   const struct removal_visitor *visitor, bool *same,
                                   struct error *e)
{
    _cleanup_(unnamed_deinit) struct unnamed unnamed = {0};
    struct container container;
    uint64_t mask = 0;
    int r = flags & CONTAINER_REMOVE_VOLUMES ? ask_engines(volumes, judged->id, e) : 0;

    *same = true;
    if (r == 0)
        r = volume_container_lock(volumes, judged->id, volume_container_find_exact, &mask,
                                  &container, e);
    if (r)
        return r;
    r = container_check_same(volumes, &container, judged, run, same, e);
    if (r == 0 && *same)
        r = container_forget(volumes, &container, flags, &unnamed, e);
    stripes_unlock(volumes, mask);
    if (r || !*same || !(flags & CONTAINER_REMOVE_VOLUMES))
        return r;
    return remove_unnamed(volumes, &unnamed, visitor ? visitor->removed : NULL,
                          visitor ? visitor->context : NULL, e);
}

/* One of volctl is ended before it is forgotten; another runtime's is that one's to end. `run` gets
 * what was found. */
static int container_stop(struct volumes *volumes, const struct container *container,
                          unsigned flags, struct run *run, struct error *e)
{
    int r = catalog_run_get(volumes->catalog, container->id, run, e);

    if (r || !(flags & CONTAINER_REMOVE_FORCE) || volume_container_is_foreign(container))
        return r;
    return volume_container_kill(container, run, e);
}

int volumes_container_remove(struct volumes *volumes, const char *key, unsigned flags,
                             void (*removed)(void *context, const char *volume), void *context,
                             struct error *e)
{
    const struct removal_visitor visitor = {removed, context};
    struct container container;
    int r = volume_container_find(volumes, key, &container, e);

    for (int tries = 0; r == 0 && tries < REMOVE_TRIES; tries++) {
        _cleanup_(run_deinit) struct run run = {0};
        bool same;

        r = container_stop(volumes, &container, flags, &run, e);
        if (r == 0)
            r = volume_container_remove_judged(volumes, &container, &run, flags, &visitor, &same,
                                               e);
        if (r == ERROR_NOT_FOUND && (flags & CONTAINER_REMOVE_FORCE))
            return 0; /* it went with its end */
        if (r || same)
            return r;
    }
    return r ? r
             : error_set(e, ERROR_IN_USE, "container %s is started again and again; stop who does",
                         key);
}
