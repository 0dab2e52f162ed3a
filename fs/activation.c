/* See activation.h. */
#include "fs/activation.h"

#include "fs/api/socket.h"
#include "fs/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Where a descriptor belongs; NULL: nowhere. */
static int *activation_place(struct activation *activation, const char *name, const char *path,
                             const char *control_path, const char *plugin_path)
{
    if (strcmp(name, "control") == 0)
        return &activation->control_fd;
    if (strcmp(name, "plugin") == 0)
        return &activation->plugin_fd;
    if (strcmp(path, control_path) == 0)
        return &activation->control_fd;
    return strcmp(path, plugin_path) == 0 ? &activation->plugin_fd : NULL;
}

void activation_take(struct activation *out, const char *control_path, const char *plugin_path)
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names);

    *out = (struct activation){0};
    if (count < 0)
        log_message(LOG_LEVEL_WARNING, "sockets of the service manager cannot be taken: %s",
                    strerror(-count));
    for (int i = 0; i < count; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
        int *place;

        api_socket_path(fd, path);
        place = activation_place(out, names ? names[i] : "", path, control_path, plugin_path);
        if (place && !*place) {
            *place = fd;
            continue;
        }
        log_message(LOG_LEVEL_WARNING,
                    "socket \"%s\" (%s) of the service manager is not used: name it control or "
                    "plugin (FileDescriptorName=), once",
                    names ? names[i] : "", path);
        close(fd);
    }
    for (int i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}
