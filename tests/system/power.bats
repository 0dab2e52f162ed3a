#!/usr/bin/env bats
# builds: gcc
# shellcheck disable=SC2011,SC2012 # names here are plain
# A machine that loses its power: what was answered is there when it is back, on each file system.
#
# The disk is a file. A copy of it has what was written, and nothing of what waits in memory: the
# daemon goes on with that.

load lib

setup() {
    require_mounts
    set -o pipefail
    work_make
}

disk_make() {
    command -v "mkfs.$1" >/dev/null || skip "mkfs.$1 is missing"
    work_make_disk "$1" 512M
    OPTIONS=loop
    if [ "$1" != xfs ]; then
        OPTIONS=loop,commit=300 # or the file system writes by itself
        mount -o remount,commit=300 "$WORK/disk"
    fi
    daemon_start
}

# A copy is not of one moment, so it is made when nobody writes any more. A container of another test
# may have a copy of the mount for a moment, and then the file system is there still.
lose_power() {
    daemon_kill
    cp --sparse=always "$WORK/disk.img" "$WORK/after.img"
    eventually 10 umount "$WORK/disk"
    mv "$WORK/after.img" "$WORK/disk.img"
    eventually 10 mount -o "$OPTIONS" "$WORK/disk.img" "$WORK/disk"
    FOUND=$(ls "$STORE/spare")
    daemon_start
}

# What anybody can see of the volumes, and what is on record.
describe() {
    ls "$TREE"
    stat -c '%n %a %u:%g' "$TREE"/*
    ls "$TREE" | xargs "$VOLCTL" inspect | jq -S 'map(del(.UsageData, .LastUsedAt, .Status))'
    cat "$TREE"/*/file
}

# By which the catalog could be made anew.
has_records() {
    local volume id

    for volume in "$TREE"/*; do
        id=$(volume_attribute "$volume" id)
        [ "$(jq -r .Name "$STORE/volumes/$id/volume.json")" = "${volume##*/}" ]
    done
}

is_as_it_was() {
    describe | diff "$WORK/before" -
    has_records
    volctl doctor
    eventually 10 trash_is_empty
}

keeps_what_was_answered() {
    local i id lost=0

    disk_make "$1"
    mkdir "$TREE/first"
    echo synced | dd of="$TREE/first/file" conv=fsync status=none
    describe >"$WORK/before"
    lose_power
    is_as_it_was
    # in one go, more than are made in advance
    seq -f "$TREE/v%g" 70 | xargs mkdir
    volctl create -o uid=5 -o gid=6 -o mode=1770 --label a=b owned >/dev/null
    volctl create --label "long=$(printf '%02000d' 0)" long >/dev/null
    volctl create gone >/dev/null
    volctl create old >/dev/null
    volctl rename old new >/dev/null
    volctl set v1 readonly=on >/dev/null
    volctl set v2 label=shared >/dev/null
    echo more | dd of="$TREE/owned/file" conv=fsync status=none
    volctl rm -f gone first v3 >/dev/null
    describe >"$WORK/before"
    lose_power
    is_as_it_was
    # right after an answer, of a volume that takes what was made in advance
    for i in 1 2; do
        # the catalog's log does not grow any more, which would have the rest written with it
        seq -f "$TREE/early%g" 200 | xargs mkdir
        rmdir "$TREE"/early*
        eventually 20 trash_is_empty
        eventually 20 has_all_spares
        ls "$STORE/spare" >"$WORK/spares"
        # the thread that makes others would have the file system write what is to be lost
        strace -f -qq -p "$DAEMON_PID" -e trace=mkdirat -e inject=mkdirat:delay_enter=5s -o /dev/null 3>&- &
        eventually 20 daemon_is_traced
        mkdir -m 700 "$TREE/late$i"
        id=$(volume_attribute "$TREE/late$i" id)
        grep -qx "$id" "$WORK/spares"
        lose_power
        [[ $FOUND != *"$id"* ]] || lost=$((lost + 1))
        [ "$(stat -c %a "$TREE/late$i")" = 700 ]
        has_records
        volctl doctor
    done
    [ "$lost" -gt 0 ] || [ "$1" = btrfs ] # renames were, or this has seen nothing
}

has_all_spares() {
    [ "$(ls "$STORE/spare" | wc -l)" -eq 32 ]
}

@test "ext4" {
    keeps_what_was_answered ext4
}

@test "XFS" {
    keeps_what_was_answered xfs
}

@test "Btrfs" {
    keeps_what_was_answered btrfs
}

# A container of volctl ends with all that could tell or see its end, as when the machine stops.
container_cut() {
    local container

    container=$(volctl container inspect "$1" | jq -r '.[0].Pid')
    kill -STOP "$DAEMON_PID"
    pkill -KILL -f -- "--name $1 --rootfs $WORK/rootfs "
    kill -KILL "$container"
    eventually 10 ended "$container"
}

has_users() {
    [ "$(volume_attribute "$TREE/data" refs | cut -d : -f 1 | sort | xargs)" = "$*" ]
}

@test "containers" {
    require_runtime
    disk_make ext4
    rootfs_make "$WORK/rootfs"
    mkdir "$TREE/data"
    volctl container create --name kept -v data:/k >/dev/null
    lose_power
    has_users kept
    volctl run -d --name ran --rootfs "$WORK/rootfs" -v data:/r sleep 1000 >/dev/null
    container_cut ran
    lose_power
    has_users kept ran
    [ "$(volctl container inspect ran | jq -r '.[0].State')" = exited ]
    # one that never ran is no container that ended: it would stay if it came back
    volctl container create --rm --name failed --rootfs "$WORK/rootfs" -u nobodyhere -v data:/f true >/dev/null
    fails volctl start -a failed
    lose_power
    has_users kept ran
    volctl run --rm --name gone --rootfs "$WORK/rootfs" -v data:/g true
    lose_power
    eventually 60 has_users kept ran
    fails volctl container inspect gone
}
