/*
 * Changes of what the daemon keeps of a volume: its attributes user.volume.*, and trusted.*, which
 * are the host's. Done is what can be read back.
 */
#include "tests/escape/escape.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

static bool has_value(const char *path, const char *name, const char *value)
{
    char now[PROC_PATH_MAX];
    ssize_t n = getxattr(path, name, now, sizeof(now));

    return n == (ssize_t)strlen(value) && memcmp(now, value, (size_t)n) == 0;
}

static int set(const struct place *place, const char *name, const char *value)
{
    char path[PROC_PATH_MAX];

    if (place->below) /* attributes like others */
        return NOT_HERE;
    proc_path(path, place->dir, ".");
    if (setxattr(path, name, value, strlen(value), 0) < 0)
        return -errno;
    return has_value(path, name, value) ? 0 : -EPERM;
}

#define SET(name, attribute, value)                                                                \
    static int rule_##name(const struct place *place)                                              \
    {                                                                                              \
        return set(place, attribute, value);                                                       \
    }
SET(readonly, "user.volume.readonly", "1")
SET(writable, "user.volume.readonly", "0")
SET(label, "user.volume.label", "none")
SET(shared, "user.volume.label", "shared")
SET(private, "user.volume.label", "private")
SET(owner, "user.volume.owner", "escape")
SET(context, "user.volume.context", "system_u:object_r:container_file_t:s0")
SET(limit, "user.volume.limit", "none")
SET(name, "user.volume.name", "escape")
SET(unheard, "user.volume.unheard", "x")
SET(trusted, "trusted.escape", "x")
SET(overlay, "trusted.overlay.opaque", "y")

/* Answered as done, for tools that mirror attributes, and not done. */
static int rule_remove(const struct place *place)
{
    static const char name[] = "user.volume.label";
    char path[PROC_PATH_MAX], before[PROC_PATH_MAX];

    if (place->below)
        return NOT_HERE;
    proc_path(path, place->dir, ".");
    if (getxattr(path, name, before, sizeof(before)) < 0) {
        if (errno != ENODATA || setxattr(path, name, "x", 1, 0) < 0)
            return -errno;
    }
    if (removexattr(path, name) < 0)
        return -errno;
    return getxattr(path, name, before, sizeof(before)) < 0 ? 0 : -EPERM;
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        "rules", #name, KIND_RULE, false, rule_##name                                              \
    }
const struct attempt attempts_rule[] = {
    ROW(readonly), ROW(writable), ROW(label),  ROW(shared), ROW(private),
    ROW(owner),    ROW(context),  ROW(limit),  ROW(name),   ROW(unheard),
    ROW(trusted),  ROW(overlay),  ROW(remove),
};
const size_t attempts_rule_count = sizeof(attempts_rule) / sizeof(*attempts_rule);
