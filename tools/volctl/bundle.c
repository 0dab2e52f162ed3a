/*
 * A container's configuration for an OCI runtime; see bundle.h.
 *
 * What is mounted comes in an order in which nothing hides what came before: the runtime's own file
 * systems, then what the container has, those nearer to the root first. Where the container has
 * something of its own at one of the former, that one is left out.
 */
#include "tools/volctl/bundle.h"

#include "tools/volctl/call.h"
#include "tools/volctl/environment.h"

#include "catalog/cleanup.h"
#include "catalog/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTNAME_OF_ID = 12 };

/* ---- defaults ----------------------------------------------------------------------- */

static const char *const capabilities[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE",
};
static const char *const masked_paths[] = {
    "/proc/acpi",       "/proc/asound",        "/proc/interrupts",  "/proc/kcore",
    "/proc/keys",       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats",   "/sys/firmware",     "/sys/devices/virtual/powercap",
};
static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

enum { FILESYSTEM_OPTIONS_MAX = 6 };

static const struct filesystem {
    const char *destination, *type, *source;
    const char *options[FILESYSTEM_OPTIONS_MAX + 1];
} filesystems[] = {
    {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
    {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
    {"/dev/pts",
     "devpts",
     "devpts",
     {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
    {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
    {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
    {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
    {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* NULL: out of memory. */
static json_t *texts(const char *const *items, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < count; i++) {
        if (json_array_append_new(array, json_string(items[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* ---- mounts ------------------------------------------------------------------------- */

static bool filesystem_is_there(const struct bundle_host *host, const struct filesystem *filesystem)
{
    if (strcmp(filesystem->type, "cgroup") == 0)
        return host->cgroup_mount;
    return strcmp(filesystem->type, "mqueue") != 0 || host->mqueue;
}

/* The container has something of its own there. */
static bool is_taken(const json_t *mounts, const char *destination)
{
    const json_t *mount;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)mounts, i, mount)
    {
        if (strcmp(field_text(mount, "Destination"), destination) == 0)
            return true;
    }
    return false;
}

static int add_filesystems(const struct bundle *bundle, const json_t *mounts, json_t *out)
{
    for (size_t i = 0; i < COUNT(filesystems); i++) {
        const struct filesystem *f = &filesystems[i];
        size_t options = 0;

        if (!filesystem_is_there(bundle->host, f) || is_taken(mounts, f->destination))
            continue;
        while (options < FILESYSTEM_OPTIONS_MAX && f->options[options])
            options++;
        if (json_array_append_new(out,
                                  json_pack("{s:s, s:s, s:s, s:o}", "destination", f->destination,
                                            "type", f->type, "source", f->source, "options",
                                            texts(f->options, options))) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* One of the container's, with where it stands in the order. */
struct placed {
    const json_t *mount;
    size_t index, depth;
};

static size_t path_depth(const char *path)
{
    size_t depth = 0;

    for (; *path; path++)
        depth += *path == '/' && path[1] && path[1] != '/';
    return depth;
}

static int placed_compare(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;

    if (a->depth != b->depth)
        return a->depth < b->depth ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* A volume's files are anybody's: no devices, no set-id programs. A host path is as it is there. */
static json_t *mount_options(const json_t *mount)
{
    const char *propagation = field_text(mount, "Propagation");
    const char *options[5] = {"rbind", *propagation ? propagation : "rprivate",
                              field_bool(mount, "RW") ? "rw" : "ro", "nosuid", "nodev"};

    return texts(options, strcmp(field_text(mount, "Type"), "volume") == 0 ? 5 : 3);
}

static int add_mount(const struct placed *placed, const json_t *sources, json_t *out,
                     struct error *e)
{
    const char *destination = field_text(placed->mount, "Destination");
    const char *instead = json_string_value(json_array_get(sources, placed->index));
    const char *source = instead ? instead : field_text(placed->mount, "Source");

    if (*destination != '/' || *source != '/')
        return error_set(e, ERROR_REQUEST_INVALID,
                         "the daemon says that '%s' is to be mounted on '%s', which are no "
                         "paths; is it a volumefs of another version? 'volctl version' says",
                         source, destination);
    return json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:o}", "destination", destination,
                                                "type", "bind", "source", source, "options",
                                                mount_options(placed->mount))) < 0
               ? -ENOMEM
               : 0;
}

static int mounts_value(const struct bundle *bundle, json_t **out, struct error *e)
{
    const json_t *mounts = json_object_get(bundle->container, "Mounts");
    size_t count = json_array_size(mounts);
    _cleanup_(free_p) struct placed *placed = calloc(count + 1, sizeof(*placed));
    _cleanup_(json_decref_p) json_t *value = json_array();
    int r = 0;

    if (!placed || !value)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const json_t *mount = json_array_get(mounts, i);

        placed[i] = (struct placed){mount, i, path_depth(field_text(mount, "Destination"))};
    }
    qsort(placed, count, sizeof(*placed), placed_compare);
    r = add_filesystems(bundle, mounts, value);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_mount(&placed[i], bundle->sources, value, e);
    if (r == 0)
        *out = steal_pointer(&value);
    return r;
}

/* ---- process ------------------------------------------------------------------------- */

static int env_default(json_t *env, const char *key, const char *value)
{
    json_t *text;

    if (environment_get(env, key))
        return 0;
    text = json_sprintf("%s=%s", key, value);
    return json_array_append_new(env, text) < 0 ? -ENOMEM : 0;
}

static int env_value(const struct bundle *bundle, const json_t *process, const char *hostname,
                     json_t **out)
{
    const json_t *given = json_object_get(process, "Env");
    _cleanup_(json_decref_p) json_t *env =
        json_is_array(given) ? json_copy((json_t *)(uintptr_t)given) : json_array();
    int r = env ? 0 : -ENOMEM;

    if (r == 0)
        r = env_default(env, "PATH",
                        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    if (r == 0)
        r = env_default(env, "HOSTNAME", hostname);
    if (r == 0)
        r = env_default(env, "HOME", bundle->user->home);
    if (r == 0 && field_bool(process, "Terminal"))
        r = env_default(env, "TERM", "xterm");
    if (r == 0)
        *out = steal_pointer(&env);
    return r;
}

/* Only root has them from the start; who is not may get them by programs, within these. */
static json_t *capabilities_value(bool root)
{
    json_t *all = texts(capabilities, COUNT(capabilities));
    json_t *own = texts(capabilities, root ? COUNT(capabilities) : 0);
    json_t *permitted = json_deep_copy(own);

    return json_pack("{s:o, s:o, s:o}", "bounding", all, "effective", own, "permitted", permitted);
}

static json_t *user_value(const struct user *user)
{
    json_t *groups = json_array();

    for (size_t i = 0; i < user->group_count; i++) {
        if (json_array_append_new(groups, json_integer(user->groups[i])) < 0) {
            json_decref(groups);
            groups = NULL;
        }
    }
    return json_pack("{s:I, s:I, s:o}", "uid", (json_int_t)user->uid, "gid", (json_int_t)user->gid,
                     "additionalGids", groups);
}

/* Else it has the right size only some time after the command has begun. */
static int add_console(json_t *process, const struct bundle_host *host)
{
    if (!field_bool(process, "terminal") || !host->rows || !host->columns)
        return 0;
    return json_object_set_new(
               process, "consoleSize",
               json_pack("{s:i, s:i}", "height", (int)host->rows, "width", (int)host->columns)) < 0
               ? -ENOMEM
               : 0;
}

static int process_value(const struct bundle *bundle, const char *hostname, json_t **out,
                         struct error *e)
{
    const json_t *process = json_object_get(bundle->container, "Process");
    json_t *args = json_object_get(process, "Args"), *env = NULL;
    const char *cwd = field_text(process, "Cwd");
    int r;

    if (json_array_size(args) == 0)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "container %s was made without a command: nothing can be run in it",
                         field_text(bundle->container, "Id"));
    r = env_value(bundle, process, hostname, &env);
    if (r)
        return r;
    *out = json_pack("{s:b, s:o, s:O, s:o, s:s, s:o, s:b}", "terminal",
                     field_bool(process, "Terminal"), "user", user_value(bundle->user), "args",
                     args, "env", env, "cwd", *cwd ? cwd : "/", "capabilities",
                     capabilities_value(bundle->user->uid == 0), "noNewPrivileges", false);
    return *out ? add_console(*out, bundle->host) : -ENOMEM;
}

/* ---- the rest ------------------------------------------------------------------------- */

static json_t *namespaces_value(const struct bundle_host *host)
{
    static const char *const types[] = {"pid", "network", "ipc", "uts", "mount", "cgroup"};
    size_t count = COUNT(types) - (host->cgroup_namespace ? 0 : 1);
    json_t *array = json_array();

    for (size_t i = 0; array && i < count; i++) {
        if (json_array_append_new(array, json_pack("{s:s}", "type", types[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* What the rootfs's mount must let through for the mounts in it. NULL: the runtime's default. */
static const char *propagation_of(const json_t *mounts)
{
    const char *found = NULL;
    const json_t *mount;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)mounts, i, mount)
    {
        const char *propagation = field_text(mount, "Propagation");

        if (strstr(propagation, "shared"))
            return "shared";
        if (strstr(propagation, "slave"))
            found = "slave";
    }
    return found;
}

/* The daemon knows a container's processes by a control group that is named after its id. */
static json_t *linux_value(const struct bundle *bundle, const char *id)
{
    const char *propagation = propagation_of(json_object_get(bundle->container, "Mounts"));

    return json_pack("{s:o, s:{s:[{s:b, s:s}]}, s:o, s:o, s:o, s:s*}", "cgroupsPath",
                     json_sprintf("/volumefs/%s", id), "resources", "devices", "allow", false,
                     "access", "rwm", "namespaces", namespaces_value(bundle->host), "maskedPaths",
                     texts(masked_paths, COUNT(masked_paths)), "readonlyPaths",
                     texts(readonly_paths, COUNT(readonly_paths)), "rootfsPropagation",
                     propagation);
}

static json_t *hooks_value(const struct bundle *bundle)
{
    return json_pack("{s:[{s:s, s:o}]}", "createRuntime", "path", bundle->hook[0], "args",
                     texts(bundle->hook, COUNT(bundle->hook)));
}

int bundle_config(const struct bundle *bundle, json_t **out, struct error *e)
{
    const json_t *container = bundle->container, *process = json_object_get(container, "Process");
    const char *id = field_text(container, "Id"), *rootfs = field_text(container, "Rootfs");
    json_t *mounts = NULL, *process_json = NULL;
    char hostname[HOSTNAME_OF_ID + 1];
    const char *name = field_text(process, "Hostname");
    int r;

    if (name_check_container(id, e) || *rootfs != '/')
        return error_set(e, ERROR_REQUEST_INVALID,
                         "container %s has no rootfs: nothing can be run in it", id);
    snprintf(hostname, sizeof(hostname), "%s", id);
    name = *name ? name : hostname;
    r = process_value(bundle, name, &process_json, e);
    if (r == 0)
        r = mounts_value(bundle, &mounts, e);
    if (r) {
        json_decref(process_json);
        return r;
    }
    *out = json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o, s:o}", "ociVersion", "1.0.2",
                     "process", process_json, "root", "path", rootfs, "readonly",
                     field_bool(process, "ReadOnly"), "hostname", name, "mounts", mounts, "hooks",
                     hooks_value(bundle), "linux", linux_value(bundle, id));
    return *out ? 0 : -ENOMEM;
}
