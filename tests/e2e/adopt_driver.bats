#!/usr/bin/env bats
# Volumes are taken over from engines that have this daemon as a volume driver as well, as usual, and
# go back to them. Docker finds drivers in directories of the machine alone, so it sees those of
# other runs too: names are of this run, and volumes are asked for by their driver.

load lib

setup_file() {
    require_mounts
    work_make
    DRIVER=$(basename "$WORK")
    PLUGIN=/run/docker/plugins/$DRIVER.sock
    NAME=$DRIVER-web
    export DRIVER PLUGIN NAME
    engines_start
    podman_in_path
    cat >>"$CONTAINERS_CONF" <<END
[engine.volume_plugins]
$DRIVER = "$PLUGIN"
END
}

teardown_file() {
    engines_stop
    work_free
}

setup() {
    require_mounts
    set -o pipefail
    PATH=$WORK/bin:$PATH
    daemon_start_foreground --plugin-socket "$PLUGIN"
}

# What the daemon has goes first: the engines' own are left.
teardown() {
    docker ps -aq | xargs -r timeout 60 docker rm -fv >/dev/null
    podman rm -fa -t 0 >/dev/null
    volctl prune -af >/dev/null
    podman volume reload >/dev/null 2>&1 || true
    docker volume ls -q -f driver=local | xargs -r timeout 60 docker volume rm -f >/dev/null
    podman volume rm -fa >/dev/null
    daemon_stop
}

driver_of() {
    "$1" volume inspect --format '{{.Driver}}' "$NAME"
}

# A volume of the engine's own with a file, taken over, and found again by the driver.
adopt_and_look() {
    "$1" volume create --label team=a "$NAME" >/dev/null
    "in_$1" -v "$NAME:/data" "$IMAGE" sh -c 'echo of web >/data/file'
    volctl adopt "$1" "$NAME"
    if [ "$1" = podman ]; then
        podman volume reload >/dev/null
    fi
    "$1" volume ls -q -f "driver=$DRIVER" | grep -qx "$NAME"
    [ "$(driver_of "$1")" = "$DRIVER" ]
}

is_the_engines() {
    [ "$(driver_of "$1")" = local ]
    [ "$("$1" volume inspect --format '{{.Labels.team}}' "$NAME")" = a ]
    [ "$("in_$1" -v "$NAME:/data" "$IMAGE" cat /data/file)" = 'of web' ]
    [ -z "$(volctl ls -q)" ]
    [ -z "$("$1" volume ls -q -f "driver=$DRIVER")" ]
}

is_still_ours() {
    [ "$(cat "$TREE/$NAME/file")" = 'of web' ]
    "$1" volume ls -q -f "driver=$DRIVER" | grep -qx "$NAME"
    [ "$(driver_of "$1")" = "$DRIVER" ]
    [ "$("in_$1" -v "$NAME:/data" "$IMAGE" cat /data/file)" = 'of web' ]
}

goes_back() {
    adopt_and_look "$1"
    volctl adopt --undo "$NAME"
    is_the_engines "$1"
}

@test "a volume that Docker has found by the driver goes back" {
    goes_back docker
}

@test "a volume that Podman has found by the driver goes back" {
    goes_back podman
}

# Another has its old name by now: the engine's volumes are as before, and it is found.
stays() {
    local engine=$1

    adopt_and_look "$engine"
    mv -T "$TREE/$NAME" "$TREE/$NAME-2"
    mkdir "$TREE/$NAME"
    fails volctl adopt --undo "$NAME-2"
    echo "$output"
    "$engine" volume ls
    [[ $output == *"has another volume of the name \"$NAME\": its driver is '$DRIVER'"* ]]
    rmdir "$TREE/$NAME"
    mv -T "$TREE/$NAME-2" "$TREE/$NAME"
    if [ "$1" = podman ]; then
        podman volume reload >/dev/null 2>&1 || true # it says that one has gone
    fi
    is_still_ours "$engine"
    volctl adopt --undo "$NAME"
    is_the_engines "$engine"
}

@test "a volume that cannot go back to Docker is found by the driver at once" {
    stays docker
}

@test "a volume that cannot go back to Podman is found by the driver at once" {
    stays podman
}

# The daemon does not follow Podman here, so it is Podman that refuses.
@test "what a container has by the driver does not go back" {
    adopt_and_look podman
    podman create --name box -v "$NAME:/data" "$IMAGE" sleep 1 >/dev/null
    fails volctl adopt --undo "$NAME"
    echo "$output"
    [[ $output == *"Podman has it on its list as a volume driver's still"*'remove those'*"$NAME"* ]]
    is_still_ours podman
    podman rm box >/dev/null
    volctl adopt --undo "$NAME"
    is_the_engines podman
}
