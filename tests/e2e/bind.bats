#!/usr/bin/env bats
# What volumefs is for: a volume of the tree, bind-mounted by Docker and Podman as they are, seen
# by several containers, counted while they use it and kept for as long as they do.

load lib

setup_file() {
    require_mounts
    work_make
    daemon_start
    engines_start
}

teardown_file() {
    local failed=0

    engines_stop || failed=1
    work_free || failed=1
    return "$failed"
}

setup() {
    require_mounts
    mkdir "$TREE/foo"
}

# Whatever a test left.
teardown() {
    local container

    for container in one two; do
        remove_container docker "$container" 2>/dev/null || true
        remove_container podman "$container" 2>/dev/null || true
    done
    volctl container ls -q | xargs -r -n 1 timeout 60 "$VOLCTL" container rm -f >/dev/null || true
    volume_set_readonly "$TREE/foo" 0 2>/dev/null || true
    rm -rf "${TREE:?}/foo"
}

# The container shown in refs: its name where the daemon knows it, else its short id.
shown_as() {
    printf '(%s|%s)' "$2" "$(container_id "$1" "$2")"
}

refcount_is() {
    [ "$(volume_attribute "$TREE/foo" refcount)" = "$1" ]
}

@test "containers of both engines share a volume" {
    start_container docker one -v "$TREE/foo:/data"
    start_container podman two -v "$TREE/foo:/srv"
    docker exec one sh -c 'echo from docker >/data/a'
    [ "$(podman exec two cat /srv/a)" = 'from docker' ]
    podman exec two sh -c 'echo from podman >>/srv/a; mkdir /srv/d; mv /srv/a /srv/d/b'
    [ "$(docker exec one cat /data/d/b)" = $'from docker\nfrom podman' ]
    [ "$(cat "$TREE/foo/d/b")" = $'from docker\nfrom podman' ]
    fails docker exec one test -e /data/a
}

@test "data outlives the containers" {
    in_docker -v "$TREE/foo:/data" "$IMAGE" sh -c 'echo kept >/data/f'
    [ "$(in_podman -v "$TREE/foo:/data" "$IMAGE" cat /data/f)" = kept ]
    [ "$(cat "$TREE/foo/f")" = kept ]
}

@test "what one container changes is seen at once by the other and by the host" {
    start_container docker one -v "$TREE/foo:/data"
    start_container podman two -v "$TREE/foo:/data"
    for i in 1 2 3 4 5; do
        docker exec one sh -c "echo $i >/data/n; rm -f /data/gone; echo >/data/new-$i"
        [ "$(podman exec two cat /data/n)" = "$i" ]
        [ "$(cat "$TREE/foo/n")" = "$i" ]
        [ -e "$TREE/foo/new-$i" ]
        touch "$TREE/foo/gone"
        podman exec two test -e /data/gone
    done
}

counts_and_names() {
    local engine=$1

    start_container "$engine" one -v "$TREE/foo:/webapp"
    refcount_is 1
    [[ $(volume_attribute "$TREE/foo" refs) =~ ^$(shown_as "$engine" one):/webapp:rw$ ]]
    [[ $(volctl refs foo) =~ $(shown_as "$engine" one) ]]
    [[ $(volctl refs foo) == */webapp* ]]
    remove_container "$engine" one
    eventually 5 refcount_is 0
    [ -z "$(volume_attribute "$TREE/foo" refs)" ]
}

@test "docker's container is counted, with its path, while it runs" {
    counts_and_names docker
}

@test "podman's container is counted, with its path, while it runs" {
    counts_and_names podman
}

@test "a read-only mount is shown as such, and two containers are two references" {
    start_container docker one -v "$TREE/foo:/data:ro"
    start_container podman two -v "$TREE/foo:/data"
    refcount_is 2
    volume_attribute "$TREE/foo" refs >"$WORK/refs"
    grep -Ex "$(shown_as docker one):/data:ro" "$WORK/refs"
    grep -Ex "$(shown_as podman two):/data:rw" "$WORK/refs"
    [ "$(grep -c . "$WORK/refs")" -eq 2 ]
    fails docker exec one touch /data/f
    podman exec two touch /data/f
}

