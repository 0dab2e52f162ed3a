/*
 * Events of volumes, as the use cases publish them: which attributes each has. Also what the audit
 * of denials needs to know of containers.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct event event_of(enum event_action action, const struct volume *volume)
{
    struct event event = {.action = action, .volume = volume->name};

    event_add(&event, EVENT_ID, volume->id);
    return event;
}

void volume_event_created(struct volumes *volumes, const struct volume *volume)
{
    struct event event = event_of(EVENT_CREATE, volume);

    event_add(&event, "driver", volume->driver);
    event_add(&event, "kind", volume_kind_name(volume->kind));
    event_ring_publish(volumes->ring, &event);
}

void volume_event_removed(struct volumes *volumes, const struct volume *volume)
{
    struct event event = event_of(EVENT_REMOVE, volume);

    event_ring_publish(volumes->ring, &event);
}

void volume_event_renamed(struct volumes *volumes, const struct volume *volume, const char *from)
{
    struct event event = event_of(EVENT_RENAME, volume);

    event_add(&event, EVENT_FROM, from);
    event_ring_publish(volumes->ring, &event);
}

void volume_event_readonly(struct volumes *volumes, const struct volume *volume)
{
    struct event event = event_of(EVENT_READONLY, volume);

    event_add(&event, "readonly", volume->readonly ? "true" : "false");
    event_ring_publish(volumes->ring, &event);
}

void volume_event_labelled(struct volumes *volumes, const char *volume_id)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct event event;

    if (catalog_volume_get_by_id(volumes->catalog, volume_id, &volume, NULL) != 0)
        return;
    event = event_of(EVENT_LABEL, &volume);
    event_add(&event, "label", access_label_name(volume.label));
    event_add(&event, "owner", volume.owner);
    event_add(&event, "context", volume.context);
    event_ring_publish(volumes->ring, &event);
}

static void publish_attachment(struct volumes *volumes, enum event_action action,
                               const struct container *container, const struct volume *volume,
                               const char *destination, bool readonly)
{
    struct event event = event_of(action, volume);

    event_add(&event, EVENT_CONTAINER, container->name);
    event_add(&event, EVENT_CONTAINER_ID, container->id);
    event_add(&event, "destination", destination);
    event_add(&event, "mode", readonly ? "ro" : "rw");
    event_ring_publish(volumes->ring, &event);
}

void volume_event_attached(struct volumes *volumes, const struct container *container,
                           const struct volume *volume, const char *destination, bool readonly)
{
    publish_attachment(volumes, EVENT_ATTACH, container, volume, destination, readonly);
}

void volume_event_attachment(struct volumes *volumes, enum event_action action,
                             const struct container *container, const struct attachment *attachment)
{
    struct volume volume = {0};
    struct volume_entry entry;

    if (!volume_table_find_by_id(volumes->table, attachment->volume_id, &entry))
        return;
    memcpy(volume.id, entry.id, sizeof(volume.id));
    memcpy(volume.name, entry.name, sizeof(volume.name));
    publish_attachment(volumes, action, container, &volume, attachment->destination,
                       attachment->readonly);
}

void volume_event_used(struct volumes *volumes, enum event_action action,
                       const struct volume_entry *volume, const char *mount_id)
{
    struct event event = {.action = action, .volume = volume->name};

    event_add(&event, EVENT_ID, volume->id);
    event_add(&event, "mount-id", mount_id);
    event_ring_publish(volumes->ring, &event);
}

/* ---- detaching ---------------------------------------------------------------- */

struct departure {
    struct volume volume; /* id and name only */
    char *destination;
    bool readonly;
};

struct noting {
    const char *destination;
    struct departures *out;
};

void departures_deinit(struct departures *departures)
{
    for (size_t i = 0; i < departures->count; i++)
        free(departures->items[i].destination);
    free(departures->items);
}

static int note_departure(void *context, const struct attachment *attachment,
                          const struct volume *volume)
{
    const struct noting *noting = context;
    struct departures *out = noting->out;
    struct departure *grown;

    if (!volume ||
        (noting->destination && strcmp(noting->destination, attachment->destination) != 0))
        return 0;
    grown = reallocarray(out->items, out->count + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    out->items = grown;
    grown += out->count;
    *grown = (struct departure){.readonly = attachment->readonly};
    memcpy(grown->volume.id, volume->id, sizeof(volume->id));
    memcpy(grown->volume.name, volume->name, sizeof(volume->name));
    grown->destination = strdup(attachment->destination);
    if (!grown->destination)
        return -ENOMEM;
    out->count++;
    return 0;
}

int volume_event_note_departures(struct volumes *volumes, const char *container_id,
                                 const char *destination, struct departures *out, struct error *e)
{
    struct noting noting = {destination, out};

    return catalog_attachment_each_of_container(volumes->catalog, container_id, note_departure,
                                                &noting, e);
}

void volume_event_departed(struct volumes *volumes, const struct container *container,
                           const struct departures *departures)
{
    for (size_t i = 0; i < departures->count; i++) {
        const struct departure *item = &departures->items[i];

        publish_attachment(volumes, EVENT_DETACH, container, &item->volume, item->destination,
                           item->readonly);
    }
}

/* ---- denials ------------------------------------------------------------------ */

/* As containers are found that were attached by the beginning of an id. */
static void name_container(void *context, const char *container_id, char name[NAME_MAX_LENGTH + 1])
{
    struct volumes *volumes = context;
    char beginning[CONTAINER_ID_SHORT + 1];
    struct container container;
    int r = catalog_container_get(volumes->catalog, container_id, &container, NULL);

    if (r == ERROR_NOT_FOUND && name_is_anonymous(container_id)) {
        snprintf(beginning, sizeof(beginning), "%s", container_id);
        r = catalog_container_get(volumes->catalog, beginning, &container, NULL);
    }
    if (r == 0 && container_is_same(container.id, container.name, container_id))
        memcpy(name, container.name, sizeof(container.name));
}

int volumes_start_audit(struct volumes *volumes, struct error *e)
{
    int r = audit_start(volumes->audit, name_container, volumes);

    return r ? error_set_errno(e, r, "cannot start the thread that tells of denials") : 0;
}

void volume_event_refused(struct volumes *volumes, const char *volume_id, const char *volume_name,
                          const char *container_id)
{
    const struct denial denial = {.container_id = container_id,
                                  .volume_id = volume_id,
                                  .volume = volume_name,
                                  .operation = "attach",
                                  .rule = RULE_PRIVATE_VOLUME};

    audit_deny(volumes->audit, &denial);
}
