/*
 * The use cases of volumes, once: whatever the tree, the API, the plugin and
 * the command line can do goes through these. They tie the catalog, the store
 * and the table in memory together and keep them in step through any crash.
 *
 * Changes of one volume are serialised by its name; different volumes go on
 * side by side. Texts of errors name the thing and the next step.
 */
#pragma once

#include "catalog/catalog.h"
#include "catalog/error.h"
#include "catalog/filter.h"
#include "catalog/model.h"
#include "catalog/spec.h"
#include "fs/refs.h"
#include "fs/store.h"
#include "fs/table.h"
#include "fs/usage.h"

struct volumes; /* opaque */
struct audit;
struct event_ring;

/*
 * Told of changes that did not come through the tree, after they are durable,
 * from the thread that made them, with no lock held: the session drops what
 * the kernel has cached of them before the change is acknowledged.
 */
struct volumes_events {
    void (*created)(void *context, const char *name);
    void (*removed)(void *context, const char *name, struct volume_ref ref);
    void (*renamed)(void *context, const char *from, const char *to, struct volume_ref ref);
    void (*rules_changed)(void *context, const char *name, struct volume_ref ref);
    /* It was empty and has got files by another way than the tree. */
    void (*filled)(void *context, struct volume_ref ref);
    void *context;
};

enum change_origin {
    ORIGIN_API,  /* events are told */
    ORIGIN_TREE, /* from a FUSE handler: the kernel knows; `rules_changed` alone is told */
};

/*
 * Opens store and catalog (recovering: staged leftovers dropped, tombstones
 * resumed, rows whose directory is missing kept and reported, directories
 * without a row reported, see volumes_problems; a catalog that is lost rebuilt), fills the table.
 * `mountpoint` is for texts and Mountpoint fields.
 */
int volumes_open(struct volumes **out, const char *store_path, const char *mountpoint,
                 struct error *e);
struct volumes *volumes_free(struct volumes *volumes);
void volumes_set_events(struct volumes *volumes, const struct volumes_events *events);
/* Live mounts of the tree are searched for by its device, known once it is mounted. */
void volumes_set_tree_device(struct volumes *volumes, dev_t device);
/* Looks which containers that ran still do, and starts the threads that empty the trash, that wait
 * for containers to end, and that tell of denials. */
int volumes_start_background(struct volumes *volumes, struct error *e);
/* Before what is told of events goes. Harmless if it was not started. */
void volumes_stop_background(struct volumes *volumes);

struct volume_table *volumes_table(struct volumes *volumes); /* borrowed */
struct store *volumes_store(struct volumes *volumes);        /* borrowed */
struct catalog *volumes_catalog(struct volumes *volumes);    /* borrowed */
struct usage *volumes_meter(struct volumes *volumes);        /* borrowed; told of changed sizes */
struct event_ring *volumes_event_ring(struct volumes *volumes); /* borrowed: what happened */
struct audit *volumes_audit(struct volumes *volumes); /* borrowed: told of what is refused */
const char *volumes_mountpoint(const struct volumes *volumes);

typedef int (*problem_visitor)(void *context, const char *subject, const char *text,
                               const char *next);
/*
 * What was found wrong and waits for an administrator: `text` says what with `subject`, `next`
 * what to do. Visits each until `visit` returns non-zero, which is returned; `visit` may not call
 * back. Logged at the start, and the answer to GET /volumefs/doctor.
 */
int volumes_problems(struct volumes *volumes, problem_visitor visit, void *context);

/* Looks anew whether each volume has its data in the store; what is missing is a problem. */
void volumes_check_data(struct volumes *volumes);

struct volume_request {
    const char *name;     /* NULL or "": anonymous, a name is made */
    const char *driver;   /* NULL, "", "local" or "volumefs" */
    struct pairs options; /* uid, gid, mode, readonly, label; else ERROR_OPTION_INVALID `invalid
                             option: "k"` */
    struct pairs labels;
    bool readonly;
    bool has_owner; /* root below is given (a mkdir); else options and defaults: 0:0 0755 */
    struct store_root root;
    bool exclusive; /* ERROR_EXISTS even if an equal volume exists (mkdir) */
    bool existing;  /* one that exists serves as it is, where options or labels are not given */
    enum change_origin origin;
};

