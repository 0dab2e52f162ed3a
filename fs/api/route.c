/*
 * Matching of paths and decoding of what stands in them. Pure.
 *
 * A path is split at its slashes before it is decoded, so that an encoded
 * slash stays within the component it was written in and is refused as part of
 * a name, not taken for another route.
 */
#include "fs/api/route.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",
    [HTTP_POST] = "POST",
    [HTTP_PATCH] = "PATCH",
    [HTTP_DELETE] = "DELETE",
};

bool http_method_parse(const char *text, enum http_method *out)
{
    if (strcmp(text, "HEAD") == 0)
        text = "GET";
    for (int i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (strcmp(text, method_names[i]) != 0)
            continue;
        *out = (enum http_method)i;
        return true;
    }
    return false;
}

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool decode(const char *text, size_t length, bool plus_is_space, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)text[i];

        if (c == '+' && plus_is_space)
            c = ' ';
        if (c == '%') {
            int high = length - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

            if (low < 0)
                return false;
            c = high << 4 | low;
            i += 2;
        }
        if (c == 0 || used + 1 >= size)
            return false;
        out[used++] = (char)c;
    }
    out[used] = 0;
    return true;
}

bool percent_decode(const char *text, size_t length, char *out, size_t size)
{
    return decode(text, length, false, out, size);
}

bool query_value_decode(const char *text, char *out, size_t size)
{
    return decode(text, strlen(text), true, out, size);
}

bool content_type_is_json(const char *value)
{
    static const char json[] = "application/json";
    size_t length = strcspn(value, "; \t");

    return length == sizeof(json) - 1 && strncasecmp(value, json, length) == 0;
}

/* "/v1.41", and a slash or the end behind it. */
static bool version_parse(const char *path, int *major, int *minor, size_t *length)
{
    static const char digits[] = "0123456789";
    size_t first, second;

    if (path[0] != '/' || path[1] != 'v')
        return false;
    first = strspn(path + 2, digits);
    if (first == 0 || first > 4 || path[2 + first] != '.')
        return false;
    second = strspn(path + 3 + first, digits);
    *length = 3 + first + second;
    if (second == 0 || second > 4 || (path[*length] && path[*length] != '/'))
        return false;
    return sscanf(path, "/v%4d.%4d", major, minor) == 2; // NOLINT(cert-err34-c): digits, few
}

int route_take_version(const struct http_service *service, const char **path, int *minor,
                       struct error *e)
{
    int major = 0;
    size_t length;

    *minor = 0;
    if (!service->minor_max || !version_parse(*path, &major, minor, &length))
        return 0;
    if (major < 1 || (major == 1 && *minor < service->minor_min))
        return error_set(e, ERROR_REQUEST_INVALID,
                         "client version %d.%d is too old. Minimum supported API version is 1.%d, "
                         "please upgrade your client to a newer version",
                         major, *minor, service->minor_min);
    if (major > 1 || *minor > service->minor_max)
        return error_set(e, ERROR_REQUEST_INVALID,
                         "client version %d.%d is too new. Maximum supported API version is 1.%d",
                         major, *minor, service->minor_max);
    *path += length;
    return 0;
}

/* Whether the path has the pattern's form. A placeholder takes a component that is not empty. */
static bool pattern_fits(const char *pattern, const char *path)
{
    while (*pattern && *path) {
        if (*pattern == ':') {
            size_t length = strcspn(path, "/");

            if (length == 0)
                return false;
            pattern++;
            path += length;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return !*pattern && !*path;
}

static int arguments_decode(const char *pattern, const char *path, struct request *request,
                            struct error *e)
{
    size_t count = 0;

    for (; *pattern; pattern++) {
        size_t length;

        if (*pattern != ':') {
            path++;
            continue;
        }
        length = strcspn(path, "/");
        if (count == ROUTE_ARGUMENTS_MAX ||
            !percent_decode(path, length, request->arguments[count++], ROUTE_ARGUMENT_SIZE))
            return error_set(e, ERROR_REQUEST_INVALID,
                             "'%.*s' in the path is too long or not properly percent-encoded",
                             length > 100 ? 100 : (int)length, path);
        path += length;
    }
    return 0;
}

int route_match(const struct http_service *service, enum http_method method, const char *path,
                struct route_match *match, struct request *request, struct error *e)
{
    *match = (struct route_match){0};
    for (size_t i = 0; i < service->route_count; i++) {
        const struct route *route = &service->routes[i];

        if (!pattern_fits(route->pattern, path))
            continue;
        match->methods |= 1U << route->method;
        if (!match->route && route->method == method)
            match->route = route;
    }
    return match->route ? arguments_decode(match->route->pattern, path, request, e) : 0;
}
