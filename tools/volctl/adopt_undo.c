/*
 * volctl adopt --undo: volumes go back to the engines they came from.
 *
 * An engine that has volumefs as a volume driver finds the volume there, and makes none of its own:
 * so the daemon hides it first. Then the engine makes an empty volume of the old name and labels,
 * and the daemon puts the data into its place. If that does not work the empty volume goes again,
 * and ours is to be seen.
 */
#include "tools/volctl/adopt.h"

#include "tools/volctl/progress.h"

#include "catalog/cleanup.h"

#include <errno.h>
#include <string.h>

static void refuse(struct adopt *adopt, const char *name, const char *reason)
{
    adopt_note(adopt, &(struct adopt_row){
                          .name = name, .size = -1, .result = ADOPT_REFUSED, .reason = reason});
}

/* ---- the engine's volume -------------------------------------------------------------- */

/* What was done to the engine. */
struct prepared {
    bool made;
    bool reloaded;    /* it was asked to look at its volume drivers again … */
    struct error why; /* … and what it said, if it was not content */
};

/* A hidden volume that Podman has on its list keeps it from showing any, until it looks again. */
static int list(struct engine *engine, const char *name, struct prepared *prepared, json_t **out,
                struct error *e)
{
    const struct engine_kind *kind = engine->kind;
    int r = kind->list(engine, out, e);
    const json_t *entry = r ? NULL : engine_find(*out, name);

    if (!kind->reload || prepared->reloaded || (r == 0 && (!entry || !*field_text(entry, "Unfit"))))
        return r;
    json_decref(*out);
    *out = NULL;
    prepared->reloaded = true;
    (void)!kind->reload(engine, &prepared->why);
    r = kind->list(engine, out, e);
    return r && prepared->why.text[0]
               ? error_set(e, r,
                           "%s has it on its list as a volume driver's still, for containers that "
                           "are there; remove those: %s",
                           kind->title, prepared->why.text)
               : r;
}

static int check_entry(const struct engine *engine, const json_t *adoption, const json_t *entry,
                       const struct prepared *prepared, struct error *e)
{
    const char *name = field_text(adoption, "EngineName"), *why = prepared->why.text;

    if (entry && *field_text(entry, "Unfit"))
        return error_set(e, ERROR_REQUEST_INVALID,
                         "%s has another volume of the name \"%s\": %s; remove the containers that "
                         "have it, and rename or remove it%s%s",
                         engine->kind->title, name, field_text(entry, "Unfit"), *why ? ": " : "",
                         why);
    if (entry && strcmp(field_text(entry, "Source"), field_text(adoption, "Source")) == 0)
        return 0;
    return error_set(e, ERROR_REQUEST_INVALID,
                     "%s has no plain volume \"%s\" at %s, where it came from", engine->kind->title,
                     name, field_text(adoption, "Source"));
}

/* Makes it unless it is there. And it has to lie where it did. */
static int prepare(struct engine *engine, const json_t *adoption, struct prepared *prepared,
                   struct error *e)
{
    _cleanup_(json_decref_p) json_t *entries = NULL, *labels = NULL;
    const char *name = field_text(adoption, "EngineName");
    const json_t *given = json_object_get(adoption, "Labels");
    int r;

    if (engine->offline)
        return 0;
    r = list(engine, name, prepared, &entries, e);
    if (r == 0 && !engine_find(entries, name)) {
        labels = json_is_object(given) ? json_incref((json_t *)(uintptr_t)given) : json_object();
        r = labels ? engine->kind->create(engine, name, labels, e) : -ENOMEM;
        prepared->made = r == 0;
        json_decref(entries);
        entries = NULL;
        if (r == 0)
            r = engine->kind->list(engine, &entries, e);
    }
    return r ? r : check_entry(engine, adoption, engine_find(entries, name), prepared, e);
}

/* ---- and ours ---------------------------------------------------------------------------- */

/* POST: engines find it no more; DELETE: they do again. */
static int hide(struct adopt *adopt, const char *method, const char *name, struct error *e)
{
    struct call call = {.method = method, .segments = {"adoptions", name, "leave"}};

    return call_daemon(adopt->options.volctl, &call, NULL, e);
}

static int give(struct adopt *adopt, const char *name, struct error *e)
{
    struct volctl *volctl = adopt->options.volctl;
    struct progress_place place = {{"adoptions", name}};
    struct call call = {.method = "DELETE", .segments = {"adoptions", name}, .patient = true};
    struct progress *progress = progress_start(volctl->socket, &place);
    int r = call_daemon(volctl, &call, NULL, e);

    progress_stop(progress);
    return r;
}

