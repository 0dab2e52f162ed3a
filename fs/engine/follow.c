/*
 * One thread an engine. It subscribes to the events first and asks for the list then, so that
 * nothing happens unseen between the two; each event makes it ask for that one container again, as
 * what an event says itself differs between engines; and once more for all when they are over, as
 * Docker tells of a new name while the old one is listed too. When the stream ends it starts anew.
 *
 * Whoever is about to decide by what is known waits for a list that was asked for after he came
 * (follow_refresh, demand.h). Of an engine that is not there nothing new can come; one that is
 * there and does not answer may know of a container that we do not, and so nothing is decided.
 */
#include "fs/engine/follow.h"

#include "catalog/cleanup.h"
#include "fs/engine/codec.h"
#include "fs/engine/demand.h"
#include "fs/engine/http.h"
#include "fs/log.h"
#include "fs/volume_engine.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Under which Podman, whatever the container, mounts the volumes of plugins. */
#define PODMAN_MOUNT_ID "2f73349cfc4630255319c6c8dfc1b46a8996ace9d14d8e07563b165915918ec2"

enum {
    ENGINES = 2,
    RETRY_MS = 2000,         /* between looks for an engine that is away */
    STREAM_WAIT_MS = 1000,   /* for the engine to say that it subscribed us */
    LIST_AGAIN_MS = 300000,  /* whatever events say */
    SETTLE_MS = 1000,        /* after events: some come in the middle of what they tell of */
    UNSAVED_MS = 3000,       /* Podman mounts first, and counts that itself then */
    REPAIR_MS = 5000,        /* after what could not be recorded */
    REFRESH_LIMIT_MS = 2000, /* who waits for the latest gives up then */
    PENDING_MAX = 16,        /* containers asked for one by one; more are one list */
    NS_PER_MS = 1000 * 1000,
};

struct follower {
    struct follow *follow;
    struct engine engine;
    const char *socket;
    struct engine_http *http;
    pthread_t thread;
    bool started;
    bool is_away;            /* said, and for the log */
    bool stream_was_open;    /* when the last list was asked for */
    unsigned id_connections; /* that were made when the engine was asked for its id */
    bool is_another;         /* who answers now has another id: it is to be followed instead */
    int64_t list_due_ms;     /* CLOCK_MONOTONIC */
    char pending[PENDING_MAX][CONTAINER_ID_MAX + 1];
    size_t pending_count; /* PENDING_MAX + 1: too many */
    bool unrecorded;      /* something of the list that is being recorded */
    struct demand demand;
};

struct follow {
    struct volumes *volumes;
    struct follower followers[ENGINES];
    atomic_bool stop;
};

static int64_t now_ms(void)
{
    return time_monotonic() / NS_PER_MS;
}

/* ---- events -------------------------------------------------------------------------- */

static void take_event(void *context, char *line, size_t length)
{
    struct follower *follower = context;
    char id[CONTAINER_ID_MAX + 1];

    if (follower->pending_count > PENDING_MAX || !engine_event_read(line, length, id))
        return;
    for (size_t i = 0; i < follower->pending_count; i++)
        if (strcmp(follower->pending[i], id) == 0)
            return;
    if (follower->pending_count < PENDING_MAX)
        memcpy(follower->pending[follower->pending_count], id, sizeof(id));
    follower->pending_count++;
}

/* ---- lists ---------------------------------------------------------------------------- */

static void list_again_in(struct follower *follower, int64_t ms)
{
    int64_t due = now_ms() + ms;

    if (due < follower->list_due_ms)
        follower->list_due_ms = due;
}

/* What could not be recorded is told, and tried again soon. */
static void report_unrecorded(struct follower *follower, const char *id, int r,
                              const struct error *e)
{
    log_message(LOG_LEVEL_WARNING, "%s: container %.12s cannot be recorded: %s; it is tried again",
                follower->engine.name, id,
                e->text[0] ? e->text
                : r < 0    ? strerror(-r)
                           : error_code_name(r));
    follower->unrecorded = true;
    list_again_in(follower, REPAIR_MS);
}

