/*
 * The same by io_uring, whose operations may be carried out by threads of the kernel: at once, by a
 * worker, and by the thread that polls the ring.
 */
#include "tests/escape/escape.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum how { HOW_AT_ONCE, HOW_WORKER, HOW_POLLED };

/* One entry deep, for one operation. */
struct ring {
    int fd;
    struct io_uring_params params;
    char *rings; /* both; one mapping since Linux 5.4 */
    size_t rings_size;
    struct io_uring_sqe *sqe;
};

static void ring_close(struct ring *ring)
{
    if (ring->rings != MAP_FAILED)
        munmap(ring->rings, ring->rings_size);
    if ((void *)ring->sqe != MAP_FAILED)
        munmap(ring->sqe, sizeof(*ring->sqe));
    close(ring->fd);
}

static bool ring_open(struct ring *ring, enum how how)
{
    int protection = PROT_READ | PROT_WRITE;

    *ring = (struct ring){.params.flags = how == HOW_POLLED ? IORING_SETUP_SQPOLL : 0};
    ring->fd = (int)syscall(SYS_io_uring_setup, 1, &ring->params);
    if (ring->fd < 0)
        return false;
    ring->rings_size =
        ring->params.cq_off.cqes + ring->params.cq_entries * sizeof(struct io_uring_cqe) + 4096;
    ring->rings = mmap(NULL, ring->rings_size, protection, MAP_SHARED | MAP_POPULATE, ring->fd,
                       IORING_OFF_SQ_RING);
    ring->sqe = mmap(NULL, sizeof(*ring->sqe), protection, MAP_SHARED, ring->fd, IORING_OFF_SQES);
    if (ring->rings != MAP_FAILED && (void *)ring->sqe != MAP_FAILED)
        return true;
    ring_close(ring);
    return false;
}

static uint32_t *ring_word(const struct ring *ring, uint32_t offset)
{
    return (uint32_t *)(void *)(ring->rings + offset);
}

/* Carries out what is in ring->sqe: its result. */
static int ring_run(struct ring *ring)
{
    const struct io_sqring_offsets *sq = &ring->params.sq_off;
    const struct io_uring_cqe *cqe;
    unsigned flags = IORING_ENTER_GETEVENTS;

    *ring_word(ring, sq->array) = 0;
    __atomic_store_n(ring_word(ring, sq->tail), 1, __ATOMIC_RELEASE);
    if (ring->params.flags & IORING_SETUP_SQPOLL)
        flags |= IORING_ENTER_SQ_WAKEUP;
    if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, flags, NULL, 0) < 0)
        return -errno;
    cqe = (const void *)ring_word(ring, ring->params.cq_off.cqes);
    return cqe->res;
}

static int ring_try(const struct io_uring_sqe *operation, enum how how)
{
    struct ring ring;
    int r;

    if (!ring_open(&ring, how))
        return NOT_HERE;
    *ring.sqe = *operation;
    if (how == HOW_WORKER)
        ring.sqe->flags |= IOSQE_ASYNC;
    r = ring_run(&ring);
    ring_close(&ring);
    if (r > 0 && operation->opcode == IORING_OP_OPENAT)
        close(r);
    return r < 0 ? r : 0;
}

static uint64_t address(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

static int try_open(const struct place *place, int flags, enum how how)
{
    struct io_uring_sqe sqe = {.opcode = IORING_OP_OPENAT,
                               .fd = place->dir,
                               .addr = address("file"),
                               .open_flags = (uint32_t)flags};

    return ring_try(&sqe, how);
}

static int try_create(const struct place *place, enum how how)
{
    struct io_uring_sqe sqe = {.opcode = IORING_OP_OPENAT,
                               .fd = place->dir,
                               .addr = address("new"),
                               .open_flags = O_CREAT | O_RDWR,
                               .len = 0600};

    return ring_try(&sqe, how);
}

static int try_mkdir(const struct place *place, enum how how)
{
    struct io_uring_sqe sqe = {
        .opcode = IORING_OP_MKDIRAT, .fd = place->dir, .addr = address("new"), .len = 0700};

    return ring_try(&sqe, how);
}

static int try_unlink(const struct place *place, enum how how)
{
    struct io_uring_sqe sqe = {
        .opcode = IORING_OP_UNLINKAT, .fd = place->dir, .addr = address("file")};

    return ring_try(&sqe, how);
}

static int try_rename(const struct place *place, enum how how)
{
    struct io_uring_sqe sqe = {.opcode = IORING_OP_RENAMEAT,
                               .fd = place->dir,
                               .addr = address("file"),
                               .len = (uint32_t)place->dir,
                               .addr2 = address("new")};

    return ring_try(&sqe, how);
}

static int try_link(const struct place *place, enum how how)
{
    struct io_uring_sqe sqe = {.opcode = IORING_OP_LINKAT,
                               .fd = place->dir,
                               .addr = address("file"),
                               .len = (uint32_t)place->dir,
                               .addr2 = address("new")};

    return ring_try(&sqe, how);
}

static int try_setxattr(const struct place *place, enum how how)
{
    char path[PROC_PATH_MAX];
    struct io_uring_sqe sqe = {
        .opcode = IORING_OP_SETXATTR, .addr = address("user.new"), .addr2 = address("x"), .len = 1};

    sqe.addr3 = address(proc_path(path, place->dir, "file"));
    return ring_try(&sqe, how);
}

static int try_stat(const struct place *place, enum how how)
{
    char st[256]; /* struct statx */
    struct io_uring_sqe sqe = {.opcode = IORING_OP_STATX,
                               .fd = place->dir,
                               .addr = address("file"),
                               .len = STATX_BASIC_STATS,
                               .off = address(st)};

    return ring_try(&sqe, how);
}

static int try_open_write(const struct place *place, enum how how)
{
    return try_open(place, O_WRONLY, how);
}

static int try_open_read(const struct place *place, enum how how)
{
    return try_open(place, O_RDONLY, how);
}

#define EACH(name)                                                                                 \
    static int name##_at_once(const struct place *place)                                           \
    {                                                                                              \
        return try_##name(place, HOW_AT_ONCE);                                                     \
    }                                                                                              \
    static int name##_by_worker(const struct place *place)                                         \
    {                                                                                              \
        return try_##name(place, HOW_WORKER);                                                      \
    }
#define POLLED(name)                                                                               \
    static int name##_polled(const struct place *place)                                            \
    {                                                                                              \
        return try_##name(place, HOW_POLLED);                                                      \
    }
EACH(open_write)
EACH(create)
EACH(mkdir)
EACH(unlink)
EACH(rename)
EACH(link)
EACH(setxattr)
EACH(stat)
EACH(open_read)
POLLED(create)
POLLED(rename)
POLLED(open_read)

#define ROW(kind, name)                                                                            \
    {                                                                                              \
        "io_uring", #name, KIND_##kind, false, name                                                \
    }
#define PAIR(kind, name) ROW(kind, name##_at_once), ROW(kind, name##_by_worker)
const struct attempt attempts_ring[] = {
    PAIR(CHANGE, open_write),   PAIR(CHANGE, create),       PAIR(CHANGE, mkdir),
    PAIR(CHANGE, unlink),       PAIR(CHANGE, rename),       PAIR(CHANGE, link),
    PAIR(CHANGE, setxattr),     PAIR(LOOK, stat),           PAIR(LOOK, open_read),
    ROW(CHANGE, create_polled), ROW(CHANGE, rename_polled), ROW(LOOK, open_read_polled),
};
const size_t attempts_ring_count = sizeof(attempts_ring) / sizeof(*attempts_ring);
