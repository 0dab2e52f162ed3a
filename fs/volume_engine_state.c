/*
 * Whether engines can be asked, and what waits for an administrator where they cannot.
 */
#include "fs/volume_engine.h"

#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>

/* ---- states ---------------------------------------------------------------------- */

bool engine_id_is(const char *id, const char *recorded)
{
    return !*recorded || strcmp(id, recorded) == 0;
}

/* NULL: it is not followed. */
static struct engine_state *state_find(struct engine_state *states, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(states[i].name, name) == 0)
            return &states[i];
    return NULL;
}

/* Whether the one that has the id cannot be asked. */
static bool state_is_away(const struct engine_state *state, const char *id)
{
    return !state || state->away || !engine_id_is(state->id, id);
}

void volumes_engine_set_state(struct volumes *volumes, const struct engine *engine,
                              const char *socket, const char *why)
{
    struct engine_state *state;

    pthread_mutex_lock(&volumes->engine_mutex);
    state = state_find(volumes->engine_states, volumes->engine_count, engine->name);
    if (!state && volumes->engine_count < ENGINES_FOLLOWED_MAX) {
        state = &volumes->engine_states[volumes->engine_count++];
        *state = (struct engine_state){.name = engine->name, .socket = socket};
    }
    if (state &&
        (!state->since || state->away != (why != NULL) || strcmp(state->id, engine->id) != 0))
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
    bool away;

    pthread_mutex_lock(&volumes->engine_mutex);
    away = state_is_away(state_find(volumes->engine_states, volumes->engine_count, engine), id);
    pthread_mutex_unlock(&volumes->engine_mutex);
    return away;
}

static size_t states_copy(struct volumes *volumes, struct engine_state out[ENGINES_FOLLOWED_MAX])
{
    size_t count;

    pthread_mutex_lock(&volumes->engine_mutex);
    count = volumes->engine_count;
    memcpy(out, volumes->engine_states, sizeof(volumes->engine_states));
    pthread_mutex_unlock(&volumes->engine_mutex);
    return count;
}

void volumes_engine_each(struct volumes *volumes,
                         void (*visit)(void *context, const char *name, const char *socket,
                                       const char *why),
                         void *context)
{
    struct engine_state states[ENGINES_FOLLOWED_MAX];
    size_t count = states_copy(volumes, states);

    for (size_t i = 0; i < count; i++)
        visit(context, states[i].name, states[i].socket, states[i].away ? states[i].why : NULL);
}

/* ---- problems --------------------------------------------------------------------- */

/* Containers of engines that are away, by the engine's name. */
struct counting {
    struct engine_state states[ENGINES_FOLLOWED_MAX];
    size_t state_count;
    struct {
        char name[DRIVER_NAME_MAX + 1];
        size_t containers;
    } items[ENGINES_FOLLOWED_MAX];
    size_t count;
};

static int count_container(void *context, const struct container *container)
{
    struct counting *counting = context;
    size_t i = 0;

    if (!container->engine[0] ||
        !state_is_away(state_find(counting->states, counting->state_count, container->engine),
                       container->engine_id))
        return 0;
    while (i < counting->count && strcmp(counting->items[i].name, container->engine) != 0)
        i++;
    if (i == ENGINES_FOLLOWED_MAX)
        return 0;
    if (i == counting->count)
        memcpy(counting->items[counting->count++].name, container->engine,
               sizeof(container->engine));
    counting->items[i].containers++;
    return 0;
}

static int visit_away(const char *name, const struct engine_state *state, size_t containers,
                      problem_visitor visit, void *context)
{
    const char *plural = containers == 1 ? "" : "s", *next;
    char text[512 + TIME_TEXT_SIZE], since[TIME_TEXT_SIZE] = "this start";

    if (state && state->since)
        time_format(state->since, since);
    if (state && !state->away) {
        snprintf(text, sizeof(text),
                 "%s answers at %.128s since %s; %zu container%s with volumes of the former one "
                 "count as they were then",
                 state->id[0] ? "one with other data" : "one that does not tell which it is",
                 state->socket, since, containers, plural);
        next = "see that its data are mounted, and start it again; if they are gone for good: "
               "volctl container rm -f for each that volctl refs shows as away";
    } else {
        snprintf(text, sizeof(text),
                 "cannot be asked since %s: %s; its %zu container%s with volumes count as they "
                 "were then",
                 since,
                 state ? state->why : "it is not followed (see --docker-socket, --podman-socket)",
                 containers, plural);
        next = "start it; if it is gone for good: volctl container rm -f for each that volctl "
               "refs shows as away";
    }
    return visit(context, name, text, next);
}

int volumes_check_engines(struct volumes *volumes, problem_visitor visit, void *context)
{
    struct counting counting = {0};
    int r;

    counting.state_count = states_copy(volumes, counting.states);
    r = catalog_container_each(volumes->catalog, count_container, &counting, NULL);
    for (size_t i = 0; r == 0 && i < counting.count; i++) {
        const char *name = counting.items[i].name;

        r = visit_away(name, state_find(counting.states, counting.state_count, name),
                       counting.items[i].containers, visit, context);
    }
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
