/* Permissions: who may do what; chmod, access, search, supplementary groups. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>

struct
try {
    const char *file;
    int flags, err; /* err 0: allowed */
};

static void open_each(void *context)
{
    for (const struct try *t = context; t->file; t++) {
        int fd = open(t->file, t->flags);

        SAME(fd < 0 ? errno : 0, t->err);
        if (fd >= 0)
            OK(close(fd));
    }
}

static void give(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
    OK(chown(name, uid, gid));
    OK(chmod(name, mode));
}

static void test_owner_group_other(void **state)
{
    struct try as_alice[] = {
        {"own", O_RDONLY, EACCES},  {"own", O_WRONLY, 0},
        {"group", O_RDONLY, 0},     {"group", O_RDWR, EACCES},
        {"shared", O_RDONLY, 0},    {"shared", O_WRONLY, EACCES},
        {"other", O_RDONLY, 0},     {"other", O_WRONLY, EACCES},
        {"none", O_RDONLY, EACCES}, {NULL, 0, 0},
    };
    struct try as_bob[] = {
        {"own", O_RDONLY, 0},         {"own", O_WRONLY, EACCES}, {"group", O_RDONLY, EACCES},
        {"shared", O_RDONLY, EACCES}, {"other", O_RDONLY, 0},    {NULL, 0, 0},
    };

    (void)state;
    require_root();
    for (int i = 0; i < 5; i++)
        file_write(((const char *[]){"own", "group", "shared", "other", "none"})[i], "x");
    give("own", user_alice.uid, user_alice.gid, 0244); /* the owner's bits count alone */
    give("group", 0, user_alice.gid, 0040);
    give("shared", 0, GROUP_SHARED, 0040); /* by a supplementary group */
    give("other", 0, 0, 0004);
    give("none", 0, 0, 0000);
    child_run(&user_alice, open_each, as_alice);
    child_run(&user_bob, open_each, as_bob);
    OK(close((int)OK(open("none", O_RDWR)))); /* root may */
}

static void use_directories(void *context)
{
    struct stat st;

    (void)context;
    MUST(!opendir("search") && errno == EACCES);
    OK(stat("search/f", &st));
    FAILS(open("search/new", O_CREAT | O_WRONLY, 0600), EACCES);
    MUST(opendir("list") != NULL);
    FAILS(stat("list/f", &st), EACCES);
    FAILS(mkdir("read/new", 0700), EACCES);
    FAILS(unlink("read/f"), EACCES);
    FAILS(rename("read/f", "read/g"), EACCES);
    FAILS(rename("read/f", "write/g"), EACCES);
    FAILS(symlink("x", "read/l"), EACCES);
    OK(close((int)OK(open("write/own", O_CREAT | O_WRONLY, 0600))));
    FAILS(link("write/own", "read/l"), EACCES);
    FAILS(mkfifo("read/p", 0600), EACCES);
    FAILS(open("read", O_TMPFILE | O_RDWR, 0600), EACCES);
    FAILS(chdir("list"), EACCES);
    OK(unlink("write/f")); /* another's file, by the directory's right */
    OK(mkdir("write/new", 0700));
    OK(stat("write/new", &st));
    SAME(st.st_uid, geteuid());
    SAME(st.st_gid, getegid());
}

static void test_directories(void **state)
{
    static const struct {
        const char *name, *file;
        mode_t mode;
    } dirs[] = {{"search", "search/f", 0711},
                {"list", "list/f", 0744},
                {"read", "read/f", 0755},
                {"write", "write/f", 0777}};

    (void)state;
    require_root();
    for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
        OK(mkdir(dirs[i].name, 0755));
        file_write(dirs[i].file, "");
        OK(chmod(dirs[i].name, dirs[i].mode));
    }
    child_run(&user_alice, use_directories, NULL);
}

static void only_owner_changes(void *context)
{
    struct timeval times[2] = {{1, 0}, {2, 0}};

    (void)context;
    FAILS(chmod("f", 0666), EPERM);
    FAILS(chown("f", geteuid(), getegid()), EPERM);
    FAILS(utimes("f", times), EPERM);
    OK(utimes("f", NULL)); /* to now: whoever may write */
    FAILS(truncate("ro", 0), EACCES);
    FAILS(utimes("ro", NULL), EACCES);
    OK(truncate("f", 1));
}

static void test_only_owner_changes(void **state)
{
    (void)state;
    require_root();
    file_write("f", "abc");
    OK(chmod("f", 0666));
    file_write("ro", "abc");
    child_run(&user_alice, only_owner_changes, NULL);
    SAME(size_of("f"), 1);
}

