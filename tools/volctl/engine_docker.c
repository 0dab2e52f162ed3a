/*
 * Docker: asked on its socket (the Engine's API), or, while it does not run and that is wished, its
 * directories, which say less.
 */
#include "tools/volctl/client.h"
#include "tools/volctl/engine.h"

#include "catalog/cleanup.h"
#include "catalog/model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DOCKER_SOCKET    "/var/run/docker.sock"
#define DOCKER_DATA_ROOT "/var/lib/docker"
#define UNIX_SCHEME      "unix://"

/* ---- its API ---------------------------------------------------------------------- */

static int find_socket(const struct engine *engine, const char **out, struct error *e)
{
    const char *environment = getenv("DOCKER_HOST");
    const char *host = engine->host ? engine->host : environment;

    if (!host || !*host)
        host = UNIX_SCHEME DOCKER_SOCKET;
    if (strncmp(host, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0)
        host += strlen(UNIX_SCHEME);
    *out = host;
    if (host[0] == '/')
        return 0;
    return error_set(e, ERROR_REQUEST_INVALID,
                     "Docker's host '%s' is no unix socket; its volumes are taken over on its own "
                     "machine, with --host unix:///PATH",
                     host);
}

static int refused(const struct answer *answer, const json_t *value, struct error *e)
{
    const char *message = field_text(value, "message");

    if (*message)
        return error_set(e, ERROR_REQUEST_INVALID, "Docker: %s", message);
    return error_set(e, ERROR_REQUEST_INVALID, "Docker answered with status %ld and no reason",
                     answer->status);
}

/* *out may be NULL for none; `out` too. */
static int ask(struct engine *engine, const char *method, const char *path, const json_t *body,
               json_t **out, struct error *e)
{
    _cleanup_(free_p) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    _cleanup_(answer_deinit) struct answer answer = {0};
    _cleanup_(json_decref_p) json_t *value = NULL;
    const char *socket;
    int r = find_socket(engine, &socket, e);

    if (r)
        return r;
    if (!engine->client)
        engine->client = client_new(socket);
    if (!engine->client || (body && !text))
        return -ENOMEM;
    r = client_request(engine->client, method, path, text, &answer, NULL);
    if (r)
        return error_set(e, ERROR_UNAVAILABLE,
                         "Docker does not answer on %s; start it, name its socket with --host, or "
                         "go by its directories with --offline",
                         socket);
    value = answer.length ? json_loadb(answer.body, answer.length, 0, NULL) : NULL;
    if (answer.status < 200 || answer.status > 299)
        return refused(&answer, value, e);
    if (out && !value)
        return error_set(e, ERROR_REQUEST_INVALID, "Docker's answer to %s is no JSON", path);
    if (out)
        *out = steal_pointer(&value);
    return 0;
}

static int add_volumes(json_t *entries, const json_t *volumes)
{
    json_t *volume;
    size_t i;
    int r = 0;

    json_array_foreach(volumes, i, volume) if (r == 0) r = engine_add(entries, volume);
    return r;
}

static bool is_running(const char *state)
{
    static const char *const ended[] = {"created", "exited", "dead"};

    for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++)
        if (strcmp(state, ended[i]) == 0)
            return false;
    return true; /* paused, restarting, and what may come */
}

static int add_container(json_t *entries, const json_t *container)
{
    const char *name = json_string_value(json_array_get(json_object_get(container, "Names"), 0));
    bool running = is_running(field_text(container, "State"));
    json_t *mount;
    size_t i;
    int r = 0;

    if (name && *name == '/')
        name++;
    json_array_foreach(json_object_get(container, "Mounts"), i, mount)
    {
        if (r == 0 && strcmp(field_text(mount, "Type"), "volume") == 0)
            r = engine_add_user(entries, field_text(mount, "Name"),
                                name && *name ? name : field_text(container, "Id"), running);
    }
    return r;
}

static int list_online(struct engine *engine, json_t *entries, struct error *e)
{
    _cleanup_(json_decref_p) json_t *volumes = NULL, *containers = NULL;
    json_t *container;
    size_t i;
    int r = ask(engine, "GET", "/volumes", NULL, &volumes, e);

    if (r == 0)
        r = ask(engine, "GET", "/containers/json?all=1", NULL, &containers, e);
    if (r == 0)
        r = add_volumes(entries, json_object_get(volumes, "Volumes"));
    json_array_foreach(containers, i, container) if (r == 0) r = add_container(entries, container);
    return r;
}

/* ---- its directories ----------------------------------------------------------------- */

/* What a directory of volumes/ tells: a name, a time, whether there are options. */
static int add_directory(json_t *entries, const char *root, int root_fd, const char *name)
{
    _cleanup_(json_decref_p) json_t *volume = NULL;
    _cleanup_(free_p) char *data = NULL, *options = NULL;
    char time[TIME_TEXT_SIZE];
    struct stat st;

    if (fstatat(root_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
        return 0;
    time_format((int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, time);
    if (asprintf(&data, "%s/%s/_data", root, name) < 0 ||
        asprintf(&options, "%s/opts.json", name) < 0)
        return -ENOMEM;
    volume = json_pack("{s:s, s:s, s:s, s:s, s:{}}", "Name", name, "Driver", "local", "Mountpoint",
                       data, "CreatedAt", time, "Options");
    if (!volume)
        return 0; /* a name that is not UTF-8 is no volume's */
    if (faccessat(root_fd, options, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        json_object_set_new(json_object_get(volume, "Options"), "opts.json", json_true());
    return engine_add(entries, volume);
}

static int list_offline(const struct engine *engine, json_t *entries, struct error *e)
{
    _cleanup_(free_p) char *root = NULL;
    _cleanup_(closedir_p) DIR *dir = NULL;
    const struct dirent *entry;
    int r = 0;

    if (asprintf(&root, "%s/volumes", engine->data_root ? engine->data_root : DOCKER_DATA_ROOT) < 0)
        return -ENOMEM;
    dir = opendir(root);
    if (!dir)
        return error_set_errno(e, -errno, "%s: name Docker's directory with --data-root", root);
    while (r == 0 && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            r = add_directory(entries, root, dirfd(dir), entry->d_name);
    return r;
}

/* ---- as an engine ------------------------------------------------------------------------ */

static int docker_list(struct engine *engine, json_t **out, struct error *e)
{
    json_t *entries = json_array();
    int r = !entries          ? -ENOMEM
            : engine->offline ? list_offline(engine, entries, e)
                              : list_online(engine, entries, e);

    if (r)
        json_decref(entries);
    else
        *out = entries;
    return r;
}

static int docker_remove(struct engine *engine, const char *name, struct error *e)
{
    _cleanup_(free_p) char *escaped = client_escape(name), *path = NULL;

    if (!escaped || asprintf(&path, "/volumes/%s", escaped) < 0)
        return -ENOMEM;
    return ask(engine, "DELETE", path, NULL, NULL, e);
}

static int docker_create(struct engine *engine, const char *name, const json_t *labels,
                         struct error *e)
{
    _cleanup_(json_decref_p) json_t *body =
        json_pack("{s:s, s:s, s:O}", "Name", name, "Driver", "local", "Labels", labels);

    return body ? ask(engine, "POST", "/volumes/create", body, NULL, e) : -ENOMEM;
}

const struct engine_kind engine_docker = {.name = "docker",
                                          .title = "Docker",
                                          .list = docker_list,
                                          .remove = docker_remove,
                                          .create = docker_create};
