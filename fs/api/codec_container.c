/*
 * Requests about containers: what they are to have mounted, what is run in them, their start and
 * end.
 */
#include "fs/api/codec_private.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARGS_MAX = 4096, /* arguments, and variables of the environment */
    USER_MAX = 255,
    HOSTNAME_MAX = 64,
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- mounts --------------------------------------------------------------- */

static int specs_add(struct attach_body *out, const json_t *texts,
                     int (*parse)(const char *text, struct mount_spec *spec, struct error *e),
                     struct error *e)
{
    const json_t *text;
    size_t i;

    json_array_foreach(texts, i, text)
    {
        int r;

        if (json_string_length(text) > SPEC_TEXT_MAX)
            return error_set(e, ERROR_SPEC_INVALID, "mount '%.100s...' is longer than %d bytes",
                             json_string_value(text), SPEC_TEXT_MAX);
        r = parse(json_string_value(text), &out->specs[out->count], e);
        if (r != 0)
            return r;
        out->count++;
    }
    return 0;
}

static int from_add(struct attach_body *out, const json_t *texts, struct error *e)
{
    size_t count = json_array_size(texts);
    int r = 0;

    if (count > SPEC_MOUNTS_MAX)
        return error_set(e, ERROR_REQUEST_INVALID, "more than %d containers to take volumes from",
                         SPEC_MOUNTS_MAX);
    out->from = calloc(count + 1, sizeof(*out->from));
    if (!out->from)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = spec_parse_volumes_from(json_string_value(json_array_get(texts, i)),
                                    &out->from[out->from_count], e);
        out->from_count += r == 0;
    }
    return r;
}

static int attach_parse(struct attach_body *out, const json_t *object, struct error *e)
{
    const json_t *volumes = json_object_get(object, "Volumes");
    const json_t *mounts = json_object_get(object, "Mounts");
    size_t wanted = json_array_size(volumes) + json_array_size(mounts);
    int r;

    if (wanted > SPEC_MOUNTS_MAX)
        return error_set(e, ERROR_REQUEST_INVALID, "more than %d mounts", SPEC_MOUNTS_MAX);
    out->specs = calloc(wanted + 1, sizeof(*out->specs));
    if (!out->specs)
        return -ENOMEM;
    r = specs_add(out, volumes, spec_parse_volume, e);
    if (r == 0)
        r = specs_add(out, mounts, spec_parse_mount, e);
    if (r == 0)
        r = spec_check_duplicates(out->specs, out->count, e);
    return r ? r : from_add(out, json_object_get(object, "VolumesFrom"), e);
}

/* The fields of all bodies that have mounts. */
#define FIELDS_MOUNTS                                                                              \
    {"Volumes", FIELD_STRINGS}, {"Mounts", FIELD_STRINGS},                                         \
    {                                                                                              \
        "VolumesFrom", FIELD_STRINGS                                                               \
    }

int codec_read_attach(const char *text, size_t length, struct attach_body *out, struct error *e)
{
    static const struct field fields[] = {FIELDS_MOUNTS};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_read(text, length, fields, LENGTH(fields), &object, e);

    *out = (struct attach_body){0};
    if (r == 0)
        r = attach_parse(out, object, e);
    if (r == 0 && out->count == 0 && out->from_count == 0)
        r = error_set(e, ERROR_REQUEST_INVALID,
                      "nothing to attach: give 'Volumes', 'Mounts' or 'VolumesFrom'");
    if (r != 0)
        attach_body_deinit(out);
    return r;
}

void attach_body_deinit(struct attach_body *body)
{
    for (size_t i = 0; i < body->count; i++)
        mount_spec_deinit(&body->specs[i]);
    free(body->specs);
    free(body->from);
    run_deinit(&body->run);
    *body = (struct attach_body){0};
}

/* ---- what is run ----------------------------------------------------------- */

