/*
 * The volumes in memory.
 *
 * A slot holds what a file operation asks for. Slots lie in chunks that are
 * allocated once and never move, so a reader finds a slot by two loads. A slot's
 * generation and flags share one 64-bit word: a reader gets both or neither, and
 * knows from the generation whether the flags are of the volume it means.
 *
 * Two hash maps (by name, by id) chain slots by index. One lock guards maps,
 * names and the list of free slots; it is never held across a system call. Words
 * are written with the lock held and read without.
 *
 * Lists of access and contexts have a lock of their own, taken after that one, so that who asks
 * them waits for no more than a pointer to be exchanged.
 */
#include "fs/table.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_SLOTS = 1024,
    CHUNKS_MAX = 4096, /* four million volumes */
    BUCKETS_MIN = 1024,
};

#define NO_SLOT UINT32_MAX

struct slot {
    _Atomic uint64_t word; /* generation << 32 | flags */
    uint32_t next_by_name; /* or the next free slot */
    uint32_t next_by_id;
    struct access_list *access; /* guarded by access_lock, as is … */
    char *context;              /* … this; NULL: none */
    char id[VOLUME_ID_LENGTH + 1];
    char name[NAME_MAX_LENGTH + 1]; /* "" while free */
};

struct volume_table {
    pthread_rwlock_t lock;
    pthread_rwlock_t access_lock;
    struct slot *_Atomic chunks[CHUNKS_MAX];
    uint32_t slots; /* ever used */
    uint32_t free;  /* head of the list of free slots */
    uint32_t count;
    uint32_t buckets; /* a power of two, as many for either map */
    uint32_t *by_name;
    uint32_t *by_id;
};

static uint64_t word_make(uint32_t generation, uint32_t flags)
{
    return (uint64_t)generation << 32 | flags;
}

