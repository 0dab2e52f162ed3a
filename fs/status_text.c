/* .volumefs/status as text, one field a line, for people and for `sed -n 's/^pid: //p'`. */
#include "fs/status_text.h"

#include "catalog/model.h"

#include <inttypes.h>
#include <stdio.h>

char *status_format(const struct daemon_status *status)
{
    char started[TIME_TEXT_SIZE];
    char *text;
    int n;

    time_format(status->started_at, started);
    n = asprintf(&text,
                 "version: %s\n"
                 "libfuse: %s\n"
                 "kernel: %s\n"
                 "pid: %d\n"
                 "started: %s\n"
                 "mountpoint: %s\n"
                 "store: %s\n"
                 "privileged: %s\n"
                 "passthrough: %s%s%s%s\n"
                 "selinux: %s\n"
                 "threads: %u\n"
                 "volumes: %" PRIu64 "\n"
                 "nodes: %" PRIu64 "\n"
                 "open-nodes: %" PRIu64 "\n"
                 "open-files: %" PRIu64 "\n"
                 "denials: %" PRIu64 "\n",
                 status->version, status->libfuse_version, status->kernel, (int)status->pid,
                 started, status->mountpoint, status->store, status->privileged ? "yes" : "no",
                 status->passthrough ? "on" : "off", status->passthrough ? "" : " (",
                 status->passthrough ? "" : status->passthrough_reason,
                 status->passthrough ? "" : ")", status->selinux, status->threads, status->volumes,
                 status->nodes, status->open_nodes, status->open_files, status->denials);
    return n < 0 ? NULL : text;
}
