/*
 * The receive loop over fuse_session_receive_buf and _process_buf: our own, so
 * that later requests can be received into memory that outlives the process.
 *
 * A thread is waiting (a reader), serving, or parked. `waiting` never exceeds
 * `readers`. The kernel wakes whoever has slept longest and never the
 * processor that asks, which is why readers do not sleep at once and why
 * there are few of them.
 *
 * The monitor sleeps until a request is taken while nobody waits for the
 * next. From then on it looks every millisecond whether requests are served;
 * if none was since the last look and still nobody waits, it calls a parked
 * thread or starts one.
 *
 * Lock: one, for parking, starting and the monitor's sleep; not held while serving.
 */
#define FUSE_USE_VERSION 318

#include "fs/workers.h"

#include "catalog/cleanup.h"
#include "catalog/model.h"
#include "fs/cred.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 256, /* most may wait for a disk at once */
    RETRY_US = 1000,
    READERS_MIN = 2,
    READERS_MAX = 8,
    WAKE_SIGNAL = SIGUSR1,
    JOIN_STEP_NS = 10000000,
    MONITOR_STEP_US = 1000,
    MONITOR_STEPS = 50, /* without need, before it sleeps again */
};

struct workers {
    struct fuse_session *fuse;
    int end_fd;
    int readers;
    int64_t spin_ns;
    _Atomic int waiting;
    _Atomic int running; /* threads that have not ended */
    _Atomic uint64_t served;
    _Atomic bool stopping;
    _Atomic bool monitor_sleeps;
    pthread_mutex_t lock;
    pthread_cond_t parked_wake;
    pthread_cond_t monitor_wake;
    int parked; /* (lock) */
    int called; /* (lock) parked threads that are to wake up */
    pthread_t monitor;
    bool has_monitor;
    pthread_t threads[WORKERS_MAX];
    unsigned count; /* (lock) */
};

static void *worker_main(void *context);

static void on_wake(int signal)
{
    (void)signal; /* only to end a sleep */
}

/* Lock held. −EAGAIN when there are enough or the system has no more. */
static int worker_spawn(struct workers *workers)
{
    int r;

    if (workers->count >= WORKERS_MAX)
        return -EAGAIN;
    atomic_fetch_add(&workers->running, 1);
    r = pthread_create(&workers->threads[workers->count], NULL, worker_main, workers);
    if (r == 0)
        workers->count++;
    else
        atomic_fetch_sub(&workers->running, 1);
    return -r;
}

/* One more thread to wait for requests, if there is one to be had. */
static void workers_call(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    if (atomic_load(&workers->stopping)) {
        /* nobody is needed any more */
    } else if (workers->parked > workers->called) {
        workers->called++;
        pthread_cond_signal(&workers->parked_wake);
    } else if (workers->called == 0) {
        worker_spawn(workers); /* failing, the request waits for one that is busy */
    }
    pthread_mutex_unlock(&workers->lock);
}

void workers_expect_delay(struct workers *workers)
{
    if (atomic_load(&workers->waiting) == 0)
        workers_call(workers);
}

/* The next request: looked for, then slept for. As fuse_session_receive_buf: > 0, 0 ended, −errno.
 */
static int worker_receive(struct workers *workers, struct fuse_buf *buffer)
{
    struct pollfd fd = {.fd = fuse_session_fd(workers->fuse), .events = POLLIN};
    int64_t until = 0;
    int n;

    for (;;) {
        n = fuse_session_receive_buf(workers->fuse, buffer);
        if ((n != -EAGAIN && n != -EINTR) || atomic_load(&workers->stopping))
            return n;
        if (n == -EINTR)
            continue;
        if (until == 0)
            until = time_monotonic() + workers->spin_ns;
        if (time_monotonic() < until) {
            sched_yield();
        } else {
            poll(&fd, 1, -1);
            until = 0;
        }
    }
}

/* Becomes a reader, or parks while there are enough. False: to stop. */
static bool worker_join_readers(struct workers *workers)
{
    int waiting = atomic_load(&workers->waiting);

    for (;;) {
        if (atomic_load(&workers->stopping))
            return false;
        if (waiting < workers->readers) {
            if (atomic_compare_exchange_weak(&workers->waiting, &waiting, waiting + 1))
                return true;
            continue;
        }
        pthread_mutex_lock(&workers->lock);
        workers->parked++;
        while (workers->called == 0 && !atomic_load(&workers->stopping))
            pthread_cond_wait(&workers->parked_wake, &workers->lock);
        if (workers->called > 0)
            workers->called--;
        workers->parked--;
        pthread_mutex_unlock(&workers->lock);
        waiting = atomic_load(&workers->waiting);
    }
}

static void monitor_rouse(struct workers *workers)
{
    if (!atomic_exchange(&workers->monitor_sleeps, false))
        return;
    pthread_mutex_lock(&workers->lock);
    pthread_cond_signal(&workers->monitor_wake);
    pthread_mutex_unlock(&workers->lock);
}

/* No more requests will come, or none shall be taken. */
static void workers_end(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    atomic_store(&workers->stopping, true);
    pthread_cond_broadcast(&workers->parked_wake);
    pthread_cond_broadcast(&workers->monitor_wake);
    pthread_mutex_unlock(&workers->lock);
}

