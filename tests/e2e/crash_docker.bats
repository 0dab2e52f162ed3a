#!/usr/bin/env bats
# dockerd is killed in the middle of the walk, and of commands: no volume is lost, no count is wrong,
# no mount is left.

load lib
load walk
load crash

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

@test "kill -9 of dockerd: what was known stays, and is so when it is back" {
    local refs

    populate
    refs=$(tree_refs)
    docker_kill
    are_kept web-docker "$DBDATA"
    [ "$(tree_refs)" = "$refs" ]
    docker_start
    agree
    [ "$(tree_refs)" = "$refs" ]
    depopulate
    nothing_is_left
}

# kill_dockerd_in SECONDS ARG…: so long after docker ARG… has begun.
kill_dockerd_in() {
    docker "${@:2}" >/dev/null 2>&1 &
    sleep "$1"
    docker_kill
    wait "$!" || true
    docker_start
    agree
}

@test "kill -9 of dockerd in the middle of commands" {
    populate
    kill_dockerd_in 0.1 run --network none --rm -v web-docker:/x -v made:/y --volume-driver "$DRIVER" "$IMAGE" sleep 1
    kill_dockerd_in 0.3 run --network none -d -v web-docker:/x --volumes-from db1-docker "$IMAGE" sleep 100
    docker start web-docker db1-docker
    kill_dockerd_in 0.1 rm -f web-docker db1-docker
    kill_dockerd_in 0.02 volume create -d "$DRIVER" made-too
    kill_dockerd_in 0.02 start db2-docker dbstore-docker
    [ "$(cat "$TREE/web-docker/kept" "$TREE/$DBDATA/kept" | uniq)" = kept ]
}
