#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153 # expanded in containers; one id at a time
# A container all of whose attachments to a volume are read-only cannot change it, whatever it does
# to its own mounts; everybody else can.

load lib
load container
load changes

readonly remount='mount -o remount,bind,rw /data; exec "$@"'

setup() {
    require_mounts
    work_make
    daemon_start
    mkdir "$TREE/v"
    changes_prepare "$TREE/v"
    CONTAINER_ID=$(container_random_id)
}

# refused COMMAND…: fails, with EROFS.
refused() {
    fails "$@"
    [[ $output == *'Read-only file system'* ]]
}

@test "every change is refused with EROFS, also where its mount is for writing" {
    find "$TREE/v" -ls >"$WORK/before"
    volctl attach "$CONTAINER_ID" v:/data:ro
    changes_refused /data container_run v:ro sh -ec "$remount" remount
    changes_refused /data container_run v
    find "$TREE/v" -ls | diff "$WORK/before" -
    [ "$(daemon_status denials)" -gt 40 ]
    fails container_run v chattr +a /data/file # not something a volume can do
}

@test "reading goes on" {
    volctl attach "$CONTAINER_ID" v:/data:ro
    container_run v sh -ec '
        [ "$(cat /data/file)" = text ] && [ "$(cat /data/link)" = text ]
        ls -l /data >/dev/null
        [ "$(getfattr --absolute-names --only-values -n user.note /data/file)" = text ]
        [ "$(getfattr --absolute-names --only-values -n user.volume.readonly /data)" = 0 ]
        df /data >/dev/null
        tar -C /data -cf /dev/null .
        flock -s /data/file true
        sync /data/file'
}

@test "no way around: other mounts and roots, users, containers in the container" {
    chmod 777 "$TREE/v"
    chmod 666 "$TREE/v/file"
    volctl attach "$CONTAINER_ID" v:/data:ro
    refused container_run v unshare --mount touch /data/file
    refused container_run v unshare --user --map-root-user --mount touch /data/file
    refused container_run v unshare --pid --fork touch /data/file
    refused container_run v setpriv --reuid 1234 --clear-groups touch /data/file
    refused container_run v sh -ec 'mount --bind / /tmp; mount --bind /data /tmp/data
        mount --rbind /usr /tmp/usr; exec chroot /tmp touch /data/file'
    CONTAINER_ID=$CONTAINER_ID/$(container_random_id)
    refused container_run v touch /data/file
}

@test "one attachment for writing is enough" {
    volctl attach "$CONTAINER_ID" v:/data:ro v:/rw
    container_run v sh -ec 'touch /data/new; mv /data/new /data/other; rm /data/other'
    volctl detach "$CONTAINER_ID" /rw
    refused container_run v touch /data/new
    volctl attach "$CONTAINER_ID" v:/rw
    container_run v touch /data/new
}

@test "others may write: the host, and containers that are attached so or not at all" {
    local reader=$CONTAINER_ID

    volctl attach "$reader" v:/data:ro
    touch "$TREE/v/by-host"
    CONTAINER_ID=$(container_random_id)
    container_run v touch /data/by-stranger
    volctl attach "$CONTAINER_ID" v:/data
    container_run v touch /data/by-writer
    CONTAINER_ID=
    container_run v touch /data/by-nameless
    CONTAINER_ID=$reader
    refused container_run v touch /data/by-reader
    # nor is the reader kept from other volumes
    mkdir "$TREE/w"
    container_run w touch /data/by-reader
}

@test "a change takes effect at once in a container that runs" {
    local i

    container_answer v
    for i in 1 2 3 4 5; do
        [ "$(container_ask 'true >>/data/file')" = ok ]
        volctl attach "$CONTAINER_ID" v:/data:ro
        [[ $(container_ask 'true >>/data/file') == *'Read-only file system'* ]]
        [[ $(container_ask 'true >/data/new') == *'Read-only file system'* ]]
        case $i in
        1) volctl detach "$CONTAINER_ID" ;;
        2) volctl detach "$CONTAINER_ID" /data ;;
        3) volctl attach "$CONTAINER_ID" v:/rw && [ "$(container_ask 'true >>/data/file')" = ok ] &&
            volctl container rm "$CONTAINER_ID" ;;
        *) volctl container rm -f "$CONTAINER_ID" ;;
        esac
    done
    [ "$(container_ask 'true >>/data/file')" = ok ]
    container_stop
}

