/* The program against a daemon that answers what a row says; see volctl_rows.h. */
#include "tests/unit/volctl_rows.h"

#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/remove_tree.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { TEXT_MAX = 64 << 10, ID_LENGTH = 64 };

static char directory[] = "/tmp/volctl-XXXXXX";

/* ---- the directory ------------------------------------------------------------------------ */

char *rows_path(const char *name)
{
    char *path;

    assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
    return path;
}

void rows_write(const char *name, const char *text, mode_t mode)
{
    _cleanup_(free_p) char *path = rows_path(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* A copy with all `from` replaced by `to`. */
static char *replace(const char *text, const char *from, const char *to)
{
    char *out = NULL;
    size_t size, length = strlen(from);
    FILE *stream = open_memstream(&out, &size);
    const char *found;

    assert_non_null(stream);
    while ((found = strstr(text, from))) {
        fprintf(stream, "%.*s%s", (int)(found - text), text, to);
        text = found + length;
    }
    fputs(text, stream);
    assert_int_equal(fclose(stream), 0);
    return out;
}

/* Ids are random, and the directory's name is. */
static char *normalize(char *text)
{
    char *out = replace(text, directory, "@DIR@");

    for (char *p = out; *p;) {
        size_t digits = strspn(p, "0123456789abcdef");

        if (digits == ID_LENGTH) {
            memcpy(p, "@ID@", 4);
            memmove(p + 4, p + digits, strlen(p + digits) + 1);
            digits = 4;
        }
        p += digits ? digits : 1;
    }
    free(text);
    return out;
}

char *rows_read(const char *name)
{
    _cleanup_(free_p) char *path = rows_path(name);
    _cleanup_(fclose_p) FILE *file = fopen(path, "r");
    char *text = calloc(1, TEXT_MAX);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, TEXT_MAX - 1, file) < TEXT_MAX - 1);
    return normalize(text);
}

int rows_setup(void)
{
    _cleanup_(free_p) char *socket_path = NULL;

    if (!getenv("VOLCTL") || !mkdtemp(directory))
        return -1;
    socket_path = rows_path("s");
    setenv("VOLUMEFS_SOCKET", socket_path, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    return 0;
}

int rows_teardown(void)
{
    return remove_tree(directory);
}

/* ---- a row ---------------------------------------------------------------------------------- */

static void redirect(const char *name, int flags, int to)
{
    _cleanup_(free_p) char *path = rows_path(name);
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0 || dup2(fd, to) < 0)
        _exit(99);
}

/* Runs the program with its streams in files; its exit status. */
static int run(const char *const *arguments)
{
    const char *program = getenv("VOLCTL");
    const char *argv[ROW_ARGUMENTS_MAX + 2] = {"volctl"};
    int status;
    pid_t pid;

    for (size_t i = 0; i < ROW_ARGUMENTS_MAX && arguments[i]; i++)
        argv[i + 1] = arguments[i];
    fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        redirect("in", O_RDONLY, STDIN_FILENO);
        redirect("out", O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
        redirect("error", O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
        if (program && chdir(directory) == 0)
            execv(program, (char *const *)(uintptr_t)argv);
        _exit(98);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool text_matches(const char *got, const char *want, bool part)
{
    if (!want || !*want)
        return !*got;
    if (*want == '~')
        return strstr(got, want + 1);
    return part ? strstr(got, want) != NULL : strcmp(got, want) == 0;
}

/* With the bodies filled in; freed by answers_free. */
static size_t answers_make(const struct row *row, struct fake_answer *answers)
{
    size_t count = 0;

    for (; count < ROW_ANSWERS_MAX && row->answers[count].status; count++) {
        answers[count] = row->answers[count];
        if (answers[count].body)
            answers[count].body = replace(answers[count].body, "@DIR@", directory);
    }
    return count;
}

static void answers_free(const struct fake_answer *answers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)answers[i].body);
}

static void row_run(const struct row *row, size_t number)
{
    _cleanup_(free_p) char *socket_path = rows_path("s");
    _cleanup_(free_p) char *out = NULL, *error = NULL, *requests = NULL;
    struct fake_answer answers[ROW_ANSWERS_MAX];
    size_t count = answers_make(row, answers);
    struct fake_daemon *daemon;
    int status;

    rows_write("in", row->input ? row->input : "", 0600);
    daemon = fake_daemon_start(socket_path, answers, count);
    status = run(row->arguments);
    requests = normalize(fake_daemon_stop(daemon));
    answers_free(answers, count);
    out = rows_read("out");
    error = rows_read("error");
    if (status != row->status || !text_matches(out, row->out, false) ||
        !text_matches(error, row->error, true) ||
        strcmp(requests, row->requests ? row->requests : "") != 0)
        fail_msg("row %zu (%s): status %d\nout:\n%s\nerror:\n%s\nrequests:\n%s", number,
                 row->arguments[0], status, out, error, requests);
}

void rows_run(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row_run(&rows[i], i);
}
