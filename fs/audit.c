/*
 * Denials: noted in a table by kind, from which a thread tells them, as an event and as a line of
 * the log. Where they are noted costs a lock, a comparison and, for the first of a kind, a look at
 * who asks.
 *
 * A kind that was told rests until its interval is over; it is told again if it came meanwhile, and
 * leaves the table otherwise. What finds no room in the table is counted, and lost as an event.
 *
 * `mutex` guards the table and is the last lock taken; no system call but a wake-up under it.
 */
#include "fs/audit.h"

#include "catalog/cleanup.h"
#include "fs/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

enum {
    KINDS_MAX = 256,
    KINDS_OF_ONE_MAX = 64, /* container; or of the host, with what is not known */
    COMMAND_SIZE = 16,     /* /proc/PID/comm */
    INTERVAL_MAX_S = 60,
    LINES_PER_MINUTE = 60, /* of the log */
};

struct kind {
    uint64_t hash;
    char container_id[CONTAINER_ID_MAX + 1];
    char volume_id[VOLUME_ID_LENGTH + 1];
    char volume[NAME_MAX_LENGTH + 1];
    const char *operation;
    enum policy_rule rule;
    pid_t pid; /* of the first since it was told last; with uid and command */
    uid_t uid;
    char command[COMMAND_SIZE];
    uint64_t untold;
    int64_t due;      /* CLOCK_MONOTONIC, ns: told, if there is something, or dropped */
    int64_t interval; /* to the next time, ns */
};

struct audit {
    struct event_ring *ring;
    audit_namer namer;
    void *context;
    _Atomic uint64_t by_rule[RULE_COUNT];
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* a new kind, or the stop */
    struct kind kinds[KINDS_MAX];
    unsigned count;
    uint64_t unlisted;    /* found no room */
    int64_t unlisted_due; /* when they may be told */
    bool stopping;
    bool started;
    pthread_t thread;
    /* the thread's own */
    int64_t minute; /* when it began */
    unsigned lines; /* in it */
    uint64_t withheld;
};

struct audit *audit_new(struct event_ring *ring)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    pthread_condattr_t attributes;

    if (!audit || pthread_condattr_init(&attributes) != 0) {
        free(audit);
        return NULL;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&audit->mutex, NULL);
    pthread_cond_init(&audit->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    audit->ring = ring;
    return audit;
}

struct audit *audit_free(struct audit *audit)
{
    if (!audit)
        return NULL;
    pthread_cond_destroy(&audit->wake);
    pthread_mutex_destroy(&audit->mutex);
    free(audit);
    return NULL;
}

void audit_count(struct audit *audit, uint64_t by_rule[RULE_COUNT])
{
    for (int i = 0; i < RULE_COUNT; i++)
        by_rule[i] = atomic_load(&audit->by_rule[i]);
}

/* ---- noting ------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211); /* FNV-1a */
    return hash;
}

static uint64_t denial_hash(const struct denial *denial)
{
    uint64_t hash = hash_text(UINT64_C(14695981039346656037), denial->container_id);

    return hash_text(hash_text(hash, denial->volume_id), denial->operation) ^
           (uint64_t)denial->rule;
}

static struct kind *kind_find(struct audit *audit, uint64_t hash, const struct denial *denial)
{
    for (unsigned i = 0; i < audit->count; i++) {
        struct kind *kind = &audit->kinds[i];

        if (kind->hash == hash && kind->rule == denial->rule &&
            strcmp(kind->operation, denial->operation) == 0 &&
            strcmp(kind->volume_id, denial->volume_id) == 0 &&
            strcmp(kind->container_id, denial->container_id) == 0)
            return kind;
    }
    return NULL;
}

/* With the mutex held. False: it is the first of its kind, at least for now. */
static bool kind_note(struct audit *audit, uint64_t hash, const struct denial *denial)
{
    struct kind *kind = kind_find(audit, hash, denial);

    if (!kind)
        return false;
    if (kind->untold++ > 0)
        return true;
    if (kind->pid != denial->pid)
        kind->command[0] = 0; /* to look again would cost each of them that */
    kind->pid = denial->pid;
    kind->uid = denial->uid;
    return true;
}

static void kind_describe(struct kind *kind, uint64_t hash, const struct denial *denial)
{
    *kind = (struct kind){.hash = hash,
                          .operation = denial->operation,
                          .rule = denial->rule,
                          .pid = denial->pid,
                          .uid = denial->uid,
                          .untold = 1};
    snprintf(kind->container_id, sizeof(kind->container_id), "%s", denial->container_id);
    snprintf(kind->volume_id, sizeof(kind->volume_id), "%s", denial->volume_id);
    snprintf(kind->volume, sizeof(kind->volume), "%s", denial->volume);
}

