/*
 * Reads /proc/PID/cgroup texts. Hides how each engine spells a container's
 * control group. Pure.
 */
#include "fs/cgroup.h"

#include <stdlib.h>
#include <string.h>

enum { ENGINE_ID_LENGTH = 64 }; /* hex digits of an id that an engine made */

/* A piece of the text: one component of a path, or a part of one. */
struct span {
    const char *start;
    size_t length;
};

static bool span_is(struct span s, const char *text)
{
    return s.length == strlen(text) && memcmp(s.start, text, s.length) == 0;
}

static bool span_starts(struct span s, const char *prefix)
{
    size_t length = strlen(prefix);

    return s.length >= length && memcmp(s.start, prefix, length) == 0;
}

static struct span span_skip(struct span s, size_t count)
{
    return (struct span){s.start + count, s.length - count};
}

/* Takes the suffix off; false if it is not there. */
static bool span_cut_suffix(struct span *s, const char *suffix)
{
    size_t length = strlen(suffix);

    if (s->length < length || memcmp(s->start + s->length - length, suffix, length) != 0)
        return false;
    s->length -= length;
    return true;
}

static bool hex_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool span_is_engine_id(struct span s)
{
    if (s.length != ENGINE_ID_LENGTH)
        return false;
    for (size_t i = 0; i < s.length; i++)
        if (!hex_digit(s.start[i]))
            return false;
    return true;
}

static bool name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

/* Copies an id of an engine. */
static bool take_id(struct span s, char id[CONTAINER_ID_MAX + 1])
{
    if (!span_is_engine_id(s))
        return false;
    memcpy(id, s.start, s.length);
    id[s.length] = 0;
    return true;
}

/* The character at *i, with systemd's \xNN of unit names undone. */
static bool unescape_character(struct span s, size_t *i, char *c)
{
    unsigned value;
    char hex[3] = {0};

    if (s.start[*i] != '\\') {
        *c = s.start[(*i)++];
        return true;
    }
    if (s.length - *i < 4 || s.start[*i + 1] != 'x')
        return false;
    memcpy(hex, s.start + *i + 2, 2);
    if (strspn(hex, "0123456789abcdef") != 2)
        return false;
    value = (unsigned)strtoul(hex, NULL, 16);
    *i += 4;
    *c = (char)value;
    return true;
}

/* Copies a name that a person gave: our alphabet, and not longer than an id. */
static bool take_name(struct span s, char id[CONTAINER_ID_MAX + 1])
{
    char name[CONTAINER_ID_MAX + 1];
    size_t length = 0;

    for (size_t i = 0; i < s.length;) {
        char c;

        if (length == CONTAINER_ID_MAX || !unescape_character(s, &i, &c) || !name_character(c))
            return false;
        name[length++] = c;
    }
    if (length == 0 || name[0] == '.' || name[0] == '-')
        return false;
    name[length] = 0;
    memcpy(id, name, length + 1);
    return true;
}

/*
 * Names with a prefix. Monitors of engines (conmon, lxc.monitor) carry the id
 * of the container they watch and are none themselves; as their prefixes are
 * longer than ours, what is left of them is no id and they fail by themselves.
 */
static const struct prefix {
    const char *prefix;
    bool scope; /* ends in ".scope", or the text is no container's */
    bool named; /* a person's name rather than an engine's id */
} prefixes[] = {
    {"docker-", false, false},
    {"libpod-", false, false},
    {"libpod-payload-", false, false},
    {"cri-containerd-", false, false},
    {"crio-", false, false},
    {"nerdctl-", false, false},
    {"runc-", true, true},
    {"crun-", true, true},
    {"machine-", true, true},
    {"lxc.payload.", false, true},
};

/* libvirt's virtual machines have machine-….scope too. */
static bool is_virtual_machine(struct span s)
{
    return span_starts(s, "qemu-") || span_starts(s, "qemu\\x2d");
}

