/* Ways by other tasks: forks, threads, tasks without a parent or a leader, other users. */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int go_at(struct place *place, go_fn go)
{
    place->dir = open(place->volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place->dir < 0)
        return -errno;
    go(place);
    close(place->dir);
    return 0;
}

static int wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static int take_fork(struct place *place, go_fn go)
{
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0)
        _exit(-go_at(place, go));
    return wait_for(pid);
}

/* Its parent ends first; a pipe tells when it is done. */
static int take_orphan(struct place *place, go_fn go)
{
    int ends[2];
    char byte;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0)
        return -errno;
    if (pid == 0) {
        if (fork() != 0)
            _exit(0);
        setsid();
        _exit(-go_at(place, go));
    }
    close(ends[1]);
    wait_for(pid);
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
        ;
    close(ends[0]);
    return 0;
}

/* Many short ones, each of which makes every attempt once more, beside one another. */
static int take_brood(struct place *place, go_fn go)
{
    enum { BROOD = 4 };
    pid_t pids[BROOD];
    int r = 0;

    for (int i = 0; i < BROOD; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(-go_at(place, go));
    }
    for (int i = 0; i < BROOD; i++)
        if (pids[i] > 0)
            r = wait_for(pids[i]);
    return r;
}

struct errand {
    struct place *place;
    go_fn go;
    bool own_mounts; /* a mount namespace for the thread alone */
    bool last;       /* the process ends with it */
    int result;
};

static void *run_errand(void *context)
{
    struct errand *errand = context;

    errand->result = errand->own_mounts ? outcome(unshare(CLONE_NEWNS)) : 0;
    if (errand->result == 0)
        errand->result = go_at(errand->place, errand->go);
    if (errand->last)
        _exit(-errand->result);
    return NULL;
}

static int take_errand(struct errand *errand)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run_errand, errand) != 0)
        return -EAGAIN;
    pthread_join(thread, NULL);
    return errand->result;
}

static int take_thread(struct place *place, go_fn go)
{
    struct errand errand = {place, go, false, false, 0};

    return take_errand(&errand);
}

static int take_thread_with_mounts(struct place *place, go_fn go)
{
    struct errand errand = {place, go, true, false, 0};

    return take_errand(&errand);
}

/* The thread that the process is called after has ended. */
static int take_leaderless(struct place *place, go_fn go)
{
    struct errand errand = {place, go, false, true, 0};
    pid_t pid = fork();
    pthread_t thread;

    if (pid < 0)
        return -errno;
    if (pid > 0)
        return wait_for(pid);
    if (pthread_create(&thread, NULL, run_errand, &errand) != 0)
        _exit(EAGAIN);
    syscall(SYS_exit, 0);
    abort(); /* it does not come back */
}

/* What /proc shows of it looks like another's. */
static int take_renamed(struct place *place, go_fn go)
{
    prctl(PR_SET_NAME, ") R 1 0::/\n0:", 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return go_at(place, go);
}

static int take_user(struct place *place, go_fn go)
{
    return setresgid(12345, 12345, 12345) < 0 || setresuid(12345, 12345, 12345) < 0
               ? -errno
               : go_at(place, go);
}

/* Shares its descriptors, memory and directories with one that is gone before it asks. */
static int borrow(void *context)
{
    struct errand *errand = context;

    errand->result = go_at(errand->place, errand->go);
    return 0;
}

static int take_shared(struct place *place, go_fn go)
{
    enum { STACK = 256 << 10 };
    struct errand errand = {place, go, false, false, 0};
    char *stack = malloc(STACK);
    pid_t pid;

    if (!stack)
        return NOT_HERE;
    pid = clone(borrow, stack + STACK, CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, &errand);
    if (pid < 0)
        errand.result = -errno;
    else
        wait_for(pid);
    free(stack);
    return errand.result;
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        "tasks", #name, take_##name, 0                                                             \
    }
#define WEAK(name)                                                                                 \
    {                                                                                              \
        "tasks", #name, take_##name, ANY                                                           \
    }
const struct route routes_task[] = {
    ROW(fork),       ROW(orphan),  ROW(brood), ROW(thread), ROW(thread_with_mounts),
    ROW(leaderless), ROW(renamed), WEAK(user), ROW(shared),
};
const size_t routes_task_count = sizeof(routes_task) / sizeof(*routes_task);
