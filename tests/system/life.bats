#!/usr/bin/env bats
# The life of containers as the daemon is told of it: start, end, what dies without a word.

load lib
load container

setup() {
    require_mounts
    set -o pipefail
    work_make
    daemon_start
}

# A process to be a container's; sets $PROCESS.
process_start() {
    sleep 1000 3>&- &
    PROCESS=$!
}

process_end() {
    kill -KILL "$PROCESS"
    wait "$PROCESS" 2>/dev/null || true
}

state() {
    volctl container inspect "$1" | jq -r '.[0].State'
}

has_state() {
    [ "$(state "$1")" = "$2" ]
}

is_known() {
    volctl container inspect "$1" >/dev/null 2>&1
}

is_unknown() {
    ! is_known "$1"
}

volumes_are() {
    [ "$(volctl ls -q)" = "$1" ]
}

refcount() {
    volume_attribute "$TREE/$1" refcount
}

@test "a container of volctl that runs is running until its process ends, and stays" {
    process_start
    volctl container create --name web -v data:/data >/dev/null
    api POST containers/web/start "{\"Pid\":$PROCESS}" | jq -e --argjson pid "$PROCESS" '.Pid == $pid'
    has_state web running
    [ "$(volume_attribute "$TREE/data" refs)" = web:/data:rw ]
    volctl refs data | grep -q running
    fails volctl rm data
    [[ $output == *'stop and remove them'* && $output != *detach* ]] # it would have it all the same
    fails volctl container rm web
    [[ $output == *"You cannot remove a running container"* ]]
    process_end
    eventually 10 has_state web exited
    api POST containers/web/end '{"ExitCode":7}'
    volctl container inspect web | jq -e '.[0] | .ExitCode == 7 and .Pid == 0'
    [ "$(refcount data)" = 1 ]
    volctl container rm web
    [ "$(refcount data)" = 0 ]
}

@test "two processes cannot be one container" {
    local first

    process_start
    first=$PROCESS
    volctl container create --name web -v data:/data >/dev/null
    api POST containers/web/start "{\"Pid\":$first}" >/dev/null
    api POST containers/web/start "{\"Pid\":$first}" >/dev/null # told twice
    process_start
    fails api POST containers/web/start "{\"Pid\":$PROCESS}"
    [[ $output == *"runs already, as process $first"* ]]
    kill -KILL "$first"
    eventually 10 has_state web exited
    api POST containers/web/start "{\"Pid\":$PROCESS}" >/dev/null
    has_state web running
    process_end
    fails api POST containers/web/start "{\"Pid\":$PROCESS}"
    [[ $output == *"there is no process $PROCESS"* ]]
    process_start
    fails api POST containers/none/start "{\"Pid\":$PROCESS}"
    [[ $output == *'No such container: none'* ]]
    process_end
    fails api POST containers/web/start "{\"Pid\":$DAEMON_PID}"
    [[ $output == *"is no container's"* ]]
    process_is_alive "$DAEMON_PID"
}

@test "a start that is refused leaves nothing, and no end is believed of what runs" {
    local first

    process_start
    first=$PROCESS
    mkdir "$TREE/other"
    volctl container create --name web -v data:/data >/dev/null
    api POST containers/web/start "{\"Pid\":$first}" >/dev/null
    process_start
    fails api POST containers/web/start "{\"Pid\":$PROCESS,
        \"Mounts\":[\"type=bind,source=$TREE/other,target=/o\"]}"
    [ "$(refcount other)" = 0 ]
    fails api POST containers/web/end '{"ExitCode":0}'
    [[ $output == *'has not ended'* ]]
    has_state web running
    process_end
    kill -KILL "$first"
    eventually 10 has_state web exited
    api POST containers/web/end '{"ExitCode":0}'
}

@test "one that is removed at its end goes by itself, with its anonymous volumes" {
    local id

    process_start
    id=$(api POST containers '{"AutoRemove":true,"Volumes":["/anonymous","named:/named"]}' |
        jq -r .Id)
    api POST "containers/$id/start" "{\"Pid\":$PROCESS}" >/dev/null
    [ "$(volctl ls -q | wc -l)" -eq 2 ]
    process_end
    eventually 10 is_unknown "$id"
    eventually 10 volumes_are named # it is forgotten before its volumes go
    [ "$(refcount named)" = 0 ]
}

