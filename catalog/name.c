/*
 * Names and ids: which bytes are allowed, and new random ones.
 *
 * A name becomes a directory entry of the tree, a JSON string and an argument
 * of other people's shells; the alphabet is what Docker and Podman allow, which is
 * safe in all three. Only ASCII passes, whatever the locale.
 */
#include "catalog/name.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define NAME_ALPHABET "[a-zA-Z0-9][a-zA-Z0-9_.-]"

enum { RANDOM_BYTES_MAX = 128 };

static bool name_is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_is_in_alphabet(const char *name)
{
    if (!name_is_alphanumeric(name[0]))
        return false;
    for (const char *c = name + 1; *c; c++)
        if (!name_is_alphanumeric(*c) && *c != '_' && *c != '.' && *c != '-')
            return false;
    return true;
}

int name_check_volume(const char *name, struct error *e)
{
    if (!name || !*name)
        return error_set(e, ERROR_NAME_INVALID, "volume name is empty: give it at least one of %s",
                         NAME_ALPHABET);
    if (strnlen(name, NAME_MAX_LENGTH + 1) > NAME_MAX_LENGTH)
        return error_set(e, ERROR_NAME_INVALID,
                         "volume name \"%.32s...\" is too long: at most %d bytes are allowed", name,
                         NAME_MAX_LENGTH);
    if (!name_is_in_alphabet(name))
        return error_set(e, ERROR_NAME_INVALID,
                         "\"%s\" includes invalid characters for a local volume name, only "
                         "\"" NAME_ALPHABET "\" are allowed. If you intended to pass a host "
                         "directory, use absolute path",
                         name);
    return 0;
}

int name_check_container(const char *name, struct error *e)
{
    if (!name || !*name)
        return error_set(e, ERROR_NAME_INVALID,
                         "container name is empty: give it at least one of %s", NAME_ALPHABET);
    if (strnlen(name, NAME_MAX_LENGTH + 1) > NAME_MAX_LENGTH)
        return error_set(e, ERROR_NAME_INVALID,
                         "container name \"%.32s...\" is too long: at most %d bytes are allowed",
                         name, NAME_MAX_LENGTH);
    if (!name_is_in_alphabet(name))
        return error_set(e, ERROR_NAME_INVALID,
                         "Invalid container name (%s), only " NAME_ALPHABET " are allowed", name);
    return 0;
}

static bool name_is_hex(const char *text, size_t length)
{
    if (!text || strnlen(text, length + 1) != length)
        return false;
    return strspn(text, "0123456789abcdef") == length;
}

bool name_is_anonymous(const char *name)
{
    return name_is_hex(name, ANONYMOUS_NAME_LENGTH);
}

bool name_is_volume_id(const char *id)
{
    return name_is_hex(id, VOLUME_ID_LENGTH);
}

static int name_fill_random(unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t n = getrandom(bytes, length, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

int name_make_random(char *out, size_t length)
{
    unsigned char bytes[RANDOM_BYTES_MAX];

    for (size_t done = 0; done < length;) {
        size_t n = length - done < sizeof(bytes) ? length - done : sizeof(bytes);
        int r = name_fill_random(bytes, n);

        if (r)
            return r;
        for (size_t i = 0; i < n; i++)
            out[done + i] = "0123456789abcdef"[bytes[i] & 15];
        done += n;
    }
    out[length] = 0;
    return 0;
}
