#!/usr/bin/env bats
# volctl run and start, with the machine's own OCI runtime: what a command gets, and what is told of
# its end.

# shellcheck disable=SC2016 # what is in single quotes is for the container's shell

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

run_in() {
    volctl run --rm --rootfs "$ROOTFS" "$@"
}

# ends STATUS COMMAND…: with that status; what it said is in $WORK/stdout and $WORK/stderr.
ends() {
    local wanted=$1 status=0

    shift
    "$@" >"$WORK/stdout" 2>"$WORK/stderr" || status=$?
    cat "$WORK/stderr"
    if [ "$status" -ne "$wanted" ]; then
        printf 'status %s, not %s\n' "$status" "$wanted"
        return 1
    fi
}

field() {
    volctl container inspect "$1" | jq -r ".[0].$2"
}

has_state() {
    [ "$(field "$1" State)" = "$2" ]
}

has_status() {
    [ "$(field "$1" ExitCode)" = "$2" ]
}

has_no_anonymous() {
    [ -z "$(volctl ls -q -f kind=anonymous)" ]
}

# has_files DIRECTORY NAMES
has_files() {
    [ "$(ls "$1")" = "$2" ]
}

is_unknown() {
    ! volctl container inspect "$1" >/dev/null 2>&1
}

# Neither directories of runs, nor mounts in them, nor what runtimes keep.
nothing_is_left() {
    [ -z "$(ls -A "$WORK/bundles")" ] && [ -z "$(find "$WORK/runtime" -mindepth 2)" ] &&
        ! grep -q "$WORK/bundles" /proc/self/mountinfo
}

@test "a command has its streams, and its status is volctl's" {
    ends 0 run_in true
    ends 7 run_in -- sh -c 'echo out; echo err >&2; exit 7'
    [ "$(cat "$WORK/stdout")" = out ]
    [ "$(cat "$WORK/stderr")" = err ]
    echo in | ends 0 run_in -i cat
    [ "$(cat "$WORK/stdout")" = in ]
    echo in | ends 0 run_in cat
    [ ! -s "$WORK/stdout" ]
    ends 137 run_in sh -c 'sleep 100 & kill -9 $!; wait $!'
    ends 0 run_in sh -c 'head -c 3000000 /dev/zero >&2'
    [ "$(stat -c %s "$WORK/stderr")" -eq 3000000 ]
    nothing_is_left
    [ -z "$(volctl container ls -q)" ]
}

@test "what is not run ends with 125, 126 or 127, and says why" {
    ends 127 run_in nosuchcommand
    grep -q "nosuchcommand.*looked for in the rootfs $ROOTFS, not on the host" "$WORK/stderr"
    [ "$(wc -l <"$WORK/stderr")" -eq 1 ]
    ends 127 run_in /bin/nosuch
    : >"$ROOTFS/bin/data"
    ends 126 run_in /bin/data
    grep -q 'chmod +x' "$WORK/stderr"
    ends 125 run_in -u nosuchuser true
    grep -q 'unable to find user nosuchuser' "$WORK/stderr"
    ends 125 run_in --mount "type=bind,src=$WORK/missing,dst=/y" true
    grep -q 'bind source path does not exist' "$WORK/stderr"
    ends 125 run_in --frobnicate true
    ends 125 env VOLUMEFS_RUNTIME="$WORK/missing" "$VOLCTL" run --rm --rootfs "$ROOTFS" true
    grep -q "cannot use the runtime $WORK/missing" "$WORK/stderr"
    [ -z "$(volctl container ls -q)" ]
    nothing_is_left
    # without --rm it stays, and tells
    ends 127 volctl run --name c --rootfs "$ROOTFS" nosuchcommand
    [ "$(field c ExitCode)" = 127 ]
}

