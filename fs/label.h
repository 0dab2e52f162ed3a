/*
 * SELinux: the daemon as an object manager. The kernel gives the whole tree one label; each volume
 * may have a context of its own (struct volume.context), and whether a caller may do something in
 * it is asked of the policy that the kernel has loaded.
 *
 * The real implementation is label_selinux.c, the null one label_none.c, chosen when building.
 */
#pragma once

#include "catalog/error.h"
#include "fs/label_permission.h"

#include <stdbool.h>
#include <sys/types.h>

/* What containers may use, by the policies that know containers. */
#define LABEL_CONTEXT_DEFAULT "system_u:object_r:container_file_t:s0"

/* "not built", "off", "permissive" or "enforcing". */
const char *label_state(void);

/*
 * Once, before threads. `context`: what the tree is to be labelled with; NULL for the default,
 * which is done without (and logged) if the loaded policy has no such type. ERROR_OPTION_INVALID:
 * the policy does not know the one that was given, or SELinux is off.
 */
int label_start(const char *context, struct error *e);
void label_stop(void);
/* Whether SELinux was on then: it is never turned on or off before the next boot. */
bool label_is_on(void);
/* The tree's context; "" if SELinux is off, or the policy has none for containers. */
const char *label_tree_context(void);
/* Whether the loaded policy knows the context; true where none is. */
bool label_knows(const char *context);

struct label_question {
    pid_t tid;           /* who asks: its request waits */
    const char *context; /* the volume's */
    const char *volume;  /* for the log */
    enum label_class class;
    enum operation operation;
};
/*
 * 0: allowed (by permissive mode, too: then it is logged); else EACCES. With SELinux on. A denial
 * is logged as the kernel's are: "avc:  denied  { … } for …". The operation is one that is asked
 * (label_permissions).
 */
int label_decide(const struct label_question *question);

/* The context of a thread. 0 or −errno: it is gone, SELinux is off, or the text does not fit. */
int label_read_process(pid_t tid, char out[CONTEXT_MAX + 1]);