static int strings_check(const json_t *array, const char *key, bool variables, struct error *e)
{
    const json_t *item;
    size_t i;

    if (json_array_size(array) > ARGS_MAX)
        return error_set(e, ERROR_REQUEST_INVALID, "'%s' may have %d entries", key, ARGS_MAX);
    json_array_foreach(array, i, item)
    {
        const char *text = json_string_value(item);

        if (variables && (text[0] == '=' || !strchr(text, '=')))
            return error_set(e, ERROR_REQUEST_INVALID, "'%.100s' in '%s' is not KEY=VALUE", text,
                             key);
    }
    return 0;
}

static int process_check(json_t *process, struct error *e)
{
    static const struct field fields[] = {
        {"Args", FIELD_STRINGS},    {"Env", FIELD_STRINGS},      {"Cwd", FIELD_STRING},
        {"User", FIELD_STRING},     {"Terminal", FIELD_BOOLEAN}, {"Interactive", FIELD_BOOLEAN},
        {"Hostname", FIELD_STRING}, {"ReadOnly", FIELD_BOOLEAN}};
    int r = object_check(process, fields, LENGTH(fields), e);
    const char *cwd = json_string_value(json_object_get(process, "Cwd"));

    if (r == 0)
        r = strings_check(json_object_get(process, "Args"), "Args", false, e);
    if (r == 0)
        r = strings_check(json_object_get(process, "Env"), "Env", true, e);
    if (r)
        return r;
    if (json_array_size(json_object_get(process, "Args")) == 0)
        return error_set(e, ERROR_REQUEST_INVALID, "'Args' must name a command");
    if (cwd && *cwd && *cwd != '/')
        return error_set(e, ERROR_REQUEST_INVALID,
                         "the working directory '%.200s' must be an absolute path", cwd);
    if (json_string_length(json_object_get(process, "User")) > USER_MAX)
        return error_set(e, ERROR_REQUEST_INVALID, "'User' is longer than %d bytes", USER_MAX);
    if (json_string_length(json_object_get(process, "Hostname")) > HOSTNAME_MAX)
        return error_set(e, ERROR_REQUEST_INVALID, "'Hostname' is longer than %d bytes",
                         HOSTNAME_MAX);
    return 0;
}

static int process_parse(json_t *process, struct run *run, struct error *e)
{
    int r;

    if (!json_is_object(process))
        return 0;
    r = process_check(process, e);
    if (r)
        return r;
    run->process = json_dumps(process, JSON_COMPACT);
    return run->process ? 0 : -ENOMEM;
}

static int run_parse(struct run *run, const json_t *object, struct error *e)
{
    const char *rootfs = json_string_value(json_object_get(object, "Rootfs"));

    run->auto_remove = take_boolean(object, "AutoRemove");
    if (rootfs && *rootfs) {
        if (*rootfs != '/')
            return error_set(e, ERROR_REQUEST_INVALID, "rootfs '%.200s' must be an absolute path",
                             rootfs);
        run->rootfs = spec_clean_path(rootfs);
        if (!run->rootfs)
            return -ENOMEM;
    }
    return process_parse(json_object_get(object, "Process"), run, e);
}

/* ---- making one ------------------------------------------------------------- */

/* `out` of `size`, "" if the key is not there. */
static int take_name(const json_t *object, const char *key, char *out, size_t size, struct error *e)
{
    const char *name = json_string_value(json_object_get(object, key));
    int r;

    if (!name || !*name)
        return 0;
    r = name_check_container(name, e);
    if (r)
        return r;
    if (strlen(name) >= size)
        return error_set(e, ERROR_NAME_INVALID, "'%s' of %zu bytes is longer than %zu", key,
                         strlen(name), size - 1);
    snprintf(out, size, "%s", name);
    return 0;
}

