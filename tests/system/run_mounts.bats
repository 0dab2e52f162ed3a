#!/usr/bin/env bats
# What containers of volctl run have mounted: volumes, parts of them, host paths; and that a part
# stays the one that was meant.

load lib

setup() {
    require_mounts
    require_runtime
    set -o pipefail
    work_make
    daemon_start
    ROOTFS=$WORK/rootfs
    rootfs_make "$ROOTFS"
}

run_in() {
    volctl run --rm --rootfs "$ROOTFS" "$@"
}

# shellcheck disable=SC2016 # awk's
# options DESTINATION ARGUMENT…: how it is mounted in a container.
options() {
    run_in "${@:2}" awk -v d="$1" '$5 == d { print $6 }' /proc/self/mountinfo
}

@test "volumes are made, shared, and read-only where asked for" {
    run_in -v web:/web -v db:/var/lib/db sh -c 'echo w >/web/f; echo d >/var/lib/db/f'
    [ "$(cat "$TREE/web/f" "$TREE/db/f")" = $'w\nd' ]
    [ "$(run_in -v web:/a:ro cat /a/f)" = w ]
    fails run_in -v web:/a:ro touch /a/g
    [[ $output == *'Read-only file system'* ]]
    [[ $(options /a -v web:/a:ro) == ro,nosuid,nodev* ]]
    [[ $(options /a -v web:/a) == rw,nosuid,nodev* ]]
    volctl container create --name store -v web:/web >/dev/null
    [ "$(run_in --volumes-from store cat /web/f)" = w ]
    fails run_in --volumes-from store:ro touch /web/g
}

@test "an empty volume gets what the rootfs has at its place, before the command runs" {
    mkdir -p "$ROOTFS/srv/www"
    echo hello >"$ROOTFS/srv/www/index"
    [ "$(run_in -v web:/srv/www cat /srv/www/index)" = hello ]
    [ "$(cat "$TREE/web/index")" = hello ]
    echo changed >"$TREE/web/index"
    [ "$(run_in -v web:/srv/www cat /srv/www/index)" = changed ]
}

@test "host directories and files" {
    mkdir -p "$WORK/host/sub"
    echo h >"$WORK/host/f"
    run_in -v "$WORK/host:/host" -v "$WORK/host/f:/etc/f:ro" sh -c 'cat /etc/f >/host/sub/g'
    [ "$(cat "$WORK/host/sub/g")" = h ]
    fails run_in -v "$WORK/host/f:/etc/f:ro" sh -c 'echo x >/etc/f'
    run_in -v "$WORK/new:/new" touch /new/f
    [ -e "$WORK/new/f" ]
    (cd "$WORK" && run_in -v ./host:/host test -e /host/f)
    [[ $(options /host -v "$WORK/host:/host") != *nodev* ]]
}

@test "a host directory whose mounts are to come through" {
    mkdir -p "$WORK/host/sub"
    mount --bind "$WORK/host" "$WORK/host"
    mount --make-shared "$WORK/host"
    volctl run -d --name c --rootfs "$ROOTFS" -v "$WORK/host:/slave:rslave" -v "$WORK/host:/private" sleep 1000 >/dev/null
    mount -t tmpfs none "$WORK/host/sub"
    cp "/proc/$(volctl container inspect c | jq '.[0].Pid')/mounts" "$WORK/mounts"
    grep -q ' /slave/sub tmpfs' "$WORK/mounts"
    fails grep -q ' /private/sub tmpfs' "$WORK/mounts"
    volctl container rm -f c >/dev/null
}

@test "mounts within mounts, in any order given" {
    mkdir -p "$WORK/host"
    run_in -v c:/a/b/c -v a:/a -v "$WORK/host:/a/b" sh -c 'touch /a/1 /a/b/2 /a/b/c/3'
    [ "$(ls "$TREE/a")" = $'1\nb' ]
    [ "$(ls "$WORK/host")" = $'2\nc' ]
    [ "$(ls "$TREE/c")" = 3 ]
}

@test "a volume in place of a default of the runtime" {
    run_in -v shm:/dev/shm touch /dev/shm/f
    [ -e "$TREE/shm/f" ]
}

@test "a part of a volume: a directory, a file, a link within" {
    mkdir -p "$TREE/web/a/b"
    echo x >"$TREE/web/a/b/f"
    ln -s a/b "$TREE/web/link"
    part() {
        run_in --mount "type=volume,src=web,dst=/part,volume-subpath=$1" "${@:2}"
    }
    [ "$(part a/b cat /part/f)" = x ]
    [ "$(run_in --mount type=volume,src=web,dst=/file,volume-subpath=a/b/f cat /file)" = x ]
    [ "$(part link cat /part/f)" = x ]
    [ "$(run_in -v "$TREE/web/a/b:/part" cat /part/f)" = x ]
    [[ $(options /part --mount type=volume,src=web,dst=/part,volume-subpath=a/b,readonly) == ro,nosuid,nodev* ]]
    # of the rest of it nothing is seen, nor is the mount left anywhere
    fails part a/b test -e /part/../a
    [ "$(part a/b sh -c 'grep -c bundles /proc/self/mountinfo || true')" = 0 ]
    fails grep -q "$WORK/bundles" /proc/self/mountinfo
    fails part none true
    ln -s /etc "$TREE/web/out"
    fails part out true
}

# swapping_runtime COMMAND: a runtime before which that is done.
swapping_runtime() {
    printf '#!/bin/sh\n%s\nexec runc "$@"\n' "$1" >"$WORK/swap"
    chmod +x "$WORK/swap"
}

@test "a part that is exchanged for a link while it is mounted stays what it was" {
    mkdir -p "$TREE/web/a/b" "$WORK/secret"
    echo good >"$TREE/web/a/b/f"
    echo bad >"$WORK/secret/f"
    swapping_runtime "mv '$TREE/web/a/b' '$TREE/web/a/c'; ln -s '$WORK/secret' '$TREE/web/a/b'"
    [ "$(run_in --runtime "$WORK/swap" --mount type=volume,src=web,dst=/part,volume-subpath=a/b cat /part/f)" = good ]
    [ -L "$TREE/web/a/b" ]
}

@test "a volume named as the tree's own directories" {
    mkdir -p "$TREE/tree/tree" "$TREE/var"
    echo t >"$TREE/tree/tree/f"
    echo v >"$TREE/var/f"
    [ "$(run_in -v tree:/x cat /x/tree/f)" = t ]
    [ "$(run_in -v var:/x cat /x/f)" = v ]
    [ "$(run_in --mount type=volume,src=tree,dst=/x,volume-subpath=tree cat /x/f)" = t ]
    [ "$(run_in --mount type=volume,src=var,dst=/y,volume-subpath=f cat /y)" = v ]
}
