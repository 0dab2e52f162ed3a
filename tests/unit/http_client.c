/* A client that does as it is told. */
#include "tests/unit/http_client.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int client_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Sends as much as is taken; an early answer may end it. */
void client_send(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        data += n;
        size -= (size_t)n;
    }
}

/* Reads to the end, for ten seconds at most. Returns the status, 0 for no answer. */
int client_receive(int fd, char *answer, size_t size)
{
    size_t used = 0;
    int status = 0;

    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (used + 1 >= size || poll(&poll_fd, 1, 10000) <= 0)
            break;
        n = recv(fd, answer + used, size - 1 - used, 0);
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    answer[used] = 0;
    close(fd);
    return sscanf(answer, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

int client_ping(const char *path)
{
    static const char head[] = "GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char answer[4096];
    int fd = client_connect(path);

    if (fd < 0)
        return 0;
    client_send(fd, head, sizeof(head) - 1);
    return client_receive(fd, answer, sizeof(answer));
}