# One process, which asks by the same number all the time.
@test "who changes containers is in the one it is in now" {
    local reader=$CONTAINER_ID group other i

    volctl attach "$reader" v:/data:ro
    group=$(container_group)
    CONTAINER_ID=$(container_random_id)
    other=$(container_group)
    container_answer v
    for i in 1 2 3; do
        [ "$(container_ask 'true >>/data/file')" = ok ]
        echo "$CONTAINER_PID" >"$group/cgroup.procs"
        [[ $(container_ask 'true >>/data/file') == *'Read-only file system'* ]]
        echo "$CONTAINER_PID" >"$other/cgroup.procs"
    done
    container_stop
}

# tell_start NAME PID MOUNT: as the hook does.
tell_start() {
    curl -sSf --unix-socket "$SOCKET" -H 'Content-Type: application/json' -d "$(jq -nc \
        --argjson pid "$2" --arg mount "$3" '{Pid: $pid, Runtime: "oci", Mounts: [$mount]}')" \
        "http://v/volumefs/containers/$1/start" >/dev/null
}

# Where control groups are called after containers, and one of them makes groups of its own.
@test "a container does not become another by the name of a group" {
    local writer

    CONTAINER_ID=writer
    container_start v sleep 1000
    writer=$CONTAINER_PID
    tell_start writer "$writer" type=volume,source=v,target=/data
    CONTAINER_ID=reader
    container_answer v
    tell_start reader "$CONTAINER_PID" type=volume,source=v,target=/data,readonly
    [[ $(container_ask 'true >>/data/file') == *'Read-only file system'* ]]
    CONTAINER_ID=reader/writer
    echo "$CONTAINER_PID" >"$(container_group)/cgroup.procs"
    [[ $(container_ask 'true >>/data/file') == *'Read-only file system'* ]]
    [[ $(container_ask 'unshare --mount touch /data/file') == *'Read-only file system'* ]]
    CONTAINER_ID=writer/reader
    container_run v touch /data/file
    kill -KILL "$writer"
    container_stop
}

# Attaches and detaches container $1, and leaves it as $2 says.
change_attachment() {
    local i

    for i in {1..10}; do
        volctl attach "$1" v:/data:ro >/dev/null
        if [ "$2$i" != attached10 ]; then
            volctl detach "$1"
        fi
    done
}

@test "of changes to and fro at once the last word counts, for each container" {
    local i id pids=()
    local -a ids=()

    for i in {0..5}; do
        ids+=("$(container_random_id)")
        if ((i % 2)); then
            change_attachment "${ids[i]}" attached 3>&- &
        else
            change_attachment "${ids[i]}" detached 3>&- &
        fi
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i"
    done
    for i in {0..5}; do
        CONTAINER_ID=${ids[i]}
        if ((i % 2)); then
            refused container_run v touch /data/file
        else
            container_run v touch /data/file
        fi
    done
}

@test "it survives a restart and a crash of the daemon" {
    volctl attach other v:/data
    volctl attach "$CONTAINER_ID" v:/data:ro
    daemon_stop
    daemon_start
    refused container_run v touch /data/file
    touch "$TREE/v/file"
    daemon_kill
    daemon_start
    changes_refused /data container_run v
    volctl detach "$CONTAINER_ID"
    daemon_kill
    daemon_start
    container_run v touch /data/file
}

@test "a container is known by its id, the beginning of that, or its name" {
    local id=$CONTAINER_ID

    volctl attach "${id:0:12}" v:/data:ro
    refused container_run v touch /data/file
    # recorded once more, for writing: it is the same
    volctl attach "$id" v:/rw
    container_run v touch /data/file
    volctl detach "$id"
    refused container_run v touch /data/file
    volctl detach "${id:0:12}"
    container_run v touch /data/file
    volctl container create --name store -v v:/data >/dev/null
    volctl container create --name user --volumes-from store:ro >/dev/null
    CONTAINER_ID=lxc.payload.user
    refused container_run v touch /data/file
    CONTAINER_ID=lxc.payload.store
    container_run v touch /data/file
    CONTAINER_ID=lxc.payload.user2
    container_run v touch /data/file
    # runc and crun by themselves give the bare name to the control group
    CONTAINER_ID=user
    refused container_run v touch /data/file
    CONTAINER_ID=user/store # what is in it has no say
    refused container_run v touch /data/file
    CONTAINER_ID=store/user
    container_run v touch /data/file
    CONTAINER_ID=user2
    container_run v touch /data/file
}

