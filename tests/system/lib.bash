# shellcheck shell=bash
# For tests on a real mount: a daemon in a private directory, and its end whatever happened.
#
#   load lib              in tests/system; load ../system/lib elsewhere
#   daemon_start [ARG…]   mounts $TREE over $STORE; $SOCKET is its API
#   daemon_start_foreground [ARG…]   the same, not in the background: the log is kept
#   daemon_stop           as a service manager does it; fails if anything is left
#
# Each test has its own $WORK, removed at its end. A test fails if its daemon died before it was
# stopped, or a sanitizer had something to say ($WORK/daemon.log, $WORK/sanitizer.*).
#
# From the environment: VOLUMEFS_BUILD, the build directory (default build/);
# STORE_FS=ext4|xfs|btrfs|tmpfs, the store on a fresh file system of that type; VOLUMEFS_TEST_DIR,
# where the private directories go (default /var/tmp: a disk, where /tmp may be memory).

LIB_DIRECTORY=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$LIB_DIRECTORY/../.." && pwd)
VOLUMEFS_BUILD=${VOLUMEFS_BUILD:-$ROOT/build}
VOLUMEFS=$VOLUMEFS_BUILD/fs/volumefs
VOLCTL=$VOLUMEFS_BUILD/tools/volctl/volctl
DAEMON_TIMEOUT=60 # seconds to start or stop
export VOLUMEFS_BUILD

# shellcheck source=tests/system/free.bash
source "$LIB_DIRECTORY/free.bash"

# A name of few letters: sockets below it must fit in 107 bytes.
work_make() {
    WORK=$(mktemp -d "${VOLUMEFS_TEST_DIR:-/var/tmp}/vXXXX")
    TREE=$WORK/tree
    STORE=$WORK/store
    SOCKET=$WORK/v.sock
    export VOLUMEFS_TEST_WORK=$WORK
    export WORK TREE STORE SOCKET VOLUMEFS_SOCKET=$SOCKET
    export VOLUMEFS_PLUGIN_SOCKET=$WORK/plugin.sock
    export ASAN_OPTIONS="log_path=$WORK/sanitizer:detect_leaks=1:abort_on_error=0"
    export UBSAN_OPTIONS="log_path=$WORK/sanitizer:print_stacktrace=1:halt_on_error=1"
    export TSAN_OPTIONS="log_path=$WORK/sanitizer:second_deadlock_stack=1"
    mkdir "$TREE"
    if [ -n "${STORE_FS-}" ]; then
        work_make_disk "$STORE_FS" "${STORE_SIZE:-512M}"
    fi
}

# Puts $STORE on a new file system of type $1 and size $2.
work_make_disk() {
    local disk=$WORK/disk

    mkdir "$disk"
    if [ "$1" = tmpfs ]; then
        mount -t tmpfs -o "size=$2" tmpfs "$disk"
    else
        truncate -s "$2" "$WORK/disk.img"
        "mkfs.$1" "$WORK/disk.img" >"$WORK/mkfs.log" 2>&1 || {
            cat "$WORK/mkfs.log"
            return 1
        }
        mount -o loop "$WORK/disk.img" "$disk"
    fi
    STORE=$disk/store
}

# What the daemon says of itself: daemon_status pid
daemon_status() {
    sed -n "s/^$1: *//p" "$TREE/.volumefs/status"
}

# Without the sockets of a real daemon and of real engines.
PRIVATE_SOCKETS=(--docker-socket none --podman-socket none)

daemon_start() {
    timeout "$DAEMON_TIMEOUT" "$VOLUMEFS" --store "$STORE" --socket "$SOCKET" \
        --plugin-socket "$WORK/plugin.sock" "${PRIVATE_SOCKETS[@]}" "$@" "$TREE" >>"$WORK/daemon.log" 2>&1 3>&- || {
        cat "$WORK/daemon.log"
        return 1
    }
    DAEMON_PID=$(daemon_status pid)
    export DAEMON_PID
    process_is_alive "$DAEMON_PID"
}

# How often the daemon has said that it serves, the last that it does to start.
daemon_starts() {
    { cat "$WORK/daemon.log" 2>/dev/null || true; } | grep -c " mounted on $TREE, " || true
}

# daemon_wait_start BEFORE: for one more start. The tree is there before the sockets are.
daemon_wait_start() {
    eventually "$DAEMON_TIMEOUT" daemon_has_started "$1"
}

daemon_has_started() {
    [ "$(daemon_starts)" -gt "$1" ]
}

# As a service manager runs it: what it says stays in $WORK/daemon.log to the end.
daemon_start_foreground() {
    local before

    before=$(daemon_starts)
    "$VOLUMEFS" --foreground --store "$STORE" --socket "$SOCKET" \
        --plugin-socket "$WORK/plugin.sock" "${PRIVATE_SOCKETS[@]}" "$@" "$TREE" \
        >>"$WORK/daemon.log" 2>&1 3>&- &
    DAEMON_PID=$!
    export DAEMON_PID
    daemon_wait_start "$before"
}

daemon_is_mounted() {
    [ -n "$(mounts_below "$TREE")" ]
}

daemon_wait_end() {
    local waited

    for ((waited = 0; waited < DAEMON_TIMEOUT * 10; waited++)); do
        process_is_alive "$DAEMON_PID" || return 0
        sleep 0.1
    done
    echo "the daemon ($DAEMON_PID) did not end within $DAEMON_TIMEOUT s"
    return 1
}

