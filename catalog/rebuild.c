/*
 * A new catalog from the store: `volctl doctor --rebuild`.
 *
 * The truth is volumes/ID/volume.json. What only the old catalog knew
 * (containers, attachments, uses, the time of last use, and a volume whose
 * volume.json cannot be read) is taken from it where its pages still can be
 * read: see rebuild_salvage.c.
 *
 * Nothing is lost: no directory of the store is touched, the old file is kept
 * with its WAL, and of two volumes with one name the elder keeps it and the
 * other gets NAME-ID8. Removed volumes whose directory still stands in volumes/
 * come back rather than be deleted on the word of a damaged file.
 *
 * The old files are moved aside just before the new one takes the name, and
 * back if it does not: see rebuild_keep.c.
 */
#include "catalog/rebuild_private.h"
#include "catalog/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { REPORT_LINE_MAX = 2 * ERROR_TEXT_MAX };

__attribute__((format(printf, 2, 0))) static void
rebuild_report_list(struct rebuild *rebuild, const char *format, va_list args)
{
    char line[REPORT_LINE_MAX];

    if (!rebuild->report)
        return;
    vsnprintf(line, sizeof(line), format, args);
    rebuild->report(rebuild->context, line);
}

void rebuild_report(struct rebuild *rebuild, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    rebuild_report_list(rebuild, format, args);
    va_end(args);
}

void rebuild_report_lost(struct rebuild *rebuild, const char *format, ...)
{
    va_list args;

    rebuild->summary.lost = true;
    va_start(args, format);
    rebuild_report_list(rebuild, format, args);
    va_end(args);
}

static void rebuild_deinit(struct rebuild *rebuild)
{
    for (size_t i = 0; i < rebuild->count; i++)
        volume_deinit(&rebuild->volumes[i]);
    free(rebuild->volumes);
    db_free(rebuild->old);
    db_free(rebuild->new);
}

/* ---- the store -------------------------------------------------------- */

/* Reads the whole of a small regular file. */
static int rebuild_read_file(int dir_fd, const char *name, char **out, size_t *length)
{
    _cleanup_(close_p) int fd =
        openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    _cleanup_(free_p) char *text = NULL;
    struct stat st;

    *length = 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > RECORD_SIZE_MAX)
        return -EFBIG;
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        return -ENOMEM;
    while (*length < (size_t)st.st_size) {
        ssize_t n = read(fd, text + *length, (size_t)st.st_size - *length);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        *length += n > 0 ? (size_t)n : 0;
    }
    text[*length] = 0;
    *out = steal_pointer(&text);
    return 0;
}

static int rebuild_read_record(int dir_fd, const char *id, struct volume *out, struct error *why)
{
    _cleanup_(free_p) char *text = NULL;
    size_t length;
    int r;

    r = rebuild_read_file(dir_fd, "volume.json", &text, &length);
    if (r)
        return error_set_errno(why, r, "volume.json");
    r = record_decode(text, length, out, why);
    if (r || strcmp(out->id, id) == 0)
        return r;
    r = error_set(why, ERROR_CORRUPT, "volume.json is of another volume, %s", out->id);
    volume_deinit(out);
    return r;
}

static int rebuild_append(struct rebuild *rebuild, struct volume *volume)
{
    if (rebuild->count == rebuild->room) {
        size_t room = rebuild->room ? 2 * rebuild->room : 64;
        struct volume *volumes = realloc(rebuild->volumes, room * sizeof(*volumes));

        if (!volumes)
            return -ENOMEM;
        rebuild->volumes = volumes;
        rebuild->room = room;
    }
    rebuild->volumes[rebuild->count++] = *volume;
    *volume = (struct volume){0};
    return 0;
}

