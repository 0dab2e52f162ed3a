/* A question before something is removed; see ask.h. */
#include "tools/volctl/ask.h"

#include <stdio.h>

bool ask(const char *text)
{
    int answer, c;

    fprintf(stderr, "%s\nAre you sure you want to continue? [y/N] ", text);
    answer = getchar();
    for (c = answer; c != EOF && c != '\n';)
        c = getchar();
    return answer == 'y' || answer == 'Y';
}

int ask_before_prune(const char *what, struct error *e)
{
    char text[256];

    snprintf(text, sizeof(text), "WARNING! This will remove %s.", what);
    if (ask(text))
        return 0;
    return error_set(e, ERROR_DENIED,
                     "prune has been cancelled, nothing is removed; --force does not ask");
}
