/*
 * From the mounts of a bundle to those in volumes, each as the --mount specification that the
 * daemon takes.
 */
#include "tools/hook/ours.h"

#include "catalog/cleanup.h"
#include "catalog/spec.h"
#include "catalog/spec_csv.h"

#include <errno.h>
#include <string.h>

static void our_mount_deinit(struct our_mount *mount)
{
    free(mount->path);
    free(mount->destination);
    free(mount->spec);
    *mount = (struct our_mount){0};
}

void ours_deinit(struct ours *ours)
{
    for (size_t i = 0; i < ours->count; i++)
        our_mount_deinit(&ours->items[i]);
    free(ours->items);
    *ours = (struct ours){0};
}

/* A path below `directory`, unless it is absolute. NULL: no memory. */
static char *path_join(const char *directory, const char *path)
{
    char *out;

    if (path[0] == '/')
        return strdup(path);
    return asprintf(&out, "%s/%s", directory, path) < 0 ? NULL : out;
}

static int field_write(FILE *stream, const char *key, const char *value)
{
    _cleanup_(free_p) char *field = NULL;

    if (asprintf(&field, "%s=%s", key, value) < 0) {
        field = NULL;
        return -ENOMEM;
    }
    fputc(',', stream);
    csv_field_write(stream, field);
    return 0;
}

static int spec_write(const struct our_mount *mount, const struct bundle_mount *bind, char **out)
{
    size_t size = 0;
    FILE *stream = open_memstream(out, &size);
    int r;

    if (!stream)
        return -ENOMEM;
    fputs("type=bind", stream);
    r = field_write(stream, "source", mount->path);
    if (r == 0)
        r = field_write(stream, "target", mount->destination);
    if (r == 0 && bind->propagation)
        r = field_write(stream, "bind-propagation", bind->propagation);
    if (r == 0 && bind->relabel)
        r = field_write(stream, "relabel", bind->relabel);
    if (bind->readonly)
        fputs(",readonly", stream);
    return fclose(stream) != 0 ? -ENOMEM : r;
}

/* Runtimes take a relative destination for one below the container's root. */
static int our_mount_init(struct our_mount *mount, const struct bundle_mount *bind)
{
    _cleanup_(free_p) char *destination = path_join("", bind->destination);

    mount->destination = destination ? spec_clean_path(destination) : NULL;
    return mount->destination ? spec_write(mount, bind, &mount->spec) : -ENOMEM;
}

/* Takes the mount over, also where it fails. */
static int ours_add(struct ours *ours, struct our_mount *mount)
{
    struct our_mount *grown;

    for (size_t i = 0; i < ours->count; i++) {
        if (strcmp(ours->items[i].destination, mount->destination) != 0)
            continue;
        our_mount_deinit(&ours->items[i]);
        ours->items[i] = *mount;
        return 0;
    }
    grown = reallocarray(ours->items, ours->count + 1, sizeof(*grown));
    if (!grown) {
        our_mount_deinit(mount);
        return -ENOMEM;
    }
    ours->items = grown;
    grown[ours->count++] = *mount;
    return 0;
}

static int ours_consider(struct ours *ours, const struct bundle_mount *bind, const char *directory,
                         const struct trees *trees)
{
    _cleanup_(free_p) char *source = path_join(directory, bind->source);
    struct our_mount mount = {0};
    int r = source ? trees_find(trees, source, &mount.path) : -ENOMEM;

    if (r || !mount.path)
        return r;
    r = our_mount_init(&mount, bind);
    if (r) {
        our_mount_deinit(&mount);
        return r;
    }
    return ours_add(ours, &mount);
}

int ours_collect(const struct bundle *bundle, const char *directory, const struct trees *trees,
                 struct ours *out)
{
    struct bundle_mount bind;
    size_t at = 0;
    int r = 0;

    *out = (struct ours){0};
    while (r == 0 && bundle_next_bind(bundle, &at, &bind))
        r = ours_consider(out, &bind, directory, trees);
    if (r)
        ours_deinit(out);
    return r;
}
