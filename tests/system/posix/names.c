/* Names: any bytes but '/' and NUL, up to 255 of them. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <limits.h>

static unsigned count_entries(void)
{
    const struct dirent *entry;
    unsigned count = 0;
    DIR *dir = opendir(".");

    MUST(dir != NULL);
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            count++;
    OK(closedir(dir));
    return count;
}

static void test_every_byte(void **state)
{
    unsigned made = 0;

    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char name[8] = {'n', (char)byte, 0}, only[2] = {(char)byte, 0};

        if (byte == '/')
            continue;
        file_write(name, "x");
        MUST(file_holds(name, "x"));
        made++;
        if (byte == '.')
            continue;
        file_write(only, "y");
        made++;
    }
    SAME(count_entries(), made);
}

static bool is_listed(const char *name)
{
    const struct dirent *entry;
    bool found = false;
    DIR *dir = opendir(".");

    MUST(dir != NULL);
    while ((entry = readdir(dir)))
        found |= !strcmp(entry->d_name, name);
    OK(closedir(dir));
    return found;
}

static void test_odd_names(void **state)
{
    static const char *const odd[] = {
        "...",      " ",    "a\nb",     "-rf", "\xff\xfe",    "\xc3\x28", ".volumefs",
        "con",      "a:b",  "\033[31m", "*",   "user.volume", "a\\b",     "e\xcc\x81",
        "\xc3\xa9", "\r\n", "%s%n",     "~",   "\x01",        ".",
    };

    (void)state;
    for (size_t i = 0; strcmp(odd[i], ".") != 0; i++) {
        OK(mkdir(odd[i], 0755));
        MUST(is_listed(odd[i]));
    }
    for (size_t i = 0; strcmp(odd[i], ".") != 0; i++)
        OK(rmdir(odd[i]));
    SAME(count_entries(), 0);
    /* Case matters, and no form of a letter is folded into another. */
    file_write("a", "small");
    file_write("A", "big");
    MUST(file_holds("a", "small"));
}

static void test_lengths(void **state)
{
    static char name[NAME_MAX + 2];
    struct stat st;

    (void)state;
    memset(name, 'l', NAME_MAX + 1);
    FAILS(open(name, O_WRONLY | O_CREAT, 0600), ENAMETOOLONG);
    FAILS(mkdir(name, 0700), ENAMETOOLONG);
    FAILS(stat(name, &st), ENAMETOOLONG);
    FAILS(symlink("x", name), ENAMETOOLONG);
    FAILS(mkfifo(name, 0600), ENAMETOOLONG);
    FAILS(unlink(name), ENAMETOOLONG);
    file_write("f", "data");
    FAILS(link("f", name), ENAMETOOLONG);
    FAILS(rename("f", name), ENAMETOOLONG);
    name[NAME_MAX] = 0;
    OK(rename("f", name));
    MUST(file_holds(name, "data"));
    MUST(is_listed(name));
    name[NAME_MAX - 1] = 'm';
    FAILS(stat(name, &st), ENOENT);
    OK(mkdir(name, 0700));
    SAME(count_entries(), 2);
    SAME(pathconf(".", _PC_NAME_MAX), NAME_MAX);
}

static void test_many_long_names(void **state)
{
    static char name[NAME_MAX + 1];

    (void)state;
    memset(name, 'x', NAME_MAX);
    for (int i = 0; i < 500; i++) {
        snprintf(name + 250, 6, "%05d", i);
        OK(close((int)OK(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600))));
    }
    SAME(count_entries(), 500);
}

/* A name known to be absent is found as soon as it is made, however it is made. */
static void test_absent_then_present(void **state)
{
    struct stat st;

    (void)state;
    file_write("source", "x");
    for (int i = 0; i < 20; i++) {
        FAILS(stat("n", &st), ENOENT);
        OK(mkdir("n", 0700));
        OK(stat("n", &st));
        OK(rmdir("n"));
        FAILS(stat("n", &st), ENOENT);
        OK(link("source", "n"));
        OK(stat("n", &st));
        OK(unlink("n"));
        FAILS(stat("n", &st), ENOENT);
        OK(rename("source", "n"));
        OK(stat("n", &st));
        FAILS(stat("source", &st), ENOENT);
        OK(rename("n", "source"));
        FAILS(stat("n", &st), ENOENT);
        OK(symlink("source", "n"));
        OK(stat("n", &st));
        OK(unlink("n"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_every_byte),
        SANDBOX_TEST(test_odd_names),
        SANDBOX_TEST(test_lengths),
        SANDBOX_TEST(test_many_long_names),
        SANDBOX_TEST(test_absent_then_present),
    };

    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
