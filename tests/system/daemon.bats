#!/usr/bin/env bats
# shellcheck disable=SC2012,SC2016,SC2030,SC2031 # names here are plain; each test is a subshell
# The daemon's life: start, readiness, end, death and return, and what it refuses to start with.

load lib
load container

# Starting must fail with a text, within seconds, and leave nothing mounted; the text is $output.
refused() {
    local status=0

    output=$(timeout 30 "$VOLUMEFS" "$@" 2>&1 3>&-) || status=$?
    printf '%s\n' "$output"
    if daemon_is_mounted; then
        echo 'and yet it is mounted'
        return 1
    fi
    [ "$status" -gt 0 ] && [ "$status" -lt 124 ] && [ -n "$output" ]
}

# The options of a daemon with these for store and mount point; the sockets are private.
refused_with() {
    refused --store "$1" --socket "$WORK/refused.sock" "${@:3}" "$2"
}

start_and_fill() {
    daemon_start
    mkdir "$TREE/v" "$TREE/ro"
    echo data >"$TREE/v/f"
    echo data >"$TREE/ro/f"
    volume_set_readonly "$TREE/ro" 1
    VOLUME_ID=$(volume_attribute "$TREE/v" id)
}

expect_filled() {
    [ "$(ls "$TREE")" = $'ro\nv' ]
    [ "$(cat "$TREE/v/f")" = data ]
    [ "$(volume_attribute "$TREE/v" id)" = "$VOLUME_ID" ]
    [ "$(volume_attribute "$TREE/ro" readonly)" = 1 ]
    fails touch "$TREE/ro/f"
    touch "$TREE/v/f"
}

# A new catalog, its sum told last; fails as the command does if something was lost.
rebuild() {
    local status=0

    output=$(timeout 60 "$VOLCTL" doctor --rebuild --store "$STORE" 2>&1) || status=$?
    printf '%s\n' "$output"
    [[ $output == *' recovered, with '*' container'*' and '*' attachment'* ]]
    return "$status"
}

rebuild_loses() {
    fails rebuild
    [[ $output == *'something was lost'*'attach containers again before you prune'* ]]
}

@test "it is ready when the start returns: mounted, answering, with its socket" {
    daemon_start
    mountpoint -q "$TREE"
    [ "$(findmnt -n -o FSTYPE "$TREE")" = fuse.volumefs ]
    [ "$(findmnt -n -o SOURCE "$TREE")" = "$STORE" ]
    [[ ,$(findmnt -n -o OPTIONS "$TREE"), == *,nodev,* ]] # device nodes are not honoured
    mkdir "$TREE/v"
    [ -S "$SOCKET" ]
    [ "$(curl -sS --unix-socket "$SOCKET" http://v/_ping)" = OK ]
    [ "$(stat -c %a "$STORE")" = 700 ]
}

@test "SIGTERM unmounts, removes the socket and ends well" {
    daemon_start
    mkdir "$TREE/v"
    daemon_stop # checks the end and the mount
    [ ! -e "$SOCKET" ]
    [ -z "$(ls -A "$TREE")" ]
    daemon_start # and again
    [ -d "$TREE/v" ]
}

@test "an unmount from outside ends it" {
    daemon_start
    umount "$TREE"
    daemon_wait_end
    unset DAEMON_PID
    daemon_start
}

@test "in use at the end: it detaches the tree lazily and says so" {
    local user

    daemon_start_foreground
    mkdir "$TREE/v"
    (cd "$TREE/v" && exec sleep 60 3>&-) &
    user=$!
    eventually 5 test "/proc/$user/cwd" -ef "$TREE/v"
    daemon_stop
    grep -Eqi 'busy|lazily|still (in use|used)' "$WORK/daemon.log"
    kill "$user"
    wait "$user" || true
    daemon_start
    [ -d "$TREE/v" ]
}

@test "a second daemon on the same store is refused, naming it" {
    start_and_fill
    mkdir "$WORK/tree2"
    output=$(timeout 30 "$VOLUMEFS" --store "$STORE" --socket "$WORK/2.sock" "$WORK/tree2" 2>&1 3>&-) && return 1
    [[ $output == *"$STORE"* ]]
    [[ $output == *"$DAEMON_PID"* ]]
    fails mountpoint -q "$WORK/tree2"
    expect_filled
}

