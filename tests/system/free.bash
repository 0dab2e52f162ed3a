# shellcheck shell=bash
# Gives back what a test held, whatever state it left: processes, FUSE connections, control groups,
# mounts, loop devices. Everything is found by the test's own directory or by a mark in its environment, and
# processes are ended by id, so that nothing else on the machine is touched.

# Mount points at or below directory $1, the last mounted first.
mounts_below() {
    awk -v dir="$1" '$5 == dir || index($5, dir "/") == 1 { print $5 }' /proc/self/mountinfo |
        tac | while IFS= read -r point; do printf '%b\n' "$point"; done
}

# Ends FUSE connections mounted below $1, so that nobody who waits for a dead daemon waits on.
abort_fuse_below() {
    local connection

    awk -v dir="$1" '($5 == dir || index($5, dir "/") == 1) && / - fuse/ {
        sub(/.*:/, "", $3); print $3 }' /proc/self/mountinfo | sort -u |
        while read -r connection; do
            echo 1 2>/dev/null >"/sys/fs/fuse/connections/$connection/abort" || true
        done
}

unmount_below() {
    mounts_below "$1" | while IFS= read -r point; do
        umount -l "$point" 2>/dev/null || true
    done
}

detach_loops_below() {
    losetup --list --noheadings --output NAME,BACK-FILE 2>/dev/null |
        awk -v dir="$1/" 'index($2, dir) == 1 { print $1 }' |
        while read -r device; do losetup -d "$device" || true; done
}

# Ids of the processes started with $1 (NAME=VALUE) in their environment.
pids_marked() {
    grep -lzxFs -- "$1" /proc/[0-9]*/environ | sed 's,/proc/\([0-9]*\)/.*,\1,' || true
}

# Ids of the processes whose root directory is a file system made below $1: containers. Others may
# end while they are looked at.
pids_rooted_below() {
    { grep -sHE '^([^ ]+ ){4}/ ' /proc/[0-9]*/mountinfo || true; } |
        awk -F / -v dir="$1/" 'index($0, dir) { print $3 }'
}

# A zombie is not alive: who would reap it may be slow. But one thread of it may outlive the first,
# and hold what the process has open: locks, too.
process_is_alive() {
    { sed 's/.*) //; s/ .*//' "/proc/$1/task/"*/stat 2>/dev/null || true; } | grep -qv '[ZX]'
}

ended() {
    ! process_is_alive "$1"
}

end_processes() {
    local pid waited

    for pid in "$@"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "$@"; do
        for ((waited = 0; waited < 50; waited++)); do
            process_is_alive "$pid" || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
    done
}

# The name of the control group that tests in directory $1 may make, and its groups below.
group_mark() {
    printf 'volumefs%s\n' "${1//\//_}"
}

# Control groups of tests at or below directory $1, whose processes have ended.
remove_groups() {
    local mark group waited

    mark=$(group_mark "$1")
    find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -type d \( -name "$mark" -o -name "${mark}_*" \) \
        2>/dev/null | while IFS= read -r group; do
        for ((waited = 0; waited < 20; waited++)); do
            find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null && break
            sleep 0.1
        done
    done
}

# free_all DIRECTORY NAME=VALUE
free_all() {
    local -a pids

    abort_fuse_below "$1"
    mapfile -t pids < <(pids_marked "$2"; pids_rooted_below "$1")
    end_processes "${pids[@]}"
    remove_groups "$1"
    unmount_below "$1"
    detach_loops_below "$1"
    rm -rf --one-file-system "$1"
}
