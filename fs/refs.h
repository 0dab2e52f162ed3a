/*
 * References: which containers refer to a volume, merged from what is recorded
 * (attachments), what engines report (uses) and what is seen (live bind mounts
 * in the mount namespaces of containers). One container is one reference,
 * whichever ways it is known by.
 */
#pragma once

#include "catalog/catalog.h"
#include "catalog/error.h"
#include "catalog/model.h"
#include "catalog/mountinfo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum reference_source {
    REFERENCE_RECORDED = 1 << 0,
    REFERENCE_USE = 1 << 1,
    REFERENCE_LIVE = 1 << 2,
};

/* One mount of a volume in one container: a line of `refs`. */
struct reference {
    char container_id[CONTAINER_ID_MAX + 1];
    char container_name[NAME_MAX_LENGTH + 1]; /* "" unknown: show the id's first 12 */
    char *destination;                        /* in the container; "" for a use */
    bool readonly;
    enum access_label label;
    unsigned sources;                 /* reference_source bits */
    char engine[DRIVER_NAME_MAX + 1]; /* whose API knows the container; "" none */
    char engine_id[ENGINE_ID_MAX + 1];
    bool away; /* that engine cannot be asked now: the line is as it was then */
    bool running;
    pid_t pid; /* a process of it, 0 unknown */
};

/* {0} is empty and safe to release. Sorted by container name, id, destination. */
struct references {
    struct reference *items;
    size_t count;
    uint32_t containers; /* distinct: the reference count */
};
void references_deinit(struct references *references);

/* The name to show: container_name, or the id, of 64 hex digits the first 12. */
const char *reference_container(const struct reference *reference, char buffer[13]);

/* "web:/webapp:ro\ndb:/data:rw" (no newline at the end): user.volume.refs. NULL: out of memory. */
char *references_format(const struct references *references);

/* A live bind mount of (part of) a volume in a container. */
struct live_mount {
    char *volume;  /* first component of the mount's root in the tree */
    char *subpath; /* the rest, "" at the volume's root */
    char *destination;
    bool readonly;
    bool dead; /* of a daemon that ended */
    char container_id[CONTAINER_ID_MAX + 1];
    pid_t pid;
};

struct live_mounts {
    struct live_mount *items; /* sorted by volume */
    size_t count;
};
void live_mounts_deinit(struct live_mounts *mounts);

/* The file systems that are the tree: today's, and those of daemons that died, which containers may
 * still have mounted. */
struct live_trees {
    dev_t device;
    const dev_t *former;
    size_t former_count;
    const char *store; /* its path, which is the source of its trees; see mount_source */
};

/* Whether the mount is of one of them. */
bool live_trees_have(const struct live_trees *trees, const struct mountinfo *info);

/*
 * Finds every mount of the trees whose root is below "/NAME", in each mount
 * namespace that belongs to a container (see caller.h). Each namespace is read
 * once, however many processes share it. 0 or negative errno.
 */
int live_mounts_scan(const struct live_trees *trees, struct live_mounts *out);

/* Merges for one volume. `live` may be NULL. */
int references_collect(struct catalog *catalog, const struct volume *volume,
                       const struct live_mounts *live, struct references *out, struct error *e);

/* The same count alone: without a list, where nothing is to be merged. */
int references_count_one(struct catalog *catalog, const struct volume *volume,
                         const struct live_mounts *live, uint32_t *out, struct error *e);

/* Counts for all volumes at once: calls visit(volume id, distinct containers) for those > 0. */
int references_count_all(struct catalog *catalog, const struct live_mounts *live,
                         void (*visit)(void *context, const char *volume_id, uint32_t containers),
                         void *context, struct error *e);
