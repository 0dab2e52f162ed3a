/*
 * user.volume.*: a table of names, each with a function that tells its value
 * as text. Values come from the catalog; references from a fresh look.
 */
#include "fs/vxattr.h"

#include "catalog/cleanup.h"
#include "fs/caller.h"
#include "fs/cred.h"
#include "fs/label.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "user.volume."

enum { VALUE_MAX = 256 };

/* Tells a value as a new string; NULL with 0: not set. 0 or a code. */
typedef int (*tell_fn)(struct session *session, const struct volume *volume, struct volume_ref ref,
                       char **value);

static int copy_text(const char *text, char **value)
{
    *value = *text ? strdup(text) : NULL;
    return *text && !*value ? -ENOMEM : 0;
}

#define TELL_TEXT(field, text)                                                                     \
    static int tell_##field(struct session *session, const struct volume *volume,                  \
                            struct volume_ref ref, char **value)                                   \
    {                                                                                              \
        (void)session;                                                                             \
        (void)ref;                                                                                 \
        return copy_text(text, value);                                                             \
    }

TELL_TEXT(id, volume->id)
TELL_TEXT(name, volume->name)
TELL_TEXT(kind, volume_kind_name(volume->kind))
TELL_TEXT(driver, volume->driver)
TELL_TEXT(readonly, volume->readonly ? "1" : "0")
TELL_TEXT(label, access_label_name(volume->label))
TELL_TEXT(context, *volume->context ? volume->context : label_tree_context())
TELL_TEXT(owner, volume->owner)

static int tell_time(int64_t ns, char **value)
{
    char text[TIME_TEXT_SIZE];

    if (ns == 0)
        return 0;
    time_format(ns, text);
    return copy_text(text, value);
}

static int tell_created(struct session *session, const struct volume *volume, struct volume_ref ref,
                        char **value)
{
    (void)session;
    (void)ref;
    return tell_time(volume->created_at, value);
}

static int tell_lastused(struct session *session, const struct volume *volume,
                         struct volume_ref ref, char **value)
{
    (void)session;
    (void)ref;
    return tell_time(volume->last_used_at, value);
}

static int tell_number(uint64_t number, char **value)
{
    char text[VALUE_MAX];

    snprintf(text, sizeof(text), "%" PRIu64, number);
    return copy_text(text, value);
}

static int tell_limit(struct session *session, const struct volume *volume, struct volume_ref ref,
                      char **value)
{
    (void)session;
    (void)ref;
    return volume->size_limit ? tell_number(volume->size_limit, value) : copy_text("none", value);
}

static int tell_size(struct session *session, const struct volume *volume, struct volume_ref ref,
                     char **value)
{
    uint64_t bytes, inodes;
    int r = usage_get(session->usage, ref, volume->id, false, &bytes, &inodes);

    return r ? r : tell_number(bytes, value);
}

static int tell_refcount(struct session *session, const struct volume *volume,
                         struct volume_ref ref, char **value)
{
    uint32_t containers;
    int r = volumes_count_references(session->volumes, volume, &containers, NULL);

    (void)ref;
    return r ? r : tell_number(containers, value);
}

static int tell_refs(struct session *session, const struct volume *volume, struct volume_ref ref,
                     char **value)
{
    struct references references = {0};
    int r = volumes_references(session->volumes, volume->name, &references, NULL);

    (void)ref;
    if (r == 0) {
        *value = references_format(&references);
        r = *value ? 0 : -ENOMEM;
    }
    references_deinit(&references);
    return r;
}

static int tell_pairs(const struct pairs *pairs, char **value)
{
    size_t size;
    FILE *stream = pairs->count ? open_memstream(value, &size) : NULL;

    if (pairs->count == 0)
        return 0;
    if (!stream)
        return -ENOMEM;
    for (size_t i = 0; i < pairs->count; i++)
        fprintf(stream, "%s%s=%s", i ? "\n" : "", pairs->items[i].key, pairs->items[i].value);
    return fclose(stream) == 0 ? 0 : -ENOMEM;
}

static int tell_options(struct session *session, const struct volume *volume, struct volume_ref ref,
                        char **value)
{
    (void)session;
    (void)ref;
    return tell_pairs(&volume->options, value);
}

static int tell_labels(struct session *session, const struct volume *volume, struct volume_ref ref,
                       char **value)
{
    (void)session;
    (void)ref;
    return tell_pairs(&volume->labels, value);
}

static int tell_mountpoint(struct session *session, const struct volume *volume,
                           struct volume_ref ref, char **value)
{
    (void)ref;
    return asprintf(value, "%s/%s", session->mountpoint, volume->name) < 0 ? -ENOMEM : 0;
}

static const struct {
    const char *name;
    tell_fn tell;
} attributes[] = {
    {"id", tell_id},
    {"name", tell_name},
    {"kind", tell_kind},
    {"driver", tell_driver},
    {"refcount", tell_refcount},
    {"refs", tell_refs},
    {"readonly", tell_readonly},
    {"label", tell_label},
    {"context", tell_context},
    {"owner", tell_owner},
    {"created", tell_created},
    {"lastused", tell_lastused},
    {"size", tell_size},
    {"limit", tell_limit},
    {"options", tell_options},
    {"labels", tell_labels},
    {"mountpoint", tell_mountpoint},
};