/* The last thread that leaves says so: whoever waits for the end sees it. */
static void worker_leave(struct workers *workers)
{
    uint64_t one = 1;

    if (atomic_fetch_sub(&workers->running, 1) != 1)
        return;
    workers_end(workers);
    if (write(workers->end_fd, &one, sizeof(one)) < 0)
        abort(); /* an eventfd takes a 1 */
}

/* Short of memory a request waits a little; only its end ends the connection. */
static bool is_passing(int n)
{
    return n == -ENOMEM || n == -EINTR || n == -EAGAIN || n == -ENOENT;
}

static void *worker_main(void *context)
{
    struct workers *workers = context;
    struct fuse_buf buffer = {0};
    int n = cred_init_thread();

    if (n < 0) { /* this thread serves nobody; the others go on */
        worker_leave(workers);
        return NULL;
    }
    while (!fuse_session_exited(workers->fuse) && worker_join_readers(workers)) {
        n = worker_receive(workers, &buffer);
        if (atomic_fetch_sub(&workers->waiting, 1) == 1 && atomic_load(&workers->monitor_sleeps))
            monitor_rouse(workers);
        if (n > 0) {
            fuse_session_process_buf(workers->fuse, &buffer);
            atomic_fetch_add_explicit(&workers->served, 1, memory_order_relaxed);
        } else if (is_passing(n)) {
            usleep(RETRY_US);
        } else {
            break;
        }
    }
    free(buffer.mem);
    workers_end(workers); /* the connection has ended: for the parked, too */
    worker_leave(workers);
    return NULL;
}

static void monitor_sleep(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    atomic_store(&workers->monitor_sleeps, true);
    while (atomic_load(&workers->monitor_sleeps) && !atomic_load(&workers->stopping))
        pthread_cond_wait(&workers->monitor_wake, &workers->lock);
    pthread_mutex_unlock(&workers->lock);
}

static void *monitor_main(void *context)
{
    struct workers *workers = context;
    uint64_t served, before = 0;

    while (!atomic_load(&workers->stopping)) {
        monitor_sleep(workers);
        for (int quiet = 0; quiet < MONITOR_STEPS && !atomic_load(&workers->stopping); quiet++) {
            usleep(MONITOR_STEP_US);
            if (atomic_load(&workers->waiting) > 0)
                continue;
            served = atomic_load(&workers->served);
            if (served == before)
                workers_call(workers);
            before = served;
            quiet = 0;
        }
    }
    return NULL;
}

static int workers_begin(struct workers *workers)
{
    int fd = fuse_session_fd(workers->fuse);
    int r = 0;

    workers->end_fd = eventfd(0, EFD_CLOEXEC);
    if (workers->end_fd < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        return -errno;
    r = -pthread_create(&workers->monitor, NULL, monitor_main, workers);
    workers->has_monitor = r == 0;
    pthread_mutex_lock(&workers->lock);
    for (int i = 0; r == 0 && i < workers->readers; i++)
        r = worker_spawn(workers);
    pthread_mutex_unlock(&workers->lock);
    return r;
}

static int readers_chosen(long processors)
{
    if (processors < READERS_MIN)
        return READERS_MIN;
    return processors > READERS_MAX ? READERS_MAX : (int)processors;
}

int workers_start(struct workers **out, struct fuse_session *fuse,
                  const struct workers_config *config, struct error *e)
{
    struct sigaction action = {.sa_handler = on_wake}; /* no SA_RESTART */
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct workers *workers = calloc(1, sizeof(*workers));
    int spin = config->spin_us;
    int r;

    if (!workers)
        return -ENOMEM;
    if (spin < 0)
        spin =
            processors > 1 ? WORKERS_SPIN_DEFAULT_US : 0; /* alone, nobody could answer meanwhile */
    workers->fuse = fuse;
    workers->readers = config->readers ? (int)config->readers : readers_chosen(processors);
    workers->spin_ns = spin * INT64_C(1000);
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->parked_wake, NULL);
    pthread_cond_init(&workers->monitor_wake, NULL);
    sigaction(WAKE_SIGNAL, &action, NULL);
    r = workers_begin(workers);
    if (r < 0) {
        workers_stop(workers);
        return error_set_errno(e, r, "cannot start the threads that serve requests");
    }
    *out = workers;
    return 0;
}

int workers_end_fd(const struct workers *workers)
{
    return workers->end_fd;
}

unsigned workers_count(struct workers *workers)
{
    unsigned count;

    pthread_mutex_lock(&workers->lock);
    count = workers->count;
    pthread_mutex_unlock(&workers->lock);
    return count;
}

/* A thread may be about to sleep when the signal comes, so it is sent until the thread has ended.
 */
static void worker_join(pthread_t thread)
{
    struct timespec until;

    do {
        pthread_kill(thread, WAKE_SIGNAL);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += JOIN_STEP_NS;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
    } while (pthread_timedjoin_np(thread, NULL, &until) == ETIMEDOUT);
}

struct workers *workers_stop(struct workers *workers)
{
    if (!workers)
        return NULL;
    workers_end(workers);
    if (workers->has_monitor)
        pthread_join(workers->monitor, NULL);
    for (unsigned i = 0; i < workers->count; i++) /* none is started any more */
        worker_join(workers->threads[i]);
    pthread_cond_destroy(&workers->monitor_wake);
    pthread_cond_destroy(&workers->parked_wake);
    pthread_mutex_destroy(&workers->lock);
    close_p(&workers->end_fd);
    free(workers);
    return NULL;
}
