/*
 * Values as people read them: sizes, ages, and texts that are safe to show.
 */
#include "tools/volctl/text.h"

#include "catalog/cleanup.h"

#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

void text_format_size(uint64_t bytes, char out[TEXT_SHORT])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double number = (double)bytes;
    size_t unit = 0;

    /* 999.5 would be written with four digits */
    while ((unit == 0 ? number >= 1024 : number >= 999.5) && unit + 1 < 7) {
        number /= 1024;
        unit++;
    }
    snprintf(out, TEXT_SHORT, unit > 0 && number < 9.95 ? "%.1f %s" : "%.0f %s", number,
             units[unit]);
}

void text_format_percent(uint64_t part, uint64_t total, char out[TEXT_SHORT])
{
    double percent = total ? 100.0 * (double)part / (double)total : 0;

    if (!total)
        snprintf(out, TEXT_SHORT, "-");
    else
        snprintf(out, TEXT_SHORT, "%.0f%%", ceil(percent));
}

void text_format_age(int64_t ns, int64_t now, char out[TEXT_SHORT])
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {
        {"year", 365 * 86400LL}, {"month", 30 * 86400LL}, {"week", 7 * 86400LL}, {"day", 86400},
        {"hour", 3600},          {"minute", 60},          {"second", 1}};
    int64_t seconds = (now - ns) / 1000000000;
    bool ahead = seconds < 0;

    if (ns == 0) {
        snprintf(out, TEXT_SHORT, "never");
        return;
    }
    if (ahead)
        seconds = -seconds;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        long long count = seconds / units[i].seconds;

        if (count > 0) {
            snprintf(out, TEXT_SHORT, "%s%lld %s%s%s", ahead ? "in " : "", count, units[i].name,
                     count == 1 ? "" : "s", ahead ? "" : " ago");
            return;
        }
    }
    snprintf(out, TEXT_SHORT, "just now");
}

/* Length of the well-formed UTF-8 sequence at `p`, 0 if there is none. */
static size_t utf8_length(const unsigned char *p)
{
    static const struct {
        unsigned char mask, lead;
        unsigned smallest; /* a longer form of a smaller number is none */
    } forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t i = 0; i < 4; i++) {
        unsigned value = *p & (unsigned char)~forms[i].mask;

        if ((*p & forms[i].mask) != forms[i].lead)
            continue;
        for (size_t k = 1; k <= i; k++) {
            if ((p[k] & 0xc0) != 0x80)
                return 0;
            value = value << 6 | (p[k] & 0x3f);
        }
        if (value < forms[i].smallest || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
            return 0;
        return i + 1;
    }
    return 0;
}

static bool is_control(const unsigned char *p)
{
    return *p < 0x20 || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

char *text_escape(const char *text)
{
    char *out = malloc(4 * strlen(text) + 1), *end = out;

    if (!out)
        return NULL;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t length = utf8_length(p);
        bool plain = length > 0 && !is_control(p);

        for (size_t i = 0; i < (length ? length : 1); i++, p++) {
            if (plain)
                *end++ = (char)*p;
            else
                end += sprintf(end, "\\x%02x", *p);
        }
    }
    *end = 0;
    return out;
}

/* Bytes of the first character; *columns: its width. Of no character: one, as it is shown. */
static size_t character_length(const char *text, size_t *columns)
{
    mbstate_t state = {0};
    wchar_t wide;
    size_t length = mbrtowc(&wide, text, MB_CUR_MAX, &state);
    int width;

    *columns = 1;
    if (length == 0 || length == (size_t)-1 || length == (size_t)-2)
        return 1;
    width = wcwidth(wide);
    if (width >= 0)
        *columns = (size_t)width;
    return length;
}

size_t text_width(const char *text)
{
    size_t total = 0;

    while (*text) {
        size_t columns;

        text += character_length(text, &columns);
        total += columns;
    }
    return total;
}

static const char *ellipsis(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? "…" : "...";
}

size_t text_ellipsis_width(void)
{
    return text_width(ellipsis());
}

char *text_cut(const char *text, size_t width)
{
    size_t mark = text_ellipsis_width(), used = 0;
    const char *end = text;
    char *out;

    if (text_width(text) <= width)
        return strdup(text);
    while (*end) {
        size_t columns, length = character_length(end, &columns);

        if (used + columns + mark > width)
            break;
        used += columns;
        end += length;
    }
    return asprintf(&out, "%.*s%s", (int)(end - text), text, ellipsis()) < 0 ? NULL : out;
}

void text_print(FILE *stream, const char *text)
{
    _cleanup_(free_p) char *escaped = text_escape(text);

    fputs(escaped ? escaped : "?", stream);
}
