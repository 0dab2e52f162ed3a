/* The files that attempts work on, in the volume's root and once more in its directory `inner`. */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

int outcome_fd(int fd)
{
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

const char *proc_path(char path[PROC_PATH_MAX], int fd, const char *name)
{
    if (fd == AT_FDCWD)
        snprintf(path, PROC_PATH_MAX, "/proc/thread-self/cwd/%s", name);
    else
        snprintf(path, PROC_PATH_MAX, "/proc/thread-self/fd/%d/%s", fd, name);
    return path;
}

int mount_writable(const char *path)
{
    return outcome(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL));
}

static bool is_missing(int dir, const char *name, mode_t type)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return true;
    if ((st.st_mode & S_IFMT) == type)
        return false;
    unlinkat(dir, name, 0);
    unlinkat(dir, name, AT_REMOVEDIR);
    return true;
}

static int make_file(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDWR | O_CREAT, 0666);
    int r = -errno;

    if (fd < 0)
        return r;
    r = write(fd, "text", 4) == 4 && fchmod(fd, 0666) == 0 &&
                fsetxattr(fd, "user.note", "text", 4, 0) == 0
            ? 0
            : -errno;
    close(fd);
    return r;
}

static int make_directory(int dir, const char *name)
{
    if (is_missing(dir, name, S_IFDIR) && mkdirat(dir, name, 0777) < 0)
        return -errno;
    return outcome(fchmodat(dir, name, 0777, 0));
}

static int make_link(int dir, const char *name, const char *text)
{
    return is_missing(dir, name, S_IFLNK) ? outcome(symlinkat(text, dir, name)) : 0;
}

static void remove_made(int dir)
{
    static const char *const made[] = {"new/kept", "new", "dir/new", "turn/new"};

    for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++)
        if (unlinkat(dir, made[i], 0) < 0)
            unlinkat(dir, made[i], AT_REMOVEDIR);
}

int fixture_restore(int dir)
{
    static const char *const directories[] = {"dir", "full", "turn", "away"};
    static const char *const files[] = {"file", "other", "full/kept"};
    int r = 0;

    remove_made(dir);
    for (size_t i = 0; r == 0 && i < sizeof(directories) / sizeof(*directories); i++)
        r = make_directory(dir, directories[i]);
    for (size_t i = 0; r == 0 && i < sizeof(files) / sizeof(*files); i++)
        if (!is_missing(dir, files[i], S_IFREG) || errno == ENOENT)
            r = make_file(dir, files[i]);
    if (r == 0)
        r = make_link(dir, "link", "file");
    if (r == 0)
        r = make_link(dir, "up", "..");
    if (r == 0 && is_missing(dir, "fifo", S_IFIFO))
        r = outcome(mknodat(dir, "fifo", S_IFIFO | 0666, 0));
    return r;
}

int fixture_make(int dir)
{
    int r = fixture_restore(dir);
    int inner;

    if (r == 0)
        r = make_directory(dir, "inner");
    if (r < 0)
        return r;
    inner = openat(dir, "inner", O_PATH | O_DIRECTORY);
    if (inner < 0)
        return -errno;
    r = fixture_restore(inner);
    close(inner);
    return r;
}

/* What `name` is next, at once: never is it missing. */
static void swap_for_link(int dir, const char *name, const char *text)
{
    unlinkat(dir, "racer", 0);
    if (symlinkat(text, dir, "racer") == 0)
        syscall(SYS_renameat2, dir, "racer", dir, name, 2 /* RENAME_EXCHANGE */);
    if (unlinkat(dir, "racer", 0) < 0)
        unlinkat(dir, "racer", AT_REMOVEDIR);
}

static void swap_for_directory(int dir, const char *name)
{
    if (mkdirat(dir, "racer", 0777) == 0)
        syscall(SYS_renameat2, dir, "racer", dir, name, 2);
    if (unlinkat(dir, "racer", 0) < 0)
        unlinkat(dir, "racer", AT_REMOVEDIR);
}

void fixture_race(int dir, const char *outside)
{
    char above[PROC_PATH_MAX];

    snprintf(above, sizeof(above), "../%s", outside);
    for (unsigned i = 0;; i++) {
        swap_for_link(dir, "turn", i % 2 ? "inner" : "dir");
        swap_for_link(dir, "away", i % 3 ? (i % 2 ? ".." : "/") : above);
        renameat(dir, "racing", dir, "inner/racing");
        renameat(dir, "inner/racing", dir, "inner/dir/racing");
        swap_for_directory(dir, "turn");
        swap_for_directory(dir, "away");
        renameat(dir, "inner/dir/racing", dir, "racing");
        mkdirat(dir, "racing", 0777);
    }
}
