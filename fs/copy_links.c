/*
 * Hard links: the first name of a file with several is copied, and the copy linked into a directory
 * of ours in the target, under its device and inode; each further name is linked from there, and
 * the last one renamed from there. So a link costs the same however deep the tree is, no path is
 * kept, and a copy never has more names than its file. What is left when the walk is over had names
 * outside the tree.
 */
#include "fs/copy_private.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define LINKS_PREFIX ".volumefs-links-"

static int links_open(struct copy *copy)
{
    uint64_t salt[2];

    if (copy->links_fd >= 0)
        return 0;
    if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
        return -EIO;
    snprintf(copy->links_name, sizeof(copy->links_name), LINKS_PREFIX "%016" PRIx64 "%016" PRIx64,
             salt[0], salt[1]);
    if (mkdirat(copy->to_fd, copy->links_name, 0700) < 0)
        return -errno;
    copy->links_fd = walk_open_directory(copy->to_fd, copy->links_name);
    return copy->links_fd < 0 ? copy->links_fd : 0;
}

static void link_name(const struct link *link, char out[COPY_LINKS_NAME_SIZE])
{
    snprintf(out, COPY_LINKS_NAME_SIZE, "%" PRIx64 "-%" PRIx64, (uint64_t)link->dev,
             (uint64_t)link->ino);
}

/* The first name: it has just been copied. */
static int link_keep(struct copy *copy, struct link *link, const struct stat *st, const char *name)
{
    char kept[COPY_LINKS_NAME_SIZE];
    int r = links_open(copy);

    link_name(link, kept);
    if (r == 0 && linkat(copy->dir_fd, name, copy->links_fd, kept, 0) < 0)
        r = -errno;
    if (r)
        return copy_fail(copy, r, name, "it has several names, and its copy cannot be linked");
    link->left = st->st_nlink - 1;
    return 0;
}

/* A further name. One that is there already was listed twice. */
static int link_again(struct copy *copy, struct link *link, const char *name)
{
    char kept[COPY_LINKS_NAME_SIZE];
    int r;

    link_name(link, kept);
    if (link->left > 1)
        r = linkat(copy->links_fd, kept, copy->dir_fd, name, 0);
    else
        r = renameat2(copy->links_fd, kept, copy->dir_fd, name, RENAME_NOREPLACE);
    if (r < 0 && errno != EEXIST)
        return copy_fail(copy, -errno, name, "it cannot be linked to its other names");
    if (r == 0)
        link->left--;
    return r == 0 ? 0 : 1;
}

int copy_file_linked(struct copy *copy, int fd, const struct stat *st, const char *name)
{
    struct link *link = links_get(&copy->links, st->st_dev, st->st_ino);
    int r;

    if (!link)
        return -ENOMEM;
    if (link->left > 0)
        return link_again(copy, link, name);
    r = copy_file(copy, fd, st, name, false);
    return r ? r : link_keep(copy, link, st, name);
}

int copy_links_close(struct copy *copy)
{
    char kept[COPY_LINKS_NAME_SIZE];

    if (copy->links_fd < 0)
        return 0;
    for (size_t i = 0; i < copy->links.size; i++) {
        if (copy->links.items[i].left == 0)
            continue;
        link_name(&copy->links.items[i], kept);
        if (unlinkat(copy->links_fd, kept, 0) < 0)
            return copy_fail(copy, -errno, copy->links_name, "%s in it cannot be removed", kept);
    }
    if (unlinkat(copy->to_fd, copy->links_name, AT_REMOVEDIR) < 0)
        return copy_fail(copy, -errno, copy->links_name, "it cannot be removed");
    return 0;
}
