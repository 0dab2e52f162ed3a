/*
 * What a container in the background prints, kept in a file of bounded size.
 */
#pragma once

#include <stddef.h>

enum { OUTPUT_FILE_MAX = 16 << 20 };

/* Appends to `log` in a directory; one that is full becomes log.1. */
struct output {
    int directory; /* borrowed */
    int fd;
    size_t length;
};

/* 0 or negative errno. */
int output_open(struct output *output, int directory);
/* What cannot be written is lost. */
void output_write(struct output *output, const char *data, size_t length);
void output_close(struct output *output);
