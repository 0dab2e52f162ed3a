/*
 * Each route is taken in a process of its own, which then makes all attempts in an order of the
 * seed's. Counts lie in shared memory and are only added to.
 */
#include "tests/escape/run.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ATTEMPTS_MAX = 256, ROUTES_MAX = 96, ROUTE_SECONDS = 60 };

struct count {
    atomic_ulong made, done, strange, missing;
};

static struct tally {
    struct count attempts[ATTEMPTS_MAX], routes[ROUTES_MAX];
    atomic_ulong made;
} * tally;

/* All tables as one. */
static const struct attempt *attempts[ATTEMPTS_MAX];
static const struct route *routes[ROUTES_MAX];
static size_t attempt_count, route_count;

/* Of the process that has taken a route. */
static const struct run *current;
static size_t current_route;
static uint64_t current_random;

static void add_attempts(const struct attempt *table, size_t count)
{
    for (size_t i = 0; i < count && attempt_count < ATTEMPTS_MAX; i++)
        attempts[attempt_count++] = &table[i];
}

static void add_routes(const struct route *table, size_t count)
{
    for (size_t i = 0; i < count && route_count < ROUTES_MAX; i++)
        routes[route_count++] = &table[i];
}

bool run_prepare(void)
{
    void *memory =
        mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return false;
    tally = memory;
    add_attempts(attempts_names, attempts_names_count);
    add_attempts(attempts_attributes, attempts_attributes_count);
    add_attempts(attempts_look, attempts_look_count);
    add_attempts(attempts_reach, attempts_reach_count);
    add_attempts(attempts_rule, attempts_rule_count);
    add_attempts(attempts_ring, attempts_ring_count);
    add_routes(routes_path, routes_path_count);
    add_routes(routes_mount, routes_mount_count);
    add_routes(routes_space, routes_space_count);
    add_routes(routes_task, routes_task_count);
    add_routes(routes_group, routes_group_count);
    return true;
}

/* xorshift64*: the same attempts again by the same seed. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717u;
}

/* ---- one attempt ----------------------------------------------------------- */

static void report(const char *what, size_t i, int r)
{
    fprintf(stderr, "%s: %s/%s by %s/%s: %s (seed %llu, attempt %lu)\n", what, attempts[i]->family,
            attempts[i]->name, routes[current_route]->family, routes[current_route]->name,
            r < 0 ? strerrorname_np(-r) : "done", (unsigned long long)current->seed,
            atomic_load(&tally->made));
}

static bool is_strange(size_t i, int r)
{
    int err = current->expectations[attempts[i]->kind].err;

    int also = routes[current_route]->also;

    return r < 0 && err && -r != err && -r != also && also != ANY && !attempts[i]->racy;
}

static void count(struct count *count, int r, bool strange)
{
    atomic_fetch_add(&count->made, 1);
    if (r == 0)
        atomic_fetch_add(&count->done, 1);
    if (strange)
        atomic_fetch_add(&count->strange, 1);
}

static void make_attempt(const struct place *place, size_t i)
{
    enum { REPORTS = 3 }; /* of one attempt */
    struct expectation expected = current->expectations[attempts[i]->kind];
    bool strange;
    int r;

    if (expected.what == EXPECT_NOTHING)
        return;
    r = attempts[i]->make(place);
    if (r == 0 && current->restores && attempts[i]->kind != KIND_LOOK)
        fixture_restore(place->dir);
    if (r == NOT_HERE) {
        atomic_fetch_add(&tally->attempts[i].missing, 1);
        return;
    }
    strange = is_strange(i, r);
    count(&tally->attempts[i], r, strange);
    count(&tally->routes[current_route], r, strange);
    atomic_fetch_add(&tally->made, 1);
    if (expected.what == EXPECT_REFUSAL && r == 0 && tally->attempts[i].done <= REPORTS)
        report("ESCAPE", i, r);
    if (strange && tally->attempts[i].strange <= REPORTS)
        report("another refusal", i, r);
}

/* All of them, in an order of the seed's. */
static void make_attempts(struct place *place)
{
    size_t order[ATTEMPTS_MAX] = {0};

    for (size_t i = 0; i < attempt_count; i++) {
        size_t other = next_random(&current_random) % (i + 1);

        order[i] = order[other];
        order[other] = i;
    }
    for (size_t i = 0; i < attempt_count; i++)
        make_attempt(place, order[i]);
}

/* ---- one route ---------------------------------------------------------------- */