/* One that has ended meanwhile has none; and the engine is asked again soon. */
static int learn_process(struct follower *follower, const char *id, struct error *e)
{
    _cleanup_(free_p) char *path = NULL;
    _cleanup_(free_p) char *body = NULL;
    struct start_request request = {0};
    struct container container;
    size_t length = 0;
    int r;

    if (asprintf(&path, "/containers/%s/json", id) < 0)
        return -ENOMEM;
    if (engine_http_get(follower->http, path, &body, &length, NULL) == 0)
        request.pid = engine_process_read(body, length);
    if (!request.pid) {
        list_again_in(follower, SETTLE_MS);
        return 0;
    }
    r = volumes_container_start(follower->follow->volumes, id, &request, &container, e);
    return r == ERROR_REQUEST_INVALID || r == ERROR_NOT_FOUND ? 0 : r;
}

static void record(struct follower *follower, const struct engine_container *container,
                   const struct engine_recorded *recorded)
{
    struct error e = {0};
    bool wants_process;
    int r = volumes_engine_put(follower->follow->volumes, &follower->engine, container, recorded,
                               &wants_process, &e);

    if (r == 0 && wants_process)
        r = learn_process(follower, container->id, &e);
    if (r)
        report_unrecorded(follower, container->id, r, &e);
}

/* What it tells of itself: "" if it does not, or may not. */
static int ask_id(struct follower *follower, char id[ENGINE_ID_MAX + 1], struct error *e)
{
    _cleanup_(free_p) char *body = NULL;
    size_t length = 0;
    int r = engine_http_get(follower->http, "/networks/host", &body, &length, e);

    *id = 0;
    if (r == 0)
        engine_id_read(body, length, id);
    follower->id_connections = engine_http_connections(follower->http);
    return r == ERROR_NOT_FOUND || r == ERROR_DENIED ? 0 : r;
}

/*
 * Over a connection that was there when the id was asked for, the same engine answers. A new one is
 * answered by whoever listens now, which may be the next one already, with other data.
 */
static int check_id(struct follower *follower, struct error *e)
{
    char id[ENGINE_ID_MAX + 1];
    int r;

    if (!follower->engine.id[0] ||
        engine_http_connections(follower->http) == follower->id_connections)
        return 0;
    r = ask_id(follower, id, e);
    follower->is_another = r == 0 && strcmp(id, follower->engine.id) != 0;
    if (follower->is_another)
        r = error_set(e, ERROR_UNAVAILABLE, "%s: another engine answers", follower->socket);
    return r;
}

static int get_list(struct follower *follower, const char *path, struct engine_list *out,
                    struct error *e)
{
    _cleanup_(free_p) char *body = NULL;
    size_t length = 0;
    int r = engine_http_get(follower->http, path, &body, &length, e);

    if (r == 0)
        r = check_id(follower, e);
    return r ? r : engine_list_read(body, length, out, e);
}

static bool is_listed(void *context, const char *id)
{
    return engine_list_find(context, id);
}

/* ---- mounts that engines have forgotten ------------------------------------------------- */

/*
 * Podman counts its mounts itself, and takes the last one back. One that was killed between the
 * mount and its count takes nothing back: its own number says so.
 */
