#!/usr/bin/env bats
# The walk through Docker's documentation of data volumes, with podman. Its anonymous volumes are always
# its own: what stands for them is a volume created without a name.

load lib
load walk

setup_file() {
    walk_start podman
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

@test "an anonymous volume of podman's own is no volume of ours, and rm -v removes it" {
    local name

    create web -v /webapp
    name=$(mount_of web /webapp Name)
    [ "$(mount_of web /webapp Driver)" = local ]
    podman volume exists "$name"
    [ -z "$(volumes)" ]
    agree
    podman rm -v web
    [ -z "$(podman volume ls -q)" ]
}

@test "what the image has at the path is in a new volume, once it is mounted" {
    volume_for dbdata:/dbdata
    podman create --network none --name dbstore "${VOLUME[@]}" "$FULL_IMAGE" true
    [ -z "$(ls "$TREE/dbdata")" ]
    count_is dbdata 1
    podman start -a dbstore
    [ "$(cat "$TREE/dbdata/hidden")" = 'of the image' ]
    count_is dbdata 1
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