enum { ATTRIBUTE_COUNT = sizeof(attributes) / sizeof(*attributes) };

bool vxattr_is(const char *name)
{
    return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

static int volume_of(struct session *session, struct volume_ref ref, struct volume *volume)
{
    struct volume_entry entry;

    if (!volume_table_get(session->table, ref, &entry))
        return ERROR_NOT_FOUND;
    return volumes_get(session->volumes, entry.name, volume, NULL);
}

int vxattr_get(struct session *session, struct volume_ref ref, const char *name, char **value,
               size_t *size)
{
    struct volume volume = {0};
    int r = volume_of(session, ref, &volume);

    *value = NULL;
    for (size_t i = 0; r == 0 && i < ATTRIBUTE_COUNT; i++)
        if (strcmp(name + strlen(PREFIX), attributes[i].name) == 0)
            r = attributes[i].tell(session, &volume, ref, value);
    volume_deinit(&volume);
    if (r != 0) {
        free(*value);
        *value = NULL;
        return error_to_errno(r);
    }
    *size = *value ? strlen(*value) : 0;
    return *value ? 0 : ENODATA;
}

/* Whether an attribute is listed: it has a value, told without the work of telling it where that is
 * much. */
static bool has_value(const char *name, const struct volume *volume, bool referenced)
{
    if (strcmp(name, "refs") == 0)
        return referenced;
    if (strcmp(name, "readonly") == 0 || strcmp(name, "label") == 0)
        return false; /* they can be set: copied along with others, they would take effect */
    if (strcmp(name, "context") == 0)
        return *volume->context || *label_tree_context();
    if (strcmp(name, "owner") == 0)
        return *volume->owner;
    if (strcmp(name, "lastused") == 0)
        return volume->last_used_at != 0;
    if (strcmp(name, "options") == 0)
        return volume->options.count > 0;
    if (strcmp(name, "labels") == 0)
        return volume->labels.count > 0;
    return true;
}

int vxattr_list(struct session *session, struct volume_ref ref, char **names, size_t *size)
{
    struct references references = {0};
    struct volume volume = {0};
    FILE *stream = NULL;
    int r = volume_of(session, ref, &volume);

    *names = NULL;
    *size = 0;
    if (r == 0)
        r = volumes_references(session->volumes, volume.name, &references, NULL);
    if (r == 0) {
        stream = open_memstream(names, size);
        r = stream ? 0 : -ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < ATTRIBUTE_COUNT; i++)
        if (has_value(attributes[i].name, &volume, references.count > 0))
            fprintf(stream, PREFIX "%s%c", attributes[i].name, 0);
    if (stream && fclose(stream) != 0)
        r = -ENOMEM;
    references_deinit(&references);
    volume_deinit(&volume);
    return error_to_errno(r);
}

static bool parse_switch(const char *value, size_t size, bool *out)
{
    static const struct {
        const char *word;
        bool on;
    } words[] = {{"1", true},  {"on", true},   {"true", true},   {"yes", true},
                 {"0", false}, {"off", false}, {"false", false}, {"no", false}};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strlen(words[i].word) == size && memcmp(words[i].word, value, size) == 0) {
            *out = words[i].on;
            return true;
        }
    }
    return false;
}

static int set_readonly(struct volumes *volumes, const char *name, const char *value, size_t size)
{
    bool readonly;

    if (!parse_switch(value, size, &readonly))
        return EINVAL;
    return error_to_errno(volumes_set_readonly(volumes, name, readonly, ORIGIN_TREE, NULL));
}

static int set_label(struct volumes *volumes, const char *name, const char *value, size_t size)
{
    char text[VALUE_MAX] = "";
    enum access_label label;

    if (size >= sizeof(text))
        return EINVAL;
    memcpy(text, value, size);
    if (!access_label_parse(text, &label) || strlen(text) != size)
        return EINVAL;
    return error_to_errno(volumes_set_label(volumes, name, label, NULL));
}

/* Those that can be set. */
static const struct {
    const char *name;
    int (*set)(struct volumes *volumes, const char *volume, const char *value, size_t size);
} settings[] = {
    {PREFIX "readonly", set_readonly},
    {PREFIX "label", set_label},
};

int vxattr_set(struct session *session, fuse_req_t req, struct volume_ref ref, const char *name,
               const char *value, size_t size)
{
    struct volume_entry entry;
    struct asker asker = {0};
    size_t i = 0;
    int err;

    while (i < sizeof(settings) / sizeof(*settings) && strcmp(name, settings[i].name) != 0)
        i++;
    if (i == sizeof(settings) / sizeof(*settings))
        return ENOTSUP;
    caller_identify(fuse_req_ctx(req)->pid, &asker.caller);
    err = policy_administer(&asker.caller, fuse_req_ctx(req)->uid, geteuid());
    if (err) {
        denial_note(req, ref, &asker, OPERATION_CHANGE, RULE_ADMINISTRATION);
        return err;
    }
    if (!volume_table_get(session->table, ref, &entry))
        return ENOENT;
    cred_assume_own();
    return settings[i].set(session->volumes, entry.name, value, size);
}
