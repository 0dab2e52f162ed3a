#!/usr/bin/env bats
# The walk through Docker's documentation of data volumes, with docker.

load lib
load walk

setup_file() {
    walk_start docker
}

teardown_file() {
    walk_end
}

setup() {
    require_mounts
    set -o pipefail
}

teardown() {
    walk_clean
}

@test "adding a data volume" {
    walk_add
}

@test "locating a volume" {
    walk_locate
}

@test "mounting a host directory as a data volume" {
    walk_host_directory
}

@test "mounting a host file as a data volume" {
    walk_host_file
}

@test "mounting a named volume, made by run or before, of options" {
    walk_named
}

@test "volume labels" {
    walk_labels
}

@test "a data volume container, two users of it, and a chain" {
    walk_data_volume_container
}

@test "removing containers never removes the data" {
    walk_remove_containers
}

@test "dangling volumes are found and removed" {
    walk_dangling
}

@test "a container that is removed at its end takes its anonymous volumes along" {
    walk_remove_at_end
}

@test "backup into a host directory, restore into another container" {
    walk_backup
}

@test "several containers share a volume" {
    walk_share
}

@test "the last rm -v removes an anonymous volume" {
    local name

    volume_for /dbdata
    create dbstore "${VOLUME[@]}"
    create db1 --volumes-from dbstore
    create db2 --volumes-from db1
    name=$(mount_of dbstore /dbdata Name)
    docker rm -v dbstore
    count_is "$name" 2
    docker rm -v db2
    count_is "$name" 1
    docker rm -v db1
    [ ! -e "$TREE/$name" ]
    agree
}

@test "what the image has at the path is in a new volume, once the container is made" {
    volume_for dbdata:/dbdata
    docker create --name dbstore "${VOLUME[@]}" "$FULL_IMAGE" true
    [ "$(cat "$TREE/dbdata/hidden")" = 'of the image' ]
    [ "$(stat -c %u:%g "$TREE/dbdata")" = 7:8 ]
    count_is dbdata 1
    volume_for other:/dbdata
    docker create --name dbstore2 "${VOLUME[@]}" "$IMAGE" true
    docker create --name db2 --volumes-from dbstore2 "$FULL_IMAGE" true
    [ -z "$(ls "$TREE/other")" ]
    count_is other 2
}

@test "a missing host directory is made" {
    in_docker -v "$WORK/src/made:/made" "$IMAGE" touch /made/f
    [ -e "$WORK/src/made/f" ]
    agree
}

@test "a reference that the engine does not know is found by the comparison" {
    volume_for web:/webapp
    create one "${VOLUME[@]}"
    agree
    volctl attach ghost -v web:/data
    fails agrees
    [[ $(cat "$WORK/differ") == *+*ghost* ]]
    volctl detach ghost
    agree
}
