/*
 * How much each volume uses.
 *
 * Each slot of the volume table has an account here: a counter of changes, that
 * any file operation raises without a lock, and the sums of the last walk with
 * the counter as it was when that walk began. If the counter has moved on, the
 * sums are old. A change during a walk thus leaves the account old, never wrongly
 * new.
 *
 * Accounts lie in chunks that never move; the mutex guards their sums and the
 * queue of the thread. It is not held while walking.
 */
#include "fs/usage.h"

#include "catalog/cleanup.h"
#include "fs/links.h"
#include "fs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum {
    CHUNK_ACCOUNTS = 1024,
    CHUNKS_MAX = 4096,
    FOREGROUND_ENTRIES = 4096, /* some milliseconds with a warm cache */
};

struct account {
    _Atomic uint64_t changes;
    uint64_t walked; /* `changes` when the last walk began */
    uint32_t generation;
    bool known; /* the sums are of a whole walk */
    bool queued;
    uint64_t bytes;
    uint64_t inodes;
};

struct job {
    struct job *next;
    struct volume_ref ref;
    char id[VOLUME_ID_LENGTH + 1];
};

struct usage {
    struct store *store;
    struct account *_Atomic chunks[CHUNKS_MAX];
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct job *first;
    struct job **last;
    atomic_bool stop;
    bool started;
    pthread_t thread;
};

/* ---- one walk ----------------------------------------------------------- */

struct tally {
    uint64_t bytes;
    uint64_t inodes;
    uint64_t budget; /* entries left; 0: no bound */
    const atomic_bool *stop;
    struct links links; /* files with several names that were counted */
};

static int tally_add(struct tally *tally, const struct stat *st)
{
    int first = 1;

    if (atomic_load_explicit(tally->stop, memory_order_relaxed))
        return -ECANCELED;
    if (tally->budget && --tally->budget == 0)
        return -EAGAIN;
    if (!S_ISDIR(st->st_mode) && st->st_nlink > 1)
        first = links_add(&tally->links, st->st_dev, st->st_ino);
    if (first <= 0)
        return first;
    tally->bytes += (uint64_t)st->st_blocks * 512;
    tally->inodes++;
    return 0;
}

static int tally_enter(void *context, const char *name, int fd, const struct stat *st)
{
    (void)name;
    (void)fd;
    return tally_add(context, st);
}

static int tally_entry(void *context, int parent_fd, const char *name)
{
    struct stat st;

    if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return tally_add(context, &st);
    return errno == ENOENT ? 0 : -errno;
}

static int tally_leave(void *context, int parent_fd, const char *name, int fd)
{
    (void)context;
    (void)parent_fd;
    (void)name;
    (void)fd;
    return 0;
}

/* Another mount is not the volume's; a directory closed to us (not root) counts by itself. */
static int tally_refused(void *context, int parent_fd, const char *name, int r)
{
    if (r == -EACCES)
        return tally_entry(context, parent_fd, name);
    return r == -EXDEV || r == -ENOENT ? 0 : r;
}

static const struct walk_operations tally_operations = {
    .enter = tally_enter,
    .entry = tally_entry,
    .leave = tally_leave,
    .refused = tally_refused,
};

/* -EAGAIN: more entries than `budget`; the sums are of those seen. */
static int tally_walk(struct store *store, const char *id, struct tally *tally)
{
    _cleanup_(close_p) int fd = store_open_data(store, id);
    int r = fd < 0 ? fd : walk_tree(fd, ".", &tally_operations, tally);

    links_deinit(&tally->links);
    return r;
}

/* ---- accounts ------------------------------------------------------------ */

static struct account *account_at(struct usage *usage, uint32_t index)
{
    struct account *chunk;

    if (index / CHUNK_ACCOUNTS >= CHUNKS_MAX)
        return NULL;
    chunk = atomic_load_explicit(&usage->chunks[index / CHUNK_ACCOUNTS], memory_order_acquire);
    return chunk ? &chunk[index % CHUNK_ACCOUNTS] : NULL;
}

