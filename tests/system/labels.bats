#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153 # expanded in containers; one id at a time
# Access labels: a private volume is there for its owner and the host, whatever others have cached;
# who may become the owner, and when.

load lib
load container
load changes

setup() {
    require_mounts
    set -o pipefail
    work_make
    daemon_start
    mkdir "$TREE/v"
    changes_prepare "$TREE/v"
    mkdir "$TREE/v/dir/sub"
    echo text >"$TREE/v/dir/sub/deep"
    OWNER=$(container_random_id)
    OTHER=$(container_random_id)
    CONTAINER_ID=$OTHER
}

# as ID COMMAND…: in the container of that id.
as() {
    local CONTAINER_ID=$1

    shift
    "$@"
}

set_label() {
    setfattr -n user.volume.label -v "$1" "$TREE/v"
}

label_is() {
    [ "$(volume_attribute "$TREE/v" label)" = "$1" ]
}

owner_is() {
    [ "$(volume_attribute "$TREE/v" owner)" = "$1" ]
}

# Everything below a directory is known to the kernel: names, absent ones too, attributes, listings.
fill_caches() {
    find "$1" -ls >/dev/null
    stat "$1/absent" "$1/dir/absent" >/dev/null 2>&1 || true
    cat "$1/file" "$1/link" "$1/dir/sub/deep" >/dev/null
}

# denied COMMAND…: fails, with EACCES.
denied() {
    fails "$@"
    [[ $output == *'Permission denied'* ]]
}

# Each way to look, tried below a directory as it is in what the command runs: "name: outcome" for
# each that is not EACCES. looks_try DIRECTORY [COMMAND…]
looks_try() {
    local directory=$1

    shift
    "$@" python3 - "$directory" <<'PYTHON'
import errno, os, socket, subprocess, sys
root = sys.argv[1]
def at(name):
    return os.path.join(root, name)
def opened(name, flags):
    return lambda: os.close(os.open(at(name), flags, 0o600))
looks = {
    "stat root": lambda: os.stat(root),
    "stat": lambda: os.stat(at("file")),
    "lstat": lambda: os.lstat(at("link")),
    "stat of nothing": lambda: os.stat(at("absent")),
    "stat below": lambda: os.stat(at("dir/sub/deep")),
    "list root": lambda: os.listdir(root),
    "list below": lambda: os.listdir(at("dir")),
    "access": lambda: os.access(at("file"), os.F_OK) or os.stat(at("file")),
    "chdir": lambda: os.chdir(root),
    "chdir below": lambda: os.chdir(at("dir")),
    "readlink": lambda: os.readlink(at("link")),
    "open": opened("file", os.O_RDONLY),
    "open by link": opened("link", os.O_RDONLY),
    "open to write": opened("file", os.O_WRONLY),
    "open path": opened("file", os.O_PATH),
    "open directory": opened("dir", os.O_RDONLY | os.O_DIRECTORY),
    "open fifo": opened("fifo", os.O_RDONLY | os.O_NONBLOCK),
    "create": opened("new", os.O_WRONLY | os.O_CREAT),
    "unnamed file": opened("dir", os.O_TMPFILE | os.O_RDWR),
    "run": lambda: subprocess.run([at("file")]),
    "connect": lambda: socket.socket(socket.AF_UNIX).connect(at("socket")),
    "statfs": lambda: os.statvfs(root),
    "statfs below": lambda: os.statvfs(at("dir")),
    "told attribute": lambda: os.getxattr(root, "user.volume.label"),
    "attribute": lambda: os.getxattr(at("file"), "user.note"),
    "attributes of root": lambda: os.listxattr(root),
    "attributes": lambda: os.listxattr(at("file")),
    "set told attribute": lambda: os.setxattr(root, "user.volume.label", b"none"),
    "set attribute": lambda: os.setxattr(at("file"), "user.new", b"x"),
    "mkdir": lambda: os.mkdir(at("newdir")),
    "unlink": lambda: os.unlink(at("file")),
    "rename": lambda: os.rename(at("file"), at("other")),
    "link": lambda: os.link(at("file"), at("hard")),
    "symlink": lambda: os.symlink("x", at("soft")),
    "chmod": lambda: os.chmod(at("file"), 0o777),
    "chmod root": lambda: os.chmod(root, 0o777),
    "truncate": lambda: os.truncate(at("file"), 0),
    "touch": lambda: os.utime(at("dir")),
}
for name, look in looks.items():
    try:
        look()
        print(f"{name}: done")
    except OSError as e:
        if e.errno != errno.EACCES:
            print(f"{name}: {errno.errorcode[e.errno]}")
PYTHON
}

