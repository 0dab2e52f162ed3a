/*
 * An HTTP server on a unix socket, for one table of routes.
 */
#pragma once

#include "catalog/error.h"
#include "fs/api/route.h"

struct http_server; /* opaque */

struct http_config {
    const char *socket_path; /* see api_socket_open */
    const char *group;
    int inherited_fd; /* see api_socket_adopt; taken over. 0: none, the socket is made */
    const struct http_service *service; /* constant for the server's life */
    void *context;                      /* request.context */
    unsigned timeout;     /* seconds a client may be silent, send headers, or a body; 0: 20 */
    unsigned connections; /* at a time; more wait or are closed; 0: 512 */
    unsigned handlers;    /* that run at a time, the next wait; 0: 32. Not of long_running routes */
};

/* Serves from threads of its own, one a connection. Codes as api_socket_open. */
int http_server_start(struct http_server **out, const struct http_config *config, struct error *e);

/* Takes no more, finishes what is under way (for a bounded time), unlinks the socket. NULL. */
struct http_server *http_server_stop(struct http_server *server);
