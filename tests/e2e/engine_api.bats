#!/usr/bin/env bats
# The docker command as it is, each that is installed, against volumefs instead of dockerd.

load lib

setup() {
    require_mounts
    work_make
    mkdir "$WORK/config"
    daemon_start
    export DOCKER_HOST=unix://$SOCKET DOCKER_CONFIG=$WORK/config
}

teardown() {
    work_free
}

docker() {
    timeout 120 env "$DOCKER" "$@" 3>&-
}

# each_docker FUNCTION: with an empty tree for each command.
each_docker() {
    local -a commands

    mapfile -t commands < <(type -aP docker | xargs -n 1 realpath | sort -u)
    [ "${#commands[@]}" -ge 1 ]
    for DOCKER in "${commands[@]}"; do
        "$DOCKER" --version
        "$1"
        if volctl container inspect app >/dev/null 2>&1; then
            volctl detach app
        fi
        volctl prune -af
    done
}

names() {
    docker volume ls -q "$@" | xargs
}

manages() {
    [ "$(docker volume create web)" = web ]
    [ "$(docker volume create web)" = web ]
    [ -d "$TREE/web" ]
    docker volume create -d volumefs -o uid=9 -o readonly=true --label team=a db
    [ "$(stat -c %u "$TREE/db")" = 9 ]
    [ "$(names)" = 'db web' ]
    docker volume inspect db web >"$WORK/out"
    [ "$(jq -r '.[0] | .Name, .Mountpoint, .Labels.team, .Options.uid, .Status.readonly, .Scope' "$WORK/out" | xargs)" = \
        "db $TREE/db a 9 true local" ]
    docker volume rm db web
    [ -z "$(ls "$TREE")" ]
    fails docker volume inspect web
    [[ $output == *'o such volume'* ]]
    fails docker volume rm web
    docker volume rm -f web
    [[ $(docker volume create) =~ ^[0-9a-f]{64}$ ]]
}

@test "create, ls, inspect and rm" {
    each_docker manages
}

refuses() {
    docker volume create web
    fails docker volume create -o colour=red x
    [[ $output == *'create x: invalid option: "colour"'* ]]
    fails docker volume create ../x
    [[ $output == *'includes invalid characters for a local volume name'* ]]
    fails docker volume create -d nfs x
    [[ $output == *'plugin "nfs" not found'* ]]
    fails docker volume create -d nfs web
    [[ $output == *"driver 'local' already has volume 'web': volume name must be unique"* ]]
    fails docker volume create -o uid=1 web
    [[ $output == *'exists with other options'* ]]
    fails docker volume ls -f colour=red
    [[ $output == *"invalid filter 'colour'"* ]]
    fails docker volume ls -f dangling=maybe
    [[ $output == *"invalid filter 'dangling=[maybe]'"* ]]
    volctl attach app web:/data
    fails docker volume rm -f web
    [[ $output =~ 'remove web: volume is in use - ['[0-9a-f]{64}']' ]]
    fails docker ps
    [[ $output == *'page not found'* ]]
}

@test "what is refused, and by what words" {
    each_docker refuses
}

filters() {
    docker volume create --label a=1 --label b=2 one
    docker volume create --label a=2 two
    volctl attach app two:/data
    [ "$(names -f name=^o)" = one ]
    [ "$(names -f name=one -f name=two)" = 'one two' ]
    [ "$(names -f label=a)" = 'one two' ]
    [ "$(names -f label=a=1 -f label=b)" = one ]
    [ "$(names -f dangling=true)" = one ]
    [ "$(names -f dangling=0)" = two ]
    [ "$(names -f driver=local)" = 'one two' ]
    [ "$(names -f driver=volumefs)" = 'one two' ]
    [ -z "$(names -f driver=nfs)" ]
}

@test "filters" {
    each_docker filters
}

prunes() {
    local anonymous

    anonymous=$(docker volume create)
    docker volume create kept
    docker volume create --label keep=yes labelled
    docker volume create used
    volctl attach app used:/data
    if docker volume prune --help | grep -q -e --all; then
        docker volume prune -f >"$WORK/out"
        grep -x "$anonymous" "$WORK/out"
        [ "$(names)" = 'kept labelled used' ]
        docker volume prune -af --filter label!=keep
        [ "$(names)" = 'labelled used' ]
        docker volume prune -af
    else # its version says so
        docker volume prune -f >"$WORK/out"
    fi
    grep -F 'Total reclaimed space:' "$WORK/out"
    [ "$(names)" = used ]
}

@test "prune leaves named volumes alone, unless all are meant, and used ones always" {
    each_docker prunes
}

tells() {
    docker version --format '{{.Server.APIVersion}}' | grep -E '^1\.[0-9]+$'
    [ "$(docker info --format '{{.OSType}} {{.Swarm.LocalNodeState}}')" = 'linux inactive' ]
    docker volume create web
    head -c 100000 /dev/zero >"$TREE/web/f"
    docker system df -v | grep -E '^web +0 +1[0-9.]+kB'
}

@test "version, info and system df" {
    each_docker tells
}