static int check_use(void *context, const char *name, int64_t since)
{
    struct follower *follower = context;
    _cleanup_(free_p) char *path = NULL;
    _cleanup_(free_p) char *body = NULL;
    struct error e = {0};
    size_t length = 0;
    int r;

    if (time_now() - since < (int64_t)UNSAVED_MS * NS_PER_MS) {
        list_again_in(follower, UNSAVED_MS);
        return 0;
    }
    if (asprintf(&path, "/v4.0.0/libpod/volumes/%s/json", name) < 0)
        return -ENOMEM;
    r = engine_http_get(follower->http, path, &body, &length, NULL);
    if (r != ERROR_NOT_FOUND && (r || engine_mount_count_read(body, length) != 0))
        return 0; /* it has it mounted (podman volume mount), or cannot be asked of that */
    r = volumes_end_use(follower->follow->volumes, name, PODMAN_MOUNT_ID, &e);
    log_message(r ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                "podman has volume %s not mounted any more, and never said so%s%s", name,
                r ? ": " : "", e.text);
    return 0;
}

static int check_uses(struct follower *follower, struct error *e)
{
    if (strcmp(follower->engine.name, "podman") != 0) {
        int ms = follower->unrecorded ? 0 : volumes_end_inherited_uses(follower->follow->volumes);

        if (ms)
            list_again_in(follower, ms);
        return 0;
    }
    return volumes_each_unseen_use(follower->follow->volumes, PODMAN_MOUNT_ID, check_use, follower,
                                   e);
}

/* ---- lists, whole and in part -------------------------------------------------------------- */

/* What cannot be looked through is no reason to record nothing of it. */
static int record_all(struct follower *follower, struct engine_list *list, struct error *e)
{
    _cleanup_(engine_recorded_deinit) struct engine_recorded recorded;
    int r = volumes_engine_look(follower->follow->volumes, &follower->engine, &recorded, e);

    for (size_t i = 0; i < list->count; i++)
        record(follower, &list->items[i], r ? NULL : &recorded);
    return r ? r
             : volumes_engine_forget_others(follower->follow->volumes, &follower->engine, &recorded,
                                            is_listed, list, e);
}

/* What events tell is in the list that is made now, or in the one after it. One that is due later
 * stays due: somebody who wanted a list may have come in the middle of what they tell of. */
static void list_takes_events(struct follower *follower)
{
    if (now_ms() >= follower->list_due_ms)
        follower->list_due_ms = now_ms() + LIST_AGAIN_MS;
    if (follower->pending_count)
        list_again_in(follower, SETTLE_MS);
    follower->pending_count = 0;
}

/* Everything the engine has now, in place of what was known. */
static int list_all(struct follower *follower, struct error *e)
{
    _cleanup_(engine_list_deinit) struct engine_list list = {0};
    int r;

    follower->stream_was_open = engine_http_is_streaming(follower->http);
    list_takes_events(follower);
    follower->unrecorded = false;
    r = get_list(follower, "/containers/json?all=1", &list, e);
    if (r == 0)
        r = record_all(follower, &list, e);
    return r ? r : check_uses(follower, e);
}

static int list_one(struct follower *follower, const char *id, struct error *e)
{
    _cleanup_(engine_list_deinit) struct engine_list list = {0};
    _cleanup_(free_p) char *filter = NULL;
    _cleanup_(free_p) char *escaped = NULL;
    _cleanup_(free_p) char *path = NULL;
    const struct engine_container *container;
    int r;

    if (asprintf(&filter, "{\"id\":[\"%s\"]}", id) < 0)
        return -ENOMEM;
    escaped = engine_http_escape(filter);
    if (!escaped || asprintf(&path, "/containers/json?all=1&filters=%s", escaped) < 0)
        return -ENOMEM;
    r = get_list(follower, path, &list, e);
    if (r)
        return r;
    container = engine_list_find(&list, id);
    if (!container)
        return volumes_engine_forget(follower->follow->volumes, &follower->engine, id, e);
    record(follower, container, NULL);
    return 0;
}

static int list_pending(struct follower *follower, struct error *e)
{
    size_t count = follower->pending_count;
    int r = 0;

    if (count)
        list_again_in(follower, SETTLE_MS);
    follower->pending_count = 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = list_one(follower, follower->pending[i], e);
    return r;
}

/* ---- what others wait for ---------------------------------------------------------------- */