static void ask_access(void *context)
{
    (void)context;
    OK(access("rx", F_OK));
    OK(access("rx", R_OK | X_OK));
    FAILS(access("rx", W_OK), EACCES);
    FAILS(access("nothing", R_OK), EACCES);
    OK(access("nothing", F_OK));
    FAILS(access("closed/f", F_OK), EACCES);
    FAILS(access("absent", F_OK), ENOENT);
    FAILS(access("rx/x", F_OK), ENOTDIR);
}

static void test_access(void **state)
{
    (void)state;
    require_root();
    file_write("rx", "");
    OK(chmod("rx", 0555));
    file_write("nothing", "");
    OK(chmod("nothing", 0));
    OK(mkdir("closed", 0700));
    file_write("closed/f", "");
    child_run(&user_alice, ask_access, NULL);
    OK(access("nothing", R_OK | W_OK));
    FAILS(access("nothing", X_OK), EACCES); /* not even root, without any x */
    OK(faccessat(AT_FDCWD, "rx", X_OK, AT_EACCESS));
}

static void chmod_own(void *context)
{
    (void)context;
    OK(chmod("f", 04711));
    SAME(mode_of("f"), 04711);
    OK(chmod("f", 0400));
    FAILS(open("f", O_WRONLY), EACCES);
    int fd = (int)OK(open("f", O_RDONLY));
    OK(fchmod(fd, 0));
    FAILS(open("f", O_RDONLY), EACCES);
    MUST(fd_holds(fd, 0, "x", 1)); /* what is open stays so */
    OK(fchmod(fd, 0600));
    OK(close((int)OK(open("f", O_RDWR))));
}

static void test_chmod(void **state)
{
    struct stat st;

    (void)state;
    file_write("f", "x");
    for (mode_t mode = 0; mode <= 07777; mode += 0511) {
        OK(chmod("f", mode));
        SAME(mode_of("f"), mode);
    }
    OK(mkdir("d", 0755));
    OK(chmod("d", 03755));
    SAME(mode_of("d"), 03755);
    OK(symlink("f", "l"));
    OK(chmod("l", 0640));
    SAME(mode_of("f"), 0640);
    OK(lstat("l", &st));
    SAME(st.st_mode & 0777, 0777);
    FAILS(chmod("none", 0), ENOENT);
    require_root();
    OK(chown("f", user_alice.uid, user_alice.gid));
    child_run(&user_alice, chmod_own, NULL);
}

/* A right taken away counts at once, though names and attributes are cached. */
static void is_allowed(void *context)
{
    int fd = open("d/f", O_RDONLY);

    SAME(fd >= 0, *(bool *)context);
}

static void test_revoked_at_once(void **state)
{
    bool allowed;

    (void)state;
    require_root();
    OK(mkdir("d", 0755));
    file_write("d/f", "x");
    for (int i = 0; i < 6; i++) {
        allowed = i & 1;
        OK(chmod(i < 3 ? "d" : "d/f", allowed ? 0755 : 0700));
        if (i == 3)
            OK(chmod("d", 0755));
        child_run(&user_alice, is_allowed, &allowed);
    }
}

static void test_statfs(void **state)
{
    struct statvfs fs;
    struct statfs old;
    int fd;

    (void)state;
    OK(statvfs(".", &fs));
    MUST(fs.f_bsize >= 512 && fs.f_frsize >= 512);
    MUST(fs.f_blocks > 0 && fs.f_bfree <= fs.f_blocks && fs.f_bavail <= fs.f_bfree);
    MUST(fs.f_files > 0 && fs.f_ffree <= fs.f_files);
    SAME(fs.f_namemax, 255);
    file_write("f", "");
    fd = (int)OK(open("f", O_RDONLY));
    OK(fstatfs(fd, &old));
    SAME(old.f_namelen, 255);
    OK(close(fd));
    FAILS(statvfs("none", &fs), ENOENT);
    FAILS(statvfs("f/x", &fs), ENOTDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_owner_group_other),
        SANDBOX_TEST(test_directories),
        SANDBOX_TEST(test_only_owner_changes),
        SANDBOX_TEST(test_access),
        SANDBOX_TEST(test_chmod),
        SANDBOX_TEST(test_revoked_at_once),
        SANDBOX_TEST(test_statfs),
    };

    return cmocka_run_group_tests_name("perm", tests, NULL, NULL);
}
