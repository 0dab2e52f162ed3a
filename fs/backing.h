/*
 * What touches the files behind the tree: one component at a time below a held
 * directory, never following a link. Every call answers 0 (or a descriptor) or
 * a negative errno, and works on O_PATH descriptors where it can.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Once, before threads: holds /proc/self/fd, by which O_PATH descriptors are reopened. */
int backing_init(void);

/* O_PATH descriptor and attributes of `name` in `dir`. */
int backing_lookup(int dir, const char *name, struct stat *st);
int backing_stat(int fd, struct stat *st);

/* A real descriptor for an O_PATH one; only for regular files and directories (never a device). */
int backing_reopen(int fd, int flags);
int backing_open_directory(int fd);

/*
 * Whether any descriptor or mapping of the regular file may write its data; true if that cannot be
 * told. A read lease is taken for a moment: there is none to be had beside a writer (fcntl(2)).
 */
bool backing_has_writer(int fd);

/* In the name of the ids set by cred_assume. `create` gives a descriptor that reads, or with
 * `write` writes too; `tmpfile` one that reads and writes. */
int backing_create(int dir, const char *name, mode_t mode, bool write, struct stat *st);
int backing_tmpfile(int dir, int flags, mode_t mode, struct stat *st);
int backing_mknod(int dir, const char *name, mode_t mode, dev_t rdev);
int backing_mkdir(int dir, const char *name, mode_t mode);
int backing_symlink(const char *target, int dir, const char *name);

int backing_link(int fd, int dir, const char *name);
int backing_unlink(int dir, const char *name, int flags);
int backing_rename(int from, const char *name, int to, const char *new_name, unsigned flags);
int backing_readlink(int fd, char *out, size_t size);

/* `real`: fd reads and writes; otherwise O_PATH. */
int backing_chmod(int fd, mode_t mode);
int backing_chown(int fd, uid_t uid, gid_t gid); /* −1: leave */
int backing_truncate(int fd, bool real, off_t size);
int backing_utimens(int fd, const struct timespec times[2]);

/* Values as of getxattr(2): `size` 0 asks for the length. */
ssize_t backing_getxattr(int fd, bool real, const char *name, void *value, size_t size);
ssize_t backing_listxattr(int fd, bool real, char *list, size_t size);
int backing_setxattr(int fd, bool real, const char *name, const void *value, size_t size,
                     int flags);
int backing_removexattr(int fd, bool real, const char *name);

/* Raw directory entries (struct linux_dirent64) from the descriptor's position. */
ssize_t backing_list(int fd, void *buffer, size_t size);