/* 0: there is no engine that could tell anything. */
static uint64_t ask_for_list(struct follower *follower)
{
    uint64_t number;

    if (!follower->started ||
        (!demand_engine_was_there(&follower->demand) && access(follower->socket, F_OK) != 0))
        return 0;
    number = demand_add(&follower->demand);
    engine_http_wake(follower->http, false);
    return number;
}

static int wait_for_list(struct follower *follower, uint64_t number, const struct timespec *until,
                         struct error *e)
{
    switch (demand_wait(&follower->demand, number, until)) {
    case DEMAND_MET:
        break;
    case DEMAND_SILENT:
        return error_set(e, ERROR_UNAVAILABLE,
                         "%s does not tell which containers it has; look why %s does not answer, "
                         "and try again",
                         follower->engine.name, follower->socket);
    case DEMAND_INCOMPLETE:
        return error_set(e, ERROR_UNAVAILABLE,
                         "not all containers of %s could be recorded, the log says why; try again",
                         follower->engine.name);
    }
    return 0;
}

static int follow_refresh(void *context, struct error *e)
{
    struct follow *follow = context;
    uint64_t numbers[ENGINES] = {0};
    struct timespec until;
    int r = 0;

    for (size_t i = 0; i < ENGINES; i++)
        numbers[i] = ask_for_list(&follow->followers[i]);
    until = time_monotonic_in(REFRESH_LIMIT_MS);
    for (size_t i = 0; r == 0 && i < ENGINES; i++)
        if (numbers[i])
            r = wait_for_list(&follow->followers[i], numbers[i], &until, e);
    return r;
}

/* ---- following ----------------------------------------------------------------------------- */

static int list_when_due(struct follower *follower, struct error *e)
{
    uint64_t wanted = demand_number(&follower->demand);
    int r;

    if (!demand_is_open(&follower->demand) && follower->pending_count <= PENDING_MAX &&
        follower->stream_was_open == engine_http_is_streaming(follower->http) &&
        now_ms() < follower->list_due_ms)
        return list_pending(follower, e);
    r = list_all(follower, e);
    if (r == 0)
        demand_meet(&follower->demand, wanted, true, follower->unrecorded);
    return r;
}

static int wait_for_stream(struct follower *follower, struct error *e)
{
    int64_t until = now_ms() + STREAM_WAIT_MS;
    int r = engine_http_stream(follower->http,
                               "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D",
                               take_event, follower, e);

    while (r == 0 && !engine_http_is_streaming(follower->http) &&
           !engine_http_has_ended(follower->http) && now_ms() < until)
        r = engine_http_wait(follower->http, (int)(until - now_ms()) + 1, e);
    return r;
}

static void say_followed(struct follower *follower)
{
    if (follower->is_away)
        log_message(LOG_LEVEL_INFO, "%s: its containers are known from %s", follower->engine.name,
                    follower->socket);
    follower->is_away = false;
    volumes_engine_set_state(follower->follow->volumes, &follower->engine, follower->socket, NULL);
}

/* Until the engine goes away; *e says how. 0: it tells no events (any more), and is to be asked
 * again. */
static int follow_engine(struct follower *follower, struct error *e)
{
    uint64_t wanted = demand_number(&follower->demand);
    int r = wait_for_stream(follower, e);

    if (r == 0)
        r = ask_id(follower, follower->engine.id, e);
    if (r == 0)
        r = list_all(follower, e);
    if (r)
        return r;
    say_followed(follower); /* before somebody goes by it */
    demand_meet(&follower->demand, wanted, true, follower->unrecorded);
    while (r == 0 && !engine_http_has_ended(follower->http)) {
        int64_t left = follower->list_due_ms - now_ms();

        if (demand_is_open(&follower->demand)) /* it came while something else was waited for */
            left = 0;
        r = engine_http_wait(follower->http, left > 0 ? (int)left : 0, e);
        if (r == 0 && !engine_http_has_ended(follower->http))
            r = list_when_due(follower, e);
    }
    return r;
}

