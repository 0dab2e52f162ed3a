/* What the files of the use cases share: nobody else includes this. */
#pragma once

#include "fs/audit.h"
#include "fs/event_ring.h"
#include "fs/volume.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { STRIPES = 64 };

struct problem {
    char *subject;
    char *text;
    char *next;
};

enum { ENGINES_FOLLOWED_MAX = 4 };

/* Of an engine whose API is followed. */
struct engine_state {
    const char *name, *socket;  /* constant strings */
    char id[ENGINE_ID_MAX + 1]; /* of the one that is followed, or was last; "" not known */
    bool away;                  /* it cannot be asked now */
    char why[256];
    int64_t since;
};

struct volumes {
    struct store *store;
    struct catalog *catalog;
    struct volume_table *table;
    struct usage *usage;
    char *mountpoint;
    struct volumes_events events;
    _Atomic dev_t tree_device; /* 0: not mounted yet */
    dev_t former_trees[CATALOG_TREES_MAX];
    size_t former_count; /* set before tree_device, and constant then */
    pthread_mutex_t stripes[STRIPES];
    atomic_bool pruning;
    pthread_mutex_t access_mutex; /* taken under stripes; see volume_access.c */

    pthread_mutex_t trash_mutex; /* guards trash_due */
    pthread_cond_t trash_wake;
    bool trash_due;
    atomic_bool trash_stop;
    bool trash_started;
    pthread_t trash_thread;

    pthread_mutex_t spare_mutex; /* volume_spare.c */
    pthread_cond_t spare_wake;
    atomic_bool spare_due;
    atomic_bool spare_stop;
    bool spare_started;
    pthread_t spare_thread;

    struct watch *watch;     /* volume_watch.c */
    struct copies *copies;   /* volume_copy.c */
    struct engines *engines; /* volume_use.c */
    struct transfers *transfers;
    struct leaving *leaving;
    struct event_ring *ring;
    struct audit *audit;

    pthread_mutex_t engine_mutex; /* guards states and their count; taken last */
    struct engine_state engine_states[ENGINES_FOLLOWED_MAX];
    size_t engine_count;
    pthread_rwlock_t refresh_lock; /* guards both; held for a whole refresh, under no stripe */
    int (*refresh)(void *context, struct error *e);
    void *refresh_context;

    pthread_mutex_t lately_mutex; /* guards both; taken after stripes, before the catalog's lock */
    struct live_mounts lately;    /* as of `lately_at`, CLOCK_MONOTONIC; 0: none */
    int64_t lately_at;

    pthread_mutex_t problems_mutex; /* guards the list; the last lock taken anywhere */
    struct problem *problems;
    size_t problem_count;
};

/* ---- volume.c: locks, events ------------------------------------------- */

/* The bit of a name's stripe; masks are ORed, and stripes locked in order, so nobody deadlocks. */
uint64_t stripe_of(const char *name);
void stripes_lock(struct volumes *volumes, uint64_t mask);
void stripes_unlock(struct volumes *volumes, uint64_t mask);

/*
 * Whether anybody may have it mounted: what was never looked up in the tree cannot be. Of the trees
 * of former daemons that is not known.
 */
bool volume_may_be_mounted(struct volumes *volumes, const char *name);
/* Live mounts as of now; none while the tree is not mounted. */
int volumes_scan_live(struct volumes *volumes, struct live_mounts *out, struct error *e);

void volumes_tell_created(struct volumes *volumes, const char *name);
void volumes_tell_removed(struct volumes *volumes, const char *name, struct volume_ref ref);
void volumes_tell_rules(struct volumes *volumes, const char *name, struct volume_ref ref);
void volumes_tell_filled(struct volumes *volumes, struct volume_ref ref);

/* ERROR_NOT_FOUND with Docker's text. */
int volume_not_found(const char *name, struct error *e);

/* ---- volume_trash.c ------------------------------------------------------ */

int volumes_start_trash(struct volumes *volumes, struct error *e);
void volumes_wake_trash(struct volumes *volumes);
void volumes_stop_trash(struct volumes *volumes);

/* ---- volume_spare.c ------------------------------------------------------ */

