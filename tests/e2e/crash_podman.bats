#!/usr/bin/env bats
# Podman and its API are killed in the middle of the walk, and of commands: no volume is lost, no
# count is wrong, no mount is left.

load lib
load walk
load crash

setup_file() {
    walk_start podman
}

teardown_file() {
    walk_end
}

setup() {
    require_mounts
    set -o pipefail
}

teardown() {
    podman_answers || podman_serve
    eventually 10 podman_has_nothing
    walk_clean
}

# kill_podman_in SECONDS ARG…: podman ARG…, so long after it has begun.
kill_podman_in() {
    podman_find
    # shellcheck disable=SC2154 # podman_find has made it
    "${podman_command[@]}" "${@:2}" >/dev/null 2>&1 3>&- &
    sleep "$1"
    kill -KILL "$!" || true
    wait "$!" || true
    eventually 10 podman_agrees || {
        cat "$WORK/differ"
        return 1
    }
}

# Podman that was killed between what it saved and the event about it tells nobody: that is known when
# containers are listed again, as for whoever is about to remove a volume.
podman_agrees() {
    end_orphans
    fails volctl rm no-such-volume
    agrees
}

podman_has_nothing() {
    podman rm -fa -t 0 >/dev/null || true
    end_orphans
    nothing_is_stale
}

# What podman was about to start goes on without it, for ever if podman does not know it any more. It
# has its volumes, and is a reference, until it is ended.
end_orphans() {
    local pid id

    for pid in $(pids_rooted_below "$WORK"); do
        id=$(sed -n 's/.*libpod-\([0-9a-f]\{64\}\).*/\1/p' "/proc/$pid/cgroup" 2>/dev/null | head -n 1)
        if [ -n "$id" ] && ! podman container exists "$id"; then
            kill -KILL "$pid" || true
        fi
    done
}

@test "kill -9 of podman in the middle of commands" {
    populate
    kill_podman_in 0.05 run --network none --rm -v web-podman:/x "$IMAGE" sleep 1
    kill_podman_in 0.1 run --network none -d -v web-podman:/x "$IMAGE" sleep 100
    kill_podman_in 0.15 run --network none -d --volumes-from db1-podman "$IMAGE" sleep 100
    kill_podman_in 0.3 run --network none --rm --volumes-from db1-podman "$IMAGE" sleep 100
    kill_podman_in 0.05 rm -f -t 0 web-podman db1-podman
    kill_podman_in 0.03 volume create --driver "$DRIVER" made-too
    kill_podman_in 0.05 start db2-podman dbstore-podman
    [ "$(cat "$TREE/web-podman/kept" "$TREE/$DBDATA/kept" | uniq)" = kept ]
    eventually 10 podman_has_nothing
    agree
}

@test "kill -9 of podman's API: what was known stays, and is so when it is back" {
    local refs

    populate
    refs=$(tree_refs)
    podman_unserve KILL
    are_kept web-podman "$DBDATA"
    [ "$(tree_refs)" = "$refs" ]
    podman rm -f -t 0 web-podman # unseen, for want of an API
    podman_serve
    agree
    start web-podman -v web-podman:/webapp
    depopulate
    nothing_is_left
}
