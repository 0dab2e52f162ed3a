/* Variables for a container's environment; see environment.h. Rules: docker/cli opts/env.go,
 * file.go. */
#include "tools/volctl/environment.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Where the key is, or the array's size. */
static size_t environment_find(const json_t *env, const char *key, size_t length)
{
    size_t i;
    json_t *item;

    json_array_foreach(env, i, item)
    {
        const char *text = json_string_value(item);

        if (text && strncmp(text, key, length) == 0 && text[length] == '=')
            return i;
    }
    return json_array_size(env);
}

const char *environment_get(const json_t *env, const char *key)
{
    size_t length = strlen(key);
    const json_t *item = json_array_get(env, environment_find(env, key, length));

    return item ? json_string_value(item) + length + 1 : NULL;
}

static int environment_set(json_t *env, const char *text, struct error *e)
{
    size_t at = environment_find(env, text, strcspn(text, "="));
    json_t *value = json_string(text);
    int r;

    if (!value)
        return error_set(e, ERROR_REQUEST_INVALID, "the variable '%s' is not UTF-8", text);
    r = at < json_array_size(env) ? json_array_set_new(env, at, value)
                                  : json_array_append_new(env, value);
    return r < 0 ? -ENOMEM : 0;
}

int environment_add(json_t *env, const char *text, struct error *e)
{
    _cleanup_(free_p) char *whole = NULL;
    const char *value;

    if (!*text || *text == '=')
        return error_set(e, ERROR_REQUEST_INVALID,
                         "the variable '%s' has no name; write NAME=VALUE", text);
    if (strchr(text, '='))
        return environment_set(env, text, e);
    value = getenv(text);
    if (!value)
        return 0;
    if (asprintf(&whole, "%s=%s", text, value) < 0) {
        whole = NULL;
        return -ENOMEM;
    }
    return environment_set(env, whole, e);
}

/* The whole of a regular file or a pipe, up to the bound. */
static int file_read(const char *path, char **out, struct error *e)
{
    _cleanup_(fclose_p) FILE *file = fopen(path, "re");
    _cleanup_(free_p) char *text = calloc(1, ENVIRONMENT_FILE_MAX + 2);
    size_t length;

    if (!file)
        return error_set(e, ERROR_REQUEST_INVALID, "cannot read --env-file %s: %s", path,
                         strerror(errno));
    if (!text)
        return -ENOMEM;
    length = fread(text, 1, ENVIRONMENT_FILE_MAX + 1, file);
    if (ferror(file))
        return error_set(e, ERROR_REQUEST_INVALID, "cannot read --env-file %s: %s", path,
                         strerror(errno));
    if (length > ENVIRONMENT_FILE_MAX || strlen(text) < length)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "--env-file %s is larger than %d KiB or no text; it has lines NAME=VALUE",
                         path, ENVIRONMENT_FILE_MAX >> 10);
    *out = steal_pointer(&text);
    return 0;
}

static int line_add(json_t *env, char *line, const char *path, unsigned number, struct error *e)
{
    size_t length;

    line += strspn(line, " \t");
    length = strlen(line);
    if (length && line[length - 1] == '\r')
        line[length - 1] = 0;
    if (!*line || *line == '#')
        return 0;
    if (*line == '=' || strcspn(line, " \t") < strcspn(line, "="))
        return error_set(e, ERROR_REQUEST_INVALID,
                         "--env-file %s, line %u: '%s' is no variable; write NAME=VALUE", path,
                         number, line);
    return environment_add(env, line, e);
}

int environment_add_file(json_t *env, const char *path, struct error *e)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as some editors write it */
    _cleanup_(free_p) char *text = NULL;
    unsigned number = 1;
    char *rest, *line;
    int r = file_read(path, &text, e);

    if (r || !text)
        return r;
    rest = strncmp(text, mark, sizeof(mark) - 1) == 0 ? text + sizeof(mark) - 1 : text;
    for (; r == 0 && (line = strsep(&rest, "\n")); number++)
        r = line_add(env, line, path, number, e);
    return r;
}
