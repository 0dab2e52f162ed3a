/*
 * volctl: the commands, and what they share. A command is a row of the table
 * in main.c and a file cmd_NAME.c.
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>
#include <stddef.h>

#define VOLCTL_SOCKET_DEFAULT "/run/volumefs/volumefs.sock"

enum exit_status {
    EXIT_OK,
    EXIT_ERROR,
    EXIT_USAGE,
    /* of run and start, as docker run has them: */
    EXIT_RUN_FAILED = 125, /* the command was not run */
    EXIT_RUN_CANNOT,       /* it cannot be: no program, or may not be executed */
    EXIT_RUN_NOT_FOUND,    /* it is not there */
    EXIT_RUN_SIGNAL        /* and a signal's number: that ended it */
};

struct volctl {
    const char *socket;
    char *own_socket;      /* what `socket` is, if that had to be made absolute */
    struct client *client; /* made by the first call */
};

struct command {
    const char *name;
    const char *alias; /* docker volume's other word for it, or NULL */
    const char *summary;
    int (*run)(struct volctl *volctl, int argc, char **argv); /* an exit_status */
};

/* Ends with a row of NULL. */
extern const struct command volctl_commands[];

/* Runs argv[0] of a table; its messages and its help call it "OF NAME". An exit_status. */
int command_run_of(const struct command *commands, struct volctl *volctl, const char *of, int argc,
                   char **argv);

/* "volctl: TEXT" on stderr, escaped; `r` explains itself where there is no text. EXIT_ERROR. */
int volctl_report(int r, const struct error *e);

int cmd_adopt(struct volctl *volctl, int argc, char **argv);
int cmd_attach(struct volctl *volctl, int argc, char **argv);
int cmd_container(struct volctl *volctl, int argc, char **argv);
int cmd_create(struct volctl *volctl, int argc, char **argv);
int cmd_detach(struct volctl *volctl, int argc, char **argv);
int cmd_df(struct volctl *volctl, int argc, char **argv);
int cmd_doctor(struct volctl *volctl, int argc, char **argv);
int cmd_events(struct volctl *volctl, int argc, char **argv);
int cmd_help(struct volctl *volctl, int argc, char **argv);
int cmd_inspect(struct volctl *volctl, int argc, char **argv);
int cmd_kill(struct volctl *volctl, int argc, char **argv);
int cmd_ls(struct volctl *volctl, int argc, char **argv);
int cmd_prune(struct volctl *volctl, int argc, char **argv);
int cmd_refs(struct volctl *volctl, int argc, char **argv);
int cmd_rename(struct volctl *volctl, int argc, char **argv);
int cmd_rm(struct volctl *volctl, int argc, char **argv);
int cmd_run(struct volctl *volctl, int argc, char **argv);
int cmd_set(struct volctl *volctl, int argc, char **argv);
int cmd_start(struct volctl *volctl, int argc, char **argv);
int cmd_stop(struct volctl *volctl, int argc, char **argv);
int cmd_version(struct volctl *volctl, int argc, char **argv);