refuses_removal() {
    local engine=$1

    start_container "$engine" one -v "$TREE/foo:/data"
    fails volctl rm foo
    [[ $output =~ foo ]]
    [[ $output =~ $(shown_as "$engine" one) ]]
    fails rmdir "$TREE/foo"
    [[ $output == *'Device or resource busy'* ]]
    fails mv "$TREE/foo" "$TREE/bar"
    [[ $output == *'Device or resource busy'* ]]
    [ -d "$TREE/foo" ]
    remove_container "$engine" one
    eventually 5 volctl rm foo
    [ ! -e "$TREE/foo" ]
    mkdir "$TREE/foo"
}

@test "a volume in use by docker is not removed, and the error names who uses it" {
    refuses_removal docker
}

@test "a volume in use by podman is not removed, and the error names who uses it" {
    refuses_removal podman
}

becomes_readonly() {
    local engine=$1

    start_container "$engine" one -v "$TREE/foo:/data"
    "$engine" exec one sh -c 'echo before >/data/f'
    volume_set_readonly "$TREE/foo" 1
    fails "$engine" exec one sh -c 'echo after >/data/f'
    [[ $output == *'Read-only file system'* ]]
    fails "$engine" exec one mkdir /data/d
    fails "$engine" exec one rm /data/f
    [ "$("$engine" exec one cat /data/f)" = before ]
    volume_set_readonly "$TREE/foo" 0
    "$engine" exec one sh -c 'echo after >/data/f'
    remove_container "$engine" one
}

@test "a volume made read-only is so inside a running container, at once" {
    each_engine becomes_readonly
}

# create_container ENGINE ARG…: one that may do as it likes to its mounts; prints its id.
create_container() {
    "$1" create --network none --name one --cap-add SYS_ADMIN --security-opt apparmor=unconfined \
        "${@:2}" "$IMAGE" sleep 1000
}

reads_only() {
    local engine=$1 id

    touch "$TREE/foo/f"
    id=$(create_container "$engine" -v "$TREE/foo:/data:ro")
    volctl attach "$id" foo:/data:ro
    "$engine" start one >/dev/null
    "$engine" exec one mount -o remount,bind,rw /data
    for change in 'touch /data/f' 'mkdir /data/d' 'rm /data/f' 'mv /data/f /data/g'; do
        # shellcheck disable=SC2086 # words
        fails "$engine" exec one $change
        [[ $output == *'Read-only file system'* ]]
    done
    "$engine" exec one cat /data/f
    touch "$TREE/foo/by-host"
    "in_$engine" -v "$TREE/foo:/data" "$IMAGE" touch /data/by-another
    volctl attach "$id" foo:/rw
    "$engine" exec one touch /data/f
    volctl detach "$id" /rw
    fails "$engine" exec one touch /data/f
    volctl detach "$id"
    "$engine" exec one touch /data/f
    remove_container "$engine" one
    # recorded by what the engine shows, and mounted for writing
    id=$(create_container "$engine" -v "$TREE/foo:/data")
    volctl attach "${id:0:12}" foo:/data:ro
    "$engine" start one >/dev/null
    fails "$engine" exec one touch /data/f
    [[ $output == *'Read-only file system'* ]]
    volctl detach "${id:0:12}"
    remove_container "$engine" one
}

@test "a container attached for reading only changes nothing, whatever it does to its mount" {
    each_engine reads_only
}

@test "a subdirectory of a volume can be mounted, and counts for the volume" {
    mkdir "$TREE/foo/sub"
    start_container docker one -v "$TREE/foo/sub:/data"
    docker exec one touch /data/f
    [ -e "$TREE/foo/sub/f" ]
    refcount_is 1
    fails volctl rm foo
}

@test "a container that mounts a volume twice is one reference with two lines" {
    start_container docker one -v "$TREE/foo:/a" -v "$TREE/foo:/b"
    refcount_is 1
    volume_attribute "$TREE/foo" refs >"$WORK/refs"
    grep -E ':/a:rw$' "$WORK/refs"
    grep -E ':/b:rw$' "$WORK/refs"
}

@test "the volume tells the host about itself" {
    getfattr --absolute-names -d "$TREE/foo" | grep '^user.volume.name="foo"$'
}
