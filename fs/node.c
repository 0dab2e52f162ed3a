/*
 * The node table. Slots lie in one reserved mapping, so they never move and a
 * nodeid is turned into an address without a lock. A slot belongs for ever to
 * the shard of its index (index mod SHARDS); a key belongs to the shard of its
 * hash, and a node is always made in the shard of its key.
 *
 * `pinned` packs a descriptor and who uses it: bits 0..30 fd + 1 (0: given
 * up), bit 31 not O_PATH, bits 32..62 pins, bit 63 used since the last sweep. Only a descriptor
 * without pins may be given up, by one compare-and-swap.
 *
 * Locks: one a shard, never held across a syscall; lookups, chains, free list
 * and generations are its. No lock is taken while another is held.
 */
#include "fs/node.h"

#include "catalog/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SHARDS = 64, BUCKETS_MIN = 64, SWEEP_SLOTS = 64, NONE = 0 };

#define PIN_FD   UINT64_C(0x7fffffff)
#define PIN_REAL UINT64_C(0x80000000)
#define PIN_ONE  (UINT64_C(1) << 32)
#define PIN_MASK (UINT64_C(0x7fffffff) << 32)
#define PIN_USED (UINT64_C(1) << 63)

struct shard {
    pthread_mutex_t lock;
    uint32_t *buckets; /* heads of chains: slot index, NONE at the end */
    uint32_t bucket_count;
    uint32_t nodes;     /* in chains */
    uint32_t next_slot; /* never used yet: the k-th slot of this shard */
    uint32_t free;      /* head of the free list */
};

struct node_table {
    struct node *slots;
    uint32_t slot_count;
    uint32_t fd_limit;
    struct node_handles handles;
    _Atomic uint32_t descriptors;
    _Atomic uint32_t sweep;     /* clock hand */
    _Atomic uint32_t high_slot; /* slots below have been used */
    _Atomic bool gave_up;
    struct shard shards[SHARDS];
};

static uint64_t key_hash(const struct node_key *key)
{
    uint64_t h = key->ino * UINT64_C(0x9e3779b97f4a7c15);

    h ^= (key->dev + ((uint64_t)key->volume << 40)) * UINT64_C(0xc2b2ae3d27d4eb4f);
    h ^= h >> 29;
    h *= UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ (h >> 32);
}

static bool key_equal(const struct node_key *a, const struct node_key *b)
{
    return a->ino == b->ino && a->dev == b->dev && a->volume == b->volume;
}

static uint64_t pin_of_fd(int fd, uint32_t flags)
{
    return (uint64_t)(fd + 1) | (flags & NODE_FD_REAL ? PIN_REAL : 0) | PIN_USED;
}

static int pin_fd(uint64_t pinned)
{
    return (int)(pinned & PIN_FD) - 1;
}

static struct shard *shard_of_hash(struct node_table *table, uint64_t hash)
{
    return &table->shards[hash % SHARDS];
}

static uint32_t *bucket_of_hash(struct shard *shard, uint64_t hash)
{
    return &shard->buckets[(hash / SHARDS) & (shard->bucket_count - 1)];
}

uint64_t node_id(const struct node_table *table, const struct node *node)
{
    return (uint64_t)node->generation << 32 | (uint32_t)(node - table->slots);
}

struct node_table *node_table_new(uint32_t slots, uint32_t fd_limit,
                                  const struct node_handles *handles)
{
    struct node_table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->slot_count = slots;
    table->fd_limit = fd_limit;
    if (handles)
        table->handles = *handles;
    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &table->shards[i];

        pthread_mutex_init(&shard->lock, NULL);
        shard->bucket_count = BUCKETS_MIN;
        shard->buckets = calloc(BUCKETS_MIN, sizeof(*shard->buckets));
        shard->next_slot = i == 0; /* index 0 is NONE */
        if (!shard->buckets)
            return node_table_free(table);
    }
    table->slots = mmap(NULL, (size_t)slots * sizeof(*table->slots), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (table->slots == MAP_FAILED) {
        table->slots = NULL;
        return node_table_free(table);
    }
    return table;
}

static bool handle_of_fd(struct node_table *table, int fd, struct node_handle *out)
{
    *out = (struct node_handle){0};
    return table->handles.from_fd(table->handles.context, fd, out);
}

static void node_close(struct node *node)
{
    int fds[] = {pin_fd(atomic_load(&node->pinned)), atomic_load(&node->list_fd)};

    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        close_p(&fds[i]);
}

struct node_table *node_table_free(struct node_table *table)
{
    if (!table)
        return NULL;
    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &table->shards[i];