/*
 * All is as it was. A daemon that did not answer may have put the data there: then nothing is
 * removed, and the same again does the rest.
 */
static void restore(struct adopt *adopt, const json_t *adoption, const struct prepared *prepared,
                    bool answered)
{
    struct engine *engine = &adopt->engine;

    if (prepared->made && answered)
        (void)!engine->kind->remove(engine, field_text(adoption, "EngineName"), NULL);
    (void)!hide(adopt, "DELETE", field_text(adoption, "Name"), NULL);
    if (prepared->reloaded)
        (void)!engine->kind->reload(engine, NULL);
}

static int give_back(struct adopt *adopt, const json_t *adoption, struct error *e)
{
    const char *name = field_text(adoption, "Name");
    struct prepared prepared = {0};
    bool answered = true;
    int r = hide(adopt, "POST", name, e);

    if (r)
        return r;
    r = prepare(&adopt->engine, adoption, &prepared, e);
    if (r == 0) {
        r = give(adopt, name, e);
        answered = !call_is_hopeless(r) && r != ERROR_LIMIT;
    }
    if (r)
        restore(adopt, adoption, &prepared, answered);
    return r;
}

/* ---- one -------------------------------------------------------------------------------- */

/* The engine of this one; it may be another than that of the last. */
static bool choose_engine(struct adopt *adopt, const json_t *adoption)
{
    const struct engine_kind *kind = engine_kind_find(field_text(adoption, "Engine"));

    if (kind && kind != adopt->engine.kind)
        engine_deinit(&adopt->engine);
    adopt->engine.kind = kind;
    return kind;
}

static int undo_one(struct adopt *adopt, const json_t *adoption)
{
    struct adopt_row row = {.name = field_text(adoption, "Name"),
                            .size = -1,
                            .result = adopt->dry_run ? ADOPT_PLANNED : ADOPT_DONE};
    struct error e = {0};
    int r = 0;

    if (!choose_engine(adopt, adoption)) {
        refuse(adopt, row.name, "it came from an engine that this volctl does not know");
        return 0;
    }
    if (!adopt->dry_run)
        r = give_back(adopt, adoption, &e);
    if (r)
        refuse(adopt, row.name, *e.text ? e.text : strerror(r < 0 ? -r : EIO));
    else
        adopt_note(adopt, &row);
    return r && call_is_hopeless(r) ? r : 0;
}

/* What has no record is asked of the daemon all the same: it may be on its way here. */
static int undo_unknown(struct adopt *adopt, const char *name)
{
    struct call call = {.method = "DELETE", .segments = {"adoptions", name}};
    struct error e = {0};
    int r = adopt->dry_run ? error_set(&e, ERROR_NOT_FOUND, "it was not taken over, or not moved")
                           : call_daemon(adopt->options.volctl, &call, NULL, &e);

    if (r)
        refuse(adopt, name, *e.text ? e.text : strerror(r < 0 ? -r : EIO));
    else
        adopt_note(adopt, &(struct adopt_row){.name = name,
                                              .size = -1,
                                              .result = ADOPT_LEFT_OUT,
                                              .reason = "copying it here is given up"});
    return r && call_is_hopeless(r) ? r : 0;
}

/* ---- which ------------------------------------------------------------------------------ */

static int undo_named(struct adopt *adopt, const json_t *adoptions)
{
    int r = 0;

    for (int i = 0; i < adopt->name_count && r == 0; i++) {
        const json_t *adoption = engine_find(adoptions, adopt->names[i]);

        r = adoption && field_bool(adoption, "Moved") ? undo_one(adopt, adoption)
                                                      : undo_unknown(adopt, adopt->names[i]);
    }
    return r;
}

/* Those that were copied are the engine's still. */
static int undo_all(struct adopt *adopt, const json_t *adoptions)
{
    json_t *adoption;
    size_t i;
    int r = 0;

    json_array_foreach(adoptions, i, adoption)
    {
        if (r == 0 && field_bool(adoption, "Moved"))
            r = undo_one(adopt, adoption);
    }
    return r;
}

int adopt_undo(struct adopt *adopt)
{
    _cleanup_(json_decref_p) json_t *answer = NULL;
    struct call call = {.method = "GET", .segments = {"adoptions"}};
    const json_t *adoptions;
    struct error e = {0};
    int r = call_daemon(adopt->options.volctl, &call, &answer, &e);

    if (r)
        return volctl_report(r, &e);
    adoptions = json_object_get(answer, "Adoptions");
    r = adopt->name_count > 0 ? undo_named(adopt, adoptions) : undo_all(adopt, adoptions);
    return r ? EXIT_ERROR : EXIT_OK;
}