readonly open_file='copy: EROFS
write: done
map: done
truncate: EROFS
chmod: EROFS
chown: EROFS
allocate: EROFS'

# What was opened by somebody who may, and passed on, is written to; all else names the caller.
@test "a file that the host has opened for the container can be written, not changed" {
    volctl attach "$CONTAINER_ID" v:/data:ro
    exec 7<>"$TREE/v/file"
    [ "$(changes_try_open container_run v)" = "$open_file" ]
    exec 7>&-
}

@test "without passthrough the rule is the same" {
    daemon_stop
    daemon_start --no-passthrough
    volctl attach "$CONTAINER_ID" v:/data:ro
    changes_refused /data container_run v
    exec 7<>"$TREE/v/file"
    [[ $(changes_try_open container_run v) == 'copy: EROFS'*'write: done'*'allocate: EROFS' ]]
    exec 7>&-
}

# A loop device punches holes by a thread of the kernel.
@test "what the kernel does for the host is done" {
    local device

    volctl attach "$CONTAINER_ID" v:/data:ro
    truncate -s 8M "$TREE/v/disk"
    device=$(losetup --find --show "$TREE/v/disk")
    dd if=/dev/zero of="$device" bs=1M count=4 oflag=direct conv=fsync status=none
    [ "$(stat -c %b "$TREE/v/disk")" -ge 8192 ]
    blkdiscard "$device"
    losetup -d "$device"
    [ "$(stat -c %b "$TREE/v/disk")" -eq 0 ]
}

change_much() {
    container_run v sh -ec 'for i in 1 2 3; do echo x >/data/n; cat /data/n; rm /data/n; done'
}

read_much() {
    container_run v sh -ec 'cat /data/file; ls -l /data; cat /data/link'
}

@test "nobody is looked up for volumes without such containers, nor for reading" {
    mkdir "$TREE/w"
    volctl attach "$CONTAINER_ID" w:/data:ro v:/rw
    [ "$(daemon_count_lookups change_much)" -eq 0 ]
    volctl attach other v:/data:ro
    [ "$(daemon_count_lookups change_much)" -gt 0 ]
    [ "$(daemon_count_lookups read_much)" -eq 0 ]
    volume_set_readonly "$TREE/v" 1
    [ "$(daemon_count_lookups read_much)" -eq 0 ]
    [ "$(daemon_count_lookups fails container_run v touch /data/file)" -gt 0 ] # who is refused is named
}

@test "who cannot be told is refused" {
    daemon_stop
    daemon_start_in_pid_namespace
    touch "$TREE/v/file"
    volctl attach "$CONTAINER_ID" v:/data:ro
    refused touch "$TREE/v/file"
    [ "$(cat "$TREE/v/file")" = text ]
    volctl detach "$CONTAINER_ID"
    touch "$TREE/v/file"
}

@test "attachments that cannot be read let no container write, and spare other volumes" {
    volctl attach broken v:/data
    mkdir "$TREE/w"
    volctl attach "$CONTAINER_ID" v:/data w:/w
    container_run v touch /data/file
    sqlite3 "$STORE/catalog.db" "UPDATE attachments SET propagation = printf('%070d', 0)
        WHERE container_id = (SELECT id FROM containers WHERE name = 'broken')"
    volctl attach "$CONTAINER_ID" v:/more:ro
    refused container_run v touch /data/file
    touch "$TREE/v/file"
    fails volctl doctor
    [[ $output == *'who may change volume "v" cannot be read'* ]]
    daemon_stop
    daemon_start
    refused container_run v touch /data/file
    container_run w touch /data/file
    sqlite3 "$STORE/catalog.db" "UPDATE attachments SET propagation = ''"
    volctl detach "$CONTAINER_ID" /more
    container_run v touch /data/file
    volctl doctor
}

# Who has mounted it is only looked for if anybody can have: whoever mounts it has looked it up.
@test "a volume that was made without the tree, and is mounted, is not removed" {
    volctl create made >/dev/null
    container_start made sleep 1000
    fails volctl rm made
    [[ $output == *'in use'* ]]
    container_stop
    [ "$(volctl rm made)" = made ]
}
