/*
 * Reads what a runtime hands over. A bound is checked with one byte more than it allows.
 */
#include "tools/hook/input.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { FIRST_SIZE = 16 << 10 };

void input_deinit(struct input *input)
{
    free(input->text);
    *input = (struct input){0};
}

/* Room for `size` bytes and a NUL. */
static int input_grow(struct input *input, size_t size)
{
    char *text = realloc(input->text, size + 1);

    if (!text)
        return -ENOMEM;
    input->text = text;
    input->text[input->length] = 0;
    return 0;
}

/* Up to `most` bytes; a file that has more gives just these. */
static int input_fill(int fd, size_t most, struct input *input)
{
    size_t size = most < FIRST_SIZE ? most : FIRST_SIZE;
    int r = input_grow(input, size);

    while (r == 0 && input->length < most) {
        ssize_t n;

        if (input->length == size) {
            size = size > most / 2 ? most : 2 * size;
            r = input_grow(input, size);
            continue;
        }
        n = read(fd, input->text + input->length, size - input->length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        input->length += (size_t)n;
        input->text[input->length] = 0;
    }
    return r;
}

int input_read(int fd, size_t most, const char *what, struct input *out, struct error *e)
{
    int r;

    *out = (struct input){0};
    r = input_fill(fd, most + 1, out);
    if (r)
        return error_set_errno(e, r, "cannot read %s", what);
    if (out->length <= most)
        return 0;
    out->text[--out->length] = 0;
    return error_set(e, ERROR_LIMIT, "%s is larger than %zu MiB", what, most >> 20);
}

int input_read_file(const char *path, size_t most, struct input *out, struct error *e)
{
    /* the open of a pipe would wait for its writer */
    _cleanup_(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    *out = (struct input){0};
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(e, -errno, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(e, ERROR_REQUEST_INVALID, "%s is no regular file", path);
    return input_read(fd, most, path, out, e);
}
