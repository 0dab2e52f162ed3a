/*
 * Directories of others that become the data of volumes, and that go back.
 *
 *   staging/ID               is being made, or copied into: a crash throws it away. Nothing is ever
 *                            moved into it
 *   adopting/ID              a directory comes to us or leaves, by one rename between its place and
 *                            adopting/ID/data. What a crash leaves is a volume if it has data/, and
 *                            none otherwise: store_adopt_recover sees to either
 *   volumes/ID/adopted.json  where the data came from
 *
 * Whatever dies, the directory is whole, in one of the two places.
 */
#pragma once

#include "catalog/record_adoption.h"
#include "fs/store.h"

/* ---- coming ---------------------------------------------------------------- */

/* Makes staging/ID with its records, on disk. ERROR_NO_SPACE. */
int store_adopt_begin(struct store *store, const struct volume *volume,
                      const struct adoption *adoption, struct error *e);
/*
 * Moves the directory `name` of `parent_fd` (open for reading) here, and then volumes/ID is there.
 * −EXDEV: another file system, or another mount of it; −EBUSY: it is mounted on; or another −errno:
 * all is as it was before.
 */
int store_adopt_move(struct store *store, const char *id, int parent_fd, const char *name);
/* A new empty directory to be filled and synced instead, open for reading. −errno. */
int store_adopt_make_data(struct store *store, const char *id);
/* That is filled: volumes/ID is there. 0 or −errno. */
int store_adopt_publish(struct store *store, const char *id);
/* For what was begun and is not there. */
void store_adopt_abort(struct store *store, const char *id);

/* ERROR_NOT_FOUND: it was not taken over from anywhere. ERROR_CORRUPT, ERROR_NEWER. */
int store_read_adoption(struct store *store, const char *id, struct adoption *out, struct error *e);
/* Its volume.json. ERROR_CORRUPT, ERROR_NEWER. */
int store_read_volume(struct store *store, const char *id, struct volume *out, struct error *e);

/* ---- leaving --------------------------------------------------------------- */

/*
 * Moves the volume's data to `name` of `parent_fd`, where nothing or an empty directory may be. It
 * is no volume any more when this returns 0: store_leave_end is then to be called once the catalog
 * knows. −EXDEV, −ENOTEMPTY, −ENOTDIR, −EBUSY or another −errno: it is a volume still.
 */
int store_leave(struct store *store, const char *id, int parent_fd, const char *name);
void store_leave_end(struct store *store, const char *id);

/* ---- after a crash --------------------------------------------------------- */

/*
 * What has data/ becomes volumes/ID. Of what has none `gone` is told, and if that answers 0 it is
 * thrown away.
 */
int store_adopt_recover(struct store *store,
                        int (*gone)(void *context, const char *id, struct error *e), void *context,
                        struct error *e);
