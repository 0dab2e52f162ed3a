/*
 * A store of its own for each test, with the use cases over it, and no tree: volumes "web" and
 * "db".
 */
#pragma once

#include "fs/volume.h"

extern struct volumes *volumes;

int volumes_setup(void **state);
int volumes_teardown(void **state);
