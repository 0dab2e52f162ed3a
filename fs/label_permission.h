/*
 * What the policy is asked for an operation: the permissions of SELinux's classes of files. Pure.
 *
 * The kernel has asked its part already, of the one label that the mount has, call by call; what is
 * asked here is whether the same may be done in this volume. Operations are fewer than permissions:
 * who may change a file may do all that is a change of it, and is asked for all of it.
 */
#pragma once

#include "fs/policy.h"

/* FIFOs, sockets and devices are asked for as files: the volume's context is one for all. */
enum label_class { LABEL_FILE, LABEL_DIRECTORY, LABEL_SYMLINK };
enum { LABEL_CLASSES = LABEL_SYMLINK + 1 };

const char *label_class_name(enum label_class class);
/* Names, up to a NULL; none: nothing is to be asked. */
const char *const *label_permissions(enum label_class class, enum operation operation);
