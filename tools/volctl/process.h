/*
 * What a container runs, as the commands that make one take it: -e, -w, -u, -i, -t and the like,
 * and the command itself.
 */
#pragma once

#include "tools/volctl/options.h"

#include <stdbool.h>

enum process_key { PROCESS_ENV_FILE = 0x1a0, PROCESS_HOSTNAME, PROCESS_READ_ONLY };

#define PROCESS_ROWS                                                                               \
    {"env", 'e', "KEY[=VALUE]", 0, "A variable for it; without a value, as it is here", 10},       \
        {"env-file", PROCESS_ENV_FILE, "FILE", 0, "Such variables, one a line", 10},               \
        {"workdir", 'w', "DIR", 0, "The directory it starts in (/); made if missing", 10},         \
        {"user",                                                                                   \
         'u',                                                                                      \
         "USER[:GROUP]",                                                                           \
         0,                                                                                        \
         "Who it runs as: numbers, or names of the rootfs's own (root)",                           \
         10},                                                                                      \
        {"hostname",                                                                               \
         PROCESS_HOSTNAME,                                                                         \
         "NAME",                                                                                   \
         0,                                                                                        \
         "The host's name in it (the first 12 digits of the id)",                                  \
         10},                                                                                      \
        {"read-only",                                                                              \
         PROCESS_READ_ONLY,                                                                        \
         NULL,                                                                                     \
         0,                                                                                        \
         "The rootfs cannot be changed from inside; volumes can",                                  \
         10},                                                                                      \
        {"interactive", 'i', NULL, 0, "It reads this standard input; else it has none", 10},       \
    {                                                                                              \
        "tty", 't', NULL, 0, "It has a terminal of its own, connected to this one, keys and all",  \
            10                                                                                     \
    }

/* {0} is empty and safe to release. */
struct process {
    json_t *env; /* owned array of "KEY=VALUE"; NULL: none */
    const char *cwd, *user, *hostname;
    bool interactive, terminal, read_only;
};
void process_deinit(struct process *process);

/* For the keys above; ARGP_ERR_UNKNOWN for others. Mistakes end the program as argp does. */
error_t process_parse(struct process *process, int key, char *arg, struct argp_state *state);
/* True if one of these was given: they mean something with a command only. */
bool process_is_given(const struct process *process);

/* PROCESS of the API, owned by the caller. ERROR_REQUEST_INVALID: an argument is not UTF-8. */
int process_body(const struct process *process, char **arguments, int count, json_t **out,
                 struct error *e);