# looks_denied DIRECTORY [COMMAND…]: all of them.
looks_denied() {
    local found

    found=$(looks_try "$@") || return 1
    [ -z "$found" ] || {
        echo "$found"
        return 1
    }
}

@test "a private volume: EACCES for others in everything, whatever is cached" {
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$TREE/v/socket"
    volctl attach "$OWNER" v:/data:Z
    label_is private
    owner_is "$OWNER"
    find "$TREE/v" -ls >"$WORK/before"
    looks_denied /data container_run v
    fill_caches "$TREE/v"
    as "$OWNER" container_run v sh -c "$(declare -f fill_caches); fill_caches /data"
    looks_denied /data container_run v
    looks_denied /data/dir/sub container_run v # not a way in either
    looks_denied /data/v container_run .
    looks_denied /data as '' container_run v # one without a name
    find "$TREE/v" -ls | diff "$WORK/before" -
    [ "$(daemon_status denials)" -gt 100 ]
    [[ $(as "$OWNER" container_run v ls /data) == *file* ]]
    as "$OWNER" container_run v sh -ec '
        cat /data/file; echo x >/data/new; mv /data/new /data/other; rm /data/other; df /data
        getfattr --absolute-names -n user.volume.owner /data; chmod 700 /data; chmod 755 /data'
}

@test "a copy of a private volume is not private" {
    volctl attach "$OWNER" v:/data:Z
    cp -a "$TREE/v" "$TREE/w"
    [ "$(volume_attribute "$TREE/w" label)" = none ]
    container_run w cat /data/file
}

# What a runtime does in a container's name before anybody can be told of that.
@test "who sets a container up may look at what it mounts, and at no more" {
    outside() {
        (container_exec_in_group unshare --mount --propagation private "$@")
    }
    volctl attach "$OWNER" v:/data:Z
    outside stat "$TREE/v/dir/sub" >/dev/null
    outside mount --bind "$TREE/v/dir/sub" /mnt
    denied outside ls "$TREE/v"
    denied outside cat "$TREE/v/file"
    denied outside touch "$TREE/v/file"
    denied outside getfattr -n user.volume.owner "$TREE/v"
}

# Puts a part of the tree into a container, as an engine can that runs on the host:
# give_mount SOURCE DESTINATION
give_mount() {
    python3 - "$1" "$CONTAINER_PID" "$2" <<'PYTHON'
import ctypes, os, sys
source, pid, destination = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
OPEN_TREE, MOVE_MOUNT, CLONE, EMPTY_PATH, NEWNS = 428, 429, 1, 4, 0x20000
def call(*arguments):
    result = libc.syscall(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
tree = call(OPEN_TREE, -100, source.encode(), CLONE)
if libc.setns(os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY), NEWNS) < 0:
    raise OSError(ctypes.get_errno(), "setns")
call(MOVE_MOUNT, tree, b"", -100, destination.encode(), EMPTY_PATH)
PYTHON
}

