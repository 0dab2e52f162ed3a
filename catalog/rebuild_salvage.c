/*
 * What only the old catalog knew: containers, how they are run, attachments, uses, times of last
 * use, and a volume whose volume.json cannot be read.
 *
 * Each table is read forwards and, if that meets damage, backwards, and then by
 * key: what lies between two damaged pages is found by asking for each volume
 * (or container) that is known from elsewhere. An attachment is also known by
 * its entry in the index attachments_by_volume, so that a reference outlives
 * its row: better one that is read-only until it is made again than a volume
 * that looks unused to `prune`. What may be missing after all that is reported,
 * by table.
 */
#include "catalog/rebuild_private.h"
#include "catalog/schema.h"

#include <errno.h>
#include <string.h>

#define ATTACH_AGAIN "attach containers again before you prune"

typedef int taker(struct rebuild *rebuild, struct query *query, struct error *e);

int salvage_open(struct rebuild *rebuild, struct error *e)
{
    struct error why = {0};
    int r;

    r = catalog_inspect_open(&rebuild->old, rebuild->store_fd, rebuild->path, &why);
    if (!r)
        r = schema_inspect(rebuild->old, &rebuild->old_version, &why);
    if (r == ERROR_NEWER)
        return error_set(e, r,
                         "%.400s. To rebuild from the volumes alone, move %.200s/" CATALOG_FILE
                         " away first",
                         why.text, rebuild->path);
    if (r == -ENOMEM)
        return r;
    if (r) {
        rebuild->old = db_free(rebuild->old);
        rebuild_report_lost(
            rebuild, "containers and attachments cannot be recovered: %s; " ATTACH_AGAIN, why.text);
    }
    return 0;
}

/* ---- reading damaged tables ------------------------------------------- */

/* Calls `take` for each row until damage, which is returned in *damaged. Only errors of `take`
 * count. `key` is bound as ?1 if it is not NULL. */
static int salvage_rows(struct rebuild *rebuild, const char *sql, const char *key, taker *take,
                        bool *damaged, struct error *e)
{
    _query_ struct query *query = db_query(rebuild->old, sql);
    bool row;
    int damage;

    if (key)
        query_bind_text(query, 1, key);
    for (damage = query_step(query, &row, NULL); !damage && row;
         damage = query_step(query, &row, NULL)) {
        int r = take(rebuild, query, e);

        if (r)
            return r;
    }
    *damaged |= damage != 0;
    return 0;
}

/* Forwards, and if damage ends that, backwards. `take` must bear to see a row twice. */
static int salvage_both_ways(struct rebuild *rebuild, const char *const queries[2], taker *take,
                             bool *damaged, struct error *e)
{
    bool backwards = false;
    int r = salvage_rows(rebuild, queries[0], NULL, take, damaged, e);

    return r || !*damaged ? r : salvage_rows(rebuild, queries[1], NULL, take, &backwards, e);
}

/* With the id of each volume of the store as key. */
static int salvage_by_volume(struct rebuild *rebuild, const char *sql, taker *take, bool *damaged,
                             struct error *e)
{
    int r = 0;

    for (size_t i = 0; !r && i < rebuild->count; i++)
        r = salvage_rows(rebuild, sql, rebuild->volumes[i].id, take, damaged, e);
    return r;
}

/* What the new catalog refuses is left out and reported; what keeps it from writing ends all. */
static int salvage_judge(struct rebuild *rebuild, int r, const char *what, const char *name,
                         const struct error *why, struct error *e)
{
    if (!r)
        return 0;
    if ((r < 0 && r != -EINVAL) || r == ERROR_NO_SPACE)
        return error_set(e, r, "%s", why->text);
    rebuild_report_lost(rebuild, "%s %s left out: %s", what, name, why->text);
    return 0;
}

/* `counting` counts the rows of the new catalog. */
static int salvage_report(struct rebuild *rebuild, const char *what, const char *counting,
                          const char *next, struct error *e)
{
    int64_t count;
    int r = db_get_int(rebuild->new, counting, &count, e);

    if (!r)
        rebuild_report_lost(rebuild,
                            "%s: the old catalog is damaged there: %lld read, the rest is "
                            "lost%s",
                            what, (long long)count, next);
    return r;
}

/* ---- containers ------------------------------------------------------- */

enum container_query { CONTAINERS_FORWARDS, CONTAINERS_BACKWARDS, CONTAINERS_BY_ID };

