/*
 * The thread that waits for containers to end, by descriptors of their processes, and looks again
 * at those that may be gone.
 *
 * Its mutex guards the lists, of reviews and of what is watched, and is taken last. What is watched
 * is freed by the thread, which holds no lock while it reviews.
 */
#include "catalog/cleanup.h"
#include "fs/caller_known.h"
#include "fs/process.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    REVIEW_INTERVAL_MS = 5000,
    EVENTS_AT_ONCE = 16,
};

struct watched {
    struct watched *next;
    int pidfd;
    pid_t pid;
    char container_id[CONTAINER_ID_MAX + 1];
};

struct review {
    struct review *next;
    int64_t since; /* see volume_container_review */
    char container_id[CONTAINER_ID_MAX + 1];
};

struct watch {
    int epoll_fd, wake_fd;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    pthread_mutex_t mutex;   /* guards both lists */
    struct review *reviews;  /* to be looked at */
    struct watched *watched; /* to be freed at the end */
};

static void watch_wake(struct watch *watch)
{
    uint64_t one = 1;

    while (write(watch->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* ---- reviews ---------------------------------------------------------------------- */

/* Takes the review over; one of the same container that waits already stands for both. */
static void reviews_put(struct watch *watch, struct review *review)
{
    struct review **place = &watch->reviews;

    pthread_mutex_lock(&watch->mutex);
    while (*place && strcmp((*place)->container_id, review->container_id) != 0)
        place = &(*place)->next;
    if (*place) {
        free(review);
    } else {
        review->next = NULL;
        *place = review;
    }
    pthread_mutex_unlock(&watch->mutex);
}

static void reviews_add(struct volumes *volumes, const char *container_id)
{
    struct review *review = calloc(1, sizeof(*review));

    if (!review) {
        volume_container_problem(volumes, container_id,
                                 "out of memory: the end of this container is "
                                 "not noticed",
                                 "start volumefs again");
        return;
    }
    memcpy(review->container_id, container_id, strnlen(container_id, CONTAINER_ID_MAX));
    reviews_put(volumes->watch, review);
}

void volumes_review(struct volumes *volumes, const char *container_id)
{
    if (!volumes->watch)
        return;
    reviews_add(volumes, container_id);
    watch_wake(volumes->watch);
}

static void review_one(struct volumes *volumes, struct review *review)
{
    struct error e = {0};
    bool keep;
    int r = volume_container_review(volumes, review->container_id, &review->since, &keep, &e);

    if (r)
        volume_container_problem(volumes, review->container_id,
                                 e.text[0] ? e.text
                                 : r < 0   ? strerror(-r)
                                           : error_code_name(r),
                                 "it is tried again by itself");
    else if (!keep)
        volume_container_problem_clear(volumes, review->container_id);
    if (keep)
        reviews_put(volumes->watch, review);
    else
        free(review);
}

static void reviews_run(struct volumes *volumes)
{
    struct watch *watch = volumes->watch;
    struct review *due;

    pthread_mutex_lock(&watch->mutex);
    due = watch->reviews;
    watch->reviews = NULL;
    pthread_mutex_unlock(&watch->mutex);
    while (due) {
        struct review *next = due->next;

        review_one(volumes, due);
        due = next;
    }
}

static bool reviews_wait(struct watch *watch)
{
    bool wait;

    pthread_mutex_lock(&watch->mutex);
    wait = watch->reviews != NULL;
    pthread_mutex_unlock(&watch->mutex);
    return wait;
}

/* ---- watching --------------------------------------------------------------------- */

static void watched_remove(struct watch *watch, struct watched *watched)
{
    struct watched **place = &watch->watched;

    pthread_mutex_lock(&watch->mutex);
    while (*place != watched)
        place = &(*place)->next;
    *place = watched->next;
    pthread_mutex_unlock(&watch->mutex);
    caller_known_remove(watched->container_id, watched->pid); /* before its pid is another's */
    close(watched->pidfd);                                    /* and so it leaves the epoll set */
    free(watched);
}

/* Whether the thread will be told. The descriptor is taken over then. */
static bool watch_add(struct watch *watch, const char *container_id, pid_t pid, int pidfd)
{
    struct watched *watched = calloc(1, sizeof(*watched));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watched};

    if (!watched)
        return false;
    watched->pidfd = pidfd;
    watched->pid = pid;
    memcpy(watched->container_id, container_id, strnlen(container_id, CONTAINER_ID_MAX));
    if (caller_known_add(container_id, pid) < 0) {
        free(watched);
        return false;
    }
    pthread_mutex_lock(&watch->mutex);
    watched->next = watch->watched;
    watch->watched = watched;
    pthread_mutex_unlock(&watch->mutex);
    if (epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, pidfd, &event) == 0)
        return true;
    watched->pidfd = -1; /* the caller's still */
    watched_remove(watch, watched);
    return false;
}

void volumes_watch(struct volumes *volumes, const char *container_id, pid_t pid, int pidfd)
{
    if (volumes->watch && watch_add(volumes->watch, container_id, pid, pidfd))
        return;
    close(pidfd);
    volumes_review(volumes, container_id);
}

static void *watch_run(void *argument)
{
    struct volumes *volumes = argument;
    struct watch *watch = volumes->watch;
    struct epoll_event events[EVENTS_AT_ONCE];
    uint64_t count;

    while (!atomic_load(&watch->stop)) {
        int n = epoll_wait(watch->epoll_fd, events, EVENTS_AT_ONCE,
                           reviews_wait(watch) ? REVIEW_INTERVAL_MS : -1);

        for (int i = 0; i < n; i++) {
            struct watched *watched = events[i].data.ptr;

            if (!watched) {
                (void)!read(watch->wake_fd, &count, sizeof(count));
                continue;
            }
            reviews_add(volumes, watched->container_id);
            watched_remove(watch, watched);
        }
        if (!atomic_load(&watch->stop))
            reviews_run(volumes);
    }
    return NULL;
}

/* ---- start and stop ---------------------------------------------------------------- */

/* Those that ran when the last daemon ended. */
static int visit_run(void *context, const struct container *container, const struct run *run)
{
    struct volumes *volumes = context;
    int fd;

    if (container->state == CONTAINER_CREATED ||
        (container->state == CONTAINER_EXITED && !run->auto_remove &&
         !volume_container_goes_at_end(container)))
        return 0;
    fd = container->state == CONTAINER_RUNNING ? process_reopen(run) : -ESRCH;
    if (fd < 0)
        reviews_add(volumes, container->id);
    else
        volumes_watch(volumes, container->id, run->pid, fd);
    return 0;
}

static struct watch *watch_new(void)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    if (!watch)
        return NULL;
    pthread_mutex_init(&watch->mutex, NULL);
    watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch->epoll_fd >= 0 && watch->wake_fd >= 0 &&
        epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, watch->wake_fd, &event) == 0)
        return watch;
    close_p(&watch->epoll_fd);
    close_p(&watch->wake_fd);
    free(watch);
    return NULL;
}

int volumes_start_watch(struct volumes *volumes, struct error *e)
{
    int r;

    volumes->watch = watch_new();
    if (!volumes->watch)
        return error_set_errno(e, -errno, "cannot watch containers");
    r = catalog_run_each(volumes->catalog, visit_run, volumes, e);
    if (r)
        return r;
    reviews_run(volumes); /* before anybody asks for counts */
    r = pthread_create(&volumes->watch->thread, NULL, watch_run, volumes);
    volumes->watch->started = r == 0;
    return r ? error_set_errno(e, -r, "cannot start the thread that watches containers") : 0;
}

void volumes_stop_watch(struct volumes *volumes)
{
    struct watch *watch = volumes->watch;

    if (!watch)
        return;
    atomic_store(&watch->stop, true);
    watch_wake(watch);
    if (watch->started)
        pthread_join(watch->thread, NULL);
    while (watch->watched)
        watched_remove(watch, watch->watched);
    while (watch->reviews) {
        struct review *next = watch->reviews->next;

        free(watch->reviews);
        watch->reviews = next;
    }
    close(watch->epoll_fd);
    close(watch->wake_fd);
    pthread_mutex_destroy(&watch->mutex);
    free(watch);
    volumes->watch = NULL;
}
