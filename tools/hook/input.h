/*
 * What a runtime hands over: texts, each read up to a bound.
 */
#pragma once

#include "catalog/error.h"

#include <stddef.h>

/* {0} is empty and safe to release. */
struct input {
    char *text; /* NUL-terminated, owned */
    size_t length;
};

void input_deinit(struct input *input);

/*
 * All there is to read from `fd`. ERROR_LIMIT if that is more than `most` bytes: these are in *out
 * all the same. Negative errno. `what` is its name in texts.
 */
int input_read(int fd, size_t most, const char *what, struct input *out, struct error *e);

/* The same of a regular file; ERROR_REQUEST_INVALID for anything else that has the name. */
int input_read_file(const char *path, size_t most, struct input *out, struct error *e);
