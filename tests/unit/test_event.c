/* Events: their ring, its readers, what they want. */
#include "fs/event_ring.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct event_ring *ring;

static int setup(void **state)
{
    (void)state;
    ring = event_ring_new(4);
    return ring ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    event_ring_free(ring);
    return 0;
}

static void publish(enum event_action action, const char *volume, const char *container)
{
    char name[32]; /* gone when it is read */
    struct event event = {.action = action, .volume = name};

    snprintf(name, sizeof(name), "%s", volume);
    event_add(&event, EVENT_CONTAINER, container);
    event_ring_publish(ring, &event);
    memset(name, '#', sizeof(name) - 1);
}

static struct event_reader *open_reader(const struct event_query *query)
{
    struct event_reader *reader;

    assert_int_equal(event_reader_open(&reader, ring, query, NULL), 0);
    return reader;
}

/* The next is an event of this volume. */
static void check_next(struct event_reader *reader, enum event_action action, const char *volume)
{
    const struct event *event;

    assert_int_equal(event_reader_next(reader, 0, &event), EVENT_READ_ONE);
    assert_int_equal(event->action, action);
    assert_string_equal(event->volume, volume);
}

static void check_lost(struct event_reader *reader, const char *count)
{
    const struct event *event;

    assert_int_equal(event_reader_next(reader, 0, &event), EVENT_READ_ONE);
    assert_int_equal(event->action, EVENT_LOST);
    assert_string_equal(event_get(event, "count"), count);
}

static void check_is(struct event_reader *reader, enum event_read what)
{
    const struct event *event;

    assert_int_equal(event_reader_next(reader, 0, &event), what);
}

static void test_what_is_there_is_read_in_order(void **state)
{
    struct event_reader *reader;

    (void)state;
    publish(EVENT_CREATE, "a", NULL);
    publish(EVENT_REMOVE, "b", NULL);
    reader = open_reader(&(struct event_query){0});
    publish(EVENT_CREATE, "later", NULL);
    check_next(reader, EVENT_CREATE, "a");
    check_next(reader, EVENT_REMOVE, "b");
    check_is(reader, EVENT_READ_END);
    check_is(reader, EVENT_READ_END);
    event_reader_close(reader);
}

static void test_a_follower_gets_what_comes(void **state)
{
    struct event_reader *reader;

    (void)state;
    publish(EVENT_CREATE, "before", NULL);
    reader = open_reader(&(struct event_query){.follow = true});
    check_is(reader, EVENT_READ_NONE_YET);
    publish(EVENT_CREATE, "a", NULL);
    check_next(reader, EVENT_CREATE, "a");
    check_is(reader, EVENT_READ_NONE_YET);
    event_reader_close(reader);
    reader = open_reader(&(struct event_query){.follow = true, .has_since = true});
    check_next(reader, EVENT_CREATE, "before");
    check_next(reader, EVENT_CREATE, "a");
    check_is(reader, EVENT_READ_NONE_YET);
    event_reader_close(reader);
}

static void test_sequence_and_time_are_the_rings(void **state)
{
    struct event event = {.sequence = 77, .at = 1, .action = EVENT_CREATE, .volume = "a"};
    struct event_reader *reader = open_reader(&(struct event_query){.follow = true});
    const struct event *read;
    int64_t first;

    (void)state;
    event_ring_publish(ring, &event);
    event_ring_publish(ring, &event);
    assert_int_equal(event_reader_next(reader, 0, &read), EVENT_READ_ONE);
    assert_int_equal(read->sequence, 1);
    first = read->at;
    assert_true(first > 1);
    assert_int_equal(event_reader_next(reader, 0, &read), EVENT_READ_ONE);
    assert_int_equal(read->sequence, 2);
    event_reader_close(reader);
    reader = open_reader(&(struct event_query){.has_since = true, .since = read->at + 1000000000});
    check_is(reader, EVENT_READ_END);
    event_reader_close(reader);
    reader = open_reader(&(struct event_query){.has_since = true, .since = first});
    check_next(reader, EVENT_CREATE, "a");
    event_reader_close(reader);
}

