#!/usr/bin/env bats
# timeout: 600
# Docker and Podman with volumefs as their volume driver. Docker finds drivers in directories of
# the machine alone, so the driver has a name of this run.

load lib

setup_file() {
    require_mounts
    work_make
    DRIVER=$(basename "$WORK")
    PLUGIN=/run/docker/plugins/$DRIVER.sock
    export DRIVER PLUGIN
    daemon_start --plugin-socket "$PLUGIN"
    engines_start
    add_driver_to_podman
}

teardown_file() {
    local failed=0

    DAEMON_PID=$(daemon_status pid) # one was restarted by a test
    export DAEMON_PID
    engines_stop || failed=1
    work_free || failed=1
    if [ -e "$PLUGIN" ]; then
        echo "the daemon left $PLUGIN"
        rm -f "$PLUGIN"
        failed=1
    fi
    return "$failed"
}

# Whatever a test left.
teardown() {
    local container

    for container in one two; do
        remove_container docker "$container" 2>/dev/null || true
        remove_container podman "$container" 2>/dev/null || true
    done
    docker volume ls -q -f "driver=$DRIVER" | xargs -r docker volume rm >/dev/null 2>&1 || true
    podman volume ls -q | xargs -r podman volume rm -f >/dev/null 2>&1 || true
    volctl prune -af >/dev/null 2>&1 || true
    podman volume reload >/dev/null 2>&1 || true
}

add_driver_to_podman() {
    cat >>"$CONTAINERS_CONF" <<END
[engine.volume_plugins]
$DRIVER = "$PLUGIN"
END
}

# call ENDPOINT [BODY]: as an engine does; prints the answer, then the status.
call() {
    curl -sS --max-time 10 -w '\n%{http_code}\n' --unix-socket "$PLUGIN" -H 'Content-Type:' -X POST \
        "http://localhost/$1" ${2+-d "$2"}
}

refcount_is() {
    [ "$(volume_attribute "$TREE/$1" refcount)" = "$2" ]
}

uses() {
    sqlite3 "$STORE/catalog.db" "SELECT total(count) FROM uses"
}

uses_are() {
    [ "$(uses)" = "$1.0" ]
}

creates_shows_and_removes() {
    local engine=$1

    "$engine" volume create --driver "$DRIVER" web
    [ -d "$TREE/web" ]
    [ "$("$engine" volume inspect --format '{{.Driver}}' web)" = "$DRIVER" ]
    [[ $("$engine" volume ls -f "driver=$DRIVER" --format '{{.Name}}') == web ]]
    "$engine" volume rm web
    [ ! -e "$TREE/web" ]
}

@test "a volume is created, shown and removed" {
    each_engine creates_shows_and_removes
}

takes_options() {
    local engine=$1

    "$engine" volume create --driver "$DRIVER" -o readonly=true -o uid=999 -o mode=0750 -o label=private web
    [ "$(stat -c '%u %a' "$TREE/web")" = '999 750' ]
    [ "$(volume_attribute "$TREE/web" readonly)" = 1 ]
    [ "$(volume_attribute "$TREE/web" label)" = private ]
    "$engine" volume rm web
    fails "$engine" volume create --driver "$DRIVER" -o colour=red web
    [[ $output == *'invalid option'*colour* ]]
    fails "$engine" volume create --driver "$DRIVER" -o label=blue web
    [[ $output == *blue*'shared, private or none'* ]]
    [ ! -e "$TREE/web" ]
}

@test "options at create are volctl's, and unknown ones are refused by name" {
    each_engine takes_options
}

# has_size VOLUME: it has been measured, in the background.
has_size() {
    [ "$(docker volume inspect "$1" | jq '.[0].Status.size // 0')" -ge 4096 ]
}

@test "docker inspect shows what the driver knows" {
    docker volume create --driver "$DRIVER" -o label=shared web >/dev/null
    start_container docker one -v web:/webapp:ro
    docker volume inspect web >"$WORK/inspect"
    [ "$(jq -r '.[0].Mountpoint' "$WORK/inspect")" = "$TREE/web" ]
    [ "$(jq -r '.[0].Status.refcount, .[0].Status.readonly, .[0].Status.label' "$WORK/inspect" | xargs)" = \
        '1 false shared' ]
    jq -e '.[0].Status.refs[0] | endswith(":/webapp:ro")' "$WORK/inspect"
    eventually 5 has_size web
}

two_share() {
    local engine=$1

    "$engine" volume create --driver "$DRIVER" web
    start_container "$engine" one -v web:/a
    start_container "$engine" two -v web:/b:ro
    "$engine" exec one sh -c 'echo shared >/a/f'
    [ "$("$engine" exec two cat /b/f)" = shared ]
    [ "$(cat "$TREE/web/f")" = shared ]
    refcount_is web 2
    fails "$engine" exec two touch /b/g
    fails volctl rm web
    [[ $output == *'in use'* ]]
    fails rmdir "$TREE/web"
    fails "$engine" volume rm web
    remove_container "$engine" one
    eventually 5 refcount_is web 1
    remove_container "$engine" two
    eventually 5 refcount_is web 0
    uses_are 0
    "$engine" volume rm web
    [ ! -e "$TREE/web" ]
}

