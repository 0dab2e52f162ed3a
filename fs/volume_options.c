/*
 * Driver options of a volume: what `-o` and DriverOpts may say. Pure, but that the loaded
 * SELinux policy is asked whether it knows a context.
 */
#include "fs/label.h"
#include "fs/label_context.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_KNOWN                                                                              \
    "uid, gid (numbers), mode (octal, up to 7777), readonly (true or false), label (shared, "      \
    "private or none), selinux-context (user:role:type:level)"

enum { ID_LARGEST = 0xfffffffe }; /* (uid_t)-1 means "leave it" to chown */

static int option_invalid(const char *key, const char *value, const char *wanted, struct error *e)
{
    return error_set(e, ERROR_OPTION_INVALID, "invalid option: \"%s\": \"%s\" is not %s", key,
                     value, wanted);
}

static bool number_parse(const char *text, int base, unsigned long largest, unsigned long *out)
{
    const char *digits = base == 8 ? "01234567" : "0123456789";

    if (!*text || text[strspn(text, digits)] || strlen(text) > 12)
        return false;
    errno = 0;
    *out = strtoul(text, NULL, base);
    return errno == 0 && *out <= largest;
}

static bool bool_parse(const char *text, bool *out)
{
    static const char *const yes[] = {"true", "on", "1"};
    static const char *const no[] = {"false", "off", "0"};

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        *out = strcmp(text, yes[i]) == 0;
        if (*out || strcmp(text, no[i]) == 0)
            return true;
    }
    return false;
}

/* Into the volume it comes by volume_context_compose. */
static int option_check_context(const char *key, const char *value, struct error *e)
{
    if (!context_is_well_formed(value))
        return option_invalid(key, value, "an SELinux context, user:role:type:level", e);
    return label_knows(value)
               ? 0
               : option_invalid(key, value, "a context that the loaded SELinux policy knows", e);
}

static int option_apply(const char *key, const char *value, struct volume *volume,
                        struct store_root *root, struct error *e)
{
    unsigned long number = 0;

    if (strcmp(key, "uid") == 0 || strcmp(key, "gid") == 0) {
        if (!number_parse(value, 10, (unsigned)ID_LARGEST, &number))
            return option_invalid(key, value, "a decimal number up to 4294967294", e);
        if (key[0] == 'u')
            root->uid = (uid_t)number;
        else
            root->gid = (gid_t)number;
        return 0;
    }
    if (strcmp(key, "mode") == 0) {
        if (!number_parse(value, 8, 07777, &number))
            return option_invalid(key, value, "an octal number up to 7777", e);
        root->mode = (mode_t)number;
        return 0;
    }
    if (strcmp(key, "readonly") == 0)
        return bool_parse(value, &volume->readonly)
                   ? 0
                   : option_invalid(key, value, "true, false, on, off, 1 or 0", e);
    if (strcmp(key, "label") == 0)
        return access_label_parse(value, &volume->label)
                   ? 0
                   : option_invalid(key, value, "shared, private or none", e);
    if (strcmp(key, "selinux-context") == 0)
        return option_check_context(key, value, e);
    return error_set(e, ERROR_OPTION_INVALID, "invalid option: \"%s\"; known are %s", key,
                     OPTIONS_KNOWN);
}

int volume_apply_options(const struct pairs *options, struct volume *volume,
                         struct store_root *root, struct error *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < options->count; i++)
        r = option_apply(options->items[i].key, options->items[i].value, volume, root, e);
    return r;
}
