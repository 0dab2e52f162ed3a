/*
 * Who a container's command runs as, told by the rootfs's own /etc/passwd and /etc/group.
 * Rules: moby/sys user.GetExecUser, which Docker and runc use.
 */
#pragma once

#include "catalog/error.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

enum { USER_GROUPS_MAX = 1024, USER_FILE_MAX = 4 << 20 };

struct user {
    uint32_t uid, gid;
    uint32_t groups[USER_GROUPS_MAX]; /* others, and `gid` first */
    size_t group_count;
    char home[PATH_MAX]; /* "/" where nothing says */
};

/*
 * `spec`: "", "USER" or "USER:GROUP", each a name or a number. The two texts are those of the
 * files,
 * "" if there are none. A number need not be in them, a name must. Without GROUP it is in the
 * groups that name it as a member. Pure. 0, ERROR_REQUEST_INVALID, ERROR_LIMIT.
 */
int user_find(const char *spec, const char *passwd, const char *group, struct user *out,
              struct error *e);

/* The same with the files below `rootfs`; links in them lead nowhere else. */
int user_resolve(const char *rootfs, const char *spec, struct user *out, struct error *e);