@test "a part of it that is given to another's container is no way in" {
    local part

    mkdir "$TREE/w"
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$TREE/v/socket"
    container_answer w
    mkdir "$CONTAINER_ROOT/tmp/dir"
    touch "$CONTAINER_ROOT/tmp/file" "$CONTAINER_ROOT/tmp/fifo" "$CONTAINER_ROOT/tmp/socket"
    fill_caches "$TREE/v" # before and after the label
    volctl attach "$OWNER" v:/data:Z
    fill_caches "$TREE/v"
    as "$OWNER" container_run v sh -c "$(declare -f fill_caches); fill_caches /data"
    for part in dir file fifo socket; do
        give_mount "$TREE/v/$part" "/tmp/$part"
    done
    for part in 'ls /tmp/dir' 'stat /tmp/dir' 'stat /tmp/dir/sub' 'stat /tmp/dir/absent' \
        'cat /tmp/dir/sub/deep' 'getfattr /tmp/dir' 'touch /tmp/dir' 'cat /tmp/file' \
        'getfattr -n user.note /tmp/file' 'true >>/tmp/file' 'sh -c "exec 9<>/tmp/fifo"' \
        'python3 -c "import socket; socket.socket(socket.AF_UNIX).connect(\"/tmp/socket\")"'; do
        [[ $(container_ask "$part") == *'Permission denied'* ]] || {
            echo "not refused: $part"
            return 1
        }
    done
    volctl detach "$OWNER"
    set_label none
    [ "$(container_ask 'cat /tmp/dir/sub/deep >/dev/null')" = ok ]
    [ "$(container_ask 'cat /tmp/file >/dev/null')" = ok ]
    container_stop
}

# Somebody who has the whole tree is counted nowhere, and keeps nobody's volume from being private.
@test "a change takes effect at once in a container that runs, to and fro, and wherever it stands" {
    local i

    volctl attach "$OWNER" v:/data
    container_answer .
    for i in 1 2 3 4 5; do
        [ "$(container_ask 'cat /data/v/dir/sub/deep >/dev/null')" = ok ]
        [ "$(container_ask 'find /data/v -ls >/dev/null')" = ok ]
        set_label private
        owner_is "$OWNER"
        [[ $(container_ask 'stat /data/v/dir/sub/deep') == *'Permission denied'* ]]
        [[ $(container_ask 'ls /data/v') == *'Permission denied'* ]]
        case $i in
        1) set_label none ;;
        2) set_label shared ;;
        3) volctl set v label=none ;;
        4) volctl attach "$OWNER" v:/data2:z ;;
        *) set_label none ;;
        esac
    done
    [ "$(container_ask 'cd /data/v/dir && ls . sub >/dev/null && exec 8<sub')" = ok ]
    set_label private
    [[ $(container_ask 'stat sub/deep') == *'Permission denied'* ]]
    [[ $(container_ask 'stat /proc/self/fd/8/deep') == *'Permission denied'* ]]
    [[ $(container_ask 'ls .') == *'Permission denied'* ]]
    set_label none
    [ "$(container_ask 'cat sub/deep >/dev/null')" = ok ]
    container_stop
}

@test "a second container is refused while the owner refers to it, however it asks; then it passes" {
    local who

    volctl container create --name web -v v:/data:Z >/dev/null
    owner_is "$(volctl container inspect web | jq -r '.[0].Id')"
    for who in v:/data v:/data:Z v:/data:z v:/data:ro "$TREE/v:/data" "$TREE/v/dir:/data"; do
        fails volctl attach other "$who"
        [[ $output == *'volume "v" is private to web, which still refers to it'*'volctl detach web'* ]]
    done
    fails volctl attach other --mount type=volume,src=v,dst=/data,volume-subpath=dir
    fails volctl container create --name other --volumes-from web
    [[ $output == *'private to web'* ]]
    [ "$(volctl refs v --format json | jq -r '[.Refs[].Container] | join(" ")')" = web ]
    volctl container rm web
    denied container_run v ls /data # nobody's by now
    volctl attach "$OTHER" v:/data
    container_run v ls /data
    label_is private
    owner_is "$OTHER"
    fails volctl attach "$OWNER" v:/data
    [[ $output == *"private to ${OTHER:0:12}"* ]]
    volctl detach "$OTHER"
    volctl attach "$OWNER" v:/data:z
    label_is shared
    container_run v ls /data
}

