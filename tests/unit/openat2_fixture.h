/*
 * In the place of syscall(2), by which openat2 is called: the linker's --wrap=syscall puts it
 * there. A test may act whenever something is opened so, and a valgrind that does not know openat2
 * is spared it.
 */
#pragma once

#include <stdbool.h>

/* Called when something is opened: an entry (O_PATH), or a directory. */
enum fixture_moment { BEFORE, AFTER };
extern void (*fixture_on_open)(const char *name, bool path_only, enum fixture_moment moment);
