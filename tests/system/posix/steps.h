/* The operations twin.c does twice, each a call or two with arguments that are given. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PATH_SIZE = 64 };

/* One operation with its random arguments, done twice. */
struct step {
    char path[PATH_SIZE], other[PATH_SIZE];
    uint64_t number, extra;
    mode_t mode;
};

/* Does it below the directory `dir`; answers the call's value, or its negative errno. */
struct step_operation {
    const char *name;
    long (*act)(int dir, const struct step *s);
    unsigned weight; /* how often it is chosen, among all */
};

enum { OPERATIONS = 22 };
extern const struct step_operation step_operations[OPERATIONS];
