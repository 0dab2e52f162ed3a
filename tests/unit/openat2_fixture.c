/* See openat2_fixture.h. */
#include "tests/unit/openat2_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void (*fixture_on_open)(const char *name, bool path_only, enum fixture_moment moment);

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* For a valgrind that has no openat2. */
static int open_without(int fd, const char *name, const struct open_how *how)
{
    int opened = openat(fd, name, (int)how->flags);
    struct statx stx;

    if (opened < 0 || !(how->resolve & RESOLVE_NO_XDEV) || strcmp(name, ".") == 0 ||
        statx(opened, "", AT_EMPTY_PATH, STATX_TYPE, &stx) != 0 ||
        !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return opened;
    close(opened);
    errno = EXDEV;
    return -1;
}

static long open_listed(int fd, const char *name, const struct open_how *how, long size)
{
    long r;

    if (fixture_on_open)
        fixture_on_open(name, how->flags & O_PATH, BEFORE);
    r = __real_syscall(SYS_openat2, fd, name, how, size);
    if (r < 0 && errno == ENOSYS)
        r = open_without(fd, name, how);
    if (fixture_on_open)
        fixture_on_open(name, how->flags & O_PATH, AFTER);
    return r;
}

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list args;

    va_start(args, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_openat2)
        return open_listed((int)a[0], (const char *)a[1], (const struct open_how *)a[2], a[3]);
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
