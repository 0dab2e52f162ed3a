/* Fifos, sockets, device nodes, programs run from the volume, and inotify. */
#include "tests/system/posix/check.h"
#include "tests/system/posix/sandbox.h"

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void write_to_fifo(void *context)
{
    int fd = (int)OK(open("p", O_WRONLY));

    (void)context;
    SAME(write(fd, "through", 7), 7);
}

static void test_fifo(void **state)
{
    char got[8] = "";
    struct stat st;
    pid_t pid;
    int fd;

    (void)state;
    OK(mkfifo("p", 0640));
    OK(lstat("p", &st));
    MUST(S_ISFIFO(st.st_mode));
    SAME(st.st_mode & 07777, 0640);
    FAILS(mkfifo("p", 0600), EEXIST);
    FAILS(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    pid = child_start(NULL, write_to_fifo, NULL);
    fd = (int)OK(open("p", O_RDONLY));
    SAME(read(fd, got, sizeof(got)), 7);
    MUST(!memcmp(got, "through", 7));
    SAME(read(fd, got, sizeof(got)), 0);
    child_finish(pid);
    FAILS(lseek(fd, 0, SEEK_SET), ESPIPE);
    OK(close(fd));
}

static void connect_and_write(void *context)
{
    int fd = (int)OK(socket(AF_UNIX, SOCK_STREAM, 0));

    OK(connect(fd, context, sizeof(struct sockaddr_un)));
    SAME(write(fd, "hello", 5), 5);
}

static void test_socket(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "s"};
    char got[8] = "";
    struct stat st;
    int fd, one;
    pid_t pid;

    (void)state;
    fd = (int)OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    OK(bind(fd, (struct sockaddr *)&address, sizeof(address)));
    OK(listen(fd, 1));
    OK(lstat("s", &st));
    MUST(S_ISSOCK(st.st_mode));
    FAILS(open("s", O_RDONLY), ENXIO);
    FAILS(bind((int)OK(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&address,
               sizeof(address)),
          EADDRINUSE);
    pid = child_start(NULL, connect_and_write, &address);
    one = (int)OK(accept(fd, NULL, NULL));
    SAME(read(one, got, sizeof(got)), 5);
    child_finish(pid);
    OK(close(one));
    OK(close(fd));
    FAILS(connect((int)OK(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&address,
                  sizeof(address)),
          ECONNREFUSED);
    OK(unlink("s"));
}

static void make_device(void *context)
{
    (void)context;
    FAILS(mknod("d", S_IFCHR | 0666, makedev(1, 3)), EPERM);
    OK(mknod("f", S_IFREG | 0600, 0));
}

/* Made and shown, but on a volume never honoured. */
static void test_device_nodes(void **state)
{
    struct statvfs fs;
    struct stat st;

    (void)state;
    require_root();
    OK(chmod(".", 0777));
    child_run(&user_alice, make_device, NULL);
    OK(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    OK(mknod("loop", S_IFBLK | 0600, makedev(7, 300)));
    OK(lstat("null", &st));
    MUST(S_ISCHR(st.st_mode));
    SAME(st.st_rdev, makedev(1, 3));
    OK(lstat("loop", &st));
    MUST(S_ISBLK(st.st_mode));
    SAME(st.st_rdev, makedev(7, 300));
    OK(statvfs(".", &fs));
    if (sandbox_is_fuse())
        MUST(fs.f_flag & ST_NODEV);
    if (fs.f_flag & ST_NODEV)
        FAILS(open("null", O_RDWR), EACCES);
    else
        OK(close((int)OK(open("null", O_RDWR))));
    OK(rename("null", "zero"));
    OK(link("zero", "one"));
    SAME(links_of("zero"), 2);
    OK(mknod("plain", S_IFREG | 0644, 0));
    MUST(file_holds("plain", ""));
}

static void copy_program(const char *from, const char *to)
{
    int in = (int)OK(open(from, O_RDONLY)), out = (int)OK(open(to, O_WRONLY | O_CREAT, 0755));

    while (OK(sendfile(out, in, NULL, 1 << 20)) > 0)
        continue;
    OK(close(in));
    OK(close(out));
}

static void run_program(void *context)
{
    char name[] = "prog", *const arguments[] = {name, context, NULL};

    execv("./prog", arguments);
    SAME(errno, 0); /* it did not run */
}

/* Until the child is the program. */
static void await_program(pid_t pid)
{
    char path[64], target[PATH_MAX];
    ssize_t length = 0;

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    do {
        usleep(1000);
        length = OK(readlink(path, target, sizeof(target) - 1));
        target[length] = 0;
    } while (strcmp(strrchr(target, '/'), "/prog") != 0);
}

static void test_run_a_program(void **state)
{
    char name[] = "prog", *const arguments[] = {name, NULL};
    int status = 0, fd;
    pid_t pid;

    (void)state;
    copy_program("/bin/sleep", "prog");
    child_run(NULL, run_program, (char[]){"0"});
    pid = child_start(NULL, run_program, (char[]){"30"});
    await_program(pid);
    /* What runs cannot be written, what is written cannot run. */
    FAILS(open("prog", O_WRONLY), ETXTBSY);
    FAILS(truncate("prog", 0), ETXTBSY);
    OK(rename("prog", "moved"));
    OK(rename("moved", "prog"));
    OK(kill(pid, SIGKILL));
    OK(waitpid(pid, &status, 0));
    fd = (int)OK(open("prog", O_WRONLY));
    FAILS(execv("./prog", arguments), ETXTBSY);
    OK(close(fd));
    OK(chmod("prog", 0644));
    FAILS(execv("./prog", arguments), EACCES);
    file_write("script", "#!/bin/sh\nexit 0\n");
    OK(chmod("script", 0755));
    SAME(system("./script"), 0);
}

/* The next event's mask; its name goes to `name`. 0: none came. */
static uint32_t next_event(int fd, char *name)
{
    static char buffer[8192] __attribute__((aligned(8)));
    static ssize_t have, at;
    const struct inotify_event *event;
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    if (at >= have) {
        at = have = 0;
        if (poll(&wait, 1, 2000) != 1)
            return 0;
        have = OK(read(fd, buffer, sizeof(buffer)));
    }
    event = (const void *)(buffer + at);
    at += (ssize_t)(sizeof(*event) + event->len);
    snprintf(name, 256, "%s", event->len ? event->name : "");
    return event->mask & ~(uint32_t)IN_ISDIR;
}

static void expect_event(int fd, uint32_t mask, const char *name)
{
    char got[256] = "";

    SAME(next_event(fd, got), mask);
    MUST(!strcmp(got, name));
}

static void change_things(void *context)
{
    int fd = (int)OK(open("w/f", O_WRONLY | O_CREAT, 0600));

    (void)context;
    SAME(write(fd, "x", 1), 1);
    OK(close(fd));
    OK(mkdir("w/d", 0755));
    OK(chmod("w/f", 0640));
    OK(rename("w/f", "w/g"));
    OK(rename("w/g", "out"));
    OK(rmdir("w/d"));
}

static void test_inotify(void **state)
{
    int fd;

    (void)state;
    OK(mkdir("w", 0755));
    fd = (int)OK(inotify_init1(IN_CLOEXEC));
    OK(inotify_add_watch(fd, "w",
                         IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE | IN_DELETE));
    child_run(NULL, change_things, NULL);
    expect_event(fd, IN_CREATE, "f");
    expect_event(fd, IN_MODIFY, "f");
    expect_event(fd, IN_CLOSE_WRITE, "f");
    expect_event(fd, IN_CREATE, "d");
    expect_event(fd, IN_ATTRIB, "f");
    expect_event(fd, IN_MOVED_FROM, "f");
    expect_event(fd, IN_MOVED_TO, "g");
    expect_event(fd, IN_MOVED_FROM, "g");
    expect_event(fd, IN_DELETE, "d");
    OK(close(fd));
}

static void test_poll_is_ready(void **state)
{
    struct pollfd wait = {.events = POLLIN | POLLOUT};

    (void)state;
    file_write("f", "x");
    wait.fd = (int)OK(open("f", O_RDWR));
    SAME(poll(&wait, 1, 0), 1);
    SAME(wait.revents, POLLIN | POLLOUT);
    OK(close(wait.fd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_fifo),         SANDBOX_TEST(test_socket),
        SANDBOX_TEST(test_device_nodes), SANDBOX_TEST(test_run_a_program),
        SANDBOX_TEST(test_inotify),      SANDBOX_TEST(test_poll_is_ready),
    };

    return cmocka_run_group_tests_name("special", tests, NULL, NULL);
}
