/* Rows of the table of `volctl container`. */
#pragma once

#include "tools/volctl/volctl.h"

int container_rm(struct volctl *volctl, int argc, char **argv);
int container_prune(struct volctl *volctl, int argc, char **argv);
