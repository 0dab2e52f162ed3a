/*
 * A store directory for tests of the catalog; see catalog_fixture.h.
 */
#include "tests/unit/catalog_fixture.h"

#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    snprintf(fixture->path, sizeof(fixture->path), "/tmp/volumefs-catalog.XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->fd = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fixture->fd >= 0);
    *state = fixture;
    fixture_open(fixture);
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    int r;

    fixture_close(fixture);
    close(fixture->fd);
    r = remove_tree(fixture->path);
    free(fixture);
    return r;
}

void fixture_open(struct fixture *fixture)
{
    struct error e = {0};
    int r = catalog_open(&fixture->catalog, fixture->fd, fixture->path, true, &e);

    if (r)
        fail_msg("catalog_open: %d %s", r, e.text);
}

void fixture_close(struct fixture *fixture)
{
    fixture->catalog = catalog_free(fixture->catalog);
}

void fixture_crash_after(struct fixture *fixture, void (*work)(struct fixture *fixture))
{
    int status;
    pid_t child;

    fixture_close(fixture);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (catalog_open(&fixture->catalog, fixture->fd, fixture->path, true, NULL) == 0)
            work(fixture);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

struct volume fixture_volume(int n)
{
    struct volume volume = {.driver = "local",
                            .created_at = INT64_C(1700000000000000000) + n,
                            .size_limit = (uint64_t)n << 20};

    snprintf(volume.id, sizeof(volume.id), "%08x%024x", (unsigned)n * 2654435761U, (unsigned)n);
    snprintf(volume.name, sizeof(volume.name), "volume-%05d", n);
    assert_int_equal(pairs_set(&volume.labels, "env", n % 2 ? "test" : "prod"), 0);
    assert_int_equal(pairs_set(&volume.labels, "owner", volume.name), 0);
    assert_int_equal(pairs_set(&volume.options, "o", "size=10m"), 0);
    return volume;
}

void fixture_insert(struct fixture *fixture, int n)
{
    _cleanup_(volume_deinit) struct volume volume = fixture_volume(n);

    assert_int_equal(catalog_volume_insert(fixture->catalog, &volume, NULL), 0);
}

struct container fixture_container(int n)
{
    struct container container = {.runtime = "docker", .created_at = n};

    snprintf(container.id, sizeof(container.id), "%064x", (unsigned)n);
    snprintf(container.name, sizeof(container.name), "container-%d", n);
    return container;
}

int fixture_attach(struct fixture *fixture, int n, int volume, const char *destination)
{
    _cleanup_(volume_deinit) struct volume v = fixture_volume(volume);
    _cleanup_(attachment_deinit) struct attachment attachment = {
        .destination = strdup(destination), .readonly = true, .label = LABEL_SHARED};
    struct container container = fixture_container(n);

    memcpy(attachment.volume_id, v.id, sizeof(attachment.volume_id));
    return catalog_attach(fixture->catalog, &container, NULL, &attachment, 1, FIXTURE_USED_AT,
                          CATALOG_SYNC_NOW, NULL);
}

char *fixture_read(struct fixture *fixture, const char *name, size_t *size)
{
    _cleanup_(close_p) int fd = openat(fixture->fd, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *bytes;

    *size = 0;
    if (fd < 0)
        return NULL;
    assert_int_equal(fstat(fd, &st), 0);
    bytes = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    *size = (size_t)st.st_size;
    return bytes;
}

void fixture_write(struct fixture *fixture, const char *name, const void *bytes, size_t size)
{
    _cleanup_(close_p) int fd =
        openat(fixture->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
}

unsigned long fixture_fingerprint(struct fixture *fixture)
{
    _cleanup_(closedir_p) DIR *directory = opendir(fixture->path);
    const struct dirent *entry;
    unsigned long sum = 0;

    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        _cleanup_(free_p) char *bytes = NULL;
        unsigned long hash = 5381;
        size_t size = 0;

        if (entry->d_type == DT_REG)
            bytes = fixture_read(fixture, entry->d_name, &size);
        for (const char *c = entry->d_name; *c; c++)
            hash = hash * 33 + (unsigned char)*c;
        for (size_t i = 0; i < size; i++)
            hash = hash * 33 + (unsigned char)bytes[i];
        sum += hash; /* whatever the order of the entries */
    }
    return sum;
}
