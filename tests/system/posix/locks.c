/*
 * Locks: flock, POSIX and OFD ones, between processes and between two bind
 * mounts of one directory in different mount namespaces, as containers have.
 */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>

/* The other side is told what to do by a byte, and answers with a byte: 1 got it, 0 not. */
struct other {
    pid_t pid;
    int to, from;
    int to_close[2]; /* in the child: the ends of this side */
    bool elsewhere;  /* has its own mount namespace and reaches the file by a bind mount */
};

static struct flock range_of(short type, off_t start, off_t length)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

    lock.l_start = start;
    lock.l_len = length;
    return lock;
}

static int other_open(bool elsewhere)
{
    if (elsewhere) {
        OK(unshare(CLONE_NEWNS));
        OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        OK(mkdir("mnt", 0755));
        OK(mount(".", "mnt", NULL, MS_BIND, NULL));
    }
    return (int)OK(open(elsewhere ? "mnt/f" : "f", O_RDWR));
}

static bool other_act(int fd, char command)
{
    struct flock whole = range_of(F_WRLCK, 0, 0), tail = range_of(F_WRLCK, 100, 0),
                 none = range_of(F_UNLCK, 0, 0);

    switch (command) {
    case 'x':
        return flock(fd, LOCK_EX | LOCK_NB) == 0;
    case 's':
        return flock(fd, LOCK_SH | LOCK_NB) == 0;
    case 'X':
        return flock(fd, LOCK_EX) == 0;
    case 'u':
        return flock(fd, LOCK_UN) == 0;
    case 'p':
        return fcntl(fd, F_SETLK, &whole) == 0;
    case 't':
        return fcntl(fd, F_SETLK, &tail) == 0;
    case 'P':
        return fcntl(fd, F_SETLKW, &whole) == 0;
    case 'q':
        return fcntl(fd, F_SETLK, &none) == 0;
    case 'o':
        return fcntl(fd, F_OFD_SETLK, &whole) == 0;
    case 'O':
        return fcntl(fd, F_OFD_SETLK, &none) == 0;
    default:
        return false;
    }
}

static void other_serve(void *context)
{
    const struct other *other = context;
    int fd = other_open(other->elsewhere);
    char command;

    OK(close(other->to_close[0]));
    OK(close(other->to_close[1]));
    while (read(other->to, &command, 1) == 1) {
        char answer = other_act(fd, command) ? 1 : 0;

        SAME(write(other->from, &answer, 1), 1);
    }
}

static struct other other_start(bool elsewhere)
{
    int to[2], from[2];
    struct other other = {.elsewhere = elsewhere};

    OK(pipe2(to, O_CLOEXEC));
    OK(pipe2(from, O_CLOEXEC));
    other.to = to[0];
    other.from = from[1];
    other.to_close[0] = to[1];
    other.to_close[1] = from[0];
    other.pid = child_start(NULL, other_serve, &other);
    OK(close(to[0]));
    OK(close(from[1]));
    other.to = to[1];
    other.from = from[0];
    return other;
}

static void other_tell(const struct other *other, char command)
{
    SAME(write(other->to, &command, 1), 1);
}

static bool other_answer(const struct other *other)
{
    char answer = 2;

    SAME(read(other->from, &answer, 1), 1);
    return answer;
}

static bool other_does(const struct other *other, char command)
{
    other_tell(other, command);
    return other_answer(other);
}

static void other_stop(const struct other *other)
{
    OK(close(other->to));
    OK(close(other->from));
    child_finish(other->pid);
}

