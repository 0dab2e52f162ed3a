/* The node table, without a mount: descriptors are of /dev/null, handles are made up. */
#include "fs/node.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct volume_ref volume = {7, 1};

static int new_fd(void)
{
    int fd = open("/dev/null", O_PATH | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static uint64_t intern(struct node_table *table, uint64_t ino)
{
    struct node_key key = {volume.index, 1, ino};
    uint64_t id;

    assert_int_equal(node_intern(table, &key, volume, NODE_REGULAR, new_fd(), &id), 0);
    return id;
}

static void forget(struct node_table *table, uint64_t id, uint64_t count)
{
    struct node_remains remains;

    node_forget(table, id, count, &remains);
    if (remains.fd >= 0)
        close(remains.fd);
}

static void test_the_same_file_is_one_node(void **state)
{
    struct node_table *table = node_table_new(1024, 0, NULL);
    uint64_t a = intern(table, 5), b = intern(table, 5), c = intern(table, 6);
    struct node_counts counts;

    (void)state;
    assert_int_equal(a, b);
    assert_int_not_equal(a, c);
    assert_int_equal(node_get(table, a)->lookups, 2);
    node_table_count(table, &counts);
    assert_int_equal(counts.nodes, 2);
    assert_int_equal(counts.descriptors, 2);
    forget(table, a, 1);
    assert_non_null(node_get(table, a));
    forget(table, a, 1);
    assert_null(node_get(table, a));
    node_table_free(table);
}

struct seen {
    struct node_table *table;
    uint64_t ids[4];
    size_t count;
};

static void see(void *context, struct node *node)
{
    struct seen *seen = context;

    assert_true(seen->count < sizeof(seen->ids) / sizeof(*seen->ids));
    seen->ids[seen->count++] = node_id(seen->table, node);
}

static void test_each_of_a_volume_without_flags(void **state)
{
    struct node_table *table = node_table_new(1024, 0, NULL);
    struct seen seen = {.table = table};
    const struct volume_ref later = {volume.index, volume.generation + 1};
    struct node_key key = {volume.index, 1, 7};
    uint64_t directory, other, gone;

    (void)state;
    intern(table, 5); /* a file */
    gone = intern(table, 6);
    assert_int_equal(node_intern(table, &key, volume, NODE_DIRECTORY, new_fd(), &directory), 0);
    key = (struct node_key){volume.index + 1, 1, 8};
    assert_int_equal(node_intern(table, &key, (struct volume_ref){volume.index + 1, 1},
                                 NODE_DIRECTORY, new_fd(), &other),
                     0);
    forget(table, gone, 1);
    node_each_without(table, volume, NODE_REGULAR | NODE_SYMLINK, see, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.ids[0], directory);
    assert_int_equal(node_get(table, directory)->lookups, 1);
    node_each_without(table, later, 0, see, &seen);
    assert_int_equal(seen.count, 1);
    node_each_without(table, volume, 0, see, &seen);
    assert_int_equal(seen.count, 3);
    node_table_free(table);
}

static void test_a_stale_id_reaches_nobody(void **state)
{
    struct node_table *table = node_table_new(1024, 0, NULL);
    uint64_t old = intern(table, 5), fresh;

    (void)state;
    forget(table, old, 1);
    fresh = intern(table, 5);
    assert_int_equal((uint32_t)old, (uint32_t)fresh); /* the slot serves again */
    assert_int_not_equal(old, fresh);
    assert_null(node_get(table, old));
    assert_non_null(node_get(table, fresh));
    assert_null(node_get(table, 1));
    assert_null(node_get(table, UINT64_MAX));
    node_table_free(table);
}

static void test_volumes_are_apart(void **state)
{
    struct node_table *table = node_table_new(1024, 0, NULL);
    struct node_key a = {1, 1, 5}, b = {2, 1, 5};
    uint64_t first, second;

    (void)state;
    assert_int_equal(node_intern(table, &a, (struct volume_ref){1, 1}, 0, new_fd(), &first), 0);
    assert_int_equal(node_intern(table, &b, (struct volume_ref){2, 1}, 0, new_fd(), &second), 0);
    assert_int_not_equal(first, second);
    assert_int_equal(node_find(table, &a), first);
    node_table_free(table);
}

static void test_a_full_table_says_so(void **state)
{
    struct node_table *table = node_table_new(128, 0, NULL);
    struct node_key key = {volume.index, 1, 0};
    uint64_t id;
    int made = 0, r = 0;

    (void)state;
    for (key.ino = 1; key.ino < 1000; key.ino++) {
        r = node_intern(table, &key, volume, 0, new_fd(), &id);
        made += r == 0;
        if (r)
            assert_int_equal(r, -ENFILE);
    }
    assert_true(made > 64 && made < 128);
    node_table_free(table);
}

/* A handle is the inode number; `generation` stands for the file behind it. */
struct fake_files {
    uint8_t generation;
    int opened;
    int released;
};

static bool fake_from_fd(void *context, int fd, struct node_handle *out)
{
    struct fake_files *files = context;

    (void)fd;
    *out = (struct node_handle){.type = 1, .size = 1, .bytes = {files->generation}};
    return true;
}

static int fake_to_fd(void *context, const struct node *node)
{
    struct fake_files *files = context;

    assert_int_equal(node->handle.size, 1);
    files->opened++;
    return new_fd();
}

static void fake_release(void *context, const struct node_remains *remains)
{
    struct fake_files *files = context;

    files->released++;
    if (remains->fd >= 0)
        close(remains->fd);
}

static struct node_table *limited_table(struct fake_files *files, uint32_t limit)
{
    struct node_handles handles = {fake_from_fd, fake_to_fd, fake_release, files};

    return node_table_new(4096, limit, &handles);
}

static void test_descriptors_are_given_up_and_found_again(void **state)
{
    struct fake_files files = {0};
    struct node_table *table = limited_table(&files, 10);
    struct node_counts counts;
    uint64_t ids[500];

    (void)state;
    for (int i = 0; i < 500; i++)
        ids[i] = intern(table, 100 + (uint64_t)i);
    node_table_count(table, &counts);
    assert_int_equal(counts.nodes, 500);
    assert_true(counts.descriptors < 250);
    for (int i = 0; i < 500; i++) {
        struct node *node = node_get(table, ids[i]);

        assert_true(node_acquire_fd(table, node) >= 0);
        node_release_fd(node);
    }
    assert_true(files.opened > 250);
    for (int i = 0; i < 500; i++)
        forget(table, ids[i], 1);
    node_table_count(table, &counts);
    assert_int_equal(counts.nodes, 0);
    assert_int_equal(counts.descriptors, 0);
    node_table_free(table);
}

static void test_a_reused_inode_number_is_another_file(void **state)
{
    struct fake_files files = {0};
    struct node_table *table = limited_table(&files, 1);
    uint64_t old = intern(table, 5), fresh;

    (void)state;
    for (uint64_t i = 0; i < 200; i++) /* pushes the descriptor of 5 out */
        forget(table, intern(table, 1000 + i), 1);
    for (uint64_t i = 0; i < 64; i++)
        intern(table, 2000 + i);
    files.generation = 1; /* inode 5 is deleted and comes again */
    fresh = intern(table, 5);
    assert_int_not_equal(old, fresh);
    assert_non_null(node_get(table, old)); /* the kernel still holds it */
    forget(table, old, 1);
    assert_null(node_get(table, old));
    assert_non_null(node_get(table, fresh));
    node_table_free(table);
}

static void test_a_pinned_descriptor_stays(void **state)
{
    struct fake_files files = {0};
    struct node_table *table = limited_table(&files, 1);
    uint64_t id = intern(table, 5);
    struct node *node = node_get(table, id);
    int fd = node_acquire_fd(table, node);

    (void)state;
    for (uint64_t i = 0; i < 500; i++)
        intern(table, 1000 + i);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    assert_int_equal(node_acquire_fd(table, node), fd);
    node_release_fd(node);
    node_release_fd(node);
    node_table_free(table);
}

enum { THREADS = 4, ROUNDS = 20000, FILES = 50 };

static void *hammer(void *context)
{
    struct node_table *table = context;
    unsigned seed = (unsigned)(uintptr_t)pthread_self();

    for (int i = 0; i < ROUNDS; i++) {
        uint64_t id = intern(table, 1 + (uint64_t)(rand_r(&seed) % FILES));
        struct node *node = node_get(table, id);

        if (!node || node_acquire_fd(table, node) < 0)
            return context;
        node_release_fd(node);
        forget(table, id, 1);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct fake_files files = {0};
    struct node_table *table = limited_table(&files, 5);
    pthread_t threads[THREADS];
    struct node_counts counts;

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, table), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    node_table_count(table, &counts);
    assert_int_equal(counts.nodes, 0);
    assert_int_equal(counts.descriptors, 0);
    node_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_file_is_one_node),
        cmocka_unit_test(test_each_of_a_volume_without_flags),
        cmocka_unit_test(test_a_stale_id_reaches_nobody),
        cmocka_unit_test(test_volumes_are_apart),
        cmocka_unit_test(test_a_full_table_says_so),
        cmocka_unit_test(test_descriptors_are_given_up_and_found_again),
        cmocka_unit_test(test_a_reused_inode_number_is_another_file),
        cmocka_unit_test(test_a_pinned_descriptor_stays),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