static void take_route(const struct run *run, size_t route, uint64_t random)
{
    struct place place = run->place;
    int err = run->expectations[KIND_LOOK].err;
    int r;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(ROUTE_SECONDS);
    current = run;
    current_route = route;
    current_random = random;
    r = routes[route]->take(&place, make_attempts);
    if (r == NOT_HERE) {
        atomic_fetch_add(&tally->routes[route].missing, 1);
    } else if (r < 0) { /* the way itself is refused: so is all that could be tried there */
        atomic_fetch_add(&tally->routes[route].made, 1);
        atomic_fetch_add(&tally->made, 1);
        if (-r != err && routes[route]->also != ANY &&
            atomic_fetch_add(&tally->routes[route].strange, 1) == 0)
            fprintf(stderr, "no way by %s/%s: %s\n", routes[route]->family, routes[route]->name,
                    strerrorname_np(-r));
    }
}

static void run_route(const struct run *run, size_t route, uint64_t random)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        take_route(run, route, random);
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid > 0 && WIFSIGNALED(status) && atomic_fetch_add(&tally->routes[route].strange, 1) == 0)
        fprintf(stderr, "%s/%s: ended by signal %d\n", routes[route]->family, routes[route]->name,
                WTERMSIG(status));
}

static bool is_wanted(const struct run *run, size_t route)
{
    return !run->family || strcmp(run->family, routes[route]->family) == 0;
}

void run_attempts(struct run *run)
{
    uint64_t random = run->seed * 2 + 1;

    do {
        uint64_t before = atomic_load(&tally->made);

        for (size_t i = 0; i < route_count; i++)
            if (is_wanted(run, i))
                run_route(run, i, next_random(&random));
        if (atomic_load(&tally->made) == before)
            return; /* nothing can be tried: the report says so */
    } while (atomic_load(&tally->made) < run->attempts);
}

/* ---- what it came to ------------------------------------------------------------- */

/* One family's line, at its first row. */
static void report_family(const char *kind, const char *family, const struct count *counts,
                          const char *(*family_of)(size_t), size_t first, size_t end)
{
    unsigned long made = 0, done = 0;

    for (size_t i = 0; i < end; i++) {
        if (strcmp(family_of(i), family) != 0)
            continue;
        if (i < first)
            return;
        made += counts[i].made;
        done += counts[i].done;
    }
    if (made)
        printf("%-8s %-12s %9lu attempts, %lu done\n", kind, family, made, done);
}

static const char *attempt_family(size_t i)
{
    return attempts[i]->family;
}

static const char *route_family(size_t i)
{
    return routes[i]->family;
}

static const char *verdict(const struct count *count, struct expectation expected)
{
    if (expected.what == EXPECT_REFUSAL && count->done)
        return "ESCAPED";
    if (count->strange)
        return "refused in another way";
    if (expected.what == EXPECT_DONE && !count->done)
        return count->made ? "never succeeded" : "never tried";
    if (expected.what == EXPECT_REFUSAL && !count->made)
        return "not here"; /* no failure */
    return NULL;
}

static bool report_attempts(const struct run *run)
{
    bool good = true;

    for (size_t i = 0; i < attempt_count; i++) {
        struct expectation expected = run->expectations[attempts[i]->kind];
        const char *text = verdict(&tally->attempts[i], expected);

        if (!text)
            continue;
        printf("attempt %s/%s: %s\n", attempts[i]->family, attempts[i]->name, text);
        good &= expected.what == EXPECT_REFUSAL && !tally->attempts[i].made;
    }
    return good;
}

static bool report_routes(const struct run *run)
{
    struct expectation changes = run->expectations[KIND_CHANGE];
    bool good = true;

    for (size_t i = 0; i < route_count; i++) {
        const struct count *count = &tally->routes[i];
        bool none = changes.what == EXPECT_DONE && !count->done;

        if (!is_wanted(run, i) || (count->made && !count->strange && !none))
            continue;
        printf("route %s/%s: %s\n", routes[i]->family, routes[i]->name,
               count->missing ? "not here" : "not as expected");
        good &= !count->strange && (count->missing || !none);
    }
    return good;
}

bool run_report(const struct run *run)
{
    bool good;

    for (size_t i = 0; i < route_count; i++)
        report_family("by", routes[i]->family, tally->routes, route_family, i, route_count);
    for (size_t i = 0; i < attempt_count; i++)
        report_family("of", attempts[i]->family, tally->attempts, attempt_family, i, attempt_count);
    good = report_attempts(run);
    good &= report_routes(run);
    printf("%lu attempts, seed %llu: %s\n", atomic_load(&tally->made),
           (unsigned long long)run->seed, good ? "as expected" : "NOT AS EXPECTED");
    return good && tally->made;
}
