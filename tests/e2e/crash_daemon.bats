#!/usr/bin/env bats
# timeout: 600
# The daemon is killed while containers of both engines have volumes, and in the middle of commands:
# no volume is lost, no count is wrong, no mount is left.

load lib
load walk
load crash

setup_file() {
    walk_start docker podman
}

teardown_file() {
    walk_end
}

setup() {
    require_mounts
    set -o pipefail
    DAEMON_PID=$(daemon_status pid) # a test before has killed one
}

teardown() {
    walk_clean
}

# kill_daemon_in SECONDS FUNCTION: so long after FUNCTION was called for both engines. The dead tree is
# left to the next daemon.
kill_daemon_in() {
    "$2" docker >/dev/null 2>&1 &
    "$2" podman >/dev/null 2>&1 &
    sleep "$1"
    kill -KILL "$DAEMON_PID"
    daemon_wait_end
    walk_daemon_start
    wait
    forget_removed
    agree
}

# Podman that was not told of the end of a removal lists the volume on, until it is asked to look.
forget_removed() {
    [ -e "$TREE/unused-podman" ] || podman volume reload >/dev/null
}

runs_one() {
    "in_$1" -v "web-$1:/x" "$IMAGE" true
}

starts_one() {
    "$1" start "db2-$1"
}

removes_one() {
    "$1" rm -f -v "db2-$1"
}

makes_a_volume() {
    "$1" volume create --driver "$DRIVER" "made-$1"
}

removes_a_volume() {
    "$1" volume rm "unused-$1"
}

@test "kill -9 of the daemon: containers are references, and work once restarted" {
    local refs
    local -a names

    ENGINE=docker populate
    ENGINE=podman populate
    refs=$(tree_refs)
    mapfile -t names < <(volumes)
    daemon_kill
    fails podman exec web-podman cat /webapp/kept
    fails docker exec web-docker cat /webapp/kept
    walk_daemon_start
    are_kept "${names[@]}"
    agree
    [ "$(tree_refs)" = "$refs" ]
    docker restart -t 0 web-docker db1-docker
    podman restart -t 0 web-podman db1-podman
    agree
    ENGINE=podman depopulate
    ENGINE=docker depopulate
    nothing_is_left
}

# With the next change of the catalog: what asked for that is not answered.
dies_with_the_next_change() {
    strace -f -qq -p "$DAEMON_PID" -e trace=fsync,fdatasync -e inject=fsync,fdatasync:signal=KILL -o /dev/null 3>&- &
    eventually 20 daemon_is_traced
}

@test "kill -9 of the daemon that has recorded a mount of docker's, and not said so" {
    docker volume create --driver "$DRIVER" half
    create half -v half:/x
    agree
    dies_with_the_next_change
    fails docker start half
    daemon_wait_end
    [ "$(sqlite3 "$STORE/catalog.db" 'SELECT count FROM uses')" = 1 ] # or it was another change
    walk_daemon_start
    count_is half 1
    docker start half
    eventually 10 docker_has_ended half
    count_is half 1
    docker rm half
    count_is half 0
    docker volume rm half
    agree
}

docker_has_ended() {
    [ "$(docker inspect -f '{{.State.Status}}' "$1")" = exited ]
}

@test "kill -9 of the daemon in the middle of commands" {
    local engine

    ENGINE=docker populate
    ENGINE=podman populate
    for engine in docker podman; do
        "$engine" volume create --driver "$DRIVER" "unused-$engine"
    done
    kill_daemon_in 0.1 runs_one
    kill_daemon_in 0.3 runs_one
    kill_daemon_in 0.1 starts_one
    kill_daemon_in 0.1 removes_one
    kill_daemon_in 0.05 makes_a_volume
    kill_daemon_in 0.05 removes_a_volume
    for engine in docker podman; do
        "$engine" restart -t 0 "web-$engine" "db1-$engine"
        [ "$("$engine" exec "web-$engine" cat /webapp/kept)" = kept ]
        [ "$("$engine" exec "db1-$engine" cat /dbdata/kept)" = kept ]
    done
    agree
    [ "$(mounts_below "$TREE" | wc -l)" -eq 1 ]
}