/* What the caller calls itself, which may be anything. */
static void command_read(pid_t pid, char out[COMMAND_SIZE])
{
    _cleanup_(fclose_p) FILE *file = NULL;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    file = pid > 0 ? fopen(path, "re") : NULL;
    if (!file || !fgets(out, COMMAND_SIZE, file))
        out[0] = 0;
    out[strcspn(out, "\n")] = 0;
}

/* Whether there is room; what one container makes of it is no more than its share. */
static bool kind_fits(const struct audit *audit, const struct kind *kind)
{
    unsigned of_one = 0;

    for (unsigned i = 0; i < audit->count; i++)
        of_one += strcmp(audit->kinds[i].container_id, kind->container_id) == 0;
    return audit->count < KINDS_MAX && of_one < KINDS_OF_ONE_MAX;
}

static void kind_add(struct audit *audit, const struct kind *kind, const struct denial *denial)
{
    if (kind_note(audit, kind->hash, denial))
        return; /* another thread was first */
    if (kind_fits(audit, kind))
        audit->kinds[audit->count++] = *kind;
    else
        audit->unlisted++;
    pthread_cond_signal(&audit->wake);
}

void audit_deny(struct audit *audit, const struct denial *denial)
{
    uint64_t hash = denial_hash(denial);
    struct kind kind;
    bool known;

    atomic_fetch_add(&audit->by_rule[denial->rule], 1);
    pthread_mutex_lock(&audit->mutex);
    known = kind_note(audit, hash, denial);
    pthread_mutex_unlock(&audit->mutex);
    if (known)
        return;
    kind_describe(&kind, hash, denial);
    command_read(denial->pid, kind.command);
    pthread_mutex_lock(&audit->mutex);
    kind_add(audit, &kind, denial);
    pthread_mutex_unlock(&audit->mutex);
}

/* ---- telling ------------------------------------------------------------------ */

static void log_withheld(struct audit *audit)
{
    if (audit->withheld)
        log_message(LOG_LEVEL_INFO, "%" PRIu64 " lines on denials were left out here",
                    audit->withheld);
    audit->withheld = 0;
}

/* Whether one more line may be written; and what was withheld before it. */
static bool line_may(struct audit *audit)
{
    int64_t now = time_monotonic();

    if (!audit->minute || now - audit->minute >= 60 * NS_PER_S) {
        log_withheld(audit);
        audit->minute = now;
        audit->lines = 0;
    }
    if (audit->lines < LINES_PER_MINUTE) {
        audit->lines++;
        return true;
    }
    audit->withheld++;
    return false;
}

static void kind_log(struct audit *audit, const struct kind *kind, const char *name)
{
    struct error line; /* for its care of control characters: the command is the container's */
    char who[NAME_MAX_LENGTH + CONTAINER_ID_MAX + 32] = "";
    char process[64] = "";
    char more[48] = "";

    if (!line_may(audit))
        return;
    if (kind->container_id[0])
        snprintf(who, sizeof(who), " to container %s%s%s%s", *name ? name : kind->container_id,
                 *name ? " (" : "", *name ? kind->container_id : "", *name ? ")" : "");
    if (kind->pid)
        snprintf(process, sizeof(process), ", process %d %s%s%sof uid %u", (int)kind->pid,
                 kind->command[0] ? "(" : "", kind->command, kind->command[0] ? ") " : "",
                 (unsigned)kind->uid);
    if (kind->untold > 1)
        snprintf(more, sizeof(more), ", %" PRIu64 " times", kind->untold);
    error_set(&line, 0, "denied%s: %s of volume \"%s\" by rule %s%s%s", who, kind->operation,
              kind->volume, policy_rule_name(kind->rule), process, more);
    log_message(LOG_LEVEL_INFO, "%s", line.text);
}

