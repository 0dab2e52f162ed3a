/* What a container in the background prints; see output.h. */
#include "tools/volctl/output.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int output_open(struct output *output, int directory)
{
    struct stat st;

    output->directory = directory;
    output->fd =
        openat(directory, "log", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (output->fd < 0)
        return -errno;
    output->length = fstat(output->fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size : 0;
    return 0;
}

void output_close(struct output *output)
{
    close_p(&output->fd);
    output->fd = -1;
}

void output_write(struct output *output, const char *data, size_t length)
{
    if (output->length + length > OUTPUT_FILE_MAX) {
        renameat(output->directory, "log", output->directory, "log.1");
        output_close(output);
        output_open(output, output->directory);
    }
    while (output->fd >= 0 && length > 0) {
        ssize_t n = write(output->fd, data, length);

        if (n < 0 && errno != EINTR)
            return;
        if (n < 0)
            continue;
        data += n;
        length -= (size_t)n;
        output->length += (size_t)n;
    }
}
