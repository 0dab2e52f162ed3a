/*
 * JSON of the control API, both ways. Only codec*.c know the library and the
 * keys; the contract is README.md.
 *
 * Answers are built as values and turned to text once, by codec_text. Building
 * calls answer NULL when out of memory and take NULL for a value they are
 * given, so that only the last step needs to be checked.
 */
#pragma once

#include "catalog/error.h"
#include "catalog/filter.h"
#include "catalog/model.h"
#include "catalog/record_adoption.h"
#include "catalog/spec.h"
#include "fs/event.h"
#include "fs/refs.h"
#include "fs/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- requests ------------------------------------------------------------- */

/*
 * All: 0, -ENOMEM, or ERROR_REQUEST_INVALID with a text that names the key:
 * not one JSON object, something behind it, an unknown or doubled key, another
 * type, a bound. On failure *out is {0}.
 */
struct create_body {
    char *name;   /* NULL: not given */
    char *driver; /* NULL: not given */
    struct pairs options;
    struct pairs labels;
    bool readonly;
};
int codec_read_create(const char *text, size_t length, struct create_body *out, struct error *e);
void create_body_deinit(struct create_body *body);

struct change_body {
    char *name; /* NULL: stays */
    bool has_readonly;
    bool readonly;
    bool has_label;
    enum access_label label;
};
int codec_read_change(const char *text, size_t length, struct change_body *out, struct error *e);
void change_body_deinit(struct change_body *body);

struct prune_body {
    bool all;
    bool dry_run;
    struct filter *filter; /* never NULL after success */
};
int codec_read_prune(const char *text, size_t length, struct prune_body *out, struct error *e);
void prune_body_deinit(struct prune_body *body);

/* Specs parsed and checked for duplicate destinations (also ERROR_SPEC_INVALID, _NAME_INVALID). */
struct attach_body {
    char name[NAME_MAX_LENGTH + 1]; /* of a container to be made; "" for none */
    char id[CONTAINER_ID_MAX + 1];  /* it is to have; "" for none */
    struct run run;                 /* rootfs, process and auto_remove of it */
    bool starts;                    /* by who asks, next */
    struct mount_spec *specs;
    size_t count;
    struct volumes_from *from;
    size_t from_count;
};
/* At least one of Volumes, Mounts and VolumesFrom. */
int codec_read_attach(const char *text, size_t length, struct attach_body *out, struct error *e);
/* The same with what a container is made with, and all may be absent. */
int codec_read_container(const char *text, size_t length, struct attach_body *out, struct error *e);
void attach_body_deinit(struct attach_body *body);

/* What a container's start tells, mounts included. */
struct start_body {
    struct attach_body mounts; /* its name; specs */
    pid_t pid;
    char runtime[DRIVER_NAME_MAX + 1]; /* "" not given */
    char *state_dir;                   /* NULL: not given */
};
int codec_read_start(const char *text, size_t length, struct start_body *out, struct error *e);
void start_body_deinit(struct start_body *body);

/* −1: not given. */
int codec_read_end(const char *text, size_t length, int *exit_code, struct error *e);
int codec_read_container_prune(const char *text, size_t length, bool *all, bool *dry_run,
                               struct error *e);

struct adopt_body {
    char *name;
    char *source;
    char *engine;
    struct pairs labels;
    int64_t created_at; /* 0: not given */
    bool anonymous, move, dry_run;
};
/* Name, Source and Engine must be there. */
int codec_read_adopt(const char *text, size_t length, struct adopt_body *out, struct error *e);
void adopt_body_deinit(struct adopt_body *body);

/* The `filters` parameter: {"k":["v"]} or {"k":{"v":true}}. To be freed by filter_free. */
int codec_read_filters(const char *text, struct filter **out, struct error *e);

/* The same, of events. To be freed by event_filter_free. */
int codec_read_event_filters(const char *text, struct event_filter **out, struct error *e);

/* A request of the volume plugin protocol; what is not in it is empty. */
struct plugin_body {
    char *name; /* "" not given */
    char *id;   /* of a mount; "" not given */
    struct pairs options;
};
int codec_read_plugin(const char *text, size_t length, struct plugin_body *out, struct error *e);
void plugin_body_deinit(struct plugin_body *body);

/*
 * POST /volumes/create of the Engine, which leaves unknown keys alone. No body is refused, with its
 * text; and what swarms alone have.
 */
int codec_read_engine_create(const char *text, size_t length, struct create_body *out,
                             struct error *e);
/*
 * `filters` of an Engine's prune: label and label!, and `all`, which stays as it is if it is not
 * given. Empty or NULL: none. To be freed by filter_free.
 */
int codec_read_engine_prune(const char *text, struct filter **out, bool *all, struct error *e);

