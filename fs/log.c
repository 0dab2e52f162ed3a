/* Where log lines go. State: set before threads, but that the daemon leaves its terminal when they
 * run already; both targets take whole lines from any thread. */
#include "fs/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

enum { LINE_MAX_SIZE = 2048 };

static const struct {
    const char *word;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

static atomic_bool log_foreground = true;
static bool log_to_journal;
static _Atomic enum log_level log_level = LOG_LEVEL_INFO;

void log_open(bool foreground, enum log_level level)
{
    if (!foreground)
        openlog("volumefs", LOG_PID, LOG_DAEMON);
    else
        log_to_journal = getenv("JOURNAL_STREAM") != NULL;
    log_level = level;
    atomic_store(&log_foreground, foreground);
}

bool log_level_parse(const char *word, enum log_level *out)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
        if (strcmp(levels[i].word, word) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_message(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_SIZE];
    va_list args;

    if (level > log_level)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (!log_foreground)
        syslog(levels[level].priority, "%s", line);
    else if (log_to_journal)
        fprintf(stderr, "<%d>%s\n", levels[level].priority, line);
    else
        fprintf(stderr, "volumefs: %s\n", line);
}
