/*
 * Writes the body of a call, and runs the program that makes it, with the body on its standard
 * input. It lies beside this one, as installed and as built.
 */
#include "tools/hook/tell.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

static void json_decref_p(json_t **value)
{
    json_decref(*value);
}

/* ---- the program ------------------------------------------------------------- */

static int program_find(char out[PATH_MAX], struct error *e)
{
    static const char name[] = "volumefs-oci-tell";
    ssize_t length = readlink("/proc/self/exe", out, PATH_MAX - sizeof(name));
    char *slash;

    if (length < 0)
        return error_set_errno(e, -errno, "cannot find %s", name);
    out[length] = 0;
    slash = strrchr(out, '/');
    memcpy(slash ? slash + 1 : out, name, sizeof(name));
    return 0;
}

/* A file in memory that is read from its beginning; its descriptor or negative errno. */
static int body_open(const char *text)
{
    _cleanup_(close_p) int fd = memfd_create("body", MFD_CLOEXEC);

    for (size_t left = strlen(text); fd >= 0 && left > 0;) {
        ssize_t n = write(fd, text, left);

        if (n < 0)
            return -errno;
        text += n;
        left -= (size_t)n;
    }
    return fd < 0 || lseek(fd, 0, SEEK_SET) < 0 ? -errno : steal_fd(&fd);
}

static int program_run(const char *const *arguments, const json_t *body, struct error *e)
{
    _cleanup_(free_p) char *text = json_dumps(body, JSON_COMPACT);
    _cleanup_(close_p) int fd = -1;
    char path[PATH_MAX];
    int r;

    if (!text)
        return -ENOMEM;
    r = program_find(path, e);
    if (r)
        return r;
    fd = body_open(text);
    if (fd < 0)
        return fd;
    if (dup2(fd, STDIN_FILENO) < 0)
        return -errno;
    execv(path, (char *const *)(uintptr_t)arguments); /* which changes none of them */
    return error_set(e, ERROR_NOT_FOUND, "cannot run %s: %s; install volumefs again", path,
                     strerror(errno));
}

static int tell(const struct daemon *daemon, const char *id, const char *verb, const char *text,
                const json_t *body, struct error *e)
{
    _cleanup_(free_p) char *seconds = NULL;
    const char *arguments[TELL_ARGUMENTS + 1] = {[TELL_PROGRAM] = "volumefs-oci-tell",
                                                 [TELL_SOCKET] = daemon->socket,
                                                 [TELL_ID] = id,
                                                 [TELL_VERB] = verb,
                                                 [TELL_TEXT] = text};

    if (asprintf(&seconds, "%d", daemon->limit_s) < 0) {
        seconds = NULL;
        return -ENOMEM;
    }
    arguments[TELL_SECONDS] = seconds;
    return program_run(arguments, body, e);
}

/* ---- bodies ------------------------------------------------------------------ */

/* "" is left out, and a path that is not UTF-8: the daemon does without. */
static int body_set(json_t *body, const char *key, const char *text)
{
    json_t *value = *text ? json_string(text) : NULL;

    return value && json_object_set_new(body, key, value) < 0 ? -ENOMEM : 0;
}

/* A name in a volume may be any bytes, and what names it here a link's text. */
static int body_add_mounts(json_t *body, const struct ours *ours, struct error *e)
{
    json_t *mounts = json_array();

    if (json_object_set_new(body, "Mounts", mounts) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < ours->count; i++)
        if (json_array_append_new(mounts, json_string(ours->items[i].spec)) < 0)
            return error_set(e, ERROR_REQUEST_INVALID, "the path '%s' is not UTF-8; rename it",
                             ours->items[i].path);
    return 0;
}

int tell_start(const struct daemon *daemon, const struct state *state, const struct engine *engine,
               const struct ours *ours, const char *text, struct error *e)
{
    _cleanup_(json_decref_p) json_t *body =
        json_pack("{s:i, s:s}", "Pid", (int)state->pid, "Runtime", engine->runtime);
    int r = body ? body_set(body, "Name", engine->name) : -ENOMEM;

    if (r == 0)
        r = body_set(body, "StateDir", engine->state_directory);
    if (r == 0)
        r = body_add_mounts(body, ours, e);
    return r ? r : tell(daemon, state->id, "start", text, body, e);
}

int tell_end(const struct daemon *daemon, const struct state *state, const char *text,
             struct error *e)
{
    _cleanup_(json_decref_p) json_t *body = json_object();

    return body ? tell(daemon, state->id, "end", text, body, e) : -ENOMEM;
}
