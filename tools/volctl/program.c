/* Runs another program and reads what it prints, to a bound. */
#include "tools/volctl/program.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_NO_PROGRAM = 127, READ_SIZE = 64 << 10 };

/* In the child. Only the three streams are left to it. */
static _Noreturn void become(const char *const *arguments, int out_fd, int err_fd)
{
    int in_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (in_fd >= 0 && dup2(in_fd, STDIN_FILENO) >= 0 && dup2(out_fd, STDOUT_FILENO) >= 0 &&
        dup2(err_fd, STDERR_FILENO) >= 0 && close_range(STDERR_FILENO + 1, ~0U, 0) == 0)
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(STATUS_NO_PROGRAM);
}

static int read_all(int fd, char **out)
{
    _cleanup_(free_p) char *text = NULL;
    size_t length = 0, capacity = 0;

    for (;;) {
        ssize_t n;

        if (length + READ_SIZE + 1 > capacity) {
            char *grown = realloc(text, capacity = 2 * capacity + READ_SIZE + 1);

            if (!grown)
                return -ENOMEM;
            text = grown;
        }
        n = read(fd, text + length, READ_SIZE);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        length += n > 0 ? (size_t)n : 0;
        if (length > PROGRAM_OUTPUT_MAX)
            return ERROR_LIMIT;
    }
    text[length] = 0;
    *out = steal_pointer(&text);
    return 0;
}

static int explain(const char *program, int status, int err_fd, struct error *e)
{
    char said[512];
    ssize_t n = pread(err_fd, said, sizeof(said) - 1, 0);

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NO_PROGRAM)
        return error_set(e, ERROR_NOT_FOUND, "there is no program %s in PATH; install it", program);
    said[n > 0 ? n : 0] = 0;
    said[strcspn(said, "\n")] = 0;
    if (WIFSIGNALED(status))
        return error_set(e, ERROR_REQUEST_INVALID, "%s was ended by signal %d", program,
                         WTERMSIG(status));
    return error_set(e, ERROR_REQUEST_INVALID, "%s: %s", program,
                     *said ? said : "it failed and did not say why");
}

static int wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

int program_read(const char *const *arguments, char **out, struct error *e)
{
    _cleanup_(close_p) int err_fd = memfd_create("said", MFD_CLOEXEC);
    _cleanup_(close_p) int read_fd = -1;
    _cleanup_(close_p) int write_fd = -1;
    _cleanup_(free_p) char *text = NULL;
    int fds[2], status, r;
    pid_t pid;

    if (err_fd < 0 || pipe2(fds, O_CLOEXEC) < 0)
        return error_set_errno(e, -errno, "%s cannot be run", arguments[0]);
    read_fd = fds[0];
    write_fd = fds[1];
    pid = fork();
    if (pid < 0)
        return error_set_errno(e, -errno, "%s cannot be run", arguments[0]);
    if (pid == 0)
        become(arguments, write_fd, err_fd);
    close(steal_fd(&write_fd));
    r = read_all(read_fd, &text);
    if (r)
        kill(pid, SIGKILL);
    status = wait_for(pid);
    if (r == ERROR_LIMIT)
        return error_set(e, r, "%s prints more than %d MiB", arguments[0],
                         PROGRAM_OUTPUT_MAX >> 20);
    if (r == 0)
        r = explain(arguments[0], status, err_fd, e);
    if (r == 0 && out)
        *out = steal_pointer(&text);
    return r;
}
