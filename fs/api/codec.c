/*
 * Answers as JSON: the keys of the contract, each in one place.
 *
 * Texts that come from outside (labels, paths) may not be UTF-8, which JSON
 * must be: such bytes are shown as '?' rather than failing the whole list.
 */
#include "fs/api/codec_private.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *codec_text(struct json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

    json_decref(value);
    return text;
}

void codec_drop(struct json_t *value)
{
    json_decref(value);
}

struct json_t *codec_array(void)
{
    return json_array();
}

int codec_array_add(struct json_t *array, struct json_t *item)
{
    return json_array_append_new(array, item) < 0 ? -ENOMEM : 0;
}

struct json_t *codec_object(const char *key, struct json_t *value, const char *second,
                            struct json_t *second_value)
{
    if (!second)
        return json_pack("{s:o}", key, value);
    return json_pack("{s:o, s:o}", key, value, second, second_value);
}

struct json_t *codec_number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    char *copy;

    if (value)
        return value;
    copy = strdup(text);
    if (!copy)
        return NULL;
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = json_string(copy);
    free(copy);
    return value;
}

struct json_t *codec_string(const char *text)
{
    return text_value(text);
}

struct json_t *pairs_value(const struct pairs *pairs)
{
    json_t *object;

    if (!pairs->count)
        return json_null();
    object = json_object();
    for (size_t i = 0; object && i < pairs->count; i++) {
        if (json_object_set_new(object, pairs->items[i].key, text_value(pairs->items[i].value)) ==
            0)
            continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

json_t *time_value(int64_t ns)
{
    char text[TIME_TEXT_SIZE];

    if (ns == 0)
        return json_null();
    time_format(ns, text);
    return json_string(text);
}

/* "/mnt/volumes/NAME" */
static json_t *mountpoint_value(const char *mountpoint, const char *name)
{
    return json_sprintf("%s/%s", mountpoint, name);
}

struct json_t *codec_error(int code, const char *text)
{
    return json_pack("{s:o, s:s}", "message", text_value(text), "code", error_code_name(code));
}

struct json_t *codec_volume(const struct volume *volume, const char *mountpoint,
                            uint32_t references)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:o, s:o, "
                     "s:I}",
                     "Name", volume->name, "Driver", volume->driver, "Mountpoint",
                     mountpoint_value(mountpoint, volume->name), "CreatedAt",
                     time_value(volume->created_at), "Labels", pairs_value(&volume->labels),
                     "Options", pairs_value(&volume->options), "Scope", "local", "Id", volume->id,
                     "Kind", volume_kind_name(volume->kind), "ReadOnly", volume->readonly, "Label",
                     access_label_name(volume->label), "Owner", volume->owner, "Context",
                     volume->context, "SizeLimit", codec_number(volume->size_limit), "LastUsedAt",
                     time_value(volume->last_used_at), "RefCount", (json_int_t)references);
}

static json_t *measured(const struct measure *measure, uint64_t value)
{
    return measure->known ? codec_number(value) : json_integer(-1);
}

struct json_t *codec_volume_details(struct json_t *volume, const struct references *references,
                                    const struct measure *measure)
{
    json_t *usage = json_pack("{s:o, s:I}", "Size", measured(measure, measure->size), "RefCount",
                              (json_int_t)references->containers);
    json_t *refs = codec_references(references);

    if (!volume || json_object_set_new(volume, "Refs", refs) < 0) {
        json_decref(usage);
        json_decref(volume);
        return NULL;
    }
    if (json_object_set_new(volume, "UsageData", usage) < 0) {
        json_decref(volume);
        return NULL;
    }
    return volume;
}

struct json_t *codec_volume_list(struct json_t *volumes)
{
    return json_pack("{s:o, s:n}", "Volumes", volumes, "Warnings");
}

static json_t *sources_value(unsigned sources)
{
    static const struct {
        enum reference_source source;
        const char *name;
    } names[] = {
        {REFERENCE_RECORDED, "recorded"}, {REFERENCE_USE, "use"}, {REFERENCE_LIVE, "live"}};
    json_t *array = json_array();

    for (size_t i = 0; array && i < sizeof(names) / sizeof(names[0]); i++) {
        if (!(sources & names[i].source) ||
            json_array_append_new(array, json_string(names[i].name)) == 0)
            continue;
        json_decref(array);
        array = NULL;
    }
    return array;
}

static json_t *reference_value(const struct reference *reference)
{
    char buffer[13];

    return json_pack(
        "{s:o, s:o, s:o, s:s, s:s, s:b, s:o, s:I, s:s, s:b}", "Container",
        text_value(reference_container(reference, buffer)), "ContainerId",
        text_value(reference->container_id), "Destination", text_value(reference->destination),
        "Mode", reference->readonly ? "ro" : "rw", "Label", access_label_name(reference->label),
        "Running", reference->running, "Sources", sources_value(reference->sources), "Pid",
        (json_int_t)reference->pid, "Engine", reference->engine, "Away", reference->away);
}

struct json_t *codec_references(const struct references *references)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < references->count; i++) {
        if (json_array_append_new(array, reference_value(&references->items[i])) == 0)
            continue;
        json_decref(array);
        array = NULL;
    }
    return array;
}

struct json_t *codec_pruned(const char *name, uint64_t size)
{
    return json_pack("{s:s, s:o}", "Name", name, "Size", codec_number(size));
}

struct json_t *codec_prune(struct json_t *removed, uint64_t reclaimed, struct json_t *errors)
{
    return json_pack("{s:o, s:o, s:o}", "VolumesDeleted", removed, "SpaceReclaimed",
                     codec_number(reclaimed), "Errors", errors);
}

