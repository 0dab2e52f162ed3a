/*
 * Scope-bound release: `_cleanup_(free_p) char *s = NULL;`, and steal() to hand
 * ownership out of the scope.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void free_p(void *p)
{
    free(*(void **)p);
}

static inline void close_p(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void fclose_p(FILE **f)
{
    if (*f)
        fclose(*f);
}

static inline void closedir_p(DIR **d)
{
    if (*d)
        closedir(*d);
}

static inline void *steal_pointer(void *p)
{
    void **pp = p;
    void *value = *pp;

    *pp = NULL;
    return value;
}

static inline int steal_fd(int *fd)
{
    int value = *fd;

    *fd = -1;
    return value;
}