/*
 * Creates. An existing volume with the same driver, options and labels is a
 * success (*created false); one that differs is ERROR_EXISTS. `created` may be NULL.
 */
int volumes_create(struct volumes *volumes, const struct volume_request *request,
                   struct volume *out, bool *created, struct error *e);

int volumes_get(struct volumes *volumes, const char *name, struct volume *out, struct error *e);

/* ERROR_IN_USE names the containers. Never replaces: ERROR_EXISTS. To its own name: nothing. */
int volumes_rename(struct volumes *volumes, const char *from, const char *to,
                   enum change_origin origin, struct error *e);
/*
 * A container was seen with an SELinux level that is not the one set aside for it: if it (`seen`,
 * see container_is_same) owns the volume, the volume takes that level, once. From a FUSE handler.
 * ERROR_DENIED: it is not the owner, or the level was asked for by an option.
 */
int volumes_follow_owner(struct volumes *volumes, struct volume_ref ref, const char *seen,
                         const char *level);
/* Told to the tree also where it came from there: by a handler, as it does not know by itself. */
int volumes_set_readonly(struct volumes *volumes, const char *name, bool readonly,
                         enum change_origin origin, struct error *e);

/*
 * Sets the access label. Private: to the container that refers to the volume, or to nobody yet,
 * where none does; the first that attaches it then owns it. ERROR_IN_USE: several refer to it, or
 * one that has no name. Told to the tree whoever it came from, as above.
 */
int volumes_set_label(struct volumes *volumes, const char *name, enum access_label label,
                      struct error *e);

/*
 * Seals a file of the volume (store_seal) if the volume is read-only; `fd` reads it. Serialised
 * with the changes of the flag, so that no seal outlives it. 0 or −errno as of store_seal.
 */
int volumes_seal(struct volumes *volumes, struct volume_ref ref, int fd);

enum remove_flag {
    REMOVE_IF_EMPTY = 1 << 0, /* rmdir: ERROR_NOT_EMPTY otherwise */
    REMOVE_FORCE = 1 << 1,    /* a missing volume is a success; use still refuses */
};
int volumes_remove(struct volumes *volumes, const char *name, unsigned flags,
                   enum change_origin origin, struct error *e);

struct prune_request {
    bool all;                    /* named ones too; default: anonymous only */
    bool dry_run;                /* only tell */
    const struct filter *filter; /* may be NULL */
};
/* Told of each volume, with no lock held. */
struct prune_visitor {
    /* Bytes; 0 where they cannot be counted. */
    void (*removed)(void *context, const char *name, uint64_t size);
    /* It stays; `text` names it and says why. */
    void (*failed)(void *context, const char *text);
    void *context;
};
/*
 * Removes dangling volumes. One that cannot be removed is told of, and the others go all the
 * same. ERROR_IN_USE: another prune is running.
 */
int volumes_prune(struct volumes *volumes, const struct prune_request *request,
                  const struct prune_visitor *visitor, struct error *e);

/*
 * Records references of the container `key` (a name, or an id; made with RUNTIME_ATTACH if
 * unknown; with `create`, NULL for none, made with RUNTIME_VOLCTL). Volumes named are created at
 * need, sources NULL get an anonymous one. On failure nothing is recorded and volumes made on the
 * way are removed again. A bind of a path in the tree, by whatever name, is a reference to that
 * volume. `out` gets the container. ERROR_DENIED: a volume is private to another container, which
 * still refers to it; the text names it. ERROR_IN_USE: it is to become private (Z), and others
 * refer to it; the text names them. Labels z and Z take effect.
 */
