/*
 * What the daemon says of its life: to the terminal or journal when in the
 * foreground, to syslog in the background. Only main.c, the boundaries of requests and the audit of
 * denials log.
 */
#pragma once

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_open(bool foreground, enum log_level level);
bool log_level_parse(const char *word, enum log_level *out); /* error, warning, info, debug */
void log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
