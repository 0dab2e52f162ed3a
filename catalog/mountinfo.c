/*
 * Reads lines of /proc/PID/mountinfo:
 *
 *   36 35 98:0 /root /point rw,noatime master:1 shared:2 - ext3 /dev/x rw,errors=continue
 *
 * Pure, in place, no allocation. Hides the kernel's escapes (\040 and the like)
 * and the variable number of optional fields.
 */
#include "catalog/mountinfo.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Takes the next field off *rest; NULL at the end or for an empty field. */
static char *field_next(char **rest)
{
    char *field = strsep(rest, " ");

    return field && *field ? field : NULL;
}

static bool octal_digit(char c, char highest)
{
    return c >= '0' && c <= highest;
}

static void octal_unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from;) {
        if (from[0] == '\\' && octal_digit(from[1], '3') && octal_digit(from[2], '7') &&
            octal_digit(from[3], '7')) {
            *to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = 0;
}

/* Digits only, few enough for an unsigned; *text is left behind them. */
static bool number_parse(char **text, unsigned *out)
{
    char *end;
    unsigned long value;

    if (!octal_digit(**text, '9') || strspn(*text, "0123456789") > 9)
        return false;
    value = strtoul(*text, &end, 10);
    *text = end;
    *out = (unsigned)value;
    return true;
}

static bool number_field(char *field)
{
    unsigned value;

    return field && number_parse(&field, &value) && !*field;
}

static bool device_parse(char *field, dev_t *out)
{
    unsigned device_major;
    unsigned device_minor;

    if (!field || !number_parse(&field, &device_major) || *field++ != ':' ||
        !number_parse(&field, &device_minor) || *field)
        return false;
    *out = makedev(device_major, device_minor);
    return true;
}

static bool options_readonly(const char *options)
{
    while (*options) {
        size_t length = strcspn(options, ",");

        if (length == 2 && memcmp(options, "ro", 2) == 0)
            return true;
        options += length + (options[length] == ',');
    }
    return false;
}

/*
 * The kernel writes "//deleted" behind a path whose entry is gone. A path has
 * no empty component, so this cannot be a name.
 */
static bool deleted_cut(char *root)
{
    static const char suffix[] = "//deleted";
    size_t length = strlen(root);

    if (length < sizeof(suffix) - 1 || strcmp(root + length - (sizeof(suffix) - 1), suffix) != 0)
        return false;
    root[length - (sizeof(suffix) - 1)] = 0;
    if (!*root)
        memcpy(root, "/", 2);
    return true;
}

/* The fields up to the lone "-", of which there is always one. */
static bool optional_skip(char **rest)
{
    const char *field;

    do {
        field = field_next(rest);
        if (!field)
            return false;
    } while (strcmp(field, "-") != 0);
    return true;
}

bool mountinfo_parse_line(char *line, struct mountinfo *out)
{
    size_t length = strnlen(line, MOUNTINFO_LINE_MAX + 1);
    char *rest = line;
    char *options;
    char *super_options;

    *out = (struct mountinfo){0};
    if (length > MOUNTINFO_LINE_MAX)
        return false;
    if (length && line[length - 1] == '\n')
        line[length - 1] = 0;
    for (int i = 0; i < 2; i++) /* the mount's id, and its parent's */
        if (!number_field(field_next(&rest)))
            return false;
    if (!device_parse(field_next(&rest), &out->device))
        return false;
    out->root = field_next(&rest);
    out->mount_point = field_next(&rest);
    options = field_next(&rest);
    if (!out->root || !out->mount_point || !options || !optional_skip(&rest))
        return false;
    out->type = field_next(&rest);
    if (!out->type)
        return false;
    out->source = strsep(&rest, " ");
    if (!out->source)
        out->source = out->type + strlen(out->type); /* empty */
    super_options = rest;
    out->readonly = options_readonly(options) || (super_options && options_readonly(super_options));
    octal_unescape(out->root);
    octal_unescape(out->mount_point);
    octal_unescape(out->type);
    octal_unescape(out->source);
    out->deleted = deleted_cut(out->root);
    return true;
}
