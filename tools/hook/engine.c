/*
 * Who runs a container. Engines leave annotations in the bundle:
 *
 *   Podman      io.container.manager=libpod; the name is with its monitor, conmon, only
 *   CRI-O       io.container.manager=cri-o, io.kubernetes.cri-o.Name
 *   nerdctl     nerdctl/namespace, nerdctl/name
 *   containerd  io.kubernetes.cri.*: a name within a pod, a pod's within a namespace
 *
 * A runtime is our parent, and says --root where its state is not in the usual place.
 */
#include "tools/hook/engine.h"

#include "catalog/cleanup.h"
#include "tools/hook/input.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { CMDLINE_MAX = 128 << 10, STAT_MAX = 4096 };

/* ---- annotations ------------------------------------------------------------- */

/* What is no name here is left out: a container is known by its id as well. */
static void engine_set_name(struct engine *engine, const char *name)
{
    if (name && name_check_container(name, NULL) == 0)
        snprintf(engine->name, sizeof(engine->name), "%s", name);
}

/* As CRI-O and the kubelet write it: a name within a pod is many containers' in a cluster. */
static void engine_set_pod_name(struct engine *engine, const struct bundle *bundle)
{
    const char *container = bundle_annotation(bundle, "io.kubernetes.cri.container-name");
    const char *pod = bundle_annotation(bundle, "io.kubernetes.cri.sandbox-name");
    const char *space = bundle_annotation(bundle, "io.kubernetes.cri.sandbox-namespace");
    _cleanup_(free_p) char *name = NULL;

    if (!container || !pod || !space)
        return;
    if (asprintf(&name, "k8s_%s_%s_%s", container, pod, space) < 0)
        name = NULL;
    engine_set_name(engine, name);
}

void engine_read_annotations(const struct bundle *bundle, struct engine *out)
{
    const char *manager = bundle_annotation(bundle, "io.container.manager");

    *out = (struct engine){.runtime = "oci"};
    if (manager && strcmp(manager, "libpod") == 0) {
        out->runtime = "podman";
    } else if (manager && strcmp(manager, "cri-o") == 0) {
        out->runtime = "cri-o";
        engine_set_name(out, bundle_annotation(bundle, "io.kubernetes.cri-o.Name"));
    } else if (bundle_annotation(bundle, "nerdctl/namespace")) {
        out->runtime = "nerdctl";
        engine_set_name(out, bundle_annotation(bundle, "nerdctl/name"));
    } else if (bundle_annotation(bundle, "io.kubernetes.cri.container-type")) {
        out->runtime = "containerd";
        engine_set_pod_name(out, bundle);
    }
}

/* ---- command lines ----------------------------------------------------------- */

const char *engine_find_option(const char *cmdline, size_t length, const char *option)
{
    const char *end = cmdline + length;
    size_t option_length = strlen(option);

    while (cmdline < end) {
        const char *next = memchr(cmdline, 0, (size_t)(end - cmdline));

        if (!next)
            return NULL; /* cut off by a bound */
        next++;
        if (strcmp(cmdline, option) == 0)
            return next < end && memchr(next, 0, (size_t)(end - next)) ? next : NULL;
        if (strncmp(cmdline, option, option_length) == 0 && cmdline[option_length] == '=')
            return cmdline + option_length + 1;
        cmdline = next;
    }
    return NULL;
}

/* False: the process is gone, or says nothing. More than the bound is cut off. */
static bool process_read(pid_t pid, const char *file, size_t most, struct input *out)
{
    char path[64];
    int r;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    r = input_read_file(path, most, out, NULL);
    return (r == 0 || r == ERROR_LIMIT) && out->length > 0;
}

/* 0: unknown. */
static pid_t process_parent(pid_t pid)
{
    _cleanup_(input_deinit) struct input stat = {0};
    const char *rest;
    int parent = 0;

    if (!process_read(pid, "stat", STAT_MAX, &stat))
        return 0;
    rest = strrchr(stat.text, ')'); /* the program's name may have one too */
    return rest && sscanf(rest, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* A directory of the container's name, below where runtimes have them. */
static bool engine_try_directory(struct engine *engine, const char *root, const char *rest,
                                 const char *id)
{
    struct stat st;
    int n = snprintf(engine->state_directory, sizeof(engine->state_directory), "%s%s/%s", root,
                     rest, id);

    if (root[0] == '/' && n < (int)sizeof(engine->state_directory) &&
        stat(engine->state_directory, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    engine->state_directory[0] = 0;
    return false;
}

static void engine_find_directory(struct engine *engine, const char *id, const char *root)
{
    static const char *const names[] = {"/runc", "/crun"};
    const char *places[] = {"/run", getenv("XDG_RUNTIME_DIR")};

    if (root && engine_try_directory(engine, root, "", id))
        return;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        for (size_t k = 0; places[i] && k < sizeof(names) / sizeof(names[0]); k++)
            if (engine_try_directory(engine, places[i], names[k], id))
                return;
}

/* The runtime's parent is conmon -c ID -n NAME. */
static void engine_find_name(struct engine *engine, const char *id, pid_t runtime)
{
    _cleanup_(input_deinit) struct input cmdline = {0};
    pid_t monitor = process_parent(runtime);
    const char *watched;

    if (monitor <= 0 || !process_read(monitor, "cmdline", CMDLINE_MAX, &cmdline))
        return;
    watched = engine_find_option(cmdline.text, cmdline.length, "-c");
    if (watched && strcmp(watched, id) == 0)
        engine_set_name(engine, engine_find_option(cmdline.text, cmdline.length, "-n"));
}

void engine_look_around(const char *id, struct engine *engine)
{
    _cleanup_(input_deinit) struct input cmdline = {0};
    pid_t runtime = getppid();
    const char *root = NULL;

    if (process_read(runtime, "cmdline", CMDLINE_MAX, &cmdline))
        root = engine_find_option(cmdline.text, cmdline.length, "--root");
    if (!strchr(id, '/') && id[0] != '.')
        engine_find_directory(engine, id, root);
    if (!engine->name[0] && strcmp(engine->runtime, "podman") == 0)
        engine_find_name(engine, id, runtime);
}
