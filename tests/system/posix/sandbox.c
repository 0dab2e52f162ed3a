/*
 * Directories of tests. The start directory is kept as a descriptor, so that
 * a test may go where it likes.
 */
#include "tests/system/posix/sandbox.h"

#include "catalog/cleanup.h"
#include "tests/system/posix/check.h"

#include <linux/magic.h>
#include <sys/vfs.h>

struct sandbox {
    int parent;
    char name[32];
};

int sandbox_enter(void **state)
{
    const char *base = getenv("TEST_DIR");
    struct sandbox *s = calloc(1, sizeof(*s));

    if (!s || !base) {
        fprintf(stderr, "TEST_DIR names no directory\n");
        free(s);
        return -1;
    }
    umask(022);
    s->parent = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; s->parent >= 0 && i < 1000; i++) {
        snprintf(s->name, sizeof(s->name), "t%d-%d", (int)getpid(), i);
        if (mkdirat(s->parent, s->name, 0777) == 0)
            break;
        if (errno != EEXIST)
            break;
    }
    *state = s;
    if (s->parent < 0 || fchdir(s->parent) || chmod(s->name, 0777) || chdir(s->name)) {
        perror(base);
        return -1;
    }
    return 0;
}

/* Moves what it finds up to the top first, so that depth costs neither stack nor descriptors. */
static int remove_children(int top, const char *name, unsigned *moved)
{
    int fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(closedir_p) DIR *dir = NULL;
    const struct dirent *entry;

    if (fd < 0)
        return -1;
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -1;
    }
    fchmod(fd, 0700);
    while ((entry = readdir(dir))) {
        char fresh[32];

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (unlinkat(fd, entry->d_name, 0) == 0)
            continue;
        if (errno != EISDIR)
            return -1;
        if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0)
            continue;
        snprintf(fresh, sizeof(fresh), ".rm-%d-%u", (int)getpid(), (*moved)++);
        if (renameat(fd, entry->d_name, top, fresh))
            return -1;
    }
    return unlinkat(top, name, AT_REMOVEDIR);
}

int sandbox_remove(int dirfd, const char *name)
{
    unsigned moved = 0;

    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (remove_children(dirfd, name, &moved))
        return -1;
    for (unsigned done = 0; done < moved; done++) {
        char fresh[32];

        snprintf(fresh, sizeof(fresh), ".rm-%d-%u", (int)getpid(), done);
        if (remove_children(dirfd, fresh, &moved))
            return -1;
    }
    return 0;
}

int sandbox_leave(void **state)
{
    struct sandbox *s = *state;
    int r = -1;

    if (fchdir(s->parent) == 0)
        r = sandbox_remove(s->parent, s->name);
    if (r)
        perror("removing what the test left");
    close(s->parent);
    free(s);
    return r;
}

bool sandbox_is_fuse(void)
{
    struct statfs fs;

    OK(statfs(".", &fs));
    return (unsigned long)fs.f_type == FUSE_SUPER_MAGIC;
}

void file_write(const char *name, const char *text)
{
    _cleanup_(close_p) int fd = (int)OK(open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));

    SAME(write(fd, text, strlen(text)), strlen(text));
}

bool file_holds(const char *name, const char *text)
{
    _cleanup_(close_p) int fd = (int)OK(open(name, O_RDONLY | O_CLOEXEC));

    return lseek(fd, 0, SEEK_END) == (off_t)strlen(text) && fd_holds(fd, 0, text, strlen(text));
}

bool fd_holds(int fd, off_t offset, const void *data, size_t size)
{
    _cleanup_(free_p) char *got = malloc(size + 1);

    return got && pread(fd, got, size, offset) == (ssize_t)size && !memcmp(got, data, size);
}

static struct stat stat_of(const char *name)
{
    struct stat st;

    memset(&st, 0, sizeof(st));
    OK(lstat(name, &st));
    return st;
}

mode_t mode_of(const char *name)
{
    return stat_of(name).st_mode & 07777;
}

ino_t inode_of(const char *name)
{
    return stat_of(name).st_ino;
}

nlink_t links_of(const char *name)
{
    return stat_of(name).st_nlink;
}

off_t size_of(const char *name)
{
    return stat_of(name).st_size;
}

bool exists(const char *name)
{
    struct stat st;

    return lstat(name, &st) == 0;
}