#define CONTAINER_QUERIES(columns)                                                                 \
    {                                                                                              \
        "SELECT " columns " FROM containers c ORDER BY c.id",                                      \
            "SELECT " columns " FROM containers c ORDER BY c.id DESC",                             \
            "SELECT " columns " FROM containers c WHERE c.id = ?1",                                \
    }

/* Of a version that did not know of engines they are no engine's. */
static const char *const *container_queries(const struct rebuild *rebuild)
{
    static const char *const old[] = CONTAINER_QUERIES(CONTAINER_COLUMNS_BASE ", '', ''");
    static const char *const named[] = CONTAINER_QUERIES(CONTAINER_COLUMNS_BASE ", c.engine, ''");
    static const char *const now[] = CONTAINER_QUERIES(CONTAINER_COLUMNS);

    return rebuild->old_version < SCHEMA_VERSION_FOLLOWED     ? old
           : rebuild->old_version < SCHEMA_VERSION_ENGINE_IDS ? named
                                                              : now;
}

static int salvage_take_container(struct rebuild *rebuild, struct query *query, struct error *e)
{
    struct container container;
    struct error why = {0};
    int r = container_row_read(query, 0, &container, &why);

    if (!r)
        r = container_row_put(rebuild->new, &container, &why);
    /* Two of one name: better a container without its name than attachments without it. */
    if (r == ERROR_EXISTS) {
        container.name[0] = 0;
        r = container_row_put(rebuild->new, &container, &why);
    }
    return salvage_judge(rebuild, r, "container", container.id, &why, e);
}

/* A container of which only the id is known, and that goes with its last attachment. Not put over
 * one that was read whole. */
static int salvage_put_stub(struct rebuild *rebuild, const char *id, const char *name,
                            struct error *e)
{
    _query_ struct query *query =
        db_query(rebuild->new, "INSERT OR IGNORE INTO containers (id, name, runtime, state, "
                               "created_at) VALUES (?1, ?2, 'volctl', 'exited', 0)");
    int r;

    if (name_check_container(id, NULL))
        return 0;
    query_bind_text(query, 1, id);
    query_bind_text(query, 2, name_check_container(name, NULL) ? "" : name);
    r = query_run(query, e);
    if (!r && db_changes(rebuild->new) > 0)
        rebuild_report_lost(rebuild, "container %s (%s): the rest of it is lost", id, name);
    return r;
}

/* An entry of the index by name: its row, if that can be read, or what the entry tells. */
static int salvage_take_container_name(struct rebuild *rebuild, struct query *query,
                                       struct error *e)
{
    char id[CONTAINER_ID_MAX + 1], name[NAME_MAX_LENGTH + 1];
    bool damaged = false;
    int r;

    query_column_string(query, 0, id, sizeof(id));
    query_column_string(query, 1, name, sizeof(name));
    if (query_check_row(query, "containers", id, NULL))
        return 0;
    r = salvage_rows(rebuild, container_queries(rebuild)[CONTAINERS_BY_ID], id,
                     salvage_take_container, &damaged, e);
    return r || !damaged ? r : salvage_put_stub(rebuild, id, name, e);
}

static int salvage_containers(struct rebuild *rebuild, struct error *e)
{
    const char *const *queries = container_queries(rebuild);
    const char *const rows[] = {queries[CONTAINERS_FORWARDS], queries[CONTAINERS_BACKWARDS]};
    static const char *const names[] = {
        "SELECT id, name FROM containers INDEXED BY containers_by_name WHERE name <> '' "
        "ORDER BY name",
        "SELECT id, name FROM containers INDEXED BY containers_by_name WHERE name <> '' "
        "ORDER BY name DESC",
    };
    bool unused = false;
    int r =
        salvage_both_ways(rebuild, rows, salvage_take_container, &rebuild->containers_damaged, e);

    if (r || !rebuild->containers_damaged)
        return r;
    r = salvage_both_ways(rebuild, names, salvage_take_container_name, &unused, e);
    return r ? r
             : salvage_report(rebuild, "containers", "SELECT count(*) FROM containers",
                              "; " ATTACH_AGAIN, e);
}

/* ---- runs ------------------------------------------------------------- */

static int salvage_take_run(struct rebuild *rebuild, struct query *query, struct error *e)
{
    _cleanup_(run_deinit) struct run run = {0};
    char id[CONTAINER_ID_MAX + 1];
    struct error why = {0};
    int r;

    query_column_string(query, 0, id, sizeof(id));
    r = run_row_read(query, 1, id, &run, &why);
    if (!r)
        r = run_row_put(rebuild->new, id, &run, &why);
    return salvage_judge(rebuild, r, "the command of container", id, &why, e);
}