daemon_stop() {
    if ! process_is_alive "$DAEMON_PID"; then
        echo "the daemon ($DAEMON_PID) died before it was stopped"
        return 1
    fi
    kill -TERM "$DAEMON_PID"
    daemon_wait_end || return 1
    unset DAEMON_PID
    if daemon_is_mounted; then
        echo "the daemon ended and left $TREE mounted"
        return 1
    fi
}

# For tests of what is left after a crash.
daemon_kill() {
    kill -KILL "$DAEMON_PID"
    daemon_wait_end
    unset DAEMON_PID
    umount -l "$TREE"
}

sanitizer_is_silent() {
    local report

    for report in "$WORK"/sanitizer.*; do
        if [ -s "$report" ]; then
            cat "$report"
            return 1
        fi
    done
    ! grep -E 'Sanitizer|runtime error:|Assertion .* failed' "$WORK/daemon.log" 2>/dev/null
}

# Ends the daemon if the test has not, frees everything, and fails if something was wrong.
work_free() {
    local failed=0

    [ -n "${WORK-}" ] || return 0
    if [ -n "${DAEMON_PID-}" ]; then
        daemon_stop || failed=1
        unset DAEMON_PID
    fi
    sanitizer_is_silent || failed=1
    if [ "$failed" -ne 0 ] || [ -z "${BATS_TEST_COMPLETED-}" ]; then
        tail -n 50 "$WORK/daemon.log" 2>/dev/null || true
    fi
    cd /
    unset VOLUMEFS_TEST_WORK
    free_all "$WORK" "VOLUMEFS_TEST_WORK=$WORK"
    return "$failed"
}

# Removed volumes are deleted in the background.
trash_is_empty() {
    [ -z "$(ls -A "$STORE/trash")" ]
}

# rootfs_make DIRECTORY: a root file system of one static program.
rootfs_make() {
    local applet

    mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/data"
    cp "$(command -v busybox)" "$1/bin/busybox"
    for applet in $(busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
    done
    echo 'root:x:0:0:root:/:/bin/sh' >"$1/etc/passwd"
}

# Skips where containers cannot be run, saying why.
require_runtime() {
    if ! command -v runc >/dev/null && ! command -v crun >/dev/null; then
        skip 'there is no OCI runtime here: neither runc nor crun'
    fi
}

# volctl against the private daemon.
volctl() {
    timeout 60 "$VOLCTL" "$@"
}

# The private daemon's own calls.
# api METHOD PATH [BODY]: the answer; fails on an error, with its text.
api() {
    local answer

    answer=$(curl -s -S -m 60 -w '\n%{http_code}' --unix-socket "$SOCKET" -X "$1" \
        -H 'Content-Type: application/json' ${3:+--data "$3"} "http://localhost/volumefs/$2")
    if [[ ${answer##*$'\n'} == 2* ]]; then
        printf '%s\n' "${answer%$'\n'*}"
    else
        printf '%s\n' "$answer" >&2
        return 1
    fi
}

# The daemon in a pid namespace of its own, from where it sees nobody else; its /proc is not that of
# the namespace either.
daemon_start_in_pid_namespace() {
    local outer before

    before=$(daemon_starts)
    unshare --pid --fork --kill-child "$VOLUMEFS" --foreground --store "$STORE" \
        --socket "$SOCKET" "--plugin-socket=$WORK/plugin.sock" "$TREE" >>"$WORK/daemon.log" 2>&1 3>&- &
    outer=$!
    daemon_wait_start "$before"
    DAEMON_PID=$(tr -d ' ' <"/proc/$outer/task/$outer/children")
}

# Whether somebody traces the daemon, and each of its threads: strace takes them one by one.
daemon_is_traced() {
    grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$DAEMON_PID/status" &&
        ! grep -qs '^TracerPid:[[:space:]]*0' "/proc/$DAEMON_PID/task/"*/status
}

# The daemon's look-ups in /proc while the command runs: daemon_count_lookups COMMAND…
daemon_count_lookups() {
    strace -f -qq -e trace=readlink,readlinkat,open,openat,statx -o "$WORK/strace" \
        -p "$DAEMON_PID" 3>&- &
    eventually 10 daemon_is_traced
    "$@" >/dev/null
    kill -INT $!
    wait $! || true
    grep -c '"/proc/[0-9]' "$WORK/strace" || true
}

# The extended attribute user.volume.$2 of path $1.
volume_attribute() {
    getfattr --absolute-names --only-values -n "user.volume.$2" "$1"
}

# volume_set_readonly PATH 1|0
volume_set_readonly() {
    setfattr -n user.volume.readonly -v "$2" "$1"
}

# fails COMMAND…: passes if it fails; its output is in $output for checks.
fails() {
    if output=$("$@" 2>&1); then
        printf 'expected to fail: %s\n%s\n' "$*" "$output"
        return 1
    fi
}

# How many times longer things take here now, at most 10.
busyness() {
    awk -v processors="$(nproc)" '{ n = int($1 / processors) + 1; print (n > 10 ? 10 : n) }' /proc/loadavg
}

# eventually SECONDS COMMAND…: until it succeeds. The seconds are those of a machine that is not busy.
eventually() {
    local deadline=$((SECONDS + $1 * $(busyness)))

    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            printf 'not within the time given: %s\n' "$*"
            return 1
        fi
        sleep 0.1
    done
}

# Skips where a file system cannot be mounted, saying why.
require_mounts() {
    if [ "$(id -u)" -ne 0 ]; then
        skip 'only root may mount'
    fi
    if [ ! -c /dev/fuse ]; then
        skip 'there is no /dev/fuse here'
    fi
}

setup() {
    require_mounts
    work_make
}

teardown() {
    work_free
}