@test "a second daemon on the same mount point is refused, and the first goes on" {
    start_and_fill
    output=$(timeout 30 "$VOLUMEFS" --store "$WORK/store2" --socket "$WORK/2.sock" "$TREE" 2>&1 3>&-) && return 1
    [[ $output == *"$TREE"* ]]
    [ "$(mounts_below "$TREE" | wc -l)" -eq 1 ]
    expect_filled
}

@test "a second daemon over a tree without volumes is refused too" {
    daemon_start
    refused=$(timeout 30 "$VOLUMEFS" --store "$WORK/store2" --socket "$WORK/2.sock" "$TREE" 2>&1 3>&-) && return 1
    [[ $refused == *already*"$TREE"* ]]
    [ "$(mounts_below "$TREE" | wc -l)" -eq 1 ]
    mkdir "$TREE/v"
}

@test "mount.fuse3 runs the program with a source and a mount point" {
    timeout 30 "$VOLUMEFS" volumefs "$TREE" \
        -o "rw,dev,suid,store=$STORE,socket=$SOCKET,plugin-socket=none" 3>&- # as mount(8) has it of its own accord
    DAEMON_PID=$(daemon_status pid)
    mkdir "$TREE/v"
    [[ ,$(findmnt -n -o OPTIONS "$TREE"), == *,nosuid,nodev,* ]]
    fails timeout 30 "$VOLUMEFS" any-source "$TREE" -o "remount,ro,store=$STORE,socket=$SOCKET"
    [[ $output == *unmount* ]]
}

@test "a relative mount point is that of where it was started" {
    cd "$WORK"
    timeout 30 "$VOLUMEFS" --store "$STORE" --socket "$SOCKET" --plugin-socket none tree 3>&-
    DAEMON_PID=$(daemon_status pid)
    mkdir "$TREE/v"
    [ -d "$STORE/volumes" ]
    [ "$(readlink "/proc/$DAEMON_PID/cwd")" = / ]
}

@test "two mount points are refused, naming them" {
    mkdir "$WORK/other"
    refused_with "$STORE" "$TREE" "$WORK/other"
    [[ $output == *"$WORK/other"* ]]
    [[ $output == *"$TREE"* ]]
}

@test "a second daemon on the same socket is refused, or leaves the first's alone" {
    start_and_fill
    mkdir "$WORK/tree2"
    output=$(timeout 30 "$VOLUMEFS" --store "$WORK/store2" --socket "$SOCKET" "$WORK/tree2" 2>&1 3>&-) && return 1
    [[ $output == *"$SOCKET"* ]]
    [ "$(curl -sS --unix-socket "$SOCKET" http://v/_ping)" = OK ]
    expect_filled
}

@test "mount.fuse.volumefs mounts with options as mount(8) gives them" {
    local options=store=$STORE,socket=$SOCKET,plugin-socket=$WORK/plugin.sock

    ln -s "$VOLUMEFS" "$WORK/mount.fuse.volumefs"
    timeout 30 "$WORK/mount.fuse.volumefs" volumefs "$TREE" -o "rw,$options" 3>&-
    [ "$(findmnt -n -o SOURCE "$TREE")" = volumefs ] # as it was given: mount -a looks for it
    DAEMON_PID=$(daemon_status pid)
    mkdir "$TREE/v"
    umount "$TREE"
    daemon_wait_end
    unset DAEMON_PID
    # By mount(8) itself, which looks for helpers in /sbin: one is laid over it, for this alone.
    mkdir "$WORK/sbin"
    ln -s "$VOLUMEFS" "$WORK/sbin/mount.fuse.volumefs"
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --propagation private sh -ec '
        mount -t overlay -o "lowerdir=$1:/usr/sbin" overlay /usr/sbin
        mount -t fuse.volumefs volumefs "$2" -o "$3"
        test -d "$2/v"
        mkdir "$2/w"
        umount "$2"' mounting "$WORK/sbin" "$TREE" "$options" 3>&-
    eventually 30 daemon_start # the other lets the store go when it has ended
    [ "$(ls "$TREE")" = $'v\nw' ]
}

