/* Directories: making, removing, listing while they change, trees deeper than PATH_MAX. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <sys/syscall.h>

#include <limits.h>

static void test_make_and_remove(void **state)
{
    (void)state;
    OK(mkdir("d", 0751));
    SAME(mode_of("d"), 0751);
    FAILS(mkdir("d", 0755), EEXIST);
    FAILS(mkdir("none/d", 0755), ENOENT);
    file_write("f", "");
    FAILS(mkdir("f", 0755), EEXIST);
    FAILS(mkdir("f/d", 0755), ENOTDIR);
    FAILS(rmdir("f"), ENOTDIR);
    FAILS(unlink("d"), EISDIR);
    file_write("d/f", "");
    FAILS(rmdir("d"), ENOTEMPTY);
    FAILS(rmdir("d/."), EINVAL);
    FAILS(rmdir("d/.."), ENOTEMPTY);
    OK(unlink("d/f"));
    OK(rmdir("d"));
    FAILS(rmdir("d"), ENOENT);
    FAILS(unlink("none"), ENOENT);
    OK(symlink("f", "l"));
    FAILS(rmdir("l"), ENOTDIR);
    OK(mkdir("t/", 0755));
    OK(rmdir("t/"));
}

static void test_link_count(void **state)
{
    (void)state;
    OK(mkdir("d", 0755));
    SAME(links_of("d"), 2);
    OK(mkdir("d/a", 0755));
    OK(mkdir("d/b", 0755));
    file_write("d/f", "");
    SAME(links_of("d"), 4);
    OK(rmdir("d/a"));
    SAME(links_of("d"), 3);
    OK(rename("d/b", "b"));
    SAME(links_of("d"), 2);
}

static void test_removed_directory_in_use(void **state)
{
    char buffer[PATH_MAX];
    struct stat st;
    int fd;

    (void)state;
    OK(mkdir("d", 0755));
    fd = (int)OK(open("d", O_RDONLY | O_DIRECTORY));
    OK(rmdir("d"));
    OK(fstat(fd, &st));
    SAME(st.st_nlink, 0);
    FAILS(openat(fd, "f", O_WRONLY | O_CREAT, 0600), ENOENT);
    FAILS(mkdirat(fd, "f", 0700), ENOENT);
    FAILS(fstatat(fd, "f", &st, 0), ENOENT);
    OK(fchdir(fd));
    MUST(!getcwd(buffer, sizeof(buffer)) && errno == ENOENT);
    OK(close(fd));
}

static void test_dot_and_dot_dot(void **state)
{
    struct stat a, b;
    unsigned seen = 0;
    const struct dirent *entry;
    DIR *dir;

    (void)state;
    OK(mkdir("d", 0755));
    OK(stat(".", &a));
    OK(stat("d/..", &b));
    SAME(a.st_ino, b.st_ino);
    dir = opendir("d");
    MUST(dir != NULL);
    while ((entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".")) {
            SAME(entry->d_ino, inode_of("d"));
            seen |= 1;
        } else if (!strcmp(entry->d_name, "..")) {
            SAME(entry->d_ino, a.st_ino);
            seen |= 2;
        } else {
            seen |= 4;
        }
    }
    SAME(seen, 3);
    OK(closedir(dir));
}

static unsigned char type_listed(const char *name)
{
    const struct dirent *entry;
    unsigned char type = 255;
    DIR *dir = opendir(".");

    MUST(dir != NULL);
    while ((entry = readdir(dir)))
        if (!strcmp(entry->d_name, name)) {
            SAME(entry->d_ino, inode_of(name));
            type = entry->d_type;
        }
    OK(closedir(dir));
    return type;
}

static void test_types_and_inodes_listed(void **state)
{
    (void)state;
    file_write("f", "");
    OK(mkdir("d", 0755));
    OK(symlink("f", "l"));
    OK(mkfifo("p", 0600));
    SAME(type_listed("f"), DT_REG);
    SAME(type_listed("d"), DT_DIR);
    SAME(type_listed("l"), DT_LNK);
    SAME(type_listed("p"), DT_FIFO);
    SAME(type_listed("none"), 255);
}

static void make_numbered(const char *prefix, int count)
{
    char name[32];

    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s%04d", prefix, i);
        OK(close((int)OK(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600))));
    }
}

/* telldir gives places that seekdir finds again. */
static void test_seek_in_directory(void **state)
{
    enum { COUNT = 600 };
    static struct {
        long place;
        char name[NAME_MAX + 1];
    } seen[COUNT + 2];
    const struct dirent *entry;
    int count = 0;
    DIR *dir;

    (void)state;
    OK(mkdir("d", 0755));
    OK(chdir("d"));
    make_numbered("file", COUNT);
    dir = opendir(".");
    MUST(dir != NULL);
    for (;;) {
        long place = telldir(dir);

        entry = readdir(dir);
        if (!entry)
            break;
        MUST(count < COUNT + 2);
        seen[count].place = place;
        snprintf(seen[count++].name, sizeof(seen[0].name), "%s", entry->d_name);
    }
    SAME(count, COUNT + 2);
    for (int i = 0; i < count; i += 7) {
        int at = (i * 131) % count;

        seekdir(dir, seen[at].place);
        entry = readdir(dir);
        MUST(entry && !strcmp(entry->d_name, seen[at].name));
    }
    rewinddir(dir);
    entry = readdir(dir);
    MUST(entry && !strcmp(entry->d_name, seen[0].name));
    OK(closedir(dir));
}

