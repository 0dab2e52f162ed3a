/*
 * What is written on the command line, read and checked. Pure; JSON values
 * because that is where they go.
 */
#pragma once

#include "catalog/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* "k=v", or "k" for an empty value, as Docker takes it; a later one wins. ERROR_REQUEST_INVALID. */
int arguments_add_pair(json_t *object, const char *text, struct error *e);

/* "k=v" to {"k":["v",…]}; both sides must be there. ERROR_REQUEST_INVALID. */
int arguments_add_filter(json_t *filters, const char *text, struct error *e);

/* "readonly=on|off|true|false|1|0" to {"ReadOnly":…}, "label=shared|private|none" to {"Label":…}.
 * ERROR_REQUEST_INVALID. */
int arguments_add_setting(json_t *object, const char *text, struct error *e);

/* Decimal, up to 2^32 - 2 (the last one is no id). */
bool arguments_check_id(const char *text);

/* Octal, up to 7777. */
bool arguments_check_mode(const char *text);

/*
 * A -v value with a source that begins with '.' made absolute against `cwd`, as
 * Docker's command line does; any other is copied. NULL: out of memory.
 */
char *arguments_absolute_volume(const char *spec, const char *cwd);

/*
 * The same for the source of a --mount with type=bind ("./x", ".", "../x"): quoting is undone and
 * done anew. Any other, and what is no CSV, is copied. NULL: out of memory.
 */
char *arguments_absolute_mount(const char *spec, const char *cwd);

/*
 * A time as the daemon takes it, of one that may be given as how long before `now` (ns since the
 * epoch): "90s", "10m", "1h30m", "2d". Any other is copied. NULL: out of memory.
 */
char *arguments_time(const char *text, int64_t now);
