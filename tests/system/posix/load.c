/*
 * load DIRECTORY SECONDS WRITABLE|CHANGING: a mixed load in a subdirectory of
 * its own, which it knows and checks, and in one shared with others. In its
 * own nothing may surprise it; in a CHANGING volume changes may be refused
 * with EROFS, and then must not have happened.
 */
#include "tests/system/posix/check.h"
#include "tests/system/posix/random.h"
#include "tests/system/posix/sandbox.h"

#include <time.h>

enum { FILES = 24, SIZE = 20000 };

static struct {
    bool changing;
    int size[FILES]; /* −1: the file does not exist */
    unsigned char fill[FILES];
    unsigned long done, refused;
} load;

/* Whether the change was made; it may only be refused because the volume is read-only. */
static bool changed(long value, const char *what)
{
    if (value != -1) {
        load.done++;
        return true;
    }
    /* EPERM: a file that was open for writing, of a volume that became read-only since */
    if (load.changing && (errno == EROFS || errno == EPERM)) {
        load.refused++;
        return false;
    }
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void name_of(int i, char name[16])
{
    snprintf(name, 16, "f%d", i);
}

/* Data of a file already open is not refused when the volume becomes read-only. */
static void load_write(int i, const char *name)
{
    static unsigned char block[SIZE];
    unsigned char fill = (unsigned char)random_below(256);
    int size = (int)random_below(SIZE);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t n;

    if (!changed(fd, "open"))
        return;
    memset(block, fill, (size_t)size);
    load.size[i] = 0;
    n = write(fd, block, (size_t)size);
    if (changed(n, "write"))
        load.size[i] = (int)n;
    load.fill[i] = fill;
    SAME(close(fd), 0);
}

static void load_read(int i, const char *name)
{
    static unsigned char block[SIZE + 1];
    int fd = open(name, O_RDONLY);
    ssize_t n;

    if (load.size[i] < 0) {
        FAILS(fd, ENOENT);
        return;
    }
    OK(fd);
    n = OK(read(fd, block, sizeof(block)));
    SAME(n, load.size[i]);
    for (ssize_t at = 0; at < n; at++)
        SAME(block[at], load.fill[i]);
    OK(close(fd));
}

static void load_unlink(int i, const char *name)
{
    if (load.size[i] >= 0 && changed(unlink(name), "unlink"))
        load.size[i] = -1;
}

static void load_rename(int i, const char *name)
{
    int to = (int)random_below(FILES);
    char target[16];

    name_of(to, target);
    if (to == i || load.size[i] < 0 || !changed(rename(name, target), "rename"))
        return;
    load.size[to] = load.size[i];
    load.fill[to] = load.fill[i];
    load.size[i] = -1;
}

static void load_list(void)
{
    const struct dirent *entry;
    unsigned found = 0, want = 0;
    DIR *dir = opendir(".");

    MUST(dir != NULL);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] == 'f') {
            MUST(load.size[atoi(entry->d_name + 1)] >= 0);
            found++;
        }
    OK(closedir(dir));
    for (int i = 0; i < FILES; i++)
        want += load.size[i] >= 0;
    SAME(found, want);
}

/* With others on the same few names anything may be refused, but must be answered. */
static void load_shared(void)
{
    char name[32], other[32];
    struct stat st;
    int fd;

    snprintf(name, sizeof(name), "../shared/s%d", (int)random_below(8));
    snprintf(other, sizeof(other), "../shared/s%d", (int)random_below(8));
    switch (random_below(7)) {
    case 0:
        fd = open(name, O_RDWR | O_CREAT, 0644);
        if (fd >= 0) {
            MUST(write(fd, "x", 1) == 1 || errno == EROFS || errno == EPERM);
            OK(close(fd));
        }
        break;
    case 1:
        (void)!unlink(name);
        break;
    case 2:
        (void)!rename(name, other);
        break;
    case 3:
        (void)!link(name, other);
        break;
    case 4:
        (void)!mkdir(name, 0755);
        break;
    case 5:
        (void)!rmdir(name);
        break;
    default:
        MUST(stat(name, &st) == 0 || errno == ENOENT);
    }
}

static void load_step(void)
{
    int i = (int)random_below(FILES);
    char name[16];

    name_of(i, name);
    switch (random_below(8)) {
    case 0:
    case 1:
        load_write(i, name);
        break;
    case 2:
    case 3:
        load_read(i, name);
        break;
    case 4:
        load_unlink(i, name);
        break;
    case 5:
        load_rename(i, name);
        break;
    case 6:
        load_shared();
        break;
    default:
        if (random_below(10) == 0)
            load_list();
    }
}

/* 0, also where it is there; again while the volume is read-only. */
static int make_directory(const char *name)
{
    while (mkdir(name, 0755)) {
        if (errno == EEXIST)
            return 0;
        if (!load.changing || errno != EROFS)
            return -1;
        usleep(1000);
    }
    return 0;
}

int main(int argc, char **argv)
{
    char own[32];
    time_t end;

    if (argc != 4) {
        fprintf(stderr, "usage: posix_load DIRECTORY SECONDS WRITABLE|CHANGING\n");
        return 2;
    }
    random_start("load");
    random_state += (uint64_t)getpid();
    load.changing = !strcmp(argv[3], "CHANGING");
    snprintf(own, sizeof(own), "own-%d", (int)getpid());
    if (chdir(argv[1]) || make_directory("shared") || make_directory(own) || chdir(own)) {
        perror(argv[1]);
        return 1;
    }
    for (int i = 0; i < FILES; i++)
        load.size[i] = -1;
    end = time(NULL) + atoi(argv[2]);
    while (time(NULL) < end)
        for (int i = 0; i < 50; i++)
            load_step();
    load_list();
    for (int i = 0; i < FILES; i++) {
        char name[16];

        name_of(i, name);
        load_read(i, name);
    }
    printf("%lu changes, %lu refused\n", load.done, load.refused);
    return load.done > 0 && (load.refused > 0) == load.changing ? 0 : 1;
}
