/* Ownership: of what is made, by whom it is changed; set-id bits; the sticky bit. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <sys/socket.h>
#include <sys/un.h>

static void expect_owner(const char *name, uid_t uid, gid_t gid)
{
    struct stat st;

    OK(lstat(name, &st));
    SAME(st.st_uid, uid);
    SAME(st.st_gid, gid);
}

static void make_each_kind(void *context)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sock"};
    char path[64];
    int fd;

    (void)context;
    OK(close((int)OK(open("file", O_WRONLY | O_CREAT, 0600))));
    OK(mkdir("dir", 0700));
    OK(symlink("x", "link"));
    OK(mkfifo("fifo", 0600));
    OK(bind((int)OK(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&address,
            sizeof(address)));
    fd = (int)OK(open(".", O_TMPFILE | O_RDWR, 0600));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    OK(linkat(AT_FDCWD, path, AT_FDCWD, "tmp", AT_SYMLINK_FOLLOW));
}

static const char *const kinds[] = {"file", "dir", "link", "fifo", "sock", "tmp"};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static void test_made_by_the_caller(void **state)
{
    (void)state;
    require_root();
    child_run(&user_alice, make_each_kind, NULL);
    for (int i = 0; i < KINDS; i++)
        expect_owner(kinds[i], user_alice.uid, user_alice.gid);
}

static void test_group_of_set_gid_directory(void **state)
{
    (void)state;
    require_root();
    OK(mkdir("d", 0777));
    OK(chown("d", 0, GROUP_OTHER));
    OK(chmod("d", 02777));
    OK(chdir("d"));
    child_run(&user_alice, make_each_kind, NULL);
    for (int i = 0; i < KINDS; i++)
        expect_owner(kinds[i], user_alice.uid, GROUP_OTHER);
    SAME(mode_of("dir"), 02700); /* a directory passes it on */
    SAME(mode_of("file"), 0600);
}

static void make_set_gid(void *context)
{
    (void)context;
    umask(0);
    OK(close((int)OK(open("d/f", O_WRONLY | O_CREAT, 02775))));
}

/* One who is not in the directory's group gets no set-gid file of it. */
static void test_no_set_gid_for_strangers(void **state)
{
    (void)state;
    require_root();
    OK(mkdir("d", 0777));
    OK(chown("d", 0, GROUP_OTHER));
    OK(chmod("d", 02777));
    child_run(&user_alice, make_set_gid, NULL);
    expect_owner("d/f", user_alice.uid, GROUP_OTHER);
    SAME(mode_of("d/f"), 0775);
}

static void chown_own(void *context)
{
    (void)context;
    FAILS(chown("f", user_bob.uid, (gid_t)-1), EPERM);
    FAILS(chown("f", (uid_t)-1, GROUP_OTHER), EPERM);
    FAILS(chown("f", 0, 0), EPERM);
    OK(chown("f", (uid_t)-1, GROUP_SHARED)); /* a group one is in */
    OK(chown("f", user_alice.uid, (gid_t)-1));
    SAME(mode_of("f"), 0755); /* set-id bits fall */
    OK(chown("f", (uid_t)-1, user_alice.gid));
    OK(chmod("f", 06755));
    SAME(mode_of("f"), 06755);
    OK(chown("f", (uid_t)-1, GROUP_SHARED));
    OK(chmod("foreign-group", 02755));
    SAME(mode_of("foreign-group"), 0755); /* not one's group: no set-gid */
}

static void test_chown(void **state)
{
    (void)state;
    require_root();
    file_write("f", "");
    file_write("foreign-group", "");
    OK(chown("foreign-group", user_alice.uid, GROUP_OTHER));
    OK(chown("f", user_alice.uid, user_alice.gid));
    OK(chmod("f", 06755));
    child_run(&user_alice, chown_own, NULL);
    expect_owner("f", user_alice.uid, GROUP_SHARED);
    OK(chmod("f", 06755));
    OK(chown("f", 77, 88)); /* by root as well */
    SAME(mode_of("f"), 0755);
    expect_owner("f", 77, 88);
    OK(chown("f", (uid_t)-1, 99));
    expect_owner("f", 77, 99);
    OK(chown("f", 4000000000U, 4000000001U));
    expect_owner("f", 4000000000U, 4000000001U);
    OK(mkdir("d", 0755));
    OK(chmod("d", 03777));
    OK(chown("d", 5, 6));
    SAME(mode_of("d"), 03777); /* of directories they stay */
}

static void write_one(void *context)
{
    int fd = (int)OK(open("f", O_WRONLY));

    (void)context;
    SAME(write(fd, "x", 1), 1);
    SAME(mode_of("f") & 06000, 0);
}

static void truncate_it(void *context)
{
    (void)context;
    OK(truncate("f", 2));
    SAME(mode_of("f") & 06000, 0);
}

static void open_truncating(void *context)
{
    (void)context;
    OK(open("f", O_WRONLY | O_TRUNC));
    SAME(mode_of("f") & 06000, 0);
}

static void allocate_it(void *context)
{
    (void)context;
    OK(fallocate((int)OK(open("f", O_WRONLY)), 0, 0, 9999));
    SAME(mode_of("f") & 06000, 0);
}

static void copy_into_it(void *context)
{
    int from = (int)OK(open("source", O_RDONLY)), to = (int)OK(open("f", O_WRONLY));

    (void)context;
    SAME(copy_file_range(from, NULL, to, NULL, 4, 0), 4);
    SAME(mode_of("f") & 06000, 0);
}

static void test_set_id_falls_when_written(void **state)
{
    void (*const ways[])(void *) = {write_one, truncate_it, open_truncating, allocate_it,
                                    copy_into_it};

    (void)state;
    require_root();
    file_write("source", "text");
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        file_write("f", "abc");
        OK(chmod("f", 06777));
        child_run(&user_alice, ways[i], NULL);
        SAME(mode_of("f"), 0777);
        OK(unlink("f"));
    }
}

static void test_root_keeps_set_id(void **state)
{
    int fd;

    (void)state;
    require_root();
    file_write("f", "abc");
    OK(chmod("f", 06755));
    fd = (int)OK(open("f", O_WRONLY));
    SAME(write(fd, "x", 1), 1);
    SAME(mode_of("f"), 06755);
    OK(close(fd));
}

static void in_sticky(void *context)
{
    (void)context;
    FAILS(unlink("s/root"), EPERM);
    FAILS(rename("s/root", "s/x"), EPERM);
    FAILS(rename("s/own", "s/root"), EPERM);
    FAILS(rmdir("s/dir"), EPERM);
    OK(rename("s/own", "s/own2"));
    OK(unlink("s/own2"));
    OK(close((int)OK(open("s/root", O_WRONLY))));
}

static void test_sticky(void **state)
{
    (void)state;
    require_root();
    OK(mkdir("s", 0777));
    OK(chmod("s", 01777));
    file_write("s/root", "");
    OK(chmod("s/root", 0666));
    file_write("s/own", "");
    OK(chown("s/own", user_alice.uid, user_alice.gid));
    OK(mkdir("s/dir", 0777));
    child_run(&user_alice, in_sticky, NULL);
    MUST(!exists("s/own2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_made_by_the_caller),
        SANDBOX_TEST(test_group_of_set_gid_directory),
        SANDBOX_TEST(test_no_set_gid_for_strangers),
        SANDBOX_TEST(test_chown),
        SANDBOX_TEST(test_set_id_falls_when_written),
        SANDBOX_TEST(test_root_keeps_set_id),
        SANDBOX_TEST(test_sticky),
    };

    return cmocka_run_group_tests_name("owner", tests, NULL, NULL);
}
