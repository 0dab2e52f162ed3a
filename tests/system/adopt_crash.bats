#!/usr/bin/env bats
# The daemon is killed at every step of taking a volume over and of giving it back: the data is
# whole, in one of the two places, and the same again does the rest. Or the step fails: then all is
# as it was. It is a system call, the first of a kind, then the second, until all is done before
# there are so many.
# timeout: 900
# builds: gcc

load lib
load adopt

SYSCALLS='mkdirat openat renameat renameat2 fsync fdatasync pwrite64 unlinkat'
STEPS_MAX=60

setup() {
    require_mounts
    set -o pipefail
    work_make
    ENGINE=$WORK/e
    mkdir -p "$ENGINE/volumes"
    engine_volume web
    BEFORE=$(describe_tree "$(data_of web)")
}

# What is said of a daemon that was killed is no concern here.
start() {
    : >"$WORK/daemon.log"
    daemon_start_foreground
}

# trace ARG…: strace of the daemon, $tracer.
trace() {
    strace -f -qq -p "$DAEMON_PID" -o /dev/null "$@" 3>&- 2>/dev/null &
    tracer=$!
    eventually 20 daemon_is_traced
}

# with_fault SYSCALL N COMMAND…: false if it did not fail.
with_fault() {
    local tracer failed=1

    trace -e trace="$1" -e inject="$1:error=EIO:when=$2"
    "${@:3}" >/dev/null 2>&1 && failed=
    kill "$tracer"
    tracer_end
    [ -n "$failed" ]
}

# One that was killed says nothing any more, while its end may take its time.
daemon_answers() {
    curl -s -f -m 60 -o /dev/null --unix-socket "$SOCKET" http://localhost/_ping
}

tracer_has_ended() {
    ! process_is_alive "$tracer"
}

# One that is told to go while what it traces is dying may wait for that for ever.
tracer_end() {
    if ! eventually 5 tracer_has_ended >/dev/null; then
        kill -KILL "$tracer"
    fi
    wait "$tracer" || true
}

# with_kill SYSCALL N COMMAND…: false if the daemon was not killed.
with_kill() {
    local tracer

    trace -e trace="$1" -e inject="$1:signal=KILL:when=$2"
    "${@:3}" >/dev/null 2>&1 || true
    if daemon_answers; then
        kill "$tracer"
    fi
    tracer_end
    # it may have met the thread that empties the trash, after the command
    if daemon_answers; then
        return 1
    fi
    daemon_wait_end || fail "$1 $2: the daemon neither answers nor ends"
    unset DAEMON_PID
    umount -l "$TREE"
}

is_whole_there() {
    [ "$(describe_tree "$(data_of web)")" = "$BEFORE" ]
}

is_whole_here() {
    [ "$(volctl ls -q)" = web ] && [ "$(describe_tree "$TREE/web")" = "$BEFORE" ]
}

is_empty_there() {
    [ -z "$(ls -A "$(data_of web)" 2>/dev/null)" ]
}

nothing_is_left_over() {
    store_is_clean && volctl doctor >/dev/null && eventually 10 trash_is_empty
}

# The fault may have met the thread that empties the trash, which then waits for the next removal.
trash_is_tried_again() {
    mkdir "$TREE/next"
    rmdir "$TREE/next"
    eventually 10 volctl doctor >/dev/null
}

take() {
    adoptions POST '' "$(adoption_body web "${MOVE:-true}")"
}

give() {
    adoptions DELETE web
}

# As an engine does it, once a volume that was copied is here.
engine_forgets() {
    rm -rf "$(data_of web)"
}

# sweep FUNCTION LEAST: calls it with every step, until it says that there is no such; at LEAST so
# many there must be.
sweep() {
    local syscall step kills=0

    for syscall in $SYSCALLS; do
        for ((step = 1; step <= STEPS_MAX; step++)); do
            "$1" "$syscall" "$step" || break
            kills=$((kills + 1))
        done
        [ "$step" -le "$STEPS_MAX" ]
    done
    echo "# $BATS_TEST_DESCRIPTION: $kills steps" >&3
    [ "$kills" -ge "$2" ]
}

# ---- one rename --------------------------------------------------------------------

take_killed() {
    local killed=1

    start
    with_kill "$1" "$2" take || killed=
    [ -z "$killed" ] || start
    if is_whole_here; then
        is_empty_there || fail "$1 $2: it is in both places"
    else
        is_whole_there || fail "$1 $2: it is in neither place"
        [ -z "$(volctl ls -q)" ] || fail "$1 $2: half a volume is here"
    fi
    take >/dev/null || fail "$1 $2: it cannot be done again"
    is_whole_here || fail "$1 $2: it is not whole when done again"
    nothing_is_left_over || fail "$1 $2: something is left over"
    give || fail "$1 $2: it does not go back"
    is_whole_there || fail "$1 $2: it did not go back whole"
    daemon_stop
    [ -n "$killed" ]
}

