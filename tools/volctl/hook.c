/*
 * volctl-hook DIRECTORY: what an OCI runtime calls (createRuntime, with the state on standard
 * input) when a container of `volctl run` is there and its command does not run yet.
 *
 * It passes the state on to the volctl that runs the container, which listens in the run's
 * directory and tells the daemon (hook_socket.h), and waits for the answer. When this fails, also
 * because that volctl was killed, the runtime gives up: nothing runs that is not recorded.
 *
 * It is a program of its own, and links no library, because it is in the way of every start. It has
 * no time limit: a copy may be due first, that a crash stopped.
 */
#include "catalog/cleanup.h"
#include "tools/volctl/hook_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int complain(const char *what, const char *why)
{
    dprintf(STDERR_FILENO, "volctl-hook: %s: %s\n", what, why);
    return 1;
}

/* To the end of the input, or one byte more than there may be. −1: see errno. */
static ssize_t state_read(char out[HOOK_STATE_MAX + 1])
{
    size_t length = 0;
    ssize_t n;

    do {
        n = read(STDIN_FILENO, out + length, HOOK_STATE_MAX + 1 - length);
        if (n < 0 && errno != EINTR)
            return -1;
        length += n > 0 ? (size_t)n : 0;
    } while (n != 0 && length <= HOOK_STATE_MAX);
    return (ssize_t)length;
}

/* From within the directory: its path may be longer than a socket's can be. */
static int volctl_connect(const char *directory)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = HOOK_SOCKET};
    _cleanup_(close_p) int fd = -1;

    if (chdir(directory) < 0)
        return -1;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return steal_fd(&fd);
}

static int pass_on(int volctl, const char *state, size_t length)
{
    char answer[HOOK_ANSWER_MAX + 1];
    ssize_t n = send(volctl, state, length, MSG_NOSIGNAL);

    while (n >= 0 && (n = recv(volctl, answer, sizeof(answer) - 1, 0)) < 0 && errno == EINTR)
        ;
    if (n <= 0)
        return complain("volctl did not answer", n < 0 ? strerror(errno) : "it has ended");
    answer[n] = 0;
    return *answer == HOOK_GO ? 0 : complain("the start is refused", answer + 1);
}

int main(int argc, char **argv)
{
    static char state[HOOK_STATE_MAX + 1];
    _cleanup_(close_p) int volctl = -1;
    ssize_t length;

    if (argc != 2)
        return complain("usage", "volctl-hook DIRECTORY <STATE; an OCI runtime calls it");
    length = state_read(state);
    if (length < 0)
        return complain("cannot read the runtime's state", strerror(errno));
    if (length == 0 || length > HOOK_STATE_MAX)
        return complain("the runtime's state", length ? "it is larger than 64 KiB" : "it is empty");
    volctl = volctl_connect(argv[1]);
    if (volctl < 0)
        return complain("cannot reach the volctl that runs the container", strerror(errno));
    return pass_on(volctl, state, (size_t)length);
}
