/*
 * Copying and releasing the plain records, and the words their enums and times
 * are written as. Pure.
 *
 * Invariant of struct pairs: sorted by key (strcmp), no key twice, every text
 * valid UTF-8, within the bounds of model.h. The array has room for the next
 * power of two of `count`, so that no capacity has to be kept.
 */
#include "catalog/model.h"

#include "catalog/cleanup.h"
#include "catalog/error.h"

#include <errno.h>
#include <string.h>

/* ---- pairs ------------------------------------------------------------ */

/* Bytes of the UTF-8 sequence at `s`, 0 if it is none (overlong, surrogate, out of range). */
static size_t utf8_sequence_length(const unsigned char *s)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        size_t length;
    } forms[] = {
        {0x01, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (s[0] < forms[i].first_low || s[0] > forms[i].first_high)
            continue;
        if (forms[i].length > 1 && (s[1] < forms[i].second_low || s[1] > forms[i].second_high))
            return 0;
        for (size_t j = 2; j < forms[i].length; j++)
            if (s[j] < 0x80 || s[j] > 0xbf)
                return 0;
        return forms[i].length;
    }
    return 0;
}

static bool utf8_is_valid(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    while (*s) {
        size_t n = utf8_sequence_length(s);

        if (!n)
            return false;
        s += n;
    }
    return true;
}

/* Index of `key`, or of where it belongs. */
static size_t pairs_find(const struct pairs *pairs, const char *key, bool *found)
{
    size_t low = 0, high = pairs->count;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(pairs->items[middle].key, key);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t pairs_size(const struct pairs *pairs)
{
    size_t size = 0;

    for (size_t i = 0; i < pairs->count; i++)
        size += strlen(pairs->items[i].key) + strlen(pairs->items[i].value);
    return size;
}

static int pairs_check(const struct pairs *pairs, const char *key, const char *value,
                       const struct pair *replaced)
{
    size_t key_length = strnlen(key, PAIR_KEY_MAX + 1);
    size_t value_length = strnlen(value, PAIR_VALUE_MAX + 1);
    size_t size = pairs_size(pairs) + key_length + value_length;

    if (replaced)
        size -= strlen(replaced->key) + strlen(replaced->value);
    if (key_length > PAIR_KEY_MAX || value_length > PAIR_VALUE_MAX || size > PAIRS_SIZE_MAX ||
        (!replaced && pairs->count == PAIRS_MAX))
        return ERROR_LIMIT;
    if (!key_length || !utf8_is_valid(key) || !utf8_is_valid(value))
        return ERROR_REQUEST_INVALID;
    return 0;
}

static int pairs_make_room(struct pairs *pairs)
{
    size_t room = pairs->count ? 2 * pairs->count : 1;
    struct pair *items;

    if (pairs->count & (pairs->count - 1))
        return 0;
    items = realloc(pairs->items, room * sizeof(*items));
    if (!items)
        return -ENOMEM;
    pairs->items = items;
    return 0;
}

static int pairs_insert(struct pairs *pairs, size_t at, const char *key, char **value)
{
    _cleanup_(free_p) char *key_copy = strdup(key);
    int r;

    if (!key_copy)
        return -ENOMEM;
    r = pairs_make_room(pairs);
    if (r)
        return r;
    memmove(&pairs->items[at + 1], &pairs->items[at], (pairs->count - at) * sizeof(struct pair));
    pairs->items[at].key = steal_pointer(&key_copy);
    pairs->items[at].value = steal_pointer(value);
    pairs->count++;
    return 0;
}

int pairs_set(struct pairs *pairs, const char *key, const char *value)
{
    _cleanup_(free_p) char *value_copy = NULL;
    bool found;
    size_t at = pairs_find(pairs, key, &found);
    int r = pairs_check(pairs, key, value, found ? &pairs->items[at] : NULL);

    if (r)
        return r;
    value_copy = strdup(value);
    if (!value_copy)
        return -ENOMEM;
    if (!found)
        return pairs_insert(pairs, at, key, &value_copy);
    free(pairs->items[at].value);
    pairs->items[at].value = steal_pointer(&value_copy);
    return 0;
}

const char *pairs_get(const struct pairs *pairs, const char *key)
{
    bool found;
    size_t at = pairs_find(pairs, key, &found);

    return found ? pairs->items[at].value : NULL;
}

int pairs_copy(struct pairs *to, const struct pairs *from)
{
    struct pairs copy = {0};

    *to = copy;
    for (size_t i = 0; i < from->count; i++) {
        int r = pairs_set(&copy, from->items[i].key, from->items[i].value);

        if (r) {
            pairs_deinit(&copy);
            return r;
        }
    }
    *to = copy;
    return 0;
}

bool pairs_equal(const struct pairs *a, const struct pairs *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i].key, b->items[i].key) != 0 ||
            strcmp(a->items[i].value, b->items[i].value) != 0)
            return false;
    return true;
}

