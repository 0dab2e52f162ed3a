/* Who a container's command runs as; see user.h. The texts come from whoever made the rootfs. */
#include "tools/volctl/user.h"

#include "catalog/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
    FIELDS_MAX = 7,
    NAME_FIELD = 0,
    ID_FIELD = 2,
    GID_FIELD = 3,
    MEMBERS_FIELD = 3,
    HOME_FIELD = 5
};

/* ---- the files' lines ------------------------------------------------------------- */

/* A line of either file, in parts that are not ended by NUL. */
struct line {
    struct {
        const char *text;
        size_t length;
    } fields[FIELDS_MAX];
    size_t count;
};

/* The next line that has a name and a number; *rest goes behind it. False: there is none. */
static bool line_next(const char **rest, struct line *out)
{
    while (**rest) {
        size_t length = strcspn(*rest, "\n");
        const char *at = *rest, *end = at + length;

        *rest = end + (*end == '\n');
        *out = (struct line){0};
        while (at <= end && out->count < FIELDS_MAX) {
            size_t part = strcspn(at, ":\n");

            out->fields[out->count].text = at;
            out->fields[out->count++].length = part;
            at += part + 1;
        }
        if (out->count > ID_FIELD && out->fields[NAME_FIELD].length &&
            *out->fields[NAME_FIELD].text != '#')
            return true;
    }
    return false;
}

static bool number_parse(const char *text, size_t length, uint32_t *out)
{
    uint64_t value = 0;

    if (length == 0 || length > 10)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = (uint32_t)value;
    return value <= INT32_MAX; /* as runtimes have it */
}

static bool line_number(const struct line *line, size_t field, uint32_t *out)
{
    return field < line->count &&
           number_parse(line->fields[field].text, line->fields[field].length, out);
}

static bool line_is(const struct line *line, const char *name, size_t length)
{
    return line->fields[NAME_FIELD].length == length &&
           memcmp(line->fields[NAME_FIELD].text, name, length) == 0;
}

/* ---- users ------------------------------------------------------------------------ */

/* One side of "USER:GROUP". */
struct part {
    const char *text;
    size_t length;
    bool is_number;
    uint32_t number;
};

static struct part part_of(const char *text, size_t length)
{
    struct part part = {.text = text, .length = length};

    part.is_number = number_parse(text, length, &part.number);
    return part;
}

/* The entry that is meant: of a name, else of the number. */
static bool part_find(const struct part *part, const char *file, struct line *out, uint32_t *id)
{
    while (line_next(&file, out))
        if (line_number(out, ID_FIELD, id) &&
            (part->is_number ? *id == part->number : line_is(out, part->text, part->length)))
            return true;
    return false;
}

static int find_login(const struct part *user, const char *passwd, struct line *entry, bool *known,
                      struct user *out, struct error *e)
{
    *known = part_find(user, passwd, entry, &out->uid);
    if (*known) {
        line_number(entry, GID_FIELD, &out->gid);
        if (entry->count > HOME_FIELD && entry->fields[HOME_FIELD].length &&
            entry->fields[HOME_FIELD].length < sizeof(out->home))
            snprintf(out->home, sizeof(out->home), "%.*s", (int)entry->fields[HOME_FIELD].length,
                     entry->fields[HOME_FIELD].text);
        return 0;
    }
    out->uid = user->number;
    return user->is_number
               ? 0
               : error_set(e, ERROR_REQUEST_INVALID,
                           "unable to find user %.*s: the rootfs has none of this name in its "
                           "/etc/passwd; give a number, or a name that is there",
                           (int)user->length, user->text);
}

static int find_group(const struct part *part, const char *group, struct user *out, struct error *e)
{
    struct line entry;

    if (part_find(part, group, &entry, &out->gid))
        return 0;
    out->gid = part->number;
    return part->is_number
               ? 0
               : error_set(e, ERROR_REQUEST_INVALID,
                           "unable to find group %.*s: the rootfs has none of this name in its "
                           "/etc/group; give a number, or a name that is there",
                           (int)part->length, part->text);
}