static void try_flock(bool elsewhere)
{
    struct other other;
    int fd;

    file_write("f", "x");
    other = other_start(elsewhere);
    fd = (int)OK(open("f", O_RDWR));
    OK(flock(fd, LOCK_EX));
    MUST(!other_does(&other, 'x'));
    MUST(!other_does(&other, 's'));
    OK(flock(fd, LOCK_SH));
    MUST(other_does(&other, 's'));
    FAILS(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    MUST(other_does(&other, 'u'));
    OK(flock(fd, LOCK_EX | LOCK_NB));
    other_tell(&other, 'X'); /* waits until it is let go */
    usleep(20000);
    OK(close(fd));
    MUST(other_answer(&other));
    fd = (int)OK(open("f", O_RDWR));
    FAILS(flock(fd, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    other_stop(&other); /* its end lets go */
    OK(flock(fd, LOCK_EX | LOCK_NB));
    OK(close(fd));
}

static void try_posix(bool elsewhere)
{
    struct flock head = range_of(F_WRLCK, 0, 100), ask = range_of(F_WRLCK, 150, 10),
                 none = range_of(F_UNLCK, 0, 0), whole = range_of(F_WRLCK, 0, 0);
    struct other other;
    int fd;

    file_write("f", "x");
    other = other_start(elsewhere);
    fd = (int)OK(open("f", O_RDWR));
    OK(fcntl(fd, F_SETLK, &head));
    MUST(!other_does(&other, 'p'));
    MUST(other_does(&other, 't'));
    OK(fcntl(fd, F_GETLK, &ask));
    SAME(ask.l_type, F_WRLCK);
    SAME(ask.l_pid, other.pid);
    SAME(ask.l_start, 100);
    FAILS(fcntl(fd, F_SETLK, &whole), EAGAIN);
    other_tell(&other, 'P');
    usleep(20000);
    OK(fcntl(fd, F_SETLK, &none));
    MUST(other_answer(&other));
    FAILS(fcntl(fd, F_SETLK, &head), EAGAIN);
    MUST(other_does(&other, 'q'));
    OK(fcntl(fd, F_SETLK, &head));
    OK(close((int)OK(open("f", O_RDONLY)))); /* closing any descriptor lets POSIX locks go */
    MUST(other_does(&other, 'p'));
    OK(close(fd));
    other_stop(&other);
}

static void try_ofd(bool elsewhere)
{
    struct flock whole = range_of(F_WRLCK, 0, 0);
    struct other other;
    int fd, twin;

    file_write("f", "x");
    other = other_start(elsewhere);
    fd = (int)OK(open("f", O_RDWR));
    OK(fcntl(fd, F_OFD_SETLK, &whole));
    MUST(!other_does(&other, 'o'));
    MUST(!other_does(&other, 'p'));
    twin = (int)OK(open("f", O_RDWR)); /* in one process, by descriptions */
    FAILS(fcntl(twin, F_OFD_SETLK, &whole), EAGAIN);
    OK(close((int)OK(dup(fd)))); /* the description lives */
    MUST(!other_does(&other, 'o'));
    OK(close(fd));
    MUST(other_does(&other, 'o'));
    FAILS(fcntl(twin, F_OFD_SETLK, &whole), EAGAIN);
    MUST(other_does(&other, 'O'));
    OK(fcntl(twin, F_OFD_SETLK, &whole));
    OK(close(twin));
    other_stop(&other);
}

static void test_flock(void **state)
{
    (void)state;
    try_flock(false);
}

static void test_flock_between_containers(void **state)
{
    (void)state;
    require_root();
    try_flock(true);
}

static void test_posix(void **state)
{
    (void)state;
    try_posix(false);
}

static void test_posix_between_containers(void **state)
{
    (void)state;
    require_root();
    try_posix(true);
}

static void test_ofd(void **state)
{
    (void)state;
    try_ofd(false);
}

static void test_ofd_between_containers(void **state)
{
    (void)state;
    require_root();
    try_ofd(true);
}

/* Waits for the lock, or is told that this would be for ever. */
static bool is_told_of_deadlock(int fd, struct flock *lock)
{
    bool told = fcntl(fd, F_SETLKW, lock) < 0;

    if (told)
        SAME(errno, EDEADLK);
    return told;
}

static void lock_second_then_first(void *context)
{
    struct flock second = range_of(F_WRLCK, 1, 1), first = range_of(F_WRLCK, 0, 1);
    int fd = (int)OK(open("f", O_RDWR));

    OK(fcntl(fd, F_SETLK, &second));
    SAME(write(*(int *)context, "x", 1), 1);
    SAME(write(*(int *)context, is_told_of_deadlock(fd, &first) ? "d" : "-", 1), 1);
}

static void test_deadlock_is_told(void **state)
{
    struct flock first = range_of(F_WRLCK, 0, 1), second = range_of(F_WRLCK, 1, 1);
    int fd, pipes[2];
    char other;
    bool told;
    pid_t pid;

    (void)state;
    file_write("f", "xy");
    OK(pipe(pipes));
    fd = (int)OK(open("f", O_RDWR));
    OK(fcntl(fd, F_SETLK, &first));
    pid = child_start(NULL, lock_second_then_first, &pipes[1]);
    SAME(read(pipes[0], (char[1]){0}, 1), 1);
    usleep(50000); /* mostly it is the child that waits, and we are told */
    told = is_told_of_deadlock(fd, &second);
    OK(close(fd));
    SAME(read(pipes[0], &other, 1), 1);
    MUST(told != (other == 'd'));
    child_finish(pid);
    OK(close(pipes[0]));
    OK(close(pipes[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_flock),
        SANDBOX_TEST(test_flock_between_containers),
        SANDBOX_TEST(test_posix),
        SANDBOX_TEST(test_posix_between_containers),
        SANDBOX_TEST(test_ofd),
        SANDBOX_TEST(test_ofd_between_containers),
        SANDBOX_TEST(test_deadlock_is_told),
    };

    return cmocka_run_group_tests_name("locks", tests, NULL, NULL);
}
