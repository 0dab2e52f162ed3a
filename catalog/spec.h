/*
 * The grammar of mounts, as Docker's command line has it: -v, --mount and
 * --volumes-from. Pure: nothing here touches a file, a volume or a container.
 * Rules and error texts: moby volume/mounts (linux_parser.go, volume_mounts)
 * and docker/cli opts/mount.go.
 */
#pragma once

#include "catalog/error.h"
#include "catalog/model.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum mount_type { MOUNT_VOLUME, MOUNT_BIND, MOUNT_TMPFS };

enum { SPEC_TEXT_MAX = 16 << 10, SPEC_MOUNTS_MAX = 1024 };

/* {0} is empty and safe to release. All strings owned; NULL where not given. */
struct mount_spec {
    char *source;      /* volume name or host path; NULL: anonymous volume or tmpfs */
    char *destination; /* absolute, cleaned, never "/" */
    char *mode;        /* the mode as written ("ro,z"), for inspect; NULL: none */
    char *propagation; /* of binds; "rprivate" unless another is given */
    char *subpath;     /* relative and clean, for volumes */
    char *volume_driver;
    struct pairs volume_options;
    struct pairs volume_labels;
    uint64_t tmpfs_size;
    mode_t tmpfs_mode; /* 0: not given */
    enum mount_type type;
    enum access_label label;
    bool readonly;
    bool nocopy;
    bool create_source; /* -v makes a missing host directory; --mount does not */
    bool bind_nonrecursive;
};

/* Parse one -v / --mount value. 0, -ENOMEM, or ERROR_SPEC_INVALID / ERROR_NAME_INVALID with
 * Docker's text. */
int spec_parse_volume(const char *text, struct mount_spec *out, struct error *e);
int spec_parse_mount(const char *text, struct mount_spec *out, struct error *e);
void mount_spec_deinit(struct mount_spec *spec);

struct volumes_from {
    char container[NAME_MAX_LENGTH + 1];
    bool readonly;
    enum access_label label;
    char mode[32]; /* as written, "" none */
};

int spec_parse_volumes_from(const char *text, struct volumes_from *out, struct error *e);

/* ERROR_SPEC_INVALID "Duplicate mount point: /d" if two specs have one destination. */
int spec_check_duplicates(const struct mount_spec *specs, size_t count, struct error *e);

/*
 * Cleans a path as Go's path.Clean does (no trailing slash, no empty, "." or
 * ".." components). Returns a new string or NULL when out of memory.
 */
char *spec_clean_path(const char *path);
