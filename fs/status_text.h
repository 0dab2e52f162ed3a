/* The text of .volumefs/status: `key: value` lines. Pure. */
#pragma once

#include "fs/status.h"

/* A new string, to be freed; NULL when out of memory. */
char *status_format(const struct daemon_status *status);
