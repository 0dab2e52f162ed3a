#!/usr/bin/env bats
# The engines the other tests rely on: they start, run a container with a host directory in it,
# and leave nothing behind.

load lib

setup_file() {
    require_mounts
    work_make
    engines_start
    mkdir "$WORK/shared"
}

teardown_file() {
    engines_stop
    work_free
}

writes_and_reads() {
    echo "for $1" >"$WORK/shared/to-$1"
    "in_$1" -v "$WORK/shared:/data" "$IMAGE" sh -c "cat /data/to-$1; echo by $1 >/data/from-$1" \
        >"$WORK/out"
    [ "$(cat "$WORK/out")" = "for $1" ]
    [ "$(cat "$WORK/shared/from-$1")" = "by $1" ]
}

@test "docker runs a container with a host directory" {
    writes_and_reads docker
}

@test "podman runs a container with a host directory" {
    writes_and_reads podman
}

runs_and_goes() {
    start_container "$1" stays -v "$WORK/shared:/data"
    [ "$("$1" exec stays cat /data/to-"$1")" = "for $1" ]
    [[ $(container_id "$1" stays) =~ ^[0-9a-f]{12}$ ]]
    remove_container "$1" stays
    [ -z "$("$1" ps -aq)" ]
}

@test "a container in the background runs until it is removed" {
    each_engine runs_and_goes
}

@test "the engines are private" {
    [[ $(docker info --format '{{.DockerRootDir}}') == "$WORK"/* ]]
    [[ $(podman info --format '{{.Store.GraphRoot}}') == "$WORK"/* ]]
}