        for (uint32_t b = 0; shard->buckets && b < shard->bucket_count; b++)
            for (uint32_t s = shard->buckets[b]; s != NONE; s = table->slots[s].next)
                node_close(&table->slots[s]);
        free(shard->buckets);
        pthread_mutex_destroy(&shard->lock);
    }
    if (table->slots)
        munmap(table->slots, (size_t)table->slot_count * sizeof(*table->slots));
    free(table);
    return NULL;
}

/* Doubles the chains of a shard; if memory is short, longer chains serve as well. */
static void shard_grow(struct node_table *table, struct shard *shard)
{
    uint32_t count = shard->bucket_count * 2;
    uint32_t *old = shard->buckets;
    uint32_t old_count = shard->bucket_count;
    uint32_t *buckets = calloc(count, sizeof(*buckets));

    if (!buckets)
        return;
    shard->buckets = buckets;
    shard->bucket_count = count;
    for (uint32_t b = 0; b < old_count; b++) {
        for (uint32_t s = old[b], next; s != NONE; s = next) {
            struct node *node = &table->slots[s];
            uint32_t *head = bucket_of_hash(shard, key_hash(&node->key));

            next = node->next;
            node->next = *head;
            *head = s;
        }
    }
    free(old);
}

static struct node *shard_find(struct node_table *table, struct shard *shard, uint64_t hash,
                               const struct node_key *key)
{
    for (uint32_t s = *bucket_of_hash(shard, hash); s != NONE; s = table->slots[s].next)
        if (key_equal(&table->slots[s].key, key))
            return &table->slots[s];
    return NULL;
}

static struct node *shard_take_slot(struct node_table *table, struct shard *shard)
{
    uint32_t index = shard->free;
    uint32_t high;

    if (index != NONE) {
        shard->free = table->slots[index].next;
        return &table->slots[index];
    }
    index = shard->next_slot * SHARDS + (uint32_t)(shard - table->shards);
    if (index >= table->slot_count)
        return NULL;
    shard->next_slot++;
    high = atomic_load(&table->high_slot);
    while (high <= index && !atomic_compare_exchange_weak(&table->high_slot, &high, index + 1))
        continue;
    return &table->slots[index];
}

/* Makes the node of a key that has none. Lock held. */
static struct node *shard_add(struct node_table *table, struct shard *shard, uint64_t hash,
                              const struct node_key *key, struct volume_ref volume, uint32_t flags,
                              int fd)
{
    struct node *node = shard_take_slot(table, shard);
    uint32_t *head;

    if (!node)
        return NULL;
    node->key = *key;
    node->volume = volume;
    node->flags = flags;
    node->generation += node->generation == UINT32_MAX ? 2 : 1;
    node->lookups = 0;
    node->handle = (struct node_handle){0};
    atomic_store(&node->list_fd, -1);
    atomic_store(&node->backing_id, NODE_BACKING_UNKNOWN);
    atomic_store(&node->opened, 0);
    atomic_store(&node->set_id, false);
    atomic_store(&node->writers, 0);
    atomic_store(&node->written, 0);
    atomic_store(&node->pinned, pin_of_fd(fd, flags));
    if (++shard->nodes > shard->bucket_count)
        shard_grow(table, shard);
    head = bucket_of_hash(shard, hash);
    node->next = *head;
    *head = (uint32_t)(node - table->slots);
    return node;
}

static void shard_unlink(struct node_table *table, struct shard *shard, struct node *node)
{
    uint32_t index = (uint32_t)(node - table->slots);
    uint32_t *link = bucket_of_hash(shard, key_hash(&node->key));

    while (*link != NONE && *link != index)
        link = &table->slots[*link].next;
    if (*link == NONE)
        return; /* a stale node was unlinked when its inode number came again */
    *link = node->next;
    shard->nodes--;
}

int node_take_list(struct node_table *table, struct node *node)
{
    int fd = atomic_exchange(&node->list_fd, -1);

    if (fd >= 0)
        atomic_fetch_sub(&table->descriptors, 1);
    return fd;
}

/* Gives up the descriptors of one idle node, if it can be found again. A reference is held. */
static void node_give_up_fd(struct node_table *table, struct node *node)
{
    uint64_t pinned = atomic_load(&node->pinned);
    _cleanup_(close_p) int list_fd = node_take_list(table, node);
    int fd = pin_fd(pinned);
    struct node_handle handle;

    (void)list_fd;
    if (fd < 0 || (pinned & PIN_MASK) || (atomic_load(&node->opened) & NODE_OPENS))
        return;
    if (pinned & PIN_USED) { /* a second chance */
        atomic_fetch_and(&node->pinned, ~PIN_USED);
        return;
    }
    if (!atomic_compare_exchange_strong(&node->pinned, &pinned, pinned + PIN_ONE))
        return; /* somebody works with it */
    atomic_store_explicit(&table->gave_up, true, memory_order_relaxed);
    if (handle_of_fd(table, fd, &handle)) {
        if (node->handle.size == 0)
            node->handle = handle;
        pinned += PIN_ONE;
        if (atomic_compare_exchange_strong(&node->pinned, &pinned, 0)) {
            close(fd);
            atomic_fetch_sub(&table->descriptors, 1);
            return;
        }
    }
    atomic_fetch_sub(&node->pinned, PIN_ONE);
}

