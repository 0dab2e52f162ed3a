/*
 * Moving the old catalog aside before a new one takes its name, and back when
 * that was interrupted.
 *
 * catalog.db is linked, so that there is one at every instant; its WAL, which
 * would be replayed into the new file, is renamed. A crash in between leaves
 * catalog.db without what only its WAL had. That is seen by the two names of
 * the one file, and undone before anything is read, by the next rebuild and by
 * the next start.
 */
#include "catalog/rebuild_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KEPT_PREFIX CATALOG_FILE ".broken-"

enum { KEPT_NAME_MAX = 128 };

static const char *const endings[] = {"-wal", "-shm", "-journal"};

enum { ENDING_COUNT = sizeof(endings) / sizeof(endings[0]) };

int keep_old(struct rebuild *rebuild, struct error *e)
{
    char time[TIME_TEXT_SIZE], kept[KEPT_NAME_MAX], from[64], to[KEPT_NAME_MAX + 32];

    time_format(time_now(), time);
    snprintf(kept, sizeof(kept), KEPT_PREFIX "%s", time);
    if (linkat(rebuild->store_fd, CATALOG_FILE, rebuild->store_fd, kept, 0) == 0)
        rebuild_report(rebuild, "the old catalog is kept as %s/%s", rebuild->path, kept);
    else if (errno != ENOENT)
        return error_set_errno(e, -errno, "%s/%s", rebuild->path, kept);
    for (size_t i = 0; i < ENDING_COUNT; i++) {
        snprintf(from, sizeof(from), CATALOG_FILE "%s", endings[i]);
        snprintf(to, sizeof(to), "%s%s", kept, endings[i]);
        if (renameat(rebuild->store_fd, from, rebuild->store_fd, to) < 0 && errno != ENOENT)
            return error_set_errno(e, -errno, "%s/%s", rebuild->path, from);
    }
    return 0;
}

/* The other name of the file `st`; false: it has none of ours. */
static bool kept_find(int store_fd, const struct stat *st, char out[KEPT_NAME_MAX])
{
    _cleanup_(closedir_p) DIR *directory = NULL;
    const struct dirent *entry;
    struct stat found;
    int fd = openat(store_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        close_p(&fd);
        return false;
    }
    while ((entry = readdir(directory))) {
        if (strncmp(entry->d_name, KEPT_PREFIX, strlen(KEPT_PREFIX)) != 0 ||
            strlen(entry->d_name) >= KEPT_NAME_MAX ||
            fstatat(store_fd, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) < 0 ||
            found.st_ino != st->st_ino || found.st_dev != st->st_dev)
            continue;
        snprintf(out, KEPT_NAME_MAX, "%s", entry->d_name);
        return true;
    }
    return false;
}

int keep_undo(int store_fd, const char *path, struct error *e)
{
    char kept[KEPT_NAME_MAX], from[KEPT_NAME_MAX + 32], to[64];
    struct stat st;

    if (fstatat(store_fd, CATALOG_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink < 2 ||
        !kept_find(store_fd, &st, kept))
        return 0;
    for (size_t i = 0; i < ENDING_COUNT; i++) {
        snprintf(from, sizeof(from), "%s%s", kept, endings[i]);
        snprintf(to, sizeof(to), CATALOG_FILE "%s", endings[i]);
        if (renameat2(store_fd, from, store_fd, to, RENAME_NOREPLACE) < 0 && errno != ENOENT)
            return error_set_errno(
                e, -errno,
                "a rebuild of the catalog was interrupted, and %s/%s cannot get its name %s back; "
                "move one of the two away",
                path, from, to);
    }
    if (unlinkat(store_fd, kept, 0) < 0)
        return error_set_errno(e, -errno, "%s/%s", path, kept);
    return 0;
}
