/* The volumes in memory. */
#include "fs/table.h"
