/*
 * One thread, one connection at a time, requests read byte by byte up to their
 * Content-Length. The thread ends when the listening socket is shut down.
 */
#include "tests/unit/fake_daemon.h"

#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct fake_daemon {
    int listener;
    pthread_t thread;
    const struct fake_answer *answers;
    size_t count, next;
    FILE *log;
    char *text;
    size_t text_size;
};

/* One line without its CRLF. False: the other side is gone. */
static int read_line(int fd, char *line, size_t size)
{
    size_t n = 0;
    char c;

    while (read(fd, &c, 1) == 1) {
        if (c == '\n')
            break;
        if (c != '\r' && n + 1 < size)
            line[n++] = c;
    }
    line[n] = 0;
    return n > 0;
}

/* Logs the request; 0 at the end of the connection. */
static int read_request(struct fake_daemon *daemon, int fd)
{
    char line[4096], header[4096], body[65536];
    size_t length = 0, n = 0;

    if (!read_line(fd, line, sizeof(line)))
        return 0;
    while (read_line(fd, header, sizeof(header)))
        if (strncasecmp(header, "Content-Length:", 15) == 0)
            length = strtoul(header + 15, NULL, 10);
    while (n < length && n < sizeof(body) - 1) {
        ssize_t got = read(fd, body + n, length - n);

        if (got <= 0)
            return 0;
        n += (size_t)got;
    }
    body[n] = 0;
    if (strrchr(line, ' '))
        *strrchr(line, ' ') = 0; /* HTTP/1.1 */
    fprintf(daemon->log, "%s %s\n", line, body);
    return 1;
}

static int send_answer(int fd, const struct fake_answer *answer)
{
    static const char filler[65536] = {[0 ... 65535] = 'x'};
    const char *body = answer->body ? answer->body : "";
    size_t length = answer->announced ? answer->announced : strlen(body);

    if (answer->raw) {
        dprintf(fd, "%s", answer->raw);
        for (size_t left = answer->raw_filler; left > 0;) {
            size_t part = left < sizeof(filler) ? left : sizeof(filler);

            if (send(fd, filler, part, MSG_NOSIGNAL) < (ssize_t)part)
                break;
            left -= part;
        }
        return 0;
    }
    dprintf(fd, "HTTP/1.1 %d Status\r\nContent-Type: application/json\r\n", answer->status);
    if (answer->status != 204)
        dprintf(fd, "Content-Length: %zu\r\n", length);
    dprintf(fd, "\r\n%s", body);
    return answer->announced == 0;
}

static void *serve(void *context)
{
    struct fake_daemon *daemon = context;

    for (;;) {
        int fd = accept4(daemon->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            return NULL;
        while (read_request(daemon, fd) && daemon->next < daemon->count)
            if (!send_answer(fd, &daemon->answers[daemon->next++]))
                break;
        close(fd);
    }
}

struct fake_daemon *fake_daemon_start(const char *socket_path, const struct fake_answer *answers,
                                      size_t count)
{
    struct fake_daemon *daemon = calloc(1, sizeof(*daemon));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_non_null(daemon);
    signal(SIGPIPE, SIG_IGN); /* the client may be gone when it is answered */
    assert_true(strlen(socket_path) < sizeof(address.sun_path));
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    daemon->answers = answers;
    daemon->count = count;
    daemon->log = open_memstream(&daemon->text, &daemon->text_size);
    assert_non_null(daemon->log);
    daemon->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(daemon->listener >= 0);
    unlink(socket_path);
    assert_int_equal(bind(daemon->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(daemon->listener, 8), 0);
    assert_int_equal(pthread_create(&daemon->thread, NULL, serve, daemon), 0);
    return daemon;
}

char *fake_daemon_stop(struct fake_daemon *daemon)
{
    char *text;

    shutdown(daemon->listener, SHUT_RDWR);
    pthread_join(daemon->thread, NULL);
    close(daemon->listener);
    fclose(daemon->log);
    text = daemon->text;
    free(daemon);
    return text;
}
