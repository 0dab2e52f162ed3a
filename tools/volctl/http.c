/*
 * A client's part of HTTP/1.1; see http.h.
 *
 * Each request closes its connection: over a unix socket a new one costs a fiftieth of a
 * millisecond, and there is none that the other side may have given up meanwhile. What the daemon
 * never sends (other codings of a body, interim answers) is refused.
 */
#include "tools/volctl/http.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

enum { HEAD_MAX = 64 << 10, SIZE_FIRST = 4096 };

void answer_deinit(struct answer *answer)
{
    free(answer->body);
    *answer = (struct answer){0};
}

/* ---- connection ------------------------------------------------------------------------ */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int http_open(struct http *http, const char *path, int limit_s)
{
    _cleanup_(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = limit_s < HTTP_CONNECT_TIMEOUT_S ? limit_s
                                                                          : HTTP_CONNECT_TIMEOUT_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    http->deadline = now_ms() + (int64_t)limit_s * 1000;
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    http->fd = steal_fd(&fd);
    return 0;
}

/* Until it can be read or written. 0, -ETIMEDOUT, negative errno. */
static int http_wait(const struct http *http, short events)
{
    struct pollfd poller = {.fd = http->fd, .events = events};
    int r;

    do {
        int64_t left = http->deadline - now_ms();

        r = left <= 0 ? 0 : poll(&poller, 1, left < INT_MAX ? (int)left : INT_MAX);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r > 0 ? 0 : -ETIMEDOUT;
}

static int send_all(const struct http *http, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = send(http->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        int r = n < 0 ? -errno : 0;

        if (r == -EAGAIN)
            r = http_wait(http, POLLOUT);
        if (r && r != -EINTR)
            return r;
        if (n > 0) {
            data += n;
            length -= (size_t)n;
        }
    }
    return 0;
}

/* Head and body in one piece, that the other side be woken once. */
static int send_request(const struct http *http, const char *method, const char *path,
                        const char *body)
{
    _cleanup_(free_p) char *text = NULL;
    int length =
        body ? asprintf(&text,
                        "%s %s HTTP/1.1\r\nHost: volumefs\r\nConnection: close\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        method, path, strlen(body), body)
             : asprintf(&text, "%s %s HTTP/1.1\r\nHost: volumefs\r\nConnection: close\r\n\r\n",
                        method, path);

    if (length < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return send_all(http, text, (size_t)length);
}

/* ---- answer ------------------------------------------------------------------------------ */

/* What has been read. */
struct buffer {
    char *data;
    size_t length, capacity;
};

static void buffer_deinit(struct buffer *buffer)
{
    free(buffer->data);
}

/* Reads some more, up to `most` bytes in all, and ends it with a NUL. 1; 0 at the end. */
static int buffer_read(struct buffer *buffer, const struct http *http, size_t most)
{
    ssize_t n;
    int r;

    if (buffer->length >= most)
        return -EMSGSIZE;
    if (buffer->capacity - buffer->length < 2) {
        size_t capacity = buffer->capacity ? 2 * buffer->capacity : SIZE_FIRST;
        char *data = realloc(buffer->data, capacity);

        if (!data)
            return -ENOMEM;
        buffer->data = data;
        buffer->capacity = capacity;
    }
    do {
        r = http_wait(http, POLLIN);
        if (r)
            return r;
        n = recv(http->fd, buffer->data + buffer->length, buffer->capacity - buffer->length - 1,
                 MSG_DONTWAIT);
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    if (n < 0)
        return -errno;
    buffer->length += (size_t)n;
    buffer->data[buffer->length] = 0;
    return n > 0;
}

/* What an answer's head says. */
struct head {
    long status;
    size_t size; /* with the empty line */
    bool has_length;
    size_t length; /* of the body */
};

static bool number_parse(const char *text, size_t *out)
{
    size_t digits;

    text += strspn(text, " \t");
    digits = strspn(text, "0123456789");
    *out = digits && digits < 16 ? strtoull(text, NULL, 10) : 0;
    return digits && digits < 16 && !text[digits + strspn(text + digits, " \t")];
}

static bool header_parse(const char *line, struct head *head)
{
    if (strncasecmp(line, "Content-Length:", 15) == 0)
        return head->has_length = number_parse(line + 15, &head->length);
    return strncasecmp(line, "Transfer-Encoding:", 18) != 0;
}

/* The lines are ended in place. */
static int head_parse(char *text, struct head *head)
{
    char *line, *rest = text;

    line = strsep(&rest, "\n");
    if (strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12 || line[8] != ' ' ||
        strspn(line + 9, "0123456789") != 3 || line[9] < '2')
        return -EPROTO;
    head->status = strtol(line + 9, NULL, 10);
    while ((line = strsep(&rest, "\n"))) {
        line[strcspn(line, "\r")] = 0;
        if (!header_parse(line, head))
            return -EPROTO;
    }
    return 0;
}

static int head_read(struct buffer *buffer, const struct http *http, struct head *head)
{
    char *end = NULL;
    int r = 1;

    while (r == 1 && !end) {
        r = buffer_read(buffer, http, HEAD_MAX);
        end = r == 1 ? strstr(buffer->data, "\r\n\r\n") : NULL;
    }
    if (!end)
        return r == 0 || r == -EMSGSIZE ? -EPROTO : r;
    *end = 0;
    head->size = (size_t)(end + 4 - buffer->data);
    return head_parse(buffer->data, head);
}

int http_exchange(const struct http *http, const char *method, const char *path, const char *body,
                  size_t most, struct answer *out)
{
    _cleanup_(buffer_deinit) struct buffer buffer = {0};
    struct head head = {0};
    size_t whole;
    int r = send_request(http, method, path, body);

    *out = (struct answer){0};
    if (r == 0 || r == -EPIPE || r == -ECONNRESET) /* it may have answered before it had read all */
        r = head_read(&buffer, http, &head);
    if (r)
        return r;
    if (head.status == 204 || head.status == 304) {
        head.has_length = true;
        head.length = 0;
    }
    if (head.length > most)
        return -EMSGSIZE;
    whole = head.size + (head.has_length ? head.length : most + 1);
    for (r = 1; r == 1 && buffer.length < whole;)
        r = buffer_read(&buffer, http, whole);
    if (r < 0)
        return r;
    if (!head.has_length && buffer.length == whole)
        return -EMSGSIZE;
    if (head.has_length && buffer.length < whole)
        return -EPROTO;
    out->status = head.status;
    out->length = buffer.length - head.size;
    if (out->length) {
        memmove(buffer.data, buffer.data + head.size, out->length + 1);
        out->body = steal_pointer(&buffer.data);
    }
    return 0;
}
