/*
 * Listing directories. There is no opendir: a listing is found again by its
 * offset alone. The descriptor it stands on is parked in the node between calls, so that one reader
 * going on where he was need not open it again. Where it stands says nothing: others may have
 * moved it.
 */
#include "fs/backing.h"
#include "fs/ops.h"
#include "fs/root.h"
#include "fs/view.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* As the kernel's getdents64 lays it out. */
struct raw_entry {
    uint64_t ino;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

enum {
    RAW_BUFFER_MIN = 1024,
    RAW_ALIGNMENT = 8,
    PLUS_ENTRY_SIZE = 170, /* about what an entry with attributes takes of a reply */
    RAW_ENTRY_SIZE = 32,   /* and of the raw listing */
};

bool listing_add(struct listing *listing, const char *name, const struct fuse_entry_param *e,
                 off_t next)
{
    char *at = listing->buffer + listing->used;
    size_t room = listing->size - listing->used;
    size_t size = listing->plus ? fuse_add_direntry_plus(listing->req, at, room, name, e, next)
                                : fuse_add_direntry(listing->req, at, room, name, &e->attr, next);

    if (size > room)
        return false;
    listing->used += size;
    return true;
}

static bool listing_has_room(const struct listing *listing, const char *name)
{
    size_t size = listing->plus ? fuse_add_direntry_plus(listing->req, NULL, 0, name, NULL, 0)
                                : fuse_add_direntry(listing->req, NULL, 0, name, NULL, 0);

    return size <= listing->size - listing->used;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* One entry: with attributes, if they are asked for and it is still there. */
static void list_entry(const struct target *dir, struct listing *listing,
                       const struct raw_entry *raw)
{
    struct fuse_entry_param e = {0};
    bool up = strcmp(raw->name, "..") == 0 && (dir->node->flags & NODE_VOLUME_ROOT);

    if (!listing->plus || is_dot(raw->name) ||
        entry_lookup(dir->session, dir->node->volume, dir->fd, raw->name, &e) != 0) {
        e = (struct fuse_entry_param){.attr.st_mode = DTTOIF(raw->type)};
        e.attr.st_ino =
            up ? ROOT_INODE : inode_number_map(dir->session->numbers, dir->node->key.dev, raw->ino);
    }
    listing_add(listing, raw->name, &e, raw->next);
}

/* The directory's descriptor, at `offset`: the parked one, wherever that stands, or a new one.
 * −errno. */
static int list_take(const struct target *dir, off_t offset)
{
    int r, fd = node_take_list(dir->session->nodes, dir->node);

    if (fd < 0)
        fd = backing_open_directory(dir->fd);
    if (fd >= 0 && lseek(fd, offset, SEEK_SET) < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

/* Fills one reply from `fd`. Answers the offset it got to, or −errno; *end at the directory's end.
 */
static off_t list_fill(const struct target *dir, struct listing *listing, int fd, char *raw,
                       size_t raw_size, off_t offset, bool *end)
{
    ssize_t n = 0, at = 0;

    *end = false;
    for (;;) {
        const struct raw_entry *entry;

        if (at >= n) {
            n = backing_list(fd, raw, raw_size);
            if (n <= 0) {
                *end = n == 0;
                return n < 0 && listing->used == 0 ? n : offset;
            }
            at = 0;
        }
        entry = (const struct raw_entry *)(raw + at);
        if (!listing_has_room(listing, entry->name))
            break;
        list_entry(dir, listing, entry);
        offset = entry->next;
        at += entry->size;
    }
    return offset; /* what was read and did not fit is read again */
}

static int node_list(fuse_req_t req, fuse_ino_t ino, struct listing *listing, off_t offset)
{
    size_t raw_size =
        listing->plus ? listing->size / PLUS_ENTRY_SIZE * RAW_ENTRY_SIZE : listing->size;
    struct target dir;
    char *raw;
    bool end;
    off_t reached;
    int fd, err = target_enter(&dir, req, ino, OPERATION_READ);

    if (err)
        return err;
    if (raw_size < RAW_BUFFER_MIN)
        raw_size = RAW_BUFFER_MIN;
    fd = list_take(&dir, offset);
    if (fd < 0) {
        target_leave(&dir);
        return -fd;
    }
    /* behind the reply; a reader may ask for any size, and entries want their alignment */
    raw = listing->buffer + (listing->size + RAW_ALIGNMENT - 1) / RAW_ALIGNMENT * RAW_ALIGNMENT;
    reached = list_fill(&dir, listing, fd, raw, raw_size, offset, &end);
    if (reached < 0 || (end && listing->used == 0))
        close(fd);
    else
        node_park_list(dir.session->nodes, dir.node, fd);
    target_leave(&dir);
    return reached < 0 ? (int)-reached : 0;
}

static void list_any(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus)
{
    struct session *session = session_of(req);
    struct listing listing = {.req = req, .size = size, .plus = plus};
    int err;

    listing.buffer = thread_buffer(2 * size + RAW_BUFFER_MIN + RAW_ALIGNMENT);
    if (!listing.buffer)
        err = ENOMEM;
    else if (ino == FUSE_ROOT_ID)
        err = root_list(session, &listing, offset);
    else if (view_is(ino))
        err = view_list(session, ino, &listing, offset);
    else
        err = node_list(req, ino, &listing, offset);
    if (err)
        fuse_reply_err(req, err);
    else
        fuse_reply_buf(req, listing.buffer, listing.used);
}

/* Refused once, it is never asked again: the kernel opens directories by itself and keeps listings.
 */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    (void)fi;
    fuse_reply_err(req, ENOSYS);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                struct fuse_file_info *fi)
{
    (void)fi;
    list_any(req, ino, size, offset, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                    struct fuse_file_info *fi)
{
    (void)fi;
    list_any(req, ino, size, offset, true);
}