/* "a,b,c" has the name. */
static bool has_member(const struct line *entry, const struct line *user)
{
    const char *at, *end;

    if (entry->count <= MEMBERS_FIELD)
        return false;
    at = entry->fields[MEMBERS_FIELD].text;
    end = at + entry->fields[MEMBERS_FIELD].length;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t length = (size_t)((comma ? comma : end) - at);

        if (line_is(user, at, length))
            return true;
        at += length + 1;
    }
    return false;
}

static int add_group(struct user *out, uint32_t gid, struct error *e)
{
    for (size_t i = 0; i < out->group_count; i++)
        if (out->groups[i] == gid)
            return 0;
    if (out->group_count == USER_GROUPS_MAX)
        return error_set(e, ERROR_LIMIT,
                         "user %u is in more than %d groups of the rootfs's /etc/group; name one "
                         "with --user USER:GROUP",
                         out->uid, USER_GROUPS_MAX);
    out->groups[out->group_count++] = gid;
    return 0;
}

static int add_memberships(const struct line *user, const char *group, struct user *out,
                           struct error *e)
{
    struct line entry;
    uint32_t gid;
    int r = 0;

    while (r == 0 && line_next(&group, &entry))
        if (has_member(&entry, user) && line_number(&entry, ID_FIELD, &gid))
            r = add_group(out, gid, e);
    return r;
}

int user_find(const char *spec, const char *passwd, const char *group, struct user *out,
              struct error *e)
{
    size_t length = strcspn(spec, ":");
    struct part user = length ? part_of(spec, length) : part_of("0", 1);
    const char *of_group = spec[length] ? spec + length + 1 : "";
    struct part other = part_of(of_group, strlen(of_group));
    struct line entry;
    bool known;
    int r;

    *out = (struct user){.home = "/"};
    r = find_login(&user, passwd, &entry, &known, out, e);
    if (r == 0 && *of_group)
        r = find_group(&other, group, out, e);
    if (r == 0)
        r = add_group(out, out->gid, e); /* else a rule against the group could be dropped */
    if (r == 0 && known && !*of_group)
        r = add_memberships(&entry, group, out, e);
    return r;
}

/* ---- files of a rootfs -------------------------------------------------------------- */

/* Everything in it may be a trap: what it is is looked at before it is read. */
static int rootfs_open(int root, const char *name)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    _cleanup_(close_p) int fd = (int)syscall(SYS_openat2, root, name, &how, sizeof(how));
    char path[64];
    struct stat st;
    int opened;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > USER_FILE_MAX)
        return -EFBIG;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return opened < 0 ? -errno : opened;
}

/* Up to the bound or a NUL, in a new string; "" of a file that is not there. */
static int rootfs_read(int root, const char *name, char **out)
{
    _cleanup_(close_p) int fd = rootfs_open(root, name);
    _cleanup_(free_p) char *text = NULL;
    size_t length = 0, capacity = 0;
    ssize_t n = 1;

    if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR)
        return fd;
    while (n > 0) {
        if (capacity - length < 2) {
            char *grown = realloc(text, capacity = 2 * capacity + 4096);

            if (!grown)
                return -ENOMEM;
            text = grown;
        }
        n = fd < 0 ? 0 : read(fd, text + length, capacity - length - 1);
        if (n < 0)
            return -errno;
        length += (size_t)n;
        if (length > USER_FILE_MAX)
            return -EFBIG;
    }
    text[length] = 0;
    *out = steal_pointer(&text);
    return 0;
}

int user_resolve(const char *rootfs, const char *spec, struct user *out, struct error *e)
{
    _cleanup_(close_p) int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(free_p) char *passwd = NULL, *group = NULL;
    int r;

    if (root < 0)
        return error_set_errno(e, -errno, "cannot open the rootfs %s", rootfs);
    r = rootfs_read(root, "etc/passwd", &passwd);
    if (r)
        return error_set_errno(e, r, "cannot read /etc/passwd in the rootfs %s", rootfs);
    r = rootfs_read(root, "etc/group", &group);
    if (r)
        return error_set_errno(e, r, "cannot read /etc/group in the rootfs %s", rootfs);
    assert(passwd && group);
    return user_find(spec, passwd, group, out, e);
}
