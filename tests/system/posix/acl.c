/* POSIX ACLs: access and default ones, the mask, inheritance and umask. */
#include <sys/xattr.h>

#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#define ACCESS  "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

enum { ENTRIES = 6 };

struct acl {
    struct posix_acl_xattr_header header;
    struct posix_acl_xattr_entry entries[ENTRIES];
};

static struct posix_acl_xattr_entry entry_of(unsigned tag, unsigned perm, unsigned id)
{
    struct posix_acl_xattr_entry entry = {htole16((uint16_t)tag), htole16((uint16_t)perm),
                                          htole32(id)};

    return entry;
}

/* u::user, u:alice:named, g::group, g:GROUP_OTHER:rx, m::mask, o::other */
static struct acl acl_of(unsigned owner, unsigned alice, unsigned group, unsigned mask,
                         unsigned other)
{
    struct acl acl = {.header.a_version = htole32(POSIX_ACL_XATTR_VERSION)};

    acl.entries[0] = entry_of(ACL_USER_OBJ, owner, ACL_UNDEFINED_ID);
    acl.entries[1] = entry_of(ACL_USER, alice, user_alice.uid);
    acl.entries[2] = entry_of(ACL_GROUP_OBJ, group, ACL_UNDEFINED_ID);
    acl.entries[3] = entry_of(ACL_GROUP, 5, GROUP_OTHER);
    acl.entries[4] = entry_of(ACL_MASK, mask, ACL_UNDEFINED_ID);
    acl.entries[5] = entry_of(ACL_OTHER, other, ACL_UNDEFINED_ID);
    return acl;
}

static void acl_expect(const char *file, const char *name, const struct acl *want)
{
    struct acl got;

    memset(&got, 0, sizeof(got));
    SAME(getxattr(file, name, &got, sizeof(got)), sizeof(got));
    for (int i = 0; i < ENTRIES; i++) {
        SAME(le16toh(got.entries[i].e_tag), le16toh(want->entries[i].e_tag));
        SAME(le16toh(got.entries[i].e_perm), le16toh(want->entries[i].e_perm));
        SAME(le32toh(got.entries[i].e_id), le32toh(want->entries[i].e_id));
    }
}

static void test_set_and_get(void **state)
{
    struct acl acl = acl_of(6, 4, 4, 4, 0);

    (void)state;
    file_write("f", "");
    FAILS(getxattr("f", ACCESS, NULL, 0), ENODATA);
    OK(setxattr("f", ACCESS, &acl, sizeof(acl), 0));
    acl_expect("f", ACCESS, &acl);
    SAME(mode_of("f"), 0640);
    /* The mode's group bits are the mask. */
    OK(chmod("f", 0600));
    acl = acl_of(6, 4, 4, 0, 0);
    acl_expect("f", ACCESS, &acl);
    OK(chmod("f", 0777));
    acl = acl_of(7, 4, 4, 7, 7);
    acl_expect("f", ACCESS, &acl);
    OK(removexattr("f", ACCESS));
    FAILS(getxattr("f", ACCESS, NULL, 0), ENODATA);
    FAILS(setxattr("f", DEFAULT, &acl, sizeof(acl), 0), EACCES);
    FAILS(setxattr("f", ACCESS, "junk", 4, 0), EOPNOTSUPP);
    acl.entries[1].e_tag = htole16(ACL_OTHER);
    FAILS(setxattr("f", ACCESS, &acl, sizeof(acl), 0), EINVAL);
}

/* An ACL that says no more than a mode becomes the mode. */
static void test_minimal_acl_is_mode(void **state)
{
    struct {
        struct posix_acl_xattr_header header;
        struct posix_acl_xattr_entry entries[3];
    } acl = {.header.a_version = htole32(POSIX_ACL_XATTR_VERSION)};

    (void)state;
    acl.entries[0] = entry_of(ACL_USER_OBJ, 7, ACL_UNDEFINED_ID);
    acl.entries[1] = entry_of(ACL_GROUP_OBJ, 5, ACL_UNDEFINED_ID);
    acl.entries[2] = entry_of(ACL_OTHER, 1, ACL_UNDEFINED_ID);
    file_write("f", "");
    OK(setxattr("f", ACCESS, &acl, sizeof(acl), 0));
    SAME(mode_of("f"), 0751);
    FAILS(getxattr("f", ACCESS, NULL, 0), ENODATA);
}

static void alice_reads_and_writes(void *context)
{
    const unsigned *allowed = context;
    int fd = open("f", O_RDONLY);

    SAME(fd >= 0, (*allowed & 4) != 0);
    if (fd < 0)
        SAME(errno, EACCES);
    fd = open("f", O_WRONLY);
    SAME(fd >= 0, (*allowed & 2) != 0);
    SAME(access("f", R_OK) == 0, (*allowed & 4) != 0);
    SAME(access("f", W_OK) == 0, (*allowed & 2) != 0);
}

