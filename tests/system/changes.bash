# shellcheck shell=bash
# Every way to change a volume, for tests of who may.

# What changes_prepare makes in a directory, changes_try tries to change.
changes_prepare() {
    mkdir "$1/dir"
    echo text >"$1/file"
    ln -s file "$1/link"
    mkfifo "$1/fifo"
    setfattr -n user.note -v text "$1/file"
}

# changes_try DIRECTORY [COMMAND…]: each change, tried on the names below the directory, in what the
# command runs; "name: errno" for each that is not EROFS.
changes_try() {
    local directory=$1

    shift
    "$@" python3 - "$directory" <<'PYTHON'
import errno, os, sys
os.chdir(sys.argv[1])
def tmpfile():
    os.close(os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600))
def opened(name, flags):
    return lambda: os.close(os.open(name, flags, 0o600))
changes = {
    "create": opened("new", os.O_WRONLY | os.O_CREAT),
    "create exclusively": opened("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "open for writing": opened("file", os.O_WRONLY),
    "open for both": opened("file", os.O_RDWR),
    "open to append": opened("file", os.O_WRONLY | os.O_APPEND),
    "open and truncate": opened("file", os.O_RDONLY | os.O_TRUNC),
    "unnamed file": tmpfile,
    "truncate": lambda: os.truncate("file", 0),
    "mkdir": lambda: os.mkdir("newdir"),
    "rmdir": lambda: os.rmdir("dir"),
    "unlink": lambda: os.unlink("file"),
    "unlink link": lambda: os.unlink("link"),
    "rename": lambda: os.rename("file", "other"),
    "rename over": lambda: os.rename("file", "link"),
    "rename into": lambda: os.rename("file", "dir/file"),
    "link": lambda: os.link("file", "hard"),
    "symlink": lambda: os.symlink("file", "soft"),
    "fifo": lambda: os.mkfifo("newfifo"),
    "device": lambda: os.mknod("null", 0o20666, os.makedev(1, 3)),
    "chmod": lambda: os.chmod("file", 0o600),
    "chmod root": lambda: os.chmod(".", 0o700),
    "chown": lambda: os.chown("file", 1, 1),
    "chown link": lambda: os.lchown("link", 1, 1),
    "utimes": lambda: os.utime("file", (1, 1)),
    "touch": lambda: os.utime("file"),
    "setxattr": lambda: os.setxattr("file", "user.new", b"x"),
    "removexattr": lambda: os.removexattr("file", "user.note"),
    "setxattr of root": lambda: os.setxattr(".", "user.new", b"x"),
    "acl": lambda: os.setxattr("file", "system.posix_acl_access", b"\x02\0\0\0"
        b"\x01\0\x06\0\xff\xff\xff\xff\x02\0\x06\0\x39\x30\0\0\x04\0\x04\0\xff\xff\xff\xff"
        b"\x10\0\x06\0\xff\xff\xff\xff\x20\0\x04\0\xff\xff\xff\xff"),
}
for name, change in changes.items():
    try:
        change()
        print(f"{name}: done")
    except OSError as e:
        if e.errno != errno.EROFS:
            print(f"{name}: {errno.errorcode[e.errno]}")
PYTHON
}

# changes_refused DIRECTORY [COMMAND…]: all of them, with EROFS.
changes_refused() {
    local found

    found=$(changes_try "$@") || return 1
    [ -z "$found" ] || {
        echo "$found"
        return 1
    }
}

# changes_try_open [COMMAND…]: what descriptor 7, open for writing, still does in what the command
# runs; "done" or the errno of each.
changes_try_open() {
    "$@" python3 - <<'PYTHON'
import errno, mmap, os
def mapped():
    pid = os.fork()
    if pid == 0:
        region = mmap.mmap(7, 4)
        region[0] = 33
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise OSError(errno.EFAULT, "a signal")
for name, change in {
    "copy": lambda: os.copy_file_range(7, 7, 1, 0, 100),
    "write": lambda: os.write(7, b"late\n"),
    "map": mapped,
    "truncate": lambda: os.ftruncate(7, 0),
    "chmod": lambda: os.fchmod(7, 0o600),
    "chown": lambda: os.fchown(7, 1, 1),
    "allocate": lambda: os.posix_fallocate(7, 0, 99999),
}.items():
    try:
        change()
        print(f"{name}: done")
    except OSError as e:
        print(f"{name}: {errno.errorcode[e.errno]}")
PYTHON
}
