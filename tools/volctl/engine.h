/*
 * Docker and Podman, as far as their local volumes go: what there is, who has it, and an entry made
 * or removed.
 */
#pragma once

#include "tools/volctl/call.h"

/* ENTRY: {"Name", "Source", "CreatedAt", "Labels", "Anonymous", "Running":[NAME…],
 * "Stopped":[NAME…]}, and "Unfit": why it is no plain directory, where that is so. Source is the
 * canonical path of its data, which need not be there. */
struct engine {
    const struct engine_kind *kind;
    const char *host;      /* Docker's socket, NULL: $DOCKER_HOST, or the usual one */
    const char *data_root; /* of Docker, for `offline`; NULL: the usual one */
    bool offline;          /* go by Docker's directories alone */
    struct client *client;
};

struct engine_kind {
    const char *name;  /* "docker" */
    const char *title; /* "Docker" */
    /* An array of ENTRY, owned. ERROR_UNAVAILABLE: the engine cannot be asked. */
    int (*list)(struct engine *engine, json_t **out, struct error *e);
    /* Removes its entry of a volume, with what is in the volume still. */
    int (*remove)(struct engine *engine, const char *name, struct error *e);
    /* Makes an empty volume. */
    int (*create)(struct engine *engine, const char *name, const json_t *labels, struct error *e);
    /* Has it ask its volume drivers what they have; NULL: it does, whenever it is asked. */
    int (*reload)(struct engine *engine, struct error *e);
};

extern const struct engine_kind engine_docker;
extern const struct engine_kind engine_podman;

/* NULL: neither. */
const struct engine_kind *engine_kind_find(const char *name);
void engine_deinit(struct engine *engine);

/* The entry of that name; NULL: none. */
json_t *engine_find(const json_t *entries, const char *name);

/* ---- for the engines' own files ------------------------------------------------- */

/*
 * Adds an ENTRY for a volume as engines describe it (Docker's fields, and Podman's Anonymous), with
 * nobody who has it. 0 or -ENOMEM.
 */
int engine_add(json_t *entries, const json_t *volume);
/* Notes that a container has it. 0 or -ENOMEM. */
int engine_add_user(const json_t *entries, const char *volume, const char *container, bool running);