struct attach_request {
    const struct mount_spec *specs; /* -v and --mount, in the order given */
    size_t count;
    const struct volumes_from *from; /* whose mounts are taken over; `specs` override them */
    size_t from_count;
    bool create;   /* the container is to be new: ERROR_EXISTS; and may have no mounts */
    bool existing; /* it is to be there, by its id or whole name: ERROR_NOT_FOUND */
    /* of a new one: */
    const char *id;      /* NULL: one is made */
    const char *runtime; /* NULL: RUNTIME_VOLCTL */
    bool running;
    const struct run *run; /* how it is run, NULL: not at all; empty volumes get what its rootfs has
                              at their destinations (copy-up), before this returns */
    bool starts;           /* whoever asks starts it next, which waits for the disk; until then it
                              may be lost with the machine's power, its volumes not */
};
int volumes_attach(struct volumes *volumes, const char *key, const struct attach_request *request,
                   struct container *out, struct error *e);
/* destination NULL: all; and then the container itself, if it was made by attach only. */
int volumes_detach(struct volumes *volumes, const char *key, const char *destination,
                   struct error *e);

/* Runtimes of containers that are recorded here and run elsewhere, or never. */
#define RUNTIME_ATTACH "attach" /* until its last mount is detached */
#define RUNTIME_VOLCTL "volctl" /* until it is removed */

enum container_remove_flag {
    CONTAINER_REMOVE_VOLUMES =
        1 << 0,                       /* those attached without a name that nobody else refers to */
    CONTAINER_REMOVE_FORCE = 1 << 1,  /* also one that runs: that is killed, if it is volctl's */
    CONTAINER_REMOVE_LAZILY = 1 << 2, /* it may be back after a loss of power */
};
/*
 * Forgets a container. ERROR_IN_USE: it runs. `removed` (may be NULL) is told each volume that went
 * with it; one that is still in use stays, and is no error.
 */
int volumes_container_remove(struct volumes *volumes, const char *key, unsigned flags,
                             void (*removed)(void *context, const char *volume), void *context,
                             struct error *e);

/* ---- containers that are run: volume_run.c ------------------------------------ */

/* What whoever runs a container tells when it starts. */
struct start_request {
    pid_t pid;             /* its first process, which must be there */
    const char *runtime;   /* NULL: it must be known */
    const char *name;      /* of one that is not known; NULL: none */
    const char *state_dir; /* the runtime's, see struct run; NULL: not known */
    const struct mount_spec *specs;
    size_t count;
};
/*
 * Says that the container `key` (an id or a whole name) runs now, and records what it has mounted.
 * One made here (RUNTIME_VOLCTL, RUNTIME_ATTACH) keeps what it has beside; one of another runtime
 * is recorded anew each time. Told twice of one process it is no error. ERROR_EXISTS: another
 * process of it runs; ERROR_NOT_FOUND: it is not known, and no runtime given;
 * ERROR_REQUEST_INVALID: there is no such process.
 */
int volumes_container_start(struct volumes *volumes, const char *key,
                            const struct start_request *request, struct container *out,
                            struct error *e);
/*
 * Says that it has ended (exit_code −1: not known). One that is removed at its end goes, with its
 * unnamed volumes that nobody else refers to; one of another runtime goes too, as that has
 * deleted it; the others stay. ERROR_IN_USE: one of another runtime whose process runs.
 */
int volumes_container_end(struct volumes *volumes, const char *key, int exit_code, struct error *e);
/*
 * Forgets containers that have ended; with `all` those too that never ran and were made on purpose.
 * `visit` is told each, before its removal if `dry_run`. One that was started meanwhile stays.
 */
int volumes_container_prune(struct volumes *volumes, bool all, bool dry_run,
                            void (*visit)(void *context, const struct container *container),
                            void *context, struct error *e);

/* What is being copied for a container. */
struct copy_status {
    char volume[NAME_MAX_LENGTH + 1];
    char *destination; /* owned */
    uint64_t bytes, total_bytes, entries;
};
/* ERROR_NOT_FOUND: nothing is. */
int volumes_copy_status(struct volumes *volumes, const char *key, struct copy_status *out,
                        struct error *e);
