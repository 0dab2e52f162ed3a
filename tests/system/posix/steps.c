/*
 * Operations on files by name, answering what can be compared. Everything is
 * relative to a directory, so that the same step can be done in two.
 */
#include <sys/xattr.h>

#include "tests/system/posix/steps.h"

#include "tests/system/posix/check.h"

#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/sysmacros.h>
#include <time.h>

/* The value of a call, or its negative errno. */
#define ANSWER(call) answer_of((long)(call))

static long answer_of(long value)
{
    return value == -1 ? -errno : value;
}

static long with_file(int dir, const struct step *s, int flags,
                      long (*act)(int fd, const struct step *s))
{
    int fd = openat(dir, s->path, flags | O_NONBLOCK | O_CLOEXEC, s->mode);
    long answer;

    if (fd < 0)
        return -errno;
    answer = act(fd, s);
    close(fd);
    return answer;
}

static long act_nothing(int fd, const struct step *s)
{
    (void)fd;
    (void)s;
    return 0;
}

static long act_write(int fd, const struct step *s)
{
    char text[3000];

    memset(text, 'a' + (int)(s->number % 26), sizeof(text));
    return ANSWER(pwrite(fd, text, s->extra % sizeof(text), (off_t)(s->number % 20000)));
}

static long act_read(int fd, const struct step *s)
{
    unsigned char block[4096];
    ssize_t n = pread(fd, block, sizeof(block), (off_t)(s->number % 20000));
    long sum = n;

    if (n < 0)
        return -errno;
    for (ssize_t i = 0; i < n; i++)
        sum = (sum * 31 + block[i]) & 0xffffff;
    return sum;
}

static long act_allocate(int fd, const struct step *s)
{
    static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_ZERO_RANGE};

    return ANSWER(fallocate(fd, modes[s->extra % 4], (off_t)(s->number % 9999),
                            1 + (off_t)(s->extra % 9999)));
}

static long do_create(int dir, const struct step *s)
{
    static const int flags[] = {
        0, O_EXCL, O_TRUNC, O_APPEND, O_TRUNC, O_NOFOLLOW, O_EXCL | O_NOFOLLOW};

    return with_file(dir, s, O_RDWR | O_CREAT | flags[s->number % 7], act_write);
}

static long do_open(int dir, const struct step *s)
{
    static const int flags[] = {O_RDONLY,           O_WRONLY, O_RDWR, O_RDONLY | O_DIRECTORY,
                                O_WRONLY | O_TRUNC, O_PATH};

    return with_file(dir, s, flags[s->number % 6], act_nothing);
}

static long do_write(int dir, const struct step *s)
{
    return with_file(dir, s, O_WRONLY, act_write);
}

static long do_read(int dir, const struct step *s)
{
    return with_file(dir, s, O_RDONLY, act_read);
}

static long do_allocate(int dir, const struct step *s)
{
    return with_file(dir, s, O_RDWR, act_allocate);
}

static long do_mkdir(int dir, const struct step *s)
{
    return ANSWER(mkdirat(dir, s->path, s->mode));
}

static long do_unlink(int dir, const struct step *s)
{
    return ANSWER(unlinkat(dir, s->path, 0));
}

static long do_rmdir(int dir, const struct step *s)
{
    return ANSWER(unlinkat(dir, s->path, AT_REMOVEDIR));
}

static long do_rename(int dir, const struct step *s)
{
    static const unsigned flags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};

    return ANSWER(renameat2(dir, s->path, dir, s->other, flags[s->number % 4]));
}

static long do_link(int dir, const struct step *s)
{
    return ANSWER(linkat(dir, s->path, dir, s->other, s->number & 1 ? AT_SYMLINK_FOLLOW : 0));
}

static long do_symlink(int dir, const struct step *s)
{
    return ANSWER(symlinkat(s->other, dir, s->path));
}

static long do_readlink(int dir, const struct step *s)
{
    char target[PATH_SIZE];

    return ANSWER(readlinkat(dir, s->path, target, sizeof(target)));
}

static long do_mknod(int dir, const struct step *s)
{
    static const mode_t kinds[] = {S_IFIFO, S_IFREG, S_IFSOCK};

    return ANSWER(mknodat(dir, s->path, kinds[s->number % 3] | s->mode, makedev(1, 3)));
}

static long do_chmod(int dir, const struct step *s)
{
    return ANSWER(fchmodat(dir, s->path, s->mode, 0));
}

static long do_chown(int dir, const struct step *s)
{
    static const uid_t uids[] = {(uid_t)-1, 0, 12345, 12346};
    static const gid_t gids[] = {(gid_t)-1, 12345, GROUP_SHARED, 0};

    uid_t uid = uids[s->number % 4];
    gid_t gid = gids[s->extra % 4];

    /* To nobody new: Linux asks no FUSE file system that clears set-id bits itself. */
    if (uid == (uid_t)-1 && gid == (gid_t)-1)
        return 0;
    return ANSWER(fchownat(dir, s->path, uid, gid, s->mode & 1 ? AT_SYMLINK_NOFOLLOW : 0));
}

