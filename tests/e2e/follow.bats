#!/usr/bin/env bats
# timeout: 300
# What is known of engines' containers from their APIs: which have a volume, also those that do not
# run, until the engine removes them.

load lib

setup_file() {
    require_mounts
    work_make
    DRIVER=$(basename "$WORK")
    PLUGIN=/run/docker/plugins/$DRIVER.sock
    export DRIVER PLUGIN
    serve
    engines_start
    make_hooks_directory
    printf '[engine.volume_plugins]\n%s = "%s"\n' "$DRIVER" "$PLUGIN" >>"$CONTAINERS_CONF"
    podman_serve
    eventually 10 are_followed
}

# Podman's service keeps no directory of ours when it ends.
teardown_file() {
    local failed=0

    DAEMON_PID=$(daemon_status pid) # one was restarted by a test
    export DAEMON_PID
    engines_stop || failed=1
    work_free || failed=1
    rm -f "$PLUGIN"
    return "$failed"
}

teardown() {
    local container

    for container in one two three; do
        remove_container docker "$container" 2>/dev/null || true
        remove_container podman "$container" 2>/dev/null || true
    done
    podman volume ls -q | xargs -r podman volume rm -f >/dev/null 2>&1 || true
    volctl prune -af >/dev/null 2>&1 || true
    podman volume reload >/dev/null 2>&1 || true
}

serve() {
    daemon_start_foreground --plugin-socket "$PLUGIN" --docker-socket "$WORK/d/s" --podman-socket "$WORK/p/s"
}

serve_podman_as_docker() {
    daemon_start_foreground --plugin-socket "$PLUGIN" --docker-socket "$WORK/p/s"
}

are_followed() {
    grep -q "docker: its containers are known from" "$WORK/daemon.log" &&
        grep -q "podman: its containers are known from" "$WORK/daemon.log"
}

is_followed() {
    volctl version | grep -q "$1 *followed"
}

# refs_are VOLUME TEXT: within a moment, as events take one.
refs_are() {
    eventually 5 refs_are_now "$@" || {
        printf 'refs of %s: %s\n' "$1" "$(volume_attribute "$TREE/$1" refs)"
        ls -la "$TREE"
        volctl ls
        docker ps -a
        podman ps -a
        cat "$WORK/daemon.log"
        return 1
    }
}

refs_are_now() {
    [ "$(volume_attribute "$TREE/$1" refs)" = "$2" ]
}

state_of() {
    volctl refs --format json "$1" | jq -r '.Refs[] | "\(.Container) \(.Running) \(.Engine) \(.Away)"'
}

state_is() {
    local state

    state=$(state_of "$1")
    [ "$state" = "$2" ] || {
        printf 'state: %s\n' "$state"
        return 1
    }
}

make_volume() {
    "$1" volume create --driver "$DRIVER" "$2" >/dev/null
}

create_container() {
    "$1" create --network none --name "$2" "${@:3}" "$IMAGE" sleep 1000 >/dev/null
}

# What it is known by for certain.
has_process() {
    [ "$(volctl container inspect "$2" | jq '.[0].Pid')" = "$("$1" inspect --format '{{.State.Pid}}' "$2")" ]
}

is_known_all_its_life() {
    local engine=$1

    make_volume "$engine" web
    create_container "$engine" one -v web:/webapp:ro
    refs_are web one:/webapp:ro
    state_is web "one false $engine false"
    "$engine" start one >/dev/null
    eventually 5 state_is web "one true $engine false"
    eventually 5 has_process "$engine" one
    [ "$(volume_attribute "$TREE/web" refcount)" = 1 ]
    "$engine" stop -t 0 one >/dev/null
    eventually 5 state_is web "one false $engine false"
    "$engine" rename one two
    refs_are web two:/webapp:ro
    fails volctl rm web
    [[ $output == *two:/webapp*"$engine rm two" ]]
    "$engine" rm two >/dev/null
    refs_are web ''
    [ "$(volctl container ls -q | wc -l)" -eq 0 ]
    "$engine" volume rm web >/dev/null
    [ ! -e "$TREE/web" ]
}

