/*
 * The same random operations, as several users, in a directory below $TEST_DIR
 * and in a native one below $TWIN_DIR (default: the same). What each call
 * answers, and in the end the trees, must be equal. Device nodes are left out:
 * those of a volume are not honoured.
 */
#include <sys/xattr.h>

#include "tests/system/posix/check.h"
#include "tests/system/posix/random.h"
#include "tests/system/posix/sandbox.h"
#include "tests/system/posix/tree.h"

#include <endian.h>
#include <grp.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <time.h>

enum { ROUNDS = 8000, PATH_SIZE = 64 };

/* One operation with its random arguments, done twice. */
struct step {
    char path[PATH_SIZE], other[PATH_SIZE];
    uint64_t number, extra;
    mode_t mode;
};

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

    return ANSWER(fchownat(dir, s->path, uids[s->number % 4], gids[s->extra % 4],
                           s->mode & 1 ? AT_SYMLINK_NOFOLLOW : 0));
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
    MUST(list != NULL);
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

static const struct {
    const char *name;
    long (*act)(int dir, const struct step *s);
    unsigned weight;
} operations[] = {
    {"create", do_create, 8},     {"open", do_open, 3},         {"write", do_write, 4},
    {"read", do_read, 4},         {"allocate", do_allocate, 2}, {"mkdir", do_mkdir, 6},
    {"unlink", do_unlink, 5},     {"rmdir", do_rmdir, 5},       {"rename", do_rename, 5},
    {"link", do_link, 4},         {"symlink", do_symlink, 6},   {"readlink", do_readlink, 4},
    {"mknod", do_mknod, 2},       {"chmod", do_chmod, 4},       {"chown", do_chown, 3},
    {"utimens", do_utimens, 2},   {"access", do_access, 3},     {"stat", do_stat, 6},
    {"list", do_list, 3},         {"xattr", do_xattr, 5},       {"acl", do_acl, 3},
    {"truncate", do_truncate, 2},
};
enum { OPERATIONS = sizeof(operations) / sizeof(*operations) };

static size_t choose_operation(void)
{
    uint64_t total = 0, at;

    for (size_t i = 0; i < OPERATIONS; i++)
        total += operations[i].weight;
    at = random_below(total);
    for (size_t i = 0;; at -= operations[i++].weight)
        if (at < operations[i].weight)
            return i;
}

static const char *const names[] = {"a", "b", "c", "d", "long-name-0123456789", ".x"};
enum { NAMES = sizeof(names) / sizeof(*names) };

/* One to three components out of few, so that they meet. */
static void choose_path(char path[PATH_SIZE])
{
    uint64_t depth = 1 + random_below(3);

    path[0] = 0;
    for (uint64_t i = 0; i < depth; i++) {
        strcat(path, i ? "/" : "");
        strcat(path, names[random_below(NAMES)]);
    }
}

static struct step choose_step(void)
{
    static const mode_t modes[] = {0755, 0644, 0777, 0700, 02775, 01777, 04755, 0666, 0};
    struct step s;

    memset(&s, 0, sizeof(s));
    choose_path(s.path);
    choose_path(s.other);
    s.number = random_below(1U << 30);
    s.extra = random_below(1U << 30);
    s.mode = modes[random_below(sizeof(modes) / sizeof(*modes))];
    return s;
}

/* Who the next operations are done by; root alone where root does not run this. */
static unsigned become_somebody(void)
{
    const struct user *const users[] = {NULL, NULL, &user_alice, &user_bob};
    unsigned who = (unsigned)random_below(4);
    const struct user *user = users[who];

    if (getuid())
        return 0;
    OK(seteuid(0));
    OK(setgroups(user ? user->group_count : 0, user ? user->groups : NULL));
    OK(setegid(user ? user->gid : 0));
    OK(seteuid(user ? user->uid : 0));
    umask(random_below(3) ? 022 : 0);
    return user ? user->uid : 0;
}

static void become_root(void)
{
    if (getuid())
        return;
    OK(seteuid(0));
    OK(setegid(0));
    OK(setgroups(0, NULL));
    umask(022);
}

static void compare_now(int a, int b, unsigned round)
{
    char what[4500] = "";

    become_root();
    if (tree_compare(a, b, what, sizeof(what))) {
        print_error("after %u rounds %s\n", round, what);
        fail();
    }
}

/* In a tree that is full of everything most operations only fail. */
static void start_afresh(int dir)
{
    for (size_t i = 0; i < NAMES; i++)
        OK(sandbox_remove(dir, names[i]));
}

