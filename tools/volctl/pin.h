/*
 * Sources of mounts that must stay what they are. A part of a volume is found by a path in which
 * other containers can put links, so it is opened here, without leaving the volume, and mounted
 * where nobody else can change anything, for the runtime to take. It is unmounted again before the
 * command runs. (A path through /proc/PID/fd would be simpler, but the kernel refuses to bind
 * across mount namespaces.)
 */
#pragma once

#include "tools/volctl/bundle_dir.h"
#include "tools/volctl/volctl.h"

#include <jansson.h>

/*
 * Gives for each mount of the container the path to mount instead of its source, or null: a new
 * array. Mounts stay until pins_remove().
 */
int pins_make(struct volctl *volctl, const struct bundle_dir *dir, const json_t *container,
              json_t **out, struct error *e);

/* Unmounts and removes what is in `mounts` of a bundle's directory. */
void pins_remove(int bundle_fd);
