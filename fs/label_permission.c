/* The table of permissions, a row for each class. */
#include "fs/label_permission.h"

enum { PERMISSIONS_MAX = 6, OPERATIONS = OPERATION_CHANGE + 1 };

/*
 * A store was asked when its file was opened: who writes is not known then. A directory is walked
 * through (search) whenever its attributes are asked, as that is how the kernel walks.
 */
static const struct {
    const char *name;
    const char *permissions[OPERATIONS][PERMISSIONS_MAX + 1];
} classes[] = {
    [LABEL_FILE] = {"file",
                    {[OPERATION_LOOK] = {"getattr"},
                     [OPERATION_READ] = {"getattr", "open", "read"},
                     [OPERATION_CHANGE] = {"getattr", "open", "write", "append", "setattr"}}},
    [LABEL_DIRECTORY] = {"dir",
                         {[OPERATION_LOOK] = {"getattr", "search"},
                          [OPERATION_READ] = {"getattr", "search", "open", "read"},
                          [OPERATION_CHANGE] = {"getattr", "search", "write", "add_name",
                                                "remove_name", "setattr"}}},
    [LABEL_SYMLINK] = {"lnk_file",
                       {[OPERATION_LOOK] = {"getattr", "read"},
                        [OPERATION_READ] = {"getattr", "read"},
                        [OPERATION_CHANGE] = {"getattr", "setattr"}}},
};

const char *label_class_name(enum label_class class)
{
    return classes[class].name;
}

const char *const *label_permissions(enum label_class class, enum operation operation)
{
    return classes[class].permissions[operation];
}
