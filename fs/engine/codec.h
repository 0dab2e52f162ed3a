/*
 * The JSON of an engine's API, as Docker's documentation has it and Podman answers it too: the list
 * of containers and single events. What comes from there is bounded and checked; a container or a
 * mount that cannot be one is left out, and the others are taken. No I/O.
 */
#pragma once

#include "catalog/error.h"
#include "fs/volume_engine.h"

#include <stdbool.h>
#include <stddef.h>

struct engine_list {
    struct engine_container *items; /* sorted by id */
    size_t count;
};
void engine_list_deinit(struct engine_list *list);
/* The one with the id, or NULL. */
const struct engine_container *engine_list_find(const struct engine_list *list, const char *id);

/* The answer to GET /containers/json. ERROR_REQUEST_INVALID: it is no list. */
int engine_list_read(const char *text, size_t length, struct engine_list *out, struct error *e);

/* The process of a container that runs, by the answer to GET /containers/ID/json; 0: none is told.
 */
pid_t engine_process_read(const char *text, size_t length);

/*
 * Which engine answers, by the answer to GET /networks/host: that network's id, which is made with
 * the engine's data and lies with them. (The id of GET /info does so in Docker from version 23
 * only, and Podman makes up another for each answer.) "" it does not tell.
 */
void engine_id_read(const char *text, size_t length, char id[ENGINE_ID_MAX + 1]);

/* How many containers have a volume mounted, by Podman's answer to GET libpod/volumes/NAME/json;
 * −1: that is not told. */
int engine_mount_count_read(const char *text, size_t length);

/*
 * A line of GET /events. True if it may mean another state, name or mounts of a container (its id
 * is in `id`), or that it is gone. An event that cannot be read is none.
 */
bool engine_event_read(const char *text, size_t length, char id[CONTAINER_ID_MAX + 1]);
