/*
 * The volumes in memory: what a file operation needs to know of a volume
 * without asking the catalog. Pure; safe from any thread; no lock is held when
 * a call returns.
 *
 * A volume is addressed by a slot index and the slot's generation, which grows
 * each time the slot is given to another volume, so that a node of a removed
 * volume can never be taken for one of its successor.
 */
#pragma once

#include "catalog/model.h"
#include "fs/access.h"

#include <stdbool.h>
#include <stdint.h>

struct volume_table; /* opaque */

struct volume_ref {
    uint32_t index;
    uint32_t generation; /* 0 is never valid */
};

enum volume_flag {
    VOLUME_FLAG_READONLY = 1 << 0,
    VOLUME_FLAG_REMOVED = 1 << 1, /* also answered for a stale ref */
    VOLUME_FLAG_SHARED = 1 << 2,
    VOLUME_FLAG_PRIVATE = 1 << 3,
    VOLUME_FLAG_READERS = 1 << 4, /* some container is attached for reading only */
    VOLUME_FLAG_GATED = 1 << 5,   /* private, and the kernel was told to ask; see rules.c */
    VOLUME_FLAG_SEEN = 1 << 6, /* somebody looked it up in the tree, and so may have mounted it */
    VOLUME_FLAG_CONTEXT = 1 << 8, /* it has an SELinux context of its own */
    VOLUME_FLAG_FOLLOWS = 1 << 9, /* … of a level that its owner has not been seen with yet */
};

/* What the tree shows of a volume; a copy. */
struct volume_entry {
    struct volume_ref ref;
    char id[VOLUME_ID_LENGTH + 1];
    char name[NAME_MAX_LENGTH + 1];
};

struct volume_table *volume_table_new(void); /* NULL: out of memory */
struct volume_table *volume_table_free(struct volume_table *table);

/* 0, -ENOMEM, ERROR_EXISTS (the name). */
int volume_table_insert(struct volume_table *table, const struct volume *volume,
                        struct volume_ref *ref);
/* ERROR_NOT_FOUND: stale ref. After remove, flags of the ref answer VOLUME_FLAG_REMOVED. */
int volume_table_remove(struct volume_table *table, struct volume_ref ref);
int volume_table_rename(struct volume_table *table, struct volume_ref ref, const char *name);
int volume_table_set_flags(struct volume_table *table, struct volume_ref ref, uint32_t set,
                           uint32_t clear);

bool volume_table_find(struct volume_table *table, const char *name, struct volume_entry *out);
bool volume_table_find_by_id(struct volume_table *table, const char *id, struct volume_entry *out);
bool volume_table_get(struct volume_table *table, struct volume_ref ref, struct volume_entry *out);

/* Lock-free: the one read on every file operation. */
uint32_t volume_table_flags(struct volume_table *table, struct volume_ref ref);

/*
 * Who is attached to the volume, in place of what was known of that. The list is the table's from
 * here on, and sets VOLUME_FLAG_READERS if it has any; NULL clears it. ERROR_NOT_FOUND: stale ref.
 */
int volume_table_set_access(struct volume_table *table, struct volume_ref ref,
                            struct access_list *list);
/* The same and the access label, at once: nobody sees the new label with the owner of before. */
int volume_table_set_label(struct volume_table *table, struct volume_ref ref,
                           enum access_label label, struct access_list *list);

/* What is true of a container and a volume at one moment. */
struct standing {
    uint32_t flags; /* as of volume_table_flags */
    bool reader;    /* access_list_restricts */
    bool owner;     /* access_list_is_owner */
};
void volume_table_ask(struct volume_table *table, struct volume_ref ref, const char *seen,
                      struct standing *out);
/* Whether the list knows the container: access_list_knows. */
bool volume_table_knows(struct volume_table *table, struct volume_ref ref, const char *seen);

/*
 * The volume's SELinux context in place of what it had; "" none. Sets VOLUME_FLAG_CONTEXT, and
 * VOLUME_FLAG_FOLLOWS of a private one. ERROR_NOT_FOUND: stale ref; -ENOMEM.
 */
int volume_table_set_context(struct volume_table *table, struct volume_ref ref,
                             const char *context);
/* False: it has none. */
bool volume_table_context(struct volume_table *table, struct volume_ref ref,
                          char out[CONTEXT_MAX + 1]);

/*
 * The first volume in a slot ≥ `from`; the next call passes out->ref.index + 1.
 * Slot order is stable under concurrent change, so it serves as a directory
 * offset. False at the end.
 */
bool volume_table_next(struct volume_table *table, uint32_t from, struct volume_entry *out);
uint32_t volume_table_count(struct volume_table *table);
