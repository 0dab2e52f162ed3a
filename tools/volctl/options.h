/*
 * Options that several commands have.
 */
#pragma once

#include "tools/volctl/volctl.h"

#include <argp.h>
#include <jansson.h>

enum option_key {
    OPTION_SOCKET = 0x100,
    OPTION_FORMAT,
    OPTION_OWN /* a command's own from here */
};

/* Of every command; -h beside the library's -?, as it is what people try. */
#define OPTION_ROWS_ALL                                                                            \
    {"socket",                                                                                     \
     OPTION_SOCKET,                                                                                \
     "PATH",                                                                                       \
     0,                                                                                            \
     "The daemon's socket ($VOLUMEFS_SOCKET, else " VOLCTL_SOCKET_DEFAULT ")",                     \
     100},                                                                                         \
    {                                                                                              \
        NULL, 'h', NULL, OPTION_HIDDEN, NULL, 100                                                  \
    }
#define OPTION_ROW_FORMAT                                                                          \
    {                                                                                              \
        "format", OPTION_FORMAT, "table|json", 0, "For people (default) or for programs", 90       \
    }

/* The first member of every command's input. */
struct options {
    struct volctl *volctl;
    bool json;
    char **operands; /* what is no option */
    int operand_count;
};

/* For the keys above and for operands; ARGP_ERR_UNKNOWN for others. `input` begins with options. */
error_t options_parse(int key, char *arg, struct argp_state *state);

/*
 * Runs a command's parser. Mistakes end the program with argp_err_exit_status, and so do
 * fewer operands than `least` or more than `most` (-1: any number).
 */
void options_read(const struct argp *argp, int argc, char **argv, struct options *options,
                  int least, int most);

/* The same, but operands begin with the first: what looks like an option behind it is none. */
void options_read_in_order(const struct argp *argp, int argc, char **argv, struct options *options,
                           int least, int most);

/* "-f k=v" into `filters`; a mistake ends the program with EXIT_USAGE. */
void options_add_filter(struct argp_state *state, json_t *filters, const char *arg);
void options_add_pair(struct argp_state *state, json_t *object, const char *arg);
