/*
 * .volumefs/ and what is below it. Every lookup makes a node of its own that
 * the kernel keeps no longer than it is used (timeouts 0), so that a view is
 * never older than the walk that led to it. A directory remembers its listing
 * from its first to its last READDIR.
 *
 * Nodeids of views have generation 0 and an index from 2 (see node.h: real
 * nodes have a generation). Lock: one, over the array of view nodes; listings are
 * made without it.
 */
#include "fs/view.h"

#include "catalog/cleanup.h"
#include "fs/session.h"
#include "fs/status_text.h"
#include "fs/view_content.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_INDEX = 2, NO_FREE = 0 };

struct view_node {
    enum view_kind kind;
    uint64_t lookups;
    uint32_t next_free;
    char *name;   /* of a container */
    char *target; /* of a link */
    struct view_entries listing;
};

struct views {
    pthread_mutex_t lock;
    struct view_node *nodes; /* index − FIRST_INDEX */
    uint32_t count;
    uint32_t free;
};

struct views *views_new(void)
{
    struct views *views = calloc(1, sizeof(*views));

    if (views)
        pthread_mutex_init(&views->lock, NULL);
    return views;
}

static void node_clear(struct view_node *node)
{
    free(node->name);
    free(node->target);
    view_entries_deinit(&node->listing);
    *node = (struct view_node){0};
}

struct views *views_free(struct views *views)
{
    if (!views)
        return NULL;
    for (uint32_t i = 0; i < views->count; i++)
        node_clear(&views->nodes[i]);
    free(views->nodes);
    pthread_mutex_destroy(&views->lock);
    free(views);
    return NULL;
}

bool view_is(fuse_ino_t ino)
{
    return ino >= FIRST_INDEX && ino <= UINT32_MAX;
}

/* Lock held. NULL for a nodeid that is not in use. */
static struct view_node *node_of(struct views *views, fuse_ino_t ino)
{
    if (!view_is(ino) || ino - FIRST_INDEX >= views->count ||
        views->nodes[ino - FIRST_INDEX].kind == VIEW_NONE)
        return NULL;
    return &views->nodes[ino - FIRST_INDEX];
}

/* The kind and, for a container's directory, its name (to be freed). */
static enum view_kind node_describe(struct views *views, fuse_ino_t ino, char **name)
{
    enum view_kind kind = VIEW_NONE;
    struct view_node *node;

    *name = NULL;
    pthread_mutex_lock(&views->lock);
    node = node_of(views, ino);
    if (node) {
        kind = node->kind;
        *name = node->name ? strdup(node->name) : NULL;
    }
    pthread_mutex_unlock(&views->lock);
    return kind;
}

/* Takes over name and target. 0 or errno. */
static int node_make(struct session *session, enum view_kind kind, char *name, char *target,
                     struct fuse_entry_param *out)
{
    struct views *views = session->views;
    struct view_node *grown;
    uint32_t index;

    pthread_mutex_lock(&views->lock);
    index = views->free;
    if (index != NO_FREE) {
        views->free = views->nodes[index - FIRST_INDEX].next_free;
    } else {
        grown = reallocarray(views->nodes, views->count + 1, sizeof(*grown));
        if (!grown) {
            pthread_mutex_unlock(&views->lock);
            free(name);
            free(target);
            return ENOMEM;
        }
        views->nodes = grown;
        index = FIRST_INDEX + views->count++;
    }
    views->nodes[index - FIRST_INDEX] =
        (struct view_node){.kind = kind, .lookups = 1, .name = name, .target = target};
    pthread_mutex_unlock(&views->lock);
    *out = (struct fuse_entry_param){.ino = index};
    return view_attributes(session, index, &out->attr);
}

void view_forget(struct session *session, fuse_ino_t ino, uint64_t count)
{
    struct views *views = session->views;
    struct view_node *node;

    pthread_mutex_lock(&views->lock);
    node = node_of(views, ino);
    if (node && (node->lookups -= count) == 0) {
        node_clear(node);
        node->next_free = views->free;
        views->free = (uint32_t)ino;
    }
    pthread_mutex_unlock(&views->lock);
}

