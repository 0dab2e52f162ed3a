/* Denials: each is counted, many of a kind are told together. */
#include "fs/audit.h"

#include "catalog/model.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { STORM = 50000, THREADS = 2 };

static struct event_ring *ring;
static struct audit *audit;
static struct event_reader *reader;

static void name_container(void *context, const char *id, char name[NAME_MAX_LENGTH + 1])
{
    (void)context;
    if (strcmp(id, "c1") == 0)
        strcpy(name, "web");
}

static int setup(void **state)
{
    struct event_query query = {.follow = true};

    (void)state;
    ring = event_ring_new(EVENT_RING_DEFAULT);
    audit = audit_new(ring);
    return event_reader_open(&reader, ring, &query, NULL);
}

static int teardown(void **state)
{
    (void)state;
    audit_stop(audit);
    audit_free(audit);
    event_reader_close(reader);
    event_ring_free(ring);
    return 0;
}

static void deny_in(const char *container, const char *volume_id, const char *volume,
                    const char *operation, enum policy_rule rule)
{
    const struct denial denial = {.container_id = container,
                                  .volume_id = volume_id,
                                  .volume = volume,
                                  .operation = operation,
                                  .rule = rule,
                                  .pid = getpid(),
                                  .uid = 7};

    audit_deny(audit, &denial);
}

static void deny(const char *container, const char *volume, const char *operation,
                 enum policy_rule rule)
{
    deny_in(container, "0123", volume, operation, rule);
}

static const struct event *next(void)
{
    const struct event *event = NULL;

    assert_int_equal(event_reader_next(reader, 5000, &event), EVENT_READ_ONE);
    return event;
}

static unsigned long count_of(const struct event *event)
{
    return strtoul(event_get(event, "count"), NULL, 10);
}

/* Events that are there until the audit has stopped; *denials: how many they tell of. */
static unsigned drain(unsigned long *denials)
{
    const struct event *event;
    unsigned events = 0;

    audit_stop(audit);
    for (*denials = 0; event_reader_next(reader, 0, &event) == EVENT_READ_ONE; events++)
        *denials += event->action == EVENT_DENY ? count_of(event) : 0;
    return events;
}

static void test_who_what_and_which_rule(void **state)
{
    const struct event *event;
    char command[16], pid[16];

    (void)state;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    assert_int_equal(prctl(PR_GET_NAME, command), 0); /* under valgrind it is not the program's */
    assert_int_equal(audit_start(audit, name_container, NULL), 0);
    deny("c1", "data", "change", RULE_READONLY_ATTACHMENT);
    event = next();
    assert_int_equal(event->action, EVENT_DENY);
    assert_string_equal(event->volume, "data");
    assert_string_equal(event_get(event, EVENT_ID), "0123");
    assert_string_equal(event_get(event, EVENT_CONTAINER), "web");
    assert_string_equal(event_get(event, EVENT_CONTAINER_ID), "c1");
    assert_string_equal(event_get(event, "operation"), "change");
    assert_string_equal(event_get(event, "rule"), "read-only-attachment");
    assert_string_equal(event_get(event, "error"), "EROFS");
    assert_string_equal(event_get(event, "count"), "1");
    assert_string_equal(event_get(event, "pid"), pid);
    assert_string_equal(event_get(event, "uid"), "7");
    assert_string_equal(event_get(event, "command"), command);
}

static void test_of_the_host_nobody_is_named(void **state)
{
    const struct event *event;

    (void)state;
    assert_int_equal(audit_start(audit, name_container, NULL), 0);
    audit_deny(audit, &(struct denial){.container_id = "",
                                       .volume_id = "0123",
                                       .volume = "data",
                                       .operation = "store",
                                       .rule = RULE_READONLY_VOLUME});
    event = next();
    assert_string_equal(event_get(event, EVENT_CONTAINER_ID), "");
    assert_string_equal(event_get(event, "pid"), "");
    assert_string_equal(event_get(event, "uid"), "");
}

static void *storm(void *argument)
{
    (void)argument;
    for (int i = 0; i < STORM; i++)
        deny("c1", "data", "change", RULE_READONLY_ATTACHMENT);
    return NULL;
}