static void say_away(struct follower *follower, const char *why)
{
    if (!follower->is_away && !atomic_load(&follower->follow->stop))
        log_message(LOG_LEVEL_INFO, "%s: not followed any more: %s", follower->engine.name, why);
    follower->is_away = true;
    volumes_engine_set_state(follower->follow->volumes, &follower->engine, follower->socket, why);
}

/* podman-docker puts Podman's socket where Docker's would be: its containers are Podman's. */
static bool is_podmans(const struct follower *follower)
{
    const struct follower *podman = &follower->follow->followers[1];
    char mine[PATH_MAX], other[PATH_MAX];

    return follower != podman && podman->started && realpath(follower->socket, mine) &&
           realpath(podman->socket, other) && strcmp(mine, other) == 0;
}

static void follower_try(struct follower *follower)
{
    uint64_t wanted = demand_number(&follower->demand);
    struct error e = {0};
    int r = -ENOENT;

    follower->is_another = false;
    if (access(follower->socket, F_OK) == 0 && !is_podmans(follower))
        r = follow_engine(follower, &e);
    if (r == 0 || follower->is_another) /* what is waited for is still to be met */
        return;
    say_away(follower, e.text[0] ? e.text : r < 0 ? strerror(-r) : error_code_name(r));
    demand_meet(&follower->demand, wanted, false, false);
}

static void *follower_run(void *argument)
{
    struct follower *follower = argument;

    while (!atomic_load(&follower->follow->stop)) {
        follower_try(follower);
        demand_await(&follower->demand, RETRY_MS);
    }
    return NULL;
}

/* ---- start and stop -------------------------------------------------------------------------- */

static int follower_start(struct follower *follower, struct error *e)
{
    int r;

    if (!follower->socket || !*follower->socket)
        return 0;
    follower->http = engine_http_new(follower->socket);
    if (!follower->http)
        return -ENOMEM;
    follower->is_away = true;
    demand_init(&follower->demand);
    follower->started = true;
    r = pthread_create(&follower->thread, NULL, follower_run, follower);
    if (r == 0)
        return 0;
    follower->started = false;
    demand_deinit(&follower->demand);
    follower->http = engine_http_free(follower->http);
    return error_set_errno(e, -r, "cannot start the thread that follows %s", follower->engine.name);
}

int follow_start(struct follow **out, struct volumes *volumes, const struct follow_config *config,
                 struct error *e)
{
    struct follow *follow = calloc(1, sizeof(*follow));
    int r = 0;

    *out = follow;
    if (!follow)
        return -ENOMEM;
    follow->volumes = volumes;
    follow->followers[0] = (struct follower){.engine = {.name = "docker", .driver = config->driver},
                                             .socket = config->docker_socket};
    follow->followers[1] = (struct follower){.engine = {.name = "podman", .driver = config->driver},
                                             .socket = config->podman_socket};
    for (size_t i = ENGINES; r == 0 && i-- > 0;) {
        follow->followers[i].follow = follow;
        r = follower_start(&follow->followers[i], e);
    }
    if (r)
        *out = follow_stop(follow);
    else
        volumes_set_refresh(volumes, follow_refresh, follow);
    return r;
}

static void follower_stop(struct follower *follower)
{
    if (!follower->started)
        return;
    engine_http_wake(follower->http, true);
    demand_end(&follower->demand);
    pthread_join(follower->thread, NULL);
    follower->http = engine_http_free(follower->http);
    demand_deinit(&follower->demand);
}

struct follow *follow_stop(struct follow *follow)
{
    if (!follow)
        return NULL;
    volumes_set_refresh(follow->volumes, NULL, NULL);
    atomic_store(&follow->stop, true);
    for (size_t i = 0; i < ENGINES; i++)
        follower_stop(&follow->followers[i]);
    free(follow);
    return NULL;
}
