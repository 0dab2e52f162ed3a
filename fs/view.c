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

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum view_kind {
    VIEW_NONE,
    VIEW_TOP,
    VIEW_STATUS,
    VIEW_DANGLING,
    VIEW_BY_ID,
    VIEW_BY_CONTAINER,
    VIEW_CONTAINER, /* one container's directory */
    VIEW_LINK,
};

enum { FIRST_INDEX = 2, NO_FREE = 0 };

/* Entries of a view directory: name, and for a link where it points. */
struct view_entry {
    char *name;
    char *target; /* NULL: a directory or `status` */
    enum view_kind kind;
};

struct view_entries {
    struct view_entry *items;
    size_t count;
};

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

static const struct {
    const char *name;
    enum view_kind kind;
} top_entries[] = {
    {"by-container", VIEW_BY_CONTAINER},
    {"by-id", VIEW_BY_ID},
    {"dangling", VIEW_DANGLING},
    {"status", VIEW_STATUS},
};

struct views *views_new(void)
{
    struct views *views = calloc(1, sizeof(*views));

    if (views)
        pthread_mutex_init(&views->lock, NULL);
    return views;
}

static void entries_deinit(struct view_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        free(entries->items[i].name);
        free(entries->items[i].target);
    }
    free(entries->items);
    *entries = (struct view_entries){0};
}

static void entries_cleanup(struct view_entries *entries)
{
    entries_deinit(entries);
}

static void node_clear(struct view_node *node)
{
    free(node->name);
    free(node->target);
    entries_deinit(&node->listing);
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

/* ---- listings ------------------------------------------------------------ */

static int entries_add(struct view_entries *entries, const char *name, enum view_kind kind,
                       const char *target)
{
    struct view_entry *grown;

    /* grows by doubling: at every power of two */
    if ((entries->count & (entries->count - 1)) == 0) {
        grown =
            reallocarray(entries->items, entries->count ? entries->count * 2 : 1, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        entries->items = grown;
    }
    entries->items[entries->count] =
        (struct view_entry){strdup(name), target ? strdup(target) : NULL, kind};
    entries->count++;
    return entries->items[entries->count - 1].name ? 0 : -ENOMEM;
}

/* A link from a view directory `depth` levels below the root to a volume. */
static int entries_add_link(struct view_entries *entries, const char *name, const char *volume,
                            int depth)
{
    char target[3 * 3 + NAME_MAX_LENGTH + 1];

    snprintf(target, sizeof(target), "%s%s", depth == 3 ? "../../../" : "../../", volume);
    return entries_add(entries, name, VIEW_LINK, target);
}

static int visit_dangling(void *context, const struct volume *volume, uint32_t references)
{
    (void)references;
    return entries_add_link(context, volume->name, volume->name, 2);
}

static int list_dangling(struct session *session, struct view_entries *entries)
{
    struct filter *filter = filter_new();
    int r = filter ? filter_add(filter, "dangling", "true", NULL) : -ENOMEM;

    if (r == 0)
        r = volumes_each(session->volumes, filter, visit_dangling, entries, NULL);
    filter_free(filter);
    return r;
}

static int list_by_id(struct session *session, struct view_entries *entries)
{
    struct volume_entry volume;
    int r = 0;

    for (uint32_t from = 0; r == 0 && volume_table_next(session->table, from, &volume);
         from = volume.ref.index + 1)
        r = entries_add_link(entries, volume.id, volume.name, 2);
    return r;
}

/* Collects the volumes of one container, or the containers of all. */
struct by_container {
    struct view_entries *entries;
    const char *container; /* NULL: the containers themselves */
};

static bool entries_have(const struct view_entries *entries, const char *name)
{
    for (size_t i = 0; i < entries->count; i++)
        if (strcmp(entries->items[i].name, name) == 0)
            return true;
    return false;
}

static int visit_user(void *context, const char *volume, const char *container)
{
    struct by_container *by = context;

    if (!by->container)
        return entries_have(by->entries, container)
                   ? 0
                   : entries_add(by->entries, container, VIEW_CONTAINER, NULL);
    if (strcmp(by->container, container) != 0 || entries_have(by->entries, volume))
        return 0;
    return entries_add_link(by->entries, volume, volume, 3);
}

static int list_by_container(struct session *session, const char *container,
                             struct view_entries *entries)
{
    struct by_container by = {entries, container};

    return volumes_each_user(session->volumes, visit_user, &by, NULL);
}

/* Everything in a view directory, now. 0 or errno. */
static int entries_make(struct session *session, enum view_kind kind, const char *container,
                        struct view_entries *entries)
{
    int r = 0;

    switch (kind) {
    case VIEW_TOP:
        for (size_t i = 0; r == 0 && i < sizeof(top_entries) / sizeof(*top_entries); i++)
            r = entries_add(entries, top_entries[i].name, top_entries[i].kind, NULL);
        break;
    case VIEW_DANGLING:
        r = list_dangling(session, entries);
        break;
    case VIEW_BY_ID:
        r = list_by_id(session, entries);
        break;
    case VIEW_BY_CONTAINER:
        r = list_by_container(session, NULL, entries);
        break;
    case VIEW_CONTAINER:
        r = list_by_container(session, container, entries);
        break;
    case VIEW_NONE:
    case VIEW_STATUS:
    case VIEW_LINK:
        return ENOTDIR;
    }
    return error_to_errno(r);
}

int view_lookup_top(struct session *session, struct fuse_entry_param *out)
{
    return node_make(session, VIEW_TOP, NULL, NULL, out);
}

int view_lookup(struct session *session, fuse_ino_t parent, const char *name,
                struct fuse_entry_param *out)
{
    _cleanup_(entries_cleanup) struct view_entries entries = {0};
    _cleanup_(free_p) char *container = NULL;
    enum view_kind kind = node_describe(session->views, parent, &container);
    int err = entries_make(session, kind, container, &entries);

    if (err)
        return err;
    for (size_t i = 0; i < entries.count; i++) {
        struct view_entry *entry = &entries.items[i];

        if (strcmp(entry->name, name) == 0)
            return node_make(session, entry->kind, steal_pointer(&entry->name),
                             steal_pointer(&entry->target), out);
    }
    return ENOENT;
}

/* Makes the listing afresh at offset 0; later calls go on with the same. */
static int listing_begin(struct session *session, fuse_ino_t ino)
{
    struct views *views = session->views;
    _cleanup_(entries_cleanup) struct view_entries entries = {0};
    _cleanup_(free_p) char *container = NULL;
    enum view_kind kind = node_describe(views, ino, &container);
    struct view_node *node;
    int err = entries_make(session, kind, container, &entries);

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
