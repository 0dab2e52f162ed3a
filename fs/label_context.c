/* Contexts and levels: pieces of text between colons, and the numbers of pairs of categories. */
#include "fs/label_context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 64 };

struct levels {
    uint64_t taken[(LEVEL_PAIRS + WORD_BITS - 1) / WORD_BITS]; /* by level_number */
};

/* ---- contexts ------------------------------------------------------------- */

/* The start of the level, or the end of the text if there is none; NULL: there is no type. */
static const char *level_find(const char *context)
{
    for (int colons = 0; colons < 2; colons++) {
        context = strchr(context, ':');
        if (!context)
            return NULL;
        context++;
    }
    return context + strcspn(context, ":");
}

bool context_is_well_formed(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_.-:,";
    const char *level = level_find(text);

    if (!level || strlen(text) > CONTEXT_MAX || text[strspn(text, allowed)])
        return false;
    /* no part is empty */
    return text[0] != ':' && !strstr(text, "::") && text[strlen(text) - 1] != ':';
}

const char *context_level(const char *context)
{
    const char *level = level_find(context);

    return level && *level ? level + 1 : "";
}

bool context_set_level(char context[CONTEXT_MAX + 1], const char *level)
{
    const char *end = level_find(context);
    size_t kept = end ? (size_t)(end - context) : 0;

    if (!end || kept + 1 + strlen(level) > CONTEXT_MAX)
        return false;
    snprintf(context + kept, CONTEXT_MAX + 1 - kept, ":%s", level);
    return true;
}

/* ---- levels ---------------------------------------------------------------- */

bool level_separates(const char *level)
{
    return strchr(level, ':') && !strchr(level, '-') && strlen(level) <= LEVEL_MAX;
}

/* The pairs in order: (0,1), (0,2) (1,2), (0,3) … */
static uint32_t level_number(uint32_t low, uint32_t high)
{
    return high * (high - 1) / 2 + low;
}

static void level_format(uint32_t number, char out[LEVEL_MAX + 1])
{
    uint32_t high = 1;

    while (level_number(0, high + 1) <= number)
        high++;
    snprintf(out, LEVEL_MAX + 1, "s0:c%u,c%u", number - level_number(0, high), high);
}

/* Of exactly two categories; others are no pair, and take none. */
static bool level_parse(const char *level, uint32_t *number)
{
    uint32_t a, b;
    int length = 0;

    // NOLINTNEXTLINE(cert-err34-c): too large a number is no category either way
    if (sscanf(level, "s0:c%4u,c%4u%n", &a, &b, &length) != 2 || level[length])
        return false;
    if (a == b || a >= LEVEL_CATEGORIES || b >= LEVEL_CATEGORIES)
        return false;
    *number = a < b ? level_number(a, b) : level_number(b, a);
    return true;
}

struct levels *levels_new(void)
{
    return calloc(1, sizeof(struct levels));
}

struct levels *levels_free(struct levels *levels)
{
    free(levels);
    return NULL;
}

void levels_note(struct levels *levels, const char *context)
{
    uint32_t number;

    if (level_parse(context_level(context), &number))
        levels->taken[number / WORD_BITS] |= UINT64_C(1) << number % WORD_BITS;
}

bool levels_pick(const struct levels *levels, uint32_t start, char out[LEVEL_MAX + 1])
{
    for (uint32_t i = 0; i < LEVEL_PAIRS; i++) {
        uint32_t number = (start + i) % LEVEL_PAIRS;

        if (levels->taken[number / WORD_BITS] & UINT64_C(1) << number % WORD_BITS)
            continue;
        level_format(number, out);
        return true;
    }
    return false;
}