static void kind_publish(struct audit *audit, const struct kind *kind, const char *name)
{
    struct event event = {.action = EVENT_DENY, .volume = kind->volume};
    char count[24], pid[16], uid[16];

    snprintf(count, sizeof(count), "%" PRIu64, kind->untold);
    snprintf(pid, sizeof(pid), "%d", (int)kind->pid);
    snprintf(uid, sizeof(uid), "%u", (unsigned)kind->uid);
    event_add(&event, EVENT_ID, kind->volume_id);
    event_add(&event, EVENT_CONTAINER, name);
    event_add(&event, EVENT_CONTAINER_ID, kind->container_id);
    event_add(&event, "operation", kind->operation);
    event_add(&event, "rule", policy_rule_name(kind->rule));
    event_add(&event, "error", strerrorname_np(policy_rule_errno(kind->rule)));
    event_add(&event, "count", count);
    if (kind->pid) {
        event_add(&event, "pid", pid);
        event_add(&event, "uid", uid);
        event_add(&event, "command", kind->command);
    }
    event_ring_publish(audit->ring, &event);
}

static void kind_tell(struct audit *audit, const struct kind *kind)
{
    char name[NAME_MAX_LENGTH + 1] = "";

    if (kind->container_id[0])
        audit->namer(audit->context, kind->container_id, name);
    kind_publish(audit, kind, name);
    kind_log(audit, kind, name);
}

static void kind_rest(struct kind *kind, int64_t now)
{
    kind->interval = kind->interval ? 2 * kind->interval : NS_PER_S;
    if (kind->interval > INTERVAL_MAX_S * NS_PER_S)
        kind->interval = INTERVAL_MAX_S * NS_PER_S;
    kind->due = now + kind->interval;
    kind->untold = 0;
}

/*
 * With the mutex held: a kind to be told now, copied to `out`. False: none; then *next is when
 * there may be one, 0 for never.
 */
static bool kind_take(struct audit *audit, int64_t now, struct kind *out, int64_t *next)
{
    *next = 0;
    for (unsigned i = 0; i < audit->count;) {
        struct kind *kind = &audit->kinds[i];

        if (kind->untold && (kind->due <= now || audit->stopping)) {
            *out = *kind;
            kind_rest(kind, now);
            return true;
        }
        if (kind->due <= now) {
            *kind = audit->kinds[--audit->count];
            continue;
        }
        if (!*next || kind->due < *next)
            *next = kind->due;
        i++;
    }
    return false;
}

/* The same of those without a place: their number, or 0. */
static uint64_t unlisted_take(struct audit *audit, int64_t now, int64_t *next)
{
    uint64_t unlisted = audit->unlisted;

    if (unlisted && audit->unlisted_due > now && !audit->stopping) {
        if (!*next || audit->unlisted_due < *next)
            *next = audit->unlisted_due;
        return 0;
    }
    if (unlisted)
        audit->unlisted_due = now + INTERVAL_MAX_S * NS_PER_S;
    audit->unlisted = 0;
    return unlisted;
}

static void unlisted_tell(struct audit *audit, uint64_t unlisted)
{
    event_ring_lose(audit->ring);
    if (line_may(audit))
        log_message(LOG_LEVEL_INFO,
                    "denied: %" PRIu64 " times, of more kinds than can be told one by one",
                    unlisted);
}

/* With the mutex held. */
static void audit_wait(struct audit *audit, int64_t until)
{
    struct timespec at = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};

    if (until)
        pthread_cond_timedwait(&audit->wake, &audit->mutex, &at);
    else
        pthread_cond_wait(&audit->wake, &audit->mutex);
}

static void *audit_run(void *argument)
{
    struct audit *audit = argument;
    struct kind kind;
    int64_t next;

    pthread_mutex_lock(&audit->mutex);
    for (;;) {
        int64_t now = time_monotonic();
        bool due = kind_take(audit, now, &kind, &next);
        uint64_t unlisted = unlisted_take(audit, now, &next);

        if (!due && !unlisted) {
            if (audit->stopping)
                break;
            audit_wait(audit, next);
            continue;
        }
        pthread_mutex_unlock(&audit->mutex);
        if (due)
            kind_tell(audit, &kind);
        if (unlisted)
            unlisted_tell(audit, unlisted);
        pthread_mutex_lock(&audit->mutex);
    }
    pthread_mutex_unlock(&audit->mutex);
    log_withheld(audit);
    return NULL;
}

int audit_start(struct audit *audit, audit_namer namer, void *context)
{
    int r;

    audit->namer = namer;
    audit->context = context;
    r = pthread_create(&audit->thread, NULL, audit_run, audit);
    audit->started = r == 0;
    return -r;
}

void audit_stop(struct audit *audit)
{
    if (!audit->started)
        return;
    pthread_mutex_lock(&audit->mutex);
    audit->stopping = true;
    pthread_cond_signal(&audit->wake);
    pthread_mutex_unlock(&audit->mutex);
    pthread_join(audit->thread, NULL);
    audit->started = false;
}
