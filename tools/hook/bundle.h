/*
 * A container as its runtime describes it: the state on the hook's standard input, and config.json
 * of the bundle. Formats: OCI runtime specification, runtime.md (State) and config.md. Pure.
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { STATE_TEXT_MAX = 1 << 20, BUNDLE_TEXT_MAX = 16 << 20 };

/* {0} is empty and safe to release. */
struct state {
    char *id;     /* never empty */
    char *bundle; /* absolute */
    bool ended;   /* "stopped" */
    pid_t pid;    /* 0 if it has ended */
};

/* 0, -ENOMEM, or ERROR_REQUEST_INVALID. */
int state_parse(const char *text, size_t length, struct state *out, struct error *e);
void state_deinit(struct state *state);

struct bundle; /* opaque: what config.json says */

/* 0, -ENOMEM, or ERROR_REQUEST_INVALID with what is wrong, and where. */
int bundle_parse(const char *text, size_t length, struct bundle **out, struct error *e);
struct bundle *bundle_free(struct bundle *bundle); /* returns NULL */

/* A bind mount. The texts are the bundle's; `source` may be relative to it. */
struct bundle_mount {
    const char *source, *destination;
    const char *propagation; /* "rslave", …; NULL: not said */
    const char *relabel;     /* "shared" (z) or "private" (Z); NULL: neither was left in it */
    bool readonly;
};

/*
 * The next bind mount from index *at on, in the order of mounting; *at is then behind it. False:
 * there is none. Mounts without source or destination are passed over.
 */
bool bundle_next_bind(const struct bundle *bundle, size_t *at, struct bundle_mount *out);

/* NULL: the container has no such annotation. */
const char *bundle_annotation(const struct bundle *bundle, const char *key);
