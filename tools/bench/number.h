/* Numbers on the command lines of the benchmark's programs. */
#pragma once

#include <argp.h>
#include <stdint.h>

/* A number in [low, high], or an end with a message. */
uint64_t parse_number(struct argp_state *state, const char *text, uint64_t low, uint64_t high);
