/*
 * Who may do what with a volume: the containers attached to it, which of them have none but
 * read-only attachments, and which one owns it if it is private. Pure, without locks: a list is
 * made, finished, and never changes after.
 */
#pragma once

#include "catalog/model.h"

#include <stdbool.h>

struct access_list; /* opaque; NULL: no container is restricted, and none owns the volume */

/* Notes one attachment; makes the list if *list is NULL. 0 or -ENOMEM, with the list as before. */
int access_list_add(struct access_list **list, const struct container *container, bool readonly);
/* Notes the owner, of which id and name are read; the same otherwise. */
int access_list_set_owner(struct access_list **list, const struct container *owner);
/* Ends the making. A list that restricts nobody and has no owner is freed, and *list NULL. 0 or
 * -ENOMEM. */
int access_list_finish(struct access_list **list);
struct access_list *access_list_free(struct access_list *list); /* returns NULL */

/* In place of one that cannot be made: it restricts every container, and has no owner. May be freed
 * like others. */
struct access_list *access_list_closed(void);

/*
 * True if the container seen as `seen` (see container_is_same) is attached, and never for writing.
 * Of a finished list.
 */
bool access_list_restricts(const struct access_list *list, const char *seen);
/* True if any container is restricted. */
bool access_list_has_readers(const struct access_list *list);
/* True if it is the owner. */
bool access_list_is_owner(const struct access_list *list, const char *seen);
/* True if it is attached, or the owner. */
bool access_list_knows(const struct access_list *list, const char *seen);
