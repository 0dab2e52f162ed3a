/*
 * Lines of /proc/PID/mountinfo. Pure. Format: proc_pid_mountinfo(5).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define TREE_TYPE "fuse.volumefs" /* a tree of volumes, and what is bound from one */

enum { MOUNTINFO_LINE_MAX = 64 << 10 };

/* One mount. The texts lie in the line that was parsed. */
struct mountinfo {
    dev_t device;      /* as st_dev of files in it */
    char *root;        /* the directory of the file system that is mounted */
    char *mount_point; /* relative to the process's root */
    char *type;        /* "fuse.volumefs" */
    char *source;      /* "/var/lib/volumefs", or any other word; may be empty */
    bool readonly;     /* the mount or its file system */
    bool deleted;      /* root's name is gone ("//deleted", taken off) */
};

/*
 * Parses one line (with or without its newline) in place: octal escapes are
 * undone, optional fields skipped. False for anything that is no such line,
 * or longer than MOUNTINFO_LINE_MAX.
 */
bool mountinfo_parse_line(char *line, struct mountinfo *out);
