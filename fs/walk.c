/*
 * A walk of a directory tree without recursion and with few descriptors.
 *
 * The path down to where the walk is, is a stack of levels. The deepest
 * WALK_OPEN_MAX levels hold an open directory; those above are closed and keep
 * their position, and are opened again by ".." of the child when the walk comes
 * back, if device and inode are still those of the level. Memory is one small
 * record and one name a level.
 */
#include "fs/walk.h"

#include "catalog/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

enum {
    WALK_OPEN_MAX = 32,
    WALK_LEVELS_MIN = 64,
    DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NONBLOCK,
};

struct level {
    DIR *dir; /* NULL: closed for now */
    long position;
    dev_t dev;
    ino_t ino;
    char *name; /* in the level above, or in the caller's directory */
};

struct walk {
    int top_fd; /* the caller's */
    struct level *levels;
    size_t count;
    size_t size;
    size_t first_open;
    const struct walk_operations *operations;
    void *context;
};

int walk_open(int parent_fd, const char *name, int flags)
{
    struct open_how how = {
        .flags = (unsigned)flags | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    long fd = syscall(SYS_openat2, parent_fd, name, &how, sizeof(how));

    return fd < 0 ? -errno : (int)fd;
}

int walk_open_directory(int parent_fd, const char *name)
{
    return walk_open(parent_fd, name, DIRECTORY_FLAGS);
}

/* O_NOATIME is for those who may change times of the directory. */
static int open_silently(int parent_fd, const char *name)
{
    int fd = walk_open(parent_fd, name, DIRECTORY_FLAGS | O_NOATIME);

    return fd == -EPERM ? walk_open(parent_fd, name, DIRECTORY_FLAGS) : fd;
}

static void walk_deinit(struct walk *walk)
{
    for (size_t i = 0; i < walk->count; i++) {
        if (walk->levels[i].dir)
            closedir(walk->levels[i].dir);
        free(walk->levels[i].name);
    }
    free(walk->levels);
}

static int walk_reserve(struct walk *walk)
{
    size_t size = walk->size ? walk->size * 2 : WALK_LEVELS_MIN;
    struct level *levels;

    if (walk->count < walk->size)
        return 0;
    levels = reallocarray(walk->levels, size, sizeof(*levels));
    if (!levels)
        return -ENOMEM;
    walk->levels = levels;
    walk->size = size;
    return 0;
}

static void walk_close_shallowest(struct walk *walk)
{
    struct level *level = &walk->levels[walk->first_open++];

    level->position = telldir(level->dir);
    closedir(level->dir);
    level->dir = NULL;
}

/* Takes `fd`. */
static int walk_push(struct walk *walk, int fd, const char *name)
{
    _cleanup_(close_p) int held = fd;
    struct level level = {0};
    struct stat st;
    int r;

    if (fstat(held, &st) < 0)
        return -errno;
    r = walk->operations->enter(walk->context, name, held, &st);
    if (r)
        return r == WALK_SKIP ? 0 : r;
    r = walk_reserve(walk);
    if (r)
        return r;
    level.dev = st.st_dev;
    level.ino = st.st_ino;
    level.name = strdup(name);
    level.dir = level.name ? fdopendir(held) : NULL;
    if (!level.dir) {
        free(level.name);
        return -ENOMEM;
    }
    steal_fd(&held);
    walk->levels[walk->count++] = level;
    if (walk->count - walk->first_open > WALK_OPEN_MAX)
        walk_close_shallowest(walk);
    return 0;
}

static int walk_descend(struct walk *walk, int parent_fd, const char *name)
{
    int fd = open_silently(parent_fd, name);
    int r;

    if (fd >= 0)
        return walk_push(walk, fd, name);
    r = walk->operations->refused(walk->context, parent_fd, name, fd);
    if (r != WALK_RETRY)
        return r;
    fd = open_silently(parent_fd, name);
    return fd < 0 ? fd : walk_push(walk, fd, name);
}

static int open_parent_silently(int dir_fd)
{
    const int flags = DIRECTORY_FLAGS | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir_fd, "..", flags | O_NOATIME);

    return fd < 0 && errno == EPERM ? openat(dir_fd, "..", flags) : fd;
}

/* Opens the level below the top of the stack again, from the top's "..". */
static int walk_reopen_parent(struct walk *walk)
{
    struct level *child = &walk->levels[walk->count - 1];
    struct level *parent = child - 1;
    _cleanup_(close_p) int fd = -1;
    struct stat st;

    fd = open_parent_silently(dirfd(child->dir));
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_dev != parent->dev || st.st_ino != parent->ino)
        return -ESTALE;
    parent->dir = fdopendir(fd);
    if (!parent->dir)
        return -ENOMEM;
    steal_fd(&fd);
    seekdir(parent->dir, parent->position);
    walk->first_open--;
    return 0;
}

static int walk_pop(struct walk *walk)
{
    struct level *level = &walk->levels[walk->count - 1];
    int parent_fd = walk->top_fd;
    int r;

    if (walk->count > 1) {
        if (!level[-1].dir) {
            r = walk_reopen_parent(walk);
            if (r)
                return r;
        }
        parent_fd = dirfd(level[-1].dir);
    }
    r = walk->operations->leave(walk->context, parent_fd, level->name, dirfd(level->dir));
    closedir(level->dir);
    free(level->name);
    walk->count--;
    return r;
}

static bool entry_is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int entry_is_directory(int parent_fd, const struct dirent *entry, bool *out)
{
    struct stat st;

    *out = entry->d_type == DT_DIR;
    if (entry->d_type != DT_UNKNOWN)
        return 0;
    if (fstatat(parent_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    *out = S_ISDIR(st.st_mode);
    return 0;
}

/* One step: the next entry of the deepest directory, or back up. */
static int walk_step(struct walk *walk)
{
    DIR *dir = walk->levels[walk->count - 1].dir;
    const struct dirent *entry;
    bool directory;
    int r;

    errno = 0;
    entry = readdir(dir);
    if (!entry)
        return errno ? -errno : walk_pop(walk);
    if (entry_is_dots(entry->d_name))
        return 0;
    r = entry_is_directory(dirfd(dir), entry, &directory);
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = directory ? WALK_DESCEND
                      : walk->operations->entry(walk->context, dirfd(dir), entry->d_name);
    return r == WALK_DESCEND ? walk_descend(walk, dirfd(dir), entry->d_name) : r;
}

int walk_tree(int parent_fd, const char *name, const struct walk_operations *operations,
              void *context)
{
    _cleanup_(walk_deinit) struct walk walk = {
        .top_fd = parent_fd, .operations = operations, .context = context};
    int r;

    assert(!strchr(name, '/'));
    r = walk_descend(&walk, parent_fd, name);
    while (r == 0 && walk.count > 0)
        r = walk_step(&walk);
    return r;
}

int walk_each(int dir_fd, int (*visit)(void *context, const char *name), void *context)
{
    _cleanup_(closedir_p) DIR *dir = NULL;
    const struct dirent *entry;
    int fd = walk_open_directory(dir_fd, ".");
    int r = 0;

    if (fd < 0)
        return fd;
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -ENOMEM;
    }
    errno = 0;
    while (r == 0 && (entry = readdir(dir))) { // NOLINT(concurrency-mt-unsafe): a stream of our own
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = visit(context, entry->d_name);
        errno = 0;
    }
    return r ? r : -errno;
}

static int visit_any(void *context, const char *name)
{
    (void)context;
    (void)name;
    return 1;
}

int walk_is_empty(int dir_fd)
{
    int r = walk_each(dir_fd, visit_any, NULL);

    return r < 0 ? r : !r;
}
