#!/usr/bin/env bats
# Volumes of real engines are taken over, and go back. The engines' directories and the store are on
# one file system, so that inodes tell what was renamed. Docker asks the drivers of other runs for a
# name too: ours is of this run.

load lib

setup_file() {
    require_mounts
    work_make
    WEB=$(basename "$WORK")-web
    export WEB
    engines_start
    podman_in_path
}

teardown_file() {
    engines_stop
    work_free
}

setup() {
    require_mounts
    set -o pipefail
    PATH=$WORK/bin:$PATH
    daemon_start_foreground
}

teardown() {
    docker ps -aq | xargs -r timeout 60 docker rm -fv >/dev/null
    podman rm -fa -t 0 >/dev/null
    docker volume ls -q -f driver=local | xargs -r timeout 60 docker volume rm -f >/dev/null
    podman volume rm -fa >/dev/null
    daemon_stop || return 1
    umount "$WORK/disk" 2>/dev/null || true
    rm -rf "$WORK/disk" "$WORK/disk.img" "$WORK/store"
    STORE=$WORK/store
}

labels() {
    "$1" volume inspect --format '{{json .Labels}}' "$2" | jq -cS .
}

data_of() {
    "$1" volume inspect --format '{{.Mountpoint}}' "$2"
}

# prepare ENGINE: container box with volume $WEB and an anonymous one, whose name is in $ANONYMOUS.
prepare() {
    "$1" volume create --label team=a --label '"list=b,c"' "$WEB" >/dev/null 2>&1 ||
        "$1" volume create --label team=a --label list=b,c "$WEB" >/dev/null
    start_container "$1" box -v "$WEB:/data" -v /other
    "$1" exec box sh -c 'echo of web >/data/file; ln /data/file /data/hard; chown 33:44 /data
        chmod 2750 /data; echo of other >/other/file'
    ANONYMOUS=$("$1" volume ls -q -f driver=local | grep -vx "$WEB")
    [[ $ANONYMOUS =~ ^[0-9a-f]{64}$ ]]
}

# ---- moved -------------------------------------------------------------------------

comes_and_goes_back() {
    local engine=$1 inode created given

    prepare "$engine"
    fails volctl adopt "$engine" --all
    [[ $output == *"$WEB: it is in use by running containers: box"* ]]
    "$engine" stop -t 0 box >/dev/null
    fails volctl adopt "$engine" --all
    [[ $output == *"$WEB: stopped containers have it: box"* ]]
    [ -z "$(volctl ls -q)" ]
    "$engine" rm box >/dev/null
    inode=$(stat -c %i "$(data_of "$engine" "$WEB")/file")
    given=$(labels "$engine" "$WEB")
    created=$("$engine" volume inspect "$WEB" | jq -r '.[0].CreatedAt' | cut -c 1-19)

    [ "$(volctl adopt "$engine" --all --dry-run --format json | jq -r '[.[].How | values] | unique[]')" = rename ]
    volctl adopt "$engine" --all
    [ -z "$("$engine" volume ls -q -f driver=local)" ]
    [ "$(volctl ls -q | sort)" = "$(printf '%s\n' "$ANONYMOUS" "$WEB" | sort)" ]
    [ "$(volctl inspect "$WEB" | jq -cS '.[0].Labels')" = "$given" ]
    [ "$(volctl inspect "$WEB" | jq -r '.[0].CreatedAt' | cut -c 1-19)" = "$created" ]
    [ "$(volctl inspect "$ANONYMOUS" | jq -r '.[0].Kind')" = anonymous ]
    [ "$(stat -c %i "$STORE"/volumes/*/data/hard)" = "$inode" ]
    [ "$(stat -c '%u:%g %a' "$TREE/$WEB")" = '33:44 2750' ]
    [ "$("in_$engine" -v "$TREE/$WEB:/data" "$IMAGE" cat /data/file)" = 'of web' ]

    volctl adopt --undo -y
    [ -z "$(volctl ls -q)" ]
    [ "$(labels "$engine" "$WEB")" = "$given" ]
    [ "$(stat -c %i "$(data_of "$engine" "$WEB")/file")" = "$inode" ]
    [ "$(stat -c '%u:%g %a' "$(data_of "$engine" "$WEB")")" = '33:44 2750' ]
    [ "$("in_$engine" -v "$WEB:/data" -v "$ANONYMOUS:/other" "$IMAGE" cat /data/file /other/file)" = \
        $'of web\nof other' ]
}

