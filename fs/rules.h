/*
 * What a change of a volume's rules does to files that are open already.
 */
#pragma once

#include "fs/ops.h"

/*
 * After the table has the new rules; may be called from inside a handler. New operations are
 * decided by the table; of a private volume the kernel asks from here on, also by cached names;
 * files open for writing through passthrough are sealed while the volume is read-only, as far as
 * the file system behind can (see store_seal).
 */
void rules_apply(struct session *session, const char *name, struct volume_ref volume);

/* For an open for writing, once the node counts it: seals the file if the volume is read-only now.
 */
void rules_check_writer(struct session *session, struct node *node);