static void test_who_is_slow_is_told_what_it_lost(void **state)
{
    struct event_reader *reader = open_reader(&(struct event_query){.follow = true});
    struct event_reader *fast = open_reader(&(struct event_query){.follow = true});
    char name[8];

    (void)state;
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "v%d", i);
        publish(EVENT_CREATE, name, NULL);
        check_next(fast, EVENT_CREATE, name);
    }
    check_lost(reader, "6");
    check_next(reader, EVENT_CREATE, "v6");
    event_ring_lose(ring);
    publish(EVENT_CREATE, "v10", NULL);
    check_lost(reader, "1"); /* v7, for those two */
    check_next(reader, EVENT_CREATE, "v8");
    check_next(reader, EVENT_CREATE, "v9");
    check_lost(reader, "1");
    check_next(reader, EVENT_CREATE, "v10");
    check_is(reader, EVENT_READ_NONE_YET);
    check_lost(fast, "1");
    check_next(fast, EVENT_CREATE, "v10");
    event_reader_close(fast);
    event_reader_close(reader);
}

static void test_who_asks_for_more_than_is_left_is_told(void **state)
{
    struct event_reader *reader;
    char name[8];

    (void)state;
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "v%d", i);
        publish(EVENT_CREATE, name, NULL);
    }
    reader = open_reader(&(struct event_query){.has_since = true, .since = 1});
    check_lost(reader, "2");
    check_next(reader, EVENT_CREATE, "v2");
    event_reader_close(reader);
    reader = open_reader(&(struct event_query){0}); /* whatever there is */
    check_next(reader, EVENT_CREATE, "v2");
    event_reader_close(reader);
}

/* An event that is being looked at stays as it is while the ring goes on. */
static void test_what_was_read_outlives_its_place(void **state)
{
    struct event_reader *reader = open_reader(&(struct event_query){.follow = true});
    const struct event *event;

    (void)state;
    publish(EVENT_CREATE, "first", "c");
    assert_int_equal(event_reader_next(reader, 0, &event), EVENT_READ_ONE);
    for (int i = 0; i < 8; i++)
        publish(EVENT_REMOVE, "other", NULL);
    assert_string_equal(event->volume, "first");
    assert_string_equal(event_get(event, EVENT_CONTAINER), "c");
    event_reader_close(reader);
}

/* One that ends with what was there ends, also if that is gone by then. */
static void test_a_slow_list_ends(void **state)
{
    struct event_reader *reader;

    (void)state;
    publish(EVENT_CREATE, "a", NULL);
    publish(EVENT_CREATE, "b", NULL);
    reader = open_reader(&(struct event_query){0});
    for (int i = 0; i < 8; i++)
        publish(EVENT_REMOVE, "other", NULL);
    check_lost(reader, "2");
    check_is(reader, EVENT_READ_END);
    event_reader_close(reader);
}

static void test_readers_are_bounded(void **state)
{
    struct event_reader *readers[EVENT_READERS_MAX], *more;
    struct event_query query = {.follow = true};
    struct error e = {0};

    (void)state;
    for (int i = 0; i < EVENT_READERS_MAX; i++)
        readers[i] = open_reader(&query);
    query.filter = event_filter_new(); /* is not leaked */
    assert_int_equal(event_reader_open(&more, ring, &query, &e), ERROR_LIMIT);
    assert_non_null(strstr(e.text, "64"));
    query.filter = NULL;
    event_reader_close(readers[0]);
    readers[0] = open_reader(&query);
    for (int i = 0; i < EVENT_READERS_MAX; i++)
        event_reader_close(readers[i]);
}

enum { STORM = 20000 };

static void *publish_many(void *argument)
{
    (void)argument;
    for (int i = 0; i < STORM; i++)
        publish(EVENT_CREATE, "v", NULL);
    return NULL;
}

/* Every event is read or told to be lost, in order, by one who waits. */
static void test_nothing_goes_by_unnoticed(void **state)
{
    struct event_reader *reader = open_reader(&(struct event_query){.follow = true});
    uint64_t seen = 0, last = 0;
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, publish_many, NULL), 0);
    while (seen < 2 * STORM) {
        const struct event *event;

        assert_int_equal(event_reader_next(reader, 10000, &event), EVENT_READ_ONE);
        if (event->action == EVENT_LOST) {
            seen += strtoul(event_get(event, "count"), NULL, 10);
            continue;
        }
        assert_true(event->sequence > last);
        last = event->sequence;
        assert_int_equal(last, ++seen);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    check_is(reader, EVENT_READ_NONE_YET);
    event_reader_close(reader);
}

/* ---- filters ------------------------------------------------------------------ */

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static bool matches(const char *const *pairs, const struct event *event)
{
    struct event_filter *filter = event_filter_new();
    bool match;

    for (; *pairs; pairs += 2)
        assert_int_equal(event_filter_add(filter, pairs[0], pairs[1], NULL), 0);
    match = event_filter_match(filter, event);
    event_filter_free(filter);
    return match;
}