/* Ends what is being copied, with an error for those that wait for it, now and from now on. */
void volumes_cancel_copies(struct volumes *volumes);

/* ---- engines that mount volumes: volume_use.c -------------------------------------- */

/*
 * An engine mounts the volume once more under this id of its own. `pid`: the process that asks, 0
 * not known; if that is dockerd, its end ends the use.
 */
int volumes_mount(struct volumes *volumes, const char *name, const char *mount_id, pid_t pid,
                  struct error *e);
/* Takes one back. There may be none, nor the volume: that is no error, as engines forget. */
int volumes_unmount(struct volumes *volumes, const char *name, const char *mount_id,
                    struct error *e);
/* Takes all of the volume's back, for an engine that cannot. */
int volumes_end_uses(struct volumes *volumes, const char *name, struct error *e);
/*
 * Visits volumes that are mounted under this id, which no container is seen to have; `since` when
 * that began, ns since the epoch. `visit` may call back.
 */
int volumes_each_unseen_use(struct volumes *volumes, const char *mount_id,
                            int (*visit)(void *context, const char *name, int64_t since),
                            void *context, struct error *e);
/* Takes all of the volume's under this id back, for an engine that has lost them. */
int volumes_end_use(struct volumes *volumes, const char *name, const char *mount_id,
                    struct error *e);
/*
 * Takes back what dockerds had mounted when this daemon started, and no container has; after all
 * of dockerd's containers were recorded. Not in the first seconds, when a container of which nobody
 * knows yet may be about to start on a mount of before: that many ms later, if not 0, it is to be
 * called again. What cannot be taken back is logged, and waits for the next call. Of one thread.
 */
int volumes_end_inherited_uses(struct volumes *volumes);
/* Visits containers that have volumes mounted of a daemon that ended, as problems. */
int volumes_check_mounts(struct volumes *volumes, problem_visitor visit, void *context);
/* Visits uses that no container is seen to have, for some time now, as problems. */
int volumes_check_uses(struct volumes *volumes, problem_visitor visit, void *context);

/* Who refers to the volume: recorded, uses, live, merged by container. */
int volumes_references(struct volumes *volumes, const char *name, struct references *out,
                       struct error *e);
/* The same, of a look at containers that may be 50 ms old: to be shown, not to decide by. */
int volumes_references_lately(struct volumes *volumes, const struct volume *volume,
                              struct references *out, struct error *e);
/* How many containers do. */
int volumes_count_references(struct volumes *volumes, const struct volume *volume, uint32_t *out,
                             struct error *e);
/*
 * Visits every volume that matches, by name, with its reference count: one scan of
 * live mounts, one pass of attachments, whatever the number of volumes. `filter` may be NULL.
 */
int volumes_each(struct volumes *volumes, const struct filter *filter,
                 int (*visit)(void *context, const struct volume *volume, uint32_t references),
                 void *context, struct error *e);

/* The same without counts, and so without looking for containers, unless `filter` asks for that.
 * `visit` may not call a use case. */
int volumes_each_uncounted(struct volumes *volumes, const struct filter *filter,
                           int (*visit)(void *context, const struct volume *volume), void *context,
                           struct error *e);

/* Visits every (volume, container that refers to it), the container by the name to show; a pair may
 * come more than once (a container with two mounts of it). */
int volumes_each_user(struct volumes *volumes,
                      int (*visit)(void *context, const char *volume, const char *container),
                      void *context, struct error *e);

/* Bytes and inodes a volume uses (blocks, as du). See usage.h. */
int volumes_usage(struct volumes *volumes, const char *name, uint64_t *bytes, uint64_t *inodes,
                  struct error *e);
/* The same if it is known without walking the volume; else it is found out for the next time. */
bool volumes_usage_known(struct volumes *volumes, const char *name, uint64_t *bytes,
                         uint64_t *inodes);
