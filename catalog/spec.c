/*
 * The rules every mount specification obeys, however it was written, and
 * --volumes-from. Pure.
 *
 * Order of the checks and texts are those of moby's volume/mounts
 * (linux_parser.go, validate.go), so that a mistake reads the same here and
 * there. Beyond them: lengths are bounded, and a control character in a path is
 * refused, since destinations are shown one a line (user.volume.refs).
 */
#include "catalog/cleanup.h"
#include "catalog/spec_private.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* Appends one component to the cleaned path in `out` of length `n`. */
static size_t path_push(char *out, size_t n, const char *component, size_t length)
{
    if (n > 0 && out[n - 1] != '/')
        out[n++] = '/';
    memcpy(out + n, component, length);
    return n + length;
}

/* Removes the last component; `floor` is what cannot be removed ("/", or leading ".."s). */
static size_t path_pop(const char *out, size_t n, size_t floor)
{
    while (n > floor && out[n - 1] != '/')
        n--;
    if (n > floor)
        n--;
    return n;
}

char *spec_clean_path(const char *path)
{
    bool rooted = path[0] == '/';
    char *out = malloc(strlen(path) + 2);
    size_t n = 0, floor = 0;

    if (!out)
        return NULL;
    if (rooted)
        out[n++] = '/';
    floor = n;
    for (const char *p = path; *p;) {
        size_t length = strcspn(p, "/");

        if (length == 2 && p[0] == '.' && p[1] == '.') {
            if (n > floor)
                n = path_pop(out, n, floor);
            else if (!rooted)
                floor = n = path_push(out, n, "..", 2);
        } else if (length > 0 && !(length == 1 && p[0] == '.')) {
            n = path_push(out, n, p, length);
        }
        p += length + (p[length] == '/');
    }
    if (n == 0)
        out[n++] = '.';
    out[n] = 0;
    return out;
}

void mount_spec_deinit(struct mount_spec *spec)
{
    free(spec->source);
    free(spec->destination);
    free(spec->mode);
    free(spec->propagation);
    free(spec->subpath);
    free(spec->volume_driver);
    pairs_deinit(&spec->volume_options);
    pairs_deinit(&spec->volume_labels);
    *spec = (struct mount_spec){0};
}

