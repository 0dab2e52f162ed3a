/*
 * The daemon's command line, by argp; also as mount(8) calls it, under the name
 * mount.fuse.volumefs or with -o for everything.
 */
#pragma once

#include "catalog/error.h"
#include "fs/log.h"

#include <stdbool.h>

#define DEFAULT_STORE  "/var/lib/volumefs"
#define DEFAULT_SOCKET "/run/volumefs/volumefs.sock"
/* Where Docker looks for a driver "volumefs". */
#define DEFAULT_PLUGIN_SOCKET "/run/docker/plugins/volumefs.sock"
/* Where the engines serve their API. */
#define DEFAULT_DOCKER_SOCKET "/run/docker.sock"
#define DEFAULT_PODMAN_SOCKET "/run/podman/podman.sock"

/* Strings are the caller's argv or owned by the process's life. */
struct options {
    const char *mountpoint; /* NULL only with rebuild */
    const char *source;     /* what mount(8) has before it; NULL: none */
    const char *store;
    const char *socket;
    const char *plugin_socket; /* "" none */
    bool plugin_socket_given;
    const char *docker_socket; /* whose containers are followed; "" none */
    const char *podman_socket;
    const char *selinux_context; /* NULL: the default */
    char *mount_options;         /* for the kernel; NULL: none */
    bool foreground;
    bool no_passthrough;
    bool rebuild;
    bool helper;      /* called by mount(8), as mount.fuse.volumefs */
    unsigned threads; /* 0: chosen */
    int spin_us;      /* −1: chosen */
    enum log_level log_level;
};

/* Exits with 2 on wrong usage, 0 after --help and --version, as argp does. */
void options_parse(struct options *options, int argc, char **argv);
