/* .volumefs/status as text, one field a line, for people and for `sed -n 's/^pid: //p'`. */
#include "fs/status_text.h"

#include "catalog/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t status_denials(const struct daemon_status *status)
{
    uint64_t sum = 0;

    for (int i = 0; i < RULE_COUNT; i++)
        sum += status->denials[i];
    return sum;
}

/* "denials-read-only-volume: 3" */
static void print_denials(FILE *out, const struct daemon_status *status)
{
    fprintf(out, "denials: %" PRIu64 "\n", status_denials(status));
    for (int i = RULE_NONE + 1; i < RULE_COUNT; i++)
        fprintf(out, "denials-%s: %" PRIu64 "\n", policy_rule_name((enum policy_rule)i),
                status->denials[i]);
}

/* "docker: followed (/run/docker.sock)" */
static void print_engines(FILE *out, const struct daemon_status *status)
{
    for (unsigned i = 0; i < status->engine_count; i++) {
        const struct status_engine *engine = &status->engines[i];

        fprintf(out, "%s: %s (%s)\n", engine->name, engine->followed ? "followed" : "away",
                engine->followed ? engine->socket : engine->why);
    }
}

char *status_format(const struct daemon_status *status)
{
    char started[TIME_TEXT_SIZE];
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    time_format(status->started_at, started);
    fprintf(out,
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
            "open-files: %" PRIu64 "\n",
            status->version, status->libfuse_version, status->kernel, (int)status->pid, started,
            status->mountpoint, status->store, status->privileged ? "yes" : "no",
            status->passthrough ? "on" : "off", status->passthrough ? "" : " (",
            status->passthrough ? "" : status->passthrough_reason, status->passthrough ? "" : ")",
            status->selinux, status->threads, status->volumes, status->nodes, status->open_nodes,
            status->open_files);
    print_denials(out, status);
    print_engines(out, status);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