@test "user, environment, directory and host's name are as asked for" {
    printf 'web:x:33:34:www:/var/www:/bin/sh\n' >>"$ROOTFS/etc/passwd"
    printf 'www:x:34:\ntape:x:26:web\n' >"$ROOTFS/etc/group"
    [ "$(run_in -u web sh -c 'id -u; id -g; id -G; echo $HOME' | xargs)" = '33 34 34 26 /var/www' ]
    [ "$(run_in -u 5:tape sh -c 'id -u; id -g; id -G' | xargs)" = '5 26 26' ]
    [ "$(run_in -e A=1 -e 'B=x y' -e A=2 sh -c 'echo "$A,$B"')" = '2,x y' ]
    printf '# no\nC=3\n' >"$WORK/env"
    [ "$(FROM_HERE=4 run_in -e FROM_HERE --env-file "$WORK/env" sh -c 'echo $C$FROM_HERE')" = 34 ]
    [ "$(run_in -w /made/here pwd)" = /made/here ]
    [ "$(run_in sh -c 'hostname | wc -c; echo $PATH')" = $'13\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' ]
    [ "$(run_in --hostname db sh -c 'hostname; echo $HOSTNAME')" = $'db\ndb' ]
}

@test "a read-only rootfs cannot be changed, and its volumes can" {
    ends 1 run_in --read-only -v data:/data sh -c 'echo x >/data/x && echo x >/x'
    grep -q 'Read-only file system' "$WORK/stderr"
    [ ! -e "$ROOTFS/x" ]
    [ -e "$TREE/data/x" ]
    ends 0 run_in sh -c 'echo x >/x'
    [ -e "$ROOTFS/x" ]
}

@test "a container sees its own processes, no network, and no descriptor of ours" {
    [ "$(run_in sh -c 'echo $$; ls /sys/class/net' | xargs)" = '1 lo' ]
    [ "$(exec 7</etc/passwd; run_in sh -c 'ls /proc/self/fd | xargs')" = '0 1 2 3' ]
    ends 1 run_in sh -c 'echo x >/proc/sys/kernel/hostname'
    ends 1 run_in sh -c 'mknod /tmp/sda b 8 0 && head -c 1 /tmp/sda'
    ends 1 run_in sh -c 'mount -t tmpfs none /tmp'
    [ "$(run_in -u 5 sh -c 'grep CapEff /proc/self/status' | cut -f 2)" = 0000000000000000 ]
    [ "$(run_in sh -c 'grep CapEff /proc/self/status' | cut -f 2)" = 00000000a80425fb ]
}

@test "while it runs it is recorded, with the process that it is" {
    local id

    run_in --name web -v data:/data -v /anonymous sh -c 'echo x >/data/ready; sleep 1000' 3>&- &
    eventually 10 test -e "$TREE/data/ready"
    has_state web running
    id=$(field web Id)
    grep -q "$id" "/proc/$(field web Pid)/cgroup"
    [ "$(volume_attribute "$TREE/data" refcount)" = 1 ]
    [ "$(volume_attribute "$TREE/data" refs)" = web:/data:rw ]
    [ "$(volctl ls -q -f kind=anonymous | wc -l)" -eq 1 ]
    fails volctl container rm web
    volctl kill web
    ends 137 wait $!
    # --rm
    is_unknown web
    eventually 5 has_no_anonymous
    [ -d "$TREE/data" ]
    nothing_is_left
}

@test "signals reach the command, each once" {
    local pid

    "$VOLCTL" run --rootfs "$ROOTFS" -v data:/data sh -c '
        for s in INT HUP USR1 USR2 TERM; do trap "echo $s" $s; done
        trap "echo QUIT; exit 3" QUIT
        echo ready
        while :; do sleep 0.05; done' >"$WORK/got" 2>&1 3>&- </dev/null &
    pid=$!
    eventually 10 grep -q ready "$WORK/got"
    for signal in INT HUP USR1 USR2 TERM QUIT; do
        kill -s "$signal" "$pid"
        eventually 5 grep -q "$signal" "$WORK/got"
    done
    ends 3 wait "$pid"
    sleep 0.2
    [ "$(xargs <"$WORK/got")" = 'ready INT HUP USR1 USR2 TERM QUIT' ]
}

# in_terminal COMMAND: on a terminal of its own. What is written to $WORK/keys is typed.
in_terminal() {
    [ -p "$WORK/keys" ] || mkfifo "$WORK/keys"
    script -qec "$1" /dev/null <>"$WORK/keys" 3>&-
}

