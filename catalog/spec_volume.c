/*
 * The -v form: [SOURCE:]DESTINATION[:MODE]. Pure.
 *
 * Docker reads it twice: its command line refuses empty sections and too many
 * colons ("invalid spec: …", not for texts of one or two characters), then the
 * daemon the rest. Unlike that command line, one letter before a colon is a
 * volume's name here, not a Windows drive.
 */
#include "catalog/cleanup.h"
#include "catalog/spec_private.h"

#include <errno.h>
#include <string.h>

enum mode_class { MODE_RW, MODE_LABEL, MODE_PROPAGATION, MODE_COPY, MODE_CONSISTENCY };

static const struct {
    const char *word;
    enum mode_class class;
} mode_words[] = {
    {"rw", MODE_RW},
    {"ro", MODE_RW},
    {"z", MODE_LABEL},
    {"Z", MODE_LABEL},
    {"private", MODE_PROPAGATION},
    {"rprivate", MODE_PROPAGATION},
    {"shared", MODE_PROPAGATION},
    {"rshared", MODE_PROPAGATION},
    {"slave", MODE_PROPAGATION},
    {"rslave", MODE_PROPAGATION},
    {"nocopy", MODE_COPY},
    {"consistent", MODE_CONSISTENCY},
    {"cached", MODE_CONSISTENCY},
    {"delegated", MODE_CONSISTENCY},
};

static int mode_find(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof(mode_words) / sizeof(mode_words[0]); i++)
        if (strlen(mode_words[i].word) == length && memcmp(mode_words[i].word, word, length) == 0)
            return (int)i;
    return -1;
}

bool spec_propagation_known(const char *word)
{
    int i = mode_find(word, strlen(word));

    return i >= 0 && mode_words[i].class == MODE_PROPAGATION;
}

static void mode_apply(struct spec_mode *out, const char *word, enum mode_class class)
{
    switch (class) {
    case MODE_RW:
        out->readonly = strcmp(word, "ro") == 0;
        return;
    case MODE_LABEL:
        out->label = word[0] == 'Z' ? LABEL_PRIVATE : LABEL_SHARED;
        return;
    case MODE_PROPAGATION:
        out->propagation = word;
        return;
    case MODE_COPY:
        out->nocopy = true;
        return;
    case MODE_CONSISTENCY: /* a matter of Docker on macOS; accepted, as on Linux there */
        return;
    }
}

bool spec_mode_parse(const char *text, struct spec_mode *out)
{
    unsigned seen = 0;

    *out = (struct spec_mode){0};
    if (!*text)
        return true;
    for (;;) {
        size_t length = strcspn(text, ",");
        int i = mode_find(text, length);

        if (i < 0 || (seen & 1U << mode_words[i].class))
            return false;
        seen |= 1U << mode_words[i].class;
        mode_apply(out, mode_words[i].word, mode_words[i].class);
        if (!text[length])
            return true;
        text += length + 1;
    }
}

/* What Docker's command line refuses before the daemon sees it. */
static int volume_check_sections(const char *text, struct error *e)
{
    const char *section = text;

    if (!*text)
        return error_set(e, ERROR_SPEC_INVALID, "invalid empty volume spec");
    if (strlen(text) > SPEC_TEXT_MAX)
        return error_set(e, ERROR_SPEC_INVALID,
                         "invalid volume specification: '%.60s…' is longer than %d bytes", text,
                         SPEC_TEXT_MAX);
    if (strlen(text) <= 2)
        return 0;
    for (int i = 0;; i++) {
        size_t length = strcspn(section, ":");

        if (length == 0)
            return error_set(e, ERROR_SPEC_INVALID,
                             "invalid spec: " SPEC_SHOWN ": empty section between colons", text);
        if (!section[length])
            return 0;
        if (i == 2)
            return error_set(e, ERROR_SPEC_INVALID, "invalid spec: " SPEC_SHOWN ": too many colons",
                             text);
        section += length + 1;
    }
}

/* Cuts a copy of the text at its colons: one to three parts. False: not a form of -v. */
static bool volume_split(char *text, char *parts[3], size_t *count)
{
    struct spec_mode ignored;
    char *next = text;

    for (*count = 0; next; (*count)++) {
        if (*count == 3)
            return false;
        parts[*count] = strsep(&next, ":");
    }
    if (!parts[0][0])
        return false;
    /* A mode after a destination: an anonymous volume has none. */
    return *count != 2 || !spec_mode_parse(parts[1], &ignored);
}

static int volume_fill(struct spec_draft *draft, char *parts[3], size_t count,
                       const struct spec_mode *mode)
{
    struct mount_spec *spec = &draft->spec;
    const char *source = count > 1 ? parts[0] : NULL;
    const char *destination = count > 1 ? parts[1] : parts[0];

    spec->type = source && source[0] == '/' ? MOUNT_BIND : MOUNT_VOLUME;
    snprintf(draft->type, sizeof(draft->type), "%s", spec->type == MOUNT_BIND ? "bind" : "volume");
    draft->type_known = true;
    draft->has_volume_options = mode->nocopy;
    draft->has_bind_options = mode->propagation != NULL;
    spec->readonly = mode->readonly;
    spec->label = mode->label;
    spec->nocopy = mode->nocopy;
    spec->create_source = spec->type == MOUNT_BIND;
    if ((source && !(spec->source = strdup(source))) ||
        (*destination && !(spec->destination = strdup(destination))) ||
        (count == 3 && *parts[2] && !(spec->mode = strdup(parts[2]))) ||
        (mode->propagation && !(spec->propagation = strdup(mode->propagation))))
        return -ENOMEM;
    return 0;
}

int spec_parse_volume(const char *text, struct mount_spec *out, struct error *e)
{
    _cleanup_(free_p) char *copy = NULL;
    struct spec_draft draft = {.raw = text};
    struct spec_mode mode;
    char *parts[3] = {0};
    size_t count = 0;
    int r;

    *out = (struct mount_spec){0};
    r = volume_check_sections(text, e);
    if (r)
        return r;
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    if (!volume_split(copy, parts, &count))
        return error_set(e, ERROR_SPEC_INVALID, "invalid volume specification: '" SPEC_SHOWN "'",
                         text);
    if (!spec_mode_parse(count == 3 ? parts[2] : "", &mode))
        return error_set(e, ERROR_SPEC_INVALID, "invalid mode: " SPEC_SHOWN, parts[2]);
    r = volume_fill(&draft, parts, count, &mode);
    if (!r)
        r = spec_draft_finish(&draft, e);
    if (r) {
        mount_spec_deinit(&draft.spec);
        return r;
    }
    *out = draft.spec;
    return 0;
}
