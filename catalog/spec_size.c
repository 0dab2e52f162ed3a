/*
 * Sizes as people write them, read as Docker's go-units does (RAMInBytes): units of 1024, "64m",
 * "1.5 GiB", "100". Pure.
 */
#include "catalog/spec_private.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* "1.5", of digits and one point; no sign, exponent or name, and no locale. */
static const char *parse_number(const char *text, double *out)
{
    double scale = 1;
    bool digits = false, point = false;

    *out = 0;
    for (; isdigit((unsigned char)*text) || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        digits = true;
        *out = *out * 10 + (*text - '0');
        if (point)
            scale *= 10;
    }
    *out /= scale;
    return digits ? text : NULL;
}

bool spec_size_parse(const char *text, uint64_t *out)
{
    static const char units[] = "bkmgtp";
    double number;
    const char *suffix = parse_number(text, &number), *unit = units;

    if (!suffix)
        return false;
    suffix += *suffix == ' ';
    if (*suffix) {
        unit = strchr(units, tolower((unsigned char)*suffix));
        if (!unit)
            return false;
        if (suffix[1] && (unit == units ||
                          (strcasecmp(suffix + 1, "b") != 0 && strcasecmp(suffix + 1, "ib") != 0)))
            return false;
    }
    for (; unit > units; unit--)
        number *= 1024;
    if (!(number < 0x1p63))
        return false;
    *out = (uint64_t)number;
    return true;
}
