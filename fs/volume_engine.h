/*
 * Containers of engines, as their API tells of them: recorded as long as the engine lists them,
 * running or not. Who follows that API (fs/engine/follow.h) tells what it hears by these calls.
 */
#pragma once

#include "fs/volume.h"

struct engine_mount {
    char *volume;      /* the engine's volume; NULL: a host path is mounted */
    char *driver;      /* of that volume; NULL: not told */
    char *source;      /* path on the host; NULL: not told */
    char *destination; /* absolute, clean */
    bool readonly;
    enum access_label label;
};

/* One container; strings of mounts are owned. */
struct engine_container {
    char id[CONTAINER_ID_MAX + 1];
    char name[NAME_MAX_LENGTH + 1]; /* "" none that could be one here */
    enum container_state state;
    int64_t created_at;
    struct engine_mount *mounts;
    size_t mount_count;
};

/*
 * An engine: its name is that of its containers' runtime ("docker", "podman"). With other data it
 * is another one, of another id: what it lists says nothing of the first one's containers.
 */
struct engine {
    const char *name;
    const char *driver;         /* the name by which the engine knows our volume driver */
    char id[ENGINE_ID_MAX + 1]; /* "" not known */
};

/* Which containers were recorded at one look. Owned; {0} is none, and safe to release. */
struct engine_recorded {
    struct engine_record {
        char id[CONTAINER_ID_MAX + 1]; /* first */
        bool of_engine;                /* listed by the engine that was looked for */
    } * items;                         /* sorted by id */
    size_t count;
};
void engine_recorded_deinit(struct engine_recorded *recorded);
bool engine_recorded_has(const struct engine_recorded *recorded, const char *id);
/* Once for a list that is recorded, after the engine has answered it. */
int volumes_engine_look(struct volumes *volumes, const struct engine *engine,
                        struct engine_recorded *out, struct error *e);

/*
 * Records a container as the engine has it now, with those of its mounts that are of volumes here;
 * one that has none is not recorded. What else is known of it (by the hook, by hand) is kept, and
 * what was attached by hand under its name is its own from here on. A label z or Z takes effect
 * unless the volume is private to another: that is a problem then, and the container is denied.
 *
 * `recorded` (NULL: it is looked for): with none of its mounts a volume's, and not among these, the
 * container is passed over. One that the hook or somebody by hand records after the look is as if
 * recorded after the list: its start is told as an event after the hook's word, else the next list
 * has it.
 *
 * `wants_process`: it runs, is recorded, and no process of it is known: that is to be told then
 * (volumes_container_start), as what a container is known by for certain is its process.
 */
int volumes_engine_put(struct volumes *volumes, const struct engine *engine,
                       const struct engine_container *container,
                       const struct engine_recorded *recorded, bool *wants_process,
                       struct error *e);
/* Forgets one that the engine has removed. None such, or another engine's (as to one of the same
 * name: by its id), is no error. */
int volumes_engine_forget(struct volumes *volumes, const struct engine *engine, const char *id,
                          struct error *e);
/* Forgets those of the engine among `recorded` for which `is_listed` says no. */
int volumes_engine_forget_others(struct volumes *volumes, const struct engine *engine,
                                 const struct engine_recorded *recorded,
                                 bool (*is_listed)(void *context, const char *id), void *context,
                                 struct error *e);

/* ---- whether they can be asked -------------------------------------------------- */

/*
 * An engine's API is followed from now on (`why` NULL), or cannot be: what was known of its
 * containers stays, and is marked. `engine->name` and `socket` are constant strings that outlive
 * the volumes.
 */
void volumes_engine_set_state(struct volumes *volumes, const struct engine *engine,
                              const char *socket, const char *why);
/* Whether what is known of the engine's containers may be out of date: it cannot be asked, or who
 * answers in its place has another id. */
bool volumes_engine_is_away(struct volumes *volumes, const char *engine, const char *id);
/* Visits each that is to be followed; `why` NULL: it is. */
void volumes_engine_each(struct volumes *volumes,
                         void (*visit)(void *context, const char *name, const char *socket,
                                       const char *why),
                         void *context);
/* Visits engines that are away (volumes_engine_is_away) and have containers here, as problems. */
int volumes_check_engines(struct volumes *volumes, problem_visitor visit, void *context);

/*
 * How to hear the latest of all engines: `refresh` returns when that is recorded, or nothing can be
 * heard as the engine is not there. ERROR_UNAVAILABLE: one that is there does not answer, or not
 * all could be recorded. It is called before volumes are removed or renamed, with nothing held;
 * until it is set, and after it is set to NULL, nobody is asked.
 */
void volumes_set_refresh(struct volumes *volumes, int (*refresh)(void *context, struct error *e),
                         void *context);
