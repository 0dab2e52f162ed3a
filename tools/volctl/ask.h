/*
 * A question before something is removed.
 */
#pragma once

#include "catalog/error.h"

#include <stdbool.h>

/*
 * "TEXT\nAre you sure you want to continue? [y/N]", on stderr: what is on stdout may be read by a
 * program. The end of the input is a no.
 */
bool ask(const char *text);

/*
 * The same of "WARNING! This will remove WHAT." ERROR_DENIED: no.
 */
int ask_before_prune(const char *what, struct error *e);