static uint32_t word_generation(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static uint32_t hash_text(const char *text)
{
    uint32_t hash = 2166136261U; /* FNV-1a */

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619U;
    return hash;
}

/* The slot of an index that the maps or the list of free slots hold, and so of one that exists. */
static struct slot *table_slot(struct volume_table *table, uint32_t index)
{
    struct slot *chunk =
        atomic_load_explicit(&table->chunks[index / CHUNK_SLOTS], memory_order_acquire);

    return &chunk[index % CHUNK_SLOTS];
}

/* The slot of a ref, which may be of any making; NULL if there never was one. */
static struct slot *table_ref_slot(struct volume_table *table, struct volume_ref ref)
{
    uint32_t chunk = ref.index / CHUNK_SLOTS;

    if (!ref.generation || chunk >= CHUNKS_MAX || !atomic_load(&table->chunks[chunk]))
        return NULL;
    return table_slot(table, ref.index);
}

/* The slot of a ref if it still holds that volume; with the lock held. */
static struct slot *table_live_slot(struct volume_table *table, struct volume_ref ref)
{
    struct slot *slot = table_ref_slot(table, ref);

    if (!slot || !slot->name[0])
        return NULL;
    return word_generation(atomic_load(&slot->word)) == ref.generation ? slot : NULL;
}

static void slot_describe(const struct slot *slot, uint32_t index, struct volume_entry *out)
{
    out->ref.index = index;
    out->ref.generation = word_generation(atomic_load(&slot->word));
    memcpy(out->id, slot->id, sizeof(out->id));
    memcpy(out->name, slot->name, sizeof(out->name));
}

static int lock_init(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;
    int r;

    r = pthread_rwlockattr_init(&attributes);
    if (r)
        return -r;
    /* a stream of look-ups must not keep a create waiting */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    r = pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    return -r;
}

static int locks_init(struct volume_table *table)
{
    int r = lock_init(&table->lock);

    if (r)
        return r;
    r = lock_init(&table->access_lock);
    if (r)
        pthread_rwlock_destroy(&table->lock);
    return r;
}

static uint32_t *buckets_new(uint32_t count)
{
    uint32_t *buckets = malloc(count * sizeof(*buckets));

    if (buckets)
        memset(buckets, 0xff, count * sizeof(*buckets)); /* NO_SLOT */
    return buckets;
}

struct volume_table *volume_table_new(void)
{
    struct volume_table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->free = NO_SLOT;
    table->buckets = BUCKETS_MIN;
    table->by_name = buckets_new(BUCKETS_MIN);
    table->by_id = buckets_new(BUCKETS_MIN);
    if (table->by_name && table->by_id && locks_init(table) == 0)
        return table;
    free(table->by_name);
    free(table->by_id);
    free(table);
    return NULL;
}

static void chunk_free(struct slot *chunk)
{
    for (uint32_t i = 0; chunk && i < CHUNK_SLOTS; i++) {
        access_list_free(chunk[i].access);
        free(chunk[i].context);
    }
    free(chunk);
}

struct volume_table *volume_table_free(struct volume_table *table)
{
    if (!table)
        return NULL;
    for (uint32_t i = 0; i < CHUNKS_MAX; i++)
        chunk_free(atomic_load(&table->chunks[i]));
    free(table->by_name);
    free(table->by_id);
    pthread_rwlock_destroy(&table->access_lock);
    pthread_rwlock_destroy(&table->lock);
    free(table);
    return NULL;
}

static void map_link_name(struct volume_table *table, uint32_t index)
{
    struct slot *slot = table_slot(table, index);
    uint32_t *head = &table->by_name[hash_text(slot->name) & (table->buckets - 1)];

    slot->next_by_name = *head;
    *head = index;
}

static void map_link_id(struct volume_table *table, uint32_t index)
{
    struct slot *slot = table_slot(table, index);
    uint32_t *head = &table->by_id[hash_text(slot->id) & (table->buckets - 1)];

    slot->next_by_id = *head;
    *head = index;
}

static void map_unlink_name(struct volume_table *table, uint32_t index)
{
    struct slot *slot = table_slot(table, index);
    uint32_t *link = &table->by_name[hash_text(slot->name) & (table->buckets - 1)];

    while (*link != index)
        link = &table_slot(table, *link)->next_by_name;
    *link = slot->next_by_name;
}

static void map_unlink_id(struct volume_table *table, uint32_t index)
{
    struct slot *slot = table_slot(table, index);
    uint32_t *link = &table->by_id[hash_text(slot->id) & (table->buckets - 1)];

    while (*link != index)
        link = &table_slot(table, *link)->next_by_id;
    *link = slot->next_by_id;
}

static uint32_t map_find_name(struct volume_table *table, const char *name)
{
    uint32_t index = table->by_name[hash_text(name) & (table->buckets - 1)];

    while (index != NO_SLOT && strcmp(table_slot(table, index)->name, name) != 0)
        index = table_slot(table, index)->next_by_name;
    return index;
}

static uint32_t map_find_id(struct volume_table *table, const char *id)
{
    uint32_t index = table->by_id[hash_text(id) & (table->buckets - 1)];

    while (index != NO_SLOT && strcmp(table_slot(table, index)->id, id) != 0)
        index = table_slot(table, index)->next_by_id;
    return index;
}

/* Doubles both maps. Short of memory the chains just get longer. */
static void maps_grow(struct volume_table *table)
{
    uint32_t buckets = table->buckets * 2;
    uint32_t *by_name = buckets_new(buckets);
    uint32_t *by_id = buckets_new(buckets);

    if (!by_name || !by_id) {
        free(by_name);
        free(by_id);
        return;
    }
    free(table->by_name);
    free(table->by_id);
    table->by_name = by_name;
    table->by_id = by_id;
    table->buckets = buckets;
    for (uint32_t i = 0; i < table->slots; i++) {
        if (!table_slot(table, i)->name[0])
            continue;
        map_link_name(table, i);
        map_link_id(table, i);
    }
}

/* A slot that holds nothing; its generation is already that of its next volume. */
static int table_take_slot(struct volume_table *table, uint32_t *out)
{
    struct slot *chunk;

    if (table->free != NO_SLOT) {
        *out = table->free;
        table->free = table_slot(table, *out)->next_by_name;
        return 0;
    }
    if (table->slots == (uint32_t)CHUNK_SLOTS * CHUNKS_MAX)
        return ERROR_LIMIT;
    if (table->slots % CHUNK_SLOTS == 0) {
        chunk = calloc(CHUNK_SLOTS, sizeof(*chunk));
        if (!chunk)
            return -ENOMEM;
        for (uint32_t i = 0; i < CHUNK_SLOTS; i++)
            atomic_init(&chunk[i].word, word_make(1, VOLUME_FLAG_REMOVED));
        atomic_store_explicit(&table->chunks[table->slots / CHUNK_SLOTS], chunk,
                              memory_order_release);
    }
    *out = table->slots++;
    return 0;
}

static uint32_t label_flags(enum access_label label)
{
    switch (label) {
    case LABEL_NONE:
        break;
    case LABEL_SHARED:
        return VOLUME_FLAG_SHARED;
    case LABEL_PRIVATE:
        return VOLUME_FLAG_PRIVATE;
    }
    return 0;
}

static uint32_t volume_initial_flags(const struct volume *volume)
{
    return (volume->readonly ? VOLUME_FLAG_READONLY : 0) | label_flags(volume->label);
}

/* What the slot had is the caller's. */
static char *slot_exchange_context(struct volume_table *table, struct slot *slot, char *context)
{
    char *before;

    pthread_rwlock_wrlock(&table->access_lock);
    before = slot->context;
    slot->context = context;
    pthread_rwlock_unlock(&table->access_lock);
    return before;
}

/* Takes the text over, with the lock held. */
static void table_set_context_locked(struct volume_table *table, struct slot *slot, char *context)
{
    uint64_t word =
        atomic_load(&slot->word) & ~(uint64_t)(VOLUME_FLAG_CONTEXT | VOLUME_FLAG_FOLLOWS);

    free(slot_exchange_context(table, slot, context));
    if (context)
        word |= VOLUME_FLAG_CONTEXT | (word & VOLUME_FLAG_PRIVATE ? VOLUME_FLAG_FOLLOWS : 0);
    atomic_store(&slot->word, word);
}

/* `*context` is taken over on success. */
static int table_insert_locked(struct volume_table *table, const struct volume *volume,
                               char **context, struct volume_ref *ref)
{
    struct slot *slot;
    uint32_t index;
    int r;

    if (map_find_name(table, volume->name) != NO_SLOT || map_find_id(table, volume->id) != NO_SLOT)
        return ERROR_EXISTS;
    r = table_take_slot(table, &index);
    if (r)
        return r;
    slot = table_slot(table, index);
    memcpy(slot->id, volume->id, sizeof(slot->id));
    memcpy(slot->name, volume->name, sizeof(slot->name));
    map_link_name(table, index);
    map_link_id(table, index);
    if (++table->count > table->buckets)
        maps_grow(table);
    ref->index = index;
    ref->generation = word_generation(atomic_load(&slot->word));
    atomic_store(&slot->word, word_make(ref->generation, volume_initial_flags(volume)));
    table_set_context_locked(table, slot, *context);
    *context = NULL;
    return 0;
}

static int context_copy(const char *context, char **out)
{
    *out = *context ? strdup(context) : NULL;
    return *context && !*out ? -ENOMEM : 0;
}

int volume_table_insert(struct volume_table *table, const struct volume *volume,
                        struct volume_ref *ref)
{
    char *context;
    int r = context_copy(volume->context, &context);

    assert(volume->name[0] && volume->id[0]);
    if (r)
        return r;
    pthread_rwlock_wrlock(&table->lock);
    r = table_insert_locked(table, volume, &context, ref);
    pthread_rwlock_unlock(&table->lock);
    free(context);
    return r;
}

/* Word and list at once, for who looks at both. What the slot had is the caller's. */
static struct access_list *slot_exchange(struct volume_table *table, struct slot *slot,
                                         uint64_t word, struct access_list *list)
{
    struct access_list *before;

    pthread_rwlock_wrlock(&table->access_lock);
    before = slot->access;
    slot->access = list;
    atomic_store(&slot->word, word);
    pthread_rwlock_unlock(&table->access_lock);
    return before;
}

static void table_remove_locked(struct volume_table *table, struct slot *slot,
                                struct volume_ref ref)
{
    uint32_t generation = ref.generation + 1;

    access_list_free(slot_exchange(
        table, slot, word_make(generation ? generation : 1, VOLUME_FLAG_REMOVED), NULL));
    free(slot_exchange_context(table, slot, NULL));
    map_unlink_name(table, ref.index);
    map_unlink_id(table, ref.index);
    slot->name[0] = 0;
    slot->next_by_name = table->free;
    table->free = ref.index;
    table->count--;
}

int volume_table_remove(struct volume_table *table, struct volume_ref ref)
{
    struct slot *slot;

    pthread_rwlock_wrlock(&table->lock);
    slot = table_live_slot(table, ref);
    if (slot)
        table_remove_locked(table, slot, ref);
    pthread_rwlock_unlock(&table->lock);
    return slot ? 0 : ERROR_NOT_FOUND;
}

static int table_rename_locked(struct volume_table *table, struct volume_ref ref, const char *name)
{
    struct slot *slot = table_live_slot(table, ref);
    uint32_t other;

    if (!slot)
        return ERROR_NOT_FOUND;
    other = map_find_name(table, name);
    if (other != NO_SLOT)
        return other == ref.index ? 0 : ERROR_EXISTS;
    map_unlink_name(table, ref.index);
    memcpy(slot->name, name, strlen(name) + 1);
    map_link_name(table, ref.index);
    return 0;
}

int volume_table_rename(struct volume_table *table, struct volume_ref ref, const char *name)
{
    int r;

    assert(name[0] && strlen(name) <= NAME_MAX_LENGTH);
    pthread_rwlock_wrlock(&table->lock);
    r = table_rename_locked(table, ref, name);
    pthread_rwlock_unlock(&table->lock);
    return r;
}

int volume_table_set_flags(struct volume_table *table, struct volume_ref ref, uint32_t set,
                           uint32_t clear)
{
    struct slot *slot;
    uint64_t word;

    pthread_rwlock_wrlock(&table->lock);
    slot = table_live_slot(table, ref);
    if (slot) {
        word = atomic_load(&slot->word);
        atomic_store(&slot->word, (word & ~(uint64_t)clear) | set);
    }
    pthread_rwlock_unlock(&table->lock);
    return slot ? 0 : ERROR_NOT_FOUND;
}

bool volume_table_find(struct volume_table *table, const char *name, struct volume_entry *out)
{
    uint32_t index;

    pthread_rwlock_rdlock(&table->lock);
    index = map_find_name(table, name);
    if (index != NO_SLOT)
        slot_describe(table_slot(table, index), index, out);
    pthread_rwlock_unlock(&table->lock);
    return index != NO_SLOT;
}

bool volume_table_find_by_id(struct volume_table *table, const char *id, struct volume_entry *out)
{
    uint32_t index;

    pthread_rwlock_rdlock(&table->lock);
    index = map_find_id(table, id);
    if (index != NO_SLOT)
        slot_describe(table_slot(table, index), index, out);
    pthread_rwlock_unlock(&table->lock);
    return index != NO_SLOT;
}

bool volume_table_get(struct volume_table *table, struct volume_ref ref, struct volume_entry *out)
{
    const struct slot *slot;

    pthread_rwlock_rdlock(&table->lock);
    slot = table_live_slot(table, ref);
    if (slot)
        slot_describe(slot, ref.index, out);
    pthread_rwlock_unlock(&table->lock);
    return slot != NULL;
}

uint32_t volume_table_flags(struct volume_table *table, struct volume_ref ref)
{
    struct slot *slot = table_ref_slot(table, ref);
    uint64_t word;

    if (!slot)
        return VOLUME_FLAG_REMOVED;
    word = atomic_load_explicit(&slot->word, memory_order_acquire);
    return word_generation(word) == ref.generation ? (uint32_t)word : VOLUME_FLAG_REMOVED;
}

/* `change`: flags to change, to those of `flags`, beside what the list says. */
static int table_exchange(struct volume_table *table, struct volume_ref ref, uint32_t flags,
                          uint32_t change, struct access_list *list)
{
    struct slot *slot;
    uint64_t word;

    flags |= access_list_has_readers(list) ? VOLUME_FLAG_READERS : 0;
    change |= VOLUME_FLAG_READERS;
    pthread_rwlock_wrlock(&table->lock);
    slot = table_live_slot(table, ref);
    if (slot) {
        word = atomic_load(&slot->word);
        list = slot_exchange(table, slot, (word & ~(uint64_t)change) | flags, list);
    }
    pthread_rwlock_unlock(&table->lock);
    access_list_free(list);
    return slot ? 0 : ERROR_NOT_FOUND;
}

int volume_table_set_access(struct volume_table *table, struct volume_ref ref,
                            struct access_list *list)
{
    return table_exchange(table, ref, 0, 0, list);
}

int volume_table_set_label(struct volume_table *table, struct volume_ref ref,
                           enum access_label label, struct access_list *list)
{
    uint32_t flags = label_flags(label), change = VOLUME_FLAG_SHARED | VOLUME_FLAG_PRIVATE;

    if ((volume_table_flags(table, ref) & change) != flags)
        change |= VOLUME_FLAG_GATED; /* to be told anew */
    return table_exchange(table, ref, flags, change, list);
}

void volume_table_ask(struct volume_table *table, struct volume_ref ref, const char *seen,
                      struct standing *out)
{
    struct slot *slot = table_ref_slot(table, ref);

    *out = (struct standing){.flags = VOLUME_FLAG_REMOVED};
    if (!slot)
        return;
    pthread_rwlock_rdlock(&table->access_lock);
    out->flags = volume_table_flags(table, ref);
    if (!(out->flags & VOLUME_FLAG_REMOVED)) {
        out->reader = access_list_restricts(slot->access, seen);
        out->owner = access_list_is_owner(slot->access, seen);
    }
    pthread_rwlock_unlock(&table->access_lock);
}

bool volume_table_knows(struct volume_table *table, struct volume_ref ref, const char *seen)
{
    struct slot *slot = table_ref_slot(table, ref);
    bool knows = false;

    if (!slot)
        return false;
    pthread_rwlock_rdlock(&table->access_lock);
    if (word_generation(atomic_load(&slot->word)) == ref.generation)
        knows = access_list_knows(slot->access, seen);
    pthread_rwlock_unlock(&table->access_lock);
    return knows;
}

int volume_table_set_context(struct volume_table *table, struct volume_ref ref, const char *context)
{
    struct slot *slot;
    char *own;
    int r = context_copy(context, &own);

    if (r)
        return r;
    pthread_rwlock_wrlock(&table->lock);
    slot = table_live_slot(table, ref);
    if (slot)
        table_set_context_locked(table, slot, own);
    else
        free(own);
    pthread_rwlock_unlock(&table->lock);
    return slot ? 0 : ERROR_NOT_FOUND;
}

bool volume_table_context(struct volume_table *table, struct volume_ref ref,
                          char out[CONTEXT_MAX + 1])
{
    struct slot *slot = table_ref_slot(table, ref);
    bool has = false;

    if (!slot)
        return false;
    pthread_rwlock_rdlock(&table->access_lock);
    has = slot->context && word_generation(atomic_load(&slot->word)) == ref.generation;
    if (has)
        memcpy(out, slot->context, strlen(slot->context) + 1); /* a volume's: it fits */
    pthread_rwlock_unlock(&table->access_lock);
    return has;
}

bool volume_table_next(struct volume_table *table, uint32_t from, struct volume_entry *out)
{
    bool found = false;

    pthread_rwlock_rdlock(&table->lock);
    for (uint32_t i = from; i < table->slots && !found; i++) {
        const struct slot *slot = table_slot(table, i);

        if (!slot->name[0])
            continue;
        slot_describe(slot, i, out);
        found = true;
    }
    pthread_rwlock_unlock(&table->lock);
    return found;
}

uint32_t volume_table_count(struct volume_table *table)
{
    uint32_t count;

    pthread_rwlock_rdlock(&table->lock);
    count = table->count;
    pthread_rwlock_unlock(&table->lock);
    return count;
}