static void test_enforced(void **state)
{
    /* With an empty mask Linux asks no ACL at all: the rights of others count. */
    static const struct {
        unsigned named, mask, other, allowed;
    } cases[] = {
        {6, 7, 0, 6}, {6, 4, 6, 4}, {0, 7, 6, 0}, {4, 7, 6, 4}, {6, 0, 4, 4}, {2, 2, 0, 2},
    };

    (void)state;
    require_root();
    file_write("f", "x");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct acl acl = acl_of(6, cases[i].named, 0, cases[i].mask, cases[i].other);
        unsigned allowed = cases[i].allowed;

        OK(setxattr("f", ACCESS, &acl, sizeof(acl), 0));
        child_run(&user_alice, alice_reads_and_writes, &allowed);
    }
    /* The group entry, for one who is in that group only by a supplementary one. */
    const struct user member = {user_bob.uid, user_bob.gid, 1, {GROUP_OTHER}};
    struct acl acl = acl_of(6, 0, 0, 7, 0);
    unsigned allowed = 4;

    OK(setxattr("f", ACCESS, &acl, sizeof(acl), 0));
    child_run(&member, alice_reads_and_writes, &allowed);
    allowed = 0;
    child_run(&user_bob, alice_reads_and_writes, &allowed);
}

static void test_default_is_inherited(void **state)
{
    struct acl acl = acl_of(7, 7, 5, 7, 0), file_acl = acl_of(6, 7, 5, 6, 0);

    (void)state;
    OK(mkdir("d", 0755));
    OK(setxattr("d", DEFAULT, &acl, sizeof(acl), 0));
    SAME(mode_of("d"), 0755);
    umask(077); /* says nothing where there is a default ACL */
    OK(close((int)OK(open("d/f", O_WRONLY | O_CREAT, 0666))));
    SAME(mode_of("d/f"), 0660);
    acl_expect("d/f", ACCESS, &file_acl);
    FAILS(getxattr("d/f", DEFAULT, NULL, 0), ENODATA);
    OK(mkdir("d/sub", 0777));
    SAME(mode_of("d/sub"), 0770);
    acl_expect("d/sub", DEFAULT, &acl);
    acl_expect("d/sub", ACCESS, &acl);
    OK(mkfifo("d/p", 0666));
    SAME(mode_of("d/p"), 0660);
    OK(mkdir("d/sub/deep", 0700));
    SAME(mode_of("d/sub/deep"), 0700);
    acl_expect("d/sub/deep", DEFAULT, &acl);
    OK(removexattr("d", DEFAULT));
    OK(close((int)OK(open("d/g", O_WRONLY | O_CREAT, 0666))));
    SAME(mode_of("d/g"), 0600);
    FAILS(getxattr("d/g", ACCESS, NULL, 0), ENODATA);
    umask(022);
}

static void test_unnamed_file_inherits(void **state)
{
    struct acl acl = acl_of(7, 7, 5, 7, 0), want = acl_of(6, 7, 5, 4, 0);
    char path[64];
    int fd;

    (void)state;
    OK(mkdir("d", 0755));
    OK(setxattr("d", DEFAULT, &acl, sizeof(acl), 0));
    fd = (int)OK(open("d", O_TMPFILE | O_RDWR, 0640));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    OK(linkat(AT_FDCWD, path, AT_FDCWD, "d/f", AT_SYMLINK_FOLLOW));
    SAME(mode_of("d/f"), 0640);
    acl_expect("d/f", ACCESS, &want);
    OK(close(fd));
}

static void stranger_sets(void *context)
{
    struct acl acl = acl_of(7, 7, 7, 7, 7);

    (void)context;
    FAILS(setxattr("f", ACCESS, &acl, sizeof(acl), 0), EPERM);
    FAILS(removexattr("f", ACCESS), EPERM);
    FAILS(chmod("f", 0777), EPERM);
}

static void test_owner_sets(void **state)
{
    struct acl acl = acl_of(6, 6, 0, 6, 0);

    (void)state;
    require_root();
    file_write("f", "");
    OK(setxattr("f", ACCESS, &acl, sizeof(acl), 0));
    child_run(&user_alice, stranger_sets, NULL); /* may write, and yet */
}

static void search_it(void *context)
{
    struct stat st;

    SAME(stat("d/f", &st) == 0, *(bool *)context);
}

/* A rule on a directory counts at once for names already looked up. */
static void test_search_by_acl(void **state)
{
    bool allowed;

    (void)state;
    require_root();
    OK(mkdir("d", 0700));
    file_write("d/f", "");
    for (int i = 0; i < 4; i++) {
        struct acl acl = acl_of(7, i & 1 ? 1 : 0, 0, 7, 0);

        OK(setxattr("d", ACCESS, &acl, sizeof(acl), 0));
        allowed = i & 1;
        child_run(&user_alice, search_it, &allowed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_set_and_get),
        SANDBOX_TEST(test_minimal_acl_is_mode),
        SANDBOX_TEST(test_enforced),
        SANDBOX_TEST(test_default_is_inherited),
        SANDBOX_TEST(test_unnamed_file_inherits),
        SANDBOX_TEST(test_owner_sets),
        SANDBOX_TEST(test_search_by_acl),
    };

    return cmocka_run_group_tests_name("acl", tests, NULL, NULL);
}