/* Operations that never succeed prove little: there may be few such. */
static void expect_success(const unsigned done[OPERATIONS], unsigned rounds)
{
    unsigned failed = 0;

    if (rounds < ROUNDS)
        return;
    for (size_t i = 0; i < OPERATIONS; i++)
        if (!done[i]) {
            print_error("%s never succeeded\n", operations[i].name);
            failed++;
        }
    MUST(failed <= 2);
}

static void run_rounds(int a, int b)
{
    unsigned rounds = random_rounds(ROUNDS), done[OPERATIONS] = {0}, who = 0;

    for (unsigned round = 0; round < rounds; round++) {
        size_t op = choose_operation();
        struct step s = choose_step();
        long answer_a, answer_b;

        if (round % 8 == 0)
            who = become_somebody();
        answer_a = operations[op].act(a, &s);
        answer_b = operations[op].act(b, &s);
        done[op] += answer_a >= 0;
        if (answer_a != answer_b) {
            become_root();
            print_error("round %u, uid %u: %s %s %s number %llu extra %llu mode %o: %ld (%s), and "
                        "%ld (%s) on the twin\n",
                        round, who, operations[op].name, s.path, s.other,
                        (unsigned long long)s.number, (unsigned long long)s.extra, s.mode, answer_a,
                        answer_a < 0 ? strerror((int)-answer_a) : "done", answer_b,
                        answer_b < 0 ? strerror((int)-answer_b) : "done");
            fail();
        }
        if (round % 2000 == 1999) {
            compare_now(a, b, round);
            start_afresh(a);
            start_afresh(b);
        }
    }
    become_root();
    expect_success(done, rounds);
}

static int make_base(int at, const char *name)
{
    OK(mkdirat(at, name, 0777));
    OK(fchmodat(at, name, 0777, 0));
    return (int)OK(openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void test_same_as_twin(void **state)
{
    const char *twin = getenv("TWIN_DIR");
    int here = (int)OK(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)), there = here, a, b;
    char name[32];

    (void)state;
    if (twin)
        there = (int)OK(open(twin, O_PATH | O_DIRECTORY | O_CLOEXEC));
    snprintf(name, sizeof(name), "twin-%d", (int)getpid());
    a = make_base(here, "original");
    b = make_base(there, name);
    run_rounds(a, b);
    compare_now(a, b, random_rounds(ROUNDS));
    OK(close(a));
    OK(close(b));
    OK(fchdir(here));
    OK(sandbox_remove(there, name));
}

static void differ(int a, int b, const char *expect)
{
    char what[4500] = "";

    SAME(tree_compare(a, b, what, sizeof(what)), 1);
    if (!strstr(what, expect))
        fail_msg("%s is told, not %s", what, expect);
}

/* The comparison itself: it finds each kind of difference. */
static void test_comparison_finds_differences(void **state)
{
    char what[4500];
    int a, b;

    (void)state;
    a = make_base(AT_FDCWD, "a");
    b = make_base(AT_FDCWD, "b");
    file_write("a/f", "x");
    differ(a, b, "entries");
    file_write("b/f", "y");
    differ(a, b, "content");
    file_write("b/f", "x");
    SAME(tree_compare(a, b, what, sizeof(what)), 0);
    OK(chmod("b/f", 0600));
    differ(a, b, "mode");
    OK(chmod("a/f", 0600));
    OK(setxattr("a/f", "user.a", "1", 1, 0));
    differ(a, b, "attributes");
    OK(setxattr("b/f", "user.a", "2", 1, 0));
    differ(a, b, "user.a differs");
    OK(setxattr("b/f", "user.a", "1", 1, 0));
    OK(link("a/f", "a/g"));
    file_write("b/g", "x");
    OK(chmod("b/g", 0600));
    differ(a, b, "links");
    OK(unlink("b/g"));
    OK(link("b/f", "b/g"));
    OK(symlink("x", "a/l"));
    OK(symlink("y", "b/l"));
    differ(a, b, "target");
    OK(unlink("b/l"));
    OK(symlink("x", "b/l"));
    SAME(tree_compare(a, b, what, sizeof(what)), 0);
    OK(close(a));
    OK(close(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_comparison_finds_differences),
        SANDBOX_TEST(test_same_as_twin),
    };

    random_start("twin");
    return cmocka_run_group_tests_name("twin", tests, NULL, NULL);
}