/* Docker's frame around the reason why a mount cannot be. */
__attribute__((format(printf, 3, 4))) static int
draft_refuse(const struct spec_draft *draft, struct error *e, const char *format, ...)
{
    struct error reason = {0};
    va_list args;

    va_start(args, format);
    vsnprintf(reason.text, sizeof(reason.text), format, args);
    va_end(args);
    if (!draft->raw)
        return error_set(e, ERROR_SPEC_INVALID, "invalid mount config for type \"%s\": %s",
                         draft->type, reason.text);
    return error_set(e, ERROR_SPEC_INVALID,
                     "invalid volume specification: '" SPEC_SHOWN
                     "': invalid mount config for type \"%s\": %s",
                     draft->raw, draft->type, reason.text);
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static int draft_check_path(const struct spec_draft *draft, const char *path, struct error *e)
{
    if (path[0] != '/')
        return draft_refuse(
            draft, e, "invalid mount path: '" SPEC_SHOWN "' mount path must be absolute", path);
    if (strlen(path) > PATH_TEXT_MAX)
        return draft_refuse(draft, e, "invalid mount path: '%.60s…' is longer than %d bytes", path,
                            PATH_TEXT_MAX);
    if (has_control(path))
        return draft_refuse(
            draft, e, "invalid mount path: '" SPEC_SHOWN "' contains control characters", path);
    return 0;
}

static int draft_replace_clean(char **path)
{
    char *clean = spec_clean_path(*path);

    if (!clean)
        return -ENOMEM;
    free(*path);
    *path = clean;
    return 0;
}

static int draft_finish_destination(struct spec_draft *draft, struct error *e)
{
    struct mount_spec *spec = &draft->spec;
    _cleanup_(free_p) char *written = spec->destination;

    if (!written)
        return draft_refuse(draft, e, "field Target must not be empty");
    spec->destination = spec_clean_path(written);
    if (!spec->destination)
        return -ENOMEM;
    if (strcmp(spec->destination, "/") == 0)
        return draft_refuse(draft, e, "invalid specification: destination can't be '/'");
    return draft_check_path(draft, written, e);
}

static int draft_finish_bind(struct spec_draft *draft, struct error *e)
{
    struct mount_spec *spec = &draft->spec;
    int r;

    if (!spec->source)
        return draft_refuse(draft, e, "field Source must not be empty");
    if (spec->propagation && !spec_propagation_known(spec->propagation))
        return draft_refuse(draft, e, "invalid propagation mode: " SPEC_SHOWN, spec->propagation);
    if (draft->has_volume_options)
        return draft_refuse(draft, e, "field VolumeOptions must not be specified");
    r = draft_check_path(draft, spec->source, e);
    if (r)
        return r;
    if (!spec->propagation)
        spec->propagation = strdup("rprivate");
    if (!spec->propagation)
        return -ENOMEM;
    return draft_replace_clean(&spec->source);
}

/* Go's filepath.IsLocal: relative, and never above its start. */
static int draft_finish_subpath(struct spec_draft *draft, struct error *e)
{
    struct mount_spec *spec = &draft->spec;
    int r;

    if (!spec->subpath)
        return 0;
    if (!spec->source)
        return draft_refuse(draft, e, "must not set Subpath when using anonymous volumes");
    if (spec->subpath[0] == '/' || strlen(spec->subpath) > PATH_TEXT_MAX ||
        has_control(spec->subpath))
        return draft_refuse(draft, e, "subpath must be a relative path within the volume");
    r = draft_replace_clean(&spec->subpath);
    if (r)
        return r;
    if (strcmp(spec->subpath, "..") == 0 || strncmp(spec->subpath, "../", 3) == 0)
        return draft_refuse(draft, e, "subpath must be a relative path within the volume");
    if (strcmp(spec->subpath, ".") == 0) {
        free(spec->subpath);
        spec->subpath = NULL;
    }
    return 0;
}

static int draft_finish_volume(struct spec_draft *draft, struct error *e)
{
    struct mount_spec *spec = &draft->spec;
    int r;

    if (draft->has_bind_options)
        return draft_refuse(draft, e, "field BindOptions must not be specified");
    r = draft_finish_subpath(draft, e);
    if (r)
        return r;
    if (spec->readonly && !spec->source)
        return draft_refuse(draft, e, "must not set ReadOnly mode when using anonymous volumes");
    return spec->source ? name_check_volume(spec->source, e) : 0;
}

static int draft_finish_tmpfs(struct spec_draft *draft, struct error *e)
{
    if (draft->has_bind_options)
        return draft_refuse(draft, e, "field BindOptions must not be specified");
    if (draft->spec.source)
        return draft_refuse(draft, e, "field Source must not be specified");
    return 0;
}

int spec_draft_finish(struct spec_draft *draft, struct error *e)
{
    int r = draft_finish_destination(draft, e);

    if (r)
        return r;
    if (!draft->type_known)
        return draft_refuse(draft, e, "mount type unknown");
    switch (draft->spec.type) {
    case MOUNT_VOLUME:
        return draft_finish_volume(draft, e);
    case MOUNT_BIND:
        return draft_finish_bind(draft, e);
    case MOUNT_TMPFS:
        return draft_finish_tmpfs(draft, e);
    }
    return -EINVAL;
}

/* Propagation and copying belong to the mount as its first container has it (moby). */
int spec_parse_volumes_from(const char *text, struct volumes_from *out, struct error *e)
{
    size_t length = strcspn(text, ":");
    const char *mode = text[length] ? text + length + 1 : "";
    struct spec_mode parsed;
    int r;

    *out = (struct volumes_from){0};
    if (!*text)
        return error_set(e, ERROR_SPEC_INVALID,
                         "volumes-from specification cannot be an empty string");
    if (length > NAME_MAX_LENGTH)
        return error_set(e, ERROR_NAME_INVALID, "container name '%.60s…' is longer than %d bytes",
                         text, NAME_MAX_LENGTH);
    if (!spec_mode_parse(mode, &parsed) || parsed.propagation || parsed.nocopy ||
        strlen(mode) >= sizeof(out->mode))
        return error_set(e, ERROR_SPEC_INVALID, "invalid mode: " SPEC_SHOWN, mode);
    memcpy(out->container, text, length);
    r = name_check_container(out->container, e);
    if (r) {
        *out = (struct volumes_from){0};
        return r;
    }
    out->readonly = parsed.readonly;
    out->label = parsed.label;
    memcpy(out->mode, mode, strlen(mode));
    return 0;
}

int spec_check_duplicates(const struct mount_spec *specs, size_t count, struct error *e)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(specs[i].destination, specs[j].destination) == 0)
                return error_set(e, ERROR_SPEC_INVALID, "Duplicate mount point: " SPEC_SHOWN,
                                 specs[i].destination);
    return 0;
}
