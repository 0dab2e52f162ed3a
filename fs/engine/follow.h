/*
 * Follows the APIs of engines in the background, to know of their containers what no plugin is
 * told: which have a volume, under what name, where, and that they are there at all when they do
 * not run. Read-only: a list, and the events that follow it.
 */
#pragma once

#include "catalog/error.h"

struct volumes;
struct follow; /* opaque */

/* Strings outlive the following. */
struct follow_config {
    const char *docker_socket; /* "": not followed */
    const char *podman_socket;
    const char *driver; /* the name by which engines know our volume driver */
};

/* Of a socket that is not there nothing comes, until it is. */
int follow_start(struct follow **out, struct volumes *volumes, const struct follow_config *config,
                 struct error *e);
struct follow *follow_stop(struct follow *follow); /* returns NULL */