static long do_utimens(int dir, const struct step *s)
{
    const struct timespec times[2] = {{(time_t)(s->number % 2000000000), 5},
                                      {(time_t)(s->extra % 2000000000), 7}};

    return ANSWER(utimensat(dir, s->path, s->mode & 1 ? times : NULL, AT_SYMLINK_NOFOLLOW));
}

static long do_access(int dir, const struct step *s)
{
    return ANSWER(faccessat(dir, s->path, (int)(s->number % 8), AT_EACCESS));
}

/* Everything of stat that does not depend on the place or the time. */
static long do_stat(int dir, const struct step *s)
{
    struct stat st;

    if (fstatat(dir, s->path, &st, s->number & 1 ? AT_SYMLINK_NOFOLLOW : 0))
        return -errno;
    return (long)(st.st_mode + st.st_uid * 3 + st.st_gid * 5 + st.st_nlink * 1000000 +
                  (S_ISDIR(st.st_mode) ? 0 : (unsigned long)st.st_size * 7));
}

static long do_list(int dir, const struct step *s)
{
    int fd = openat(dir, s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct dirent *entry;
    long sum = 0;
    DIR *list;

    if (fd < 0)
        return -errno;
    list = fdopendir(fd);
    if (!list) {
        close(fd);
        return -ENOMEM;
    }
    while ((entry = readdir(list)))
        for (const char *p = entry->d_name; *p; p++)
            sum += (long)(p - entry->d_name + 1) * *p + entry->d_type;
    closedir(list);
    return sum;
}

/* Attribute calls know no directory to start at: the step is done in it. */
static long do_xattr(int dir, const struct step *s)
{
    static const char *const names[] = {"user.one", "user.two", "trusted.three", "none.four"};
    const char *name = names[s->number % 4];
    char value[64];

    OK(fchdir(dir));
    snprintf(value, sizeof(value), "%llu", (unsigned long long)s->extra);
    switch (s->extra % 5) {
    case 0:
        return ANSWER(getxattr(s->path, name, value, sizeof(value)));
    case 1:
        return ANSWER(removexattr(s->path, name));
    case 2:
        return ANSWER(listxattr(s->path, value, sizeof(value)));
    case 3:
        return ANSWER(lsetxattr(s->path, name, value, strlen(value), (int)(s->mode % 3)));
    default:
        return ANSWER(setxattr(s->path, name, value, strlen(value), 0));
    }
}

static long do_acl(int dir, const struct step *s)
{
    static const char *const names[] = {"system.posix_acl_access", "system.posix_acl_default"};
    static const unsigned tags[] = {ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_MASK, ACL_OTHER};
    struct {
        struct posix_acl_xattr_header header;
        struct posix_acl_xattr_entry entries[5];
    } acl = {.header.a_version = htole32(POSIX_ACL_XATTR_VERSION)};

    OK(fchdir(dir));
    for (int i = 0; i < 5; i++) {
        acl.entries[i].e_tag = htole16((uint16_t)tags[i]);
        acl.entries[i].e_perm = htole16((uint16_t)((s->extra >> (3 * i)) & 7));
        acl.entries[i].e_id = htole32(i == 1 ? user_alice.uid : (uint32_t)ACL_UNDEFINED_ID);
    }
    if (s->number % 4 == 3)
        return ANSWER(removexattr(s->path, names[s->number & 1]));
    return ANSWER(setxattr(s->path, names[s->number & 1], &acl, sizeof(acl), 0));
}

static long do_truncate(int dir, const struct step *s)
{
    OK(fchdir(dir));
    return ANSWER(truncate(s->path, (off_t)(s->number % 30000)));
}

const struct step_operation step_operations[OPERATIONS] = {
    {"create", do_create, 8},     {"open", do_open, 3},         {"write", do_write, 4},
    {"read", do_read, 4},         {"allocate", do_allocate, 2}, {"mkdir", do_mkdir, 6},
    {"unlink", do_unlink, 5},     {"rmdir", do_rmdir, 5},       {"rename", do_rename, 5},
    {"link", do_link, 4},         {"symlink", do_symlink, 6},   {"readlink", do_readlink, 4},
    {"mknod", do_mknod, 2},       {"chmod", do_chmod, 4},       {"chown", do_chown, 3},
    {"utimens", do_utimens, 2},   {"access", do_access, 3},     {"stat", do_stat, 6},
    {"list", do_list, 3},         {"xattr", do_xattr, 5},       {"acl", do_acl, 3},
    {"truncate", do_truncate, 2},
};
