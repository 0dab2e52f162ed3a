/* A store directory of its own for each test of the catalog, and records to put into it. */
#pragma once

#include "catalog/catalog.h"

#include <stddef.h>
#include <sys/types.h>

struct fixture {
    char path[64]; /* below /tmp */
    int fd;
    struct catalog *catalog; /* NULL: not open */
};

/* cmocka's set-up (an empty catalog, opened) and tear-down (all removed). */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Asserts that it opens. */
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
/* Kills a child that has the catalog open and never closes it, so that a WAL is left. `work` runs
 * in the child. */
void fixture_crash_after(struct fixture *fixture, void (*work)(struct fixture *fixture));

/* A live volume number `n`: id from n, name "volume-%05d", two labels, one option. */
struct volume fixture_volume(int n);
void fixture_insert(struct fixture *fixture, int n);
struct container fixture_container(int n);
enum { FIXTURE_USED_AT = 12345 };
/* Container `n` gets volume `volume` at `destination`, at that time. The result of catalog_attach.
 */
int fixture_attach(struct fixture *fixture, int n, int volume, const char *destination);

/* The bytes of a file of the store, to be freed; NULL: absent. */
char *fixture_read(struct fixture *fixture, const char *name, size_t *size);
void fixture_write(struct fixture *fixture, const char *name, const void *bytes, size_t size);
/* A hash of the names and bytes of all files in the store's directory. */
unsigned long fixture_fingerprint(struct fixture *fixture);