static int salvage_runs(struct rebuild *rebuild, struct error *e)
{
    static const char *const rows[] = {
        "SELECT r.container_id, " RUN_COLUMNS " FROM runs r ORDER BY r.container_id",
        "SELECT r.container_id, " RUN_COLUMNS " FROM runs r ORDER BY r.container_id DESC",
    };
    bool damaged = false;
    int r;

    if (rebuild->old_version < SCHEMA_VERSION_RUNS)
        return 0;
    r = salvage_both_ways(rebuild, rows, salvage_take_run, &damaged, e);
    return r || !damaged ? r
                         : salvage_report(rebuild, "commands of containers",
                                          "SELECT count(*) FROM runs", "", e);
}

/* ---- attachments ------------------------------------------------------ */

static int salvage_put_attachment(struct rebuild *rebuild, const struct attachment *attachment,
                                  struct error *e)
{
    struct error why = {0};
    int r = 0;

    if (rebuild->containers_damaged)
        r = salvage_put_stub(rebuild, attachment->container_id, "", e);
    if (r)
        return r;
    r = attachment_row_insert(rebuild->new, attachment, &why);
    if (r == ERROR_EXISTS) /* seen before */
        return 0;
    return salvage_judge(rebuild, r, "attachment of container", attachment->container_id, &why, e);
}

static int salvage_take_attachment(struct rebuild *rebuild, struct query *query, struct error *e)
{
    _cleanup_(attachment_deinit) struct attachment attachment = {0};
    struct error why = {0};
    int r = attachment_row_read(query, 0, &attachment, &why);

    if (r)
        return salvage_judge(rebuild, r, "attachment of container", attachment.container_id, &why,
                             e);
    return salvage_put_attachment(rebuild, &attachment, e);
}

static int salvage_knows_attachment(struct rebuild *rebuild, const struct attachment *attachment,
                                    bool *known, struct error *e)
{
    _query_ struct query *query = db_query(
        rebuild->new, "SELECT 1 FROM attachments WHERE container_id = ?1 AND destination = ?2");

    query_bind_text(query, 1, attachment->container_id);
    query_bind_text(query, 2, attachment->destination);
    return query_step(query, known, e);
}

/* The row of `attachment`, of which the key is known; false if it cannot be read. */
static int salvage_find_attachment(struct rebuild *rebuild, const struct attachment *attachment,
                                   bool *found, struct error *e)
{
    _query_ struct query *query = db_query(
        rebuild->old, "SELECT " ATTACHMENT_COLUMNS
                      " FROM attachments a WHERE a.container_id = ?1 AND a.destination = ?2");

    query_bind_text(query, 1, attachment->container_id);
    query_bind_text(query, 2, attachment->destination);
    if (query_step(query, found, NULL))
        *found = false;
    return *found ? salvage_take_attachment(rebuild, query, e) : 0;
}

/* An entry of the index by volume: its row, if that can be read, or what the entry tells. */
static int salvage_take_reference(struct rebuild *rebuild, struct query *query, struct error *e)
{
    _cleanup_(attachment_deinit) struct attachment attachment = {.readonly = true};
    bool known = false;
    int r;

    query_column_string(query, 0, attachment.volume_id, sizeof(attachment.volume_id));
    query_column_string(query, 1, attachment.container_id, sizeof(attachment.container_id));
    query_column_copy(query, 2, &attachment.destination);
    if (query_check_row(query, "attachments", attachment.container_id, NULL))
        return 0;
    r = salvage_knows_attachment(rebuild, &attachment, &known, e);
    if (!r && !known)
        r = salvage_find_attachment(rebuild, &attachment, &known, e);
    if (r || known)
        return r;
    rebuild_report_lost(rebuild,
                        "attachment of container %s at %s to volume %s: the rest of it is lost, it "
                        "is read-only until you detach it and attach it again",
                        attachment.container_id, attachment.destination, attachment.volume_id);
    return salvage_put_attachment(rebuild, &attachment, e);
}

