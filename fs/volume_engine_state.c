/*
 * Whether engines can be asked, and what waits for an administrator where they cannot.
 */
#include "fs/volume_engine.h"

#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>

enum { STRANDED_MAX = 16 };

/* ---- states ---------------------------------------------------------------------- */

bool engine_ids_match(const char *a, const char *b)
{
    return !*a || !*b || strcmp(a, b) == 0;
}

/* With the mutex held. NULL: it is not followed. */
static struct engine_state *state_find(struct volumes *volumes, const char *name)
{
    for (size_t i = 0; i < volumes->engine_count; i++)
        if (strcmp(volumes->engine_states[i].name, name) == 0)
            return &volumes->engine_states[i];
    return NULL;
}

void volumes_engine_set_state(struct volumes *volumes, const struct engine *engine,
                              const char *socket, const char *why)
{
    struct engine_state *state;

    pthread_mutex_lock(&volumes->engine_mutex);
    state = state_find(volumes, engine->name);
    if (!state && volumes->engine_count < ENGINES_FOLLOWED_MAX) {
        state = &volumes->engine_states[volumes->engine_count++];
        *state = (struct engine_state){.name = engine->name, .socket = socket};
    }
    if (state && (!state->since || state->away != (why != NULL)))
        state->since = time_now();
    if (state) {
        state->away = why != NULL;
        memcpy(state->id, engine->id, sizeof(state->id));
        snprintf(state->why, sizeof(state->why), "%s", why ? why : "");
    }
    pthread_mutex_unlock(&volumes->engine_mutex);
}

bool volumes_engine_is_away(struct volumes *volumes, const char *engine, const char *id)
{
    const struct engine_state *state;
    bool away;

    pthread_mutex_lock(&volumes->engine_mutex);
    state = state_find(volumes, engine);
    away = !state || state->away || !engine_ids_match(state->id, id);
    pthread_mutex_unlock(&volumes->engine_mutex);
    return away;
}

void volumes_engine_each(struct volumes *volumes,
                         void (*visit)(void *context, const char *name, const char *socket,
                                       const char *why),
                         void *context)
{
    struct engine_state states[ENGINES_FOLLOWED_MAX];
    size_t count;

    pthread_mutex_lock(&volumes->engine_mutex);
    count = volumes->engine_count;
    memcpy(states, volumes->engine_states, sizeof(states));
    pthread_mutex_unlock(&volumes->engine_mutex);
    for (size_t i = 0; i < count; i++)
        visit(context, states[i].name, states[i].socket, states[i].away ? states[i].why : NULL);
}

/* ---- problems --------------------------------------------------------------------- */

/* Containers of one engine that is away. */
struct stranded {
    char name[DRIVER_NAME_MAX + 1];
    char id[ENGINE_ID_MAX + 1];
    size_t containers;
};

struct counting {
    struct volumes *volumes;
    struct stranded items[STRANDED_MAX];
    size_t count;
};

static int count_container(void *context, const struct container *container)
{
    struct counting *counting = context;
    struct stranded *item = counting->items;

    if (!container->engine[0] ||
        !volumes_engine_is_away(counting->volumes, container->engine, container->engine_id))
        return 0;
    while (
        item < counting->items + counting->count &&
        (strcmp(item->name, container->engine) != 0 || strcmp(item->id, container->engine_id) != 0))
        item++;
    if (item == counting->items + STRANDED_MAX)
        return 0;
    if (item == counting->items + counting->count) {
        counting->count++;
        memcpy(item->name, container->engine, sizeof(item->name));
        memcpy(item->id, container->engine_id, sizeof(item->id));
    }
    item->containers++;
    return 0;
}

static void stranded_describe(const struct stranded *stranded, const struct engine_state *state,
                              char *out, size_t size)
{
    const char *plural = stranded->containers == 1 ? "" : "s";
    char since[TIME_TEXT_SIZE] = "this start";

    if (state->since)
        time_format(state->since, since);
    if (state->away)
        snprintf(
            out, size,
            "cannot be asked since %s: %s; its %zu container%s with volumes count as they were "
            "then",
            since, state->why, stranded->containers, plural);
    else
        snprintf(out, size,
                 "another %s answers at %s since %s: %zu container%s with volumes count as they "
                 "were with the former one, whose id and data directory are %s",
                 stranded->name, state->socket, since, stranded->containers, plural, stranded->id);
}

static int visit_stranded(struct volumes *volumes, const struct stranded *stranded,
                          problem_visitor visit, void *context)
{
    const struct engine_state *found;
    struct engine_state state = {.away = true,
                                 .why = "it is not followed (see --docker-socket, "
                                        "--podman-socket)"};
    char text[512 + ENGINE_ID_MAX + TIME_TEXT_SIZE];

    pthread_mutex_lock(&volumes->engine_mutex);
    found = state_find(volumes, stranded->name);
    if (found)
        state = *found;
    pthread_mutex_unlock(&volumes->engine_mutex);
    if (!state.away && engine_ids_match(state.id, stranded->id))
        return 0; /* it has come back meanwhile */
    stranded_describe(stranded, &state, text, sizeof(text));
    return visit(context, stranded->name, text,
                 state.away
                     ? "start it; if it is gone for good: volctl container rm -f for each "
                       "that volctl container ls shows of it"
                     : "see that its data are mounted, and start it again; if it is gone for "
                       "good: volctl container rm -f for each that volctl container ls shows "
                       "of it");
}

int volumes_check_engines(struct volumes *volumes, problem_visitor visit, void *context)
{
    struct counting counting = {.volumes = volumes};
    int r = catalog_container_each(volumes->catalog, count_container, &counting, NULL);

    for (size_t i = 0; r == 0 && i < counting.count; i++)
        r = visit_stranded(volumes, &counting.items[i], visit, context);
    return r;
}

int volume_container_refuse_engines(struct volumes *volumes, const struct container *container,
                                    struct error *e)
{
    const char *name = container->name[0] ? container->name : container->id;

    if (!container->engine[0] ||
        volumes_engine_is_away(volumes, container->engine, container->engine_id))
        return 0;
    return error_set(e, ERROR_IN_USE,
                     "container %s is %s's, which has it still; remove it there: %s rm %s", name,
                     container->engine, container->engine, name);
}

/* ---- the latest --------------------------------------------------------------------- */

void volumes_set_refresh(struct volumes *volumes, int (*refresh)(void *context, struct error *e),
                         void *context)
{
    pthread_rwlock_wrlock(&volumes->refresh_lock);
    volumes->refresh = refresh;
    volumes->refresh_context = context;
    pthread_rwlock_unlock(&volumes->refresh_lock);
}

int volumes_refresh_engines(struct volumes *volumes, struct error *e)
{
    int r = 0;

    pthread_rwlock_rdlock(&volumes->refresh_lock);
    if (volumes->refresh)
        r = volumes->refresh(volumes->refresh_context, e);
    pthread_rwlock_unlock(&volumes->refresh_lock);
    return r;
}
