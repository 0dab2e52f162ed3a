/*
 * The program itself, as a runtime calls it, against a daemon that answers what a row says: what
 * it asks, what it says, how it ends. The program is $HOOK; "@" in a text is the test's directory,
 * which is the bundle too.
 */
#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/fake_daemon.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define ARGUMENTS_MAX 8

struct row {
    const char *arguments[ARGUMENTS_MAX];
    const char *state, *config; /* config NULL: there is none */
    struct fake_answer answer;  /* status 0: no daemon */
    const char *requests;       /* NULL: none */
    int status;                 /* exit */
    const char *error;          /* exactly; NULL: nothing */
};

#define STARTS "{\"id\":\"web\",\"bundle\":\"@\",\"status\":\"creating\",\"pid\":7}"
#define ENDS   "{\"id\":\"web\",\"bundle\":\"@\",\"status\":\"stopped\"}"
#define BIND(source, destination, more)                                                            \
    "{\"type\":\"bind\",\"source\":\"" source "\",\"destination\":\"" destination                  \
    "\",\"options\":[\"rbind\"" more "]}"
#define MOUNTS(mounts) "{\"mounts\":[{\"type\":\"proc\",\"destination\":\"/proc\"}," mounts "]}"
#define WEB            MOUNTS(BIND("/mnt/volumes/web", "/data", ",\"ro\""))
#define NOTHING        MOUNTS(BIND("/etc/hosts", "/etc/hosts", "") "," BIND("/mnt/volumes", "/v", ""))
#define NO(text)       "{\"message\":\"" text "\",\"code\":\"x\"}"
#define AWAY                                                                                       \
    "cannot reach the daemon at @/s: No such file or directory; is the daemon running? start it "  \
    "with: systemctl start volumefs, or volumefs /mnt/volumes\n"
#define MAY_NOT "volumefs-oci-hook: container web may not start with /mnt/volumes/web at /data: "
#define ASKS    "POST /volumefs/containers/web/start {\"Pid\":7,\"Runtime\":\"oci\",\"Mounts\":["
#define USAGE                                                                                      \
    "Try `volumefs-oci-hook --help' or `volumefs-oci-hook --usage' for more\ninformation.\n"

