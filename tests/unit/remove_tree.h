/* The end of a test's directory. */
#pragma once

/* Removes `path` with all below it, following no link, crossing no mount. 0, or −1 with errno. */
int remove_tree(const char *path);
