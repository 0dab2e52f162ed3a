/*
 * What each key of --mount means and which values it takes. Pure.
 * Keys and texts are those of docker/cli opts/mount.go and mount_utils.go (v29).
 */
#include "catalog/cleanup.h"
#include "catalog/spec_private.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static int set_string(char **to, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return -ENOMEM;
    free(*to);
    *to = copy;
    return 0;
}

static int set_lower(char **to, const char *value)
{
    int r = set_string(to, value);

    for (char *p = r ? NULL : *to; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return r;
}

static int set_flag(bool *to, const struct mount_field *field, struct error *e)
{
    const char *value = field->has_value ? field->value : "true";

    *to = strcmp(value, "1") == 0 || strcmp(value, "true") == 0;
    if (*to || strcmp(value, "0") == 0 || strcmp(value, "false") == 0)
        return 0;
    return error_set(e, ERROR_SPEC_INVALID,
                     "invalid value for '%s': invalid boolean value (\"" SPEC_SHOWN
                     "\"): must be one of \"true\", \"1\", \"false\", or \"0\" (default \"true\")",
                     field->key, value);
}

/* KEY[=VALUE]; an empty key is passed over, as Docker does. */
static int set_pair(struct pairs *pairs, const struct mount_field *field, struct error *e)
{
    size_t length = strcspn(field->value, "=");
    _cleanup_(free_p) char *key = strndup(field->value, length);
    int r;

    if (!key)
        return -ENOMEM;
    if (length == 0)
        return 0;
    r = pairs_set(pairs, key, field->value[length] ? field->value + length + 1 : "");
    if (r == ERROR_LIMIT)
        return error_set(e, ERROR_SPEC_INVALID,
                         "%s '%.60s': at most %d of them, %d bytes of key and %d of value",
                         field->key, key, PAIRS_MAX, PAIR_KEY_MAX, PAIR_VALUE_MAX);
    return r;
}

static int refuse_value(const struct mount_field *field, struct error *e)
{
    return error_set(e, ERROR_SPEC_INVALID, "invalid value for %s: " SPEC_SHOWN, field->key,
                     field->value);
}

static int apply_type(struct spec_draft *draft, const struct mount_field *field, struct error *e)
{
    static const struct {
        const char *name;
        enum mount_type type;
    } types[] = {{"volume", MOUNT_VOLUME}, {"bind", MOUNT_BIND}, {"tmpfs", MOUNT_TMPFS}};

    (void)e;
    draft->type_known = false;
    snprintf(draft->type, sizeof(draft->type), "%s", field->value);
    for (char *p = draft->type; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcasecmp(types[i].name, field->value) == 0) {
            draft->spec.type = types[i].type;
            draft->type_known = true;
        }
    return 0;
}

static int apply_source(struct spec_draft *draft, const struct mount_field *field, struct error *e)
{
    (void)e;
    return set_string(&draft->spec.source, field->value);
}

static int apply_target(struct spec_draft *draft, const struct mount_field *field, struct error *e)
{
    (void)e;
    return set_string(&draft->spec.destination, field->value);
}

static int apply_readonly(struct spec_draft *draft, const struct mount_field *field,
                          struct error *e)
{
    return set_flag(&draft->spec.readonly, field, e);
}

/* Means something on macOS only; a misspelt one is refused all the same. */
static int apply_consistency(struct spec_draft *draft, const struct mount_field *field,
                             struct error *e)
{
    static const char *const words[] = {"consistent", "cached", "delegated", "default"};

    (void)draft;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(words[i], field->value) == 0)
            return 0;
    return refuse_value(field, e);
}

/* Podman's word for what z and Z are with -v; Docker's --mount has none. */
static int apply_relabel(struct spec_draft *draft, const struct mount_field *field, struct error *e)
{
    bool known = access_label_parse(field->value, &draft->spec.label);

    return known && draft->spec.label != LABEL_NONE ? 0 : refuse_value(field, e);
}

static int apply_propagation(struct spec_draft *draft, const struct mount_field *field,
                             struct error *e)
{
    (void)e;
    draft->has_bind_options = true;
    return set_lower(&draft->spec.propagation, field->value);
}