@test "a container is a reference from its creation to its removal, by its names" {
    each_engine is_known_all_its_life
}

# The actions on volume $1 since $2, each with its container and destination.
told_since() {
    volctl events --since "$2" --filter volume="$1" --format json |
        jq -r '.Action + ":" + (.Actor.Attributes | (.container // "") + (.destination // ""))' |
        grep -v '^\(un\)\?mount:' | paste -sd ' '
}

is_told() {
    local engine=$1 since

    since=$(date +%s.%N)
    make_volume "$engine" web
    create_container "$engine" one -v web:/webapp:ro
    refs_are web one:/webapp:ro
    "$engine" rm one >/dev/null
    refs_are web ''
    "$engine" volume rm web >/dev/null
    [ "$(told_since web "$since")" = 'create: attach:one/webapp detach:one/webapp remove:' ]
}

@test "what it attaches and gives back is told as events" {
    each_engine is_told
}

is_known_by_its_path() {
    local engine=$1

    mkdir "$TREE/data" "$TREE/data/sub"
    create_container "$engine" one -v "$TREE/data:/d" -v "$TREE/data/sub:/s:ro"
    refs_are data $'one:/d:rw\none:/s:ro'
    [ "$(volume_attribute "$TREE/data" refcount)" = 1 ]
    "$engine" rm one >/dev/null
    refs_are data ''
    rm -r "$TREE/data"
}

@test "a path of the tree that a container is to have is a reference too" {
    each_engine is_known_by_its_path
}

leaves_nothing() {
    local engine=$1

    make_volume "$engine" awesome
    "$engine" run --rm --network none -v awesome:/bar "$IMAGE" true
    refs_are awesome ''
    "$engine" volume rm awesome >/dev/null
    [ "$(volctl container ls -q | wc -l)" -eq 0 ]
}

@test "run --rm leaves nothing" {
    each_engine leaves_nothing
}

@test "docker rm -v takes what was unnamed along, and run --rm too" {
    create_container docker one --volume-driver "$DRIVER" -v /foo -v awesome:/bar
    eventually 5 has_volumes 2
    docker rm -v one >/dev/null
    eventually 5 has_volumes 1
    docker run --rm --network none --volume-driver "$DRIVER" -v /foo -v awesome:/bar "$IMAGE" true
    [ "$(volctl ls -q)" = awesome ]
}

has_volumes() {
    [ "$(volctl ls -q | wc -l)" -eq "$1" ]
}

is_asked_before_a_removal() {
    local engine=$1 i

    for i in 1 2 3 4 5; do
        make_volume "$engine" "v$i"
        create_container "$engine" one -v "v$i:/x"
        fails rmdir "$TREE/v$i"
        "$engine" rm one >/dev/null
        rmdir "$TREE/v$i"
    done
    if [ "$engine" = podman ]; then
        podman volume reload >/dev/null
    fi
}

@test "before a removal the engine is asked, so that its last word counts" {
    each_engine is_asked_before_a_removal
}

@test "what is attached by hand under a container's name is the container's" {
    mkdir "$TREE/data"
    volctl attach one data:/by-hand
    create_container docker one -v "$TREE/data:/d"
    refs_are data $'one:/by-hand:rw\none:/d:rw'
    [ "$(volume_attribute "$TREE/data" refcount)" = 1 ]
    [ "$(volctl container ls --format json | jq -r '.Containers[0].Id')" = "$(docker inspect --format '{{.Id}}' one)" ]
    docker rm one >/dev/null
    refs_are data ''
}

@test "a name that another engine's container has goes to the first" {
    mkdir "$TREE/data"
    create_container docker one -v "$TREE/data:/d"
    refs_are data one:/d:rw
    create_container podman one -v "$TREE/data:/p"
    eventually 5 sh -c "[ \$(getfattr --only-values -n user.volume.refcount $TREE/data 2>/dev/null) = 2 ]"
    refs_are data "$(printf '%s\n' one:/d:rw "$(container_id podman one):/p:rw" | sort)"
    docker rm one >/dev/null
    refs_are data "$(container_id podman one):/p:rw"
}

