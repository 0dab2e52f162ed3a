/*
 * A daemon that answers what it is told to, on a unix socket, for tests of its
 * client. It speaks as much HTTP as that takes, by itself: tests also want
 * answers that are wrong.
 */
#pragma once

#include <stddef.h>

struct fake_daemon; /* opaque */

/* Answers one request each, in order; past the last one connections are closed. */
struct fake_answer {
    int status;
    const char *body;  /* NULL: none */
    size_t announced;  /* Content-Length, 0: that of the body */
    const char *raw;   /* instead of all this, then the connection is closed */
    size_t raw_filler; /* bytes of 'x' behind `raw` */
};

/* Serves from a thread until stopped. Asserts on failure. `answers` must stay. */
struct fake_daemon *fake_daemon_start(const char *socket, const struct fake_answer *answers,
                                      size_t count);

/* "METHOD TARGET BODY\n" for each request there was; free it. Joins the thread. */
char *fake_daemon_stop(struct fake_daemon *daemon);