int view_attributes(struct session *session, fuse_ino_t ino, struct stat *st)
{
    struct views *views = session->views;
    struct timespec now;
    struct view_node *node;
    int err = 0;

    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&views->lock);
    node = node_of(views, ino);
    *st = (struct stat){
        .st_ino = INODE_NUMBER_SYNTHETIC | ino,
        .st_nlink = 1,
        .st_uid = geteuid(),
        .st_gid = getegid(),
        .st_blksize = 4096,
        .st_atim = now,
        .st_mtim = now,
        .st_ctim = now,
    };
    if (!node) {
        err = ESTALE;
    } else if (node->kind == VIEW_LINK) {
        st->st_mode = S_IFLNK | 0777;
        st->st_size = (off_t)strlen(node->target);
    } else {
        st->st_mode = node->kind == VIEW_STATUS ? S_IFREG | 0444 : S_IFDIR | 0555;
        st->st_nlink = node->kind == VIEW_STATUS ? 1 : 2;
    }
    pthread_mutex_unlock(&views->lock);
    return err;
}

int view_readlink(struct session *session, fuse_ino_t ino, char **target)
{
    struct views *views = session->views;
    struct view_node *node;

    pthread_mutex_lock(&views->lock);
    node = node_of(views, ino);
    *target = node && node->target ? strdup(node->target) : NULL;
    pthread_mutex_unlock(&views->lock);
    return *target ? 0 : EINVAL;
}

int view_lookup_top(struct session *session, struct fuse_entry_param *out)
{
    return node_make(session, VIEW_TOP, NULL, NULL, out);
}

int view_lookup(struct session *session, fuse_ino_t parent, const char *name,
                struct fuse_entry_param *out)
{
    _cleanup_(view_entries_deinit) struct view_entries found = {0};
    _cleanup_(free_p) char *container = NULL;
    enum view_kind kind = node_describe(session->views, parent, &container);
    int err;

    if (strlen(name) > NAME_MAX_LENGTH)
        return ENAMETOOLONG;
    err = view_entries_find(session->volumes, kind, container, name, &found);
    if (err || found.count == 0)
        return err ? err : ENOENT;
    return node_make(session, found.items[0].kind, steal_pointer(&found.items[0].name),
                     steal_pointer(&found.items[0].target), out);
}

/* ---- listing on -------------------------------------------------------------- */

/* Makes the listing afresh at offset 0; later calls go on with the same. */
static int listing_begin(struct session *session, fuse_ino_t ino)
{
    struct views *views = session->views;
    _cleanup_(view_entries_deinit) struct view_entries entries = {0};
    _cleanup_(free_p) char *container = NULL;
    enum view_kind kind = node_describe(views, ino, &container);
    struct view_node *node;
    int err = view_entries_list(session->volumes, kind, container, &entries);

    if (err)
        return err;
    pthread_mutex_lock(&views->lock);
    node = node_of(views, ino);
    if (node) {
        struct view_entries old = node->listing;

        node->listing = entries;
        entries = old;
    }
    pthread_mutex_unlock(&views->lock);
    return 0;
}

static mode_t view_type(enum view_kind kind)
{
    if (kind == VIEW_LINK)
        return S_IFLNK;
    return kind == VIEW_STATUS ? S_IFREG : S_IFDIR;
}

int view_list(struct session *session, fuse_ino_t ino, struct listing *listing, off_t offset)
{
    static const char *const dots[] = {".", ".."};
    struct views *views = session->views;
    struct view_node *node;
    int err = offset == 0 ? listing_begin(session, ino) : 0;

    if (err)
        return err;
    pthread_mutex_lock(&views->lock);
    node = node_of(views, ino);
    for (size_t i = (size_t)offset; node && i < node->listing.count + 2; i++) {
        struct fuse_entry_param e = {.attr.st_ino = INODE_NUMBER_SYNTHETIC};

        e.attr.st_mode = i < 2 ? S_IFDIR : view_type(node->listing.items[i - 2].kind);
        if (!listing_add(listing, i < 2 ? dots[i] : node->listing.items[i - 2].name, &e,
                         (off_t)i + 1))
            break;
    }
    pthread_mutex_unlock(&views->lock);
    return 0;
}

int view_read(struct session *session, fuse_ino_t ino, char **text)
{
    _cleanup_(free_p) char *name = NULL;
    struct daemon_status status;

    *text = NULL;
    if (node_describe(session->views, ino, &name) != VIEW_STATUS)
        return EISDIR;
    session_status(session, &status);
    *text = status_format(&status);
    return *text ? 0 : ENOMEM;
}