@test "what an engine has is removed there" {
    mkdir "$TREE/data"
    create_container docker one -v "$TREE/data:/d"
    refs_are data one:/d:rw
    fails volctl container rm -f one
    [[ $output == *'docker rm one'* ]]
    fails volctl detach one
    [[ $output == *'docker rm one'* ]]
    volctl container prune -f >/dev/null
    refs_are data one:/d:rw
    # what was attached by hand is taken back by hand
    volctl attach one data:/more
    refs_are data $'one:/d:rw\none:/more:rw'
    volctl detach one /more
    refs_are data one:/d:rw
    fails volctl rm data
    [[ $output == *'remove them: docker rm one' ]]
}

# Podman's containers are told of by its hook too, which knows their process.
@test "what the hook and the engine tell is of one container, that stays when it has ended" {
    make_volume podman web
    create_container podman one -v web:/webapp
    refs_are web one:/webapp:rw
    podman start one >/dev/null
    state_is web 'one true podman false'
    [ "$(volctl container inspect one | jq '.[0].Pid > 0')" = true ]
    [ "$(volume_attribute "$TREE/web" refcount)" = 1 ]
    podman stop -t 0 one >/dev/null
    eventually 5 state_is web 'one false podman false'
    podman start one >/dev/null
    state_is web 'one true podman false'
    podman rm -f -t 0 one >/dev/null
    refs_are web ''
    start_container podman one -v web:/webapp:ro
    eventually 5 state_is web 'one true podman false'
    [ "$(volume_attribute "$TREE/web" refs)" = one:/webapp:ro ]
}

label_is() {
    [ "$(volume_attribute "$TREE/$1" label)" = "$2" ]
}

takes_labels_over() {
    local engine=$1

    make_volume "$engine" web
    create_container "$engine" one -v web:/webapp:z
    eventually 5 label_is web shared
    "$engine" rm one >/dev/null
    create_container "$engine" one -v web:/webapp:Z
    eventually 5 label_is web private
    "$engine" rm one >/dev/null
    "$engine" volume rm web >/dev/null
}

@test "with z and Z in an engine's specification the volume has that label" {
    each_engine takes_labels_over
}

# Docker asks all drivers of the machine for a name that it does not know, those of other runs too.
takes_nothing_from_a_container() {
    local engine=$1 data=$DRIVER-data

    mkdir "$TREE/$data"
    echo kept >"$TREE/$data/f"
    create_container "$engine" one -v "$TREE/$data:/d"
    refs_are "$data" one:/d:rw
    if [ "$engine" = podman ]; then
        podman volume reload >/dev/null
    fi
    fails "$engine" volume rm "$data"
    [ "$(cat "$TREE/$data/f")" = kept ]
    "$engine" rm one >/dev/null
    "$engine" volume rm "$data" >/dev/null
    [ ! -e "$TREE/$data" ]
}

# An engine does not know what a path of the tree is, nor what other engines have.
@test "an engine cannot remove a volume that its own container has by its path" {
    each_engine takes_nothing_from_a_container
}

@test "what was attached by hand is not taken for an engine's container of the same name" {
    mkdir "$TREE/data" "$TREE/other"
    volctl attach one data:/by-hand
    docker run --rm --network none --name one "$IMAGE" true
    refs_are data one:/by-hand:rw
    create_container docker one -v "$TREE/other:/o"
    refs_are other "$(container_id docker one):/o:rw"
    refs_are data one:/by-hand:rw
    docker rm one >/dev/null
    refs_are other ''
    refs_are data one:/by-hand:rw
    volctl detach one
}

unnamed_has_a_reference() {
    [ "$(volume_attribute "$TREE/$(volctl ls -q | grep -E '^[0-9a-f]{64}$')" refs)" = one:/y:/y:rw ]
}