/* clang-format off */
static const struct row rows[] = {
    /* ours */
    {.state = STARTS, .config = WEB, .answer = {201, "{}"}, .requests = ASKS "\"type=bind,source=/mnt/volumes/web,target=/data,readonly\"]}\n"},
    {.state = "{\"id\":\"web\",\"bundle\":\"@\",\"status\":\"created\",\"pid\":7}", .config = WEB, .answer = {200, "{}"}, .requests = ASKS "\"type=bind,source=/mnt/volumes/web,target=/data,readonly\"]}\n"},
    {.state = STARTS, .config = MOUNTS(BIND("/mnt/volumes/a", "/a", "") "," BIND("/etc", "/etc", "") "," BIND("../../mnt/volumes/b/c", "/b", "")), .answer = {201, "{}"},
     .requests = ASKS "\"type=bind,source=/mnt/volumes/a,target=/a\",\"type=bind,source=/mnt/volumes/b/c,target=/b\"]}\n"},
    {.state = STARTS, .config = "{\"annotations\":{\"nerdctl/namespace\":\"default\",\"nerdctl/name\":\"db\"},\"mounts\":[" BIND("/mnt/volumes/a", "/a", "") "]}", .answer = {201, "{}"},
     .requests = "POST /volumefs/containers/web/start {\"Pid\":7,\"Runtime\":\"nerdctl\",\"Name\":\"db\",\"Mounts\":[\"type=bind,source=/mnt/volumes/a,target=/a\"]}\n"},
    {.state = "{\"id\":\"a/b\",\"bundle\":\"@\",\"status\":\"creating\",\"pid\":7}", .config = MOUNTS(BIND("/mnt/volumes/a", "/a", "")), .answer = {201, "{}"},
     .requests = "POST /volumefs/containers/a%2Fb/start {\"Pid\":7,\"Runtime\":\"oci\",\"Mounts\":[\"type=bind,source=/mnt/volumes/a,target=/a\"]}\n"},
    {.state = STARTS, .config = MOUNTS(BIND("/mnt/volumes/a", "/a", ",\"Z\",\"ro\"")), .answer = {201, "{}"},
     .requests = ASKS "\"type=bind,source=/mnt/volumes/a,target=/a,relabel=private,readonly\"]}\n"},
    {.arguments = {"--tree=/srv/v", "--tree", "/x/"}, .state = STARTS, .config = MOUNTS(BIND("/mnt/volumes/a", "/a", "") "," BIND("/x/b", "/b", "")), .answer = {201, "{}"},
     .requests = ASKS "\"type=bind,source=/x/b,target=/b\"]}\n"},
    {.state = ENDS, .config = WEB, .answer = {.status = 204}, .requests = "POST /volumefs/containers/web/end {}\n"},
    {.state = ENDS, .config = WEB, .answer = {404, NO("no such container")}, .requests = "POST /volumefs/containers/web/end {}\n"},

    /* ours, and refused */
    {.state = STARTS, .config = WEB, .answer = {403, NO("volume web is private to db; \\u001b[1m")}, .requests = ASKS "\"type=bind,source=/mnt/volumes/web,target=/data,readonly\"]}\n",
     .status = 1, .error = MAY_NOT "volume web is private to db; ?[1m\n"},
    {.state = STARTS, .config = MOUNTS(BIND("/mnt/volumes/a", "/a", "") "," BIND("/mnt/volumes/b", "/b", "") "," BIND("/mnt/volumes/c", "/c", "")), .answer = {409, NO("no")},
     .requests = ASKS "\"type=bind,source=/mnt/volumes/a,target=/a\",\"type=bind,source=/mnt/volumes/b,target=/b\",\"type=bind,source=/mnt/volumes/c,target=/c\"]}\n",
     .status = 1, .error = "volumefs-oci-hook: container web may not start with /mnt/volumes/a at /a (and 2 more): no\n"},
    {.state = STARTS, .config = WEB, .answer = {500, "oops"}, .requests = ASKS "\"type=bind,source=/mnt/volumes/web,target=/data,readonly\"]}\n",
     .status = 1, .error = MAY_NOT "the daemon answered with status 500 and no reason; is it a volumefs of another version? 'volctl version' says\n"},
    {.state = STARTS, .config = WEB, .answer = {404, NO("page not found")}, .requests = ASKS "\"type=bind,source=/mnt/volumes/web,target=/data,readonly\"]}\n",
     .status = 1, .error = MAY_NOT "page not found\n"},
    {.state = ENDS, .config = WEB, .answer = {500, NO("broken")}, .requests = "POST /volumefs/containers/web/end {}\n",
     .error = "volumefs-oci-hook: the end of container web, which had /mnt/volumes/web at /data, is not recorded: broken\n"},

    /* ours, and no daemon */
    {.state = STARTS, .config = WEB, .status = 1, .error = MAY_NOT AWAY},
    {.arguments = {"--socket=@/other"}, .state = STARTS, .config = WEB, .answer = {201, "{}"}, .status = 1,
     .error = MAY_NOT "cannot reach the daemon at @/other: No such file or directory; is the daemon running? start it with: systemctl start volumefs, or volumefs /mnt/volumes\n"},
    {.state = ENDS, .config = WEB, .error = "volumefs-oci-hook: the end of container web, which had /mnt/volumes/web at /data, is not recorded: " AWAY},

    /* nothing of ours: nobody is asked, and nothing said */
    {.state = STARTS, .config = NOTHING},
    {.state = STARTS, .config = NOTHING, .answer = {500, "oops"}},
    {.state = STARTS, .config = MOUNTS("{}"), .answer = {500, "oops"}},
    {.state = STARTS, .config = "{}"},
    {.state = STARTS, .config = MOUNTS("{\"type\":\"tmpfs\",\"source\":\"/mnt/volumes/web\",\"destination\":\"/d\"}")},
    {.state = ENDS, .config = NOTHING},
    {.arguments = {"--tree=/x"}, .state = STARTS, .config = WEB},

    /* what cannot be read */
    {.state = "{", .config = WEB, .status = 1, .error = "volumefs-oci-hook: cannot tell which container this is for, by the state on standard input: it is no JSON: line 1, column 1: string or '}' expected near end of file\n"},
    {.state = "", .config = WEB, .status = 1, .error = "volumefs-oci-hook: cannot tell which container this is for, by the state on standard input: it is no JSON: line 1, column 0: '[' or '{' expected near end of file\n"},
    {.state = STARTS, .config = "{\"mounts\":[\"/mnt/volumes/web\"", .answer = {201, "{}"}, .status = 1,
     .error = "volumefs-oci-hook: container web may not start, for its configuration names a tree of volumes: cannot read @/config.json: it is no JSON: line 1, column 29: ']' expected near end of file; correct it\n"},
    {.state = ENDS, .config = "{\"mounts\":[\"/mnt/volumes/web\"", .answer = {201, "{}"},
     .error = "volumefs-oci-hook: container web is taken to have no volumes: cannot read @/config.json: it is no JSON: line 1, column 29: ']' expected near end of file\n"},
    {.state = STARTS, .config = "{\"mounts\":[\"/etc/hosts\"", .answer = {201, "{}"},
     .error = "volumefs-oci-hook: container web is taken to have no volumes: cannot read @/config.json: it is no JSON: line 1, column 23: ']' expected near end of file\n"},
    {.state = STARTS, .error = "volumefs-oci-hook: container web is taken to have no volumes: cannot read @/config.json: No such file or directory\n"},

    /* options */
    {.arguments = {"createRuntime"}, .state = STARTS, .config = WEB, .status = 2, .error = "volumefs-oci-hook: 'createRuntime' is too much; the stage is told by the container's state\n" USAGE},
    {.arguments = {"--tree", "v"}, .state = STARTS, .config = WEB, .status = 2, .error = "volumefs-oci-hook: --tree needs the absolute path of a tree, not 'v'\n" USAGE},
    {.arguments = {"--tree=//"}, .state = STARTS, .config = WEB, .status = 2, .error = "volumefs-oci-hook: --tree needs the absolute path of a tree, not '//'\n" USAGE},
    {.arguments = {"--timeout=0"}, .state = STARTS, .config = WEB, .status = 2, .error = "volumefs-oci-hook: --timeout is 1 to 600 seconds, not '0'\n" USAGE},
    {.arguments = {"--timeout=1s"}, .state = STARTS, .config = WEB, .status = 2, .error = "volumefs-oci-hook: --timeout is 1 to 600 seconds, not '1s'\n" USAGE},
    {.arguments = {"--timeout="}, .state = STARTS, .config = WEB, .status = 2, .error = "volumefs-oci-hook: --timeout is 1 to 600 seconds, not ''\n" USAGE},
    {.arguments = {"--socket="}, .state = STARTS, .config = WEB, .status = 2, .error = "volumefs-oci-hook: --socket needs a path; leave it out for the default\n" USAGE},
};
/* clang-format on */

