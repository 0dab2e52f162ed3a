/* Programs that belong to this one; see beside.h. */
#include "tools/volctl/beside.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool beside_find(const char *const *places, size_t count, char out[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    out[0] = 0;
    if (length < 0)
        return false;
    self[length] = 0;
    *strrchr(self, '/') = 0;
    for (size_t i = 0; i < count; i++)
        if (snprintf(out, PATH_MAX, "%s/%s", self, places[i]) < PATH_MAX && access(out, X_OK) == 0)
            return true;
    out[0] = 0;
    return false;
}
