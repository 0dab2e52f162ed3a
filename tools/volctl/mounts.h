/*
 * What a container is to have mounted, as the commands that say so take it: -v, --mount and
 * --volumes-from.
 */
#pragma once

#include "tools/volctl/options.h"

#include <stdbool.h>

enum mounts_key { MOUNTS_MOUNT = 0x180, MOUNTS_FROM };

#define MOUNTS_ROWS                                                                                \
    {"volume", 'v', "SPEC", 0, "[SOURCE:]DESTINATION[:MODE], as of docker run", 0},                \
        {"mount",                                                                                  \
         MOUNTS_MOUNT,                                                                             \
         "SPEC",                                                                                   \
         0,                                                                                        \
         "type=volume,source=NAME,target=PATH,... as of docker run",                               \
         0},                                                                                       \
    {                                                                                              \
        "volumes-from", MOUNTS_FROM, "CONTAINER[:ro]", 0,                                          \
            "What another container has mounted; the above override it", 0                         \
    }

/* A body's fields, owned by it once mounts_body has given it out. */
struct mounts {
    json_t *volumes, *mounts, *from;
};

/* {Volumes, Mounts, VolumesFrom}, owned by the caller. NULL: out of memory. */
json_t *mounts_body(struct mounts *mounts);

/* For the keys above; ARGP_ERR_UNKNOWN for others. Mistakes end the program as argp does. */
error_t mounts_parse(struct mounts *mounts, int key, char *arg, struct argp_state *state);
/* The same as -v SPEC. */
void mounts_add_volume(struct mounts *mounts, const char *spec, struct argp_state *state);
bool mounts_are_given(const struct mounts *mounts);

/* A container's answer as a table. An exit_status. */
int mounts_print(const json_t *answer);
