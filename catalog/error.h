/*
 * The error contract of volumefs.
 *
 * A function returns 0; or a negative errno for what nobody expected (passed
 * on, and mapped once at an edge); or one of the positive codes below for what
 * the caller is expected to handle. Those that can be shown to a person come
 * with a text in a `struct error` that names the thing and says what to do
 * next. Libraries return errors; only mains and request boundaries log.
 */
#pragma once

#include <stdbool.h>

enum error_code {
    ERROR_NAME_INVALID = 1, /* not a volume or container name */
    ERROR_SPEC_INVALID,     /* -v, --mount or --volumes-from specification */
    ERROR_OPTION_INVALID,   /* unknown driver option, or a bad value */
    ERROR_REQUEST_INVALID,  /* a request body, filter or parameter that cannot be read */
    ERROR_DRIVER_UNKNOWN,
    ERROR_EXISTS,
    ERROR_NOT_FOUND,
    ERROR_IN_USE,    /* refused because containers refer to it; the text names them */
    ERROR_NOT_EMPTY, /* rmdir of a volume that has files */
    ERROR_READ_ONLY, /* the volume is read-only */
    ERROR_DENIED,    /* the caller may not do this */
    ERROR_NO_SPACE,
    ERROR_LIMIT,          /* a bound of ours is reached */
    ERROR_CORRUPT,        /* catalog damaged; the text names the command that repairs it */
    ERROR_NEWER,          /* catalog made by a newer volumefs */
    ERROR_LOCKED,         /* another daemon owns the store or mount point */
    ERROR_UNUSABLE_STORE, /* missing, on the tree itself, not writable, not a directory */
    ERROR_UNAVAILABLE,    /* the daemon (or what it needs) cannot be reached now */
    ERROR_CODE_COUNT,
};

enum { ERROR_TEXT_MAX = 1024 };

/* Zero is a valid empty value. */
struct error {
    char text[ERROR_TEXT_MAX];
};

/*
 * Writes the text (truncated to ERROR_TEXT_MAX - 1 bytes) and returns `code`,
 * so that a caller can `return error_set(e, ERROR_EXISTS, "…", name)`. `e` may
 * be NULL. Control characters that came in by an argument are replaced by '?'.
 */
int error_set(struct error *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a negative errno: appends ": " and its strerror. Returns `r`. */
int error_set_errno(struct error *e, int r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A constant word for a code ("in-use"), for logs and JSON; "system" for a negative errno. */
const char *error_code_name(int code);

/* The errno a file operation answers for a code or negative errno; positive, 0 for 0. */
int error_to_errno(int code);