static int salvage_attachments(struct rebuild *rebuild, struct error *e)
{
    static const char *const rows[] = {
        "SELECT " ATTACHMENT_COLUMNS " FROM attachments a ORDER BY a.container_id, a.destination",
        "SELECT " ATTACHMENT_COLUMNS
        " FROM attachments a ORDER BY a.container_id DESC, a.destination DESC",
    };
    bool damaged = false, index_damaged = false;
    int r = salvage_both_ways(rebuild, rows, salvage_take_attachment, &damaged, e);

    if (r || !damaged)
        return r;
    r = salvage_by_volume(rebuild,
                          "SELECT volume_id, container_id, destination FROM attachments "
                          "INDEXED BY attachments_by_volume WHERE volume_id = ?1",
                          salvage_take_reference, &index_damaged, e);
    if (r)
        return r;
    return salvage_report(rebuild, "attachments", "SELECT count(*) FROM attachments",
                          index_damaged ? "; " ATTACH_AGAIN
                                        : " if it was to host paths; those to volumes are complete",
                          e);
}

/* ---- uses and times --------------------------------------------------- */

static int salvage_take_use(struct rebuild *rebuild, struct query *query, struct error *e)
{
    struct use use;
    struct error why = {0};
    int r = use_row_read(query, 0, &use, &why);

    if (!r)
        r = use_row_put(rebuild->new, &use, &why);
    return salvage_judge(rebuild, r, "use of volume", use.volume_id, &why, e);
}

static int salvage_uses(struct rebuild *rebuild, struct error *e)
{
    static const char *const rows[] = {
        "SELECT volume_id, mount_id, count FROM uses ORDER BY volume_id, mount_id",
        "SELECT volume_id, mount_id, count FROM uses ORDER BY volume_id DESC, mount_id DESC",
    };
    bool damaged = false, still = false;
    int r = salvage_both_ways(rebuild, rows, salvage_take_use, &damaged, e);

    if (r || !damaged)
        return r;
    r = salvage_by_volume(rebuild,
                          "SELECT volume_id, mount_id, count FROM uses WHERE volume_id = ?1",
                          salvage_take_use, &still, e);
    if (r || !still)
        return r;
    return salvage_report(rebuild, "uses by engines", "SELECT count(*) FROM uses",
                          "; start containers again before you prune", e);
}

static int salvage_take_last_use(struct rebuild *rebuild, struct query *query, struct error *e)
{
    _query_ struct query *update = db_query(
        rebuild->new,
        "UPDATE volumes SET last_used_at = max(last_used_at, ?2) WHERE id = ?1 AND ?2 > 0");

    query_bind_text(update, 1, query_column_text(query, 0));
    query_bind_int(update, 2, query_column_int(query, 1));
    if (query_check_row(query, "volumes", "", NULL))
        return 0;
    return query_run(update, e);
}

static int salvage_last_uses(struct rebuild *rebuild, struct error *e)
{
    static const char *const rows[] = {
        "SELECT id, last_used_at FROM volumes ORDER BY id",
        "SELECT id, last_used_at FROM volumes ORDER BY id DESC",
    };
    bool damaged = false, still = false;
    int r = salvage_both_ways(rebuild, rows, salvage_take_last_use, &damaged, e);

    if (!r && damaged)
        r = salvage_by_volume(rebuild, "SELECT id, last_used_at FROM volumes WHERE id = ?1",
                              salvage_take_last_use, &still, e);
    if (r || !still)
        return r;
    return salvage_report(rebuild, "times of last use",
                          "SELECT count(*) FROM volumes WHERE last_used_at > 0", "", e);
}

int salvage_rest(struct rebuild *rebuild, struct error *e)
{
    int r;

    if (!rebuild->old)
        return 0;
    r = salvage_containers(rebuild, e);
    if (!r)
        r = salvage_runs(rebuild, e);
    if (!r)
        r = salvage_attachments(rebuild, e);
    if (!r)
        r = salvage_uses(rebuild, e);
    return r ? r : salvage_last_uses(rebuild, e);
}

/* ---- volumes ---------------------------------------------------------- */

static int salvage_visit_copy(void *context, const struct volume *volume)
{
    return volume_copy(context, volume);
}

bool salvage_volume(struct rebuild *rebuild, const char *id, struct volume *out)
{
    struct query *query;
    int r;

    *out = (struct volume){0};
    if (!rebuild->old)
        return false;
    query = db_query(rebuild->old,
                     "SELECT " VOLUME_COLUMNS " FROM volumes v " VOLUME_PAIRS " WHERE v.id = ?1");
    query_bind_text(query, 1, id);
    r = volume_rows_each(query, salvage_visit_copy, out, NULL);
    query_release(&query);
    if (r)
        volume_deinit(out);
    return !r && out->id[0];
}