/* One entry of volumes/: appended, or reported as left out. */
static int rebuild_read_volume(struct rebuild *rebuild, int volumes_fd, const char *id)
{
    _cleanup_(close_p) int fd = -1;
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct error why = {0};
    struct stat st;
    int r;

    if (!name_is_volume_id(id)) {
        rebuild_report(rebuild, "volumes/%s left out: not a volume id", id);
        return 0;
    }
    fd = openat(volumes_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstatat(fd, "data", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
        rebuild_report_lost(rebuild, "volume %s left out: it has no data directory", id);
        return 0;
    }
    r = rebuild_read_record(fd, id, &volume, &why);
    if (r == -ENOMEM)
        return r;
    if (r && !salvage_volume(rebuild, id, &volume)) {
        rebuild_report_lost(rebuild, "volume %s left out, its data stays in volumes/%s/data: %s",
                            id, id, why.text);
        return 0;
    }
    if (r)
        rebuild_report(rebuild, "volume %s (%s) taken from the old catalog: %s", volume.name, id,
                       why.text);
    return rebuild_append(rebuild, &volume);
}

static int rebuild_read_store(struct rebuild *rebuild, struct error *e)
{
    _cleanup_(closedir_p) DIR *directory = NULL;
    const struct dirent *entry;
    int fd, r;

    fd = openat(rebuild->store_fd, "volumes", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(e, -errno, "%s/volumes", rebuild->path);
    directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return -ENOMEM;
    }
    for (errno = 0; (entry = readdir(directory)); errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        r = rebuild_read_volume(rebuild, dirfd(directory), entry->d_name);
        if (r)
            return r;
    }
    return errno ? error_set_errno(e, -errno, "%s/volumes", rebuild->path) : 0;
}

/* ---- the new catalog -------------------------------------------------- */

/* By name, the elder first; ids decide between equals, so that every run gives the same names. */
static int rebuild_compare(const void *left, const void *right)
{
    const struct volume *a = left, *b = right;
    int order = strcmp(a->name, b->name);

    if (order)
        return order;
    if (a->created_at != b->created_at)
        return a->created_at < b->created_at ? -1 : 1;
    return strcmp(a->id, b->id);
}

/* NAME-ID8, and if that too is taken NAME-ID: within a store ids are unique. */
static int rebuild_insert_renamed(struct rebuild *rebuild, struct volume *volume, struct error *e)
{
    static const int digits[] = {8, VOLUME_ID_LENGTH};
    char old[NAME_MAX_LENGTH + 1];
    int r = 0;

    memcpy(old, volume->name, sizeof(old));
    for (size_t i = 0; i < sizeof(digits) / sizeof(digits[0]); i++) {
        snprintf(volume->name, sizeof(volume->name), "%.*s-%.*s", NAME_MAX_LENGTH - 1 - digits[i],
                 old, digits[i], volume->id);
        r = volume_row_insert(rebuild->new, volume, e);
        if (r != ERROR_EXISTS)
            break;
    }
    if (!r)
        rebuild_report(rebuild, "volume %s (%s) recovered as %s: an older volume has the name", old,
                       volume->id, volume->name);
    return r;
}

static int rebuild_insert_volumes(struct rebuild *rebuild, struct error *e)
{
    struct volume *volumes = rebuild->volumes;
    int r = 0;

    if (rebuild->count)
        qsort(volumes, rebuild->count, sizeof(*volumes), rebuild_compare);
    for (size_t i = 0; !r && i < rebuild->count; i++) {
        if (i && strcmp(volumes[i - 1].name, volumes[i].name) == 0)
            continue;
        r = volume_row_insert(rebuild->new, &volumes[i], e);
        if (!r)
            rebuild_report(rebuild, "volume %s (%s) recovered", volumes[i].name, volumes[i].id);
    }
    /* From the end, so that each still sees the name of the one before it. */
    for (size_t i = rebuild->count; !r && i-- > 1;)
        if (strcmp(volumes[i - 1].name, volumes[i].name) == 0)
            r = rebuild_insert_renamed(rebuild, &volumes[i], e);
    return r;
}

static int rebuild_count(struct rebuild *rebuild, struct error *e)
{
    struct rebuild_summary *summary = &rebuild->summary;
    int r = db_get_int(rebuild->new, "SELECT count(*) FROM volumes", &summary->volumes, e);

    if (!r)
        r = db_get_int(rebuild->new, "SELECT count(*) FROM containers", &summary->containers, e);
    return r ? r
             : db_get_int(rebuild->new, "SELECT count(*) FROM attachments", &summary->attachments,
                          e);
}

static int rebuild_fill(struct rebuild *rebuild, struct error *e)
{
    _transaction_ struct transaction transaction = {0};
    int r;

    r = transaction_begin(&transaction, rebuild->new, e);
    if (!r)
        r = rebuild_insert_volumes(rebuild, e);
    if (!r)
        r = salvage_rest(rebuild, e);
    if (!r)
        r = rebuild_count(rebuild, e);
    return r ? r : transaction_commit(&transaction, e);
}

static int rebuild_run(struct rebuild *rebuild, struct error *e)
{
    int r;

    r = keep_undo(rebuild->store_fd, rebuild->path, e);
    if (!r)
        r = salvage_open(rebuild, e);
    if (!r)
        r = rebuild_read_store(rebuild, e);
    if (!r)
        r = catalog_build_begin(&rebuild->new, rebuild->store_fd, rebuild->path, e);
    if (!r)
        r = rebuild_fill(rebuild, e);
    rebuild->old = db_free(rebuild->old);
    if (!r)
        r = keep_old(rebuild, e);
    return r ? r : catalog_build_publish(&rebuild->new, rebuild->store_fd, rebuild->path, e);
}

int catalog_rebuild(int store_fd, const char *path, void (*report)(void *context, const char *line),
                    void *context, struct rebuild_summary *summary, struct error *e)
{
    _cleanup_(rebuild_deinit) struct rebuild rebuild = {
        .store_fd = store_fd, .path = path, .report = report, .context = context};
    int r = rebuild_run(&rebuild, e);

    if (r) {
        rebuild.new = db_free(rebuild.new);
        keep_undo(store_fd, path, NULL);
        catalog_build_discard(store_fd);
    }
    if (summary)
        *summary = rebuild.summary;
    return r;
}
