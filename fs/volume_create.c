/*
 * Making a volume: store, then catalog, then table; a failure undoes them in
 * reverse. A crash after the store leaves a directory without a row, which is
 * reported at the next start; nobody was told that the volume exists.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ANONYMOUS_LABEL "com.docker.volume.anonymous" /* as the Docker Engine marks its own */

int volume_check_request(const struct volume_request *request, struct error *e)
{
    const char *driver = request->driver ? request->driver : "";

    if (*driver && strcmp(driver, "local") != 0 && strcmp(driver, "volumefs") != 0)
        return error_set(e, ERROR_DRIVER_UNKNOWN,
                         "create %s: volume driver plugin \"%s\" not found; leave the driver out, "
                         "or use \"local\"",
                         request->name, driver);
    return name_check_volume(request->name, e);
}

/* Without root a volume belongs to the daemon's user: it cannot make others'. */
static struct store_root root_default(const struct volume_request *request)
{
    bool root = geteuid() == 0;

    if (request->has_owner)
        return request->root;
    return (struct store_root){
        .uid = root ? 0 : geteuid(), .gid = root ? 0 : getegid(), .mode = 0755};
}

static int volume_describe(struct volumes *volumes, const struct volume_request *request,
                           enum volume_kind kind, struct volume *out, struct store_root *root,
                           struct error *e)
{
    int r;

    snprintf(out->name, sizeof(out->name), "%s", request->name);
    snprintf(out->driver, sizeof(out->driver), "local");
    out->kind = kind;
    out->readonly = request->readonly;
    out->created_at = time_now();
    *root = root_default(request);
    r = volume_apply_options(&request->options, out, root, e);
    if (r)
        return r;
    r = pairs_copy(&out->options, &request->options);
    if (r == 0)
        r = volume_context_compose(volumes, out, e);
    if (r == 0)
        r = pairs_copy(&out->labels, &request->labels);
    if (r == 0 && kind == VOLUME_ANONYMOUS)
        r = pairs_set(&out->labels, ANONYMOUS_LABEL, "");
    return r;
}

/* The texts of what failed first stay: undoing is silent. */
static void volume_unmake(struct volumes *volumes, const char *id, bool has_row)
{
    if (has_row && catalog_volume_tombstone(volumes->catalog, id, NULL) != 0)
        return; /* the volume stays whole, if unseen until the next start */
    if (store_discard(volumes->store, id, NULL) == 0)
        volumes_wake_trash(volumes);
}

static int volume_make(struct volumes *volumes, struct volume *volume,
                       const struct store_root *root, struct volume_ref *ref, struct error *e)
{
    int r;

    r = store_create(volumes->store, volume, root, e);
    if (r)
        return r;
    r = catalog_volume_insert(volumes->catalog, volume, e);
    if (r) {
        volume_unmake(volumes, volume->id, false);
        return r;
    }
    r = volume_table_insert(volumes->table, volume, ref);
    if (r) {
        volume_unmake(volumes, volume->id, true);
        return error_set(e, r, "create %s: out of memory for the table of volumes", volume->name);
    }
    volumes_wake_spares(volumes);
    return 0;
}

static bool pairs_serve(const struct volume_request *request, const struct pairs *wanted,
                        const struct pairs *has)
{
    return (request->existing && !wanted->count) || pairs_equal(wanted, has);
}

/* An existing volume serves if it is what was asked for. */
static int volume_compare(const struct volume_request *request, const struct volume *volume,
                          struct error *e)
{
    const char *what = NULL;

    if (request->exclusive)
        return error_set(e, ERROR_EXISTS, "create %s: a volume of that name exists", volume->name);
    if (!pairs_serve(request, &request->options, &volume->options))
        what = "options";
    else if (!pairs_serve(request, &request->labels, &volume->labels))
        what = "labels";
    else if (request->readonly && !volume->readonly)
        what = "mode (it is not read-only)";
    if (!what)
        return 0;
    return error_set(e, ERROR_EXISTS,
                     "create %s: a volume of that name exists with other %s; see it with: volctl "
                     "inspect %s",
                     volume->name, what, volume->name);
}

int volume_find_or_make(struct volumes *volumes, const struct volume_request *request,
                        enum volume_kind kind, struct volume *out, struct volume_ref *ref,
                        bool *created, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct volume_entry entry;
    struct store_root root;
    int r;

    *created = !volume_table_find(volumes->table, request->name, &entry);
    if (*created) {
        r = volume_describe(volumes, request, kind, &volume, &root, e);
        if (r == 0)
            r = volume_make(volumes, &volume, &root, ref, e);
    } else {
        *ref = entry.ref;
        r = catalog_volume_get_by_id(volumes->catalog, entry.id, &volume, e);
        if (r == 0)
            r = volume_compare(request, &volume, e);
    }
    if (r)
        return r;
    *out = volume;
    volume = (struct volume){0};
    return 0;
}

int volumes_create(struct volumes *volumes, const struct volume_request *request,
                   struct volume *out, bool *created, struct error *e)
{
    _cleanup_(volume_deinit) struct volume volume = {0};
    char generated[ANONYMOUS_NAME_LENGTH + 1];
    struct volume_request named = *request;
    bool anonymous = !request->name || !*request->name;
    struct volume_ref ref;
    bool made;
    int r = 0;

    if (anonymous) {
        r = name_make_random(generated, ANONYMOUS_NAME_LENGTH);
        named.name = generated;
    }
    if (r == 0)
        r = volume_check_request(&named, e);
    if (r)
        return r;
    stripes_lock(volumes, stripe_of(named.name));
    r = volume_find_or_make(volumes, &named, anonymous ? VOLUME_ANONYMOUS : VOLUME_NAMED, &volume,
                            &ref, &made, e);
    if (r == 0 && made)
        volume_event_created(volumes, &volume);
    stripes_unlock(volumes, stripe_of(named.name));
    if (r)
        return r;
    if (made && request->origin == ORIGIN_API)
        volumes_tell_created(volumes, volume.name);
    if (created)
        *created = made;
    if (out) {
        *out = volume;
        volume = (struct volume){0};
    }
    return 0;
}
