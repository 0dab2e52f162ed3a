/*
 * A client of a unix socket for tests: raw bytes, as malformed as wanted.
 */
#pragma once

#include <stddef.h>

int client_connect(const char *path); /* a descriptor, or -1 */
/* Sends as much as is taken; an early answer may end it. */
void client_send(int fd, const char *data, size_t size);
/* Reads to the end, for ten seconds at most, and closes. The status; 0: no answer. */
int client_receive(int fd, char *answer, size_t size);
/* GET /_ping: the status. */
int client_ping(const char *path);