@test "rm -f kills what runs" {
    process_start
    volctl container create --name web -v data:/data >/dev/null
    api POST containers/web/start "{\"Pid\":$PROCESS}" >/dev/null
    volctl container rm -f web
    fails kill -0 "$PROCESS"
    [ "$(refcount data)" = 0 ]
}

@test "a container of another runtime comes with its start and goes with its end" {
    local mounts

    process_start
    mkdir "$TREE/data"
    mounts="[\"type=bind,source=$TREE/data,target=/data,readonly\"]"
    api POST containers/web-1/start \
        "{\"Pid\":$PROCESS,\"Runtime\":\"oci\",\"Name\":\"web\",\"Mounts\":$mounts}" >/dev/null
    volctl container inspect web-1 | jq -e '.[0] | .Id == "web-1" and .Name == "web" and
        .Runtime == "oci" and .State == "running" and (.Mounts[0].RW | not)'
    [ "$(volume_attribute "$TREE/data" refs)" = web:/data:ro ]
    fails api POST containers/web-1/end '{}' # of another one with that id, which was refused
    [[ $output == *'has not ended'* ]]
    process_end
    eventually 10 has_state web-1 exited
    [ "$(refcount data)" = 1 ] # it is its runtime's to delete
    api POST containers/web-1/end '{}'
    is_unknown web-1
    [ "$(refcount data)" = 0 ]
    fails api POST containers/web-1/end '{}'
}

@test "a runtime gives an id again: only the new mounts count" {
    process_start
    mkdir "$TREE/old" "$TREE/new"
    api POST containers/c/start "{\"Pid\":$PROCESS,\"Runtime\":\"oci\",
        \"Mounts\":[\"type=bind,source=$TREE/old,target=/d\"]}" >/dev/null
    process_end
    process_start
    api POST containers/c/start "{\"Pid\":$PROCESS,\"Runtime\":\"oci\",
        \"Mounts\":[\"type=bind,source=$TREE/new,target=/d\"]}" >/dev/null
    [ "$(refcount old)" = 0 ]
    [ "$(refcount new)" = 1 ]
    process_end
}

@test "what was recorded by hand stays when another runtime's container of that name ends" {
    process_start
    mkdir "$TREE/more"
    volctl attach web data:/data >/dev/null
    api POST containers/web/start "{\"Pid\":$PROCESS,\"Runtime\":\"oci\",\"Mounts\":[
        \"type=bind,source=$TREE/data,target=/data\",
        \"type=bind,source=$TREE/more,target=/more\"]}" >/dev/null
    has_state web running
    [ "$(refcount more)" = 1 ]
    process_end
    api POST containers/web/end '{}'
    has_state web exited
    [ "$(refcount data)" = 1 ]
    volctl detach web
    is_unknown web
}

@test "containers that ended while the daemon was away are found when it is back" {
    local id

    process_start
    volctl container create --name keeps -v a:/a >/dev/null
    api POST containers/keeps/start "{\"Pid\":$PROCESS}" >/dev/null
    id=$(api POST containers '{"AutoRemove":true,"Volumes":["a:/a","/anonymous"]}' | jq -r .Id)
    api POST "containers/$id/start" "{\"Pid\":$PROCESS}" >/dev/null
    sleep 1000 3>&- &
    lives=$!
    volctl container create --name lives -v a:/a >/dev/null
    api POST containers/lives/start "{\"Pid\":$lives}" >/dev/null
    [ "$(refcount a)" = 3 ]
    daemon_kill
    process_end
    daemon_start
    has_state keeps exited
    is_unknown "$id"
    has_state lives running
    [ "$(refcount a)" = 2 ]
    [ "$(volctl ls -q)" = a ]
    kill -KILL "$lives"
    eventually 10 has_state lives exited
}

@test "a container that keeps the mount of a daemon that was killed refers to its volume" {
    mkdir "$TREE/data" "$TREE/other"
    container_start data sleep 1000
    [ "$(refcount data)" = 1 ]
    daemon_kill
    daemon_start
    [ "$(refcount data)" = 1 ]
    [ "$(refcount other)" = 0 ]
    fails volctl rm data
    [[ $output == *'is in use by'* ]]
    daemon_kill
    daemon_start
    [ "$(refcount data)" = 1 ]
    container_stop
    eventually 10 volctl rm data
}

