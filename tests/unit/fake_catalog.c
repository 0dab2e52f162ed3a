/* The calls of catalog.h that reading needs; the others fail, as no test should come there. */
#include "tests/unit/fake_catalog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_catalog fake_catalog;

void fake_catalog_reset(void)
{
    fake_catalog = (struct fake_catalog){0};
}

int catalog_volume_each(struct catalog *catalog,
                        int (*visit)(void *context, const struct volume *volume), void *context,
                        struct error *e)
{
    (void)catalog;
    (void)e;
    for (int i = 0; i < FAKE_ROWS && fake_catalog.volumes[i].id && !fake_catalog.broken; i++) {
        struct volume volume = {.kind = VOLUME_NAMED};
        int r;

        snprintf(volume.id, sizeof(volume.id), "%s", fake_catalog.volumes[i].id);
        snprintf(volume.name, sizeof(volume.name), "%s", fake_catalog.volumes[i].name);
        r = visit(context, &volume);
        if (r != 0)
            return r;
    }
    return fake_catalog.broken;
}

static const struct container *find_container(const char *key)
{
    for (int i = 0; i < FAKE_ROWS; i++)
        if (fake_catalog.containers[i].id[0] && (strcmp(fake_catalog.containers[i].id, key) == 0 ||
                                                 strcmp(fake_catalog.containers[i].name, key) == 0))
            return &fake_catalog.containers[i];
    return NULL;
}

int catalog_container_get(struct catalog *catalog, const char *key, struct container *out,
                          struct error *e)
{
    const struct container *container = find_container(key);

    (void)catalog;
    if (fake_catalog.broken)
        return fake_catalog.broken;
    if (!container)
        return error_set(e, ERROR_NOT_FOUND, "no such container: %s", key);
    *out = *container;
    return 0;
}

int catalog_container_each(struct catalog *catalog,
                           int (*visit)(void *context, const struct container *container),
                           void *context, struct error *e)
{
    int r = fake_catalog.broken;

    (void)catalog;
    (void)e;
    for (int i = 0; r == 0 && i < FAKE_ROWS && fake_catalog.containers[i].id[0]; i++)
        r = visit(context, &fake_catalog.containers[i]);
    return r;
}

static struct attachment as_attachment(const struct fake_attachment *row, char *source,
                                       char *destination)
{
    struct attachment attachment = {
        .readonly = row->readonly, .nocopy = row->nocopy, .label = row->label};

    snprintf(attachment.container_id, sizeof(attachment.container_id), "%s", row->container);
    snprintf(attachment.volume_id, sizeof(attachment.volume_id), "%s", row->volume);
    snprintf(destination, 256, "%s", row->destination);
    attachment.destination = destination;
    if (row->source) {
        snprintf(source, 256, "%s", row->source);
        attachment.source = source;
    }
    return attachment;
}

int catalog_run_get(struct catalog *catalog, const char *container_id, struct run *out,
                    struct error *e)
{
    (void)catalog;
    (void)container_id;
    (void)e;
    return fake_catalog.broken ? fake_catalog.broken : run_copy(out, &fake_catalog.run);
}

static int attachments_each(const char *volume_id,
                            int (*visit)(void *context, const struct attachment *attachment,
                                         const struct container *container),
                            void *context)
{
    for (int i = 0; i < FAKE_ROWS && fake_catalog.attachments[i].container; i++) {
        const struct fake_attachment *row = &fake_catalog.attachments[i];
        char source[256];
        char destination[256];
        struct attachment attachment = as_attachment(row, source, destination);
        int r;

        if (!row->volume[0] || (volume_id && strcmp(row->volume, volume_id) != 0))
            continue;
        r = visit(context, &attachment, find_container(row->container));
        if (r != 0)
            return r;
    }
    return fake_catalog.broken;
}

int catalog_attachment_each_of_volume(struct catalog *catalog, const char *volume_id,
                                      int (*visit)(void *context,
                                                   const struct attachment *attachment,
                                                   const struct container *container),
                                      void *context, struct error *e)
{
    (void)catalog;
    (void)e;
    return attachments_each(volume_id, visit, context);
}

int catalog_attachment_each(struct catalog *catalog,
                            int (*visit)(void *context, const struct attachment *attachment,
                                         const struct container *container),
                            void *context, struct error *e)
{
    (void)catalog;
    (void)e;
    return attachments_each(NULL, visit, context);
}

int catalog_attachment_each_of_container(struct catalog *catalog, const char *container_id,
                                         int (*visit)(void *context,
                                                      const struct attachment *attachment,
                                                      const struct volume *volume),
                                         void *context, struct error *e)
{
    (void)catalog;
    (void)e;
    for (int i = 0; i < FAKE_ROWS && fake_catalog.attachments[i].container; i++) {
        const struct fake_attachment *row = &fake_catalog.attachments[i];
        char source[256];
        char destination[256];
        struct attachment attachment = as_attachment(row, source, destination);
        struct volume volume = {0};
        int r;

        if (strcmp(row->container, container_id) != 0)
            continue;
        snprintf(volume.id, sizeof(volume.id), "%s", row->volume);
        snprintf(volume.driver, sizeof(volume.driver), "local");
        for (int v = 0; v < FAKE_ROWS && fake_catalog.volumes[v].id; v++)
            if (strcmp(fake_catalog.volumes[v].id, row->volume) == 0)
                snprintf(volume.name, sizeof(volume.name), "%s", fake_catalog.volumes[v].name);
        r = visit(context, &attachment, row->volume[0] ? &volume : NULL);
        if (r != 0)
            return r;
    }
    return fake_catalog.broken;
}

static bool is_first_of_container(int row)
{
    const struct fake_attachment *rows = fake_catalog.attachments;

    for (int i = 0; i < row; i++)
        if (strcmp(rows[i].container, rows[row].container) == 0 &&
            strcmp(rows[i].volume, rows[row].volume) == 0)
            return false;
    return true;
}

int catalog_reference_count(struct catalog *catalog, const char *volume_id, uint32_t *containers,
                            uint32_t *uses, struct error *e)
{
    (void)catalog;
    (void)e;
    *containers = *uses = 0;
    for (int i = 0; i < FAKE_ROWS && fake_catalog.attachments[i].container; i++)
        *containers +=
            strcmp(fake_catalog.attachments[i].volume, volume_id) == 0 && is_first_of_container(i);
    for (int i = 0; i < FAKE_ROWS && fake_catalog.uses[i].count; i++)
        *uses += strcmp(fake_catalog.uses[i].volume_id, volume_id) == 0;
    return fake_catalog.broken;
}

int catalog_use_each(struct catalog *catalog, const char *volume_id,
                     int (*visit)(void *context, const struct use *use), void *context,
                     struct error *e)
{
    (void)catalog;
    (void)e;
    for (int i = 0; i < FAKE_ROWS && fake_catalog.uses[i].count; i++) {
        int r;

        if (volume_id && strcmp(fake_catalog.uses[i].volume_id, volume_id) != 0)
            continue;
        r = visit(context, &fake_catalog.uses[i]);
        if (r != 0)
            return r;
    }
    return fake_catalog.broken;
}

int catalog_check(struct catalog *catalog, struct error *e)
{
    (void)catalog;
    return fake_catalog.check ? error_set(e, fake_catalog.check, "page 7 is damaged") : 0;
}