# Its mount is still there after it was detached.
@test "an owner that runs refers to the volume, recorded or not" {
    volctl attach "$OWNER" v:/data:Z
    as "$OWNER" container_answer v
    volctl detach "$OWNER"
    fails volctl attach "$OTHER" v:/data
    [[ $output == *"private to ${OWNER:0:12}"* ]]
    [ "$(container_ask 'cat /data/file >/dev/null')" = ok ]
    container_stop
    volctl attach "$OTHER" v:/data
    owner_is "$OTHER"
}

@test "modes combine with labels: ro,z and Z,ro" {
    volctl attach "$OWNER" v:/data:Z,ro
    CONTAINER_ID=$OWNER
    container_run v cat /data/file
    changes_refused /data container_run v
    looks_denied /data as "$OTHER" container_run v
    volctl detach "$OWNER"
    volctl attach "$OWNER" v:/data:ro,z
    label_is shared
    fails volume_attribute "$TREE/v" owner
    changes_refused /data container_run v
    as "$OTHER" container_run v touch /data/file
}

@test "it does not become private while others refer to it, and they are named" {
    volctl attach db v:/data
    fails volctl attach web v:/data:Z
    [[ $output == *'volume "v" is in use by db:/data;'*'volctl detach db'* ]]
    fails volctl container create --name web --volumes-from db:Z
    label_is none
    fails volctl container inspect web
    volctl attach db v:/data2:z
    fails volctl attach web v:/data:Z
    [[ $output == *db:/data* ]]
    volctl attach web v:/data
    fails volctl attach db v:/data3:Z
    [[ $output == *'in use by web:/data'* ]]
    volctl detach web
    volctl attach db v:/data3:Z
    label_is private
    volctl detach db
    set_label none
    # one that only has its path mounted counts as well, and so does an engine's mount for nobody
    container_answer v
    fails volctl attach web v:/data:Z
    [[ $output == *"in use by ${OTHER:0:12}:/data (running)"* ]]
    volctl attach "$OTHER" v:/data:Z
    owner_is "$OTHER"
    container_stop
}

plugin() {
    curl -sSf --unix-socket "$VOLUMEFS_PLUGIN_SOCKET" -X POST -d "$2" "http://v/VolumeDriver.$1"
}

# An engine mounts before anybody can tell for whom.
@test "of an engine's mounts one may be for who asks" {
    plugin Mount '{"Name":"v","ID":"one"}'
    fails volctl set v label=private
    [[ $output == *'an engine (mount id one)'* ]]
    volctl attach "$OWNER" v:/data:Z
    volctl detach "$OWNER"
    set_label none
    plugin Mount '{"Name":"v","ID":"two"}'
    fails volctl attach "$OWNER" v:/data:Z
    [[ $output == *'an engine (mount id'* ]]
}

@test "an administrator sets the label, by the tree and by volctl" {
    fails setfattr -n user.volume.label -v blue "$TREE/v"
    [[ $output == *'Invalid argument'* ]]
    fails setfattr -n user.volume.label -v '' "$TREE/v"
    fails setfattr -n user.volume.label -v 'private\000x' "$TREE/v"
    fails setpriv --reuid 1234 --clear-groups setfattr -n user.volume.label -v shared "$TREE/v"
    fails container_run v setfattr -n user.volume.label -v shared /data
    [[ $output == *'not permitted'* ]]
    label_is none
    set_label shared
    container_run v ls /data
    volctl set v label=none
    label_is none
    fails volctl set v label=blue
    [[ $output == *'label=shared, label=private or label=none'* ]]
    fails api PATCH volumes/v '{"Label":"blue"}'
    api PATCH volumes/v '{"Label":"private","ReadOnly":true}' | jq -e '.Label == "private" and .ReadOnly'
    denied container_run v ls /data
    volctl attach "$OTHER" v:/data
    container_run v ls /data
    # a copy of its attributes would set it
    getfattr --absolute-names -d "$TREE/v" | fails grep volume.label
}

