/*
 * The --mount form: KEY=VALUE fields of one CSV record. Pure.
 *
 * Order of checks and texts are docker/cli's opts/mount.go and mount_utils.go
 * (v29), then the daemon's (spec.c). Keys are read without regard to case, as
 * there; what a key means is in spec_mount_keys.c.
 */
#include "catalog/cleanup.h"
#include "catalog/spec_private.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A copy without the white space around it; NULL: out of memory. */
static char *trim(const char *text, size_t length)
{
    while (length > 0 && is_space(*text)) {
        text++;
        length--;
    }
    while (length > 0 && is_space(text[length - 1]))
        length--;
    return strndup(text, length);
}

static int field_check_spaces(const char *text, size_t key_length, bool has_value, struct error *e)
{
    _cleanup_(free_p) char *key = trim(text, key_length), *value = NULL;

    if (!key)
        return -ENOMEM;
    if (strlen(key) != key_length)
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid option '" SPEC_SHOWN "' in '" SPEC_SHOWN
                         "': option should not have whitespace",
                         key, text);
    if (!has_value)
        return 0;
    value = trim(text + key_length + 1, strlen(text + key_length + 1));
    if (!value)
        return -ENOMEM;
    if (!*value)
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid value for '" SPEC_SHOWN "': value is empty", key);
    if (strcmp(value, text + key_length + 1) != 0)
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid value for '" SPEC_SHOWN "' in '" SPEC_SHOWN
                         "': value should not have whitespace",
                         key, text);
    return 0;
}

/* Cuts a field at its first '='; *key stays NULL if none of ours is named. */
static int field_read(const char *text, struct mount_field *out, const struct mount_key **key,
                      struct error *e)
{
    size_t length = strcspn(text, "=");
    int r;

    *out = (struct mount_field){.value = "", .has_value = text[length] == '='};
    r = field_check_spaces(text, length, out->has_value, e);
    if (r)
        return r;
    if (out->has_value)
        out->value = text + length + 1;
    for (size_t i = 0; i < length && i < sizeof(out->key) - 1; i++)
        out->key[i] = (char)tolower((unsigned char)text[i]);
    *key = length < sizeof(out->key) ? mount_key_find(out->key) : NULL;
    if (!out->has_value && (!*key || !(*key)->flag))
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid field '" SPEC_SHOWN "' must be a key=value pair", text);
    if (!*key)
        return error_set(e, ERROR_SPEC_INVALID, "unknown option '%.*s' in '" SPEC_SHOWN "'",
                         (int)(length < 300 ? length : 300), text, text);
    return 0;
}

/* Options of another type than the mount's; `writable` and `readonly` need what they build on. */
static int mount_check_options(const struct spec_draft *draft, struct error *e)
{
    const struct mount_spec *spec = &draft->spec;
    const char *group = NULL;

    if (draft->has_bind_options && !(draft->type_known && spec->type == MOUNT_BIND))
        group = "bind";
    else if (draft->has_volume_options && !(draft->type_known && spec->type == MOUNT_VOLUME))
        group = "volume";
    else if (draft->has_tmpfs_options && !(draft->type_known && spec->type == MOUNT_TMPFS))
        group = "tmpfs";
    if (group)
        return error_set(e, ERROR_SPEC_INVALID, "cannot mix '%s-*' options with mount type '%s'",
                         group, draft->type);
    if ((draft->readonly_nonrecursive || draft->readonly_force_recursive) && !spec->readonly)
        return error_set(
            e, ERROR_SPEC_INVALID,
            "option 'bind-recursive=%s' requires 'readonly' to be specified in conjunction",
            draft->readonly_nonrecursive ? "writable" : "readonly");
    if (draft->readonly_force_recursive &&
        (!spec->propagation || strcmp(spec->propagation, "rprivate") != 0))
        return error_set(e, ERROR_SPEC_INVALID,
                         "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' "
                         "to be specified in conjunction");
    return 0;
}

static int mount_read_fields(const struct csv_record *record, struct spec_draft *draft,
                             struct error *e)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct mount_key *key = NULL;
        struct mount_field field;
        int r = field_read(record->fields[i], &field, &key, e);

        if (!r)
            r = key->apply(draft, &field, e);
        if (r)
            return r;
    }
    return mount_check_options(draft, e);
}

int spec_parse_mount(const char *text, struct mount_spec *out, struct error *e)
{
    _cleanup_(csv_record_deinit) struct csv_record record = {0};
    _cleanup_(free_p) char *trimmed = NULL;
    struct spec_draft draft = {.type = "volume", .type_known = true};
    int r;

    *out = (struct mount_spec){0};
    if (strlen(text) > SPEC_TEXT_MAX)
        return error_set(e, ERROR_SPEC_INVALID, "mount '%.60s…' is longer than %d bytes", text,
                         SPEC_TEXT_MAX);
    trimmed = trim(text, strlen(text));
    if (!trimmed)
        return -ENOMEM;
    if (!*trimmed)
        return error_set(e, ERROR_SPEC_INVALID, "value is empty");
    r = csv_record_parse(trimmed, &record, e);
    if (!r)
        r = mount_read_fields(&record, &draft, e);
    if (!r)
        r = spec_draft_finish(&draft, e);
    if (r) {
        mount_spec_deinit(&draft.spec);
        return r;
    }
    *out = draft.spec;
    return 0;
}
