#!/usr/bin/env bats
# The programs of tests/system/posix on a volume. What they expect is proven on a plain file
# system by the meson suite posix-native. POSIX_DAEMON_ARGUMENTS: options for the daemon.

load lib

setup() {
    require_mounts
    work_make
    # shellcheck disable=SC2086 # words
    daemon_start ${POSIX_DAEMON_ARGUMENTS-}
    mkdir "$TREE/v"
}

# Runs one program; its TAP is shown if it fails. The twin is native, on the store's file system.
posix() {
    local twin

    twin=$(dirname "$STORE")/twin
    mkdir -p "$twin"
    TEST_DIR=$TREE/v TWIN_DIR=$twin CMOCKA_MESSAGE_OUTPUT=TAP \
        timeout 150 "$VOLUMEFS_BUILD/tests/system/posix/posix_$1" >"$WORK/tap" 2>&1 || {
        cat "$WORK/tap"
        return 1
    }
    grep -q '^ok 1' "$WORK/tap"
    fails grep -E '^not ok|# [Ss][Kk][Ii][Pp]' "$WORK/tap"
    daemon_is_mounted
    [ -z "$(ls -A "$TREE/v")" ] # each test removes what it made
}

@test "files: opening, reading and writing, files without a name" { posix files; }
@test "directories: making, removing, listing, depth" { posix dirs; }
@test "hard and symbolic links" { posix links; }
@test "rename and its flags" { posix rename; }
@test "names of any bytes" { posix names; }
@test "extended attributes" { posix xattr; }
@test "POSIX ACLs" { posix acl; }
@test "permissions" { posix perm; }
@test "ownership and set-id bits" { posix owner; }
@test "times" {
    # libfuse tells of the time of birth from 3.18 on
    case $(daemon_status libfuse) in
    3.17.*) export POSIX_NO_BIRTH=1 ;;
    esac
    posix times
}
@test "space: holes, fallocate, files beyond 4 GiB" { posix space; }
@test "mapped files" { posix mmap; }
@test "locks, also between containers" { posix locks; }
@test "fifos, sockets, devices, programs, inotify" { posix special; }
@test "a directory of 100,000 entries" { posix big; }
@test "random input and output against a model" { posix fsx; }
@test "random operations against a native twin" { posix twin; }

@test "several at once in one volume" {
    local program pid pids=() failed=0

    for program in files dirs links rename xattr fsx; do
        TEST_DIR=$TREE/v CMOCKA_MESSAGE_OUTPUT=TAP timeout 150 \
            "$VOLUMEFS_BUILD/tests/system/posix/posix_$program" >"$WORK/tap.$program" 2>&1 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || failed=1
    done
    [ "$failed" -eq 0 ] || {
        cat "$WORK"/tap.*
        return 1
    }
}
