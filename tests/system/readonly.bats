#!/usr/bin/env bats
# shellcheck disable=SC2012,SC2016 # names here are plain
# A read-only volume refuses every change, from anyone and by any way, at once.

load lib
load container
load changes

setup() {
    require_mounts
    work_make
    daemon_start
    mkdir "$TREE/v"
    changes_prepare "$TREE/v"
}

@test "every change is refused with EROFS, also by root and of names already known" {
    find "$TREE/v" -ls >"$WORK/before" # every name and attribute is in the caches now
    volume_set_readonly "$TREE/v" 1
    changes_refused "$TREE/v"
    find "$TREE/v" -ls | diff "$WORK/before" -
    [ "$(cat "$TREE/v/file")" = text ]
}

@test "reading goes on" {
    volume_set_readonly "$TREE/v" 1
    [ "$(cat "$TREE/v/file")" = text ]
    [ "$(cat "$TREE/v/link")" = text ]
    [ "$(ls "$TREE/v" | tr '\n' ' ')" = 'dir fifo file link ' ]
    [ "$(getfattr --absolute-names --only-values -n user.note "$TREE/v/file")" = text ]
    [ "$(volume_attribute "$TREE/v" readonly)" = 1 ]
    df "$TREE/v" >/dev/null
    tar -C "$TREE/v" -cf /dev/null .
    flock -s "$TREE/v/file" true
}

@test "it takes effect at once and is taken back at once" {
    local i

    for i in 1 2 3 4 5 6 7 8 9 10; do
        volume_set_readonly "$TREE/v" 1
        fails touch "$TREE/v/file"
        [[ $output == *'Read-only file system'* ]]
        fails touch "$TREE/v/new$i"
        volume_set_readonly "$TREE/v" 0
        touch "$TREE/v/file" "$TREE/v/new$i"
    done
}

@test "only that volume is concerned" {
    mkdir "$TREE/w"
    volume_set_readonly "$TREE/v" 1
    touch "$TREE/w/f"
    mkdir "$TREE/another"
    rmdir "$TREE/another"
    fails cp "$TREE/w/f" "$TREE/v/"
    cp "$TREE/v/file" "$TREE/w/"
}

@test "it is refused in containers too, and set by the host for those that run" {
    container_start v sh -c 'exec 2>&1; while sleep 0.05; do
        if echo x >>/data/file; then echo wrote; else echo refused; fi; done'
    eventually 10 grep -q wrote "$WORK/container.log"
    volume_set_readonly "$TREE/v" 1
    : >"$WORK/container.log"
    eventually 10 grep -q refused "$WORK/container.log"
    sleep 0.3
    sed -i '1d' "$WORK/container.log" # one may have been under way
    volume_set_readonly "$TREE/v" 0
    container_stop
    volume_set_readonly "$TREE/v" 1
    fails container_run v touch /data/new
    [[ $output == *'Read-only file system'* ]]
    # the container's own mount has no say
    fails container_run v:ro sh -ec 'mount -o remount,bind,rw /data; echo remounted; touch /data/new'
    [[ $output == *remounted*'Read-only file system'* ]]
    fails container_run v rm /data/file
    [ -e "$TREE/v/file" ]
}

@test "rm -r leaves a read-only volume whole" {
    volume_set_readonly "$TREE/v" 1
    fails rm -r "$TREE/v"
    [ "$(cat "$TREE/v/file")" = text ]
    [ -d "$TREE/v/dir" ]
}

@test "it survives a restart and a crash of the daemon" {
    volume_set_readonly "$TREE/v" 1
    daemon_stop
    daemon_start
    [ "$(volume_attribute "$TREE/v" readonly)" = 1 ]
    changes_refused "$TREE/v"
    daemon_kill
    daemon_start
    changes_refused "$TREE/v"
    volume_set_readonly "$TREE/v" 0
    daemon_kill
    daemon_start
    touch "$TREE/v/file"
}

@test "set through the API it counts at once in the tree" {
    touch "$TREE/v/file"
    curl -sSf --unix-socket "$SOCKET" -X PATCH -H 'Content-Type: application/json' \
        -d '{"ReadOnly":true}' http://v/volumefs/volumes/v
    fails touch "$TREE/v/file"
    [[ $output == *'Read-only file system'* ]]
    curl -sSf --unix-socket "$SOCKET" -X PATCH -H 'Content-Type: application/json' \
        -d '{"ReadOnly":false}' http://v/volumefs/volumes/v
    touch "$TREE/v/file"
}

# on_new_disk TYPE: the volume v with its file, anew, on a file system of that type.
on_new_disk() {
    daemon_stop
    work_make_disk "$1" 512M
    daemon_start
    mkdir "$TREE/v"
    echo text >"$TREE/v/file"
}

readonly refused_by_all=$'truncate: EROFS\nchmod: EROFS\nchown: EROFS\nallocate: EROFS'