# What one container says of itself is no reason not to know the others.
@test "odd containers do not hide others" {
    mkdir "$TREE/data"
    curl -sS --unix-socket "$WORK/d/s" -H 'Content-Type: application/json' \
        -d '{"Image":"'"$IMAGE"'","Cmd":["true"],"Labels":{"a":"x\u0000y"},"HostConfig":{"NetworkMode":"none"}}' \
        'http://localhost/containers/create?name=two' | tee "$WORK/out" | jq -r .Id | grep -xE '[0-9a-f]{64}' || { cat "$WORK/out"; return 1; }
    create_container docker one -v "$TREE/data:/d"
    refs_are data one:/d:rw
    docker rm one >/dev/null
    docker create --network none --name one --volume-driver "$DRIVER" -v y:/y "$IMAGE" true >/dev/null
    eventually 5 unnamed_has_a_reference
}

# What was asked for when the container was made is no order for ever.
@test "an administrator's label stays, whatever an engine's containers were made with" {
    make_volume docker web
    create_container docker one -v web:/webapp:z
    eventually 5 label_is web shared
    volctl set web label=none
    mkdir "$TREE/x"
    rmdir "$TREE/x" # asks the engines
    label_is web none
    volctl set web label=private
    docker start one >/dev/null
    eventually 5 state_is web 'one true docker false'
    mkdir "$TREE/x"
    rmdir "$TREE/x"
    label_is web private
    docker exec one touch /webapp/f
}

# Docker asks nobody whether a container may have a volume.
@test "a container that an engine gives what is private to another is denied, until that is gone" {
    make_volume docker web
    start_container docker one -v web:/webapp:Z
    eventually 5 label_is web private
    docker exec one touch /webapp/f
    start_container docker two -v web:/webapp
    eventually 5 sh -c "'$VOLCTL' doctor | grep -q 'private to one'"
    fails docker exec two ls /webapp
    fails docker exec two stat /webapp/f
    [[ $output == *'ermission denied'* ]]
    docker exec one ls /webapp
    remove_container docker one
    eventually 5 docker exec two ls /webapp
    volctl doctor
    docker volume ls -q >/dev/null
}

@test "what happened while the daemon was away is found at its start" {
    mkdir "$TREE/data" "$TREE/other"
    create_container docker one -v "$TREE/data:/d"
    create_container docker two -v "$TREE/data:/d:ro"
    refs_are data $'one:/d:rw\ntwo:/d:ro'
    daemon_stop
    docker rm one >/dev/null
    create_container docker three -v "$TREE/other:/o"
    serve
    refs_are data two:/d:ro
    refs_are other three:/o:rw
}

@test "of an engine that is away what was known stays, marked, until it is back" {
    mkdir "$TREE/data"
    create_container docker one -v "$TREE/data:/d"
    create_container docker two -v "$TREE/data:/d"
    refs_are data $'one:/d:rw\ntwo:/d:rw'
    docker_kill
    eventually 5 state_is data $'one false docker true\ntwo false docker true'
    volctl refs data | grep -q 'docker is away'
    volctl doctor >"$WORK/doctor" || true
    grep -q 'cannot be asked' "$WORK/doctor"
    fails rmdir "$TREE/data"
    # who knows that it is gone may say so
    volctl container rm two
    refs_are data one:/d:rw
    docker_start
    refs_are data $'one:/d:rw\ntwo:/d:rw'
    eventually 5 state_is data $'one false docker false\ntwo false docker false'
    docker rm one two >/dev/null
    refs_are data ''
    volctl doctor
}

# A disk that was not mounted when it was started, as a rule.
@test "a dockerd that comes up with other data does not take the former's references along" {
    mkdir "$TREE/data"
    create_container docker one -v "$TREE/data:/d"
    refs_are data one:/d:rw
    docker_kill
    unmount_below "$WORK/d/data"
    mv "$WORK/d/data" "$WORK/d/former"
    docker_start
    eventually 10 is_followed docker
    create_container docker two -v "$TREE/data:/d"
    eventually 5 state_is data $'one false docker true\ntwo false docker false'
    fails volctl doctor
    [[ $output == *'one with other data'*'1 container'* ]]
    docker rm two >/dev/null
    refs_are data one:/d:rw
    fails volctl rm data
    [[ $output == *'volctl container rm -f one' ]]
    docker_kill
    unmount_below "$WORK/d/data"
    rm -r "$WORK/d/data"
    mv "$WORK/d/former" "$WORK/d/data"
    docker_start
    eventually 5 state_is data 'one false docker false'
    volctl doctor
    docker rm one >/dev/null
    refs_are data ''
}

