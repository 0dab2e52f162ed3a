/*
 * Sockets that a service manager holds and hands over (sd_listen_fds(3)): they are there before the
 * daemon, and stay when it ends.
 */
#pragma once

/* Descriptors; 0: none. */
struct activation {
    int control_fd;
    int plugin_fd;
};

/*
 * Takes what was handed over to this process, by the name of the descriptor ("control", "plugin")
 * or, if it has another, by its path: as either option says. What is left is closed and told.
 * Once, before any fork.
 */
void activation_take(struct activation *out, const char *control_path, const char *plugin_path);