/* ---- answers -------------------------------------------------------------- */

struct json_t; /* of the library */

/* The text (compact, to be freed) and the value's end; NULL: out of memory, also for NULL. */
char *codec_text(struct json_t *value);
void codec_drop(struct json_t *value); /* a value that is not sent */

struct json_t *codec_array(void);
/* Takes `item` over. 0 or -ENOMEM. */
int codec_array_add(struct json_t *array, struct json_t *item);
/* {key: value, …} for one or two keys (second NULL: one); values are taken over, NULL fails. */
struct json_t *codec_object(const char *key, struct json_t *value, const char *second,
                            struct json_t *second_value);
struct json_t *codec_number(uint64_t value);
struct json_t *codec_string(const char *text);

struct json_t *codec_error(int code, const char *text);
struct json_t *codec_volume(const struct volume *volume, const char *mountpoint,
                            uint32_t references);
/* What a volume uses; −1 in JSON where it is not known, as Docker writes it. */
struct measure {
    uint64_t size; /* bytes */
    uint64_t inodes;
    bool known;
};
/* Adds Refs and UsageData to a volume. Takes it over and answers it. */
struct json_t *codec_volume_details(struct json_t *volume, const struct references *references,
                                    const struct measure *measure);
struct json_t *codec_volume_list(struct json_t *volumes);
struct json_t *codec_references(const struct references *references);
struct json_t *codec_pruned(const char *name, uint64_t size);
/* Takes the arrays over. */
struct json_t *codec_prune(struct json_t *removed, uint64_t reclaimed, struct json_t *errors);
struct json_t *codec_status(const struct daemon_status *status);
struct json_t *codec_volume_usage(const struct volume *volume, const struct measure *measure,
                                  uint32_t references);
struct json_t *codec_store_usage(const char *path, uint64_t size, uint64_t used,
                                 uint64_t available);
struct json_t *codec_problem(const char *subject, const char *text, const char *next);
/*
 * `source`: the mount's path on the host; volume NULL for a host path. `mode`: as it was written,
 * which Docker repeats; NULL: not known (it is not recorded), made up from what is.
 */
struct json_t *codec_mount(const struct attachment *attachment, const struct volume *volume,
                           const char *source, const char *mode);
/* A volume as the Engine has it. */
struct json_t *codec_engine_volume(const struct volume *volume, const char *mountpoint);
/* Adds UsageData. Takes the volume over and answers it. */
struct json_t *codec_engine_usage(struct json_t *volume, const struct measure *measure,
                                  uint32_t references);
struct json_t *codec_engine_df(struct json_t *volumes);
struct json_t *codec_engine_pruned(struct json_t *names, uint64_t reclaimed);
/* What the Engine says of itself and the machine. */
struct machine {
    char name[65];
    char architecture[65];
    char kernel[65];
    unsigned processors;
    uint64_t memory; /* bytes */
};
struct json_t *codec_engine_version(const struct daemon_status *status,
                                    const struct machine *machine, int minor, int minor_min);
struct json_t *codec_engine_info(const struct daemon_status *status, const struct machine *machine);

/* What engines show of a volume beside what they know: an object. */
struct json_t *codec_volume_state(const struct volume *volume, const struct references *references,
                                  const struct measure *measure);
/* A volume in the plugin protocol, without that. */
struct json_t *codec_plugin_volume(const struct volume *volume, const char *mountpoint);
/* Takes both over and answers the first. */
struct json_t *codec_with_state(struct json_t *volume, struct json_t *state);
/* An answer of the plugin protocol: `key` (NULL: none) and Err, which is "" for none. */
struct json_t *codec_plugin_answer(const char *key, struct json_t *value, const char *problem);
struct json_t *codec_plugin_mountpoint(const char *mountpoint, const char *name);
struct json_t *codec_container(const struct container *container, const struct run *run,
                               struct json_t *mounts);
struct json_t *codec_container_name(const struct container *container);
struct json_t *codec_adoption(const struct volume *volume, const struct adoption *from);
/* With the bytes that were copied, if it was. */
struct json_t *codec_adopted(const struct volume *volume, const struct adoption *from,
                             uint64_t bytes);
struct json_t *codec_adopt_plan(const char *name, bool copied, uint64_t bytes, uint64_t entries);
/* Of one that goes on. */
struct json_t *codec_adoption_progress(const char *name, uint64_t bytes, uint64_t total_bytes,
                                       uint64_t entries);
struct json_t *codec_copy(const char *volume, const char *destination, uint64_t bytes,
                          uint64_t total_bytes, uint64_t entries);
/* As Docker writes events, with a sequence number. */
struct json_t *codec_event(const struct event *event);
