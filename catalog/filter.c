/*
 * Filters of volume lists, compiled once and matched often. Pure.
 *
 * Texts of errors are the Engine's: clients show and test them. A regular
 * expression comes from whoever may speak to the socket, so that what would
 * make the C library's compiler or matcher explode (repetition of repetitions,
 * back references) is refused before it is compiled. glibc copies what a "+" or
 * "{m,n}" repeats, and then takes memory with the square and time with the cube
 * of what may be empty in the result: 2048 bytes of that are at worst a second
 * and 18 MB, 128 Ki were a minute and gigabytes.
 */
#include "catalog/filter.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <regex.h>
#include <stdint.h>
#include <string.h>

enum {
    FILTER_TERMS_MAX = 1024,
    FILTER_VALUE_MAX = PAIR_KEY_MAX + 1 + PAIR_VALUE_MAX,
    FILTER_REGEX_MAX = 512,      /* bytes of an expression */
    FILTER_REGEX_COST = 2048,    /* bytes after its repetitions are written out */
    FILTER_REGEX_SUM = 16 << 10, /* the same, of all expressions of a filter */
};

enum filter_key {
    FILTER_DANGLING,
    FILTER_NAME,
    FILTER_LABEL,
    FILTER_LABEL_NOT,
    FILTER_DRIVER,
    FILTER_KIND,
    FILTER_READONLY,
    FILTER_KEY_COUNT,
};

static const char *const filter_key_names[FILTER_KEY_COUNT] = {
    [FILTER_DANGLING] = "dangling", [FILTER_NAME] = "name",     [FILTER_LABEL] = "label",
    [FILTER_LABEL_NOT] = "label!",  [FILTER_DRIVER] = "driver", [FILTER_KIND] = "kind",
    [FILTER_READONLY] = "readonly",
};

struct filter_term {
    enum filter_key key;
    char *text;  /* as given; of a label the key alone */
    char *value; /* of a label, NULL: any value */
    regex_t regex;
    bool has_regex;
    bool truth;
    enum volume_kind kind;
};

struct filter {
    struct filter_term *terms;
    size_t count;
    size_t regex_cost; /* of all terms */
};

struct filter *filter_new(void)
{
    return calloc(1, sizeof(struct filter));
}

static void filter_term_deinit(struct filter_term *term)
{
    if (term->has_regex)
        regfree(&term->regex);
    free(term->text);
    free(term->value);
    *term = (struct filter_term){0};
}

struct filter *filter_free(struct filter *filter)
{
    if (!filter)
        return NULL;
    for (size_t i = 0; i < filter->count; i++)
        filter_term_deinit(&filter->terms[i]);
    free(filter->terms);
    free(filter);
    return NULL;
}

void filter_free_p(struct filter **filter)
{
    filter_free(*filter);
}

static bool filter_key_parse(const char *text, enum filter_key *out)
{
    for (size_t i = 0; i < FILTER_KEY_COUNT; i++) {
        if (strcmp(filter_key_names[i], text) != 0)
            continue;
        *out = (enum filter_key)i;
        return true;
    }
    return false;
}

