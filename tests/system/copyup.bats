#!/usr/bin/env bats
# Copy-up: an empty volume gets what the rootfs has at its destination, whole or not at all.

load lib

setup() {
    require_mounts
    set -o pipefail
    work_make
    ROOTFS=$WORK/rootfs
    mkdir -p "$ROOTFS/data/sub"
    echo hello >"$ROOTFS/data/hello"
    echo deep >"$ROOTFS/data/sub/deep"
    daemon_start
}

# create NAME SPEC…: a container with $ROOTFS and these -v.
create() {
    local name=$1

    shift
    api POST containers "$(jq -n --arg name "$name" --arg rootfs "$ROOTFS" \
        '{Name: $name, Rootfs: $rootfs, Volumes: $ARGS.positional}' --args "$@")" >/dev/null
}

# Files, $1 times 100, in memory.
rootfs_fill() {
    local i

    mount -t tmpfs tmpfs "$ROOTFS/data"
    for ((i = 0; i < $1; i++)); do
        mkdir "$ROOTFS/data/d$i"
        seq 1 100 | split -l 1 -a 3 - "$ROOTFS/data/d$i/"
    done
}

# slow_copies: a directory takes as long as what is done while it is copied, until fast_copies.
slow_copies() {
    strace -f -qq -p "$DAEMON_PID" -e trace=mkdirat \
        -e inject=mkdirat:delay_enter="$((200 * $(busyness)))ms" -o /dev/null 3>&- 2>/dev/null &
    STRACE_PID=$!
    eventually 20 daemon_is_traced
}

fast_copies() {
    kill "$STRACE_PID" 2>/dev/null || true
    wait "$STRACE_PID" || true
}

is_empty() {
    [ -z "$(ls -A "$1")" ]
}

is_same() {
    local difference

    difference=$(rsync -aHAXi --delete --dry-run --filter='-x user.volume.*' "$1/" "$2/")
    printf '%s\n' "$difference"
    [ -z "$difference" ]
}

@test "a new volume gets all that the rootfs has there, with all attributes" {
    chown 1:2 "$ROOTFS/data"
    chmod 2751 "$ROOTFS/data"
    ln "$ROOTFS/data/hello" "$ROOTFS/data/sub/again"
    ln -s ../hello "$ROOTFS/data/sub/link"
    mkfifo -m 640 "$ROOTFS/data/fifo"
    setfattr -n user.color -v blue "$ROOTFS/data/hello"
    setfacl -m u:7:r "$ROOTFS/data/hello"
    setfacl -d -m u:8:rx "$ROOTFS/data/sub"
    truncate -s 100M "$ROOTFS/data/holes"
    touch -d '2001-02-03 04:05:06.789' "$ROOTFS/data/hello" "$ROOTFS/data/sub"
    touch -d '2002-02-03 04:05:06.789' "$ROOTFS/data"
    create c new:/data
    is_same "$ROOTFS/data" "$TREE/new"
    [ "$(stat -c %u:%g:%a "$TREE/new")" = 1:2:2751 ]
    [ "$(stat -c %y "$TREE/new")" = "$(stat -c %y "$ROOTFS/data")" ]
    [ "$(stat -c %i "$TREE/new/hello")" = "$(stat -c %i "$TREE/new/sub/again")" ]
    [ "$(stat -c %b "$TREE/new/holes")" -lt 100 ]
    eventually 10 trash_is_empty
    is_empty "$STORE/staging"
    is_empty "$STORE/filled"
}

@test "of an empty directory its owner and mode come" {
    mkdir -m 1770 "$ROOTFS/empty"
    chown 33:44 "$ROOTFS/empty"
    create c v:/empty
    [ "$(stat -c %u:%g:%a "$TREE/v")" = 33:44:1770 ]
}

