#!/usr/bin/env bats
# The engines' socket: where it is, whose it is, and what is left of uses when those who hold them
# cannot take them back.

# shellcheck disable=SC2016 # expanded by the inner shell
load lib

# call ENDPOINT [BODY]: as an engine does; prints the answer.
call() {
    curl -sS --max-time 10 --unix-socket "$WORK/plugin.sock" -H 'Content-Type:' -X POST \
        "http://localhost/$1" ${2+-d "$2"}
}

refcount_is() {
    [ "$(volume_attribute "$TREE/$1" refcount)" = "$2" ]
}

catalog() {
    sqlite3 "$STORE/catalog.db" "$1"
}

# A volume that an engine has mounted.
start_and_mount() {
    daemon_start
    mkdir "$TREE/v"
    [ "$(call VolumeDriver.Mount '{"Name":"v","ID":"some-id"}')" = "{\"Mountpoint\":\"$TREE/v\",\"Err\":\"\"}" ]
    refcount_is v 1
}

@test "the socket is for root and goes with the daemon" {
    daemon_start
    [ "$(stat -c '%a %U' "$WORK/plugin.sock")" = '660 root' ]
    [ "$(call Plugin.Activate)" = '{"Implements":["VolumeDriver"]}' ]
    daemon_stop
    [ ! -e "$WORK/plugin.sock" ]
}

@test "a socket that was asked for and cannot be had is fatal, the usual one is not" {
    daemon_start
    mkdir "$WORK/tree2"
    fails timeout 30 "$VOLUMEFS" --store "$WORK/store2" --socket "$WORK/2.sock" \
        --plugin-socket "$WORK/plugin.sock" "$WORK/tree2"
    [[ $output == *"another daemon answers on $WORK/plugin.sock"* ]]
    fails mountpoint -q "$WORK/tree2"
    unshare --mount --propagation private sh -ec '
        mount -t tmpfs tmpfs /run
        "$2" --store "$1/store2" --socket "$1/2.sock" "$1/tree2"
        test -S /run/docker/plugins/volumefs.sock
        pid=$(sed -n "s/^pid: *//p" "$1/tree2/.volumefs/status")
        umount "$1/tree2"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done # the store is let go last
        test ! -e /run/docker/plugins/volumefs.sock
        mkdir -p /run/docker/plugins/volumefs.sock
        "$2" --store "$1/store2" --socket "$1/2.sock" "$1/tree2"
        umount "$1/tree2"' sh "$WORK" "$VOLUMEFS" >"$WORK/out" 2>&1 3>&-
    [[ $(cat "$WORK/out") == *'engines cannot use this daemon'*/run/docker/plugins/volumefs.sock*--plugin-socket* ]]
}

@test "--plugin-socket none serves none" {
    daemon_start --plugin-socket none
    [ ! -e "$WORK/plugin.sock" ]
}

# Hands a listening socket at $1 over as a service manager does, under the name $2, and runs the rest.
activated() {
    python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(5)
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])' "$@"
}

@test "a service manager's socket is used, by name or path, and stays" {
    local name

    for name in plugin volumefs.socket; do
        activated "$WORK/plugin.sock" "$name" "$VOLUMEFS" --store "$STORE" --socket "$SOCKET" \
            --plugin-socket "$WORK/plugin.sock" "$TREE" >>"$WORK/daemon.log" 2>&1 3>&-
        DAEMON_PID=$(daemon_status pid)
        export DAEMON_PID
        [ "$(call Plugin.Activate)" = '{"Implements":["VolumeDriver"]}' ]
        daemon_stop
        [ -S "$WORK/plugin.sock" ]
        rm "$WORK/plugin.sock"
    done
}

@test "a use outlives a daemon that is killed, and an engine takes it back" {
    start_and_mount
    daemon_kill
    daemon_start
    refcount_is v 1
    fails rmdir "$TREE/v"
    fails volctl rm v
    [[ $output == *'an engine (mount id some-id)'* ]]
    call VolumeDriver.Unmount '{"Name":"v","ID":"some-id"}'
    call VolumeDriver.Unmount '{"Name":"v","ID":"some-id"}' # once more is no error
    rmdir "$TREE/v"
    [ "$(call VolumeDriver.Unmount '{"Name":"v","ID":"some-id"}')" = '{"Err":""}' ]
}

@test "what was mounted before the machine booted is not mounted" {
    start_and_mount
    call VolumeDriver.Mount '{"Name":"v","ID":"other"}'
    daemon_stop
    catalog "UPDATE uses SET boot_id = 'another' WHERE mount_id = 'other'"
    daemon_start
    refcount_is v 1
    [ "$(catalog 'SELECT mount_id FROM uses')" = some-id ]
}

@test "what a dockerd had mounted that is gone is not mounted" {
    start_and_mount
    daemon_stop
    catalog "UPDATE uses SET engine_pid = 1, engine_started_at = 1" # nobody's
    daemon_start
    refcount_is v 0
    rmdir "$TREE/v"
}

@test "doctor tells of mounts that no container is seen to have, and how to end them" {
    start_and_mount
    fails sh -c '"$1" doctor | grep some-id' sh "$VOLCTL" # it may be about to have one
    daemon_stop
    catalog "UPDATE uses SET since = 1"
    daemon_start
    volctl doctor >"$WORK/out" || true
    grep -F 'no container is seen' "$WORK/out"
    grep -F volumes/v/uses "$WORK/out"
    curl -sS --unix-socket "$SOCKET" -X DELETE http://localhost/volumefs/volumes/v/uses
    refcount_is v 0
}