@test "a terminal is the command's: its size, its keys, its status" {
    local run="$VOLCTL run --rm --rootfs $ROOTFS"

    in_terminal "stty rows 33 cols 77; $run -it sh -c 'stty size; tty; echo \$TERM; sleep 0.2'" >"$WORK/got"
    cat -A "$WORK/got"
    [ "$(xargs <"$WORK/got")" = $'33 77\r /dev/pts/0\r xterm\r' ]
    [ "$(in_terminal "$run sh -c 'tty || echo none'" | xargs)" = $'not a tty\r none\r' ]
    ends 5 in_terminal "$run -t sh -c 'exit 5'"
    ends 127 in_terminal "$run -t nosuchcommand"
    grep -q nosuchcommand "$WORK/stdout"
    ends 125 volctl run --rm --rootfs "$ROOTFS" -it true
    grep -q 'needs a terminal' "$WORK/stderr"
}

@test "the interrupt key reaches a command with a terminal, and one without" {
    local options

    # By exec: of the shells that script(1) may start, some die of the interrupt that their command handled.
    for options in -it ''; do
            in_terminal "exec $VOLCTL run --rm --rootfs $ROOTFS $options sh -c '
            trap \"echo got INT; exit 4\" INT; echo ready; while :; do sleep 0.05; done'" >"$WORK/got" 3>&- &
        eventually 10 grep -q ready "$WORK/got"
        printf '\003' >"$WORK/keys"
        ends 4 wait $!
        [ "$(grep -c 'got INT' "$WORK/got")" -eq 1 ]
    done
}

@test "the terminal is as it was after a runtime that was killed" {
    local status=0

    in_terminal "stty -a >'$WORK/before'; '$VOLCTL' run --rm --name c --rootfs '$ROOTFS' -it sh -c 'echo ready; sleep 100'
        stty -a >'$WORK/after'" >"$WORK/got" 3>&- &
    eventually 10 grep -q ready "$WORK/got"
    kill -KILL "$(pgrep -f -- "--root $WORK/runtime/.* run .*$(field c Id)")"
    wait $! || status=$?
    cat "$WORK/got"
    cmp "$WORK/before" "$WORK/after"
    grep -q 'was ended by signal 9' "$WORK/got"
    nothing_is_left
}

@test "in the background: it is told when the command runs, and goes on" {
    local id

    id=$(volctl run -d --name web --rootfs "$ROOTFS" -v data:/data \
        sh -c 'trap "exit 9" TERM; echo out; echo err >&2; while :; do sleep 0.05; done')
    [[ $id =~ ^[0-9a-f]{64}$ ]]
    has_state web running
    eventually 5 grep -q err "$WORK/bundles/$id/log"
    [ "$(sort "$WORK/bundles/$id/log" | xargs)" = 'err out' ]
    [ "$(volctl stop web)" = web ]
    eventually 5 has_status web 9
    volctl container ls | grep -q 'exited (9)'
    # what it printed stays with it, and nothing else
    eventually 5 has_files "$WORK/bundles/$id" log
    [ "$(volctl container rm web)" = web ]
    nothing_is_left
    ends 127 volctl run -d --rm --rootfs "$ROOTFS" nosuchcommand
    grep -q nosuchcommand "$WORK/stderr"
    [ -z "$(volctl container ls -q)" ]
    volctl run -d --rm --name short --rootfs "$ROOTFS" sleep 0.3
    eventually 5 is_unknown short
    eventually 5 nothing_is_left
}

@test "in the background nothing of ours is held, and what is printed is bounded" {
    local id

    id=$(exec 7>"$WORK/held"; volctl run -d --name c --rootfs "$ROOTFS" sh -c 'cat /dev/zero | head -c 40000000; echo end; sleep 1000')
    fails fuser "$WORK/held"
    eventually 60 grep -aq end "$WORK/bundles/$id/log"
    [ "$(stat -c %s "$WORK/bundles/$id/log.1")" -le $((16 << 20)) ]
    [ "$(cat "$WORK/bundles/$id/log" "$WORK/bundles/$id/log.1" | wc -c)" -le $((32 << 20)) ]
    volctl container rm -f c >/dev/null
    eventually 60 nothing_is_left # a log of this size may wait for the disk
}

@test "directories that others could change are refused" {
    mkdir -m 777 "$WORK/bundles"
    ends 125 run_in true
    grep -q "$WORK/bundles is not root's alone" "$WORK/stderr"
    [ -z "$(ls "$WORK/bundles")" ]
    rmdir "$WORK/bundles"
    ln -s /tmp "$WORK/bundles"
    ends 125 run_in true
    rm "$WORK/bundles"
    ends 0 run_in true
}

