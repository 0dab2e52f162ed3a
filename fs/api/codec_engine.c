/*
 * JSON of the Docker Engine's API, as far as volumes go. Its clients are of any version, so that
 * what is not known of a request is left alone.
 */
#include "fs/api/codec_private.h"

#include "catalog/cleanup.h"

#include <jansson.h>
#include <string.h>

/* ---- requests ------------------------------------------------------------- */

int codec_read_engine_create(const char *text, size_t length, struct create_body *out,
                             struct error *e)
{
    static const struct field fields[] = {{"Name", FIELD_STRING},
                                          {"Driver", FIELD_STRING},
                                          {"DriverOpts", FIELD_OBJECT},
                                          {"Labels", FIELD_OBJECT},
                                          {"ClusterVolumeSpec", FIELD_OBJECT}};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r;

    *out = (struct create_body){0};
    if (length == 0)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "invalid JSON: got EOF while reading request body");
    r = object_read_leniently(text, length, fields, sizeof(fields) / sizeof(fields[0]), &object, e);
    if (r == 0 && json_object_size(json_object_get(object, "ClusterVolumeSpec")))
        return error_set(e, ERROR_REQUEST_INVALID,
                         "'ClusterVolumeSpec': there are no cluster volumes here; leave it out");
    if (r == 0)
        r = take_string(object, "Name", &out->name);
    if (r == 0)
        r = take_string(object, "Driver", &out->driver);
    if (r == 0)
        r = take_pairs(object, "DriverOpts", &out->options, e);
    if (r == 0)
        r = take_pairs(object, "Labels", &out->labels, e);
    if (r != 0)
        create_body_deinit(out);
    return r;
}

/* One text of {"k":["v"]} or {"k":{"v":true}}; NULL: none, several, or no such form. */
static const char *single_value(json_t *values)
{
    if (json_is_array(values))
        return json_array_size(values) == 1 ? json_string_value(json_array_get(values, 0)) : NULL;
    return json_object_size(values) == 1 ? json_object_iter_key(json_object_iter(values)) : NULL;
}

static int read_all(json_t *values, bool *all, struct error *e)
{
    const char *value = single_value(values);

    *all = value && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
    if (*all || (value && (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)))
        return 0;
    return error_set(e, ERROR_REQUEST_INVALID, "invalid filter 'all=[%.100s]'", value ? value : "");
}

int codec_read_engine_prune(const char *text, struct filter **out, bool *all, struct error *e)
{
    _cleanup_(json_decref_p) json_t *object = NULL;
    const char *key;
    json_t *values;
    int r = text && *text ? object_load(text, strlen(text), &object, e) : 0;

    *out = NULL;
    if (r != 0)
        return r;
    json_object_foreach(object, key, values)
    {
        if (strcmp(key, "label") != 0 && strcmp(key, "label!") != 0 && strcmp(key, "all") != 0)
            return error_set(e, ERROR_REQUEST_INVALID, "invalid filter '%.100s'", key);
    }
    values = json_object_get(object, "all");
    if (values)
        r = read_all(values, all, e);
    if (r != 0)
        return r;
    (void)json_object_del(object, "all");
    return filters_read(object, out, e);
}

/* ---- answers -------------------------------------------------------------- */

struct json_t *codec_engine_volume(const struct volume *volume, const char *mountpoint)
{
    char created[TIME_TEXT_SIZE];

    time_format(volume->created_at, created);
    return json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:s}", "CreatedAt", created, "Driver",
                     volume->driver, "Labels", pairs_value(&volume->labels), "Mountpoint",
                     codec_plugin_mountpoint(mountpoint, volume->name), "Name", volume->name,
                     "Options", pairs_value(&volume->options), "Scope", "local");
}

struct json_t *codec_engine_usage(struct json_t *volume, const struct measure *measure,
                                  uint32_t references)
{
    json_t *usage = json_pack("{s:o, s:I}", "Size",
                              measure->known ? codec_number(measure->size) : json_integer(-1),
                              "RefCount", (json_int_t)references);

    if (json_object_set_new(volume, "UsageData", usage) == 0)
        return volume;
    json_decref(volume);
    return NULL;
}

struct json_t *codec_engine_df(struct json_t *volumes)
{
    return json_pack("{s:i, s:[], s:[], s:o, s:[], s:i}", "LayersSize", 0, "Images", "Containers",
                     "Volumes", volumes, "BuildCache", "BuilderSize", 0);
}

struct json_t *codec_engine_pruned(struct json_t *names, uint64_t reclaimed)
{
    return json_pack("{s:o, s:o}", "VolumesDeleted", names, "SpaceReclaimed",
                     codec_number(reclaimed));
}

struct json_t *codec_engine_version(const struct daemon_status *status,
                                    const struct machine *machine, int minor, int minor_min)
{
    return json_pack("{s:{s:s}, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s}", "Platform", "Name",
                     "volumefs", "Version", status->version ? status->version : "", "ApiVersion",
                     json_sprintf("1.%d", minor), "MinAPIVersion", json_sprintf("1.%d", minor_min),
                     "GitCommit", "", "GoVersion", "", "Os", "linux", "Arch", machine->architecture,
                     "KernelVersion", machine->kernel, "BuildTime", "");
}

/* What clients want to be there; there are no containers or images of ours. */
struct json_t *codec_engine_info(const struct daemon_status *status, const struct machine *machine)
{
    return json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:i, s:s, s:[[s,o]], s:{s:[s], s:[], s:n, s:[]}, s:s, s:s, s:s, "
        "s:s, s:s, s:i, s:I, s:o, s:s, s:{s:s}, s:[], s:n}",
        "ID", machine->name, "Containers", 0, "ContainersRunning", 0, "ContainersPaused", 0,
        "ContainersStopped", 0, "Images", 0, "Driver", "volumefs", "DriverStatus", "Volumes",
        json_sprintf("%llu", (unsigned long long)status->volumes), "Plugins", "Volume", "local",
        "Network", "Authorization", "Log", "Name", machine->name, "ServerVersion",
        status->version ? status->version : "", "OSType", "linux", "Architecture",
        machine->architecture, "KernelVersion", machine->kernel, "NCPU", (int)machine->processors,
        "MemTotal", (json_int_t)machine->memory, "DockerRootDir",
        codec_string(status->store ? status->store : ""), "OperatingSystem", "linux", "Swarm",
        "LocalNodeState", "inactive", "SecurityOptions", "Warnings");
}