int volumes_start_spares(struct volumes *volumes, struct error *e);
/* A volume was made. */
void volumes_wake_spares(struct volumes *volumes);
void volumes_stop_spares(struct volumes *volumes);

/* ---- volume_problem.c ---------------------------------------------------- */

/* Replaces one of the same subject. Out of memory it is dropped. */
void volumes_problem_set(struct volumes *volumes, const char *subject, const char *text,
                         const char *next);
void volumes_problem_clear(struct volumes *volumes, const char *subject);
/* The same, of a container. */
void volume_container_problem(struct volumes *volumes, const char *id, const char *text,
                              const char *next);
void volume_container_problem_clear(struct volumes *volumes, const char *id);
void volumes_problems_deinit(struct volumes *volumes);

/* ---- volume_recover.c ----------------------------------------------------- */

int volumes_recover(struct volumes *volumes, struct error *e);

/* ---- volume_access.c ------------------------------------------------------ */

/*
 * After a change of a volume's attachments, before that is acknowledged. `may_restrict`: it may
 * have made a container one that only reads; otherwise nothing is read where there was none.
 */
void volume_access_renew(struct volumes *volumes, const char *volume_id, bool may_restrict);
/* The same after its label was written, in any case. If the catalog cannot be read then, no
 * container may change the volume, nor use a private one, and that is the error. */
int volume_access_relabel(struct volumes *volumes, const char *volume_id, enum access_label label);
/* catalog_container_delete, with its attachments, and what follows for its volumes. */
int volume_access_drop_container(struct volumes *volumes, const char *container_id,
                                 enum catalog_sync sync, struct error *e);
/* At the start, into a table of all volumes. */
void volumes_load_access(struct volumes *volumes);

/* ---- volume_adopt.c -------------------------------------------------------- */

/* What a crash left between an engine and the store; after the catalog is open. */
int volumes_recover_adopting(struct volumes *volumes, struct error *e);
/* What was taken over and has no row; after the table is filled. */
int volumes_recover_adopted(struct volumes *volumes, struct error *e);

/* ---- volume_options.c ------------------------------------------------------ */

/* What driver options ask for, into `volume` and `root`. ERROR_OPTION_INVALID. */
int volume_apply_options(const struct pairs *options, struct volume *volume,
                         struct store_root *root, struct error *e);

/* ---- volume_create.c, with the name's stripe held --------------------------- */

/* Checks name and driver. */
int volume_check_request(const struct volume_request *request, struct error *e);
/* `kind` anonymous: request->name was made by us. `ref` and `created` are always set on success. */
int volume_find_or_make(struct volumes *volumes, const struct volume_request *request,
                        enum volume_kind kind, struct volume *out, struct volume_ref *ref,
                        bool *created, struct error *e);

/* ---- volume_remove.c, with the name's stripe held ---------------------------- */

/* ERROR_IN_USE, naming the containers of the list, which has some. */
int volume_refuse_references(const struct volume *volume, const struct references *references,
                             struct error *e);
/* The same of all that there are. */
int volume_refuse_if_used(struct volumes *volumes, const struct volume *volume,
                          const struct live_mounts *live, struct error *e);
/* volumes_remove, where engines have been asked. With nothing held. */
int volume_remove_asked(struct volumes *volumes, const char *name, unsigned flags,
                        enum change_origin origin, struct error *e);
/* Tombstone, table, trash. */
int volume_take_away(struct volumes *volumes, const char *id, struct volume_ref ref,
                     struct error *e);

/* ---- volume_container.c --------------------------------------------------- */

/* An existing one that the key means. ERROR_NOT_FOUND. */
int volume_container_find(struct volumes *volumes, const char *key, struct container *out,
                          struct error *e);
/* Finds it, or describes a new one: a full id stays the id, all else is a name. */
int volume_container_resolve(struct volumes *volumes, const char *key, struct container *out,
                             struct error *e);

/* Describes a new one: a full id stays the id. ERROR_EXISTS, with Docker's text. */
int volume_container_describe_new(struct volumes *volumes, const char *key, struct container *out,
                                  struct error *e);

typedef int (*container_resolver)(struct volumes *volumes, const char *key, struct container *out,
                                  struct error *e);