# Starts a daemon with a store and a tree of its own in $WORK/$1; says the tree's device number.
start_another() {
    mkdir "$WORK/$1" "$WORK/$1/tree"
    timeout "$DAEMON_TIMEOUT" "$VOLUMEFS" --store "$WORK/$1/store" --socket "$WORK/$1/s" \
        --plugin-socket none "${PRIVATE_SOCKETS[@]}" "$WORK/$1/tree" >>"$WORK/daemon.log" 2>&1 3>&-
    findmnt -n -o MAJ:MIN "$WORK/$1/tree"
}

# The kernel gives a number again once the file system that had it is gone.
@test "a mount of another store's tree is none of ours, though its number was" {
    local number i another=

    mkdir "$TREE/data"
    number=$(findmnt -n -o MAJ:MIN "$TREE")
    daemon_kill
    for ((i = 0; i < 20 && ${#another} == 0; i++)); do
        [ "$(start_another "$i")" != "$number" ] || another=$WORK/$i/tree
    done
    [ -n "$another" ] || skip "the kernel does not give number $number to one of 20 other trees"
    mkdir "$another/data"
    TREE=$another container_start data sleep 1000
    daemon_start
    [ "$(refcount data)" = 0 ]
    volctl doctor
    volctl rm data
    container_stop
}

# What another boot is to a catalog.
boot_anew() {
    daemon_kill
    sqlite3 "$STORE/catalog.db" "UPDATE runs SET boot_id = '00000000-0000-0000-0000-000000000000'"
    daemon_start
}

@test "after the machine went down, containers of other runtimes are reported and then dropped" {
    process_start
    mkdir "$TREE/data"
    volctl container create --name ours -v data:/data >/dev/null
    api POST containers/ours/start "{\"Pid\":$PROCESS}" >/dev/null
    api POST containers/theirs/start "{\"Pid\":$PROCESS,\"Runtime\":\"oci\",\"StateDir\":\"$WORK\",
        \"Mounts\":[\"type=bind,source=$TREE/data,target=/data\"]}" >/dev/null
    boot_anew
    has_state ours exited # though its pid is somebody's
    fails volctl doctor
    [[ $output == *"container theirs: theirs (oci) is gone"*'volctl container inspect theirs'* ]]
    [ "$(refcount data)" = 2 ]
    eventually 60 is_unknown theirs
    [ "$(refcount data)" = 1 ]
    eventually 10 volctl doctor
    process_end
}

@test "a stopped container of another runtime counts as long as that has it" {
    process_start
    mkdir "$TREE/data" "$WORK/state"
    api POST containers/c/start "{\"Pid\":$PROCESS,\"Runtime\":\"oci\",\"StateDir\":\"$WORK/state\",
        \"Mounts\":[\"type=bind,source=$TREE/data,target=/data\"]}" >/dev/null
    process_end
    eventually 10 has_state c exited
    api POST containers/prune '{}' | jq -e '.ContainersDeleted == []'
    volctl doctor
    rmdir "$WORK/state"
    eventually 15 fails volctl doctor
    [ "$(refcount data)" = 1 ]
    api POST containers/prune '{}' | jq -e '.ContainersDeleted | length == 1' # does not wait
    [ "$(refcount data)" = 0 ]
    eventually 15 volctl doctor
}

@test "prune forgets what ended, and what never ran only if told to" {
    process_start
    volctl container create --name dbstore -v data:/data >/dev/null
    volctl attach hand data:/data >/dev/null
    volctl container create --name ended -v data:/data >/dev/null
    api POST containers/ended/start "{\"Pid\":$PROCESS}" >/dev/null
    process_end
    eventually 10 has_state ended exited
    api POST containers/prune '{"DryRun":true}' | jq -e '.ContainersDeleted | map(.Name) == ["ended"]'
    is_known ended
    api POST containers/prune '{}' | jq -e '.ContainersDeleted | map(.Name) == ["ended"]'
    is_unknown ended
    is_known dbstore
    api POST containers/prune '{"All":true}' | jq -e '.ContainersDeleted | map(.Name) == ["dbstore"]'
    is_known hand
    [ -d "$TREE/data" ]
}
