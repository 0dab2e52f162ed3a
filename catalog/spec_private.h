/*
 * Between the files of the mount grammar (spec*.c) only: a specification while
 * it is being read, and the rules that -v and --mount share.
 */
#pragma once

#include "catalog/spec.h"
#include "catalog/spec_csv.h"

/* Longest piece of a user's text repeated in an error. */
#define SPEC_SHOWN "%.300s"

/* Docker keeps the options of each type apart and refuses those of another type even if empty. */
struct spec_draft {
    struct mount_spec spec;
    char type[16]; /* as written, lower-case: it may be none of ours */
    bool type_known;
    bool has_bind_options;
    bool has_volume_options;
    bool has_tmpfs_options;
    bool readonly_nonrecursive;
    bool readonly_force_recursive;
    const char *raw; /* the -v text, NULL for --mount: how errors begin */
};

/* Checks the whole, cleans its paths, fills in what is implied. */
int spec_draft_finish(struct spec_draft *draft, struct error *e);

/* The words after the second colon of -v, or after the first of --volumes-from. */
struct spec_mode {
    bool readonly;
    enum access_label label;
    bool nocopy;
    const char *propagation; /* constant, NULL: none given */
};

/* False if a word is unknown or two of one class are given. "" is valid. */
bool spec_mode_parse(const char *text, struct spec_mode *out);

bool spec_propagation_known(const char *word);

/* One field of --mount, cut at its first '='. */
struct mount_field {
    char key[32];      /* lower-case */
    const char *value; /* "" if none */
    bool has_value;
};

struct mount_key {
    const char *name;
    bool flag; /* may stand without a value: true */
    int (*apply)(struct spec_draft *draft, const struct mount_field *field, struct error *e);
};

/* NULL: no such key. `name` is lower-case. */
const struct mount_key *mount_key_find(const char *name);

/* go-units' RAMInBytes: "64m", "1.5 GiB", "100". False: not a size. */
bool spec_size_parse(const char *text, uint64_t *out);