/*
 * Resolves a container and takes its stripe, that of its name (which it has for life) or, without
 * one, of its id, whichever key it goes by: two who change it wait for each other. And those of
 * `mask`. On failure nothing is held.
 */
int volume_container_lock(struct volumes *volumes, const char *key, container_resolver resolve,
                          uint64_t *mask, struct container *out, struct error *e);

/* The one whose id or whole name `key` is. ERROR_NOT_FOUND. */
int volume_container_find_exact(struct volumes *volumes, const char *key, struct container *out,
                                struct error *e);

struct removal_visitor {
    void (*removed)(void *context, const char *volume); /* may be NULL */
    void *context;
};
/*
 * Forgets a container as it was when it was judged to go: `judged` as it was read then, and `run`
 * (NULL: whatever it is by now). *same false: it was made or started anew meanwhile, and stays.
 * ERROR_NOT_FOUND: it is gone already. Flags as of volumes_container_remove, but that nothing is
 * killed; with CONTAINER_REMOVE_FORCE nobody asks whether it runs. With no stripe held.
 */
int volume_container_remove_judged(struct volumes *volumes, const struct container *judged,
                                   const struct run *run, unsigned flags,
                                   const struct removal_visitor *visitor, bool *same,
                                   struct error *e);

/* ---- volume_run.c, with no stripe held ------------------------------------------ */

/* Whether a runtime of its own has it, which forgets it without us. */
bool volume_container_is_foreign(const struct container *container);
/* Whether it is there only as long as it runs: of another runtime, and no engine's, which keeps it
 * and tells when it goes. */
bool volume_container_goes_at_end(const struct container *container);
/* Copy-up, if that has not been done since it was made. */
int volume_container_copy_if_due(struct volumes *volumes, const char *id, struct error *e);
/* Kills the process of the run and waits for the end. ERROR_IN_USE: it does not end. */
int volume_container_kill(const struct container *container, const struct run *run,
                          struct error *e);
/* Whether its process is there, whatever is recorded of its state. */
bool volume_container_runs(struct volumes *volumes, const struct container *container);
/*
 * Looks at a container that was thought to run, or to be there still: marks it as ended, drops it,
 * or watches it if it does run. *keep: to be looked at again; `since`, kept by the caller, is when
 * it was first found to be gone, 0 not yet.
 */
int volume_container_review(struct volumes *volumes, const char *id, int64_t *since, bool *keep,
                            struct error *e);

/* ---- volume_watch.c ------------------------------------------------------------- */

/* Finds out when the process ends, and knows its control group until then: takes `pidfd` over. What
 * cannot be watched is reviewed later. */
void volumes_watch(struct volumes *volumes, const char *container_id, pid_t pid, int pidfd);
/* Reviews the container soon, and until it need not be any more. */
void volumes_review(struct volumes *volumes, const char *container_id);
int volumes_start_watch(struct volumes *volumes, struct error *e);
void volumes_stop_watch(struct volumes *volumes);

/* ---- volume_copy.c, with no stripe held ------------------------------------------ */

/*
 * Copy-up: volumes of the container that are empty get what `rootfs` has at their destinations;
 * not those attached with nocopy, by --volumes-from or in part. One copies, the others wait.
 */
int volume_copy_up(struct volumes *volumes, const char *container_id, const char *rootfs,
                   struct error *e);
/* What a rootfs has at a destination. */
struct copy_source {
    bool is_there; /* a directory */
    bool is_empty;
    struct stat st;
};
/* Looks. The path may lead anywhere: no stripe is held. ERROR_REQUEST_INVALID: there is no such
 * rootfs. */
int volume_copy_look(const char *rootfs, const char *destination, struct copy_source *out,
                     struct error *e);
/* Whether volume_copy_up would have anything to do for a volume that is to be mounted there. */
bool volume_copy_is_due(struct volumes *volumes, const char *volume_id,
                        const struct copy_source *source);
/* Ends the copying that is going on for the container. */
void volumes_cancel_copy(struct volumes *volumes, const char *container_id);
struct copies *copies_new(void); /* NULL: no memory */
struct copies *copies_free(struct copies *copies);

/* ---- volume_use.c ------------------------------------------------------------------ */

