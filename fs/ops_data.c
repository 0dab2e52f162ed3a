/*
 * Data that does not go by passthrough: reads and writes where the kernel has
 * none, fsync, fallocate, holes and copies always. On the node's descriptor:
 * a file handle has no state of its own.
 */
#include "fs/backing.h"
#include "fs/ops.h"
#include "fs/view.h"
#include "fs/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file whose data is worked on, with the descriptor for it. 0 or errno. */
static int data_enter(struct target *file, fuse_req_t req, fuse_ino_t ino, enum operation operation,
                      struct data *data)
{
    int err = target_enter(file, req, ino, operation);

    if (err)
        return err;
    err = data_open(file->session, file->node, file->fd, operation_alters(operation), data);
    if (err)
        target_leave(file);
    return err;
}

static void data_leave(struct target *file, const struct data *data)
{
    data_close(data);
    target_leave(file);
}

static void reply_view(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset)
{
    char *text = NULL;
    int err = view_read(session_of(req), ino, &text);
    size_t length = err ? 0 : strlen(text);
    size_t start = offset < 0 || (size_t)offset > length ? length : (size_t)offset;

    if (err)
        fuse_reply_err(req, err);
    else
        fuse_reply_buf(req, text + start, length - start < size ? length - start : size);
    free(text);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    struct target file;
    char *buffer;
    struct data data;
    ssize_t n = 0;
    int err;

    (void)fi;
    if (view_is(ino)) {
        reply_view(req, ino, size, offset);
        return;
    }
    buffer = thread_buffer(size);
    err = buffer ? data_enter(&file, req, ino, OPERATION_FETCH, &data) : ENOMEM;
    if (!err) {
        n = pread(data.fd, buffer, size, offset);
        err = n < 0 ? errno : 0;
        data_leave(&file, &data);
    }
    if (err)
        fuse_reply_err(req, err);
    else
        fuse_reply_buf(req, buffer, (size_t)n);
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
              struct fuse_file_info *fi)
{
    struct target file;
    struct data data;
    ssize_t n = 0;
    bool keep;
    int err = data_enter(&file, req, ino, OPERATION_STORE, &data);

    if (!err) {
        keep = data_change_begin(req, file.node, kills_set_id(fi));
        n = pwrite(data.fd, bytes, size, offset);
        err = n < 0 ? errno : 0;
        data_change_end(keep);
        data_leave(&file, &data);
    }
    if (err)
        fuse_reply_err(req, err);
    else
        fuse_reply_write(req, (size_t)n);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    struct target file;
    struct data data;
    int err = data_enter(&file, req, ino, OPERATION_READ, &data);

    (void)fi;
    if (!err) {
        workers_expect_delay(file.session->workers);
        err = (datasync ? fdatasync(data.fd) : fsync(data.fd)) < 0 ? errno : 0;
        data_leave(&file, &data);
    }
    fuse_reply_err(req, err);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    struct target dir;
    int fd, err;

    (void)fi;
    if (ino == FUSE_ROOT_ID || view_is(ino)) {
        fuse_reply_err(req, 0); /* volumes are durable when made */
        return;
    }
    err = target_enter(&dir, req, ino, OPERATION_READ);
    if (!err) {
        fd = backing_open_directory(dir.fd);
        target_leave(&dir);
        err = fd < 0 ? -fd : 0;
        if (!err) {
            workers_expect_delay(dir.session->workers);
            err = (datasync ? fdatasync(fd) : fsync(fd)) < 0 ? errno : 0;
            close(fd);
        }
    }
    fuse_reply_err(req, err);
}

void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                  struct fuse_file_info *fi)
{
    struct target file;
    struct data data;
    bool keep;
    int err = data_enter(&file, req, ino, OPERATION_CHANGE, &data);

    (void)fi;
    if (!err) {
        workers_expect_delay(file.session->workers);
        keep = data_change_begin(req, file.node, false);
        err = fallocate(data.fd, mode, offset, length) < 0 ? errno : 0;
        data_change_end(keep);
        data_leave(&file, &data);
    }
    fuse_reply_err(req, err);
}

void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi)
{
    struct target file;
    struct data data;
    off_t found = 0;
    int err = data_enter(&file, req, ino, OPERATION_READ, &data);

    (void)fi;
    if (!err) {
        /* the position of a shared descriptor: nobody else reads it */
        found = lseek(data.fd, offset, whence);
        err = found < 0 ? errno : 0;
        data_leave(&file, &data);
    }
    if (err)
        fuse_reply_err(req, err);
    else
        fuse_reply_lseek(req, found);
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t in_offset, struct fuse_file_info *fi,
                        fuse_ino_t out, off_t out_offset, struct fuse_file_info *out_fi,
                        size_t length, int flags)
{
    struct target from, to;
    struct data from_data, to_data;
    ssize_t n = 0;
    bool keep;
    int err = data_enter(&from, req, in, OPERATION_READ, &from_data);

    (void)fi;
    (void)out_fi;
    if (!err) {
        err = data_enter(&to, req, out, OPERATION_CHANGE, &to_data);
        if (!err) {
            workers_expect_delay(from.session->workers);
            keep = data_change_begin(req, to.node, false);
            n = copy_file_range(from_data.fd, &in_offset, to_data.fd, &out_offset, length,
                                (unsigned)flags);
            err = n < 0 ? errno : 0;
            data_change_end(keep);
            data_leave(&to, &to_data);
        }
        data_leave(&from, &from_data);
    }
    if (err)
        fuse_reply_err(req, err);
    else
        fuse_reply_write(req, (size_t)n);
}
