/*
 * Taking over volumes of other engines, and giving them back: use cases like those of fs/volume.h.
 *
 * A volume that is moved comes by a rename of its directory where the store is on the same mount,
 * and is copied otherwise. Where it came from stays with it in the store (store_adopt.h). What the
 * engine itself knows of the volume is the caller's business; so is it that no container of the
 * engine's uses it, though one that has it mounted is found here too.
 */
#pragma once

#include "catalog/record_adoption.h"
#include "fs/volume.h"

struct adopt_request {
    const char *name;   /* it is to have; also the engine's name for it */
    const char *engine; /* "docker", "podman" */
    const char *source; /* its directory: absolute, clean */
    struct pairs labels;
    int64_t created_at; /* 0: now */
    bool anonymous;
    bool move; /* its place is empty afterwards, or the engine removes what is there (copied) */
};

/* What would be done. */
struct adopt_plan {
    uint64_t bytes, entries;
    bool copied; /* as far as can be told before */
};

/*
 * Checks all that volumes_adopt does, and measures. ERROR_NAME_INVALID, ERROR_REQUEST_INVALID,
 * ERROR_NOT_FOUND: there is no such directory; ERROR_EXISTS: there is a volume of that name;
 * ERROR_IN_USE: a running container has it; ERROR_NO_SPACE: it is to be copied and does not fit.
 */
int volumes_adopt_plan(struct volumes *volumes, const struct adopt_request *request,
                       struct adopt_plan *out, struct error *e);

struct adopted {
    struct volume volume; /* owned */
    struct adoption from;
    bool made;      /* false: it had been moved here before, and nothing is in its place */
    uint64_t bytes; /* that were copied */
};
void adopted_deinit(struct adopted *adopted);

/*
 * Does it; whatever dies meanwhile, the data is whole, there or here. Also ERROR_UNAVAILABLE: given
 * up, as volumefs is stopping or somebody asked to.
 */
int volumes_adopt(struct volumes *volumes, const struct adopt_request *request, struct adopted *out,
                  struct error *e);

/*
 * Moves a volume back to where it came from; the engine has made a volume of the old name, which is
 * empty or has no directory. Then it is none of ours any more. ERROR_NOT_FOUND; ERROR_IN_USE: a
 * container refers to it, or it is being taken over or given back; ERROR_NOT_EMPTY: there is
 * something in that place; ERROR_REQUEST_INVALID: it was not moved here. One that is being copied
 * here is given up instead: 0.
 */
int volumes_give_back(struct volumes *volumes, const char *name, struct error *e);

/*
 * It is about to be given back: engines are not to find it by their volume driver, as they make no
 * volume of their own under a name that a driver has. Until volumes_give_back has ended,
 * volumes_stay, or LEAVING_SECONDS have passed. ERROR_NOT_FOUND, ERROR_IN_USE, ERROR_NOT_EMPTY,
 * ERROR_REQUEST_INVALID: as of volumes_give_back; ERROR_LIMIT: too many are.
 */
int volumes_leave(struct volumes *volumes, const char *name, struct error *e);
/* They find it again, unless it is on its way. */
void volumes_stay(struct volumes *volumes, const char *name);
bool volumes_is_leaving(struct volumes *volumes, const char *name);

/* ERROR_NOT_FOUND: there is no such volume, or it was not taken over. */
int volumes_adoption_get(struct volumes *volumes, const char *name, struct volume *out,
                         struct adoption *from, struct error *e);
/* Visits each volume that was taken over, until `visit` returns non-zero, which is returned. */
int volumes_adoption_each(struct volumes *volumes,
                          int (*visit)(void *context, const struct volume *volume,
                                       const struct adoption *from),
                          void *context, struct error *e);
/* How far the copying of a volume that comes or goes is. False: none of that name does. */
bool volumes_adoption_progress(struct volumes *volumes, const char *name, struct copy_status *out);