@test "set private it is the one container's that refers to it, nobody's, or refused" {
    set_label private
    denied container_run v ls /data
    fails volume_attribute "$TREE/v" owner
    volctl attach "$OTHER" v:/data # the first that attaches it
    owner_is "$OTHER"
    set_label private # it is, and stays so
    owner_is "$OTHER"
    volctl detach "$OTHER"
    set_label none
    container_answer v # running, not recorded
    set_label private
    owner_is "$OTHER"
    [ "$(container_ask 'cat /data/file >/dev/null')" = ok ]
    set_label none
    volctl attach db v:/x
    fails set_label private
    [[ $output == *'resource busy'* ]]
    fails volctl set v label=private readonly=on
    [[ $output == *'in use by'*'db:/x'* ]]
    label_is none
    [ "$(volume_attribute "$TREE/v" readonly)" = 0 ]
    volctl detach db
    container_stop
    as '' container_answer v # without a name that lasts
    fails volctl set v label=private
    [[ $output == *'in use by mnt-'* ]]
    container_stop
}

@test "the owner is known by its id, the beginning of that, or its name" {
    volctl attach "${OWNER:0:12}" v:/data:Z
    as "$OWNER" container_run v cat /data/file
    denied container_run v cat /data/file
    volctl attach "$OWNER" v:/more # the same, recorded once more
    as "$OWNER" container_run v cat /data/file
    volctl detach "$OWNER"
    volctl detach "${OWNER:0:12}"
    volctl container create --name user -v v:/data >/dev/null
    as lxc.payload.user container_run v cat /data/file
    as user container_run v cat /data/file
    as "user/$OTHER" container_run v cat /data/file
    denied as lxc.payload.user2 container_run v cat /data/file
    denied as "$OTHER/user" container_run v cat /data/file
    denied as "$OTHER/lxc.payload.user" container_run v cat /data/file
}

@test "it survives a restart and a crash of the daemon, and a lost catalog" {
    volctl attach "$OWNER" v:/data:Z
    daemon_stop
    daemon_start
    looks_denied /data container_run v
    as "$OWNER" container_run v cat /data/file
    daemon_kill
    daemon_start
    looks_denied /data container_run v
    as "$OWNER" container_run v cat /data/file
    daemon_stop
    rm "$STORE"/catalog.db*
    daemon_start
    label_is private
    looks_denied /data container_run v
    as "$OWNER" container_run v cat /data/file
}

@test "an owner that is recorded once more, by the beginning of its id, stays the owner" {
    container_answer v
    set_label private
    owner_is "$OTHER"
    volctl attach "${OTHER:0:12}" v:/y
    owner_is "$OTHER"
    fails volctl attach db v:/data
    [[ $output == *'is private to'* ]]
    volctl detach "${OTHER:0:12}"
    [ "$(container_ask 'cat /data/file >/dev/null')" = ok ]
    fails volctl attach db v:/data
    container_stop
}

# By what is told when volumes are made, too.
@test "a volume is private from its making" {
    volctl create -o label=private p
    api POST volumes '{"Name":"q","DriverOpts":{"label":"private"}}'
    denied container_run p ls /data
    denied container_run q ls /data
    volctl attach "$OTHER" p:/data
    container_run p touch /data/file
    denied as "$OWNER" container_run p ls /data
}

@test "who cannot be told is refused" {
    daemon_stop
    daemon_start_in_pid_namespace
    cat "$TREE/v/file"
    volctl attach "$OTHER" v:/data:Z
    denied cat "$TREE/v/file"
    denied stat "$TREE/v/dir/sub/deep"
    volctl detach "$OTHER"
    volctl set v label=none
    cat "$TREE/v/file"
}

@test "an owner that cannot be read lets no container in" {
    volctl attach "$OTHER" v:/data:Z
    container_run v cat /data/file
    sqlite3 "$STORE/catalog.db" "UPDATE attachments SET propagation = printf('%070d', 0)"
    volctl attach "$OTHER" v:/more || true
    denied container_run v cat /data/file
    cat "$TREE/v/file"
    sqlite3 "$STORE/catalog.db" "UPDATE attachments SET propagation = ''"
    volctl attach "$OTHER" v:/again
    container_run v cat /data/file
}

many_files() {
    python3 - "$TREE/v" <<'PYTHON'
import os, sys
for i in range(100):
    directory = os.path.join(sys.argv[1], f"many{i}")
    os.mkdir(directory)
    for j in range(100):
        os.mknod(os.path.join(directory, f"file{j}"))
PYTHON
}

