/*
 * Error texts and the one mapping of expected codes to errno.
 */
#include "catalog/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int err;
} error_codes[ERROR_CODE_COUNT] = {
    [0] = {"ok", 0},
    [ERROR_NAME_INVALID] = {"name-invalid", EINVAL},
    [ERROR_SPEC_INVALID] = {"spec-invalid", EINVAL},
    [ERROR_OPTION_INVALID] = {"option-invalid", EINVAL},
    [ERROR_REQUEST_INVALID] = {"request-invalid", EINVAL},
    [ERROR_DRIVER_UNKNOWN] = {"driver-unknown", ENOENT},
    [ERROR_EXISTS] = {"exists", EEXIST},
    [ERROR_NOT_FOUND] = {"not-found", ENOENT},
    [ERROR_IN_USE] = {"in-use", EBUSY},
    [ERROR_NOT_EMPTY] = {"not-empty", ENOTEMPTY},
    [ERROR_READ_ONLY] = {"read-only", EROFS},
    [ERROR_DENIED] = {"denied", EACCES},
    [ERROR_NO_SPACE] = {"no-space", ENOSPC},
    [ERROR_LIMIT] = {"limit", EMFILE},
    [ERROR_CORRUPT] = {"corrupt", EUCLEAN},
    [ERROR_NEWER] = {"newer", EPROTO},
    [ERROR_LOCKED] = {"locked", EBUSY},
    [ERROR_UNUSABLE_STORE] = {"unusable-store", ENODEV},
    [ERROR_UNAVAILABLE] = {"unavailable", EAGAIN},
};

/* A name with escape sequences in it must not reach a terminal as such. */
static void error_sanitize(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

int error_set(struct error *e, int code, const char *format, ...)
{
    va_list args;

    if (!e)
        return code;
    va_start(args, format);
    vsnprintf(e->text, sizeof(e->text), format, args);
    va_end(args);
    error_sanitize(e->text);
    return code;
}

int error_set_errno(struct error *e, int r, const char *format, ...)
{
    size_t length;
    va_list args;

    if (!e)
        return r;
    va_start(args, format);
    vsnprintf(e->text, sizeof(e->text), format, args);
    va_end(args);
    length = strlen(e->text);
    snprintf(e->text + length, sizeof(e->text) - length, ": %s", strerror(-r));
    error_sanitize(e->text);
    return r;
}

const char *error_code_name(int code)
{
    if (code < 0 || code >= ERROR_CODE_COUNT)
        return "system";
    return error_codes[code].name;
}

int error_to_errno(int code)
{
    if (code < 0)
        return -code;
    return code < ERROR_CODE_COUNT ? error_codes[code].err : EIO;
}