static int container_parse(struct attach_body *out, const json_t *object, struct error *e)
{
    int r = take_name(object, "Name", out->name, sizeof(out->name), e);

    if (r == 0)
        r = take_name(object, "Id", out->id, sizeof(out->id), e);
    if (r == 0)
        r = run_parse(&out->run, object, e);
    out->starts = take_boolean(object, "Starts");
    return r ? r : attach_parse(out, object, e);
}

int codec_read_container(const char *text, size_t length, struct attach_body *out, struct error *e)
{
    static const struct field fields[] = {FIELDS_MOUNTS,
                                          {"Name", FIELD_STRING},
                                          {"Id", FIELD_STRING},
                                          {"Rootfs", FIELD_STRING},
                                          {"Process", FIELD_OBJECT},
                                          {"AutoRemove", FIELD_BOOLEAN},
                                          {"Starts", FIELD_BOOLEAN}};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_read(text, length, fields, LENGTH(fields), &object, e);

    *out = (struct attach_body){0};
    if (r == 0)
        r = container_parse(out, object, e);
    if (r != 0)
        attach_body_deinit(out);
    return r;
}

/* ---- start, end, prune ------------------------------------------------------- */

static int start_parse(struct start_body *out, const json_t *object, struct error *e)
{
    json_int_t pid = json_integer_value(json_object_get(object, "Pid"));
    int r;

    if (pid <= 0 || pid > INT32_MAX)
        return error_set(e, ERROR_REQUEST_INVALID, "'Pid' must be that of the first process");
    out->pid = (pid_t)pid;
    r = take_name(object, "Name", out->mounts.name, sizeof(out->mounts.name), e);
    if (r == 0)
        r = take_name(object, "Runtime", out->runtime, sizeof(out->runtime), e);
    if (r == 0)
        r = take_string(object, "StateDir", &out->state_dir);
    if (r == 0 && out->state_dir && out->state_dir[0] != '/')
        r = error_set(e, ERROR_REQUEST_INVALID, "'StateDir' must be an absolute path");
    return r ? r : attach_parse(&out->mounts, object, e);
}

int codec_read_start(const char *text, size_t length, struct start_body *out, struct error *e)
{
    static const struct field fields[] = {{"Pid", FIELD_INTEGER},
                                          {"Runtime", FIELD_STRING},
                                          {"Name", FIELD_STRING},
                                          {"StateDir", FIELD_STRING},
                                          {"Mounts", FIELD_STRINGS}};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_read(text, length, fields, LENGTH(fields), &object, e);

    *out = (struct start_body){0};
    if (r == 0)
        r = start_parse(out, object, e);
    if (r != 0)
        start_body_deinit(out);
    return r;
}

void start_body_deinit(struct start_body *body)
{
    attach_body_deinit(&body->mounts);
    free(body->state_dir);
    *body = (struct start_body){0};
}

int codec_read_end(const char *text, size_t length, int *exit_code, struct error *e)
{
    static const struct field fields[] = {{"ExitCode", FIELD_INTEGER}};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_read(text, length, fields, LENGTH(fields), &object, e);
    const json_t *code;

    *exit_code = -1;
    if (r)
        return r;
    code = json_object_get(object, "ExitCode");
    if (!json_is_integer(code))
        return 0;
    if (json_integer_value(code) < 0 || json_integer_value(code) > 255)
        return error_set(e, ERROR_REQUEST_INVALID, "'ExitCode' must be between 0 and 255");
    *exit_code = (int)json_integer_value(code);
    return 0;
}

int codec_read_container_prune(const char *text, size_t length, bool *all, bool *dry_run,
                               struct error *e)
{
    static const struct field fields[] = {{"All", FIELD_BOOLEAN}, {"DryRun", FIELD_BOOLEAN}};
    _cleanup_(json_decref_p) json_t *object = NULL;
    int r = object_read(text, length, fields, LENGTH(fields), &object, e);

    *all = r == 0 && take_boolean(object, "All");
    *dry_run = r == 0 && take_boolean(object, "DryRun");
    return r;
}
