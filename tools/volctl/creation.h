/*
 * Making a container, as `run` and `container create` do: the options, and the call.
 */
#pragma once

#include "tools/volctl/mounts.h"
#include "tools/volctl/process.h"

enum creation_key { CREATION_NAME = 0x1c0, CREATION_ROOTFS, CREATION_RM };

#define CREATION_ROWS                                                                                \
    {"name", CREATION_NAME, "NAME", 0, "What to call it", 0}, MOUNTS_ROWS,                           \
        {"rootfs", CREATION_ROOTFS, "DIR", 0, "The directory that is / in it", 0},                   \
        {"rm", CREATION_RM, NULL, 0, "Remove it, and its volumes without a name, once it has ended", \
         0},                                                                                         \
        PROCESS_ROWS

/* Read by creation_init; released by creation_deinit. */
struct creation {
    struct mounts mounts;
    struct process process;
    json_t *body;
    const char *name;
    char *rootfs; /* absolute, or NULL */
    bool auto_remove;
    bool starts; /* it is run as soon as it is made */
};
int creation_init(struct creation *creation); /* 0 or -ENOMEM */
void creation_deinit(struct creation *creation);

/* For the keys above; ARGP_ERR_UNKNOWN for others. Mistakes end the program as argp does. */
error_t creation_parse(struct creation *creation, int key, char *arg, struct argp_state *state);

/* A command needs a rootfs, and its options a command: else ends the program as argp does. */
void creation_check(const struct creation *creation, int command_words, struct argp_state *state);

/*
 * Asks the daemon for it, with that command (`count` may be 0), and shows meanwhile what is copied
 * for it. 0 with CONTAINER, owned; what call_daemon() gives.
 */
int creation_make(struct volctl *volctl, struct creation *creation, char **arguments, int count,
                  json_t **out, struct error *e);
