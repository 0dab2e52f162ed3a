/* What went wrong, to people. */
#include "tools/volctl/text.h"
#include "tools/volctl/volctl.h"

#include <stdio.h>
#include <string.h>

int volctl_report(int r, const struct error *e)
{
    fputs("volctl: ", stderr);
    if (e && *e->text)
        text_print(stderr, e->text);
    else
        fputs(r < 0 ? strerror(-r) : error_code_name(r), stderr);
    fputc('\n', stderr);
    return EXIT_ERROR;
}
