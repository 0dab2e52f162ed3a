/* What attach and container create share; see mounts.h. */
#include "tools/volctl/mounts.h"

#include "tools/volctl/arguments.h"
#include "tools/volctl/call.h"
#include "tools/volctl/table.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <string.h>

json_t *mounts_body(struct mounts *mounts)
{
    *mounts = (struct mounts){json_array(), json_array(), json_array()};
    return json_pack("{s:o, s:o, s:o}", "Volumes", mounts->volumes, "Mounts", mounts->mounts,
                     "VolumesFrom", mounts->from);
}

static void add_text(struct argp_state *state, json_t *array, const char *text)
{
    if (json_array_append_new(array, json_string(text)) < 0)
        argp_error(state, "'%s' is not UTF-8", text);
}

/* Host paths are relative to where the user is, not to where the daemon is. */
static void add_spec(struct argp_state *state, json_t *specs, const char *spec,
                     char *(*make_absolute)(const char *spec, const char *cwd))
{
    _cleanup_(free_p) char *cwd = getcwd(NULL, 0);
    _cleanup_(free_p) char *absolute = cwd ? make_absolute(spec, cwd) : NULL;

    add_text(state, specs, absolute ? absolute : spec);
}

/* "web": neither a path nor a name with one. The daemon's text for it, Docker's, is no help. */
void mounts_add_volume(struct mounts *mounts, const char *spec, struct argp_state *state)
{
    if (*spec && spec[0] != '/' && !strchr(spec, ':'))
        argp_error(state, "where in the container is '%s' to be? write %s:/PATH", spec, spec);
    add_spec(state, mounts->volumes, spec, arguments_absolute_volume);
}

error_t mounts_parse(struct mounts *mounts, int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'v':
        mounts_add_volume(mounts, arg, state);
        return 0;
    case MOUNTS_MOUNT:
        add_spec(state, mounts->mounts, arg, arguments_absolute_mount);
        return 0;
    case MOUNTS_FROM:
        add_text(state, mounts->from, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

bool mounts_are_given(const struct mounts *mounts)
{
    return json_array_size(mounts->volumes) || json_array_size(mounts->mounts) ||
           json_array_size(mounts->from);
}

int mounts_print(const json_t *answer)
{
    static const struct column columns[] = {{"DESTINATION"},
                                            {"TYPE"},
                                            {"SOURCE", .name_of_volume = true, .trunc = true},
                                            {"ACCESS"},
                                            {"MODE"}};
    _cleanup_(table_free_p) struct table *table =
        table_new(columns, sizeof(columns) / sizeof(columns[0]));
    json_t *mount;
    size_t i;

    if (!table)
        return volctl_report(-ENOMEM, NULL);
    json_array_foreach(json_object_get(answer, "Mounts"), i, mount)
    {
        const char *name = field_text(mount, "Name");

        if (table_add(table, (const char *const[]){field_text(mount, "Destination"),
                                                   field_text(mount, "Type"),
                                                   *name ? name : field_text(mount, "Source"),
                                                   field_bool(mount, "RW") ? "rw" : "ro",
                                                   field_text(mount, "Mode")}) < 0)
            return volctl_report(-ENOMEM, NULL);
    }
    return table_print(table) == 0 ? EXIT_OK : volctl_report(-EIO, NULL);
}
