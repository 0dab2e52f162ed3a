/*
 * The steps of the scale test: make, list and remove volumes, which are directories of the root of
 * the tree. Each step runs once; the driver orders them and restarts the daemon in between.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/cleanup.h"
#include "tools/bench/workload.h"

static int for_each_volume(struct workload *w, uint64_t *done, const char *call,
                           int (*act)(const char *name))
{
    char name[NAME_SIZE];

    for (uint64_t i = w->first; i < w->first + w->number; i++, ++*done) {
        snprintf(name, sizeof(name), "scale-%06" PRIu64, i);
        if (act(name) < 0)
            return workload_fail(w, call, name);
    }
    return 0;
}

static int make_volume(const char *name)
{
    return mkdir(name, 0755);
}

static int stat_volume(const char *name)
{
    struct stat st;

    return stat(name, &st);
}

static int volumes_create(struct workload *w, uint64_t *done)
{
    return for_each_volume(w, done, "mkdir", make_volume);
}

static int volumes_stat(struct workload *w, uint64_t *done)
{
    return for_each_volume(w, done, "stat", stat_volume);
}

static int volumes_remove(struct workload *w, uint64_t *done)
{
    return for_each_volume(w, done, "rmdir", rmdir);
}

/* Lists the root and checks that it shows --number volumes. */
static int volumes_list(struct workload *w, uint64_t *done)
{
    _cleanup_(closedir_p) DIR *dir = opendir(".");
    struct dirent *entry;
    uint64_t seen = 0;

    if (!dir)
        return workload_fail(w, "opendir", "the root");
    while ((errno = 0, entry = readdir(dir)))
        seen += strncmp(entry->d_name, "scale-", strlen("scale-")) == 0;
    if (errno || seen != w->number)
        return workload_fail(w, "listing all volumes of", "the root");
    ++*done;
    return 0;
}

const struct operation operations_volumes[] = {
    {"volumes-create", "volume", .run = volumes_create, .once = true, .scale = true},
    {"volumes-stat", "volume", .run = volumes_stat, .once = true, .scale = true},
    {"volumes-list", "listing", .run = volumes_list, .once = true, .scale = true},
    {"volumes-remove", "volume", .run = volumes_remove, .once = true, .scale = true},
    {0},
};
