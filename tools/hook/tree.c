/*
 * Finds paths that lie in volumes, by the table of mounts and by reading symbolic links.
 *
 * A path is first taken as it is written, then walked from the root. The walk
 * opens a component only once its path is known to lead into no tree and into no
 * other file system whose server may be dead or gone, where a look would wait for
 * ever: it ends there. So a symbolic link inside such a one is not followed.
 */
#include "tools/hook/tree.h"

#include "catalog/cleanup.h"
#include "catalog/mountinfo.h"
#include "catalog/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { LINKS_MAX = 40 }; /* as the kernel's */

#define VIEWS ".volumefs" /* what is no volume in the root of a tree */

void trees_deinit(struct trees *trees)
{
    for (size_t i = 0; i < trees->count; i++)
        free(trees->mounts[i].point);
    free(trees->mounts);
    *trees = (struct trees){0};
}

/* ---- the table -------------------------------------------------------------- */

static bool type_may_hang(const char *type)
{
    static const char *const types[] = {"autofs", "ceph", "cifs", "fuse", "fuseblk",
                                        "nfs",    "nfs4", "proc", "smb3"};

    if (strncmp(type, "fuse.", sizeof("fuse.") - 1) == 0)
        return true;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static struct tree_mount *trees_find_point(const struct trees *trees, const char *point)
{
    for (size_t i = 0; i < trees->count; i++)
        if (strcmp(trees->mounts[i].point, point) == 0)
            return &trees->mounts[i];
    return NULL;
}

/* Of several mounts at one place the last one is seen. */
static int trees_add(struct trees *trees, const char *point, dev_t device, enum tree_kind kind)
{
    struct tree_mount *mount = trees_find_point(trees, point);
    struct tree_mount *grown;
    char *copy;

    if (mount) {
        mount->device = device;
        mount->kind = kind;
        return 0;
    }
    if (kind == TREE_LOCAL)
        return 0;
    grown = reallocarray(trees->mounts, trees->count + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    trees->mounts = grown;
    copy = strdup(point);
    if (!copy)
        return -ENOMEM;
    grown[trees->count++] = (struct tree_mount){copy, device, kind};
    return 0;
}

static int trees_add_line(struct trees *trees, char *line)
{
    struct mountinfo mount;
    enum tree_kind kind = TREE_LOCAL;

    if (!mountinfo_parse_line(line, &mount))
        return 0;
    if (strcmp(mount.type, TREE_TYPE) == 0)
        kind = strcmp(mount.root, "/") == 0 ? TREE_WHOLE : TREE_PART;
    else if (type_may_hang(mount.type))
        kind = TREE_FOREIGN;
    return trees_add(trees, mount.mount_point, mount.device, kind);
}

/* Trees that are not among these are other daemons'; so is what is bound from them. */
static void trees_restrict(struct trees *trees, char *const *dirs, size_t count)
{
    for (size_t i = 0; i < trees->count; i++) {
        struct tree_mount *mount = &trees->mounts[i];
        bool wanted = mount->kind != TREE_WHOLE && mount->kind != TREE_PART;

        for (size_t k = 0; k < count && !wanted; k++) {
            const struct tree_mount *tree = trees_find_point(trees, dirs[k]);

            wanted = tree && tree->kind == TREE_WHOLE && tree->device == mount->device;
        }
        if (!wanted)
            mount->kind = TREE_FOREIGN;
    }
}

static int trees_read_lines(struct trees *trees, FILE *mountinfo)
{
    _cleanup_(free_p) char *line = NULL;
    size_t size = 0;
    int r = 0;

    while (r == 0 && getline(&line, &size, mountinfo) > 0)
        r = trees_add_line(trees, line);
    return r == 0 && ferror(mountinfo) ? -EIO : r;
}

int trees_read(FILE *mountinfo, char *const *dirs, size_t count, struct trees *out)
{
    static char usual[] = TREE_DEFAULT;
    char *const alone[] = {usual};
    int r;

    *out = (struct trees){0};
    r = mountinfo ? trees_read_lines(out, mountinfo) : 0;
    if (count > 0)
        trees_restrict(out, dirs, count);
    else
        dirs = alone;
    /* also while its daemon is away, and nothing or something else is there */
    for (size_t i = 0; r == 0 && i < (count ? count : 1); i++)
        r = trees_add(out, dirs[i], 0, TREE_WHOLE);
    if (r)
        trees_deinit(out);
    return r;
}

bool trees_are_named(const struct trees *trees, const char *text, size_t length)
{
    for (size_t i = 0; length > 0 && i < trees->count; i++) {
        const struct tree_mount *mount = &trees->mounts[i];

        if ((mount->kind == TREE_WHOLE || mount->kind == TREE_PART) &&
            memmem(text, length, mount->point, strlen(mount->point)))
            return true;
    }
    return false;
}

/* ---- places ----------------------------------------------------------------- */

enum place { PLACE_LOCAL, PLACE_VOLUME, PLACE_TREE, PLACE_FOREIGN };

/* What is in the views are links to volumes, two levels down; the views are none. */
static enum place place_in_tree(const char *inner)
{
    size_t length = strlen(VIEWS);
    const char *slash;

    if (strncmp(inner, VIEWS, length) != 0 || (inner[length] && inner[length] != '/'))
        return PLACE_VOLUME;
    slash = strchr(inner, '/');
    return slash && strchr(slash + 1, '/') ? PLACE_VOLUME : PLACE_TREE;
}

/*
 * Of a clean path. The mount that is nearest to it decides. That of the root never is: no clean
 * path goes on behind it with another slash. So a root that may hang is walked all the same.
 */
static enum place trees_place(const struct trees *trees, const char *path)
{
    const struct tree_mount *nearest = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < trees->count; i++) {
        size_t length = strlen(trees->mounts[i].point);

        if (length > longest && strncmp(path, trees->mounts[i].point, length) == 0 &&
            (!path[length] || path[length] == '/')) {
            nearest = &trees->mounts[i];
            longest = length;
        }
    }
    if (!nearest)
        return PLACE_LOCAL;
    switch (nearest->kind) {
    case TREE_WHOLE:
        return path[longest] ? place_in_tree(path + longest + 1) : PLACE_TREE;
    case TREE_PART:
        return PLACE_VOLUME;
    case TREE_FOREIGN:
        return PLACE_FOREIGN;
    case TREE_LOCAL:
        break;
    }
    return PLACE_LOCAL;
}

/* ---- the walk --------------------------------------------------------------- */

/*
 * A walk from the root, one component at a time, so that none is followed that has become a link
 * since. What was walked are no links; `at` is "" at the root.
 */
struct walk {
    const struct trees *trees;
    int fd; /* of `at`; −1: it cannot be opened */
    char at[PATH_MAX];
    size_t length; /* of `at` */
    char *next;    /* where to go on, after a link or in a tree; NULL: nowhere */
};

static void walk_deinit(struct walk *walk)
{
    close_p(&walk->fd);
}

/* Opens what is one step away; −1 as well if there is nothing. */
static void walk_open(struct walk *walk, const char *name)
{
    int fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    close_p(&walk->fd);
    walk->fd = fd;
}

static int walk_go_on(struct walk *walk, const char *from, const char *rest)
{
    if (strlen(from) + strlen(rest) >= PATH_MAX)
        return 0; /* the kernel would not go there either */
    if (asprintf(&walk->next, "%s/%s", from, rest) >= 0)
        return 0;
    walk->next = NULL;
    return -ENOMEM;
}

static void walk_go_up(struct walk *walk)
{
    char *slash = strrchr(walk->at, '/');

    walk->length = slash ? (size_t)(slash - walk->at) : 0;
    walk->at[walk->length] = 0;
}

/* Into `name`, without opening it. False: no path is that long. */
static bool walk_go_down(struct walk *walk, const char *name, size_t length)
{
    if (walk->length + length + 2 > sizeof(walk->at))
        return false;
    walk->at[walk->length++] = '/';
    memcpy(walk->at + walk->length, name, length);
    walk->length += length;
    walk->at[walk->length] = 0;
    return true;
}

static int walk_follow(struct walk *walk, const char *target, const char *rest)
{
    _cleanup_(free_p) char *path = NULL;

    if (target[0] == '/')
        return walk_go_on(walk, target, rest);
    walk_go_up(walk);
    if (asprintf(&path, "%s/%s", walk->at, target) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return walk_go_on(walk, path, rest);
}

/* Opens the component that `at` ends with. *link: it is one, and this is its text. */
static void walk_look(struct walk *walk, char target[PATH_MAX], bool *link)
{
    ssize_t n;

    walk_open(walk, strrchr(walk->at, '/') + 1);
    n = readlinkat(walk->fd, "", target, PATH_MAX - 1);
    *link = n > 0;
    if (n > 0)
        target[n] = 0;
}

/* Walks `path` up to the first link or tree. *entered: it is a tree. */
static int walk_path(struct walk *walk, const char *path, bool *entered)
{
    char target[PATH_MAX];

    *entered = false;
    while (walk->fd >= 0 && *(path += strspn(path, "/"))) {
        const char *name = path;
        size_t length = strcspn(path, "/");
        enum place place;
        bool link;

        path += length;
        if (length == 1 && name[0] == '.')
            continue;
        if (length == 2 && memcmp(name, "..", 2) == 0) {
            walk_go_up(walk);
            walk_open(walk, "..");
            continue;
        }
        if (!walk_go_down(walk, name, length))
            return 0;
        place = trees_place(walk->trees, walk->at);
        *entered = place == PLACE_VOLUME || place == PLACE_TREE;
        if (*entered)
            return walk_go_on(walk, walk->at, path);
        if (place == PLACE_FOREIGN)
            return 0;
        walk_look(walk, target, &link);
        if (link)
            return walk_follow(walk, target, path);
    }
    return 0;
}

/* One link further. *path is replaced; NULL: it leads into no volume. */
static int walk_step(const struct trees *trees, char **path, bool *found)
{
    _cleanup_(walk_deinit) struct walk walk = {.trees = trees, .fd = open("/", O_PATH | O_CLOEXEC)};
    enum place place;
    bool entered;
    int r = walk_path(&walk, *path, &entered);

    free(*path);
    *path = walk.next;
    if (r || !*path || !entered)
        return r;
    *path = spec_clean_path(walk.next); /* it may lead out again, by ".." */
    free(walk.next);
    if (!*path)
        return -ENOMEM;
    place = trees_place(trees, *path);
    *found = place == PLACE_VOLUME;
    if (place == PLACE_TREE) {
        free(*path);
        *path = NULL;
    }
    return 0;
}

int trees_find(const struct trees *trees, const char *path, char **out)
{
    _cleanup_(free_p) char *at = spec_clean_path(path);
    bool found = false;
    int r = 0;

    *out = NULL;
    if (!at)
        return -ENOMEM;
    switch (trees_place(trees, at)) {
    case PLACE_VOLUME:
        *out = steal_pointer(&at);
        return 0;
    case PLACE_TREE:
    case PLACE_FOREIGN:
        return 0;
    case PLACE_LOCAL:
        break;
    }
    free(at);
    at = strdup(path); /* ".." behind a link is not what it is in a text */
    if (!at)
        return -ENOMEM;
    for (int links = 0; links <= LINKS_MAX && at && !found && r == 0; links++)
        r = walk_step(trees, &at, &found);
    if (found)
        *out = steal_pointer(&at);
    return r;
}