/* Of which nodes: those of a volume, with none of the flags `without`. */
struct choice {
    struct volume_ref volume;
    uint32_t without;
};

static bool node_is_chosen(const struct node *node, const struct choice *choice)
{
    return node->volume.index == choice->volume.index &&
           node->volume.generation == choice->volume.generation && !(node->flags & choice->without);
}

/* Holds the node in a slot, if there is one and it is chosen (NULL: any), by a lookup of our own.
 */
static bool node_hold(struct node_table *table, uint32_t index, const struct choice *choice,
                      uint64_t *id)
{
    struct shard *shard = &table->shards[index % SHARDS];
    struct node *node = &table->slots[index];
    bool wanted;

    pthread_mutex_lock(&shard->lock);
    wanted = node->lookups > 0 && (!choice || node_is_chosen(node, choice));
    if (wanted) {
        node->lookups++;
        *id = node_id(table, node);
    }
    pthread_mutex_unlock(&shard->lock);
    return wanted;
}

/* Takes back the lookup of node_hold. */
static void node_let_go(struct node_table *table, uint64_t id)
{
    struct node_remains remains;

    node_forget(table, id, 1, &remains);
    if (remains.fd >= 0 || remains.list_fd >= 0 || remains.backing_id > 0)
        table->handles.release(table->handles.context, &remains);
}

void node_each_writer(struct node_table *table, struct volume_ref volume,
                      void (*visit)(void *context, struct node *node), void *context)
{
    uint32_t high = atomic_load(&table->high_slot);
    struct choice choice = {.volume = volume};
    uint64_t id;

    for (uint32_t index = 1; index < high; index++) {
        struct node *node = &table->slots[index];

        if ((atomic_load(&node->writers) == 0 && atomic_load(&node->written) == 0) ||
            !node_hold(table, index, &choice, &id))
            continue;
        visit(context, node);
        node_let_go(table, id);
    }
}

void node_each_without(struct node_table *table, struct volume_ref volume, uint32_t without,
                       void (*visit)(void *context, struct node *node), void *context)
{
    uint32_t high = atomic_load(&table->high_slot);
    struct choice choice = {volume, without};
    uint64_t id;

    for (uint32_t index = 1; index < high; index++) {
        if (!node_hold(table, index, &choice, &id))
            continue;
        visit(context, &table->slots[index]);
        node_let_go(table, id);
    }
}

bool node_table_gave_up(struct node_table *table)
{
    return atomic_load_explicit(&table->gave_up, memory_order_relaxed);
}

/* Some steps of the clock over the slots, when descriptors run short. */
static void table_sweep(struct node_table *table)
{
    uint32_t high = atomic_load(&table->high_slot);
    uint64_t id;

    if (!table->fd_limit || high == 0 || atomic_load(&table->descriptors) <= table->fd_limit)
        return;
    for (int i = 0; i < SWEEP_SLOTS; i++) {
        uint32_t index = atomic_fetch_add(&table->sweep, 1) % high;

        if (index == NONE || !node_hold(table, index, NULL, &id))
            continue;
        node_give_up_fd(table, &table->slots[index]);
        node_let_go(table, id);
    }
}

/*
 * Puts `fd` into a node whose descriptor was given up. False if another
 * thread was faster; the descriptor is still the caller's then.
 */
static bool node_put_fd(struct node_table *table, struct node *node, int fd)
{
    uint64_t pinned = atomic_load(&node->pinned);

    do {
        if (pin_fd(pinned) >= 0)
            return false;
    } while (!atomic_compare_exchange_weak(&node->pinned, &pinned,
                                           (pinned & PIN_MASK) | pin_of_fd(fd, 0)));
    atomic_fetch_add(&table->descriptors, 1);
    return true;
}

/*
 * Finds the node of a key, for the file behind `fd`. A node whose descriptor
 * was given up may be another, deleted file's whose inode number came again: if
 * the handles differ it is unlinked, to end with the kernel's last reference.
 * Lock held. `handle` is the fd's, or NULL if the caller has not asked for it
 * yet: then false says that it is needed.
 */
static bool shard_find_same(struct node_table *table, struct shard *shard, uint64_t hash,
                            const struct node_key *key, const struct node_handle *handle,
                            struct node **out)
{
    struct node *node = shard_find(table, shard, hash, key);

    *out = node;
    if (!node || pin_fd(atomic_load(&node->pinned)) >= 0)
        return true;
    if (!handle)
        return false;
    if (handle->type != node->handle.type || handle->size != node->handle.size ||
        memcmp(handle->bytes, node->handle.bytes, handle->size) != 0) {
        shard_unlink(table, shard, node);
        *out = NULL;
    }
    return true;
}

