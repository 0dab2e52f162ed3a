#!/usr/bin/env bats
# builds: gcc
# The helper itself: a test with a dead daemon or a sanitizer's report fails, and nothing is left.

load lib

# inner BODY: runs a test file with one test of that body, in directories of its own below $WORK.
inner() {
    mkdir -p "$WORK/inner"
    {
        printf 'load %s/tests/system/lib\n' "$ROOT"
        printf '@test "inner" {\n%s\n}\n' "$1"
    } >"$WORK/inner.bats"
    VOLUMEFS_TEST_DIR=$WORK/inner BATS_TEST_NAME='' timeout 100 bats --tap "$WORK/inner.bats" 3>&-
}

nothing_is_left() {
    [ -z "$(ls -A "$WORK/inner")" ]
    [ -z "$(mounts_below "$WORK/inner")" ]
}

@test "a daemon is mounted, answers, and is ended after the test" {
    # shellcheck disable=SC2016
    inner 'daemon_start; mkdir "$TREE/v"; echo x >"$TREE/v/f"; [ -d "$STORE" ]'
    nothing_is_left
}

@test "a test whose daemon died fails" {
    # shellcheck disable=SC2016
    fails inner 'daemon_start; kill -KILL "$DAEMON_PID"; daemon_wait_end'
    [[ $output == *'died before it was stopped'* ]]
    nothing_is_left
}

@test "a test with a sanitizer's report fails" {
    # shellcheck disable=SC2016
    fails inner 'echo "SUMMARY: a report" >"$WORK/sanitizer.1"'
    [[ $output == *'a report'* ]]
    nothing_is_left
}

@test "what hangs on the tree is freed" {
    # shellcheck disable=SC2016
    fails inner 'daemon_start; mkdir "$TREE/v"; sleep 300 3>&- 4<"$TREE/v" & false'
    nothing_is_left
}

@test "the store can be on another file system" {
    local type

    for type in ext4 xfs tmpfs; do
        # shellcheck disable=SC2016
        STORE_FS=$type inner 'daemon_start; findmnt -n -o FSTYPE --target "$STORE" | grep -x '"$type"
        nothing_is_left
    done
}

first_thread_is_dead() {
    grep -q ') Z ' "/proc/$1/stat"
}

@test "a process whose first thread alone has ended is alive, and holds what it has open" {
    local pid

    python3 -c 'if True:
        import ctypes, os, threading, time
        SYS_exit = 60 if os.uname().machine == "x86_64" else 93
        threading.Thread(target=time.sleep, args=(60,)).start()
        ctypes.CDLL(None).syscall(SYS_exit, 0)' 3>&- &
    pid=$!
    eventually 10 first_thread_is_dead "$pid"
    process_is_alive "$pid"
    kill -KILL "$pid"
    wait "$pid" || true
    fails process_is_alive "$pid"
}
