/*
 * Connections that owe something by a time: the headers of their next request.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct deadlines; /* opaque */

/* One connection's; {.fd = …} is one that owes nothing. It must not move while it is set. */
struct deadline {
    int fd; /* of the connection; open for as long as the deadline may be set */
    int64_t at;
    struct deadline *previous;
    struct deadline *next;
    bool set;
};

/* Starts the thread that cuts them, `seconds` after each was set. NULL: out of memory or threads.
 */
struct deadlines *deadlines_start(unsigned seconds);
/* None may be set any more. NULL. */
struct deadlines *deadlines_stop(struct deadlines *deadlines);

/* From now on the time runs: at its end both directions are shut down. Set again, it starts anew.
 */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline);
/* After this its descriptor is not touched any more. Of one that is not set: nothing. */
void deadline_clear(struct deadlines *deadlines, struct deadline *deadline);
