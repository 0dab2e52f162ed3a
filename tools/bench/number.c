/* See number.h. */
#include "tools/bench/number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

uint64_t parse_number(struct argp_state *state, const char *text, uint64_t low, uint64_t high)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || value < low || value > high)
        argp_error(state, "'%s' is not a number from %" PRIu64 " to %" PRIu64, text, low, high);
    return value;
}
