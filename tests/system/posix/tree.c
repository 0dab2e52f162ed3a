/*
 * Walks both trees side by side, by descriptors. Hard links are told by a
 * table of pairs: an inode of one tree must always meet the same of the other.
 */
#include "tests/system/posix/tree.h"

#include "catalog/cleanup.h"
#include "tests/system/posix/check.h"

#include <limits.h>
#include <stdarg.h>
#include <sys/xattr.h>

enum { PAIRS_MAX = 65536, LIST_MAX = 65536 };

struct walk {
    struct {
        ino_t a, b;
    } pairs[PAIRS_MAX];
    size_t pair_count;
    char path[PATH_MAX];
    char *what;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static int walk_differ(struct walk *w, const char *format,
                                                             ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(w->what, w->size, ".%s: %s", w->path, text);
    return 1;
}

static int compare_attributes(struct walk *w, const struct stat *a, const struct stat *b)
{
    if (a->st_mode != b->st_mode)
        return walk_differ(w, "mode %o and %o", a->st_mode, b->st_mode);
    if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
        return walk_differ(w, "owner %u:%u and %u:%u", a->st_uid, a->st_gid, b->st_uid, b->st_gid);
    if (a->st_nlink != b->st_nlink)
        return walk_differ(w, "%lu and %lu links", (unsigned long)a->st_nlink,
                           (unsigned long)b->st_nlink);
    if (!S_ISDIR(a->st_mode) && a->st_size != b->st_size)
        return walk_differ(w, "size %lld and %lld", (long long)a->st_size, (long long)b->st_size);
    if (a->st_rdev != b->st_rdev)
        return walk_differ(w, "device %lx and %lx", (unsigned long)a->st_rdev,
                           (unsigned long)b->st_rdev);
    return 0;
}

static int compare_links(struct walk *w, const struct stat *a, const struct stat *b)
{
    for (size_t i = 0; i < w->pair_count; i++)
        if ((w->pairs[i].a == a->st_ino) != (w->pairs[i].b == b->st_ino))
            return walk_differ(w, "a hard link on one side only");
        else if (w->pairs[i].a == a->st_ino)
            return 0;
    if (w->pair_count == PAIRS_MAX)
        return walk_differ(w, "too many files");
    w->pairs[w->pair_count].a = a->st_ino;
    w->pairs[w->pair_count++].b = b->st_ino;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a list of NUL-ended ones, sorted; to be freed. */
static char **sort_list(char *list, size_t size, size_t *count)
{
    char **names = calloc(size + 1, sizeof(*names));

    *count = 0;
    for (char *p = list; names && p < list + size; p += strlen(p) + 1)
        names[(*count)++] = p;
    if (names)
        qsort(names, *count, sizeof(*names), by_name);
    return names;
}

static int compare_value(struct walk *w, const char *a, const char *b, const char *name)
{
    static char value_a[LIST_MAX], value_b[LIST_MAX];
    ssize_t n = getxattr(a, name, value_a, sizeof(value_a));
    ssize_t m = getxattr(b, name, value_b, sizeof(value_b));

    if (n < 0 || m < 0)
        return walk_differ(w, "attribute %s cannot be read", name);
    if (n != m || memcmp(value_a, value_b, (size_t)n) != 0)
        return walk_differ(w, "attribute %s differs", name);
    return 0;
}

/* Attributes of O_PATH descriptors are reached by /proc. */
static int compare_xattrs(struct walk *w, int a, int b)
{
    static char list_a[LIST_MAX], list_b[LIST_MAX];
    _cleanup_(free_p) char **names_a = NULL, **names_b = NULL;
    char path_a[64], path_b[64];
    size_t count_a = 0, count_b = 0;
    ssize_t n, m;
    int r = 0;

    snprintf(path_a, sizeof(path_a), "/proc/self/fd/%d", a);
    snprintf(path_b, sizeof(path_b), "/proc/self/fd/%d", b);
    n = listxattr(path_a, list_a, sizeof(list_a));
    m = listxattr(path_b, list_b, sizeof(list_b));
    if (n < 0 || m < 0)
        return walk_differ(w, "attributes cannot be listed: %s", strerror(errno));
    names_a = sort_list(list_a, (size_t)n, &count_a);
    names_b = sort_list(list_b, (size_t)m, &count_b);
    if (!names_a || !names_b)
        return walk_differ(w, "out of memory");
    for (size_t i = 0; !r && i < count_a && i < count_b; i++) {
        if (strcmp(names_a[i], names_b[i]) != 0)
            return walk_differ(w, "attributes %s and %s", names_a[i], names_b[i]);
        r = compare_value(w, path_a, path_b, names_a[i]);
    }
    if (!r && count_a != count_b)
        return walk_differ(w, "%zu and %zu attributes", count_a, count_b);
    return r;
}

static int compare_content(struct walk *w, int a, int b, const char *name)
{
    static char block_a[65536], block_b[65536];
    _cleanup_(close_p) int in_a = openat(a, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(close_p) int in_b = openat(b, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t n, m;

    if (in_a < 0 || in_b < 0)
        return walk_differ(w, "cannot be opened: %s", strerror(errno));
    do {
        n = read(in_a, block_a, sizeof(block_a));
        m = read(in_b, block_b, sizeof(block_b));
        if (n < 0 || n != m || memcmp(block_a, block_b, (size_t)n) != 0)
            return walk_differ(w, "content differs");
    } while (n > 0);
    return 0;
}

static int compare_targets(struct walk *w, int a, int b, const char *name)
{
    char target_a[PATH_MAX], target_b[PATH_MAX];
    ssize_t n = readlinkat(a, name, target_a, sizeof(target_a));
    ssize_t m = readlinkat(b, name, target_b, sizeof(target_b));

    if (n < 0 || n != m || memcmp(target_a, target_b, (size_t)n) != 0)
        return walk_differ(w, "link target differs");
    return 0;
}

static int compare_directories(struct walk *w, int a, int b);

static int compare_entries(struct walk *w, int a, int b, const char *name)
{
    _cleanup_(close_p) int fd_a = openat(a, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(close_p) int fd_b = openat(b, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st_a, st_b;
    int r;

    if (fd_a < 0 || fd_b < 0 || fstat(fd_a, &st_a) || fstat(fd_b, &st_b))
        return walk_differ(w, "only on one side (%s)", strerror(errno));
    r = compare_attributes(w, &st_a, &st_b);
    if (!r)
        r = compare_links(w, &st_a, &st_b);
    if (!r)
        r = compare_xattrs(w, fd_a, fd_b);
    if (!r && S_ISREG(st_a.st_mode))
        r = compare_content(w, a, b, name);
    if (!r && S_ISLNK(st_a.st_mode))
        r = compare_targets(w, a, b, name);
    if (!r && S_ISDIR(st_a.st_mode))
        r = compare_directories(w, fd_a, fd_b);
    return r;
}

/* The names in a directory, each with its NUL, one after the other; to be freed. */
static char *list_directory(int at, size_t *size)
{
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct dirent *entry;
    char *list = NULL;
    FILE *out;
    DIR *dir;

    if (fd < 0)
        return NULL;
    dir = fdopendir(fd);
    out = open_memstream(&list, size);
    while (dir && out && (entry = readdir(dir)))
        fwrite(entry->d_name, strlen(entry->d_name) + 1, 1, out);
    if (dir)
        closedir(dir);
    else
        close(fd);
    if (out)
        fclose(out);
    return list;
}

static int compare_directories(struct walk *w, int a, int b)
{
    size_t size_a, size_b, count_a = 0, count_b = 0, length = strlen(w->path);
    _cleanup_(free_p) char *list_a = list_directory(a, &size_a);
    _cleanup_(free_p) char *list_b = list_directory(b, &size_b);
    _cleanup_(free_p) char **names_a = list_a ? sort_list(list_a, size_a, &count_a) : NULL;
    _cleanup_(free_p) char **names_b = list_b ? sort_list(list_b, size_b, &count_b) : NULL;

    if (!names_a || !names_b)
        return walk_differ(w, "cannot be listed");
    for (size_t i = 0; i < count_a && i < count_b; i++) {
        int r;

        if (strcmp(names_a[i], names_b[i]) != 0)
            return walk_differ(w, "names %s and %s", names_a[i], names_b[i]);
        if (!strcmp(names_a[i], ".") || !strcmp(names_a[i], ".."))
            continue;
        snprintf(w->path + length, sizeof(w->path) - length, "/%s", names_a[i]);
        r = compare_entries(w, a, b, names_a[i]);
        w->path[length] = 0;
        if (r)
            return r;
    }
    return count_a == count_b ? 0 : walk_differ(w, "%zu and %zu entries", count_a, count_b);
}

int tree_compare(int a, int b, char *what, size_t size)
{
    struct walk *w = calloc(1, sizeof(*w));
    int r;

    if (!w)
        return 1;
    w->what = what;
    w->size = size;
    r = compare_directories(w, a, b);
    free(w);
    return r;
}
