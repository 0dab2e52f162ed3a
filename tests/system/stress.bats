#!/usr/bin/env bats
# shellcheck disable=SC2012,SC2016 # names here are plain
# Everything at once, for a while ($STRESS_SECONDS): load in several volumes while others come and
# go and rules change. What must hold is checked by each of the workers, and at the end. Meant for
# sanitizer builds as well (VOLUMEFS_BUILD).

load lib
load container

setup() {
    require_mounts
    work_make
    daemon_start
    SECONDS_LONG=${STRESS_SECONDS:-12}
    WORKERS=()
}

# Runs a function or program beside the others; it must end well.
worker() {
    "$@" >"$WORK/worker.${#WORKERS[@]}" 2>&1 3>&- &
    WORKERS+=($!)
}

workers_finish() {
    local i failed=0

    for i in "${!WORKERS[@]}"; do
        wait "${WORKERS[i]}" || {
            echo "worker $i failed:"
            tail -n 20 "$WORK/worker.$i"
            failed=1
        }
    done
    return "$failed"
}

in_time() {
    [ "$(date +%s)" -lt "$END" ]
}

load_in() {
    "$VOLUMEFS_BUILD/tests/system/posix/posix_load" "$TREE/$1" "$SECONDS_LONG" "$2"
}

# Volumes that come, are filled, renamed, and go, all by names of this worker.
churn_by_tree() {
    local i=0

    while in_time; do
        mkdir "$TREE/t$1-$i" || return 1
        echo "$i" >"$TREE/t$1-$i/f" || return 1
        mv "$TREE/t$1-$i" "$TREE/t$1-renamed" || return 1
        [ "$(cat "$TREE/t$1-renamed/f")" = "$i" ] || return 1
        [ ! -e "$TREE/t$1-$i" ] || return 1
        rm -r "$TREE/t$1-renamed" || return 1
        [ ! -e "$TREE/t$1-renamed" ] || return 1
        i=$((i + 1))
    done
    [ "$i" -gt 0 ]
}

api() {
    curl -sSf --unix-socket "$SOCKET" -H 'Content-Type: application/json' "$@"
}

churn_by_api() {
    local i=0

    while in_time; do
        api -X POST -d "{\"Name\":\"api-$i\"}" http://v/volumefs/volumes >/dev/null || return 1
        echo "$i" >"$TREE/api-$i/f" || return 1
        api -X PATCH -d '{"ReadOnly":true}' "http://v/volumefs/volumes/api-$i" >/dev/null || return 1
        if touch "$TREE/api-$i/f" 2>/dev/null; then
            return 1
        fi
        api -X PATCH -d '{"ReadOnly":false}' "http://v/volumefs/volumes/api-$i" >/dev/null || return 1
        touch "$TREE/api-$i/f" || return 1
        api -X DELETE "http://v/volumefs/volumes/api-$i" || return 1
        [ ! -e "$TREE/api-$i" ] || return 1
        i=$((i + 1))
    done
    [ "$i" -gt 0 ]
}

# Everybody wants the same few names; each answer will do, but the daemon must give one.
fight_for_names() {
    while in_time; do
        mkdir "$TREE/fight$((RANDOM % 3))" || true
        mv -T "$TREE/fight$((RANDOM % 3))" "$TREE/fight$((RANDOM % 3))" || true
        touch "$TREE/fight$((RANDOM % 3))/f" || true
        rm -rf "$TREE/fight$((RANDOM % 3))" || true
    done 2>/dev/null
}

toggle_readonly() {
    while in_time; do
        volume_set_readonly "$TREE/$1" 1 || return 1
        [ "$(volume_attribute "$TREE/$1" readonly)" = 1 ] || return 1
        sleep 0.05
        volume_set_readonly "$TREE/$1" 0 || return 1
        sleep 0.2
    done
}

# A container that is made to read only, and free again, while it writes.
toggle_attachments() {
    while in_time; do
        volctl attach "$READER" "$1:/data:ro" >/dev/null || return 1
        sleep 0.05
        volctl attach "$READER" "$1:/rw" >/dev/null || return 1
        volctl detach "$READER" || return 1
        sleep 0.1
    done
}

write_or_read_only() {
    CONTAINER_ID=$READER container_run "$1" sh -c 'while [ "$(date +%s)" -lt "$1" ]; do
        if ! text=$(touch /data/by-reader 2>&1); then
            case $text in *"Read-only file system"*) ;; *) echo "$text"; exit 1 ;; esac
        fi
    done' loop "$END"
}

# The volumes that stay are in every listing, and views and attributes answer meanwhile.
look_around() {
    local listing

    while in_time; do
        listing=$(ls "$TREE") || return 1
        for name in a b c; do
            grep -qx "$name" <<<"$listing" || return 1
        done
        getfattr --absolute-names -d -m - "$TREE/a" >/dev/null || return 1
        ls "$TREE/.volumefs/dangling" "$TREE/.volumefs/by-id" >/dev/null || return 1
        cat "$TREE/.volumefs/status" >/dev/null || return 1
        df "$TREE/a" "$TREE/b" >/dev/null || return 1
        find "$TREE" >/dev/null 2>&1 || true
    done
}

# Little more than the $1 descriptors before, and hardly a node.
few_are_held() {
    [ "$(ls "/proc/$DAEMON_PID/fd" | wc -l)" -le $(($1 + 20)) ] && [ "$(daemon_status nodes)" -lt 100 ]
}

@test "mixed load in several volumes while volumes come and go" {
    mkdir "$TREE/a" "$TREE/b" "$TREE/c"
    END=$(($(date +%s) + SECONDS_LONG))
    worker load_in a WRITABLE
    worker load_in a WRITABLE
    worker load_in b WRITABLE
    worker load_in c CHANGING
    worker load_in c CHANGING
    worker toggle_readonly c
    READER=$(printf 'ab%.0s' {1..32})
    worker toggle_attachments b
    worker write_or_read_only b
    worker churn_by_tree 1
    worker churn_by_tree 2
    worker churn_by_api
    worker fight_for_names
    worker fight_for_names
    worker look_around
    workers_finish
    process_is_alive "$DAEMON_PID"
    rm -rf "$TREE"/fight*
    [ "$(ls "$TREE")" = $'a\nb\nc' ]
    [ "$(volume_attribute "$TREE/c" readonly)" = 0 ]
    # What is told of the tree agrees with what is in it, now and after a restart.
    find "$TREE" -printf '%P %y %m %s\n' | sort >"$WORK/before"
    [ "$(ls "$TREE/.volumefs/by-id" | wc -l)" -eq 3 ]
    eventually 20 trash_is_empty
    [ "$(ls "$STORE/volumes" | wc -l)" -eq 3 ]
    volctl doctor
    daemon_stop
    daemon_start
    find "$TREE" -printf '%P %y %m %s\n' | sort | diff "$WORK/before" -
    rm -r "$TREE/a" "$TREE/b" "$TREE/c"
}

@test "no node or descriptor is left behind" {
    local before i

    mkdir "$TREE/v"
    before=$(ls "/proc/$DAEMON_PID/fd" | wc -l)
    for i in 1 2 3; do
        mkdir -p "$TREE/v/d$i/e"
        for name in $(seq 200); do
            echo x >"$TREE/v/d$i/f$name"
        done
        find "$TREE/v" -type f -exec cat {} + >/dev/null
        rm -r "$TREE/v/d$i"
    done
    echo 2 >/proc/sys/vm/drop_caches
    eventually 10 few_are_held "$before"
}