int node_intern(struct node_table *table, const struct node_key *key, struct volume_ref volume,
                uint32_t flags, int fd, uint64_t *id)
{
    uint64_t hash = key_hash(key);
    struct shard *shard = shard_of_hash(table, hash);
    struct node_handle handle = {0};
    struct node *node;
    bool taken = false;

    pthread_mutex_lock(&shard->lock);
    if (!shard_find_same(table, shard, hash, key, NULL, &node)) {
        pthread_mutex_unlock(&shard->lock);
        handle_of_fd(table, fd, &handle);
        pthread_mutex_lock(&shard->lock);
        shard_find_same(table, shard, hash, key, &handle, &node);
    }
    if (node) {
        taken = node_put_fd(table, node, fd);
    } else {
        node = shard_add(table, shard, hash, key, volume, flags, fd);
        taken = node != NULL;
        if (taken)
            atomic_fetch_add(&table->descriptors, 1);
    }
    if (node) {
        node->lookups++;
        *id = node_id(table, node);
    }
    pthread_mutex_unlock(&shard->lock);
    if (!taken)
        close(fd);
    table_sweep(table);
    return node ? 0 : -ENFILE;
}

struct node *node_get(struct node_table *table, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    struct node *node;

    if (index == NONE || index >= table->slot_count)
        return NULL;
    node = &table->slots[index];
    return node->generation == id >> 32 && node->generation != 0 ? node : NULL;
}

void node_forget(struct node_table *table, uint64_t id, uint64_t count,
                 struct node_remains *remains)
{
    struct node *node = node_get(table, id);
    struct shard *shard;

    *remains = (struct node_remains){-1, -1, 0};
    if (!node)
        return;
    shard = &table->shards[(uint32_t)id % SHARDS];
    pthread_mutex_lock(&shard->lock);
    assert(node->lookups >= count);
    node->lookups -= count;
    if (node->lookups == 0) {
        shard_unlink(table, shard, node);
        remains->fd = pin_fd(atomic_exchange(&node->pinned, 0));
        remains->list_fd = atomic_exchange(&node->list_fd, -1);
        remains->backing_id = atomic_exchange(&node->backing_id, NODE_BACKING_UNKNOWN);
        node->generation += node->generation == UINT32_MAX ? 2 : 1;
        node->next = shard->free;
        shard->free = (uint32_t)id;
    }
    pthread_mutex_unlock(&shard->lock);
    atomic_fetch_sub(&table->descriptors, (remains->fd >= 0) + (remains->list_fd >= 0));
}

uint64_t node_find(struct node_table *table, const struct node_key *key)
{
    uint64_t hash = key_hash(key);
    struct shard *shard = shard_of_hash(table, hash);
    struct node *node;
    uint64_t id = 0;

    pthread_mutex_lock(&shard->lock);
    node = shard_find(table, shard, hash, key);
    if (node)
        id = node_id(table, node);
    pthread_mutex_unlock(&shard->lock);
    return id;
}

int node_acquire_fd(struct node_table *table, struct node *node)
{
    uint64_t pinned = atomic_load(&node->pinned);

    for (;;) {
        int fd = pin_fd(pinned);

        if (fd >= 0) {
            if (atomic_compare_exchange_weak(&node->pinned, &pinned, (pinned + PIN_ONE) | PIN_USED))
                return fd;
            continue;
        }
        fd = table->handles.to_fd(table->handles.context, node);
        if (fd < 0)
            return fd;
        if (!node_put_fd(table, node, fd))
            close(fd);
        table_sweep(table); /* each descriptor that comes gives others reason to go */
        pinned = atomic_load(&node->pinned);
    }
}

void node_park_list(struct node_table *table, struct node *node, int fd)
{
    int none = -1;

    atomic_fetch_add(&table->descriptors, 1);
    if (!atomic_compare_exchange_strong(&node->list_fd, &none, fd)) {
        atomic_fetch_sub(&table->descriptors, 1);
        close(fd);
    }
    table_sweep(table);
}

bool node_fd_is_real(struct node *node)
{
    return atomic_load(&node->pinned) & PIN_REAL;
}

void node_set_fd_real(struct node *node)
{
    atomic_fetch_or(&node->pinned, PIN_REAL);
}

void node_release_fd(struct node *node)
{
    atomic_fetch_sub(&node->pinned, PIN_ONE);
}

void node_table_count(struct node_table *table, struct node_counts *out)
{
    *out = (struct node_counts){.descriptors = atomic_load(&table->descriptors)};
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&table->shards[i].lock);
        out->nodes += table->shards[i].nodes;
        pthread_mutex_unlock(&table->shards[i].lock);
    }
}
