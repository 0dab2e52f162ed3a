/* Which process a pid means; see process.h. No state, no locks. */
#include "fs/process.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum {
    TASK_NAME_MAX = 15,
    STAT_TEXT_MAX = 1024,
    STAT_START_FIELD = 22, /* proc(5) */
    STAT_STATE_FIELD = 3,  /* the first behind the name */
};

/* Reads a small file of /proc. 0 or −errno. */
static int read_text(const char *path, char *out, size_t size)
{
    _cleanup_(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -errno;
    do
        n = read(fd, out, size - 1);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    out[n] = 0;
    return 0;
}

/* Read once, as it stays the same: later there may be no descriptor for it. */
static struct {
    pthread_once_t once;
    char id[BOOT_ID_LENGTH + 1];
} boot = {.once = PTHREAD_ONCE_INIT};

static void boot_read(void)
{
    char text[BOOT_ID_LENGTH + 2]; /* with its newline */

    if (read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text)) == 0)
        snprintf(boot.id, sizeof(boot.id), "%.*s", (int)strcspn(text, "\n"), text);
}

void process_boot_id(char out[BOOT_ID_LENGTH + 1])
{
    pthread_once(&boot.once, boot_read);
    memcpy(out, boot.id, sizeof(boot.id));
}

bool process_has_name(pid_t pid, const char *name)
{
    char path[64], text[TASK_NAME_MAX + 2]; /* with its newline */

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    if (pid <= 0 || read_text(path, text, sizeof(text)) != 0)
        return false;
    text[strcspn(text, "\n")] = 0;
    return strcmp(text, name) == 0;
}

/* The name, in parentheses, may hold anything, parentheses too. */
bool process_stat_start(const char *text, uint64_t *started_at)
{
    const char *at = strrchr(text, ')');

    for (int field = STAT_STATE_FIELD; at && field <= STAT_START_FIELD; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at && sscanf(at, "%" SCNu64, started_at) == 1; // NOLINT(cert-err34-c): the kernel's own
}

bool process_has_ended(int pidfd, int timeout_ms)
{
    struct pollfd poller = {.fd = pidfd, .events = POLLIN};
    int r;

    do
        r = poll(&poller, 1, timeout_ms);
    while (r < 0 && errno == EINTR);
    return r > 0 && (poller.revents & POLLIN);
}

/* While the process behind the pidfd lives, nobody else has its pid, and /proc is of it. */
int process_open(pid_t pid, uint64_t *started_at)
{
    _cleanup_(close_p) int fd = -1;
    char path[64], text[STAT_TEXT_MAX];
    int r;

    if (pid <= 0)
        return -ESRCH;
    fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -errno;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    r = read_text(path, text, sizeof(text));
    if (r == -ENOENT || r == -ESRCH || process_has_ended(fd, 0))
        return -ESRCH;
    if (r == 0 && !process_stat_start(text, started_at))
        r = -EIO;
    return r ? r : steal_fd(&fd);
}

int process_reopen(const struct run *run)
{
    _cleanup_(close_p) int fd = -1;
    char boot_id[BOOT_ID_LENGTH + 1];
    uint64_t started_at = 0;

    process_boot_id(boot_id);
    if (!run->pid || strcmp(run->boot_id, boot_id) != 0)
        return -ESRCH;
    fd = process_open(run->pid, &started_at);
    if (fd < 0)
        return fd;
    return started_at == run->pid_started_at ? steal_fd(&fd) : -ESRCH;
}