@test "two containers of docker share a volume, and are counted" {
    two_share docker
}

@test "two containers of podman share a volume, under one id, and are counted" {
    two_share podman
}

@test "docker run makes the volume it names" {
    docker run --rm --network none --volume-driver "$DRIVER" -v made:/x "$IMAGE" sh -c 'echo 1 >/x/f'
    [ "$(cat "$TREE/made/f")" = 1 ]
    uses_are 0
    docker run --rm --network none --mount "type=volume,src=made,dst=/x,volume-driver=$DRIVER" "$IMAGE" cat /x/f
    docker run --rm --network none --volume-driver "$DRIVER" -v /anonymous "$IMAGE" touch /anonymous/f
    [ "$(ls "$TREE")" = made ] # gone with its container
}

@test "docker's copy-up fills a new volume, and both of its mounts are taken back" {
    docker volume create --driver "$DRIVER" web
    docker run --rm --network none -v web:/etc "$IMAGE" cat /etc/passwd
    [ -e "$TREE/web/passwd" ]
    uses_are 0
    docker run --rm --network none -v web:/bin:ro "$IMAGE" true && return 1 # not empty: not filled again
    uses_are 0
}

@test "docker cp in a running container leaves its mount counted" {
    docker volume create --driver "$DRIVER" web
    start_container docker one -v web:/data
    echo copied >"$WORK/f"
    docker cp "$WORK/f" one:/data/f
    docker cp one:/data/f "$WORK/g"
    [ "$(cat "$TREE/web/f" "$WORK/g" | uniq)" = copied ]
    uses_are 1
    refcount_is web 1
    fails volctl rm web
    docker stop -t 0 one
    uses_are 0
    docker cp "$WORK/f" one:/data/h # in one that does not run
    [ -e "$TREE/web/h" ]
    uses_are 0
}

@test "counts outlive the daemon" {
    docker volume create --driver "$DRIVER" web
    podman volume create --driver "$DRIVER" db
    call VolumeDriver.Mount '{"Name":"db","ID":"some-id"}'
    daemon_stop
    [ ! -e "$PLUGIN" ]
    daemon_start --plugin-socket "$PLUGIN"
    uses_are 1
    refcount_is db 1
    fails volctl rm db
    [[ $output == *some-id* ]]
    [ "$(docker volume inspect --format '{{.Mountpoint}}' web)" = "$TREE/web" ]
    call VolumeDriver.Unmount '{"Name":"db","ID":"some-id"}'
    volctl rm db
}

# What docker had when it died comes to an end with it, or is seen.
@test "kill -9 of dockerd leaves no counts behind" {
    docker volume create --driver "$DRIVER" web
    start_container docker one -v web:/data
    uses_are 1
    docker_kill
    refcount_is web 1 # the container runs on
    fails volctl rm web
    uses_are 0
    docker_start
    docker rm -f one
    eventually 10 refcount_is web 0
    uses_are 0
    start_container docker two -v web:/data
    uses_are 1
    remove_container docker two
    docker volume rm web
}

@test "podman mounts once however many containers, and mount without one is kept" {
    podman volume create --driver "$DRIVER" web
    start_container podman one -v web:/a
    start_container podman two -v web:/b
    uses_are 1
    remove_container podman one
    uses_are 1
    remove_container podman two
    uses_are 0
    podman volume mount web
    refcount_is web 1
    fails volctl rm web
    [[ $output == *'an engine (mount id '* ]]
    podman volume unmount web
    refcount_is web 0
}

@test "podman volume reload finds volumes made elsewhere, and prune removes" {
    volctl create elsewhere
    podman volume reload
    [[ $(podman volume ls -q) == *elsewhere* ]]
    podman run --rm --network none -v elsewhere:/x "$IMAGE" touch /x/f
    [ -e "$TREE/elsewhere/f" ]
    volctl rm elsewhere
    podman volume reload
    [[ $(podman volume ls -q) != *elsewhere* ]]
    podman volume create --driver "$DRIVER" web
    podman volume prune -f
    [ ! -e "$TREE/web" ]
}

@test "answers come within podman's five seconds, whatever the volume's size" {
    local started

    podman volume create --driver "$DRIVER" web
    mkdir "$TREE/web/d"
    (cd "$TREE/web/d" && seq 20000 | xargs touch)
    started=$SECONDS
    [ "$(call VolumeDriver.Get '{"Name":"web"}' | tail -n 1)" = 200 ]
    podman volume inspect web >/dev/null
    podman run --rm --network none -v web:/data "$IMAGE" true
    podman volume rm web
    [ $((SECONDS - started)) -lt $((10 * $(busyness))) ]
}

@test "names from an engine are checked" {
    fails docker volume create --driver "$DRIVER" ../x
    [ "$(call VolumeDriver.Create '{"Name":"../x"}' | tail -n 1)" = 500 ]
    [ "$(call VolumeDriver.Create '{"Name":""}' | tail -n 1)" = 500 ]
    [ ! -e "$TREE/../x" ]
}
