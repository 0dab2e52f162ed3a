/* Sources of bind mounts on the host. Private to the use cases of volumes. */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>

/*
 * Checks that an absolute host path exists; `create`: makes missing directories, 0755, as
 * `docker run -v` does. No lock may be held: the path may be anywhere. ERROR_SPEC_INVALID with
 * Docker's text, or negative errno.
 */
int volume_check_host_path(const char *path, bool create, struct error *e);