@test "start runs a container again, with its command and its volumes" {
    volctl container create --name c --rootfs "$ROOTFS" -v data:/data -e A=x -w /data \
        sh -c 'echo $A >>list; wc -l <list; exit 3' >/dev/null
    has_state c created
    ends 3 volctl start -a c
    [ "$(cat "$WORK/stdout")" = 1 ]
    ends 3 volctl start -a c
    [ "$(cat "$WORK/stdout")" = 2 ]
    [ "$(field c ExitCode)" = 3 ]
    has_state c exited
    [ "$(volctl start c)" = c ]
    eventually 5 has_state c exited
    [ "$(xargs <"$TREE/data/list")" = 'x x x' ]
    volctl container create --name cat --rootfs "$ROOTFS" cat >/dev/null
    [ "$(echo in | volctl start -i cat)" = in ]
    [ -z "$(echo in | volctl start -a cat)" ]
}

@test "what cannot be started is told" {
    volctl container create --name holder -v data:/data >/dev/null
    ends 1 volctl start holder
    grep -q 'container holder was made without a command' "$WORK/stderr"
    ends 1 volctl start none
    grep -q 'No such container: none' "$WORK/stderr"
    volctl run -d --name c --rootfs "$ROOTFS" sleep 1000 >/dev/null
    ends 1 volctl start c
    grep -q 'container c runs already, as process' "$WORK/stderr"
    volctl container create --name t -t --rootfs "$ROOTFS" true >/dev/null
    ends 1 volctl start t
    grep -q 'volctl start -a t' "$WORK/stderr"
    volctl container rm -f c >/dev/null
}

@test "of two starts at once one counts" {
    local pids=() pid started=0

    volctl container create --name c --rootfs "$ROOTFS" sleep 1000 >/dev/null
    for _ in 1 2 3; do
        volctl start c >>"$WORK/started" 2>>"$WORK/refused" 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        if wait "$pid"; then
            started=$((started + 1))
        fi
    done
    cat "$WORK/refused"
    [ "$started" -eq 1 ]
    has_state c running
    volctl container rm -f c
    eventually 5 nothing_is_left
}

@test "stop asks first and kills then; kill sends any signal" {
    volctl run -d --name stubborn --rootfs "$ROOTFS" sh -c 'trap "" TERM; sleep 1000' >/dev/null
    volctl run -d --name good --rootfs "$ROOTFS" \
        sh -c 'trap "exit 0" TERM USR1; : >/ready; sleep 1000 & wait' >/dev/null
    eventually 10 test -e "$ROOTFS/ready"
    ends 0 volctl stop -t "$((2 * $(busyness)))" good stubborn
    [ "$(xargs <"$WORK/stdout")" = 'good stubborn' ]
    eventually 5 has_status good 0
    eventually 5 has_status stubborn 137
    ends 0 volctl stop good
    ends 1 volctl kill good
    grep -q 'container good is not running' "$WORK/stderr"
    rm "$ROOTFS/ready"
    volctl start good
    eventually 10 test -e "$ROOTFS/ready"
    ends 0 volctl kill -s USR1 good
    eventually 5 has_state good exited
    ends 1 volctl stop none
}

@test "rm -f ends a container of another user" {
    volctl run -d --name c -u 1000 --rootfs "$ROOTFS" sleep 1000 >/dev/null
    volctl container rm -f c
    fails volctl container inspect c
}

@test "prune forgets what has ended, and with --all what never ran" {
    ends 0 volctl run --name ended --rootfs "$ROOTFS" true
    volctl container create --name holder -v data:/data >/dev/null
    volctl run -d --name runs --rootfs "$ROOTFS" sleep 1000 >/dev/null
    volctl container prune --dry-run | grep -qx ended
    [ "$(echo n | volctl container prune 2>/dev/null || echo refused)" = refused ]
    [ "$(volctl container prune -f | xargs)" = 'Deleted Containers: ended' ]
    [ "$(volctl container prune -a -f | xargs)" = 'Deleted Containers: holder' ]
    has_state runs running
    volctl container rm -f runs
}
