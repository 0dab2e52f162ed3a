/*
 * The calls that reach the store's files. Hidden here: what works on an O_PATH
 * descriptor directly, and what has to go by its entry in /proc/self/fd (which
 * the kernel resolves to the file itself, not by name, so nothing can be
 * slipped in between).
 */
#include "fs/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* Linux 6.6 */
#endif

enum { PROC_NAME_SIZE = 32 };

static int backing_proc = -1;

int backing_init(void)
{
    backing_proc = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return backing_proc < 0 ? -errno : 0;
}

static int result(int r)
{
    return r < 0 ? -errno : r;
}

static void proc_name(int fd, char out[PROC_NAME_SIZE])
{
    snprintf(out, PROC_NAME_SIZE, "%d", fd);
}

static void proc_path(int fd, char out[PROC_NAME_SIZE])
{
    snprintf(out, PROC_NAME_SIZE, "/proc/self/fd/%d", fd);
}

/* A descriptor with its attributes, or −errno. */
static int opened(int fd, struct stat *st)
{
    int r;

    if (fd < 0)
        return -errno;
    if (fstat(fd, st) < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

int backing_lookup(int dir, const char *name, struct stat *st)
{
    return opened(openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), st);
}

int backing_stat(int fd, struct stat *st)
{
    return result(fstat(fd, st));
}

int backing_reopen(int fd, int flags)
{
    char name[PROC_NAME_SIZE];

    proc_name(fd, name);
    return result(openat(backing_proc, name, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
}

int backing_open_directory(int fd)
{
    return result(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bool backing_has_writer(int fd)
{
    int real = backing_reopen(fd, O_RDONLY);
    bool has;

    if (real < 0)
        return true;
    has = fcntl(real, F_SETLEASE, F_RDLCK) < 0;
    if (!has)
        fcntl(real, F_SETLEASE, F_UNLCK);
    close(real);
    return has;
}

int backing_create(int dir, const char *name, mode_t mode, bool write, struct stat *st)
{
    int flags = (write ? O_RDWR : O_RDONLY) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

    return opened(openat(dir, name, flags, mode), st);
}

int backing_tmpfile(int dir, int flags, mode_t mode, struct stat *st)
{
    return opened(openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC | flags, mode), st);
}

int backing_mknod(int dir, const char *name, mode_t mode, dev_t rdev)
{
    return result(mknodat(dir, name, mode, rdev));
}

int backing_mkdir(int dir, const char *name, mode_t mode)
{
    return result(mkdirat(dir, name, mode));
}

int backing_symlink(const char *target, int dir, const char *name)
{
    return result(symlinkat(target, dir, name));
}

int backing_link(int fd, int dir, const char *name)
{
    char path[PROC_NAME_SIZE];
    int r = result(linkat(fd, "", dir, name, AT_EMPTY_PATH));

    if (r != -ENOENT && r != -EPERM)
        return r;
    proc_path(fd, path); /* without CAP_DAC_READ_SEARCH */
    return result(linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW));
}

int backing_unlink(int dir, const char *name, int flags)
{
    return result(unlinkat(dir, name, flags));
}

int backing_rename(int from, const char *name, int to, const char *new_name, unsigned flags)
{
    return result((int)syscall(SYS_renameat2, from, name, to, new_name, flags));
}

int backing_readlink(int fd, char *out, size_t size)
{
    return result((int)readlinkat(fd, "", out, size));
}

int backing_chmod(int fd, mode_t mode)
{
    char name[PROC_NAME_SIZE];
    int r = result((int)syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH));

    if (r != -ENOSYS)
        return r;
    proc_name(fd, name);
    return result(fchmodat(backing_proc, name, mode, 0));
}

int backing_chown(int fd, uid_t uid, gid_t gid)
{
    return result(fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

int backing_truncate(int fd, bool real, off_t size)
{
    char path[PROC_NAME_SIZE];

    if (real && ftruncate(fd, size) == 0)
        return 0;
    if (real && errno != EINVAL && errno != EBADF) /* those: it reads only */
        return -errno;
    proc_path(fd, path);
    return result(truncate(path, size));
}

int backing_utimens(int fd, const struct timespec times[2])
{
    return result(utimensat(fd, "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

ssize_t backing_getxattr(int fd, bool real, const char *name, void *value, size_t size)
{
    char path[PROC_NAME_SIZE];
    ssize_t n;

    proc_path(fd, path);
    n = real ? fgetxattr(fd, name, value, size) : getxattr(path, name, value, size);
    return n < 0 ? -errno : n;
}

ssize_t backing_listxattr(int fd, bool real, char *list, size_t size)
{
    char path[PROC_NAME_SIZE];
    ssize_t n;

    proc_path(fd, path);
    n = real ? flistxattr(fd, list, size) : listxattr(path, list, size);
    return n < 0 ? -errno : n;
}

int backing_setxattr(int fd, bool real, const char *name, const void *value, size_t size, int flags)
{
    char path[PROC_NAME_SIZE];

    proc_path(fd, path);
    return result(real ? fsetxattr(fd, name, value, size, flags)
                       : setxattr(path, name, value, size, flags));
}

int backing_removexattr(int fd, bool real, const char *name)
{
    char path[PROC_NAME_SIZE];

    proc_path(fd, path);
    return result(real ? fremovexattr(fd, name) : removexattr(path, name));
}

ssize_t backing_list(int fd, void *buffer, size_t size)
{
    ssize_t n = syscall(SYS_getdents64, fd, buffer, size);

    return n < 0 ? -errno : n;
}