static json_t *denials_value(const struct daemon_status *status)
{
    json_t *object = json_object();

    for (int i = RULE_NONE + 1; object && i < RULE_COUNT; i++) {
        if (json_object_set_new(object, policy_rule_name((enum policy_rule)i),
                                codec_number(status->denials[i])) == 0)
            continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

static json_t *engines_value(const struct daemon_status *status)
{
    json_t *array = json_array();

    for (unsigned i = 0; array && i < status->engine_count; i++) {
        const struct status_engine *engine = &status->engines[i];

        if (json_array_append_new(array,
                                  json_pack("{s:s, s:o, s:b, s:o}", "Name", engine->name, "Socket",
                                            text_value(engine->socket), "Followed",
                                            engine->followed, "Why", text_value(engine->why))) == 0)
            continue;
        json_decref(array);
        array = NULL;
    }
    return array;
}

struct json_t *codec_status(const struct daemon_status *s)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:o, s:b, s:b, s:o, s:s, s:i, s:o, s:o, s:o, "
                     "s:o, s:o, s:o, s:o}",
                     "Version", s->version ? s->version : "", "LibfuseVersion",
                     s->libfuse_version ? s->libfuse_version : "", "Kernel", text_value(s->kernel),
                     "Mountpoint", text_value(s->mountpoint ? s->mountpoint : ""), "Store",
                     text_value(s->store ? s->store : ""), "Pid", (json_int_t)s->pid, "StartedAt",
                     time_value(s->started_at), "Privileged", s->privileged, "Passthrough",
                     s->passthrough, "PassthroughReason", text_value(s->passthrough_reason),
                     "Selinux", s->selinux ? s->selinux : "", "Threads", (int)s->threads, "Volumes",
                     codec_number(s->volumes), "Nodes", codec_number(s->nodes), "OpenNodes",
                     codec_number(s->open_nodes), "OpenFiles", codec_number(s->open_files),
                     "Denials", codec_number(status_denials(s)), "DenialsByRule", denials_value(s),
                     "Engines", engines_value(s));
}

struct json_t *codec_volume_usage(const struct volume *volume, const struct measure *measure,
                                  uint32_t references)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:I}", "Name", volume->name, "Size",
                     measured(measure, measure->size), "Inodes", measured(measure, measure->inodes),
                     "SizeLimit", codec_number(volume->size_limit), "RefCount",
                     (json_int_t)references);
}

struct json_t *codec_store_usage(const char *path, uint64_t size, uint64_t used, uint64_t available)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "Path", text_value(path), "Size", codec_number(size),
                     "Used", codec_number(used), "Available", codec_number(available));
}

struct json_t *codec_problem(const char *subject, const char *text, const char *next)
{
    return json_pack("{s:o, s:o, s:o}", "Subject", text_value(subject), "Text", text_value(text),
                     "Next", text_value(next));
}

/* What -v would have to say for what is recorded: "ro,Z,nocopy", "" for the defaults. */
static void mode_text(const struct attachment *attachment, char *out, size_t size)
{
    const char *label = attachment->label == LABEL_SHARED    ? ",z"
                        : attachment->label == LABEL_PRIVATE ? ",Z"
                                                             : "";
    bool usual = !attachment->propagation[0] || strcmp(attachment->propagation, "rprivate") == 0;
    char text[64];

    snprintf(text, sizeof(text), "%s%s%s%s%s", attachment->readonly ? ",ro" : "", label,
             attachment->nocopy ? ",nocopy" : "", usual ? "" : ",",
             usual ? "" : attachment->propagation);
    snprintf(out, size, "%s", text[0] ? text + 1 : "");
}

struct json_t *codec_mount(const struct attachment *attachment, const struct volume *volume,
                           const char *source, const char *mode)
{
    char recorded[64];

    mode_text(attachment, recorded, sizeof(recorded));
    return json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:b, s:s}", "Type", volume ? "volume" : "bind",
                     "Name", volume ? volume->name : "", "Source", text_value(source),
                     "Destination", text_value(attachment->destination), "Driver",
                     volume ? volume->driver : "", "Mode", mode ? mode : recorded, "RW",
                     !attachment->readonly, "Propagation", attachment->propagation);
}

/* As it was given, checked then. */
static json_t *process_value(const char *text)
{
    json_t *value = text ? json_loads(text, 0, NULL) : NULL;

    return value ? value : json_null();
}

struct json_t *codec_container(const struct container *container, const struct run *run,
                               struct json_t *mounts)
{
    bool running = container->state == CONTAINER_RUNNING;
    char created[TIME_TEXT_SIZE];

    time_format(container->created_at, created);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:I, s:o, s:o}", "Id", container->id, "Name",
        container->name, "Runtime", container->runtime, "Engine", container->engine, "State",
        container_state_name(container->state), "CreatedAt", created, "AutoRemove",
        run->auto_remove, "Rootfs", text_value(run->rootfs ? run->rootfs : ""), "Process",
        process_value(run->process), "Pid", (json_int_t)(running ? run->pid : 0), "ExitCode",
        run->has_exit_code ? json_integer(run->exit_code) : json_null(), "Mounts", mounts);
}

struct json_t *codec_container_name(const struct container *container)
{
    return json_pack("{s:s, s:s}", "Id", container->id, "Name", container->name);
}

struct json_t *codec_copy(const char *volume, const char *destination, uint64_t bytes,
                          uint64_t total_bytes, uint64_t entries)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "Volume", volume, "Destination",
                     text_value(destination), "Bytes", codec_number(bytes), "TotalBytes",
                     codec_number(total_bytes), "Entries", codec_number(entries));
}
