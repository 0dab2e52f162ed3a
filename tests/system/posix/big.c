/* A directory of 100,000 entries ($POSIX_BIG_ENTRIES), listed whole and while it changes. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

enum { ENTRIES_DEFAULT = 100000 };

static int entries;
static unsigned char *seen;

static void name_of(int i, char name[32])
{
    snprintf(name, 32, "entry-%06d", i);
}

/* How many entries are listed, noting each; `step` is called after each hundred. */
static int list_all(void (*step)(int round))
{
    const struct dirent *entry;
    int count = 0;
    DIR *dir = opendir("d");

    MUST(dir != NULL);
    memset(seen, 0, (size_t)entries);
    while ((entry = readdir(dir))) {
        int i;

        if (sscanf(entry->d_name, "entry-%d", &i) == 1) {
            MUST(i >= 0 && i < entries);
            MUST(seen[i] < 255);
            seen[i]++;
        }
        if (step && ++count % 100 == 0)
            step(count / 100);
        else if (!step)
            count++;
    }
    OK(closedir(dir));
    return count;
}

static void change_something(int round)
{
    char name[32];

    snprintf(name, sizeof(name), "d/new-%06d", round);
    OK(mknod(name, S_IFREG | 0600, 0));
    snprintf(name, sizeof(name), "d/new-%06d", round - 10);
    if (round > 10)
        OK(unlink(name));
}

static void test_big_directory(void **state)
{
    char name[40] = "d/";
    struct stat st;

    (void)state;
    OK(mkdir("d", 0755));
    for (int i = 0; i < entries; i++) {
        name_of(i, name + 2);
        OK(mknod(name, S_IFREG | 0600, 0));
    }
    SAME(list_all(NULL), entries + 2);
    for (int i = 0; i < entries; i++)
        SAME(seen[i], 1);
    for (int i = 0; i < entries; i += 997) {
        name_of(i, name + 2);
        OK(lstat(name, &st));
        SAME(st.st_size, 0);
    }
    list_all(change_something);
    for (int i = 0; i < entries; i++)
        SAME(seen[i], 1); /* what stays is listed once, whatever comes and goes */
    for (int i = 0; i < entries; i += 2) {
        name_of(i, name + 2);
        OK(unlink(name));
    }
    list_all(NULL);
    for (int i = 0; i < entries; i++)
        SAME(seen[i], i & 1);
}

int main(void)
{
    const char *wanted = getenv("POSIX_BIG_ENTRIES");
    const struct CMUnitTest tests[] = {SANDBOX_TEST(test_big_directory)};
    int r;

    entries = wanted ? atoi(wanted) : ENTRIES_DEFAULT;
    seen = calloc((size_t)entries, 1);
    if (!seen)
        return 1;
    r = cmocka_run_group_tests_name("big", tests, NULL, NULL);
    free(seen);
    return r;
}
