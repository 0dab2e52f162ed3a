/*
 * What the hook's programs say: one line on standard error, which runtimes show of a hook that
 * fails; and in the log too where the exit status is 0 and nobody would see it.
 */
#pragma once

#define HOOK_PROGRAM "volumefs-oci-hook"

enum exit_status { EXIT_OK, EXIT_ERROR, EXIT_USAGE };

void say(enum exit_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
