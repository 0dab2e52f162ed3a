/*
 * adopted.json: where a volume's data came from, beside its volume.json. One JSON object with
 * "Format": 1. Only the record's files know it is JSON.
 */
#pragma once

#include "catalog/error.h"
#include "catalog/model.h"

#include <stddef.h>

enum { ADOPTION_RECORD_MAX = 64 << 10 };

/* A volume of another engine that was taken over. */
struct adoption {
    char engine[DRIVER_NAME_MAX + 1]; /* "docker", "podman" */
    char name[NAME_MAX_LENGTH + 1];   /* the volume's there */
    char source[PATH_TEXT_MAX + 1];   /* where its data was: absolute, clean */
    bool moved;                       /* it left its place; else the engine has its own still */
    bool copied;                      /* the data is a copy; else the directory itself came */
    int64_t adopted_at;
};

/* A new NUL-terminated text, to be freed; NULL when out of memory. */
char *adoption_encode(const struct adoption *adoption);

/* ERROR_CORRUPT or ERROR_NEWER with a text. On failure *out is {0}. */
int adoption_decode(const char *text, size_t length, struct adoption *out, struct error *e);

/* Checks engine, name and source as they are read back. ERROR_REQUEST_INVALID, ERROR_NAME_INVALID
 */
int adoption_check(const struct adoption *adoption, struct error *e);
