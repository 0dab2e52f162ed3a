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
    work_make
}

disk_make() {
    command -v "mkfs.$1" >/dev/null || skip "mkfs.$1 is missing"
    work_make_disk "$1" 512M
    if [ "$1" != xfs ]; then
        mount -o remount,commit=300 "$WORK/disk" # or the file system writes by itself
    fi
    daemon_start
}

# A copy is not of one moment, so the daemon does nothing meanwhile: calls of its go to their ends.
lose_power() {
    kill -STOP "$DAEMON_PID"
    sleep 0.3
    cp --sparse=always "$WORK/disk.img" "$WORK/after.img"
    daemon_kill
    eventually 10 umount "$WORK/disk" # a container of another test may have a copy of the mount for a moment
    mv "$WORK/after.img" "$WORK/disk.img"
    mount -o loop "$WORK/disk.img" "$WORK/disk"
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
    local i

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
    # right after each answer
    for i in 1 2 3 4 5; do
        mkdir -m 700 "$TREE/late$i"
        lose_power
        [ "$(stat -c %a "$TREE/late$i")" = 700 ]
        has_records
        volctl doctor
    done
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
