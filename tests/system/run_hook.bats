#!/usr/bin/env bats
# Between the container that is made and its command: the hook, which waits until the daemon knows
# which process it is.

# shellcheck disable=SC2016 # what is in single quotes is for the runtime's shell

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

# runtime_make COMMAND: a runtime before whose run that is done; $PPID is its volctl.
runtime_make() {
    printf '#!/bin/sh\ncase "$*" in *" run "*)\n%s\n;; esac\nexec runc "$@"\n' "$1" >"$WORK/made"
    chmod +x "$WORK/made"
    export VOLUMEFS_RUNTIME=$WORK/made
}

# What fails then: the command, which would leave a file.
run_touch() {
    volctl run --name c --rootfs "$ROOTFS" "$@" touch /ran
}

has_not_run() {
    [ ! -e "$ROOTFS/ran" ]
}

has_state() {
    [ "$(volctl container inspect c | jq -r '.[0].State')" = "$1" ]
}

# Neither a runtime nor a hook of ours.
nothing_works() {
    ! pgrep -f -- "$WORK/bundles/" >/dev/null
}

nothing_is_left() {
    [ -z "$(ls -A "$WORK/bundles")" ] && [ -z "$(find "$WORK/runtime" -mindepth 2)" ]
}

hook_waits() {
    pgrep -f -- "volctl-hook $WORK/bundles/" >/dev/null
}

# volctl, process $1, has heard of that, and tells the daemon; a thread does.
daemon_is_told_by() {
    hook_waits && [ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l)" -gt 1 ]
}

@test "a start that the daemon refuses is none, and its reason is told" {
    runtime_make "'$VOLCTL' container rm c >/dev/null"
    fails run_touch
    [[ $output == 'volctl: No such container: '* ]]
    [[ $output != *$'\n'* ]]
    fails run_touch --detach
    [[ $output == 'volctl: No such container: '* ]]
    has_not_run
    eventually 5 nothing_is_left
}

@test "without a daemon nothing is started" {
    runtime_make "kill -TERM $DAEMON_PID; while kill -0 $DAEMON_PID 2>/dev/null; do sleep 0.05; done"
    fails run_touch
    [[ $output == "volctl: cannot reach the daemon at $SOCKET"* ]]
    has_not_run
    nothing_is_left
    unset DAEMON_PID
    daemon_start
    has_state created
}

@test "a volctl that is killed before it was told takes the start with it" {
    runtime_make 'kill -KILL $PPID'
    fails "$VOLCTL" run --name c --rootfs "$ROOTFS" touch /ran
    eventually 10 nothing_works
    has_not_run
    has_state created
    volctl container rm c
    eventually 5 nothing_is_left
}

@test "a volctl that is killed while the hook waits takes the start with it" {
    local pid

    runtime_make "kill -STOP $DAEMON_PID"
    "$VOLCTL" run --name c --rootfs "$ROOTFS" touch /ran >"$WORK/out" 2>&1 3>&- &
    pid=$!
    eventually 10 daemon_is_told_by "$pid"
    sleep 0.2
    hook_waits
    kill -KILL "$pid"
    wait "$pid" || true
    eventually 10 nothing_works
    kill -CONT "$DAEMON_PID"
    has_not_run
    fails has_state running
    unset VOLUMEFS_RUNTIME
    volctl start -a c
    [ -e "$ROOTFS/ran" ]
}

@test "a signal for an end while the hook waits gives the start up" {
    local pid status=0

    runtime_make "kill -STOP $DAEMON_PID"
    "$VOLCTL" run --name c --rootfs "$ROOTFS" touch /ran >"$WORK/out" 2>&1 3>&- &
    pid=$!
    eventually 10 daemon_is_told_by "$pid"
    kill -USR1 "$pid"
    sleep 0.2
    hook_waits
    kill -TERM "$pid"
    eventually 10 nothing_works
    kill -CONT "$DAEMON_PID"
    wait "$pid" || status=$?
    cat "$WORK/out"
    [ "$status" -eq 125 ]
    grep -q 'volctl: the start was ended by signal 15 before the daemon knew of it' "$WORK/out"
    has_not_run
    fails has_state running
    eventually 5 nothing_is_left
}

