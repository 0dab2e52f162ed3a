/* SELinux as the kernel has it now. The only file that includes selinux.h. */
#include "fs/label.h"

#include <selinux/selinux.h>

const char *label_state(void)
{
    if (is_selinux_enabled() != 1)
        return "off";
    return security_getenforce() == 1 ? "enforcing" : "permissive";
}