static bool match_prefixed(struct span component, char id[CONTAINER_ID_MAX + 1])
{
    bool scope = span_cut_suffix(&component, ".scope");

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        const struct prefix *p = &prefixes[i];
        struct span rest;

        if ((p->scope && !scope) || !span_starts(component, p->prefix))
            continue;
        rest = span_skip(component, strlen(p->prefix));
        if (p->named ? !is_virtual_machine(rest) && take_name(rest, id) : take_id(rest, id))
            return true;
    }
    return false;
}

/* systemd-nspawn@NAME.service */
static bool match_nspawn_service(struct span component, char id[CONTAINER_ID_MAX + 1])
{
    static const char prefix[] = "systemd-nspawn@";

    if (!span_starts(component, prefix) || !span_cut_suffix(&component, ".service"))
        return false;
    return take_name(span_skip(component, sizeof(prefix) - 1), id);
}

/* "SLICE:PREFIX:ID": a systemd form of cgroupsPath that a runtime without systemd took literally.
 */
static bool match_literal(struct span component, char id[CONTAINER_ID_MAX + 1])
{
    const char *colon = memrchr(component.start, ':', component.length);

    return colon && take_id(span_skip(component, (size_t)(colon + 1 - component.start)), id);
}

/*
 * One component, with the one before it. An engine's id that stands alone is a
 * container's under any parent (/docker, /kubepods/…/podUID, --cgroup-parent),
 * except under /libpod_parent, where it is a pod's and the container is below.
 */
static bool match_component(struct span before, struct span component,
                            char id[CONTAINER_ID_MAX + 1])
{
    if (span_is(before, "lxc") || span_is(before, "lxc.payload"))
        return take_name(component, id);
    if (!span_is(before, "libpod_parent") && take_id(component, id))
        return true;
    return match_prefixed(component, id) || match_nspawn_service(component, id) ||
           match_literal(component, id);
}

/* nspawn's own process, which waits outside the container it made. */
static bool is_supervisor(struct span component)
{
    return span_is(component, "supervisor");
}

static bool is_container(struct span before, struct span component, struct span after,
                         const struct cgroup_names *names, char id[CONTAINER_ID_MAX + 1])
{
    if (names && take_name(component, id) && names->is_known(names->context, id))
        return true;
    return match_component(before, component, id) && !is_supervisor(after);
}

/* The outermost match in one path. */
static bool path_find(struct span path, const struct cgroup_names *names,
                      char id[CONTAINER_ID_MAX + 1])
{
    struct span before = {path.start, 0};
    const char *end = path.start + path.length;
    const char *at = path.start;

    while (at < end) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        struct span component = {at, (size_t)((slash ? slash : end) - at)};
        struct span after = {end, 0};

        if (slash)
            after = (struct span){slash + 1, (size_t)(end - slash - 1)};
        if (component.length && is_container(before, component, after, names, id))
            return true;
        if (!slash)
            return false;
        before = component;
        at = slash + 1;
    }
    return false;
}

/* "HIERARCHY:CONTROLLERS:PATH": the path may itself hold colons. False: not such a line. */
static bool line_path(struct span line, struct span *path)
{
    const char *first = memchr(line.start, ':', line.length);
    const char *second;
    size_t skip;

    if (!first)
        return false;
    skip = (size_t)(first + 1 - line.start);
    second = memchr(first + 1, ':', line.length - skip);
    if (!second)
        return false;
    *path = span_skip(line, (size_t)(second + 1 - line.start));
    span_cut_suffix(path, " (deleted)");
    return true;
}

bool cgroup_find_container(const char *text, char id[CONTAINER_ID_MAX + 1])
{
    return cgroup_find_known(text, NULL, id);
}

bool cgroup_find_known(const char *text, const struct cgroup_names *names,
                       char id[CONTAINER_ID_MAX + 1])
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        struct span line = {text, length};
        struct span path;

        if (line_path(line, &path) && path_find(path, names, id))
            return true;
        text += length + (text[length] == '\n');
    }
    id[0] = 0;
    return false;
}