static bool filter_truth_parse(const char *text, bool *out)
{
    *out = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *out || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

/* The larger bound of the repetition "{m,n}" that begins at `text`. */
static size_t filter_repetition_bound(const char *text)
{
    size_t largest = 1;

    for (text++; *text && *text != '}'; text++) {
        char *end;
        unsigned long n;

        if (*text < '0' || *text > '9')
            continue;
        n = strtoul(text, &end, 10);
        if (n > FILTER_REGEX_COST)
            n = FILTER_REGEX_COST;
        if (n + 1 > largest)
            largest = n + 1;
        text = end - 1;
    }
    return largest;
}

/* The last character of a bracket expression that begins at `text`, or of the text. */
static const char *filter_bracket_end(const char *text)
{
    text += text[1] == '^' ? 2 : 1;
    if (*text)
        text++; /* a first "]" is one of it */
    while (*text && *text != ']')
        text++;
    return *text ? text : text - 1;
}

/* What repeats a repetition ("a+*") has no meaning in POSIX, and the C library multiplies it out.
 */
static bool filter_regex_repeats_repetition(const char *text)
{
    bool repeated = false;

    for (; *text; text++) {
        bool repeats = strchr("*+?{", *text) != NULL;

        if (repeats && repeated)
            return true;
        repeated = repeats;
        if (*text == '[')
            text = filter_bracket_end(text);
        else if (*text == '\\' && text[1])
            text++;
        else if (*text == '{' && strchr(text, '}'))
            text = strchr(text, '}');
    }
    return false;
}

/*
 * An upper bound of what the compiler makes of it, escaped or not: in an expression with groups as
 * if every repetition held the whole, in another as if repetitions between which there are digits
 * only (those of "{m,n}") were of one character. More than FILTER_REGEX_COST: not to be compiled.
 */
static size_t filter_regex_cost(const char *text)
{
    bool grouped = strchr(text, '(') != NULL;
    size_t cost = strnlen(text, FILTER_REGEX_MAX + 1), copies = 1;

    if (cost > FILTER_REGEX_MAX || filter_regex_repeats_repetition(text))
        return SIZE_MAX;
    for (; *text && cost <= FILTER_REGEX_COST; text++) {
        size_t times = *text == '+' ? 2 : *text == '{' ? filter_repetition_bound(text) : 1;

        if (text[0] == '\\' && text[1] >= '0' && text[1] <= '9')
            return SIZE_MAX;
        if (!strchr("+{}*?,0123456789", *text))
            copies = 1;
        copies *= times;
        if (grouped)
            cost *= times;
        else if (times > 1)
            cost += copies;
    }
    return cost;
}

/* 0, -ENOMEM, or ERROR_REQUEST_INVALID. */
static int filter_term_compile(struct filter *filter, struct filter_term *term)
{
    size_t cost = filter_regex_cost(term->text);
    int r;

    if (cost > FILTER_REGEX_COST || cost > FILTER_REGEX_SUM - filter->regex_cost)
        return ERROR_REQUEST_INVALID;
    r = regcomp(&term->regex, term->text, REG_EXTENDED | REG_NOSUB);
    if (r == REG_ESPACE)
        return -ENOMEM;
    if (r)
        return ERROR_REQUEST_INVALID;
    term->has_regex = true;
    filter->regex_cost += cost;
    return 0;
}

/* "k=v" becomes text "k" and value "v". */
static int filter_term_split(struct filter_term *term)
{
    char *equals = strchr(term->text, '=');

    if (!equals)
        return 0;
    *equals = 0;
    term->value = strdup(equals + 1);
    return term->value ? 0 : -ENOMEM;
}

static int filter_term_parse(struct filter *filter, struct filter_term *term)
{
    switch (term->key) {
    case FILTER_DANGLING:
    case FILTER_READONLY:
        return filter_truth_parse(term->text, &term->truth) ? 0 : ERROR_REQUEST_INVALID;
    case FILTER_KIND:
        return volume_kind_parse(term->text, &term->kind) ? 0 : ERROR_REQUEST_INVALID;
    case FILTER_NAME:
        return filter_term_compile(filter, term);
    case FILTER_LABEL:
    case FILTER_LABEL_NOT:
        return filter_term_split(term);
    case FILTER_DRIVER:
    case FILTER_KEY_COUNT:
        break;
    }
    return 0;
}

static int filter_append(struct filter *filter, struct filter_term *term)
{
    struct filter_term *terms =
        realloc(filter->terms, (filter->count + 1) * sizeof(struct filter_term));

    if (!terms)
        return -ENOMEM;
    filter->terms = terms;
    terms[filter->count++] = *term;
    *term = (struct filter_term){0};
    return 0;
}

int filter_add(struct filter *filter, const char *key, const char *value, struct error *e)
{
    _cleanup_(filter_term_deinit) struct filter_term term = {0};
    int r;

    if (!filter_key_parse(key, &term.key))
        return error_set(e, ERROR_REQUEST_INVALID, "invalid filter '%.64s'", key);
    if (filter->count == FILTER_TERMS_MAX ||
        strnlen(value, FILTER_VALUE_MAX + 1) > FILTER_VALUE_MAX)
        return error_set(e, ERROR_REQUEST_INVALID, "invalid filter '%s': too many or too long",
                         key);
    term.text = strdup(value);
    if (!term.text)
        return -ENOMEM;
    r = filter_term_parse(filter, &term);
    if (r > 0)
        return error_set(e, r, "invalid filter '%s=[%.256s]'", key, value);
    return r ? r : filter_append(filter, &term);
}

bool filter_needs_references(const struct filter *filter)
{
    for (size_t i = 0; i < filter->count; i++)
        if (filter->terms[i].key == FILTER_DANGLING)
            return true;
    return false;
}

static bool filter_term_match_label(const struct filter_term *term, const struct volume *volume)
{
    const char *value = pairs_get(&volume->labels, term->text);

    return value && (!term->value || strcmp(value, term->value) == 0);
}

/* Engines know the local driver of this daemon by its own name. */
static bool filter_term_match_driver(const struct filter_term *term, const struct volume *volume)
{
    return strcmp(term->text, volume->driver) == 0 ||
           (strcmp(term->text, "volumefs") == 0 && strcmp(volume->driver, "local") == 0);
}

static bool filter_term_match(const struct filter_term *term, const struct volume *volume,
                              bool dangling)
{
    switch (term->key) {
    case FILTER_DANGLING:
        return term->truth == dangling;
    case FILTER_READONLY:
        return term->truth == volume->readonly;
    case FILTER_KIND:
        return term->kind == volume->kind;
    case FILTER_DRIVER:
        return filter_term_match_driver(term, volume);
    case FILTER_NAME:
        return strcmp(term->text, volume->name) == 0 ||
               regexec(&term->regex, volume->name, 0, NULL, 0) == 0;
    case FILTER_LABEL:
        return filter_term_match_label(term, volume);
    case FILTER_LABEL_NOT:
        return !filter_term_match_label(term, volume);
    case FILTER_KEY_COUNT:
        break;
    }
    return false;
}

/* Of these every term must hold; of the others one of each key. */
static bool filter_key_wants_all(enum filter_key key)
{
    return key == FILTER_LABEL || key == FILTER_LABEL_NOT;
}

bool filter_match(const struct filter *filter, const struct volume *volume, bool dangling)
{
    bool given[FILTER_KEY_COUNT] = {false}, matched[FILTER_KEY_COUNT] = {false};

    for (size_t i = 0; i < filter->count; i++) {
        const struct filter_term *term = &filter->terms[i];
        bool match = filter_term_match(term, volume, dangling);

        if (!match && filter_key_wants_all(term->key))
            return false;
        given[term->key] = true;
        matched[term->key] |= match;
    }
    for (size_t key = 0; key < FILTER_KEY_COUNT; key++)
        if (given[key] && !matched[key])
            return false;
    return true;
}
