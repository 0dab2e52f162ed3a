/*
 * Names of volumes and containers, and ids. Pure.
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    NAME_MAX_LENGTH = 255, /* a volume is a directory entry */
    VOLUME_ID_LENGTH = 32, /* lower-case hex */
    ANONYMOUS_NAME_LENGTH = 64,
    CONTAINER_ID_MAX = 64,
};

/*
 * A volume name: `^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`, 1 to 255 bytes. Docker's local
 * driver asks for two characters at least, Podman allows one; both reach us, so
 * one is enough. ERROR_NAME_INVALID with a text that says which rule failed
 * (Docker's text for bad characters).
 */
int name_check_volume(const char *name, struct error *e);

/* A container name or id as engines write them: the same alphabet. */
int name_check_container(const char *name, struct error *e);

/* 64 lower-case hex digits: the form of anonymous volumes' names. */
bool name_is_anonymous(const char *name);

/* 32 lower-case hex digits. */
bool name_is_volume_id(const char *id);

/*
 * Writes `length` random lower-case hex digits and a NUL to `out` (size
 * length + 1) from getrandom(2). 0 or negative errno.
 */
int name_make_random(char *out, size_t length);
