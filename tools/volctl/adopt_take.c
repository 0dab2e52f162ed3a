/*
 * volctl adopt ENGINE: volumes of an engine become ours.
 *
 * The engine says what there is and who has it, the daemon takes the directory over, and then the
 * engine's own entry of a volume that was moved is removed. If that does not work the data is here
 * all the same, and the same command does the rest.
 */
#include "tools/volctl/adopt.h"

#include "tools/volctl/progress.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void refuse(struct adopt *adopt, const char *name, enum adopt_result result,
                   const char *reason)
{
    adopt_note(adopt,
               &(struct adopt_row){.name = name, .size = -1, .result = result, .reason = reason});
}

/* ---- may it be --------------------------------------------------------------------- */

/* Says so and is false if containers of the engine are in the way. */
static bool check_users(struct adopt *adopt, const json_t *entry)
{
    const char *name = field_text(entry, "Name");
    const json_t *running = json_object_get(entry, "Running");
    const json_t *stopped = json_object_get(entry, "Stopped");
    bool runs = json_array_size(running) > 0;
    _cleanup_(free_p) char *users = NULL, *reason = NULL;
    int n;

    if (!runs && (adopt->copy || adopt->force || json_array_size(stopped) == 0))
        return true;
    users = adopt_join(runs ? running : stopped);
    if (runs)
        n = asprintf(&reason, "it is in use by running containers: %s; stop them first",
                     users ? users : "?");
    else
        n = asprintf(&reason,
                     "stopped containers have it: %s; remove them, or --copy it, or --force: they "
                     "do not start again then, and are to be made anew with its path in the tree",
                     users ? users : "?");
    refuse(adopt, name, ADOPT_REFUSED, n < 0 ? "it is in use" : reason);
    return false;
}

static bool check(struct adopt *adopt, const json_t *entry)
{
    const char *unfit = field_text(entry, "Unfit");

    if (!*unfit)
        return check_users(adopt, entry);
    refuse(adopt, field_text(entry, "Name"), adopt->all ? ADOPT_LEFT_OUT : ADOPT_REFUSED, unfit);
    return false;
}

/* ---- it is taken over ---------------------------------------------------------------- */

static int request(struct adopt *adopt, const json_t *entry, json_t **answer, struct error *e)
{
    struct volctl *volctl = adopt->options.volctl;
    const char *name = field_text(entry, "Name");
    struct progress_place place = {{"adoptions", name}};
    _cleanup_(json_decref_p) json_t *body =
        json_pack("{s:s, s:s, s:s, s:O, s:s, s:O, s:b, s:b}", "Name", name, "Engine",
                  adopt->engine.kind->name, "Source", field_text(entry, "Source"), "Labels",
                  json_object_get(entry, "Labels"), "CreatedAt", field_text(entry, "CreatedAt"),
                  "Anonymous", json_object_get(entry, "Anonymous"), "Move", (int)!adopt->copy,
                  "DryRun", (int)adopt->dry_run);
    struct call call = {.method = "POST", .segments = {"adoptions"}, .body = body, .patient = true};
    struct progress *progress;
    int r;

    if (!body)
        return -ENOMEM;
    progress = adopt->dry_run ? NULL : progress_start(volctl->socket, &place);
    r = call_daemon(volctl, &call, answer, e);
    progress_stop(progress);
    return r;
}

/* The engine's entry, which has no data any more or what was copied. NULL: all is well. */
static char *remove_entry(struct adopt *adopt, const json_t *entry)
{
    const char *name = field_text(entry, "Name");
    const struct engine_kind *kind = adopt->engine.kind;
    const json_t *stopped = json_object_get(entry, "Stopped");
    _cleanup_(free_p) char *users = NULL;
    struct error e = {0};
    char *text = NULL;
    int r, n;

    if (adopt->engine.offline) {
        n = asprintf(&text, "once %s runs, remove its entry: %s volume rm %s", kind->title,
                     kind->name, name);
    } else if (json_array_size(stopped) > 0) {
        users = adopt_join(stopped);
        n = asprintf(&text,
                     "%s lists it still, for stopped containers: %s; remove them, then: %s volume "
                     "rm %s",
                     kind->title, users ? users : "?", kind->name, name);
    } else {
        r = kind->remove(&adopt->engine, name, &e);
        if (r == 0)
            return NULL;
        adopt->failed = true;
        n = asprintf(&text, "it is here, but %s lists it still: %s; then: %s volume rm %s",
                     kind->title, *e.text ? e.text : "it cannot be removed", kind->name, name);
    }
    return n < 0 ? NULL : text;
}

static int take_one(struct adopt *adopt, const json_t *entry)
{
    _cleanup_(json_decref_p) json_t *answer = NULL;
    _cleanup_(free_p) char *left = NULL;
    struct error e = {0};
    struct adopt_row row = {.name = field_text(entry, "Name"), .size = -1};
    int r = request(adopt, entry, &answer, &e);

    if (r) {
        refuse(adopt, row.name, ADOPT_REFUSED, *e.text ? e.text : strerror(r < 0 ? -r : EIO));
        return call_is_hopeless(r) ? r : 0;
    }
    row.how = field_bool(answer, "Copied") ? "copy" : "rename";
    if (json_is_integer(json_object_get(answer, "Size")))
        row.size = field_number(answer, "Size");
    row.result = adopt->dry_run ? ADOPT_PLANNED : ADOPT_DONE;
    if (!adopt->copy && !adopt->dry_run)
        left = remove_entry(adopt, entry);
    row.reason = left;
    adopt_note(adopt, &row);
    return 0;
}

/* ---- which ---------------------------------------------------------------------------- */

static int take_named(struct adopt *adopt, const json_t *entries)
{
    int r = 0;

    for (int i = 0; i < adopt->name_count && r == 0; i++) {
        const json_t *entry = engine_find(entries, adopt->names[i]);

        if (!entry)
            refuse(adopt, adopt->names[i], ADOPT_REFUSED, "the engine has no volume of that name");
        else if (check(adopt, entry))
            r = take_one(adopt, entry);
    }
    return r;
}

static int take_all(struct adopt *adopt, const json_t *entries)
{
    json_t *entry;
    size_t i;
    int r = 0;

    json_array_foreach(entries, i, entry)
    {
        if (r == 0 && check(adopt, entry))
            r = take_one(adopt, entry);
    }
    return r;
}

int adopt_take(struct adopt *adopt)
{
    _cleanup_(json_decref_p) json_t *entries = NULL;
    struct error e = {0};
    int r = adopt->engine.kind->list(&adopt->engine, &entries, &e);

    if (r)
        return volctl_report(r, &e);
    return (adopt->all ? take_all : take_named)(adopt, entries) ? EXIT_ERROR : EXIT_OK;
}