/* What stays is listed exactly once, whatever comes and goes meanwhile. */
static void test_list_while_it_changes(void **state)
{
    enum { COUNT = 2000 };
    static unsigned char seen[COUNT];
    const struct dirent *entry;
    char name[32];
    int step = 0;
    DIR *dir;

    (void)state;
    OK(mkdir("d", 0755));
    OK(chdir("d"));
    make_numbered("stay", COUNT);
    make_numbered("gone", COUNT);
    dir = opendir(".");
    MUST(dir != NULL);
    memset(seen, 0, sizeof(seen));
    while ((entry = readdir(dir))) {
        if (!strncmp(entry->d_name, "stay", 4))
            seen[atoi(entry->d_name + 4)]++;
        if (step >= COUNT)
            continue;
        snprintf(name, sizeof(name), "gone%04d", step);
        OK(unlink(name));
        snprintf(name, sizeof(name), "come%04d", step++);
        OK(close((int)OK(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600))));
    }
    for (int i = 0; i < COUNT; i++)
        SAME(seen[i], 1);
    OK(closedir(dir));
}

/* Lists the directory again and again in pieces of odd sizes; each name must come once. */
static void list_beside_others(void *context)
{
    enum { COUNT = 3000, ROUNDS = 12 };
    static unsigned char seen[COUNT];
    char buffer[8192] __attribute__((aligned(8)));
    unsigned seed = (unsigned)getpid();
    bool changes = context != NULL;

    for (int round = 0; round < ROUNDS; round++) {
        int fd = (int)OK(open(".", O_RDONLY | O_DIRECTORY));
        long n;

        memset(seen, 0, sizeof(seen));
        if (changes) { /* what the kernel has kept of the listing is dropped */
            OK(close((int)OK(open("x", O_WRONLY | O_CREAT, 0600))));
            OK(unlink("x"));
        }
        while ((n = OK(syscall(SYS_getdents64, fd, buffer, 2000 + rand_r(&seed) % 6000))) > 0)
            for (const char *p = buffer; p < buffer + n;) {
                const struct dirent64 *entry = (const struct dirent64 *)p;

                if (!strncmp(entry->d_name, "side", 4))
                    seen[atoi(entry->d_name + 4)]++;
                p += entry->d_reclen;
            }
        OK(close(fd));
        for (int i = 0; i < COUNT; i++)
            SAME(seen[i], 1);
    }
}

static void test_list_side_by_side(void **state)
{
    pid_t children[4];
    bool changes = true;

    (void)state;
    OK(mkdir("d", 0755));
    OK(chdir("d"));
    make_numbered("side", 3000);
    for (int i = 0; i < 4; i++)
        children[i] = child_start(NULL, list_beside_others, i == 0 ? &changes : NULL);
    for (int i = 0; i < 4; i++)
        child_finish(children[i]);
}

/* A listing made anew shows what has happened since the last one. */
static void test_listing_is_fresh(void **state)
{
    (void)state;
    OK(mkdir("d", 0755));
    for (int i = 0; i < 50; i++) {
        SAME(type_listed("f"), 255);
        file_write("f", "");
        SAME(type_listed("f"), DT_REG);
        OK(rename("f", "g"));
        SAME(type_listed("f"), 255);
        SAME(type_listed("g"), DT_REG);
        OK(unlink("g"));
    }
}

static void test_deeper_than_path_max(void **state)
{
    enum { DEPTH = 60 };
    static char long_name[101], path[PATH_MAX + 200];
    struct stat st;
    int at, fd;

    (void)state;
    memset(long_name, 'n', 100);
    at = (int)OK(open(".", O_PATH | O_DIRECTORY));
    for (int i = 0; i < DEPTH; i++) {
        int next;

        OK(mkdirat(at, long_name, 0755));
        next = (int)OK(openat(at, long_name, O_PATH | O_DIRECTORY));
        OK(close(at));
        at = next;
    }
    fd = (int)OK(openat(at, "bottom", O_RDWR | O_CREAT, 0600));
    SAME(write(fd, "deep", 4), 4);
    OK(fchdir(at));
    MUST(file_holds("bottom", "deep"));
    for (int i = 0; i < DEPTH; i++)
        OK(chdir(".."));
    OK(fstatat(AT_FDCWD, long_name, &st, 0));
    for (size_t i = 0; i + 1 < sizeof(path); i++)
        path[i] = i % 101 == 100 ? '/' : 'n';
    FAILS(stat(path, &st), ENAMETOOLONG);
    OK(close(fd));
    OK(close(at));
}

/* Two processes make the same names: each name is made by exactly one of them. */
static void race_for_names(void *context)
{
    int *won = context;
    char name[32];
    int fd;

    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        if (mkdir(name, 0755) == 0)
            (*won)++;
        else
            SAME(errno, EEXIST);
    }
    fd = (int)OK(open("total", O_WRONLY | O_APPEND | O_CREAT, 0600));
    for (int i = 0; i < *won; i++)
        SAME(write(fd, ".", 1), 1);
    OK(close(fd));
}

static void test_exclusive_making(void **state)
{
    int won = 0;
    pid_t a, b;

    (void)state;
    a = child_start(NULL, race_for_names, &won);
    b = child_start(NULL, race_for_names, &won);
    child_finish(a);
    child_finish(b);
    SAME(size_of("total"), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_make_and_remove),          SANDBOX_TEST(test_link_count),
        SANDBOX_TEST(test_removed_directory_in_use), SANDBOX_TEST(test_dot_and_dot_dot),
        SANDBOX_TEST(test_types_and_inodes_listed),  SANDBOX_TEST(test_seek_in_directory),
        SANDBOX_TEST(test_list_while_it_changes),    SANDBOX_TEST(test_listing_is_fresh),
        SANDBOX_TEST(test_list_side_by_side),        SANDBOX_TEST(test_deeper_than_path_max),
        SANDBOX_TEST(test_exclusive_making),
    };

    return cmocka_run_group_tests_name("dirs", tests, NULL, NULL);
}
