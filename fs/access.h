/*
 * Who may only read a volume: the containers attached to it, and which of them have none but
 * read-only attachments. Pure, without locks: a list is made, finished, and never changes after.
 */
#pragma once

#include "catalog/model.h"

#include <stdbool.h>

struct access_list; /* opaque; NULL: no container of the volume is restricted */

/* Notes one attachment; makes the list if *list is NULL. 0 or -ENOMEM, with the list as before. */
int access_list_add(struct access_list **list, const struct container *container, bool readonly);
/* Ends the making. A list that restricts nobody is freed, and *list NULL. 0 or -ENOMEM. */
int access_list_finish(struct access_list **list);
struct access_list *access_list_free(struct access_list *list); /* returns NULL */

/* In place of one that cannot be made: it restricts every container. May be freed like others. */
struct access_list *access_list_closed(void);

/*
 * True if the container seen as `seen` (see container_is_same) is attached, and never for writing.
 * Of a finished list.
 */
bool access_list_restricts(const struct access_list *list, const char *seen);
/* True if it is attached at all. */
bool access_list_knows(const struct access_list *list, const char *seen);
