/*
 * A question before something is removed.
 */
#pragma once

#include "catalog/error.h"

/*
 * "WARNING! This will remove WHAT. Are you sure you want to continue? [y/N]", on stderr: what is on
 * stdout may be read by a program. The end of the input is a no: ERROR_DENIED.
 */
int ask_before_prune(const char *what, struct error *e);
