/* What the files of the store share: nobody else includes this. */
#pragma once

#include "fs/store.h"

struct store {
    char *path; /* canonical */
    int fd;
    int volumes_fd;
    int staging_fd;
    int filled_fd;
    int adopting_fd;
    int trash_fd;
    int lock_fd;
    struct syncer *syncer; /* store_sync.c */
};

/* ---- store_sync.c ---- */

enum { SYNC_FILES_MAX = 4 };
struct syncer *syncer_new(void); /* NULL: no memory */
struct syncer *syncer_free(struct syncer *syncer);
/* fsync of all of them. 0, or a negative errno of one. */
int store_sync_all(struct store *store, const int *fds, size_t count);

/* Renames `name` of `from_fd` to trash/NAME, or NAME.1 … if that is taken. 0 or negative errno. */
int store_move_to_trash(const struct store *store, int from_fd, const char *name);

/* Writes `text` to the new file `name`, and has it on disk. 0 or negative errno. */
int store_write_file(int dir_fd, const char *name, const char *text);
/* volume.json to a new file, on disk. 0 or negative errno. */
int store_write_volume(int dir_fd, const struct volume *volume);

/* Takes the seals off that a volume's directory lists. 0 or negative errno. */
int store_unseal_in(const struct store *store, int dir_fd);

/* Maps what the disk answered: ERROR_NO_SPACE for a full one. `what` is the start of the text. */
int store_fail(const struct store *store, int r, const char *what, const char *id, struct error *e);