writes_traced() {
    strace -f -qq -e trace=fsync,fdatasync,fchmodat,fchownat,setxattr,fsetxattr,renameat,renameat2 \
        -o "$WORK/strace" -p "$DAEMON_PID" 3>&- &
    eventually 10 daemon_is_traced
    "$@" >/dev/null
    kill -INT $!
    wait $! || true
    wc -l <"$WORK/strace"
}

# 10,000 files: one write of the catalog and of the record, whatever there is.
@test "a label is one write, and no file is touched" {
    local few many

    volctl create w
    volctl attach "$OWNER" w:/x
    few=$(writes_traced volctl set w label=private)
    many_files
    volctl attach "$OWNER" v:/data
    container_answer .
    [ "$(container_ask 'find /data/v -ls >/dev/null')" = ok ]
    touch "$WORK/mark"
    sleep 0.1
    many=$(writes_traced volctl set v label=private)
    [ "$many" -le "$few" ]
    [[ $(container_ask 'stat /data/v/many7/file7') == *'Permission denied'* ]]
    volctl set v label=none
    [ "$(container_ask 'stat /data/v/many7/file7 >/dev/null')" = ok ]
    volctl attach "$OWNER" v:/more:Z
    [[ $(container_ask 'stat /data/v/many7/file7') == *'Permission denied'* ]]
    [ -z "$(find "$STORE/volumes" -path '*/data/*' -cnewer "$WORK/mark")" ]
    container_stop
}

read_and_change() {
    container_run v sh -ec 'ls -lR /data; cat /data/file; echo x >/data/n; rm /data/n'
}

@test "nobody is looked up for volumes without rules, and shared ones" {
    [ "$(daemon_count_lookups read_and_change)" -eq 0 ]
    set_label shared
    [ "$(daemon_count_lookups read_and_change)" -eq 0 ]
    set_label none
    volctl attach "$OTHER" v:/data:Z
    [ "$(daemon_count_lookups read_and_change)" -gt 0 ]
    volctl detach "$OTHER"
    set_label none
    [ "$(daemon_count_lookups read_and_change)" -eq 0 ]
}

# A file's own label would be a write for each.
@test "an engine that relabels a tree is told at once that there is nothing to do" {
    fails setfattr -n security.selinux -v system_u:object_r:container_file_t:s0:c1,c2 "$TREE/v"
    [[ $output == *'not supported'* ]]
    fails setfattr -h -n security.selinux -v x "$TREE/v/link"
    [[ $output == *'not supported'* ]]
    fails container_run v setfattr -n security.selinux -v x /data/file
    [[ $output == *'not supported'* ]]
    fails setfattr -x security.selinux "$TREE/v/file"
    [ -z "$(find "$STORE/volumes" -exec getfattr --absolute-names -n security.selinux {} + 2>/dev/null)" ]
    cp -a "$TREE/v" "$WORK/copy"
    cp -a "$WORK/copy" "$TREE/v/dir"
}

@test "volctl run: the owner alone, as long as it is there" {
    require_runtime
    rootfs_make "$WORK/rootfs"
    volctl run -d --name web --rootfs "$WORK/rootfs" -v v:/data:Z sleep 1000 >/dev/null
    [ "$(nsenter -t "$(volctl container inspect web | jq '.[0].Pid')" -a cat /data/file)" = text ]
    fails volctl run --rm --name other --rootfs "$WORK/rootfs" -v v:/data cat /data/file
    [[ $output == *'private to web'* ]]
    fails volctl run --rm --name other --rootfs "$WORK/rootfs" --volumes-from web cat /data/file
    fails volctl run --rm --name other --rootfs "$WORK/rootfs" -v "$TREE/v:/data" cat /data/file
    denied container_run v cat /data/file
    volctl container rm -f web
    [ "$(volctl run --rm --name other --rootfs "$WORK/rootfs" -v v:/data cat /data/file)" = text ]
    label_is private
}
