/* Runs another program and reads what it prints, to a bound. */
#include "tools/volctl/program.h"

#include "tools/volctl/child.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10 };

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

/* Starts it with `path` in the place of its name. */
static pid_t start(const char *const *arguments, const char *path, int out_fd, int err_fd)
{
    size_t count = 0;
    _cleanup_(free_p) const char **copy = NULL;
    struct child child = {.in = -1, .out = out_fd, .err = err_fd};

    while (arguments[count])
        count++;
    copy = calloc(count + 1, sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    memcpy(copy, arguments, count * sizeof(*copy));
    copy[0] = path;
    child.arguments = copy;
    return child_start(&child);
}

int program_read(const char *const *arguments, char **out, struct error *e)
{
    _cleanup_(close_p) int err_fd = memfd_create("said", MFD_CLOEXEC);
    _cleanup_(close_p) int read_fd = -1;
    _cleanup_(close_p) int write_fd = -1;
    _cleanup_(free_p) char *text = NULL;
    char path[PATH_MAX];
    int fds[2], status, r;
    pid_t pid;

    if (!child_find(arguments[0], path))
        return error_set(e, ERROR_NOT_FOUND, "there is no program %s in PATH; install it",
                         arguments[0]);
    if (err_fd < 0 || pipe2(fds, O_CLOEXEC) < 0)
        return error_set_errno(e, -errno, "%s cannot be run", arguments[0]);
    read_fd = fds[0];
    write_fd = fds[1];
    pid = start(arguments, path, write_fd, err_fd);
    if (pid < 0)
        return error_set_errno(e, pid, "%s cannot be run", arguments[0]);
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
