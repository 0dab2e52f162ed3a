/*
 * Whatever comes over a socket: both services as they are, over faked use cases. The first byte
 * chooses the service; the rest is sent on one connection, which is then read to its end.
 */
#include "fs/api/api.h"
#include "fs/event_ring.h"
#include "tests/unit/fake_volumes.h"
#include "tests/unit/http_client.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/volumefs-fuzz-XXXXXX";
static char paths[2][64];
static struct api *apis[2];

static void fill_status(void *context, struct daemon_status *out)
{
    (void)context;
    *out = (struct daemon_status){.version = "9.9"};
}

static void stop(void)
{
    for (int i = 0; i < 2; i++)
        api_stop(apis[i]);
    rmdir(directory);
    event_ring_free(fake_volumes.ring);
}

static void start(void)
{
    static const enum api_protocol protocols[] = {API_CONTROL, API_PLUGIN};

    fake_volumes_reset();
    fake_volumes.ring = event_ring_new(16);
    if (!fake_volumes.ring || !mkdtemp(directory))
        abort();
    for (int i = 0; i < 2; i++) {
        struct api_config config = {
            .protocol = protocols[i], .socket_path = paths[i], .status = fill_status};

        snprintf(paths[i], sizeof(paths[i]), "%s/%d", directory, i);
        if (api_start(&apis[i], &config, NULL) != 0)
            abort();
    }
    atexit(stop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char answer[64 << 10];
    int fd;

    if (!apis[0])
        start();
    if (!size)
        return 0;
    fd = client_connect(paths[data[0] & 1]);
    if (fd < 0)
        abort(); /* it serves no more */
    client_send(fd, (const char *)data + 1, size - 1);
    shutdown(fd, SHUT_WR);
    client_receive(fd, answer, sizeof(answer));
    return 0;
}
