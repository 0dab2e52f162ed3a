#!/usr/bin/env bats
# tools/quickstart: does it all, may be run again, and undoes what it did and nothing else.

load lib

setup() {
    require_mounts
    work_make
    rmdir "$TREE" # the quickstart makes what is missing
    export VOLUMEFS_MOUNTPOINT=$TREE VOLUMEFS_STORE=$STORE
}

teardown() {
    daemon_adopt
    work_free
}

# The daemon the quickstart started, if it runs, is watched and ended as the test's own.
daemon_adopt() {
    DAEMON_PID=$(daemon_status pid 2>/dev/null) || unset DAEMON_PID
}

quickstart() {
    timeout 240 "$ROOT/tools/quickstart" "$@" 3>&-
}

@test "it mounts the tree and shows a named, an anonymous and a read-only volume" {
    quickstart >"$WORK/out"
    [ -d "$TREE/demo" ]
    [ "$(cat "$TREE/demo/hello.txt")" = 'Hello from a volume.' ]
    [ "$(find "$TREE" -mindepth 1 -maxdepth 1 -regextype posix-extended -regex '.*/[0-9a-f]{64}' | wc -l)" -eq 1 ]
    fails touch "$TREE/demo-readonly/f"
    [[ $output == *'Read-only file system'* ]]
    # shellcheck disable=SC2016 # the $ is the prompt it shows
    grep -F '$ ls -l' "$WORK/out"
    grep -F 'user.volume.name="demo"' "$WORK/out"
    grep -F -e '--stop' "$WORK/out"
}

@test "what it says to go on with works as it stands, wherever all is" {
    local ls

    quickstart >"$WORK/out"
    ls=$(sed -n 's/^ *what there is *//p' "$WORK/out")
    env -u VOLUMEFS_MOUNTPOINT -u VOLUMEFS_STORE -u VOLUMEFS_SOCKET bash -c "$ls" >"$WORK/listed"
    grep -w demo-readonly "$WORK/listed"
}

@test "running it again is harmless" {
    local pid before

    quickstart
    pid=$(daemon_status pid)
    before=$(ls "$TREE")
    quickstart
    [ "$(daemon_status pid)" = "$pid" ]
    [ "$(ls "$TREE")" = "$before" ]
}

@test "--stop undoes it" {
    quickstart
    quickstart --stop
    [ ! -e "$TREE" ]
    [ ! -e "$STORE" ]
    [ ! -e "$STORE.quickstart" ]
    quickstart --stop
}

@test "--stop keeps a volume of the user's, and the next start brings it back" {
    quickstart
    mkdir "$TREE/web"
    echo mine >"$TREE/web/f"
    quickstart --stop >"$WORK/out"
    grep -x web "$WORK/out"
    grep -F "$STORE" "$WORK/out"
    quickstart
    [ "$(cat "$TREE/web/f")" = mine ]
    rm -r "$TREE/web"
    quickstart --stop
    [ ! -e "$STORE" ]
}

@test "started again it makes what is missing, and nothing twice" {
    quickstart
    "$VOLCTL" rm demo
    for _ in 1 2 3 4 5; do
        quickstart
        [ "$(find "$TREE" -mindepth 1 -maxdepth 1 | wc -l)" -eq 3 ]
    done
    quickstart --stop
}

@test "--stop keeps what the user has put into its volumes, or made under their names" {
    quickstart
    echo precious >"$TREE/demo/mine"
    setfattr -n user.volume.readonly -v 0 "$TREE/demo-readonly"
    rm -r "$TREE/demo-readonly"
    mkdir "$TREE/demo-readonly"
    quickstart --stop >"$WORK/out"
    grep -x demo "$WORK/out"
    grep -x demo-readonly "$WORK/out"
    mkdir "$TREE"
    daemon_start
    [ "$(cat "$TREE/demo/mine")" = precious ]
    [ "$(ls "$TREE")" = $'demo\ndemo-readonly' ]
}

@test "--stop leaves a tree that a container uses, and names the volume" {
    load container
    quickstart
    container_start demo sleep 60
    fails quickstart --stop
    [[ $output == *'in use: demo'* ]]
    [ -e "$TREE/demo/hello.txt" ]
    container_stop
    quickstart --stop
    [ ! -e "$TREE" ]
}

@test "what others have mounted there is left alone" {
    mkdir "$TREE"
    mount -t tmpfs tmpfs "$TREE"
    fails quickstart
    [[ $output == *'something else is mounted'* ]]
    mountpoint -q "$TREE"
}

@test "a daemon that ran before is left running" {
    mkdir "$TREE"
    daemon_start
    quickstart
    quickstart --stop
    process_is_alive "$DAEMON_PID"
    [ -d "$STORE/volumes" ]
    [ "$(ls "$TREE")" = '' ]
}

@test "it starts again after the daemon was killed" {
    quickstart
    daemon_adopt
    kill -KILL "$DAEMON_PID"
    daemon_wait_end
    quickstart
    [ -d "$TREE/demo" ]
}

@test "it says who may run it, and refuses what it does not know" {
    fails quickstart --frobnicate
    [[ $output == *Usage* ]]
    fails setpriv --reuid 65534 --clear-groups "$ROOT/tools/quickstart"
    [[ $output == *root* ]]
}
