/* A question before something is removed; see ask.h. */
#include "tools/volctl/ask.h"

#include <stdio.h>

int ask_before_prune(const char *what, struct error *e)
{
    int answer, c;

    fprintf(stderr, "WARNING! This will remove %s.\nAre you sure you want to continue? [y/N] ",
            what);
    answer = getchar();
    for (c = answer; c != EOF && c != '\n';)
        c = getchar();
    if (answer == 'y' || answer == 'Y')
        return 0;
    return error_set(e, ERROR_DENIED,
                     "prune has been cancelled, nothing is removed; --force does not ask");
}
