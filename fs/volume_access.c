/*
 * Who may only read a volume, and who owns a private one: what the catalog says of attachments,
 * label and owner, kept in the table for every request to ask.
 *
 * A volume's list is made anew from the catalog after each change of these, before the change is
 * acknowledged. access_mutex is held from the reading to the exchange, so that of two who
 * change one volume the later reader, who sees both changes, has the last word.
 *
 * If they cannot be read the rules are not dropped with them: no container may change the volume,
 * or use a private one, until they can be: at its next change, or the next start.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>

enum { SUBJECT_SIZE = VOLUME_ID_LENGTH + 32 };

static void access_subject(const struct volume_entry *volume, char out[SUBJECT_SIZE])
{
    snprintf(out, SUBJECT_SIZE, "the attachments of %s", volume->id);
}

static void report_closed(struct volumes *volumes, const struct volume_entry *volume, int r)
{
    char subject[SUBJECT_SIZE];
    char text[NAME_MAX_LENGTH + 256];

    access_subject(volume, subject);
    snprintf(text, sizeof(text),
             "who may change volume \"%s\" cannot be read from the catalog (%s): no container may",
             volume->name, r < 0 ? strerror(-r) : error_code_name(r));
    volumes_problem_set(volumes, subject, text,
                        "check the catalog with: volctl doctor; then restart volumefs");
}

static int visit_attachment(void *context, const struct attachment *attachment,
                            const struct container *container)
{
    return access_list_add(context, container, attachment->readonly);
}

/* An owner that is recorded no more is known by its id alone. */
static int add_owner(struct volumes *volumes, const char *id, struct access_list **list)
{
    struct container owner, found;
    int r = volume_container_find_exact(volumes, id, &found, NULL);

    if (r && r != ERROR_NOT_FOUND)
        return r;
    owner = (struct container){0};
    snprintf(owner.id, sizeof(owner.id), "%s", id);
    if (r == 0 && strcmp(found.id, id) == 0)
        memcpy(owner.name, found.name, sizeof(owner.name));
    return access_list_set_owner(list, &owner);
}

static int list_make(struct volumes *volumes, const char *volume_id, enum access_label *label,
                     struct access_list **list)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    int r = catalog_volume_get_by_id(volumes->catalog, volume_id, &volume, NULL);

    if (r)
        return r;
    *label = volume.label;
    r = catalog_attachment_each_of_volume(volumes->catalog, volume_id, visit_attachment, list,
                                          NULL);
    if (r == 0 && volume.label == LABEL_PRIVATE && volume.owner[0])
        r = add_owner(volumes, volume.owner, list);
    return r ? r : access_list_finish(list);
}

/* Of a volume that is there. `label`: what it is taken for if it cannot be read. */
static int renew_locked(struct volumes *volumes, const struct volume_entry *volume,
                        enum access_label label)
{
    struct access_list *list = NULL;
    char subject[SUBJECT_SIZE];
    int r = list_make(volumes, volume->id, &label, &list);

    if (r) {
        access_list_free(list);
        report_closed(volumes, volume, r);
        (void)!volume_table_set_label(volumes->table, volume->ref, label, access_list_closed());
        return r;
    }
    access_subject(volume, subject);
    volumes_problem_clear(volumes, subject);
    (void)!volume_table_set_label(volumes->table, volume->ref, label, list);
    return 0;
}

static enum access_label label_of_flags(uint32_t flags)
{
    if (flags & VOLUME_FLAG_PRIVATE)
        return LABEL_PRIVATE;
    return flags & VOLUME_FLAG_SHARED ? LABEL_SHARED : LABEL_NONE;
}

void volume_access_renew(struct volumes *volumes, const char *volume_id, bool may_restrict)
{
    struct volume_entry volume;
    uint32_t flags;

    pthread_mutex_lock(&volumes->access_mutex);
    if (volume_table_find_by_id(volumes->table, volume_id, &volume)) {
        flags = volume_table_flags(volumes->table, volume.ref);
        if (may_restrict || (flags & (VOLUME_FLAG_READERS | VOLUME_FLAG_PRIVATE)))
            (void)!renew_locked(volumes, &volume, label_of_flags(flags)); /* told as a problem */
    }
    pthread_mutex_unlock(&volumes->access_mutex);
}

