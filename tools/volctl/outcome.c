/*
 * How a run ended; see outcome.h.
 *
 * A runtime ends with status 1 whatever kept the command from running, and with the command's
 * status once it ran. Why it did not is only in a text, whose words runc and crun have kept for
 * years; Docker reads them too (moby daemon/errors.go).
 */
#include "tools/volctl/outcome.h"

#include "tools/volctl/call.h"

#include "catalog/cleanup.h"

#include <string.h>
#include <sys/wait.h>

/* The last error in the log, in a new string; NULL: none. */
static char *log_find_error(const char *log)
{
    char *found = NULL;

    while (*log) {
        size_t length = strcspn(log, "\n");
        _cleanup_(json_decref_p) json_t *line = json_loadb(log, length, 0, NULL);
        const char *level = field_text(line, "level");

        if (strcmp(level, "error") == 0 || strcmp(level, "fatal") == 0) {
            free(found);
            found = strdup(field_text(line, "msg"));
        }
        log += length + (log[length] == '\n');
    }
    return found;
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* runc: exec: "x": …; crun: executable file `x` not found, open executable: … */
static bool is_of_command(const char *why)
{
    return has(why, "exec: \"") || has(why, "executable");
}

static const struct {
    const char *part, *next;
} hints[] = {
    {"hybrid mode", "this runtime cannot work with this host's control groups: try --runtime runc"},
    {"not a directory", "a file can be mounted only where a file is, and a directory where a "
                        "directory is"},
    {"read-only file system", "where something is to be mounted there must be a file or directory, "
                              "and the runtime cannot make it there"},
    {"Transport endpoint is not connected", "the daemon was killed while it was mounted: start it "
                                            "again with: systemctl start volumefs"},
    {"apparmor", "look at the host's log with: dmesg"},
};

static const char *hint_of(const char *why)
{
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (has(why, hints[i].part))
            return hints[i].next;
    return "if it is the runtime's mistake, try another one with --runtime";
}

/* Behind what runc says before the reason, which tells people nothing. */
static const char *reason_of(const char *why)
{
    static const char *const heads[] = {"runc run failed: ", "unable to start container process: ",
                                        "error during container init: "};

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        if (strncmp(why, heads[i], strlen(heads[i])) == 0)
            why += strlen(heads[i]);
    return why;
}

/* Messages of several lines as one, without the end's. */
static void text_flatten(char *text)
{
    size_t length = strlen(text);

    while (length && (text[length - 1] == '\n' || text[length - 1] == ' '))
        text[--length] = 0;
    for (; *text; text++)
        if (*text == '\n')
            *text = ' ';
}

static int outcome_explain(const struct ending *ending, const char *runtime, const char *rootfs,
                           int *r, struct error *e)
{
    _cleanup_(free_p) char *why = log_find_error(ending->log);

    if (!why)
        why = strdup(ending->messages);
    if (why)
        text_flatten(why);
    if (why && is_of_command(why) && (has(why, "not found") || has(why, "o such file"))) {
        *r = error_set(e, ERROR_NOT_FOUND,
                       "%s: %.700s; the command is looked for in the rootfs %s, not on the host",
                       runtime, reason_of(why), rootfs);
        return EXIT_RUN_NOT_FOUND;
    }
    if (why && is_of_command(why)) {
        *r =
            error_set(e, ERROR_DENIED,
                      "%s: %.700s; is it a program for this machine, and executable (chmod +x) for "
                      "the user, in the rootfs %s?",
                      runtime, reason_of(why), rootfs);
        return EXIT_RUN_CANNOT;
    }
    if (WIFSIGNALED(ending->status))
        *r = error_set(e, ERROR_UNAVAILABLE,
                       "the runtime %s was ended by signal %d before the command ran; try again",
                       runtime, WTERMSIG(ending->status));
    else if (why && *why)
        *r = error_set(e, ERROR_REQUEST_INVALID, "%s: %.700s; %s", runtime, reason_of(why),
                       hint_of(why));
    else
        *r = error_set(e, ERROR_REQUEST_INVALID,
                       "the runtime %s ended with status %d and no reason; try another one with "
                       "--runtime",
                       runtime, WEXITSTATUS(ending->status));
    return EXIT_RUN_FAILED;
}

int outcome_read(const struct ending *ending, const char *runtime, const char *rootfs, int *r,
                 struct error *e)
{
    *r = 0;
    if (!ending->started)
        return outcome_explain(ending, runtime, rootfs, r, e);
    if (WIFEXITED(ending->status))
        return WEXITSTATUS(ending->status);
    *r = error_set(e, ERROR_UNAVAILABLE,
                   "the runtime %s was ended by signal %d while the container ran, which has been "
                   "killed",
                   runtime, WTERMSIG(ending->status));
    return EXIT_RUN_FAILED;
}