static void test_a_storm_is_few_events_and_an_exact_count(void **state)
{
    uint64_t by_rule[RULE_COUNT];
    pthread_t threads[THREADS];
    unsigned long denials;
    unsigned events;

    (void)state;
    assert_int_equal(audit_start(audit, name_container, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, storm, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    events = drain(&denials);
    assert_in_range(events, 1, 12);
    assert_int_equal(denials, THREADS * STORM);
    audit_count(audit, by_rule);
    assert_int_equal(by_rule[RULE_READONLY_ATTACHMENT], THREADS * STORM);
    assert_int_equal(by_rule[RULE_READONLY_VOLUME], 0);
}

/* After a pause the next is told at once, and what came in a second is told when that is over. A
 * busy machine may take longer than that: then it is told in parts. */
static void test_what_comes_later_is_told_too(void **state)
{
    enum { IN_TIME_NS = 800 * 1000 * 1000 };
    int64_t start = time_monotonic();
    unsigned long denials;
    bool in_time;

    (void)state;
    assert_int_equal(audit_start(audit, name_container, NULL), 0);
    deny("c1", "data", "change", RULE_READONLY_ATTACHMENT);
    assert_int_equal(count_of(next()), 1);
    for (int i = 0; i < 3; i++)
        deny("c1", "data", "change", RULE_READONLY_ATTACHMENT);
    in_time = time_monotonic() - start < IN_TIME_NS;
    denials = count_of(next());
    assert_true(!in_time || denials == 3);
    while (denials < 3)
        denials += count_of(next());
    assert_int_equal(denials, 3);
}

static void test_kinds_are_told_apart(void **state)
{
    unsigned long denials;

    (void)state;
    deny("c1", "data", "change", RULE_READONLY_ATTACHMENT); /* before it is started too */
    assert_int_equal(audit_start(audit, name_container, NULL), 0);
    deny("c2", "data", "change", RULE_READONLY_ATTACHMENT);
    deny("c1", "data", "look", RULE_READONLY_ATTACHMENT);
    deny("c1", "data", "change", RULE_PRIVATE_VOLUME);
    assert_int_equal(drain(&denials), 4);
    assert_int_equal(denials, 4);
}

/* What is told of many containers is bounded, and that something is left out is told. */
static void test_the_table_is_bounded(void **state)
{
    uint64_t by_rule[RULE_COUNT];
    unsigned long denials;
    unsigned events;
    char id[16];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "c%d", i);
        deny(id, "data", "change", RULE_READONLY_ATTACHMENT);
    }
    assert_int_equal(audit_start(audit, name_container, NULL), 0);
    events = drain(&denials);
    assert_int_equal(events, 257);
    assert_int_equal(denials, 256);
    audit_count(audit, by_rule);
    assert_int_equal(by_rule[RULE_READONLY_ATTACHMENT], 1000);
}

/* One that is refused all it can think of leaves room for what is told of others. */
static void test_one_container_does_not_fill_the_table(void **state)
{
    const struct event *event;
    uint64_t by_rule[RULE_COUNT];
    unsigned of_others = 0;
    char volume_id[16];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(volume_id, sizeof(volume_id), "%d", i);
        deny_in("c1", volume_id, "data", "change", RULE_READONLY_ATTACHMENT);
    }
    deny("c2", "data", "change", RULE_READONLY_ATTACHMENT);
    assert_int_equal(audit_start(audit, name_container, NULL), 0);
    audit_stop(audit);
    while (event_reader_next(reader, 0, &event) == EVENT_READ_ONE)
        of_others += strcmp(event_get(event, EVENT_CONTAINER_ID), "c2") == 0;
    assert_int_equal(of_others, 1);
    audit_count(audit, by_rule);
    assert_int_equal(by_rule[RULE_READONLY_ATTACHMENT], 1001);
}

#define in_audit(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_audit(test_who_what_and_which_rule),
        in_audit(test_of_the_host_nobody_is_named),
        in_audit(test_a_storm_is_few_events_and_an_exact_count),
        in_audit(test_what_comes_later_is_told_too),
        in_audit(test_kinds_are_told_apart),
        in_audit(test_the_table_is_bounded),
        in_audit(test_one_container_does_not_fill_the_table),
    };

    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