@test "killed and started again it has everything" {
    start_and_fill
    kill -KILL "$DAEMON_PID"
    daemon_wait_end
    unset DAEMON_PID
    fails ls "$TREE" # a dead mount is in the way, and is cleared
    daemon_start
    expect_filled
    [ "$(mounts_below "$TREE" | wc -l)" -eq 1 ]
}

# made_some N: so many volumes.
made_some() {
    [ -e "$WORK/made" ] && [ "$(wc -l <"$WORK/made")" -ge "$1" ]
}

@test "what was acknowledged before a kill is there after it" {
    local round name worker

    daemon_start
    for round in 1 2 3; do
        (
            exec 3>&-
            i=0
            while mkdir "$TREE/r$round-$i" 2>/dev/null; do
                echo "r$round-$i" >>"$WORK/made"
                if [ $((i % 3)) -eq 2 ]; then
                    rmdir "$TREE/r$round-$((i - 1))" 2>/dev/null || break
                    echo "r$round-$((i - 1))" >>"$WORK/removed"
                fi
                i=$((i + 1))
            done
        ) &
        worker=$!
        sleep 0.5
        eventually 10 made_some $((2 * round))
        kill -KILL "$DAEMON_PID"
        daemon_wait_end
        wait "$worker" || true
        daemon_start
    done
    while read -r name; do
        if grep -qx "$name" "$WORK/removed"; then
            [ ! -e "$TREE/$name" ] || { echo "$name came back"; return 1; }
        elif [ ! -d "$TREE/$name" ]; then
            # The removal under way when the daemon died may have been done; one a round.
            echo "$name" >>"$WORK/missing"
        fi
        :
    done <"$WORK/made"
    [ ! -e "$WORK/missing" ] || [ "$(wc -l <"$WORK/missing")" -le 3 ]
    for name in "$TREE"/*; do
        touch "$name/f"
    done
}

no_tombstone_is_left() {
    [ "$(sqlite3 "$STORE/catalog.db" 'SELECT count(*) FROM tombstones')" = 0 ]
}

@test "a removal that a kill stops half way is finished after the restart" {
    daemon_start
    mkdir "$TREE/v"
    mkdir -p "$TREE"/v/d{1..6}
    for directory in "$TREE"/v/d*; do
        (cd "$directory" && seq 300 | xargs touch)
    done
    # each file takes a while, and so there are some left
    strace -f -qq -p "$DAEMON_PID" -e trace=unlinkat -e inject=unlinkat:delay_enter=50ms \
        -o /dev/null 3>&- 2>/dev/null &
    eventually 20 daemon_is_traced
    volctl rm v
    daemon_kill
    wait $! || true
    [ -n "$(ls -A "$STORE/trash")" ]
    fails no_tombstone_is_left
    daemon_start
    [ ! -e "$TREE/v" ]
    mkdir "$TREE/v" # the name is free meanwhile
    eventually 20 trash_is_empty
    eventually 5 no_tombstone_is_left
    [ -d "$TREE/v" ]
    volctl doctor
}

@test "many volumes: the time of a restart" {
    local count=${VOLUMES:-1000} start end

    daemon_start
    seq -f "$TREE/volume-%g" "$count" | xargs mkdir
    daemon_stop
    start=$(date +%s%N)
    daemon_start
    end=$(date +%s%N)
    [ "$(ls "$TREE" | wc -l)" -eq "$count" ]
    echo "# restart with $count volumes: $(((end - start) / 1000000)) ms" >&3
}

# Of nobody, in a mount namespace with a /dev/fuse that anybody may open, as udev makes it.
as_nobody() {
    chmod 755 "$WORK"
    [ -c "$WORK/fuse" ] || mknod -m 666 "$WORK/fuse" c 10 229
    mkdir -p "$WORK/nobody/tree"
    chown -R nobody:nogroup "$WORK/nobody"
    unshare --mount --propagation private sh -ec '
        mount --bind "$1" /dev/fuse
        shift
        exec timeout 60 setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"' \
        nobody "$WORK/fuse" "$@" 3>&-
}

@test "without privileges it serves its own user, and says what is missing" {
    output=$(as_nobody sh -exc '
        cd "$1"
        "$2" --store "$1/store" --socket "$1/s" tree
        export VOLUMEFS_SOCKET=$1/s
        grep "^privileged: no$" tree/.volumefs/status
        grep "^passthrough: off (.*root" tree/.volumefs/status
        mkdir tree/v
        echo data >tree/v/f
        ln tree/v/f tree/v/g
        [ "$(stat -c %U tree/v/g)" = nobody ]
        "$3" create w
        setfattr -n user.volume.readonly -v 1 tree/v
        if touch tree/v/new; then exit 1; fi
        setfattr -n user.volume.readonly -v 0 tree/v
        if "$3" create -o uid=5 other; then exit 1; fi
        "$3" rm v w
        "$3" doctor
        fusermount3 -u tree' \
        nobody "$WORK/nobody" "$VOLUMEFS" "$VOLCTL" 2>&1) || { echo "$output"; return 1; }
    [[ $output == *'without root'*'start as root'* ]]
    [[ $output == *'uid=5'*'run it as root'* ]]
}

@test "without privileges and a device, it says so" {
    mkdir -p "$WORK/u/tree"
    chmod 755 "$WORK"
    chown -R nobody:nogroup "$WORK/u"
    fails timeout 30 unshare --mount --propagation private sh -ec '
        mknod -m 600 "$1" c 10 229
        mount --bind "$1" /dev/fuse
        exec setpriv --reuid=nobody --regid=nogroup --clear-groups \
            "$2" --store "$3/store" --socket "$3/s" "$3/tree"' \
        nobody "$WORK/closed" "$VOLUMEFS" "$WORK/u" 3>&-
    [[ $output == *'/dev/fuse as this user; run as root'* ]]
}

@test "a bad mount point is refused, naming it" {
    refused_with "$STORE" "$WORK/none"
    [[ $output == *"$WORK/none"* ]]
    touch "$WORK/file"
    refused_with "$STORE" "$WORK/file"
    [[ $output == *"$WORK/file"* ]]
    mkdir "$WORK/full"
    touch "$WORK/full/f"
    refused_with "$STORE" "$WORK/full"
    [[ $output == *"$WORK/full"* ]]
    [[ $output == *empty* ]]
    [ -e "$WORK/full/f" ]
    ln -s "$WORK/nowhere" "$WORK/link"
    refused_with "$STORE" "$WORK/link"
}

@test "a bad store is refused, naming it" {
    refused_with "$WORK/no/parent" "$TREE"
    [[ $output == *"$WORK/no"* ]]
    touch "$WORK/file"
    refused_with "$WORK/file" "$TREE"
    [[ $output == *"$WORK/file"* ]]
    refused_with "$TREE/store" "$TREE" # on the tree itself
    [[ $output == *"$TREE"* ]]
    mkdir "$WORK/above" "$WORK/above/tree"
    refused_with "$WORK/above" "$WORK/above/tree" # the tree in the store
    mkdir "$WORK/sealed"
    mount -t tmpfs -o ro tmpfs "$WORK/sealed"
    refused_with "$WORK/sealed/store" "$TREE"
    [[ $output == *"$WORK/sealed"* ]]
    refused_with '' "$TREE"
}

@test "a store on a tree that is mounted is refused" {
    daemon_start
    mkdir "$TREE/v" "$WORK/tree2"
    output=$(timeout 30 "$VOLUMEFS" --store "$TREE/v/store" --socket "$WORK/2.sock" "$WORK/tree2" 2>&1 3>&-) && return 1
    [[ $output == *"$TREE/v/store"* ]]
    [ -z "$(ls -A "$TREE/v")" ]
}

@test "bad options are refused, naming them" {
    refused --nonsense "$TREE"
    [[ $output == *nonsense* ]]
    refused --store "$STORE"
    refused_with "$STORE" "$TREE" ./extra-argument
    refused --store "$STORE" --socket "$WORK/no/such/v.sock" "$TREE"
    [[ $output == *"$WORK/no/such"* ]]
    refused --store "$STORE" --socket "$WORK/$(printf 'x%.0s' {1..120})" "$TREE"
    [ ! -e "$STORE/volumes" ] || [ -z "$(ls -A "$STORE/volumes")" ]
}

@test "a corrupt catalog is refused untouched, and rebuilt from the store on demand" {
    start_and_fill
    daemon_stop
    rm -f "$STORE"/catalog.db-*
    dd if=/dev/urandom of="$STORE/catalog.db" bs=1k count=16 conv=notrunc status=none
    cp "$STORE/catalog.db" "$WORK/broken"
    refused_with "$STORE" "$TREE"
    [[ $output == *"$STORE"* ]]
    [[ $output == *'doctor --rebuild'* ]]
    cmp "$STORE/catalog.db" "$WORK/broken"
    rebuild_loses
    daemon_start
    expect_filled
    [ -n "$(ls "$STORE"/catalog.db.broken-*)" ]
}

@test "a rebuild of a store that is not there makes none" {
    start_and_fill
    daemon_stop
    mkdir "$WORK/empty"
    local place

    for place in "$WORK/wrong" "$WORK/empty" "$WORK/no/such"; do
        fails timeout 60 "$VOLCTL" doctor --rebuild --store "$place"
        [[ $output == *"there is no store of volumefs at $place"* ]]
    done
    [ ! -e "$WORK/wrong" ]
    [ -z "$(ls -A "$WORK/empty")" ]
    rebuild
}

@test "a catalog damaged in the middle loses no volume" {
    start_and_fill
    seq -f "$TREE/more-%g" 100 | xargs mkdir
    daemon_stop
    dd if=/dev/zero of="$STORE/catalog.db" bs=4k seek=2 count=3 conv=notrunc status=none
    refused_with "$STORE" "$TREE"
    [[ $output == *'doctor --rebuild'* ]]
    rebuild
    [[ $output == *'102 volumes recovered'* ]]
    daemon_start
    [ "$(ls "$TREE" | wc -l)" -eq 102 ]
    [ "$(cat "$TREE/v/f")" = data ]
    [ "$(volume_attribute "$TREE/ro" readonly)" = 1 ]
}

@test "a lost catalog never means an empty tree" {
    start_and_fill
    daemon_stop
    rm -f "$STORE"/catalog.db*
    if ! (daemon_start); then
        rebuild_loses
        daemon_start
    fi
    DAEMON_PID=$(daemon_status pid)
    expect_filled
    fails "$VOLCTL" doctor
    [[ $output == *'(volumes: 2)'* ]]
    [[ $output == *'attach containers again before you prune'* ]]
}

@test "a catalog of a newer volumefs is refused untouched" {
    start_and_fill
    daemon_stop
    sqlite3 "$STORE/catalog.db" 'PRAGMA user_version = 9999'
    sqlite3 "$STORE/catalog.db" .dump >"$WORK/dump"
    refused_with "$STORE" "$TREE"
    [[ $output == *"$STORE"* ]]
    [[ $output == *newer* ]]
    sqlite3 "$STORE/catalog.db" .dump | cmp - "$WORK/dump"
}

@test "a database that is not a catalog is refused untouched" {
    mkdir -m 700 "$STORE"
    sqlite3 "$STORE/catalog.db" 'CREATE TABLE mine (a); INSERT INTO mine VALUES (1)'
    refused_with "$STORE" "$TREE"
    [[ $output == *"$STORE"* ]]
    [ "$(sqlite3 "$STORE/catalog.db" 'SELECT a FROM mine')" = 1 ]
}

full_disk() {
    work_make_disk "$1" "$2"
    daemon_start
    mkdir "$TREE/v"
    echo data >"$TREE/v/kept"
    fails dd if=/dev/zero of="$TREE/v/filler" bs=64k status=none
    [[ $output == *'No space left'* ]]
    dd if=/dev/zero of="$TREE/v/last" bs=512 status=none 2>/dev/null || true
    fails sh -c 'for i in $(seq 2000); do mkdir "$1/new$i" || exit 1; done' filling "$TREE"
    [[ $output == *'No space left'* ]]
    [ "$(cat "$TREE/v/kept")" = data ]
    ls "$TREE" >"$WORK/listed"
    daemon_stop
    daemon_start # a full disk does not keep it from starting
    ls "$TREE" | cmp - "$WORK/listed"
    rm "$TREE/v/filler" "$TREE/v/last"
    eventually 5 mkdir "$TREE/again" # the kernel tells of a file's end a moment after the unlink
    [ "$(cat "$TREE/v/kept")" = data ]
}

# To the last byte of the file system, whatever became free meanwhile.
fill_disk() {
    sync
    dd if=/dev/zero of="$WORK/disk/filler" bs=64k oflag=append conv=notrunc status=none 2>/dev/null || true
    dd if=/dev/zero of="$WORK/disk/filler" bs=512 oflag=append conv=notrunc status=none 2>/dev/null || true
}

# What makes room needs room itself.
full_disk_is_left() {
    local name

    work_make_disk "$1" "$2"
    daemon_start
    mkdir "$TREE"/{a,b,c,d,e,f}
    for name in a b c; do
        "$VOLCTL" attach "box-$name" "$name:/data"
    done
    fill_disk
    rmdir "$TREE/d"
    fill_disk
    "$VOLCTL" rm e
    fill_disk
    "$VOLCTL" detach box-a
    fill_disk
    "$VOLCTL" detach box-b
    "$VOLCTL" rm a b
    daemon_stop
    fill_disk
    daemon_start
    fill_disk
    "$VOLCTL" detach box-c
    rmdir "$TREE/c"
    [ "$(ls "$TREE")" = f ]
    daemon_kill
    fill_disk
    daemon_start
    fill_disk
    rmdir "$TREE/f"
    rm "$WORK/disk/filler"
    eventually 5 mkdir "$TREE/again"
    "$VOLCTL" doctor
}

@test "a full disk: removing, detaching and starting go on (ext4)" {
    full_disk_is_left ext4 24M
}

# Every write takes a new block there, and one to mapped memory has no errno to fail with.
@test "a full disk does not kill the daemon (btrfs)" {
    work_make_disk btrfs 128M
    daemon_start
    mkdir "$TREE"/{a,b,c}
    echo data >"$TREE/a/kept"
    fill_disk
    rmdir "$TREE/b" || true
    fill_disk
    rmdir "$TREE/c" || true
    process_is_alive "$DAEMON_PID"
    [ "$(cat "$TREE/a/kept")" = data ]
    rm "$WORK/disk/filler"
    sync
    eventually 10 mkdir "$TREE/again"
}

@test "a full disk: removing, detaching and starting go on (xfs)" {
    full_disk_is_left xfs 320M
}

@test "a full disk: removing, detaching and starting go on (tmpfs)" {
    full_disk_is_left tmpfs 16M
}

@test "a full disk: a clear error, nothing lost, and on it goes (ext4)" {
    full_disk ext4 24M
}

@test "a full disk: a clear error, nothing lost, and on it goes (tmpfs)" {
    full_disk tmpfs 16M
}

@test "what a crash left of a volume that was being made is dropped, and nothing that has data" {
    local empty=0123456789abcdef0123456789abcdef torn=1123456789abcdef0123456789abcdef
    local full=2123456789abcdef0123456789abcdef

    daemon_start
    daemon_stop
    mkdir -p "$STORE/volumes/"{$empty,$torn/data,$full/data}
    : >"$STORE/volumes/$torn/volume.json"
    echo '{' >"$STORE/volumes/$full/volume.json"
    touch "$STORE/volumes/$full/data/f"
    daemon_start
    eventually 10 trash_is_empty
    [ "$(ls "$STORE/volumes")" = $full ]
    fails volctl doctor
    [[ $output == *$full* ]]
}