fail() {
    echo "$1" >&2
    ls -laR "$STORE/adopting" "$STORE/volumes" "$ENGINE" >&2
    exit 1
}

@test "killed at any step of taking a directory over" {
    sweep take_killed 20
}

give_killed() {
    local killed=1

    start
    take >/dev/null
    with_kill "$1" "$2" give || killed=
    [ -z "$killed" ] || start
    if is_whole_here; then
        is_empty_there || fail "$1 $2: it is in both places"
        give || fail "$1 $2: it cannot be done again"
    fi
    is_whole_there || fail "$1 $2: it did not go back whole"
    [ -z "$(volctl ls -q)" ] || fail "$1 $2: a volume without data is here"
    nothing_is_left_over || fail "$1 $2: something is left over"
    daemon_stop
    [ -n "$killed" ]
}

@test "killed at any step of giving a directory back" {
    sweep give_killed 12
}

take_failed() {
    local failed=1

    start
    with_fault "$1" "$2" take || failed=
    if [ -n "$failed" ]; then
        [ -z "$(volctl ls -q)" ] || fail "$1 $2: half a volume is here"
        is_whole_there || fail "$1 $2: it was not put back"
        take >/dev/null || fail "$1 $2: it cannot be done again"
    fi
    is_whole_here || fail "$1 $2: it is not whole"
    trash_is_tried_again
    nothing_is_left_over || fail "$1 $2: something is left over"
    give
    daemon_stop
    [ -n "$failed" ]
}

give_failed() {
    local failed=1

    start
    take >/dev/null
    with_fault "$1" "$2" give || failed=
    if [ -n "$failed" ]; then
        is_whole_here || fail "$1 $2: it is not a volume any more"
        is_empty_there || fail "$1 $2: it is in both places"
        echo use >"$TREE/web/use" || fail "$1 $2: it cannot be used any more"
        rm "$TREE/web/use"
        touch -h -d '2001-02-03 04:05:06.789' "$TREE/web"
        give || fail "$1 $2: it cannot be done again"
    fi
    is_whole_there || fail "$1 $2: it did not go back whole"
    daemon_stop
    [ -n "$failed" ]
}

@test "a step of taking a directory over that fails leaves all as it was" {
    SYSCALLS='mkdirat renameat2 fsync fdatasync pwrite64'
    sweep take_failed 10
}

@test "a step of giving a directory back that fails leaves all as it was" {
    SYSCALLS='renameat2 renameat fsync'
    sweep give_failed 4
}

# ---- a copy -------------------------------------------------------------------------

copy_killed() {
    local killed=1

    start
    with_kill "$1" "$2" take || killed=
    [ -z "$killed" ] || start
    is_whole_there || fail "$1 $2: the engine's is not whole"
    [ -z "$(volctl ls -q)" ] || is_whole_here || fail "$1 $2: half a volume is here"
    [ -n "$(volctl ls -q)" ] || take >/dev/null || fail "$1 $2: it cannot be done again"
    is_whole_here || fail "$1 $2: it is not whole when done again"
    nothing_is_left_over || fail "$1 $2: something is left over"
    engine_forgets
    give || fail "$1 $2: it does not go back"
    is_whole_there || fail "$1 $2: it did not go back whole"
    daemon_stop
    [ -n "$killed" ]
}

give_copy_killed() {
    local killed=1

    start
    take >/dev/null
    engine_forgets
    with_kill "$1" "$2" give || killed=
    [ -z "$killed" ] || start
    if [ -n "$(volctl ls -q)" ]; then
        is_whole_here || fail "$1 $2: half a volume is here"
        is_empty_there || is_whole_there || fail "$1 $2: half a directory is there"
        if is_empty_there; then
            give || fail "$1 $2: it cannot be done again"
        else
            volctl rm web >/dev/null # it is in both places, and the engine's is as good
        fi
    fi
    is_whole_there || fail "$1 $2: it did not go back whole"
    [ "$(ls -A "$ENGINE/volumes/web")" = _data ] || fail "$1 $2: something is left there"
    nothing_is_left_over || fail "$1 $2: something is left over"
    daemon_stop
    [ -n "$killed" ]
}

other_disk() {
    work_make_disk ext4 64M
    SYSCALLS='mkdirat renameat renameat2 fsync syncfs fdatasync fchown lsetxattr fsetxattr'
}

@test "killed at any step of copying a volume from another file system" {
    other_disk
    sweep copy_killed 15
}

@test "killed at any step of copying it back" {
    other_disk
    sweep give_copy_killed 15
}