@test "what ends the runtime while the hook waits ends the run" {
    local pid status=0

    runtime_make "kill -STOP $DAEMON_PID"
    "$VOLCTL" run --name c --rootfs "$ROOTFS" touch /ran >"$WORK/out" 2>&1 3>&- &
    pid=$!
    eventually 10 daemon_is_told_by "$pid"
    kill -KILL "$(pgrep -f -- "^[^ ]*runc --root $WORK/runtime/.* run ")"
    kill -CONT "$DAEMON_PID"
    wait "$pid" || status=$?
    cat "$WORK/out"
    [ "$status" -eq 125 ]
    has_not_run
    fails has_state running
    eventually 5 nothing_is_left
}

@test "the hook by itself, which nobody hears" {
    local hook=$VOLUMEFS_BUILD/tools/volctl/volctl-hook

    fails "$hook" </dev/null
    [ "$output" = 'volctl-hook: usage: volctl-hook DIRECTORY <STATE; an OCI runtime calls it' ]
    fails "$hook" "$WORK" </dev/null
    [ "$output" = "volctl-hook: the runtime's state: it is empty" ]
    fails "$hook" "$WORK" <<<'{"pid":2}'
    [ "$output" = 'volctl-hook: cannot reach the volctl that runs the container: No such file or directory' ]
    fails "$hook" "$WORK/none" <<<'{"pid":2}'
    fails sh -c "head -c 65537 /dev/zero | '$hook' '$WORK'"
    [ "$output" = "volctl-hook: the runtime's state: it is larger than 64 KiB" ]
}

# Says things to the socket of the run, in the directory $1, of container $2.
strangers_make() {
    cat >"$WORK/strangers" <<'END'
import os, socket, sys

directory, container = sys.argv[1:]
os.chdir(directory)

def say(text, user=0):
    ours, theirs = os.pipe()
    if os.fork() == 0:
        if user:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        try:
            client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            client.settimeout(10)
            client.connect("hook")
            client.send(text.encode())
            answer = client.recv(2000)
        except ConnectionResetError:
            answer = b""
        except BrokenPipeError:
            answer = b""
        os.write(theirs, answer or b"nothing")
        os._exit(0)
    os.close(theirs)
    print(os.read(ours, 2000).decode())
    os.wait()

good = '{"id":"%s","pid":%d}'
os.chmod("..", 0o711)
os.chmod(".", 0o711)
os.chmod("hook", 0o777)
say(good % (container, os.getpid()), 65534)
say("{")
say(good % ("0" * 64, os.getpid()))
say(good % (container, 1))
say(good % (container, 1 << 40))
say('{"id":"%s","pid":"2"}' % container)
say('{"id":"%s","pid":2}' % container + " " * (64 << 10))
END
}

@test "other users are not heard, and what is no state of the container is refused" {
    strangers_make
    runtime_make "for id; do :; done; python3 '$WORK/strangers' '$WORK/bundles/'\$id \$id >'$WORK/heard' 2>&1"
    volctl run --rm --rootfs "$ROOTFS" touch /ran
    cat "$WORK/heard"
    [ -e "$ROOTFS/ran" ]
    cmp - "$WORK/heard" <<'END'
nothing
-the runtime's state is no JSON
-the runtime's state is another container's
-the runtime's state has no pid
-the runtime's state has no pid
-the runtime's state has no pid
-the runtime's state is too large
END
    nothing_is_left
}

@test "a part of a volume is held for the runtime only until the container is there" {
    mkdir -p "$TREE/web/a"
    volctl run -d --name c --rootfs "$ROOTFS" --mount type=volume,src=web,dst=/part,volume-subpath=a sleep 1000
    fails grep -q "$WORK/bundles" /proc/self/mountinfo
    [ ! -e "$WORK/bundles/$(volctl container inspect c | jq -r '.[0].Id')/mounts" ]
    volctl container rm -f c
}