/* With the mutex held: the account of a volume, cleared if it was another's. NULL: no memory. */
static struct account *account_open(struct usage *usage, struct volume_ref ref)
{
    struct account *account = account_at(usage, ref.index);
    struct account *chunk;

    if (!account && ref.index / CHUNK_ACCOUNTS < CHUNKS_MAX) {
        chunk = calloc(CHUNK_ACCOUNTS, sizeof(*chunk));
        if (!chunk)
            return NULL;
        atomic_store_explicit(&usage->chunks[ref.index / CHUNK_ACCOUNTS], chunk,
                              memory_order_release);
        account = account_at(usage, ref.index);
    }
    if (account && account->generation != ref.generation) {
        account->generation = ref.generation;
        account->known = account->queued = false;
        account->bytes = account->inodes = 0;
    }
    return account;
}

/* Before an account is there nobody has asked, and the first to ask walks. */
void usage_mark_changed(struct usage *usage, struct volume_ref ref)
{
    struct account *account = account_at(usage, ref.index);

    if (account)
        atomic_fetch_add_explicit(&account->changes, 1, memory_order_release);
}

static uint64_t account_changes(struct account *account)
{
    return atomic_load_explicit(&account->changes, memory_order_acquire);
}

/* Walks and enters the sums; of a walk cut short only where nothing better is known. */
static int usage_walk(struct usage *usage, struct volume_ref ref, const char *id, uint64_t budget,
                      struct tally *tally)
{
    struct account *account = account_at(usage, ref.index);
    uint64_t changes = account_changes(account);
    int r;

    *tally = (struct tally){.budget = budget, .stop = &usage->stop};
    r = tally_walk(usage->store, id, tally);
    if (r && r != -EAGAIN)
        return r;
    pthread_mutex_lock(&usage->mutex);
    if (account->generation == ref.generation && (r == 0 || !account->known)) {
        account->bytes = tally->bytes;
        account->inodes = tally->inodes;
        if (r == 0) {
            account->known = true;
            account->walked = changes;
        }
    }
    pthread_mutex_unlock(&usage->mutex);
    return r;
}

/* ---- the thread ---------------------------------------------------------- */

static struct job *queue_take(struct usage *usage)
{
    struct job *job;

    pthread_mutex_lock(&usage->mutex);
    while (!usage->first && !atomic_load(&usage->stop))
        pthread_cond_wait(&usage->wake, &usage->mutex);
    job = atomic_load(&usage->stop) ? NULL : usage->first;
    if (job) {
        usage->first = job->next;
        if (!usage->first)
            usage->last = &usage->first;
    }
    pthread_mutex_unlock(&usage->mutex);
    return job;
}

static void job_done(struct usage *usage, const struct job *job)
{
    struct account *account;

    pthread_mutex_lock(&usage->mutex);
    account = account_at(usage, job->ref.index);
    if (account->generation == job->ref.generation)
        account->queued = false;
    pthread_mutex_unlock(&usage->mutex);
}

static void *usage_run(void *argument)
{
    struct usage *usage = argument;
    struct tally tally;
    struct job *job;

    while ((job = queue_take(usage))) {
        /* a volume that went away meanwhile has nothing to be told */
        (void)!usage_walk(usage, job->ref, job->id, 0, &tally);
        job_done(usage, job);
        free(job);
    }
    return NULL;
}

/* With the mutex held. Out of memory or threads: the old sum stays, the next to ask tries again. */
static void queue_put(struct usage *usage, struct account *account, struct volume_ref ref,
                      const char *id)
{
    struct job *job;

    if (account->queued)
        return;
    if (!usage->started)
        usage->started = pthread_create(&usage->thread, NULL, usage_run, usage) == 0;
    job = usage->started ? calloc(1, sizeof(*job)) : NULL;
    if (!job)
        return;
    job->ref = ref;
    snprintf(job->id, sizeof(job->id), "%s", id);
    *usage->last = job;
    usage->last = &job->next;
    account->queued = true;
    pthread_cond_signal(&usage->wake);
}

/* ---- from outside --------------------------------------------------------- */

