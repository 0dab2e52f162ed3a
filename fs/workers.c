/*
 * The receive loop over fuse_session_receive_buf and _process_buf: our own, so
 * that later requests can be received into memory that outlives the process.
 *
 * A worker that takes a request while no other waits for the next starts one
 * more, so that a thread waiting for a disk never keeps the others' requests
 * waiting; surplus threads stay (bounded by WORKERS_MAX).
 *
 * Lock: one, over the list of threads; not held while serving.
 */
#define FUSE_USE_VERSION 318

#include "fs/workers.h"

#include "catalog/cleanup.h"
#include "fs/cred.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_MAX = 64, WORKERS_BASE_MIN = 2, WAKE_SIGNAL = SIGUSR1, JOIN_STEP_NS = 10000000 };

struct workers {
    struct fuse_session *fuse;
    int end_fd;
    _Atomic int idle;    /* waiting for a request */
    _Atomic int running; /* not yet ended */
    _Atomic bool stopping;
    pthread_mutex_t lock;
    pthread_t threads[WORKERS_MAX];
    unsigned count;
};

static int worker_spawn(struct workers *workers);

static void on_wake(int signal)
{
    (void)signal; /* only to end a read */
}

/* One request: 1 served, 0 the connection has ended or we are to stop. */
static int worker_serve(struct workers *workers, struct fuse_buf *buffer)
{
    int n;

    atomic_fetch_add(&workers->idle, 1);
    do {
        n = fuse_session_receive_buf(workers->fuse, buffer);
    } while ((n == -EINTR || n == -EAGAIN) && !atomic_load(&workers->stopping));
    if (atomic_fetch_sub(&workers->idle, 1) == 1 && n > 0 && !atomic_load(&workers->stopping))
        worker_spawn(workers); /* nobody is left to take the next; failing, it is taken later */
    if (n <= 0)
        return 0;
    fuse_session_process_buf(workers->fuse, buffer);
    return 1;
}

static void *worker_main(void *context)
{
    struct workers *workers = context;
    struct fuse_buf buffer = {0};
    uint64_t one = 1;

    if (cred_init_thread() == 0)
        while (!fuse_session_exited(workers->fuse) && !atomic_load(&workers->stopping))
            if (!worker_serve(workers, &buffer))
                break;
    free(buffer.mem);
    if (atomic_fetch_sub(&workers->running, 1) == 1 &&
        write(workers->end_fd, &one, sizeof(one)) < 0)
        abort(); /* an eventfd takes a 1 */
    return NULL;
}

static int worker_spawn(struct workers *workers)
{
    int r = EAGAIN;

    pthread_mutex_lock(&workers->lock);
    if (workers->count < WORKERS_MAX) {
        atomic_fetch_add(&workers->running, 1);
        r = pthread_create(&workers->threads[workers->count], NULL, worker_main, workers);
        if (r == 0)
            workers->count++;
        else
            atomic_fetch_sub(&workers->running, 1);
    }
    pthread_mutex_unlock(&workers->lock);
    return -r;
}

int workers_start(struct workers **out, struct fuse_session *fuse, unsigned base, struct error *e)
{
    struct sigaction action = {.sa_handler = on_wake}; /* no SA_RESTART */
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct workers *workers = calloc(1, sizeof(*workers));
    int r = 0;

    if (!workers)
        return -ENOMEM;
    if (base == 0)
        base = processors > WORKERS_BASE_MIN ? (unsigned)processors : WORKERS_BASE_MIN;
    if (base > WORKERS_MAX)
        base = WORKERS_MAX;
    workers->fuse = fuse;
    pthread_mutex_init(&workers->lock, NULL);
    workers->end_fd = eventfd(0, EFD_CLOEXEC);
    if (workers->end_fd < 0)
        r = -errno;
    sigaction(WAKE_SIGNAL, &action, NULL);
    for (unsigned i = 0; r == 0 && i < base; i++)
        r = worker_spawn(workers);
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

unsigned workers_count(const struct workers *workers)
{
    struct workers *w = (struct workers *)(uintptr_t)workers;
    unsigned count;

    pthread_mutex_lock(&w->lock);
    count = w->count;
    pthread_mutex_unlock(&w->lock);
    return count;
}

/* A thread may be about to read when the signal comes, so it is sent until the thread has ended. */
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
    atomic_store(&workers->stopping, true);
    pthread_mutex_lock(&workers->lock);
    for (unsigned i = workers->count; i > 0; i--) {
        pthread_t thread = workers->threads[i - 1];

        pthread_mutex_unlock(&workers->lock); /* one that spawns must be able to end */
        worker_join(thread);
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    pthread_mutex_destroy(&workers->lock);
    close_p(&workers->end_fd);
    free(workers);
    return NULL;
}
