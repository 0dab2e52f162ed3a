/*
 * The record of comma-separated values that a --mount is. Pure.
 */
#pragma once

#include "catalog/error.h"

#include <stddef.h>
#include <stdio.h>

/* The fields of one CSV record, quoted as Go's encoding/csv reads them. */
struct csv_record {
    char **fields;
    size_t count;
};

enum { CSV_FIELDS_MAX = 1024 };

/* 0, -ENOMEM or ERROR_SPEC_INVALID with encoding/csv's text. On failure `out` is {0}. */
int csv_record_parse(const char *text, struct csv_record *out, struct error *e);
void csv_record_deinit(struct csv_record *record);

/* Writes one field as the reader above takes it, quoted where it must be. */
void csv_field_write(FILE *stream, const char *field);