struct usage *usage_new(struct store *store)
{
    struct usage *usage = calloc(1, sizeof(*usage));

    if (!usage)
        return NULL;
    usage->store = store;
    usage->last = &usage->first;
    pthread_mutex_init(&usage->mutex, NULL);
    pthread_cond_init(&usage->wake, NULL);
    return usage;
}

struct usage *usage_free(struct usage *usage)
{
    struct job *job;

    if (!usage)
        return NULL;
    pthread_mutex_lock(&usage->mutex);
    atomic_store(&usage->stop, true);
    pthread_cond_broadcast(&usage->wake);
    pthread_mutex_unlock(&usage->mutex);
    if (usage->started)
        pthread_join(usage->thread, NULL);
    while ((job = usage->first)) {
        usage->first = job->next;
        free(job);
    }
    for (size_t i = 0; i < CHUNKS_MAX; i++)
        free(atomic_load(&usage->chunks[i]));
    pthread_cond_destroy(&usage->wake);
    pthread_mutex_destroy(&usage->mutex);
    free(usage);
    return NULL;
}

/*
 * What is known. 0: it is exact (or all that is asked for); 1: a walk is due in the foreground.
 * A volume known to be larger than the bound goes to the thread at once.
 */
static int usage_look_up(struct usage *usage, struct volume_ref ref, const char *id, bool wait,
                         uint64_t *bytes, uint64_t *inodes)
{
    struct account *account;
    int r = 1;

    pthread_mutex_lock(&usage->mutex);
    account = account_open(usage, ref);
    if (!account) {
        r = -ENOMEM;
    } else {
        *bytes = account->bytes;
        *inodes = account->inodes;
        if (account->known && account->walked == account_changes(account)) {
            r = 0;
        } else if (!wait && (account->queued || account->inodes >= FOREGROUND_ENTRIES - 1)) {
            queue_put(usage, account, ref, id);
            r = 0;
        }
    }
    pthread_mutex_unlock(&usage->mutex);
    return r;
}

static void usage_leave_to_thread(struct usage *usage, struct volume_ref ref, const char *id,
                                  uint64_t *bytes, uint64_t *inodes)
{
    struct account *account;

    pthread_mutex_lock(&usage->mutex);
    account = account_open(usage, ref);
    queue_put(usage, account, ref, id);
    *bytes = account->bytes;
    *inodes = account->inodes;
    pthread_mutex_unlock(&usage->mutex);
}

int usage_get(struct usage *usage, struct volume_ref ref, const char *id, bool wait,
              uint64_t *bytes, uint64_t *inodes)
{
    struct tally tally;
    int r;

    r = usage_look_up(usage, ref, id, wait, bytes, inodes);
    if (r <= 0)
        return r;
    r = usage_walk(usage, ref, id, wait ? 0 : FOREGROUND_ENTRIES, &tally);
    if (r == -EAGAIN) {
        usage_leave_to_thread(usage, ref, id, bytes, inodes);
        return 0;
    }
    if (r)
        return r;
    *bytes = tally.bytes;
    *inodes = tally.inodes;
    return 0;
}

bool usage_get_known(struct usage *usage, struct volume_ref ref, const char *id, uint64_t *bytes,
                     uint64_t *inodes)
{
    struct account *account;
    bool known = false;

    pthread_mutex_lock(&usage->mutex);
    account = account_open(usage, ref);
    if (account) {
        known = account->known;
        *bytes = account->bytes;
        *inodes = account->inodes;
        if (!known || account->walked != account_changes(account))
            queue_put(usage, account, ref, id);
    }
    pthread_mutex_unlock(&usage->mutex);
    return known;
}

void usage_forget(struct usage *usage, struct volume_ref ref)
{
    struct account *account;

    pthread_mutex_lock(&usage->mutex);
    account = account_at(usage, ref.index);
    if (account && account->generation == ref.generation) {
        account->generation = 0;
        account->known = account->queued = false;
        account->bytes = account->inodes = 0;
    }
    pthread_mutex_unlock(&usage->mutex);
}