@test "Docker's volumes come by a rename and go back" {
    comes_and_goes_back docker
}

@test "Podman's volumes come by a rename and go back" {
    comes_and_goes_back podman
}

forced() {
    prepare "$1"
    "$1" stop -t 0 box >/dev/null
    volctl adopt "$1" "$WEB" --force
    [ "$(cat "$TREE/$WEB/file")" = 'of web' ]
    fails "$1" start box
    volctl adopt --undo "$WEB"
    "$1" start box >/dev/null
    [ "$("$1" exec box cat /data/file)" = 'of web' ]
}

@test "what a stopped container of Docker's has, moved by force, keeps it from starting" {
    forced docker
}

@test "what a stopped container of Podman's has, moved by force, keeps it from starting" {
    forced podman
}

# ---- copied -------------------------------------------------------------------------

copied() {
    prepare "$1"
    "$1" rm -f box >/dev/null
    volctl adopt "$1" "$WEB" --copy
    [ "$(cat "$TREE/$WEB/file")" = 'of web' ]
    [ "$("in_$1" -v "$WEB:/data" "$IMAGE" cat /data/file)" = 'of web' ]
    fails volctl adopt "$1" "$WEB"
    volctl rm "$WEB"
}

@test "a copy leaves the engine its own" {
    each_engine copied
}

other_file_system() {
    prepare "$1"
    "$1" rm -f box >/dev/null
    volctl adopt "$1" "$WEB" >"$WORK/out"
    grep -q 'copy *adopted' "$WORK/out"
    [ "$("$1" volume ls -q -f driver=local)" = "$ANONYMOUS" ]
    [ "$(stat -c '%u:%g %a %h' "$TREE/$WEB" "$TREE/$WEB/file" | cut -d ' ' -f 1,2)" = $'33:44 2750\n0:0 644' ]
    [ "$(stat -c %i "$TREE/$WEB/file")" = "$(stat -c %i "$TREE/$WEB/hard")" ]
    volctl adopt --undo "$WEB"
    [ "$("in_$1" -v "$WEB:/data" "$IMAGE" cat /data/file)" = 'of web' ]
}

@test "from another file system volumes are copied, and back" {
    daemon_stop
    work_make_disk ext4 64M
    daemon_start_foreground
    each_engine other_file_system
}

# ---- what is no plain volume ------------------------------------------------------------

@test "volumes with options are left out" {
    docker volume create -o type=tmpfs -o device=tmpfs -o o=size=1m memory >/dev/null
    podman volume create -o type=tmpfs -o device=tmpfs -o o=noexec memory >/dev/null
    fails volctl adopt docker memory
    [[ $output == *'memory: it has options'* ]]
    volctl adopt docker --all
    fails volctl adopt podman memory
    volctl adopt podman --all
    [ -z "$(volctl ls -q)" ]
}

# ---- a crash ------------------------------------------------------------------------------

# The directory is in the store, and neither the catalog nor the engine knows.
killed() {
    local tracer

    prepare "$1"
    "$1" rm -f box >/dev/null
    strace -f -qq -p "$DAEMON_PID" -e trace=renameat2 -e inject=renameat2:signal=KILL:when=3 \
        -o /dev/null 3>&- 2>/dev/null &
    tracer=$!
    eventually 20 daemon_is_traced
    fails volctl adopt "$1" "$WEB"
    wait "$tracer" || true
    daemon_wait_end
    umount -l "$TREE"
    [ -n "$(ls "$STORE/adopting")" ]
    [ ! -e "$(data_of "$1" "$WEB")" ]
    daemon_start_foreground
    [ "$(cat "$TREE/$WEB/file")" = 'of web' ]
    [ -z "$(ls "$STORE/adopting")" ]
    volctl adopt "$1" "$WEB"
    [ "$("$1" volume ls -q -f driver=local)" = "$ANONYMOUS" ]
    volctl adopt --undo "$WEB"
    [ "$("in_$1" -v "$WEB:/data" "$IMAGE" cat /data/file)" = 'of web' ]
}

@test "the daemon is killed in the middle, and the same again does the rest" {
    each_engine killed
}