static void test_filters(void **state)
{
    static const struct {
        const char *pairs[7];
        bool match;
    } rows[] = {
        {{NULL}, true},
        {{"event", "rename", NULL}, true},
        {{"type", "rename", NULL}, true},
        {{"event", "create", NULL}, false},
        {{"event", "create", "type", "rename", NULL}, true},
        {{"volume", "web", NULL}, true},
        {{"volume", "old", NULL}, true},
        {{"volume", "0123", NULL}, true},
        {{"volume", "we", NULL}, false},
        {{"volume", "x", "volume", "web", NULL}, true},
        {{"container", "app", NULL}, true},
        {{"container", ID_A, NULL}, true},
        {{"container", "aaaaaaaaaaaa", NULL}, true},
        {{"container", "aaaaaaaaaaa", NULL}, false},
        {{"container", "ap", NULL}, false},
        {{"volume", "web", "container", "db", NULL}, false},
        {{"volume", "web", "container", "app", "event", "rename", NULL}, true},
    };
    struct event event = {.action = EVENT_RENAME, .volume = "web"};
    struct event lost = {.action = EVENT_LOST, .volume = ""};

    (void)state;
    event_add(&event, EVENT_ID, "0123");
    event_add(&event, EVENT_FROM, "old");
    event_add(&event, EVENT_CONTAINER, "app");
    event_add(&event, EVENT_CONTAINER_ID, ID_A);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(matches(rows[i].pairs, &event), rows[i].match);
        assert_true(matches(rows[i].pairs, &lost));
    }
    event = (struct event){.action = EVENT_DENY, .volume = "web"};
    event_add(&event, EVENT_CONTAINER_ID, ID_A); /* one without a name */
    assert_true(matches((const char *const[]){"container", "aaaaaaaaaaaa", NULL}, &event));
}

static void test_filters_that_are_none(void **state)
{
    struct event_filter *filter = event_filter_new();
    char longer[300];
    struct error e = {0};
    int i;

    (void)state;
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    assert_int_equal(event_filter_add(filter, "label", "x", &e), ERROR_REQUEST_INVALID);
    assert_string_equal(e.text, "invalid filter 'label'");
    assert_int_equal(event_filter_add(filter, "event", "destroy", &e), ERROR_REQUEST_INVALID);
    assert_string_equal(e.text, "invalid filter 'event=[destroy]'");
    assert_int_equal(event_filter_add(filter, "volume", "", &e), ERROR_REQUEST_INVALID);
    assert_int_equal(event_filter_add(filter, "container", longer, &e), ERROR_REQUEST_INVALID);
    for (i = 0; event_filter_add(filter, "volume", "a", &e) == 0; i++)
        ;
    assert_int_equal(i, 64);
    event_filter_free(filter);
}

static void test_reader_with_a_filter(void **state)
{
    struct event_query query = {.follow = true, .filter = event_filter_new()};
    struct event_reader *reader;

    (void)state;
    assert_int_equal(event_filter_add(query.filter, "container", "app", NULL), 0);
    reader = open_reader(&query);
    publish(EVENT_ATTACH, "a", "db");
    publish(EVENT_ATTACH, "b", "app");
    publish(EVENT_ATTACH, "c", "db");
    check_next(reader, EVENT_ATTACH, "b");
    check_is(reader, EVENT_READ_NONE_YET);
    event_reader_close(reader);
}

static void test_actions_have_names(void **state)
{
    enum event_action action;

    (void)state;
    for (int i = 0; i < EVENT_ACTION_COUNT; i++) {
        assert_true(event_action_parse(event_action_name((enum event_action)i), &action));
        assert_int_equal(action, i);
    }
    assert_false(event_action_parse("", &action));
}

#define in_ring(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_ring(test_what_is_there_is_read_in_order),
        in_ring(test_a_follower_gets_what_comes),
        in_ring(test_sequence_and_time_are_the_rings),
        in_ring(test_who_is_slow_is_told_what_it_lost),
        in_ring(test_who_asks_for_more_than_is_left_is_told),
        in_ring(test_what_was_read_outlives_its_place),
        in_ring(test_a_slow_list_ends),
        in_ring(test_readers_are_bounded),
        in_ring(test_nothing_goes_by_unnoticed),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_filters_that_are_none),
        in_ring(test_reader_with_a_filter),
        cmocka_unit_test(test_actions_have_names),
    };

    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