@test "nothing comes into what has something, is not wanted, or is no volume of its own" {
    mkdir "$TREE/full" "$TREE/found" "$TREE/part" "$TREE/part/sub" "$TREE/sealed" "$WORK/host"
    echo mine >"$TREE/full/mine"
    mkdir "$TREE/found/lost+found"
    volume_set_readonly "$TREE/sealed" 1
    create c full:/data "$WORK/host:/data/sub"
    create d nocopy:/data:nocopy
    create e found:/data
    create f sealed:/data
    create g nowhere:/nowhere afile:/data/hello
    api POST containers "$(jq -n --arg rootfs "$ROOTFS" '{Rootfs: $rootfs,
        Mounts: ["type=volume,source=part,target=/data,volume-subpath=sub"]}')" >/dev/null
    [ "$(ls -A "$TREE/full")" = mine ]
    [ "$(ls -A "$TREE/found")" = lost+found ]
    for volume in nocopy sealed part/sub nowhere afile; do
        is_empty "$TREE/$volume"
    done
    is_empty "$WORK/host"
    volctl container create --name store -v taken:/data >/dev/null
    api POST containers "$(jq -n --arg rootfs "$ROOTFS" \
        '{Rootfs: $rootfs, VolumesFrom: ["store"]}')" >/dev/null
    is_empty "$TREE/taken"
}

@test "links in the rootfs lead where they do inside it" {
    mkdir -p "$ROOTFS/run/app"
    echo inside >"$ROOTFS/run/app/file"
    ln -s /run "$ROOTFS/var"
    ln -s ../../../../../../../../etc "$ROOTFS/escape"
    create c v:/var/app w:/escape
    [ "$(cat "$TREE/v/file")" = inside ]
    is_empty "$TREE/w" # the rootfs has no /etc
}

@test "names that were looked for in vain are there afterwards" {
    mkdir "$TREE/v"
    fails cat "$TREE/v/hello"
    is_empty "$TREE/v"
    create c v:/data
    [ "$(cat "$TREE/v/hello")" = hello ]
    [ "$(ls "$TREE/v")" = $'hello\nsub' ]
    stat -c %h "$TREE/v" | grep -qx 3
}

@test "the volume does not change when the rootfs does" {
    create c v:/data
    echo changed >"$ROOTFS/data/hello"
    create d v:/data
    [ "$(cat "$TREE/v/hello")" = hello ]
    rm "$TREE/v/hello"
    [ "$(cat "$ROOTFS/data/hello")" = changed ]
}

# Two at once: the whole is there when either is told so.
@test "of two containers on one volume one copies, and the other waits" {
    local one two

    rootfs_fill 20
    create_and_count() {
        create "$1" v:/data
        find "$TREE/v" | wc -l
    }
    create_and_count a >"$WORK/a" &
    one=$!
    create_and_count b >"$WORK/b" &
    two=$!
    wait "$one"
    wait "$two"
    [ "$(cat "$WORK/a")" -eq "$(find "$ROOTFS/data" | wc -l)" ]
    [ "$(cat "$WORK/b")" -eq "$(cat "$WORK/a")" ]
    [ "$(volume_attribute "$TREE/v" refcount)" = 2 ]
}

copy_is_going_on() {
    api GET "containers/$1/copy" 2>/dev/null | jq -e '.TotalBytes > 0 and .Entries > 0'
}

@test "a crash in the middle leaves the volume empty, and the start fills it" {
    local creating

    rootfs_fill 20
    slow_copies
    create c v:/data >/dev/null 2>&1 &
    creating=$!
    eventually 20 copy_is_going_on c
    daemon_kill
    fast_copies
    wait "$creating" || true
    daemon_start
    is_empty "$TREE/v"
    sleep 1000 3>&- &
    api POST containers/c/start "{\"Pid\":$!}" >/dev/null
    kill "$!"
    [ "$(find "$TREE/v" | wc -l)" -eq "$(find "$ROOTFS/data" | wc -l)" ]
}