/* Ends uses of engines that have ended: before anybody counts. Cheap where there are none. */
void volumes_review_uses(struct volumes *volumes);
/* The same of those, and of boots, before the start. */
int volumes_recover_uses(struct volumes *volumes, struct error *e);
struct engines *engines_new(void); /* NULL: no memory */
struct engines *engines_free(struct engines *engines);

/* ---- volume_engine_state.c ----------------------------------------------------------- */

/* Has the latest of engines recorded, before what is decided by references; see
 * volumes_set_refresh. With nothing held. */
int volumes_refresh_engines(struct volumes *volumes, struct error *e);
/* Marks those of engines that are away (volumes_engine_is_away). */
void volumes_mark_away(struct volumes *volumes, struct references *references);
/* Whether what was recorded of an engine of id `recorded` ("": not known then) is of that of `id`.
 * One whose id is not known now is not the one whose was: it takes nothing over, and nothing along.
 */
bool engine_id_is(const char *id, const char *recorded);
/* ERROR_IN_USE: it is to be removed where it is known from. */
int volume_container_refuse_engines(struct volumes *volumes, const struct container *container,
                                    struct error *e);

/* ---- volume_event.c, with the name's stripe held ----------------------------- */

/*
 * Publish what was done and is durable: under the stripe, so that a volume's events come in the
 * order of its changes.
 */
void volume_event_created(struct volumes *volumes, const struct volume *volume);
void volume_event_removed(struct volumes *volumes, const struct volume *volume);
void volume_event_renamed(struct volumes *volumes, const struct volume *volume, const char *from);
void volume_event_readonly(struct volumes *volumes, const struct volume *volume);
/* As the label is now. */
void volume_event_labelled(struct volumes *volumes, const char *volume_id);
void volume_event_attached(struct volumes *volumes, const struct container *container,
                           const struct volume *volume, const char *destination, bool readonly);
/* `action`: EVENT_MOUNT, EVENT_UNMOUNT. */
void volume_event_used(struct volumes *volumes, enum event_action action,
                       const struct volume_entry *volume, const char *mount_id);

/* The same of what is recorded, and EVENT_DETACH; of a host path nothing. */
void volume_event_attachment(struct volumes *volumes, enum event_action action,
                             const struct container *container,
                             const struct attachment *attachment);

/* What a container had attached, to be told when it is detached. {0} is none. */
struct departure;
struct departures {
    struct departure *items;
    size_t count;
};
/* What it has at the destination; NULL: all. */
int volume_event_note_departures(struct volumes *volumes, const char *container_id,
                                 const char *destination, struct departures *out, struct error *e);
void volume_event_departed(struct volumes *volumes, const struct container *container,
                           const struct departures *departures);
void departures_deinit(struct departures *departures);

int volumes_start_audit(struct volumes *volumes, struct error *e);
/* A container was refused what is private to another. */
void volume_event_refused(struct volumes *volumes, const char *volume_id, const char *volume_name,
                          const char *container_id);

/* ---- volume_context.c, with the name's stripe held -------------------------- */

/*
 * The SELinux context that the volume's label and owner ask for, into `volume`. Without SELinux it
 * keeps what it has, but for what was asked for by an option. ERROR_LIMIT.
 */
int volume_context_compose(struct volumes *volumes, struct volume *volume, struct error *e);
/* What the volume's context says from now on is asked. With its label in the table already. */
int volume_context_show(struct volumes *volumes, const struct volume *volume);

/* ---- volume_label.c, with the name's stripe held ---------------------------- */

/*
 * Whether the container may attach the volume, with this label. ERROR_DENIED: it is private to
 * another that still refers to it; ERROR_IN_USE: it would become private, and others refer to it.
 */
int volume_label_check(struct volumes *volumes, const struct volume *volume,
                       enum access_label label, const struct container *container, struct error *e);
/* Writes the label and owner that `volume` says. */
int volume_label_write(struct volumes *volumes, const struct volume *volume, struct error *e);
/*
 * What attaching with `label` makes of a volume: z shares, Z makes private, and a private volume
 * that nobody holds passes to who comes. `volume` stays as it was, for undoing.
 */
int volume_label_attach(struct volumes *volumes, const struct volume *volume,
                        enum access_label label, const struct container *container, bool *changed,
                        struct error *e);