static char directory[] = "/tmp/hook-XXXXXX";

/* A copy with "@" replaced. */
static char *expand(const char *text)
{
    char *out = NULL;
    size_t size;
    FILE *stream = open_memstream(&out, &size);

    assert_non_null(stream);
    for (; text && *text; text++) {
        if (*text == '@')
            fputs(directory, stream);
        else
            fputc(*text, stream);
    }
    fclose(stream);
    return out;
}

static char *path_in(const char *name)
{
    char *path;

    assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
    return path;
}

static char *file_read(const char *name)
{
    _cleanup_(free_p) char *path = path_in(name);
    _cleanup_(fclose_p) FILE *file = fopen(path, "re");
    char *text = calloc(1, 65536);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, file) < 65535);
    return text;
}

/* NULL: no such file. */
static void file_write(const char *name, const char *text)
{
    _cleanup_(free_p) char *path = path_in(name), *whole = expand(text);
    _cleanup_(fclose_p) FILE *file = NULL;

    unlink(path);
    if (!text)
        return;
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(whole, file) >= 0);
}

static void redirect(const char *name, int flags, int to)
{
    _cleanup_(free_p) char *path = path_in(name);
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0 || dup2(fd, to) < 0)
        _exit(99);
}

/* Runs a program with its streams in files; its exit status. */
static int run(const char *program, const char *const *argv)
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        redirect("in", O_RDONLY, STDIN_FILENO);
        redirect("out", O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
        redirect("error", O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
        if (program)
            execv(program, (char *const *)(uintptr_t)argv);
        _exit(98);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run_hook(const char *const *arguments)
{
    const char *argv[ARGUMENTS_MAX + 2] = {"hook"};
    char *texts[ARGUMENTS_MAX] = {NULL};
    int status;

    for (size_t i = 0; i < ARGUMENTS_MAX && arguments && arguments[i]; i++)
        argv[i + 1] = texts[i] = expand(arguments[i]);
    status = run(getenv("HOOK"), argv);
    for (size_t i = 0; i < ARGUMENTS_MAX; i++)
        free(texts[i]);
    return status;
}

static void check_row(size_t i, const struct row *row)
{
    _cleanup_(free_p) char *socket_path = path_in("s"), *out = NULL, *error = NULL;
    _cleanup_(free_p) char *want = expand(row->error), *requests = NULL;
    struct fake_daemon *daemon = NULL;
    int status;

    file_write("in", row->state);
    file_write("config.json", row->config);
    unlink(socket_path);
    if (row->answer.status)
        daemon = fake_daemon_start(socket_path, &row->answer, 1);
    status = run_hook(row->arguments);
    requests = daemon ? fake_daemon_stop(daemon) : strdup("");
    out = file_read("out");
    error = file_read("error");
    if (status != row->status || *out || strcmp(error, want) != 0 ||
        strcmp(requests, row->requests ? row->requests : "") != 0)
        fail_msg("row %zu: status %d\nout:\n%s\nerror:\n%s\nwant:\n%s\nrequests:\n%s", i, status,
                 out, error, want, requests);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(i, &rows[i]);
}

/* ---- daemons that hang ----------------------------------------------------------- */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* Seconds it took, to be compared with what it may take at most. */
static double run_timed(const char *const *arguments, int want)
{
    struct timespec before, after;

    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(run_hook(arguments), want);
    clock_gettime(CLOCK_MONOTONIC, &after);
    return (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
}

static void test_daemon_that_hangs(void **state)
{
    static const char *const arguments[] = {"--timeout=1", NULL};
    bool timed = !getenv("VOLUMEFS_UNTIMED");
    _cleanup_(free_p) char *socket_path = path_in("s"), *error = NULL;
    int listener = listen_at(socket_path);
    double seconds;

    (void)state;
    file_write("in", STARTS);
    file_write("config.json", NOTHING);
    seconds = run_timed(NULL, 0); /* whoever waited would wait for 10 */
    assert_true(!timed || seconds < 5);
    file_write("config.json", WEB);
    seconds = run_timed(arguments, 1);
    assert_true(seconds > 0.9 && (!timed || seconds < 4));
    error = file_read("error");
    assert_non_null(strstr(error, MAY_NOT "the daemon at "));
    assert_non_null(strstr(error, " did not answer within 1 s; its log says more\n"));
    file_write("in", ENDS);
    seconds = run_timed(arguments, 0);
    assert_true(seconds > 0.9 && (!timed || seconds < 4));
    close(listener);
}

/* ---- what is too large ------------------------------------------------------------- */

static void file_fill(const char *name, const char *text, size_t size)
{
    static const char filler[65536] = {[0 ... 65535] = ' '};
    _cleanup_(free_p) char *path = path_in(name), *whole = expand(text);
    _cleanup_(fclose_p) FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(whole, file) >= 0);
    for (size_t n = strlen(whole); n < size;) {
        size_t part = size - n < sizeof(filler) ? size - n : sizeof(filler);

        assert_int_equal(fwrite(filler, 1, part, file), part);
        n += part;
    }
}

static void check_end(int status, const char *want)
{
    _cleanup_(free_p) char *error = NULL, *text = expand(want);
    int got = run_hook(NULL);

    error = file_read("error");
    if (got != status || !strstr(error, text) || (!*want && *error))
        fail_msg("status %d: %s", got, error);
}

static void test_bounds(void **state)
{
    _cleanup_(free_p) char *socket_path = path_in("s");

    (void)state;
    unlink(socket_path);
    file_write("config.json", NOTHING);
    file_fill("in", STARTS, 1 << 20);
    check_end(0, "");
    file_fill("in", STARTS, (1 << 20) + 1);
    check_end(1, "the container's state is larger than 1 MiB\n");
    file_write("in", STARTS);
    file_fill("config.json", NOTHING, 16 << 20);
    check_end(0, "");
    file_fill("config.json", "{\"mounts\":[]}", (16 << 20) + 1);
    check_end(0, "web is taken to have no volumes: @/config.json is larger than 16 MiB\n");
    file_fill("config.json", WEB, (16 << 20) + 1);
    check_end(1, "web may not start, for its configuration names a tree of volumes: @/config.json "
                 "is larger than 16 MiB; correct it\n");
}

/* ---- its two programs ------------------------------------------------------------- */

static void file_copy(const char *from, const char *to)
{
    _cleanup_(fclose_p) FILE *in = fopen(from, "re");
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    char buffer[65536];
    size_t n;

    assert_non_null(in);
    assert_true(fd >= 0);
    while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
        assert_int_equal(write(fd, buffer, n), (ssize_t)n);
    close(fd);
}

static void test_half_an_installation(void **state)
{
    const char *program = getenv("HOOK");
    _cleanup_(free_p) char *alone = path_in("hook"), *error = NULL, *want = NULL;
    const char *argv[] = {alone, NULL};

    (void)state;
    assert_non_null(program);
    file_copy(program, alone);
    file_write("in", STARTS);
    file_write("config.json", NOTHING);
    assert_int_equal(run(alone, argv), 0);
    file_write("config.json", WEB);
    assert_int_equal(run(alone, argv), 1);
    error = file_read("error");
    want = expand(MAY_NOT "cannot run @/volumefs-oci-tell: No such file or directory; install "
                          "volumefs again\n");
    assert_string_equal(error, want);
    file_write("in", ENDS);
    assert_int_equal(run(alone, argv), 0);
}

/* The second half is nothing to call by hand. */
static void test_second_half_alone(void **state)
{
    const char *program = getenv("HOOK_TELL");
    const char *argv[] = {"tell", "start", NULL};
    _cleanup_(free_p) char *error = NULL;

    (void)state;
    assert_int_equal(run(program, argv), 2);
    error = file_read("error");
    assert_string_equal(error, "volumefs-oci-tell: this is run by volumefs-oci-hook; see its "
                               "manual\n");
}

/* ---- the runtime ------------------------------------------------------------------- */

/* A shell that is called as a runtime is: its command line says where it keeps its state. */
static void test_state_directory(void **state)
{
    static const struct fake_answer answer = {201, "{}"};
    _cleanup_(free_p) char *socket_path = path_in("s"), *requests = NULL, *want = NULL;
    _cleanup_(free_p) char *container = path_in("web");
    const char *argv[] = {"sh",  "-c", "\"$HOOK\"; exit $?", "runc", "--root", directory, "create",
                          "web", NULL};
    struct fake_daemon *daemon;

    (void)state;
    file_write("in", STARTS);
    file_write("config.json", WEB);
    assert_int_equal(mkdir(container, 0700), 0);
    daemon = fake_daemon_start(socket_path, &answer, 1);
    assert_int_equal(run("/bin/sh", argv), 0);
    requests = fake_daemon_stop(daemon);
    want = expand("POST /volumefs/containers/web/start {\"Pid\":7,\"Runtime\":\"oci\","
                  "\"StateDir\":\"@/web\",\"Mounts\":[\"type=bind,source=/mnt/volumes/web,"
                  "target=/data,readonly\"]}\n");
    assert_string_equal(requests, want);
    rmdir(container);
}

/* Podman's monitor, the runtime's parent, has the name; a monitor of another container does not. */
static void test_name_by_the_monitor(void **state)
{
    static const struct fake_answer answer = {201, "{}"};
    static const char config[] = "{\"annotations\":{\"io.container.manager\":\"libpod\"},"
                                 "\"mounts\":[" BIND("/mnt/volumes/a", "/a", "") "]}";
    static const char *const watched[] = {"web", "db"};
    static const char *const names[] = {",\"Name\":\"shop\"", ""};
    _cleanup_(free_p) char *socket_path = path_in("s"), *monitor = path_in("monitor");

    (void)state;
    file_write("in", STARTS);
    file_write("config.json", config);
    file_write("monitor", "sh -c '\"$HOOK\"; exit $?' runc create; exit $?\n");
    for (size_t i = 0; i < 2; i++) {
        const char *argv[] = {"sh", monitor, "-c", watched[i], "-n", "shop", NULL};
        struct fake_daemon *daemon = fake_daemon_start(socket_path, &answer, 1);
        _cleanup_(free_p) char *requests = NULL, *want = NULL;

        assert_int_equal(run("/bin/sh", argv), 0);
        requests = fake_daemon_stop(daemon);
        assert_true(asprintf(&want,
                             "POST /volumefs/containers/web/start {\"Pid\":7,\"Runtime\":\"podman\""
                             "%s,\"Mounts\":[\"type=bind,source=/mnt/volumes/a,target=/a\"]}\n",
                             names[i]) > 0);
        assert_string_equal(requests, want);
    }
}

static int group_setup(void **state)
{
    char *path;

    (void)state;
    if (!getenv("HOOK") || !getenv("HOOK_TELL") || !mkdtemp(directory))
        return -1;
    path = path_in("s");
    setenv("VOLUMEFS_SOCKET", path, 1);
    free(path);
    return 0;
}

static int group_teardown(void **state)
{
    static const char *const names[] = {"in",          "out",     "error", "s",
                                        "config.json", "monitor", "hook"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        _cleanup_(free_p) char *path = path_in(names[i]);

        unlink(path);
    }
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_daemon_that_hangs),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_half_an_installation),
        cmocka_unit_test(test_second_half_alone),
        cmocka_unit_test(test_state_directory),
        cmocka_unit_test(test_name_by_the_monitor),
    };

    return cmocka_run_group_tests_name("hook_program", tests, group_setup, group_teardown);
}