@test "what was complete when the daemon died is moved on when it is back" {
    local id

    mkdir "$TREE/v"
    id=$(volume_attribute "$TREE/v" id)
    daemon_kill
    mkdir "$STORE/filled/fill-$id"
    cp -a "$ROOTFS/data" "$STORE/filled/fill-$id/files"
    mkdir "$STORE/filled/fill-$id/like"
    chmod 711 "$ROOTFS/data"
    chmod --reference "$ROOTFS/data" "$STORE/filled/fill-$id/like"
    touch -r "$ROOTFS/data" "$STORE/filled/fill-$id/like"
    # one entry had been moved already
    mv "$STORE/filled/fill-$id/files/hello" "$STORE/volumes/$id/data/"
    daemon_start
    is_same "$ROOTFS/data" "$TREE/v"
    is_empty "$STORE/filled"
}

@test "removing the container ends the copying, and what was made for it goes" {
    local creating

    rootfs_fill 20
    slow_copies
    create c v:/data /anonymous 2>"$WORK/refused" &
    creating=$!
    eventually 20 copy_is_going_on c
    volctl container rm -f c
    fast_copies
    if wait "$creating"; then
        cat "$WORK/refused"
        return 1
    fi
    cat "$WORK/refused"
    grep -q 'was given up' "$WORK/refused"
    is_empty "$TREE"
    eventually 20 is_empty "$STORE/staging"
    eventually 20 trash_is_empty
}

@test "who waits for another's copy is stopped with his container" {
    local one two

    rootfs_fill 20
    slow_copies
    create a v:/data 2>"$WORK/a" &
    one=$!
    eventually 20 copy_is_going_on a
    create b v:/data 2>"$WORK/b" &
    two=$!
    eventually 10 volctl container inspect b >/dev/null
    volctl container rm -f a b
    fast_copies
    if wait "$one" || wait "$two"; then
        echo 'a create of a container that was removed meanwhile succeeded'
        return 1
    fi
    grep -q 'was given up' "$WORK/b"
    [ ! -e "$TREE/v" ] || is_empty "$TREE/v"
}

@test "a volume that is made read-only while its files are copied stays empty" {
    local creating

    rootfs_fill 20
    mkdir "$TREE/v"
    slow_copies
    create c v:/data 2>"$WORK/refused" &
    creating=$!
    eventually 20 copy_is_going_on c
    volume_set_readonly "$TREE/v" 1
    fast_copies
    if wait "$creating"; then
        echo 'the volume was filled though it is read-only'
        return 1
    fi
    is_empty "$TREE/v"
}

@test "a rootfs may lie in the tree, and must be there" {
    mkdir -p "$TREE/box/data"
    echo of the box >"$TREE/box/data/file"
    ROOTFS=$TREE/box create c v:/data
    [ "$(cat "$TREE/v/file")" = 'of the box' ]
    ROOTFS=$WORK/none
    fails create d w:/data
    [[ $output == *"rootfs $WORK/none: No such file or directory"* ]]
    [ ! -e "$TREE/w" ]
}

@test "what a copy left behind that failed is in nobody's way" {
    mkdir "$TREE/v"
    mkdir -p "$STORE/staging/fill-$(volume_attribute "$TREE/v" id)/files/half"
    create c v:/data
    is_same "$ROOTFS/data" "$TREE/v"
    eventually 10 trash_is_empty
}

@test "a full disk leaves no volume half full" {
    daemon_stop
    work_make_disk tmpfs 8M
    dd if=/dev/urandom of="$ROOTFS/data/large" bs=1M count=12 status=none
    daemon_start
    fails create c v:/data
    [[ $output == *'cannot copy /data of the rootfs into volume'*'no space left'* ]] ||
        [[ $output == *'No space left'* ]]
    is_empty "$TREE"
    eventually 10 trash_is_empty
    rm "$ROOTFS/data/large"
    create c v:/data
    is_same "$ROOTFS/data" "$TREE/v"
}
