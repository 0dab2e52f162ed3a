/* See volumes_fixture.h. */
#include "tests/unit/volumes_fixture.h"

#include "catalog/cleanup.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/remove_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct volumes *volumes;

static char directory[64];

static void make_volume(const char *name)
{
    const struct volume_request request = {
        .name = name,
        .has_owner = true,
        .root = {.uid = geteuid(), .gid = getegid(), .mode = 0755},
    };
    _cleanup_(volume_deinit) struct volume volume = {0};
    struct error e = {0};

    if (volumes_create(volumes, &request, &volume, NULL, &e) != 0)
        fail_msg("%s", e.text);
}

int volumes_setup(void **state)
{
    struct error e = {0};

    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/volumefs-volumes.XXXXXX");
    assert_non_null(mkdtemp(directory));
    if (volumes_open(&volumes, directory, "/nowhere/volumes", &e) != 0)
        fail_msg("%s", e.text);
    make_volume("web");
    make_volume("db");
    return 0;
}

int volumes_teardown(void **state)
{
    (void)state;
    volumes = volumes_free(volumes);
    return remove_tree(directory);
}
