/*
 * Labels by SELinux: the real implementation is label_selinux.c, the null one
 * label_none.c, chosen when building.
 */
#pragma once

/* "not built", "off", "permissive" or "enforcing". */
const char *label_state(void);
