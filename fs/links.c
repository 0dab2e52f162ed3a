/* Open addressing, at most half full; nothing is taken out. No locks: a table is one walk's. */
#include "fs/links.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

enum { LINKS_MIN = 64 };

static struct link *link_find(const struct links *links, dev_t dev, ino_t ino)
{
    size_t mask = links->size - 1;
    size_t i = (size_t)((ino ^ (dev << 32)) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;

    while (links->items[i].ino && (links->items[i].ino != ino || links->items[i].dev != dev))
        i = (i + 1) & mask;
    return &links->items[i];
}

static int links_grow(struct links *links)
{
    struct links larger = {.count = links->count,
                           .size = links->size ? links->size * 2 : LINKS_MIN};

    larger.items = calloc(larger.size, sizeof(*larger.items));
    if (!larger.items)
        return -ENOMEM;
    for (size_t i = 0; i < links->size; i++) {
        const struct link *old = &links->items[i];

        if (old->ino)
            *link_find(&larger, old->dev, old->ino) = *old;
    }
    free(links->items);
    *links = larger;
    return 0;
}

struct link *links_get(struct links *links, dev_t dev, ino_t ino)
{
    struct link *link;

    if (links->count * 2 >= links->size && links_grow(links) < 0)
        return NULL;
    link = link_find(links, dev, ino);
    if (!link->ino) {
        link->dev = dev;
        link->ino = ino;
        links->count++;
    }
    return link;
}

int links_add(struct links *links, dev_t dev, ino_t ino)
{
    struct link *link = links_get(links, dev, ino);

    if (!link)
        return -ENOMEM;
    if (link->left > 0)
        return 0;
    link->left = 1;
    return 1;
}

void links_deinit(struct links *links)
{
    free(links->items);
    *links = (struct links){0};
}
