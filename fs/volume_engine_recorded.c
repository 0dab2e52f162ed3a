/*
 * Which containers are recorded, looked for once for a whole list of an engine; and the end of
 * those that the engine does not list any more.
 *
 * Nothing is held between the look and what is done by it: whoever forgets a container finds it
 * anew, with its stripe held; and the name of an engine is written by none but the thread that
 * follows the engine, which looks too, so that none of the engine's is missed.
 */
#include "fs/volume_engine.h"

#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>

static bool is_of_engine(const struct container *container, const struct engine *engine)
{
    return strcmp(container->engine, engine->name) == 0 &&
           engine_id_is(engine->id, container->engine_id);
}

/* ---- the look -------------------------------------------------------------------- */

struct looking {
    const struct engine *engine;
    struct engine_recorded *out;
    size_t room;
};

static int recorded_add(void *context, const struct container *container)
{
    struct looking *looking = context;
    struct engine_recorded *out = looking->out;
    struct engine_record *record;

    if (out->count == looking->room) {
        size_t room = looking->room ? 2 * looking->room : 16;
        void *grown = reallocarray(out->items, room, sizeof(*out->items));

        if (!grown)
            return -ENOMEM;
        out->items = grown;
        looking->room = room;
    }
    record = &out->items[out->count++];
    memcpy(record->id, container->id, sizeof(record->id));
    record->of_engine = is_of_engine(container, looking->engine);
    return 0;
}

/* The id is what a record begins with. */
static int record_compare(const void *left, const void *right)
{
    return strcmp(left, right);
}

int volumes_engine_look(struct volumes *volumes, const struct engine *engine,
                        struct engine_recorded *out, struct error *e)
{
    struct looking looking = {engine, out, 0};
    int r;

    *out = (struct engine_recorded){0};
    r = catalog_container_each(volumes->catalog, recorded_add, &looking, e);
    if (r)
        engine_recorded_deinit(out);
    else if (out->count)
        qsort(out->items, out->count, sizeof(*out->items), record_compare);
    return r;
}

bool engine_recorded_has(const struct engine_recorded *recorded, const char *id)
{
    return recorded->count &&
           bsearch(id, recorded->items, recorded->count, sizeof(*recorded->items), record_compare);
}

void engine_recorded_deinit(struct engine_recorded *recorded)
{
    free(recorded->items);
    *recorded = (struct engine_recorded){0};
}

/* ---- forgetting ------------------------------------------------------------------ */

int volumes_engine_forget(struct volumes *volumes, const struct engine *engine, const char *id,
                          struct error *e)
{
    _cleanup_(departures_deinit) struct departures departures = {0};
    struct container container;
    uint64_t mask = 0;
    int r = volume_container_lock(volumes, id, volume_container_find_exact, &mask, &container, e);

    if (r)
        return r == ERROR_NOT_FOUND ? 0 : r;
    if (strcmp(container.id, id) == 0 && is_of_engine(&container, engine)) {
        r = volume_event_note_departures(volumes, container.id, NULL, &departures, e);
        if (r == 0)
            r = volume_access_drop_container(volumes, container.id, CATALOG_SYNC_NOW, e);
        if (r == 0)
            volume_event_departed(volumes, &container, &departures);
    }
    stripes_unlock(volumes, mask);
    volume_container_problem_clear(volumes, container.id);
    return r;
}

int volumes_engine_forget_others(struct volumes *volumes, const struct engine *engine,
                                 const struct engine_recorded *recorded,
                                 bool (*is_listed)(void *context, const char *id), void *context,
                                 struct error *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < recorded->count; i++)
        if (recorded->items[i].of_engine && !is_listed(context, recorded->items[i].id))
            r = volumes_engine_forget(volumes, engine, recorded->items[i].id, e);
    return r;
}
