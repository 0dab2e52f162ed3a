#!/usr/bin/env bats
# Containers of volctl run when something dies: the runtime, volctl, the daemon.

load lib

setup() {
    require_mounts
    require_runtime
    set -o pipefail
    work_make
    daemon_start
    ROOTFS=$WORK/rootfs
    rootfs_make "$ROOTFS"
}

field() {
    volctl container inspect "$1" | jq -r ".[0].$2"
}

has_state() {
    [ "$(field "$1" State)" = "$2" ]
}

is_unknown() {
    ! volctl container inspect "$1" >/dev/null 2>&1
}

has_no_anonymous() {
    [ -z "$(volctl ls -q -f kind=anonymous)" ]
}

nothing_is_left() {
    [ -z "$(ls -A "$WORK/bundles")" ] && [ -z "$(find "$WORK/runtime" -mindepth 2)" ] &&
        ! grep -q "$WORK/bundles" /proc/self/mountinfo
}

# Starts a container in the foreground; sets $VOLCTL_PID.
foreground_start() {
    "$VOLCTL" run --name c --rootfs "$ROOTFS" "$@" sh -c 'echo ready; sleep 1000' \
        >"$WORK/out" 2>"$WORK/err" 3>&- </dev/null &
    VOLCTL_PID=$!
    eventually 10 grep -q ready "$WORK/out"
    has_state c running
}

# The runtime's own process; there is one container.
runtime_pid() {
    pgrep -f -- "^[^ ]* --root $WORK/runtime/.* run "
}

@test "a runtime that is killed takes its container with it" {
    local status=0 container

    foreground_start
    container=$(field c Pid)
    kill -KILL "$(runtime_pid)"
    wait "$VOLCTL_PID" || status=$?
    [ "$status" -eq 125 ]
    grep -q 'was ended by signal 9 while the container ran' "$WORK/err"
    fails process_is_alive "$container"
    has_state c exited
    nothing_is_left
    volctl start c >/dev/null
    volctl container rm -f c >/dev/null
}

@test "the end of a container whose volctl was killed is noticed" {
    foreground_start
    kill -KILL "$VOLCTL_PID"
    wait "$VOLCTL_PID" || true
    has_state c running
    volctl stop -t 0 c >/dev/null
    has_state c exited
    # it can be started again, over what was left, and removed
    [ -n "$(ls "$WORK/bundles")" ]
    volctl start c >/dev/null
    has_state c running
    volctl stop -t 0 c >/dev/null
    volctl container rm c >/dev/null
    eventually 5 nothing_is_left
}

# holder_of DIRECTORY: the process that has it open.
holder_of() {
    local fd

    for fd in /proc/[0-9]*/fd/*; do
        if [ "$(readlink "$fd")" = "$1" ]; then
            fd=${fd#/proc/}
            echo "${fd%%/*}"
            return 0
        fi
    done
    return 1
}

# The volctl in the background has told the daemon of the end, and would keep what was printed.
@test "a removal waits for a volctl that is at the container's end still" {
    local id holder

    id=$(volctl run -d --name c --rootfs "$ROOTFS" sh -c 'echo text; exec sleep 1000')
    holder=$(holder_of "$WORK/bundles/$id")
    strace -qq -p "$holder" -e trace=unlinkat -e inject=unlinkat:delay_enter=300ms -o /dev/null 3>&- &
    eventually 10 grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$holder/status"
    volctl kill c >/dev/null
    eventually 10 has_state c exited
    volctl container rm c >/dev/null
    nothing_is_left
    wait
}

@test "a removal clears what a killed volctl left" {
    foreground_start -v data:/data
    kill -KILL "$VOLCTL_PID"
    wait "$VOLCTL_PID" || true
    volctl container rm -f c >/dev/null
    is_unknown c
    eventually 5 nothing_is_left
    volctl rm data
}

@test "with --rm it goes, even if its volctl was killed" {
    foreground_start --rm -v /anonymous
    kill -KILL "$VOLCTL_PID"
    wait "$VOLCTL_PID" || true
    volctl kill c >/dev/null
    eventually 5 is_unknown c
    eventually 5 has_no_anonymous
    volctl container prune -f >/dev/null
    eventually 5 nothing_is_left
}

@test "everything that is of one container killed at once" {
    local container

    foreground_start -v data:/data
    container=$(field c Pid)
    kill -KILL "$VOLCTL_PID" "$(runtime_pid)" "$container"
    wait "$VOLCTL_PID" || true
    eventually 5 has_state c exited
    [ "$(field c ExitCode)" = null ]
    volctl start c >/dev/null
    has_state c running
    volctl container rm -f c >/dev/null
    eventually 5 nothing_is_left
}

@test "a container goes on while the daemon is down, and is known when it is back" {
    foreground_start -v data:/data
    daemon_kill
    daemon_start
    has_state c running
    volctl kill c >/dev/null
    eventually 5 has_state c exited
    eventually 5 nothing_is_left
}

@test "an end that the daemon cannot be told is found by itself" {
    local status=0 container

    foreground_start
    container=$(field c Pid)
    daemon_stop
    kill -TERM "$VOLCTL_PID" # the first process of a container does not mind
    kill -KILL "$container"
    wait "$VOLCTL_PID" || status=$?
    [ "$status" -eq 137 ]
    grep -q 'cannot reach the daemon' "$WORK/err"
    daemon_start
    has_state c exited
    volctl container rm c >/dev/null
    nothing_is_left
}
