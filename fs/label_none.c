/* Built without SELinux. */
#include "fs/label.h"

const char *label_state(void)
{
    return "not built";
}
