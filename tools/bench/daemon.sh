# shellcheck shell=bash
# Daemons that come and go: waiting for them, and ending them.
set -euo pipefail

wait_for() { # SECONDS COMMAND...
    local tries=$(($1 * 50))
    shift
    while ! "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.02
    done
}

is_gone() { # PID
    ! kill -0 "$1" 2>/dev/null
}

is_unmounted() { # DIRECTORY
    ! mountpoint -q "$1"
}

# It is killed if it does not end by itself.
end_process() { # PID
    kill -TERM "$1" 2>/dev/null || return 0
    wait_for 30 is_gone "$1" || kill -KILL "$1" 2>/dev/null || true
    wait_for 5 is_gone "$1"
}

# A volumefs ends once its tree is unmounted, and then leaves the store alone.
stop_daemon() { # TREE
    local pid
    pid=$(sed -n 's/^pid: *//p' "$1/.volumefs/status" 2>/dev/null) || true
    umount "$1" 2>/dev/null || umount -l "$1" 2>/dev/null || true
    [ -n "$pid" ] || return 0
    wait_for 20 is_gone "$pid" || end_process "$pid"
}
