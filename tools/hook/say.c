/* Lines on standard error and in the log; see say.h. */
#include "tools/hook/say.h"

#include "catalog/cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

/* A name with escape sequences in it must not reach a terminal as such. */
static void sanitize(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void say(enum exit_status status, const char *format, ...)
{
    _cleanup_(free_p) char *text = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        text = NULL;
    else
        sanitize(text);
    fprintf(stderr, HOOK_PROGRAM ": %s\n", text ? text : "out of memory");
    if (status != EXIT_OK)
        return;
    openlog(HOOK_PROGRAM, LOG_PID, LOG_DAEMON);
    syslog(LOG_WARNING, "%s", text ? text : "out of memory");
}
