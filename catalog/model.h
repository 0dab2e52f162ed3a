/*
 * The plain records of volumefs: what a volume, a container, an attachment and
 * a use are. No behaviour beyond copying and releasing.
 */
#pragma once

#include "catalog/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum {
    DRIVER_NAME_MAX = 63,
    ENGINE_ID_MAX = 64,
    CONTEXT_MAX = 255,
    PATH_TEXT_MAX = 4095,
    PAIRS_MAX = 256,           /* labels or options of one volume */
    PAIR_KEY_MAX = 255,        /* bytes */
    PAIR_VALUE_MAX = 64 << 10, /* bytes */
    PAIRS_SIZE_MAX = 1 << 20   /* bytes of all keys and values, so that any volume has a record */
};

/* Keys with values, kept sorted by key. {0} is empty and safe to release. */
struct pair {
    char *key;
    char *value;
};

struct pairs {
    struct pair *items;
    size_t count;
};

/* Sets or replaces; copies both. 0, -ENOMEM, ERROR_LIMIT past the bounds above, or
 * ERROR_REQUEST_INVALID for an empty key or what is not UTF-8. */
int pairs_set(struct pairs *pairs, const char *key, const char *value);
const char *pairs_get(const struct pairs *pairs, const char *key); /* NULL: absent */
int pairs_copy(struct pairs *to, const struct pairs *from);        /* `to` is overwritten */
bool pairs_equal(const struct pairs *a, const struct pairs *b);
void pairs_deinit(struct pairs *pairs);

enum volume_kind { VOLUME_NAMED, VOLUME_ANONYMOUS };
enum access_label { LABEL_NONE, LABEL_SHARED, LABEL_PRIVATE };
enum container_state { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED };

/* Times are nanoseconds since the epoch; 0 is never. Sizes are bytes; 0 is no limit. */
struct volume {
    char id[VOLUME_ID_LENGTH + 1];
    char name[NAME_MAX_LENGTH + 1];
    enum volume_kind kind;
    char driver[DRIVER_NAME_MAX + 1]; /* "local" */
    bool readonly;
    enum access_label label;
    char owner[CONTAINER_ID_MAX + 1]; /* container that holds a private volume; "" none */
    char context[CONTEXT_MAX + 1];    /* SELinux context; "" none */
    uint64_t size_limit;
    int64_t created_at;
    int64_t last_used_at;
    struct pairs options;
    struct pairs labels;
};

struct container {
    char id[CONTAINER_ID_MAX + 1];
    char name[NAME_MAX_LENGTH + 1];
    char runtime[DRIVER_NAME_MAX + 1]; /* "volctl", "docker", "podman", "oci", … */
    char engine[DRIVER_NAME_MAX + 1];  /* whose API lists it, and forgets it; "" none */
    char engine_id[ENGINE_ID_MAX + 1]; /* which of that name; "" not known */
    enum container_state state;
    int64_t created_at;
};

enum { BOOT_ID_LENGTH = 36, PROCESS_TEXT_MAX = 256 << 10 };

/*
 * How a container is run, by volctl or by a runtime that told. Strings are owned; {0} is of one
 * that is never run, and safe to release.
 */
struct run {
    char *rootfs;     /* absolute path on the host, or NULL */
    char *process;    /* JSON, at most PROCESS_TEXT_MAX bytes; kept as it was given. Or NULL */
    char *state_dir;  /* the runtime's own of this container, there as long as that is; or NULL */
    bool auto_remove; /* once it has ended it is gone, and its unnamed volumes with it */
    bool copy_due;    /* its empty volumes have not got what the rootfs has */
    pid_t pid;        /* the container's first process, when it ran last; 0: it never did */
    uint64_t pid_started_at;          /* clock ticks from boot to the process's start (proc(5)) */
    char boot_id[BOOT_ID_LENGTH + 1]; /* of the boot it ran in, "" never (random(4)) */
    bool has_exit_code;
    int exit_code;
};

/* One container's reference to one volume (or, with volume_id "", to a host path). */
struct attachment {
    char *source;      /* host path of a bind, NULL for a volume */
    char *destination; /* absolute, clean; unique within the container */
    char *subpath;     /* relative to the volume's root, or NULL */
    enum access_label label;
    bool readonly;
    bool nocopy;
    bool unnamed; /* attached without a name: `rm -v` may remove the volume */
    char container_id[CONTAINER_ID_MAX + 1];
    char volume_id[VOLUME_ID_LENGTH + 1];
    char propagation[16];            /* "" or rprivate, shared, … */
    char from[CONTAINER_ID_MAX + 1]; /* container it came from by --volumes-from, or "" */
};

/* A process of an engine whose end ends what it had mounted; {0}: none is known. */
struct engine_process {
    pid_t pid;
    uint64_t started_at; /* clock ticks from boot (proc(5)) */
};

/* A use: an engine's active mounts of a volume under one mount id. */
struct use {
    char volume_id[VOLUME_ID_LENGTH + 1];
    char mount_id[128];
    uint32_t count; /* ≥ 1 */
    struct engine_process engine;
    int64_t since; /* of the first of these mounts; 0: not known */
};

int volume_copy(struct volume *to, const struct volume *from); /* deep; `to` is overwritten */
void volume_deinit(struct volume *volume);
int attachment_copy(struct attachment *to, const struct attachment *from);
void attachment_deinit(struct attachment *attachment);
int run_copy(struct run *to, const struct run *from);
void run_deinit(struct run *run);

/* "named"/"anonymous", "none"/"shared"/"private", "created"/"running"/"exited". */
const char *volume_kind_name(enum volume_kind kind);
const char *access_label_name(enum access_label label);
const char *container_state_name(enum container_state state);
/* The inverse: true and *out set, false for anything else. */
bool volume_kind_parse(const char *text, enum volume_kind *out);
bool access_label_parse(const char *text, enum access_label *out);
bool container_state_parse(const char *text, enum container_state *out);

/* RFC 3339 in UTC with nanoseconds, as Docker writes CreatedAt. `out` of TIME_TEXT_SIZE. */
enum { TIME_TEXT_SIZE = 40 };
void time_format(int64_t ns, char out[TIME_TEXT_SIZE]);
bool time_parse(const char *text, int64_t *ns);
int64_t time_now(void);       /* CLOCK_REALTIME */
int64_t time_monotonic(void); /* CLOCK_MONOTONIC; ns */
/* That clock in `ms` milliseconds, for whoever waits until then. */
struct timespec time_monotonic_in(int ms);