int volume_access_relabel(struct volumes *volumes, const char *volume_id, enum access_label label)
{
    struct volume_entry volume;
    int r = 0;

    pthread_mutex_lock(&volumes->access_mutex);
    if (volume_table_find_by_id(volumes->table, volume_id, &volume))
        r = renew_locked(volumes, &volume, label);
    pthread_mutex_unlock(&volumes->access_mutex);
    return r;
}

/* ---- a container that goes -------------------------------------------------- */

struct ids {
    char (*items)[VOLUME_ID_LENGTH + 1];
    size_t count;
};

static void ids_deinit(struct ids *ids)
{
    free(ids->items);
}

static int ids_add(void *context, const struct attachment *attachment, const struct volume *volume)
{
    struct ids *ids = context;
    void *grown;

    if (!volume)
        return 0;
    grown = reallocarray(ids->items, ids->count + 1, sizeof(*ids->items));
    if (!grown)
        return -ENOMEM;
    ids->items = grown;
    memcpy(ids->items[ids->count++], attachment->volume_id, sizeof(*ids->items));
    return 0;
}

int volume_access_drop_container(struct volumes *volumes, const char *container_id,
                                 enum catalog_sync sync, struct error *e)
{
    _cleanup_(ids_deinit) struct ids ids = {0};
    int r = catalog_attachment_each_of_container(volumes->catalog, container_id, ids_add, &ids, e);

    if (r == 0)
        r = catalog_container_delete(volumes->catalog, container_id, sync, e);
    for (size_t i = 0; r == 0 && i < ids.count; i++)
        volume_access_renew(volumes, ids.items[i], false);
    return r;
}

/* ---- at the start ------------------------------------------------------------ */

/* The volume whose attachments come now. */
struct loading {
    struct volumes *volumes;
    char volume_id[VOLUME_ID_LENGTH + 1];
    struct access_list *list;
};

static void loading_deinit(struct loading *loading)
{
    access_list_free(loading->list);
}

/* A row of a volume that is being removed is left out. */
static int loading_end_volume(struct loading *loading)
{
    struct volume_entry volume;
    int r = access_list_finish(&loading->list);

    if (r || !loading->list ||
        !volume_table_find_by_id(loading->volumes->table, loading->volume_id, &volume))
        return r;
    r = volume_table_set_access(loading->volumes->table, volume.ref, loading->list);
    loading->list = NULL;
    return r;
}

static int loading_add(void *context, const struct attachment *attachment,
                       const struct container *container)
{
    struct loading *loading = context;
    int r = 0;

    if (strcmp(attachment->volume_id, loading->volume_id) != 0) {
        r = loading_end_volume(loading);
        loading->list = access_list_free(loading->list);
        memcpy(loading->volume_id, attachment->volume_id, sizeof(loading->volume_id));
    }
    return r ? r : access_list_add(&loading->list, container, attachment->readonly);
}

static int load_all(struct volumes *volumes)
{
    _cleanup_(loading_deinit) struct loading loading = {.volumes = volumes};
    int r = catalog_attachment_each(volumes->catalog, loading_add, &loading, NULL);

    return r ? r : loading_end_volume(&loading);
}

void volumes_load_access(struct volumes *volumes)
{
    struct volume_entry entry;
    bool loaded = load_all(volumes) == 0;

    /* one by one: private ones, which have owners; all, if some attachment cannot be read, so that
     * it closes its volume only */
    for (uint32_t i = 0; volume_table_next(volumes->table, i, &entry); i = entry.ref.index + 1)
        if (!loaded || (volume_table_flags(volumes->table, entry.ref) & VOLUME_FLAG_PRIVATE))
            volume_access_renew(volumes, entry.id, true);
}
