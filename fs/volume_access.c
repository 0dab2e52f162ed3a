/*
 * Who may only read a volume: what the catalog says of attachments, kept in the table for every
 * request to ask.
 *
 * A volume's list is made anew from the catalog after each change of its attachments, before the
 * change is acknowledged. access_mutex is held from the reading to the exchange, so that of two who
 * change one volume the later reader, who sees both changes, has the last word.
 *
 * If the attachments cannot be read the rule is not dropped with them: no container may change the
 * volume until they can be: at its next change, or the next start.
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

/* Of a volume that is there. */
static void renew_locked(struct volumes *volumes, const struct volume_entry *volume)
{
    struct access_list *list = NULL;
    char subject[SUBJECT_SIZE];
    int r = catalog_attachment_each_of_volume(volumes->catalog, volume->id, visit_attachment, &list,
                                              NULL);

    if (r == 0)
        r = access_list_finish(&list);
    if (r) {
        access_list_free(list);
        list = access_list_closed();
        report_closed(volumes, volume, r);
    } else {
        access_subject(volume, subject);
        volumes_problem_clear(volumes, subject);
    }
    (void)!volume_table_set_access(volumes->table, volume->ref, list);
}

void volume_access_renew(struct volumes *volumes, const char *volume_id, bool may_restrict)
{
    struct volume_entry volume;

    pthread_mutex_lock(&volumes->access_mutex);
    if (volume_table_find_by_id(volumes->table, volume_id, &volume) &&
        (may_restrict || (volume_table_flags(volumes->table, volume.ref) & VOLUME_FLAG_READERS)))
        renew_locked(volumes, &volume);
    pthread_mutex_unlock(&volumes->access_mutex);
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

int volume_access_drop_container(struct volumes *volumes, const char *container_id, struct error *e)
{
    _cleanup_(ids_deinit) struct ids ids = {0};
    int r = catalog_attachment_each_of_container(volumes->catalog, container_id, ids_add, &ids, e);

    if (r == 0)
        r = catalog_container_delete(volumes->catalog, container_id, e);
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

    if (load_all(volumes) == 0)
        return;
    /* one by one: what cannot be read closes those volumes only */
    for (uint32_t i = 0; volume_table_next(volumes->table, i, &entry); i = entry.ref.index + 1)
        volume_access_renew(volumes, entry.id, true);
}