void pairs_deinit(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].key);
        free(pairs->items[i].value);
    }
    free(pairs->items);
    *pairs = (struct pairs){0};
}

/* ---- volume, attachment, run ----------------------------------------------- */

int volume_copy(struct volume *to, const struct volume *from)
{
    struct volume copy = *from;
    int r;

    *to = (struct volume){0};
    r = pairs_copy(&copy.options, &from->options);
    if (r)
        return r;
    r = pairs_copy(&copy.labels, &from->labels);
    if (r) {
        pairs_deinit(&copy.options);
        return r;
    }
    *to = copy;
    return 0;
}

void volume_deinit(struct volume *volume)
{
    pairs_deinit(&volume->options);
    pairs_deinit(&volume->labels);
    *volume = (struct volume){0};
}

static int text_copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return from && !*to ? -ENOMEM : 0;
}

int attachment_copy(struct attachment *to, const struct attachment *from)
{
    struct attachment copy = *from;

    *to = (struct attachment){0};
    copy.source = copy.destination = copy.subpath = NULL;
    if (text_copy(&copy.source, from->source) || text_copy(&copy.destination, from->destination) ||
        text_copy(&copy.subpath, from->subpath)) {
        attachment_deinit(&copy);
        return -ENOMEM;
    }
    *to = copy;
    return 0;
}

void attachment_deinit(struct attachment *attachment)
{
    free(attachment->source);
    free(attachment->destination);
    free(attachment->subpath);
    *attachment = (struct attachment){0};
}

int run_copy(struct run *to, const struct run *from)
{
    struct run copy = *from;

    *to = (struct run){0};
    copy.rootfs = copy.process = copy.state_dir = NULL;
    if (text_copy(&copy.rootfs, from->rootfs) || text_copy(&copy.process, from->process) ||
        text_copy(&copy.state_dir, from->state_dir)) {
        run_deinit(&copy);
        return -ENOMEM;
    }
    *to = copy;
    return 0;
}

void run_deinit(struct run *run)
{
    free(run->rootfs);
    free(run->process);
    free(run->state_dir);
    *run = (struct run){0};
}

/* ---- words of enums --------------------------------------------------- */

static const char *const volume_kind_names[] = {
    [VOLUME_NAMED] = "named",
    [VOLUME_ANONYMOUS] = "anonymous",
};
static const char *const access_label_names[] = {
    [LABEL_NONE] = "none",
    [LABEL_SHARED] = "shared",
    [LABEL_PRIVATE] = "private",
};
static const char *const container_state_names[] = {
    [CONTAINER_CREATED] = "created",
    [CONTAINER_RUNNING] = "running",
    [CONTAINER_EXITED] = "exited",
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Index of `text` in `names`, or -1. */
static int word_parse(const char *const *names, size_t count, const char *text)
{
    for (size_t i = 0; text && i < count; i++)
        if (strcmp(names[i], text) == 0)
            return (int)i;
    return -1;
}

static const char *word_name(const char *const *names, size_t count, size_t value)
{
    return value < count ? names[value] : "unknown";
}

const char *volume_kind_name(enum volume_kind kind)
{
    return word_name(volume_kind_names, LENGTH(volume_kind_names), kind);
}

const char *access_label_name(enum access_label label)
{
    return word_name(access_label_names, LENGTH(access_label_names), label);
}

const char *container_state_name(enum container_state state)
{
    return word_name(container_state_names, LENGTH(container_state_names), state);
}

bool volume_kind_parse(const char *text, enum volume_kind *out)
{
    int i = word_parse(volume_kind_names, LENGTH(volume_kind_names), text);

    if (i >= 0)
        *out = (enum volume_kind)i;
    return i >= 0;
}

bool access_label_parse(const char *text, enum access_label *out)
{
    int i = word_parse(access_label_names, LENGTH(access_label_names), text);

    if (i >= 0)
        *out = (enum access_label)i;
    return i >= 0;
}

bool container_state_parse(const char *text, enum container_state *out)
{
    int i = word_parse(container_state_names, LENGTH(container_state_names), text);

    if (i >= 0)
        *out = (enum container_state)i;
    return i >= 0;
}
