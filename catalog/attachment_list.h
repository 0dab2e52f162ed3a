/*
 * Attachments of one container, kept and compared. Owned; {0} is empty and safe to release.
 */
#pragma once

#include "catalog/model.h"

#include <stdbool.h>
#include <stddef.h>

struct attachments {
    struct attachment *items;
    size_t count;
};
void attachments_deinit(struct attachments *attachments);

/* What is at the destination, or NULL. */
const struct attachment *attachments_find(const struct attachments *attachments,
                                          const char *destination);
/* Adds a copy. 0 or -ENOMEM. */
int attachments_add(struct attachments *attachments, const struct attachment *attachment);
/* The same, as a visitor of catalog_attachment_each_of_container. `context`: the list. */
int attachments_collect(void *context, const struct attachment *attachment,
                        const struct volume *volume);
/* Adds those of `more` at destinations that have none. 0 or -ENOMEM. */
int attachments_join(struct attachments *attachments, const struct attachments *more);

/* True if there are as many of the same, in whatever order: in volume, path, mode and label. */
bool attachments_equal(const struct attachments *a, const struct attachments *b);
bool attachments_share_volume(const struct attachments *a, const struct attachments *b);
