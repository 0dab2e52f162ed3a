/*
 * The socket of the control API: its mode, who may ask, what stands in its
 * place before and after.
 */
#include "fs/api/api.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/fake_volumes.h"
#include "tests/unit/http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/volumefs-socket-XXXXXX";
static char socket_path[64];
static struct api *api;

static void fill_status(void *context, struct daemon_status *out)
{
    (void)context;
    *out = (struct daemon_status){.version = "9.9"};
}

static struct api_config config_of(const char *path)
{
    return (struct api_config){
        .socket_path = path, .group = "volumefs-no-such-group", .status = fill_status};
}

static void test_socket_is_restricted(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(lstat(socket_path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(st.st_gid, getegid());
    assert_int_equal(stat(directory, &st), 0);
}

static void test_live_socket_is_not_taken(void **state)
{
    struct api_config config = config_of(socket_path);
    struct error e = {0};
    struct api *second;

    (void)state;
    assert_int_equal(api_start(&second, &config, &e), ERROR_LOCKED);
    assert_null(second);
    assert_non_null(strstr(e.text, socket_path));
    assert_int_equal(client_ping(socket_path), 200);
}

static void test_stale_socket_is_replaced(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[80];
    struct api_config config = config_of(path);
    struct api *second;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    snprintf(path, sizeof(path), "%s/stale.sock", directory);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd); /* nobody listens any more */
    assert_int_equal(api_start(&second, &config, NULL), 0);
    api_stop(second);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_other_files_are_kept(void **state)
{
    char path[80];
    char longer[200];
    struct api_config config = config_of(path);
    struct error e = {0};
    struct api *second;

    (void)state;
    snprintf(path, sizeof(path), "%s/file", directory);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(api_start(&second, &config, &e), ERROR_EXISTS);
    assert_int_equal(unlink(path), 0);
    memset(longer, 'x', sizeof(longer));
    longer[0] = '/';
    longer[sizeof(longer) - 1] = 0;
    config.socket_path = longer;
    assert_int_equal(api_start(&second, &config, &e), ERROR_OPTION_INVALID);
    config.socket_path = "relative.sock";
    assert_int_equal(api_start(&second, &config, &e), ERROR_OPTION_INVALID);
    config.socket_path = "/nonexistent/directory/x.sock";
    assert_int_equal(api_start(&second, &config, &e), -ENOENT);
}

/* Whoever may open a file may lock it; the directory is everybody's to open. */
static void test_lock_on_the_directory_does_not_matter(void **state)
{
    char path[80];
    struct api_config config = config_of(path);
    struct api *second;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    snprintf(path, sizeof(path), "%s/locked.sock", directory);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(api_start(&second, &config, NULL), 0);
    api_stop(second);
    close(fd);
}

static void test_starts_take_turns(void **state)
{
    char path[80];
    char lock[96];
    struct api_config config = config_of(path);
    struct error e = {0};
    struct api *second;
    int fd;

    (void)state;
    snprintf(path, sizeof(path), "%s/turns.sock", directory);
    snprintf(lock, sizeof(lock), "%s.lock", path);
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(api_start(&second, &config, &e), ERROR_LOCKED);
    assert_non_null(strstr(e.text, lock));
    close(fd); /* and left behind, as by one that was killed */
    assert_int_equal(api_start(&second, &config, NULL), 0);
    assert_int_equal(access(lock, F_OK), -1);
    api_stop(second);
}

static void test_lock_of_others_is_refused(void **state)
{
    char path[80];
    char lock[96];
    struct api_config config = config_of(path);
    struct error e = {0};
    struct api *second;

    (void)state;
    snprintf(path, sizeof(path), "%s/planted.sock", directory);
    snprintf(lock, sizeof(lock), "%s.lock", path);
    assert_int_equal(mkfifo(lock, 0666), 0);
    assert_int_equal(api_start(&second, &config, &e), ERROR_EXISTS);
    assert_non_null(strstr(e.text, lock));
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(symlink("/etc/passwd", lock), 0);
    assert_int_equal(api_start(&second, &config, &e), -ELOOP);
    assert_int_equal(unlink(lock), 0);
}

static void test_parent_is_made(void **state)
{
    char path[96];
    struct api_config config = config_of(path);
    struct api *second;
    struct stat st;
    char *slash;

    (void)state;
    snprintf(path, sizeof(path), "%s/run/x.sock", directory);
    assert_int_equal(api_start(&second, &config, NULL), 0);
    api_stop(second);
    slash = strrchr(path, '/');
    *slash = 0;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
    assert_int_equal(rmdir(path), 0);
}

static void test_stop_leaves_a_successor_alone(void **state)
{
    char path[80];
    struct api_config config = config_of(path);
    struct api *first;
    struct api *second;

    (void)state;
    snprintf(path, sizeof(path), "%s/successor.sock", directory);
    assert_int_equal(api_start(&first, &config, NULL), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(api_start(&second, &config, NULL), 0);
    api_stop(first);
    assert_int_equal(access(path, F_OK), 0);
    api_stop(second);
    assert_int_equal(access(path, F_OK), -1);
}

static void *ask_thread(void *context)
{
    static const char head[] =
        "GET /volumefs/volumes/web HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char answer[4096];
    int fd = client_connect(context);

    client_send(fd, head, sizeof(head) - 1);
    return client_receive(fd, answer, sizeof(answer)) == 200 ? context : NULL;
}

static void test_stop_finishes_what_runs(void **state)
{
    char path[80];
    struct api_config config = config_of(path);
    struct api *second;
    void *answered = NULL;
    pthread_t thread;

    (void)state;
    snprintf(path, sizeof(path), "%s/finish.sock", directory);
    assert_int_equal(api_start(&second, &config, NULL), 0);
    fake_volumes_reset();
    fake_volumes.delay_ms = 500;
    assert_int_equal(pthread_create(&thread, NULL, ask_thread, path), 0);
    while (!fake_volumes_most_inside())
        usleep(1000);
    api_stop(second);
    pthread_join(thread, &answered);
    assert_non_null(answered);
}

/* As another user, with the given group as its only one: 200 or the refusal. */
static int ask_as(uid_t uid, gid_t primary, gid_t supplementary)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (setgroups(1, &supplementary) != 0 || setgid(primary) != 0 || setuid(uid) != 0)
            _exit(1);
        status = client_ping(socket_path);
        _exit(status == 200 ? 20 : status == 403 ? 43 : 1);
    }
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void test_only_the_group_may_ask(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("# skip: needs root to be somebody else\n");
        skip();
    }
    assert_int_equal(chmod(directory, 0755), 0);
    assert_int_equal(chmod(socket_path, 0666), 0); /* as if somebody had opened it */
    assert_int_equal(ask_as(65534, 65534, 65534), 43);
    assert_int_equal(ask_as(65534, getegid(), 65534), 20);
    assert_int_equal(ask_as(65534, 65534, getegid()), 20);
    assert_int_equal(chmod(socket_path, 0660), 0);
}

static int group_setup(void **state)
{
    struct api_config config = config_of(socket_path);

    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(socket_path, sizeof(socket_path), "%s/api.sock", directory);
    return api_start(&api, &config, NULL);
}

static int group_teardown(void **state)
{
    (void)state;
    api = api_stop(api);
    return rmdir(directory); /* also tells of a socket left behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socket_is_restricted),
        cmocka_unit_test(test_live_socket_is_not_taken),
        cmocka_unit_test(test_stale_socket_is_replaced),
        cmocka_unit_test(test_other_files_are_kept),
        cmocka_unit_test(test_lock_on_the_directory_does_not_matter),
        cmocka_unit_test(test_starts_take_turns),
        cmocka_unit_test(test_lock_of_others_is_refused),
        cmocka_unit_test(test_parent_is_made),
        cmocka_unit_test(test_stop_leaves_a_successor_alone),
        cmocka_unit_test(test_stop_finishes_what_runs),
        cmocka_unit_test(test_only_the_group_may_ask),
    };

    return cmocka_run_group_tests_name("api_socket", tests, group_setup, group_teardown);
}