# As the package podman-docker has it.
@test "a service of Podman at Docker's socket is one engine" {
    mkdir "$TREE/data"
    DAEMON_PID=$(daemon_status pid) # a test before may have restarted it
    daemon_stop
    serve_podman_as_docker
    create_container podman one -v "$TREE/data:/d"
    refs_are data one:/d:rw
    daemon_stop
    podman rm one >/dev/null
    serve_podman_as_docker
    eventually 10 is_followed docker
    refs_are data ''
    daemon_stop
    serve
}

# The mount of a daemon that was killed is dead in them.
@test "doctor names the containers that are to be started again" {
    make_volume docker web
    start_container docker one -v web:/webapp
    eventually 5 state_is web 'one true docker false'
    DAEMON_PID=$(daemon_status pid) # a test before may have restarted it
    daemon_kill
    serve
    eventually 10 is_followed docker
    fails volctl doctor
    [[ $output == *one*'Transport endpoint'*'start the container again'* ]]
    docker restart -t 0 one >/dev/null
    eventually 5 docker exec one ls /webapp
    volctl doctor
}

@test "of an engine that has just come back the first container is known before a removal" {
    mkdir "$TREE/data"
    docker_kill
    docker_start
    create_container docker one -v "$TREE/data:/d"
    fails rmdir "$TREE/data"
    refs_are data one:/d:rw
}

@test "while an engine does not answer nothing is removed" {
    local pid

    mkdir "$TREE/data"
    read -r pid <"$WORK/p/pid"
    volctl container create --name box -v /unnamed
    kill -STOP "$pid"
    create_container podman one -v "$TREE/data:/d"
    fails volctl rm data
    [[ $output == *'podman does not tell'* ]]
    fails volctl container rm -v box
    kill -CONT "$pid"
    eventually 5 volctl container rm -v box
    [ "$(volctl ls -q)" = data ]
    refs_are data one:/d:rw
    podman rm one >/dev/null
    rmdir "$TREE/data"
}

@test "a service of Podman that is killed and started again loses nothing" {
    mkdir "$TREE/data"
    create_container podman one -v "$TREE/data:/d"
    refs_are data one:/d:rw
    podman_unserve KILL
    eventually 5 state_is data 'one false podman true'
    podman rm one >/dev/null
    refs_are data one:/d:rw
    podman_serve
    refs_are data ''
}

podman_mount() {
    curl -sS --max-time 10 --unix-socket "$PLUGIN" -X POST http://localhost/VolumeDriver.Mount \
        -d '{"Name":"'"$1"'","ID":"2f73349cfc4630255319c6c8dfc1b46a8996ace9d14d8e07563b165915918ec2"}'
}

has_references() {
    [ "$(volume_attribute "$TREE/$1" refcount)" = "$2" ]
}

# As Podman does it that is killed before it has counted the mount itself.
@test "a mount that Podman has forgotten counts no more, and one that it has does" {
    local started

    make_volume podman web
    make_volume podman held
    started=$SECONDS
    podman_mount web
    has_references web 1
    podman volume mount held
    create_container podman one # what it was mounted for, say
    # Podman has 3 seconds to count the mount itself, and a busy machine may have taken them
    [ $((SECONDS - started)) -ge 2 ] || has_references web 1
    eventually 15 has_references web 0
    has_references held 1
    podman volume unmount held
    has_references held 0
}

@test "an engine that tells no events is asked now and then" {
    mkdir "$TREE/data"
    podman_unserve TERM
    sed -i 's/^events_logger = .*/events_logger = "none"/' "$CONTAINERS_CONF"
    podman_serve
    create_container podman one -v "$TREE/data:/d"
    fails rmdir "$TREE/data"
    podman stop -t 0 one >/dev/null
    podman rename one two
    refs_are data two:/d:rw
    podman_unserve TERM
    sed -i 's/^events_logger = .*/events_logger = "file"/' "$CONTAINERS_CONF"
    podman_serve
}
