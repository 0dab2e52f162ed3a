/*
 * Runs on the host: processes of two containers in quick succession, by one and the same thread id.
 *
 * The one may change a file, the other may not; whoever remembers a caller by its number takes the
 * one for the other. Numbers come back after tens of thousands of processes; clone3 gives them at
 * once.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IDS = 7 }; /* so many numbers take turns */

/* A container, by its first process, and the file of which group it is in. */
struct party {
    const char *pid, *group;
    int mounts, root; /* descriptors */
    int expected;     /* errno of a change */
};

struct options {
    struct party parties[2]; /* the one that may, and the other */
    const char *file;
    unsigned long attempts;
};

static const struct argp_option options_known[] = {
    {"writer", 'w', "PID", 0, "a process of the container that may write", 0},
    {"writer-group", 'W', "FILE", 0, "the cgroup.procs that it is in", 0},
    {"other", 'o', "PID", 0, "a process of the one that may not", 0},
    {"other-group", 'O', "FILE", 0, "the cgroup.procs that it is in", 0},
    {"refusal", 'r', "NUMBER", 0, "the errno for the other (default EROFS)", 0},
    {"attempts", 'n', "N", 0, "of the other", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'w':
        options->parties[0].pid = text;
        return 0;
    case 'W':
        options->parties[0].group = text;
        return 0;
    case 'o':
        options->parties[1].pid = text;
        return 0;
    case 'O':
        options->parties[1].group = text;
        return 0;
    case 'r':
        options->parties[1].expected = (int)strtol(text, NULL, 10);
        return 0;
    case 'n':
        options->attempts = strtoul(text, NULL, 10);
        return 0;
    case ARGP_KEY_ARG:
        options->file = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void fail(const char *what)
{
    fprintf(stderr, "escape_storm: %s: %s\n", what, strerror(errno));
    _exit(EXIT_FAILURE);
}

static int open_of(const char *pid, const char *name)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail(path);
    return fd;
}

/* Becomes one of the party. */
static void join(const struct party *party)
{
    int fd = open(party->group, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, "0", 1) != 1)
        fail(party->group);
    close(fd);
    if (setns(party->mounts, CLONE_NEWNS) < 0 || fchdir(party->root) < 0 || chroot(".") < 0)
        fail("cannot enter the container");
}

/* Its status is the errno of the change. */
static void change(const struct party *party, const char *file)
{
    int fd;

    join(party);
    fd = open(file, O_WRONLY | O_CLOEXEC);
    _exit(fd < 0 ? errno : 0);
}

/* A child with this very id. −1: it is taken just now. */
static pid_t fork_as(pid_t id)
{
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&id, .set_tid_size = 1};

    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* What the change by a process of the party came to, or −1. */
static int ask(const struct party *party, const char *file, pid_t id)
{
    pid_t pid = fork_as(id);
    int status = 0;

    if (pid == 0)
        change(party, file);
    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* An id that is free now, and so high that it is free again when it has come round. */
static pid_t choose_id(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    if (pid < 0)
        fail("fork");
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return pid;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options_known, parse, "FILE", NULL, NULL, NULL, NULL};
    struct options options = {.parties[1].expected = EROFS};
    unsigned long made[2] = {0}, wrong = 0, taken = 0;
    pid_t ids[IDS];

    if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0)
        return EXIT_FAILURE;
    for (int i = 0; i < 2; i++) {
        options.parties[i].mounts = open_of(options.parties[i].pid, "ns/mnt");
        options.parties[i].root = open_of(options.parties[i].pid, "root");
    }
    for (int i = 0; i < IDS; i++)
        ids[i] = choose_id();
    while (made[1] < options.attempts && taken < options.attempts + 1000) {
        int which = (int)((made[0] + made[1]) % 2);
        pid_t *id = &ids[(made[0] + made[1]) / 3 % IDS];
        int r = ask(&options.parties[which], options.file, *id);

        if (r < 0) {
            *id = choose_id();
            taken++;
            continue;
        }
        made[which]++;
        if (r == options.parties[which].expected)
            continue;
        wrong++;
        fprintf(stderr, "%s: thread %d, attempt %lu: %s, not %s\n", which ? "ESCAPE" : "writer",
                (int)*id, made[which], strerrorname_np(r),
                strerrorname_np(options.parties[which].expected));
    }
    printf("storm %lu attempts, %lu done or refused in another way\n", made[1], wrong);
    return wrong == 0 && made[1] >= options.attempts ? EXIT_SUCCESS : EXIT_FAILURE;
}
