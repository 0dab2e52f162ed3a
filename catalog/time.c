/*
 * Times as text: RFC 3339, always written in UTC with nine digits, read with any
 * offset and 0 to 9 digits. Pure but for the clock.
 */
#include "catalog/model.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)

void time_format(int64_t ns, char out[TIME_TEXT_SIZE])
{
    int64_t fraction = ns % NS_PER_SECOND;
    time_t seconds = (time_t)(ns / NS_PER_SECOND);
    struct tm tm;
    size_t length;

    if (fraction < 0) {
        fraction += NS_PER_SECOND;
        seconds--;
    }
    /* Every int64_t of nanoseconds is a year between 1677 and 2262: this cannot fail. */
    if (!gmtime_r(&seconds, &tm))
        tm = (struct tm){.tm_year = 70, .tm_mday = 1};
    length = strftime(out, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + length, TIME_TEXT_SIZE - length, ".%09uZ", (unsigned)fraction);
}

/* Reads exactly `digits` digits at *text, at most `max`. */
static bool time_read_number(const char **text, int digits, int max, int *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *out = 10 * *out + (**text - '0');
    }
    return *out <= max;
}

static bool time_read_character(const char **text, const char *allowed)
{
    if (!**text || !strchr(allowed, **text))
        return false;
    (*text)++;
    return true;
}

static bool time_read_date(const char **text, struct tm *tm)
{
    if (!time_read_number(text, 4, 9999, &tm->tm_year) || !time_read_character(text, "-") ||
        !time_read_number(text, 2, 12, &tm->tm_mon) || !time_read_character(text, "-") ||
        !time_read_number(text, 2, 31, &tm->tm_mday))
        return false;
    if (tm->tm_mon < 1 || tm->tm_mday < 1)
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return true;
}

static bool time_read_clock(const char **text, struct tm *tm)
{
    return time_read_number(text, 2, 23, &tm->tm_hour) && time_read_character(text, ":") &&
           time_read_number(text, 2, 59, &tm->tm_min) && time_read_character(text, ":") &&
           time_read_number(text, 2, 59, &tm->tm_sec);
}

static bool time_read_fraction(const char **text, int64_t *ns)
{
    int64_t unit = NS_PER_SECOND;

    *ns = 0;
    if (!time_read_character(text, "."))
        return true;
    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        unit /= 10;
        if (!unit)
            return false;
        *ns += unit * (**text - '0');
    }
    return true;
}

static bool time_read_offset(const char **text, int *seconds)
{
    int sign = **text == '-' ? -1 : 1, hours, minutes;

    *seconds = 0;
    if (time_read_character(text, "Zz"))
        return true;
    if (!time_read_character(text, "+-") || !time_read_number(text, 2, 23, &hours) ||
        !time_read_character(text, ":") || !time_read_number(text, 2, 59, &minutes))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool time_parse(const char *text, int64_t *ns)
{
    struct tm tm = {0}, check;
    int64_t fraction, seconds;
    int offset;

    if (!time_read_date(&text, &tm) || !time_read_character(&text, "Tt") ||
        !time_read_clock(&text, &tm) || !time_read_fraction(&text, &fraction) ||
        !time_read_offset(&text, &offset) || *text)
        return false;
    check = tm;
    seconds = timegm(&check);
    if (check.tm_mday != tm.tm_mday) /* the 31st of a month of 30 days */
        return false;
    if (__builtin_mul_overflow(seconds - offset, NS_PER_SECOND, &seconds) ||
        __builtin_add_overflow(seconds, fraction, &seconds))
        return false;
    *ns = seconds;
    return true;
}

int64_t time_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

int64_t time_monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

struct timespec time_monotonic_in(int ms)
{
    int64_t at = time_monotonic() + ms * (NS_PER_SECOND / 1000);

    return (struct timespec){.tv_sec = at / NS_PER_SECOND, .tv_nsec = at % NS_PER_SECOND};
}
