/* See attachment_list.h. */
#include "catalog/attachment_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void attachments_deinit(struct attachments *attachments)
{
    for (size_t i = 0; i < attachments->count; i++)
        attachment_deinit(&attachments->items[i]);
    free(attachments->items);
}

const struct attachment *attachments_find(const struct attachments *attachments,
                                          const char *destination)
{
    for (size_t i = 0; i < attachments->count; i++)
        if (strcmp(attachments->items[i].destination, destination) == 0)
            return &attachments->items[i];
    return NULL;
}

int attachments_add(struct attachments *attachments, const struct attachment *attachment)
{
    struct attachment *grown =
        reallocarray(attachments->items, attachments->count + 1, sizeof(*grown));
    int r;

    if (!grown)
        return -ENOMEM;
    attachments->items = grown;
    r = attachment_copy(&grown[attachments->count], attachment);
    if (r == 0)
        attachments->count++;
    return r;
}

int attachments_collect(void *context, const struct attachment *attachment,
                        const struct volume *volume)
{
    (void)volume;
    return attachments_add(context, attachment);
}

int attachments_join(struct attachments *attachments, const struct attachments *more)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < more->count; i++)
        if (!attachments_find(attachments, more->items[i].destination))
            r = attachments_add(attachments, &more->items[i]);
    return r;
}

static bool text_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool attachment_equal(const struct attachment *a, const struct attachment *b)
{
    return strcmp(a->volume_id, b->volume_id) == 0 && text_equal(a->source, b->source) &&
           text_equal(a->subpath, b->subpath) && a->readonly == b->readonly && a->label == b->label;
}

bool attachments_equal(const struct attachments *a, const struct attachments *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < b->count; i++) {
        const struct attachment *found = attachments_find(a, b->items[i].destination);

        if (!found || !attachment_equal(found, &b->items[i]))
            return false;
    }
    return true;
}

bool attachments_share_volume(const struct attachments *a, const struct attachments *b)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; a->items[i].volume_id[0] && k < b->count; k++)
            if (strcmp(a->items[i].volume_id, b->items[k].volume_id) == 0)
                return true;
    return false;
}
