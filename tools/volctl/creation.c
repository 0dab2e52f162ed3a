/* Making a container; see creation.h. */
#include "tools/volctl/creation.h"

#include "tools/volctl/call.h"
#include "tools/volctl/progress.h"

#include "catalog/cleanup.h"
#include "catalog/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int creation_init(struct creation *creation)
{
    *creation = (struct creation){0};
    creation->body = mounts_body(&creation->mounts);
    return creation->body ? 0 : -ENOMEM;
}

void creation_deinit(struct creation *creation)
{
    json_decref(creation->body);
    process_deinit(&creation->process);
    free(creation->rootfs);
    *creation = (struct creation){0};
}

static void rootfs_set(struct creation *creation, const char *path, struct argp_state *state)
{
    struct stat st;

    free(creation->rootfs);
    creation->rootfs = realpath(path, NULL);
    if (!creation->rootfs || stat(creation->rootfs, &st) < 0)
        argp_error(state, "--rootfs %s: %s", path, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        argp_error(state, "--rootfs %s is no directory; unpack it first: tar -xf %s -C DIR", path,
                   path);
    else if (strcmp(creation->rootfs, "/") == 0)
        argp_error(state,
                   "--rootfs / is the host itself; give a directory that has a system of its "
                   "own in it");
}

error_t creation_parse(struct creation *creation, int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case CREATION_NAME:
        creation->name = arg;
        return 0;
    case CREATION_ROOTFS:
        rootfs_set(creation, arg, state);
        return 0;
    case CREATION_RM:
        creation->auto_remove = true;
        return 0;
    default:
        if (mounts_parse(&creation->mounts, key, arg, state) == 0)
            return 0;
        return process_parse(&creation->process, key, arg, state);
    }
}

void creation_check(const struct creation *creation, int command_words, struct argp_state *state)
{
    if (command_words && !creation->rootfs)
        argp_error(state, "which rootfs? give --rootfs DIR, the directory that is to be / in the "
                          "container. One comes from: debootstrap stable DIR, or: docker export "
                          "CONTAINER | tar -xC DIR");
    if (creation->auto_remove && !command_words)
        argp_error(state, "--rm is for a container that runs; give a command too");
    if (process_is_given(&creation->process) && !command_words)
        argp_error(state, "what is to be run? give a command, or leave out its options");
}

static int body_set_text(json_t *body, const char *key, const char *text, struct error *e)
{
    if (json_object_set_new(body, key, json_string(text)) < 0)
        return error_set(e, ERROR_REQUEST_INVALID, "'%s' is not UTF-8", text);
    return 0;
}

static int body_set_flag(json_t *body, const char *key, bool flag)
{
    return flag && json_object_set_new(body, key, json_true()) < 0 ? -ENOMEM : 0;
}

/* With a rootfs it has an id of our making, by which can be asked what is copied for it. */
static int body_fill(struct creation *creation, char **arguments, int count, char *id,
                     struct error *e)
{
    json_t *body = creation->body, *process = NULL;
    int r = 0;

    if (creation->name)
        r = body_set_text(body, "Name", creation->name, e);
    if (r || !creation->rootfs)
        return r;
    r = name_make_random(id, CONTAINER_ID_MAX);
    if (r == 0)
        r = body_set_text(body, "Id", id, e);
    if (r == 0)
        r = body_set_text(body, "Rootfs", creation->rootfs, e);
    if (r == 0)
        r = body_set_flag(body, "AutoRemove", creation->auto_remove);
    if (r == 0)
        r = body_set_flag(body, "Starts", creation->starts);
    if (r || count == 0)
        return r;
    r = process_body(&creation->process, arguments, count, &process, e);
    if (r == 0 && json_object_set_new(body, "Process", process) < 0)
        r = -ENOMEM;
    return r;
}

int creation_make(struct volctl *volctl, struct creation *creation, char **arguments, int count,
                  json_t **out, struct error *e)
{
    char id[CONTAINER_ID_MAX + 1] = "";
    struct call call = {
        .method = "POST", .segments = {"containers"}, .body = creation->body, .patient = true};
    struct progress_place place = {{"containers", id, "copy"}};
    struct progress *progress;
    int r = body_fill(creation, arguments, count, id, e);

    if (r)
        return r;
    progress = *id ? progress_start(volctl->socket, &place) : NULL;
    r = call_daemon(volctl, &call, out, e);
    progress_stop(progress);
    return r;
}
