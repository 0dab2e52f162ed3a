/*
 * A mounted tree from start to end: what is asked of the kernel, in which
 * order things come up, and how they go.
 */
#include "fs/session.h"

#include "catalog/cleanup.h"
#include "fs/audit.h"
#include "fs/backing.h"
#include "fs/label.h"
#include "fs/mount.h"
#include "fs/ops.h"
#include "fs/root.h"
#include "fs/view.h"
#include "fs/volume_engine.h"
#include "fs/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define OVERLAY_MAGIC 0x794c7630u /* OVERLAYFS_SUPER_MAGIC of <linux/magic.h> */

enum {
    MAX_BACKGROUND = 512, /* asynchronous requests under way at once */
    MAX_WRITE = 1 << 20,
    INIT_WAIT_S = 10,
    FD_SHARE_PERCENT = 70, /* of NOFILE, for nodes */
};

/* ---- what is asked of the kernel ------------------------------------------ */

static const uint64_t wanted[] = {
    FUSE_CAP_ASYNC_READ,         FUSE_CAP_ATOMIC_O_TRUNC, /* one request less for each open that
                                                             truncates */
    FUSE_CAP_DONT_MASK,       /* default ACLs take the place of the umask */
    FUSE_CAP_AUTO_INVAL_DATA, /* a listing is as new as its directory's mtime */
    FUSE_CAP_READDIRPLUS,     /* names with attributes, kept like any others */
    FUSE_CAP_ASYNC_DIO,          FUSE_CAP_PARALLEL_DIROPS,    FUSE_CAP_POSIX_ACL,
    FUSE_CAP_HANDLE_KILLPRIV_V2, /* without it every write asks for security.capability */
    FUSE_CAP_CACHE_SYMLINKS,     FUSE_CAP_NO_OPENDIR_SUPPORT, FUSE_CAP_SETXATTR_EXT,
    FUSE_CAP_NO_EXPORT_SUPPORT, /* no file handles to guess */
};

static const uint64_t unwanted[] = {
    FUSE_CAP_WRITEBACK_CACHE, /* would silently turn passthrough off */
    FUSE_CAP_SPLICE_READ,
    FUSE_CAP_SPLICE_WRITE,
    FUSE_CAP_SPLICE_MOVE, /* at best equal */
    /* with listings kept, only the first part of one would bring attributes: then a lookup a file
     */
    FUSE_CAP_READDIRPLUS_AUTO,
    FUSE_CAP_EXPORT_SUPPORT,
    FUSE_CAP_POSIX_LOCKS,
    FUSE_CAP_FLOCK_LOCKS,     /* the kernel's own are right */
#ifdef FUSE_CAP_OVER_IO_URING /* libfuse 3.18 */
    FUSE_CAP_OVER_IO_URING,
#endif
};

static void init_passthrough(struct session *session, struct fuse_conn_info *conn)
{
    struct statfs st;

    if (!session->passthrough)
        return;
    if (!fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH)) {
        session->passthrough = false;
        snprintf(session->passthrough_reason, sizeof(session->passthrough_reason),
                 "the kernel has none; Linux 6.9 does");
        return;
    }
    /* 0 lets an overlay lie on top of the tree; a store that lies on one itself takes 1 */
    conn->max_backing_stack_depth = fstatfs(store_fd(volumes_store(session->volumes)), &st) == 0 &&
                                    (uint32_t)st.f_type == OVERLAY_MAGIC;
}

static void session_init(void *context, struct fuse_conn_info *conn)
{
    struct session *session = context;

    for (size_t i = 0; i < sizeof(unwanted) / sizeof(*unwanted); i++)
        fuse_unset_feature_flag(conn, unwanted[i]);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        fuse_set_feature_flag(conn, wanted[i]); /* what the kernel lacks is done without */
    init_passthrough(session, conn);
    conn->max_background = MAX_BACKGROUND;
    conn->max_write = MAX_WRITE;
    conn->time_gran = 1;
    conn->no_interrupt = 1; /* nothing here can be interrupted: saves a lock a request */
    session->greeted = true;
}