is_sealed() {
    lsattr -d "$STORE"/volumes/*/data/file | grep -q '^[^ ]*i'
}

@test "a file that is open for writing is closed off, on ext4" {
    on_new_disk ext4
    exec 7<>"$TREE/v/file"
    volume_set_readonly "$TREE/v" 1
    [ "$(changes_try_open)" = $'copy: EROFS\nwrite: EPERM\nmap: EFAULT\n'"$refused_by_all" ]
    [ "$(cat "$TREE/v/file")" = text ]
    is_sealed
    volume_set_readonly "$TREE/v" 0
    [ "$(changes_try_open | head -n 3)" = $'copy: done\nwrite: done\nmap: done' ]
    fails is_sealed
    [ -z "$(find "$STORE/volumes" -name sealed)" ]
    exec 7>&-
    rm "$TREE/v/file"
}

# Maps the file $1 in a process that keeps it open, or with `close` does not; makes the volume
# read-only; and expects that the next store ends the process.
stores_no_more() {
    timeout 20 python3 - "$TREE/v/file" "$WORK" "$1" 3>&- <<'PYTHON' &
import mmap, os, sys, time
path, work, how = sys.argv[1:]
file = open(path, "r+b")
region = mmap.mmap(file.fileno(), 0)
region[0] = 66
if how == "close":
    # the module keeps a descriptor of its own: all that are the file's
    for fd in os.listdir("/proc/self/fd"):
        if os.path.exists(f"/proc/self/fd/{fd}") and os.path.samefile(f"/proc/self/fd/{fd}", path):
            os.close(int(fd))
open(f"{work}/mapped", "w").close()
while not os.path.exists(f"{work}/go"):
    time.sleep(0.05)
region[1] = 67
os._exit(0)
PYTHON
    eventually 10 test -e "$WORK/mapped"
    sleep 0.2 # the daemon hears of a close a moment later
    volume_set_readonly "$TREE/v" 1
    touch "$WORK/go"
    fails wait $!
    [ "$(cat "$TREE/v/file")" = Bext ]
}

@test "what was mapped before cannot be stored to either, on ext4" {
    on_new_disk ext4
    stores_no_more keep
}

# The daemon hears of a close a moment later: until then the file counts as open.
becomes_readonly_unsealed() {
    volume_set_readonly "$TREE/v" 0
    volume_set_readonly "$TREE/v" 1
    [ -z "$(find "$STORE/volumes" -name sealed)" ]
}

# The close of the file is the last that the daemon is told of it.
@test "nor what is mapped still when its file was closed" {
    on_new_disk ext4
    stores_no_more close
    # files that are closed and not mapped are left alone
    volume_set_readonly "$TREE/v" 0
    echo more >"$TREE/v/other"
    eventually 5 becomes_readonly_unsealed
}

@test "an open file works as before once the volume is writable again" {
    exec 7<>"$TREE/v/file"
    volume_set_readonly "$TREE/v" 1
    sync "$TREE/v/file"
    python3 -c 'import os; os.fsync(7); os.lseek(7, 0, os.SEEK_DATA)'
    volume_set_readonly "$TREE/v" 0
    python3 -c 'import os; os.posix_fallocate(7, 0, 9999); os.write(7, b"new"); os.ftruncate(7, 3)'
    exec 7>&-
    [ "$(cat "$TREE/v/file")" = new ]
}

# By the tree and by the API at once, while files are open for writing.
@test "after any changes to and fro the last one counts, and nothing stays sealed" {
    on_new_disk ext4
    python3 - "$TREE/v" "$SOCKET" <<'PYTHON'
import http.client, os, socket, sys, threading
tree, path = sys.argv[1:]
fds = [os.open(f"{tree}/open{i}", os.O_RDWR | os.O_CREAT, 0o600) for i in range(30)]
def by_api(value):
    connection = http.client.HTTPConnection("v")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)
    connection.request("PATCH", "/volumefs/volumes/v", '{"ReadOnly":%s}' % value,
                       {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
def by_tree(value):
    os.setxattr(tree, "user.volume.readonly", value)
for _ in range(60):
    threads = [threading.Thread(target=by_api, args=("true",)),
               threading.Thread(target=by_tree, args=(b"0",))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if os.getxattr(tree, "user.volume.readonly") == b"0":
        for fd in fds:
            os.write(fd, b"x")
by_tree(b"0")
for fd in fds:
    os.write(fd, b"x")
PYTHON
    fails sh -c 'lsattr "$1"/volumes/*/data | grep "^[^ ]*i"' finding "$STORE"
}

# What is sealed must not outlive the rule, whatever happens in between.
@test "seals survive a crash of the daemon, and end with the rule or the volume" {
    on_new_disk ext4
    exec 7<>"$TREE/v/file"
    volume_set_readonly "$TREE/v" 1
    daemon_kill
    exec 7>&-
    daemon_start
    is_sealed
    volume_set_readonly "$TREE/v" 0
    echo more >>"$TREE/v/file"
    exec 7<>"$TREE/v/file"
    volume_set_readonly "$TREE/v" 1
    exec 7>&-
    volctl rm v
    eventually 10 trash_is_empty
    volctl doctor
}

# Elsewhere a write by such a descriptor cannot be stopped (the README says so); all else is.
keeps_on_writing() {
    on_new_disk "$1"
    exec 7<>"$TREE/v/file"
    volume_set_readonly "$TREE/v" 1
    [ "$(changes_try_open)" = $'copy: EROFS\nwrite: done\nmap: done\n'"$refused_by_all" ]
    exec 7>&-
    fails sh -c 'exec 7<>"$1"' opening "$TREE/v/file"
    [[ $output == *'Read-only file system'* ]]
}

@test "a file that is open for writing, where it cannot be closed off: xfs" {
    keeps_on_writing xfs
}

@test "a file that is open for writing, where it cannot be closed off: btrfs" {
    keeps_on_writing btrfs
}

@test "without passthrough an open file is refused too, on any file system" {
    daemon_stop
    daemon_start --no-passthrough
    exec 7<>"$TREE/v/file"
    volume_set_readonly "$TREE/v" 1
    [ "$(changes_try_open | grep -v '^map:')" = $'copy: EROFS\nwrite: EROFS\n'"$refused_by_all" ]
    exec 7>&-
}
