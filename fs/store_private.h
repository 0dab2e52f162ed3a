/* What the files of the store share: nobody else includes this. */
#pragma once

#include "fs/store.h"

#define DATA_NAME   "data"        /* of a volume's directory */
#define RECORD_NAME "volume.json" /* the same */

struct store {
    char *path; /* canonical */
    int fd;
    int volumes_fd;
    int staging_fd;
    int spare_fd;
    int filled_fd;
    int adopting_fd;
    int trash_fd;
    int lock_fd;
    struct spares *spares; /* store_spare.c */
};

/* ---- store_spare.c ---- */

struct spares *spares_new(void); /* NULL: no memory */
struct spares *spares_free(struct spares *spares);
/* Makes a spare the volume, which gets its id. False: there is none, or it did not serve: the
 * volume is to be made as if there were none. */
bool store_use_spare(struct store *store, struct volume *volume, const struct store_root *root);
/* What a daemon that died left in spare/: see there. 0 or negative errno. */
int store_recover_spares(struct store *store);

/* ---- store_create.c ---- */

/* Gives a volume's root its owner and mode; *changed: it had others. 0 or negative errno. */
int store_set_root(int data_fd, const struct store_root *root, bool *changed);
/* A volume's directory, and what is in it, open to be synced; −1: none. */
struct stage {
    int fd;
    int data_fd;
    int record_fd;
};
/* Makes directory `id` of `parent_fd` with all that is in it. Whatever it returns, the stage is to
 * be released. 0 or negative errno. */
int store_stage(int parent_fd, const char *id, const struct store_root *root, const char *record,
                struct stage *stage);
/* All but its entry in the parent. 0 or negative errno. */
int store_stage_sync(const struct stage *stage);
void store_stage_deinit(struct stage *stage);
/* Removes what store_stage has made, if it was not used. */
void store_stage_undo(int parent_fd, const char *id);
/* 1: something is in the data of a volume's directory, which no driver has mounted; 0: nothing, or
 * there is none; negative errno. */
int store_has_data(int dir_fd);

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