static const struct fuse_lowlevel_ops session_ops = {
    .init = session_init,
    .lookup = op_lookup,
    .forget = op_forget,
    .forget_multi = op_forget_multi,
    .getattr = op_getattr,
    .setattr = op_setattr,
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
    .statx = op_statx,
#endif
    .readlink = op_readlink,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .unlink = op_unlink,
    .rmdir = op_rmdir,
    .symlink = op_symlink,
    .rename = op_rename,
    .link = op_link,
    .open = op_open,
    .create = op_create,
    .tmpfile = op_tmpfile,
    .read = op_read,
    .write = op_write,
    .release = op_release,
    .fsync = op_fsync,
    .fsyncdir = op_fsyncdir,
    .fallocate = op_fallocate,
    .lseek = op_lseek,
    .copy_file_range = op_copy_file_range,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .readdirplus = op_readdirplus,
    .statfs = op_statfs,
    .setxattr = op_setxattr,
    .getxattr = op_getxattr,
    .listxattr = op_listxattr,
    .removexattr = op_removexattr,
    /* flush: answered by the kernel itself once it is refused.
     * getlk, setlk, flock: the kernel's own locks are right across all mounts of the one tree. */
};

/* ---- file handles in place of descriptors --------------------------------- */

/* Sized for the largest handle; the kernel writes after the header. */
union handle_buffer {
    struct file_handle header;
    uint8_t bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

static bool handle_from_fd(void *context, int fd, struct node_handle *out)
{
    union handle_buffer handle = {.header.handle_bytes = NODE_HANDLE_MAX};
    struct session *session = context;
    struct stat st;
    int mount_id;

    /* a file without a name would be gone; one of another file system needs another mount */
    if (fstat(fd, &st) < 0 || st.st_nlink == 0 || st.st_dev != session->store_device)
        return false;
    if (name_to_handle_at(fd, "", &handle.header, &mount_id, AT_EMPTY_PATH) < 0)
        return false;
    out->type = handle.header.handle_type;
    out->size = (uint8_t)handle.header.handle_bytes;
    memcpy(out->bytes, handle.header.f_handle, out->size);
    return true;
}

static int handle_to_fd(void *context, const struct node *node)
{
    union handle_buffer handle = {
        .header = {.handle_bytes = node->handle.size, .handle_type = node->handle.type}};
    struct session *session = context;
    int fd;

    memcpy(handle.header.f_handle, node->handle.bytes, node->handle.size);
    fd = open_by_handle_at(session->handle_mount, &handle.header, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void handle_release(void *context, const struct node_remains *remains)
{
    remains_release(context, remains);
}

/* ---- coming up ------------------------------------------------------------- */

static int session_make_tables(struct session *session, struct error *e)
{
    struct node_handles handles = {handle_from_fd, handle_to_fd, handle_release, session};
    struct rlimit limit;
    uint32_t fd_limit = 0;
    struct stat st;

    if (fstat(store_fd(volumes_store(session->volumes)), &st) < 0)
        return error_set_errno(e, -errno, "cannot look at the store");
    session->store_device = st.st_dev;
    session->handle_mount =
        openat(store_fd(volumes_store(session->volumes)), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (session->privileged && getrlimit(RLIMIT_NOFILE, &limit) == 0)
        fd_limit = (uint32_t)(limit.rlim_cur / 100 * FD_SHARE_PERCENT);
    session->nodes = node_table_new(NODE_TABLE_SLOTS_DEFAULT, fd_limit, &handles);
    session->numbers = inode_numbers_new(st.st_dev);
    session->views = views_new();
    if (!session->nodes || !session->numbers || !session->views || session->handle_mount < 0)
        return error_set_errno(e, -ENOMEM, "cannot make the tables of the tree");
    return 0;
}

static int session_make_fuse(struct session *session, const char *source, struct error *e)
{
    char options[MOUNT_SOURCE_MAX + 64];
    char *words[] = {(char[]){"volumefs"}, options, NULL};
    /* the helper alone reads these: our own mount sets them itself */
    struct fuse_args args = FUSE_ARGS_INIT(session->mount ? 1 : 2, words);

    snprintf(options, sizeof(options), "-odefault_permissions,subtype=volumefs,fsname=%s", source);
    session->fuse = fuse_session_new(&args, &session_ops, sizeof(session_ops), session);
    fuse_opt_free_args(&args);
    return session->fuse ? 0 : error_set_errno(e, -EINVAL, "libfuse refuses the session");
}

/*
 * Answers the kernel's first request, FUSE_INIT, before any worker reads: libfuse writes there what
 * readers of requests look at.
 */
static int session_greet(struct session *session, struct error *e)
{
    struct pollfd fd = {.fd = fuse_session_fd(session->fuse), .events = POLLIN};
    struct fuse_buf buffer = {0};
    int r = 0;

    while (r == 0 && !session->greeted) {
        r = poll(&fd, 1, INIT_WAIT_S * 1000);
        r = r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
        if (r == 0 && fuse_session_receive_buf(session->fuse, &buffer) <= 0)
            r = -ENOTCONN;
        else if (r == 0)
            fuse_session_process_buf(session->fuse, &buffer);
        if (r == -EINTR)
            r = 0;
    }
    free(buffer.mem);
    return r < 0 ? error_set_errno(e, r, "the kernel does not begin to talk") : 0;
}

/* By our own mount, seen only once it answers. */
static int session_mount_self(struct session *session, const struct session_config *config,
                              int device, struct error *e)
{
    char path[32];
    dev_t number;
    int r;

    snprintf(path, sizeof(path), "/dev/fd/%d", device);
    if (fuse_session_mount(session->fuse, path) != 0)
        return error_set_errno(e, -EIO, "libfuse does not take %s", path);
    r = session_greet(session, e);
    if (r == 0)
        r = workers_start(&session->workers, session->fuse, &config->workers, e);
    if (r != 0)
        return r;
    r = mount_device(session->mount, &number);
    if (r < 0)
        return error_set_errno(e, r, "cannot look at the mount");
    volumes_set_tree_device(session->volumes, number);
    return mount_attach(session->mount, session->mountpoint, e);
}

/* By libfuse and its set-uid helper, for a user who may not mount. */
static int session_mount_helper(struct session *session, const struct session_config *config,
                                struct error *e)
{
    struct stat st;
    int r;

    if (fuse_session_mount(session->fuse, session->mountpoint) != 0)
        return error_set(e, ERROR_DENIED,
                         "cannot mount at %s as this user: fusermount3 (package fuse3) must be "
                         "installed and the directory yours; or run as root",
                         session->mountpoint);
    session->by_helper = true;
    r = session_greet(session, e);
    if (r == 0)
        r = workers_start(&session->workers, session->fuse, &config->workers, e);
    if (r != 0)
        return r;
    if (stat(session->mountpoint, &st) < 0)
        return error_set_errno(e, -errno, "the mount at %s does not answer", session->mountpoint);
    volumes_set_tree_device(session->volumes, st.st_dev);
    return 0;
}

static bool option_has(const char *options, const char *word)
{
    size_t length = strlen(word);

    for (const char *p = options; p && (p = strstr(p, word)); p += length)
        if ((p == options || p[-1] == ',') && (p[length] == 0 || p[length] == ','))
            return true;
    return false;
}

int session_check_place(const struct session_config *config, struct error *e)
{
    return mount_check_place(config->mountpoint, option_has(config->mount_options, "nonempty"), e);
}

static int session_mount(struct session *session, const struct session_config *config,
                         struct error *e)
{
    const char *source = mount_source(config->source, store_path(volumes_store(session->volumes)));
    int device = -1;
    int r = mount_prepare(&session->mount, source, config->mount_options, label_tree_context(),
                          &device, e);

    if (r == ERROR_DENIED)
        r = 0; /* then by the helper */
    if (r == 0)
        r = session_make_fuse(session, source, e);
    if (r == 0)
        r = session->mount ? session_mount_self(session, config, device, e)
                           : session_mount_helper(session, config, e);
    return r;
}

static void session_decide_passthrough(struct session *session, const struct session_config *config)
{
    const char *reason = "";

    if (!config->allow_passthrough)
        reason = "switched off by --no-passthrough";
    else if (!config->privileged)
        reason = "takes root, or CAP_SYS_ADMIN in the first user namespace";
    session->passthrough = !*reason;
    snprintf(session->passthrough_reason, sizeof(session->passthrough_reason), "%s", reason);
}

int session_start(struct session **out, struct volumes *volumes,
                  const struct session_config *config, struct error *e)
{
    struct session *session = calloc(1, sizeof(*session));
    struct volumes_events events;
    int r;

    if (!session)
        return -ENOMEM;
    session->volumes = volumes;
    session->table = volumes_table(volumes);
    session->usage = volumes_meter(volumes);
    session->audit = volumes_audit(volumes);
    session->mountpoint = config->mountpoint;
    session->privileged = config->privileged;
    session->handle_mount = -1;
    session->started_at = time_now();
    session->root_changed = session->started_at;
    session_decide_passthrough(session, config);
    r = backing_init();
    r = r < 0 ? error_set_errno(e, r, "cannot open /proc/self/fd; is /proc mounted?")
              : session_make_tables(session, e);
    events = root_events(session);
    volumes_set_events(volumes, &events); /* before anybody can change anything */
    if (r == 0)
        r = session_mount(session, config, e);
    if (r != 0) {
        session_stop(session);
        return r;
    }
    *out = session;
    return 0;
}

/* ---- going down ------------------------------------------------------------ */

int session_end_fd(const struct session *session)
{
    return workers_end_fd(session->workers);
}

int session_unmount(struct session *session)
{
    int r;

    if (session->by_helper) {
        fuse_session_unmount(session->fuse);
        return SESSION_UNMOUNTED;
    }
    r = mount_detach(session->mountpoint);
    return r == 1 ? SESSION_BUSY : r;
}

bool session_wait_end(struct session *session, int ms)
{
    struct pollfd fd = {.fd = session_end_fd(session), .events = POLLIN};

    return poll(&fd, 1, ms) == 1;
}

struct session *session_stop(struct session *session)
{
    struct volumes_events none = {0};

    if (!session)
        return NULL;
    session->workers = workers_stop(session->workers);
    volumes_set_events(session->volumes, &none);
    session->mount = mount_free(session->mount);
    session->nodes = node_table_free(session->nodes);
    session->numbers = inode_numbers_free(session->numbers);
    session->views = views_free(session->views);
    if (session->fuse)
        fuse_session_destroy(session->fuse);
    close_p(&session->handle_mount);
    free(session);
    return NULL;
}

/* ---- what it says of itself -------------------------------------------------- */

static void note_engine(void *context, const char *name, const char *socket, const char *why)
{
    struct daemon_status *status = context;
    struct status_engine *engine = &status->engines[status->engine_count];

    if (status->engine_count == STATUS_ENGINES_MAX)
        return;
    status->engine_count++;
    *engine = (struct status_engine){.name = name, .socket = socket, .followed = !why};
    snprintf(engine->why, sizeof(engine->why), "%s", why ? why : "");
}

void session_status(struct session *session, struct daemon_status *out)
{
    struct node_counts counts;
    struct utsname kernel;

    node_table_count(session->nodes, &counts);
    *out = (struct daemon_status){
        .version = VOLUMEFS_VERSION,
        .libfuse_version = fuse_pkgversion(),
        .mountpoint = session->mountpoint,
        .store = store_path(volumes_store(session->volumes)),
        .pid = getpid(),
        .started_at = session->started_at,
        .privileged = session->privileged,
        .passthrough = session->passthrough,
        .selinux = label_state(),
        .threads = workers_count(session->workers),
        .volumes = volume_table_count(session->table),
        .nodes = counts.nodes,
        .open_nodes = counts.descriptors,
        .open_files = atomic_load(&session->open_files),
    };
    audit_count(session->audit, out->denials);
    volumes_engine_each(session->volumes, note_engine, out);
    if (uname(&kernel) == 0)
        snprintf(out->kernel, sizeof(out->kernel), "%s %.60s", kernel.sysname, kernel.release);
    snprintf(out->passthrough_reason, sizeof(out->passthrough_reason), "%s",
             session->passthrough ? "" : session->passthrough_reason);
}