static int apply_nonrecursive(struct spec_draft *draft, const struct mount_field *field,
                              struct error *e)
{
    (void)draft;
    (void)field;
    return error_set(e, ERROR_SPEC_INVALID,
                     "bind-nonrecursive is deprecated, use bind-recursive=disabled instead");
}

static int apply_recursive(struct spec_draft *draft, const struct mount_field *field,
                           struct error *e)
{
    if (strcmp(field->value, "enabled") == 0)
        return 0; /* the default, and no option of a bind for Docker */
    draft->has_bind_options = true;
    if (strcmp(field->value, "disabled") == 0)
        draft->spec.bind_nonrecursive = true;
    else if (strcmp(field->value, "writable") == 0)
        draft->readonly_nonrecursive = true;
    else if (strcmp(field->value, "readonly") == 0)
        draft->readonly_force_recursive = true;
    else
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid value for %s: " SPEC_SHOWN
                         " (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")",
                         field->key, field->value);
    return 0;
}

static int apply_create_source(struct spec_draft *draft, const struct mount_field *field,
                               struct error *e)
{
    draft->has_bind_options = true;
    return set_flag(&draft->spec.create_source, field, e);
}

static int apply_subpath(struct spec_draft *draft, const struct mount_field *field, struct error *e)
{
    (void)e;
    draft->has_volume_options = true;
    return set_string(&draft->spec.subpath, field->value);
}

static int apply_nocopy(struct spec_draft *draft, const struct mount_field *field, struct error *e)
{
    draft->has_volume_options = true;
    return set_flag(&draft->spec.nocopy, field, e);
}

static int apply_label(struct spec_draft *draft, const struct mount_field *field, struct error *e)
{
    draft->has_volume_options = true;
    return set_pair(&draft->spec.volume_labels, field, e);
}

static int apply_driver(struct spec_draft *draft, const struct mount_field *field, struct error *e)
{
    draft->has_volume_options = true;
    if (strlen(field->value) > DRIVER_NAME_MAX)
        return refuse_value(field, e);
    return set_string(&draft->spec.volume_driver, field->value);
}

static int apply_option(struct spec_draft *draft, const struct mount_field *field, struct error *e)
{
    draft->has_volume_options = true;
    return set_pair(&draft->spec.volume_options, field, e);
}

static int apply_tmpfs_size(struct spec_draft *draft, const struct mount_field *field,
                            struct error *e)
{
    draft->has_tmpfs_options = true;
    return spec_size_parse(field->value, &draft->spec.tmpfs_size) ? 0 : refuse_value(field, e);
}

static int apply_tmpfs_mode(struct spec_draft *draft, const struct mount_field *field,
                            struct error *e)
{
    size_t length = strspn(field->value, "01234567");
    unsigned long mode = strtoul(field->value, NULL, 8);

    draft->has_tmpfs_options = true;
    if (field->value[length] || length > 11 || mode > 07777)
        return refuse_value(field, e);
    draft->spec.tmpfs_mode = (mode_t)mode;
    return 0;
}

static const struct mount_key keys[] = {
    {"type", false, apply_type},
    {"source", false, apply_source},
    {"src", false, apply_source},
    {"target", false, apply_target},
    {"dst", false, apply_target},
    {"destination", false, apply_target},
    {"readonly", true, apply_readonly},
    {"ro", true, apply_readonly},
    {"consistency", false, apply_consistency},
    {"relabel", false, apply_relabel},
    {"bind-propagation", false, apply_propagation},
    {"bind-nonrecursive", true, apply_nonrecursive},
    {"bind-recursive", false, apply_recursive},
    {"bind-create-src", true, apply_create_source},
    {"volume-subpath", false, apply_subpath},
    {"volume-nocopy", true, apply_nocopy},
    {"volume-label", false, apply_label},
    {"volume-driver", false, apply_driver},
    {"volume-opt", false, apply_option},
    {"tmpfs-size", false, apply_tmpfs_size},
    {"tmpfs-mode", false, apply_tmpfs_mode},
};

const struct mount_key *mount_key_find(const char *name)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}
