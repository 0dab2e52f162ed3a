# shellcheck shell=bash
# Waiting for daemons to come and go.
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
